//! How to open a shared store.

use std::fs::{File, Permissions};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use nix::unistd::{Gid, Group, fchown, geteuid};

use super::StructStoreShared;
use super::open::{attach, begins_as_store, remove_empty};
use crate::arena::layout::{PERSISTENT, TRANSIENT};
use crate::arena::{Arena, Cleanup};
use crate::error::{Error, ErrorKind, Result};
#[cfg(doc)]
use crate::handle::Struct;
use crate::segment::{Access, MIN_SIZE, Place, RESERVATION};

/// How to open a shared store; made by [`StructStoreShared::options`].
///
/// ```
/// use structstore::{Cleanup, StructStoreShared};
///
/// let name = format!("/structstore_options_{}", std::process::id());
/// let store = StructStoreShared::options().size(1 << 20).cleanup(Cleanup::Always).open(&name)?;
/// assert!(store.statistics().size >= 1 << 20);
/// # Ok::<(), structstore::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Options {
    pub(super) size: u64,
    pub(super) max_size: u64,
    pub(super) reinit: bool,
    pub(super) file: bool,
    pub(super) cleanup: Option<Cleanup>,
    pub(super) mode: u32,
    pub(super) group: Option<String>,
    pub(super) timeout: Duration,
    pub(super) read_only: bool,
    pub(super) observe: bool,
    pub(super) create: bool,
    pub(super) any_owner: bool,
    pub(super) prefault: u64,
    pub(super) lock_memory: bool,
    pub(crate) reentrant: bool,
    pub(crate) passing: bool,
    /// Whether a store that exists is refused, unless it is an orphan.
    pub(crate) only_orphans: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            size: MIN_SIZE,
            max_size: RESERVATION,
            reinit: false,
            file: false,
            cleanup: None,
            mode: 0o600,
            group: None,
            timeout: Duration::from_secs(10),
            read_only: false,
            observe: false,
            create: true,
            any_owner: false,
            prefault: 0,
            lock_memory: false,
            reentrant: false,
            passing: false,
            only_orphans: false,
        }
    }
}

impl Options {
    /// How many bytes a new segment gets at once; it grows by itself. The default is 64 KiB, which is also the minimum.
    pub fn size(mut self, bytes: u64) -> Options {
        self.size = bytes;
        self
    }

    /// How large a new segment may grow, in bytes. The default is 64 GiB, which is also the maximum.
    ///
    /// ```
    /// use structstore::{ErrorKind, StructStoreShared};
    ///
    /// # let name = format!("/structstore_max_size_{}", std::process::id());
    /// let store = StructStoreShared::options().max_size(1 << 20).open(&name)?;
    /// let full = store.set("bytes", vec![0.0; 1 << 20]);
    /// assert!(matches!(&full, Err(error) if error.kind() == ErrorKind::OutOfSpace));
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn max_size(mut self, bytes: u64) -> Options {
        self.max_size = bytes;
        self
    }

    /// Starts empty, discarding existing contents. Handles and bindings of other processes become stale; see
    /// [`StructStoreShared::revalidate`].
    pub fn reinit(mut self, reinit: bool) -> Options {
        self.reinit = reinit;
        self
    }

    /// Uses a file at the given path instead of shared memory of the given name.
    ///
    /// ```
    /// use structstore::StructStoreShared;
    ///
    /// let path = std::env::temp_dir().join(format!("structstore_file_{}", std::process::id()));
    /// let store = StructStoreShared::options().file(true).open(&path)?;
    /// store.set("num", 5)?;
    /// store.close()?;
    /// assert!(path.exists(), "stores in files are persistent");
    /// StructStoreShared::options().file(true).unlink(&path)?;
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn file(mut self, file: bool) -> Options {
        self.file = file;
        self
    }

    /// How long a new or re-initialised store lives. The default is [`Cleanup::IfLast`] and, for a file, [`Cleanup::Never`]. For an
    /// existing store it has no effect, because its creator has decided.
    pub fn cleanup(mut self, cleanup: Cleanup) -> Options {
        self.cleanup = Some(cleanup);
        self
    }

    pub(super) fn cleanup_or_default(&self) -> Cleanup {
        self.cleanup.unwrap_or(if self.file { Cleanup::Never } else { Cleanup::IfLast })
    }

    /// The permissions of a new segment, whatever the process's umask. The default is 0600.
    pub fn mode(mut self, mode: u32) -> Options {
        self.mode = mode;
        self
    }

    /// The group of a new segment, by name or number. Together with a mode such as 0660, it lets other users open the store.
    pub fn group(mut self, group: impl Into<String>) -> Options {
        self.group = Some(group.into());
        self
    }

    /// How long to wait for another process that is initialising the segment. The default is 10 s.
    pub fn timeout(mut self, timeout: Duration) -> Options {
        self.timeout = timeout;
        self
    }

