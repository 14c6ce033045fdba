//! Shared stores: any number of processes open them by name, path or descriptor.

mod open;
mod options;

pub(crate) use open::examine;
pub use options::Options;

use std::fmt;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::access::Access as _;
pub use crate::arena::Cleanup;
use crate::arena::{Arena, Opening};
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::{Error, Result};
use crate::handle::Struct;
use crate::lock::Wait;
use crate::node::Raw;
use crate::segment::{Backing, Place, reopen};
use crate::sync::Ordering;
use crate::value::Kind;
use open::attach;

/// How long to sleep between two looks at a name that is to appear.
const POLL: Duration = Duration::from_millis(2);

/// A store in shared memory that any number of processes can change at the same time.
///
/// It dereferences to its root, a [`Struct`]. One process may open the same store any number of times.
///
/// ```
/// use structstore::{key, StructStoreShared};
///
/// let name = format!("/structstore_example_{}", std::process::id());
/// let store = StructStoreShared::open(&name)?;
/// store.set(key!("num"), 53)?;
///
/// // Another process, or this one once more:
/// let again = StructStoreShared::open(&name)?;
/// assert_eq!(again.get::<i32>("num")?, 53);
/// # Ok::<(), structstore::Error>(())
/// ```
pub struct StructStoreShared {
    root: Struct,
    pub(crate) arena: Arc<Arena>,
    options: Options,
    opening: Arc<Opening>,
    open: bool,
}

impl StructStoreShared {
    /// Opens the store of this name, which begins with a slash, or creates it.
    ///
    /// # Errors
    ///
    /// As [`Options::open`].
    pub fn open(name: impl AsRef<Path>) -> Result<StructStoreShared> {
        StructStoreShared::options().open(name)
    }

    /// Removes the name of a store, whether the store is transient or persistent. The next process that opens the name creates a
    /// new store.
    ///
    /// This is [`Options::unlink`] with default options.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InUse`] while a process has the store open to change it, and as [`Options::unlink`].
    ///
    /// ```
    /// use structstore::{Cleanup, ErrorKind, StructStoreShared};
    ///
    /// # let name = format!("/structstore_unlink_{}", std::process::id());
    /// let settings = StructStoreShared::options().cleanup(Cleanup::Never).open(&name)?;
    /// settings.set("rate", 50)?;
    /// let refused = StructStoreShared::unlink(&name).unwrap_err();
    /// assert_eq!(refused.kind(), ErrorKind::InUse);
    /// settings.close()?; // the store stays
    /// StructStoreShared::unlink(&name)?;
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn unlink(name: impl AsRef<Path>) -> Result<()> {
        StructStoreShared::options().unlink(name)
    }

    /// Attaches to the store of this name without write permission. No other process ever waits for such an attachment. This
    /// is [`Options::read_only`] with other options at their defaults.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] if there is no such store, or no permission to read it, and as [`Options::open`].
    ///
    /// ```
    /// use structstore::{ErrorKind, StructStoreShared};
    ///
    /// # let name = format!("/structstore_open_read_only_{}", std::process::id());
    /// let store = StructStoreShared::open(&name)?;
    /// store.set("num", 5)?;
    /// let reader = StructStoreShared::open_read_only(&name)?;
    /// store.set("num", 6)?;
    /// assert_eq!(reader.get::<i32>("num")?, 6);
    /// assert!(matches!(reader.delete("num"), Err(error) if error.kind() == ErrorKind::ReadOnly));
    /// assert!(StructStoreShared::open_read_only("/structstore_nobody_has_made_this").is_err());
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn open_read_only(name: impl AsRef<Path>) -> Result<StructStoreShared> {
        StructStoreShared::options().read_only(true).open(name)
    }

    /// Options for opening a store.
    pub fn options() -> Options {
        Options::default()
    }

    /// Whether the name still leads to this segment, and its contents were not re-initialised since it was opened.
    pub fn valid(&self) -> bool {
        let root = self.root.handle.id();
        self.arena.header().root.load(Ordering::Acquire) == Raw::node(Kind::Struct, root).payload
            && self.opening.place.leads_to(self.opening.file.0, self.opening.file.1)
    }

    /// Makes this valid again: attaches to the current store of that name, waiting up to `timeout` for it to appear. Existing
    /// handles and bindings do not change.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotReady`] if no store appeared in time, and as [`Options::open`].
    ///
    /// ```
    /// use std::time::Duration;
    /// use structstore::StructStoreShared;
    ///
    /// # let name = format!("/structstore_revalidate_{}", std::process::id());
    /// let mut store = StructStoreShared::open(&name)?;
    /// // Another process re-initialises it:
    /// let other = StructStoreShared::options().reinit(true).open(&name)?;
    /// other.set("num", 5)?;
    /// assert!(!store.valid() && store.get::<i32>("num").is_err());
    /// store.revalidate(Duration::from_secs(1))?;
    /// assert_eq!(store.get::<i32>("num")?, 5);
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn revalidate(&mut self, timeout: Duration) -> Result<()> {
        let start = Instant::now();
        while !self.valid() {
            let options = Options { reinit: false, create: false, ..self.options.clone() };
            let reopened = match (&self.opening.place, self.arena.segment().backing()) {
                (Place::Descriptor, Backing::File { file, access, .. }) => {
                    // Not a copy of the descriptor: a mapping would keep this attachment's description.
                    file.verify()
                        .map_err(|errno| self.opening.place.io("use", errno.into(), String::new()))?;
                    let file = reopen(&**file, *access)
                        .map_err(|source| self.opening.place.io("open", source, String::new()))?;
                    attach(&options, Place::Descriptor, Some(file.into()))
                }
                (place, _) => attach(&options, place.clone(), None),
            };
            match reopened {
                Ok(mut store) => {
                    store.options = self.options.clone();
                    // Not closed: its cleanup would remove the name that has just been found again.
                    std::mem::replace(self, store).abandon();
                }
                Err(error) if error.is_missing() => {
                    if start.elapsed() >= timeout {
                        return Err(Error::not_ready(
                            self.opening.place.to_string(),
                            "has not appeared",
                            start.elapsed(),
                        ));
                    }
                    Wait::FOREVER.check()?;
                    std::thread::sleep(POLL);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Closes the store, ends its watches, and reports errors of its cleanup. (Dropping ignores errors, and leaves watches
    /// running.) Handles and views keep the memory for as long as they live.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] if the name could not be removed.
    pub fn close(mut self) -> Result<()> {
        self.root.handle.store().close();
        self.release()
    }

    /// Closes the store and leaves its name alone.
    pub(crate) fn abandon(mut self) {
        if std::mem::take(&mut self.open) && !self.options.observe {
            let _ = self.arena.close(&self.opening, true);
        }
    }

    fn release(&mut self) -> Result<()> {
        match std::mem::take(&mut self.open) && !self.options.observe {
            true => self.arena.close(&self.opening, false),
            false => Ok(()),
        }
    }
}

impl Drop for StructStoreShared {
    fn drop(&mut self) {
        // `close` reports it.
        let _ = self.release();
    }
}

impl Deref for StructStoreShared {
    type Target = Struct;

    fn deref(&self) -> &Struct {
        &self.root
    }
}

/// As JSON. Parts that a guard of this thread holds are shown as such.
impl fmt::Display for StructStoreShared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.fmt(f)
    }
}

impl fmt::Debug for StructStoreShared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StructStoreShared({:?}, {self})", self.opening.place.to_string())
    }
}