    /// Attaches without write permission: nothing can be changed.
    ///
    /// ```
    /// use structstore::{ErrorKind, StructStoreShared};
    ///
    /// # let name = format!("/structstore_read_only_{}", std::process::id());
    /// let store = StructStoreShared::open(&name)?;
    /// store.set("num", 5)?;
    /// let reader = StructStoreShared::options().read_only(true).open(&name)?;
    /// assert_eq!(reader.get::<i32>("num")?, 5);
    /// assert!(matches!(reader.set("num", 6), Err(error) if error.kind() == ErrorKind::ReadOnly));
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn read_only(mut self, read_only: bool) -> Options {
        self.read_only = read_only;
        self
    }

    /// Attaches as an observer: nothing can be changed, and the attachment does not keep the store alive. Cleanup ignores
    /// observers: when all other processes have closed the store, its name is removed. For viewers, recorders and the like.
    ///
    /// If this process may write to the segment, an observer watches without polling, views arrays without copies, and reads any
    /// part as of one moment by a shared lock. Otherwise, or together with [`Options::read_only`], it leaves no trace: it reads
    /// without locks, and watches by polling. A process that also has the store open to change it counts for as long as it is
    /// attached at all.
    ///
    /// ```
    /// use structstore::StructStoreShared;
    ///
    /// # let name = format!("/structstore_observe_{}", std::process::id());
    /// let store = StructStoreShared::open(&name)?;
    /// let observer = StructStoreShared::options().observe(true).open(&name)?;
    /// assert!(observer.set("num", 5).is_err());
    /// drop(store);
    /// assert!(!observer.valid(), "the observer has not kept its name");
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn observe(mut self, observe: bool) -> Options {
        self.observe = observe;
        self
    }

    /// The lifetime that a store gets, as the header has it.
    pub(super) fn lifetime(&self) -> u64 {
        if self.cleanup_or_default() == Cleanup::Never { PERSISTENT } else { TRANSIENT }
    }

    /// Gives the file of a new store its group, and then its mode.
    pub(super) fn settle(&self, place: &Place, file: &File, group: Option<Gid>) -> Result<()> {
        // Descriptors, and the remains of a dead creator of another user, keep the mode that their owner gave them.
        let is_own = || file.metadata().is_ok_and(|found| found.uid() == geteuid().as_raw());
        if *place == Place::Descriptor || !is_own() {
            return Ok(());
        }
        if group.is_some() {
            let asked = self.group.as_deref().unwrap_or_default();
            fchown(file, None, group)
                .map_err(|errno| place.io("set the group of", errno.into(), format!("group {asked}")))?;
        }
        file.set_permissions(Permissions::from_mode(self.mode))
            .map_err(|source| place.io("set the mode of", source, format!("mode {:04o}", self.mode)))
    }

    /// How to map the segment, if the system permits it.
    pub(super) fn access(&self) -> Access {
        match (self.read_only, self.observe) {
            (false, _) => Access::ReadWrite,
            (true, false) => Access::ReadOnly,
            (true, true) => Access::Unseen,
        }
    }

    /// Whether to make a store of what is empty.
    pub(super) fn creates(&self) -> bool {
        self.create
    }

    /// Opens the file, creating it where that is to be done. `unseen`: for an observer that may not write to it.
    pub(super) fn open_file(
        &self,
        place: &Place,
        descriptor: Option<&File>,
        unseen: bool,
    ) -> Result<(File, bool, Access)> {
        let access = if unseen { Access::Unseen } else { self.access() };
        if let Some(file) = descriptor {
            let copy = file.try_clone().map_err(|source| place.io("open", source, String::new()))?;
            return Ok((copy, false, access));
        }
        let create = self.create && access == Access::ReadWrite && !self.observe;
        place.open(access, create).map(|(file, created)| (file, created, access))
    }

    /// Whether to create a store that does not exist. The default is true.
    ///
    /// ```
    /// use structstore::StructStoreShared;
    ///
    /// let found = StructStoreShared::options().create(false).open("/structstore_nobody_has_made_this");
    /// assert!(found.is_err());
    /// ```
    pub fn create(mut self, create: bool) -> Options {
        self.create = create;
        self
    }

    /// Whether to open a segment that belongs to another user. The default is false: any user can create any name in the
    /// directory of shared memory, and the owner of a segment can truncate it, which kills the processes that map it (SIGBUS).
    /// A descriptor is accepted whoever owns its file.
    ///
    /// ```no_run
    /// use structstore::StructStoreShared;
    ///
    /// // A service of another user has made it, for the group to read: `options().mode(0o640)`.
    /// let store = StructStoreShared::options().any_owner(true).read_only(true).open("/telemetry")?;
    /// println!("{store}");
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn any_owner(mut self, any_owner: bool) -> Options {
        self.any_owner = any_owner;
        self
    }

    /// Maps the first `bytes` bytes of the store when it is opened, or all committed bytes if these are fewer. The first use of a page
    /// then causes no page fault, which takes a microsecond or more. For loops that must never wait; see [`Struct::reserve`] and [`Options::lock_memory`].
    ///
    /// ```
    /// use structstore::StructStoreShared;
    ///
    /// # let name = format!("/structstore_prefault_{}", std::process::id());
    /// let store = StructStoreShared::options().size(8 << 20).prefault(u64::MAX).open(&name)?;
    /// store.reserve(1 << 20)?; // what the loop will add
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn prefault(mut self, bytes: u64) -> Options {
        self.prefault = bytes;
        self
    }

    /// Locks the memory that is committed when the store is opened: it is never swapped out, and counts towards `RLIMIT_MEMLOCK`. Memory
    /// that the store grows by later is not locked. The lock lasts as long as the process has the store open.
    pub fn lock_memory(mut self, lock: bool) -> Options {
        self.lock_memory = lock;
        self
    }

    /// Opens the store of this name ("/name") or, with [`Options::file`], at this path.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidName`]; [`ErrorKind::InvalidArgument`] for impossible sizes; [`ErrorKind::Io`], with path and mode, if
    /// there is no such store or no permission; [`ErrorKind::ForeignOwner`]; [`ErrorKind::Mismatch`] if something else has that
    /// name; [`ErrorKind::NotReady`] if another process does not finish initialising it within [`Options::timeout`];
    /// [`ErrorKind::LockTimeout`] if the root stays locked while it is re-initialised; [`ErrorKind::OutOfSpace`];
    /// [`ErrorKind::Corrupt`].
    pub fn open(&self, name: impl AsRef<Path>) -> Result<StructStoreShared> {
        attach(self, self.place(name.as_ref())?, None)
    }

    fn place(&self, name: &Path) -> Result<Place> {
        if self.file {
            return Place::path(name);
        }
        Place::name(
            name.to_str().ok_or_else(|| {
                Error::invalid_name(&name.to_string_lossy(), "segment name", "it is not UTF-8")
            })?,
        )
    }

    /// Removes the name, or the file, of a store; see [`StructStoreShared::unlink`].
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InUse`] while a process has the store open to change it; [`ErrorKind::Io`] if there is no such store or no
    /// permission; and if the store, or its users, cannot be determined, [`ErrorKind::Mismatch`],
    /// [`ErrorKind::Corrupt`], [`ErrorKind::ForeignOwner`] or [`ErrorKind::NotReady`].
    pub fn unlink(&self, name: impl AsRef<Path>) -> Result<()> {
        self.unlink_if(&self.place(name.as_ref())?, Arena::ensure_unused)
    }

    /// Removes it in any case, even if processes have it open, or if the store is damaged. Processes that have it open keep the
    /// segment, and their watches end.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] if there is no such name, or no permission; [`ErrorKind::Mismatch`] if it does not lead to a store.
    pub fn unlink_forced(&self, name: impl AsRef<Path>) -> Result<()> {
        let place = self.place(name.as_ref())?;
        match self.unlink_if(&place, |_| Ok(())) {
            // A store all the same, though perhaps damaged or of another version.
            Err(error)
                if begins_as_store(&place)
                    && !error.is_refusal()
                    && error.kind() != ErrorKind::ForeignOwner =>
            {
                place.unlink().map_err(|_| error)
            }
            Err(error) if error.kind() == ErrorKind::NotReady && remove_empty(&place, self.timeout)? => {
                Ok(())
            }
            other => other,
        }
    }

    /// Removes the name of a store, if `may` says under the init lock that it may.
    pub(crate) fn unlink_if(&self, place: &Place, may: impl FnOnce(&Arena) -> Result<()>) -> Result<()> {
        let options = Options { observe: true, ..self.clone() };
        let store = attach(&options, place.clone(), None)?;
        store.arena.unlink(&store.opening, self.timeout, || may(&store.arena))
    }

    /// Opens the store in a file that is already open, such as a memfd that another process passed on. An empty file becomes a
    /// new store.
    ///
    /// # Errors
    ///
    /// As [`Options::open`].
    pub fn open_fd(&self, descriptor: OwnedFd) -> Result<StructStoreShared> {
        attach(self, Place::Descriptor, Some(File::from(descriptor)))
    }

    pub(super) fn check(&self) -> Result<()> {
        let invalid = |argument, found: u64, expected: String| {
            Err(Error::invalid(argument, format!("{found} bytes"), expected))
        };
        if self.max_size > RESERVATION || self.max_size < MIN_SIZE {
            return invalid("max_size", self.max_size, format!("{MIN_SIZE} to {RESERVATION} bytes"));
        }
        if self.size > self.max_size {
            return invalid(
                "size",
                self.size,
                format!("at most the maximum size of {} bytes", self.max_size),
            );
        }
        if self.reinit && (self.read_only || self.observe) {
            let expected = "a store that may be changed".to_owned();
            return Err(Error::invalid("reinit", "read-only", expected));
        }
        Ok(())
    }
}

/// The id of a group, by its name or number.
pub(super) fn group_of(group: &str) -> Result<Gid> {
    if let Ok(number) = group.parse() {
        return Ok(Gid::from_raw(number));
    }
    let found = Group::from_name(group).ok().flatten().map(|found| found.gid);
    found.ok_or_else(|| {
        Error::invalid("group", format!("{group:?}"), "the name or number of a group of this machine")
    })
}
