//! Shared stores: opened by name, path or descriptor, by any number of processes.

use std::fmt;
use std::fs::{File, Permissions};
use std::ops::Deref;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use nix::unistd::{Gid, Group, fchown};

use crate::access::{Access as _, Handle, Scope, Store, operate};
pub use crate::arena::Cleanup;
use crate::arena::layout::{FORMAT_VERSION, Header, MAGIC, PERSISTENT, READY, TRANSIENT, fingerprint};
use crate::arena::{Arena, Opening};
use crate::edit;
use crate::error::{EMPTY, Error, ErrorKind, INITIALISING, Result};
use crate::handle::Struct;
use crate::journal::Operation;
use crate::life::{ATTACHED, end_with_process};
use crate::lock::{Mode, NodeId, Wait, owner_seat};
use crate::node::Raw;
use crate::segment::{Access, Backing, Liveness, MIN_SIZE, Place, RESERVATION, Segment};
use crate::sync::{Ordering, lock};
use crate::value::Kind;

/// How often a place is opened again because its name came to lead elsewhere meanwhile.
const REOPENINGS: usize = 100;

/// For how long opening waits for a heap before it lets signal handlers run.
const HEAP_SLICE: Duration = Duration::from_millis(100);

/// What [`ErrorKind::NotReady`] says of a segment whose heap is not to be had.
const HEAP_LOCKED: &str = "a process that does not go on, perhaps stopped, has locked the heap";

/// How long to sleep between two looks at a name that is to appear.
const POLL: Duration = Duration::from_millis(2);

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
    size: u64,
    max_size: u64,
    reinit: bool,
    file: bool,
    cleanup: Option<Cleanup>,
    mode: u32,
    group: Option<String>,
    timeout: Duration,
    read_only: bool,
    observe: bool,
    create: bool,
    any_owner: bool,
    pub(crate) reentrant: bool,
    pub(crate) passing: bool,
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
            reentrant: false,
            passing: false,
        }
    }
}

impl Options {
    /// How many bytes a new segment gets at once; it grows by itself. The default is 64 KiB, which is also the least.
    pub fn size(mut self, bytes: u64) -> Options {
        self.size = bytes;
        self
    }

    /// How large a new segment may grow, in bytes. The default is 64 GiB, which is also the most.
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

    /// Uses a file at the given path in place of shared memory of the given name.
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

    /// How long a new store is to live, or one that is re-initialised. The default is [`Cleanup::IfLast`] and, for a file,
    /// [`Cleanup::Never`]. It has no effect where the store exists: the creator has decided.
    pub fn cleanup(mut self, cleanup: Cleanup) -> Options {
        self.cleanup = Some(cleanup);
        self
    }

    fn cleanup_or_default(&self) -> Cleanup {
        self.cleanup.unwrap_or(if self.file { Cleanup::Never } else { Cleanup::IfLast })
    }

    /// The permissions of a new segment, whatever the process's umask. The default is 0600.
    pub fn mode(mut self, mode: u32) -> Options {
        self.mode = mode;
        self
    }

    /// The group of a new segment, by name or number: of a store that other users are to have, with a mode such as 0660.
    pub fn group(mut self, group: impl Into<String>) -> Options {
        self.group = Some(group.into());
        self
    }

    /// How long to wait for another process that is initialising the segment. The default is 10 s.
    pub fn timeout(mut self, timeout: Duration) -> Options {
        self.timeout = timeout;
        self
    }

    /// Attaches without write permission and without being able to change anything.
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

    /// Attaches to look on: nothing can be changed, and the attachment does not keep the store alive. Cleanup ignores observers:
    /// when all other processes have closed the store, its name goes. For viewers, recorders and the like.
    ///
    /// Where this process may write to the segment, an observer watches without polling, views arrays without copies, and reads
    /// any part as of one moment by a shared lock. Elsewhere, or together with [`Options::read_only`], it leaves no trace: it
    /// reads without locks, and watches by polling. A process that also has the store open to change it counts for as long as it is
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
    fn lifetime(&self) -> u64 {
        if self.cleanup_or_default() == Cleanup::Never { PERSISTENT } else { TRANSIENT }
    }

    /// Gives a new file its group, and then its mode.
    fn settle(&self, place: &Place, file: &File, group: Option<Gid>) -> Result<()> {
        if group.is_some() {
            let asked = self.group.as_deref().unwrap_or_default();
            fchown(file, None, group)
                .map_err(|errno| place.io("set the group of", errno.into(), format!("group {asked}")))?;
        }
        file.set_permissions(Permissions::from_mode(self.mode))
            .map_err(|source| place.io("set the mode of", source, format!("mode {:04o}", self.mode)))
    }

    /// How to map the segment, if the system permits it.
    fn access(&self) -> Access {
        match (self.read_only, self.observe) {
            (false, _) => Access::ReadWrite,
            (true, false) => Access::ReadOnly,
            (true, true) => Access::Unseen,
        }
    }

    /// Opens the file, creating it where that is to be done. `unseen`: for an observer that may not write to it.
    fn open_file(
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
        let create = (self.create && access == Access::ReadWrite && !self.observe).then_some(self.mode);
        place.open(access, create).map(|(file, created)| (file, created, access))
    }

    /// Whether to create what does not exist. The default is to.
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

    /// Whether to open a segment that belongs to another user. The default is not to: any user can create any name in the
    /// directory of shared memory, and the owner of a segment can truncate it, which kills the processes that map it (SIGBUS).
    /// A descriptor is accepted whatever user owns its file.
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

    /// Opens the store of this name ("/name") or, with [`Options::file`], at this path.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidName`]; [`ErrorKind::InvalidArgument`] for impossible sizes; [`ErrorKind::Io`], with path and mode, if
    /// there is no such store or no permission; [`ErrorKind::ForeignOwner`]; [`ErrorKind::Mismatch`] if something else has the
    /// name; [`ErrorKind::NotReady`] if another process does not finish initialising it within [`Options::timeout`];
    /// [`ErrorKind::LockTimeout`] if the root stays locked while it is re-initialised; [`ErrorKind::OutOfSpace`];
    /// [`ErrorKind::Corrupt`].
    pub fn open(&self, name: impl AsRef<Path>) -> Result<StructStoreShared> {
        StructStoreShared::attach(self, self.place(name.as_ref())?, None)
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
    /// permission; and if it cannot be told whether there is a store or who uses it, [`ErrorKind::Mismatch`],
    /// [`ErrorKind::Corrupt`], [`ErrorKind::ForeignOwner`] or [`ErrorKind::NotReady`].
    pub fn unlink(&self, name: impl AsRef<Path>) -> Result<()> {
        self.unlink_if(&self.place(name.as_ref())?, Arena::ensure_unused)
    }

    /// Removes it in any case, also where processes have it open, and where the name leads to a damaged store. Processes that have
    /// it keep the segment, and their watches end.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] if there is no such name, or no permission; [`ErrorKind::Mismatch`] if it leads to anything but a store.
    pub fn unlink_forced(&self, name: impl AsRef<Path>) -> Result<()> {
        let place = self.place(name.as_ref())?;
        match self.unlink_if(&place, |_| Ok(())) {
            // A store all the same, though perhaps damaged, of another version or of another user.
            Err(error) if begins_as_store(&place) && !error.is_refusal() => place.unlink().map_err(|_| error),
            other => other,
        }
    }

    /// Removes the name of a store, if `may` says under the init lock that it may.
    pub(crate) fn unlink_if(&self, place: &Place, may: impl FnOnce(&Arena) -> Result<()>) -> Result<()> {
        let options = Options { observe: true, ..self.clone() };
        let store = StructStoreShared::attach(&options, place.clone(), None)?;
        store.arena.unlink(&store.opening, self.timeout, || may(&store.arena))
    }

    /// Opens the store in a file that is open already, such as a memfd that another process passed on. An empty file
    /// becomes a new store.
    ///
    /// # Errors
    ///
    /// As [`Options::open`].
    pub fn open_fd(&self, descriptor: OwnedFd) -> Result<StructStoreShared> {
        StructStoreShared::attach(self, Place::Descriptor, Some(File::from(descriptor)))
    }

    fn check(&self) -> Result<()> {
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

/// A store in shared memory, which any number of processes change at once.
///
/// It leads to its root, a [`Struct`], by dereferencing. One process may open the same store any number of times.
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

    /// Removes the name of a store, whether the store is transient or persistent. The next process that opens the name gets a new
    /// one.
    ///
    /// It is [`Options::unlink`], with the defaults for everything else.
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

    /// Attaches to the store of this name without write permission and without being able to change anything. Nobody
    /// ever waits for it. It is [`Options::read_only`], with the defaults for everything else.
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

    fn attach(options: &Options, place: Place, descriptor: Option<File>) -> Result<StructStoreShared> {
        options.check()?;
        match StructStoreShared::attach_as(options, &place, descriptor.as_ref(), false) {
            // It may not write to the segment after all.
            Err(error) if options.observe && !options.read_only && error.is_refusal() => {
                StructStoreShared::attach_as(options, &place, descriptor.as_ref(), true)
            }
            attached => attached,
        }
    }

    fn attach_as(
        options: &Options,
        place: &Place,
        descriptor: Option<&File>,
        unseen: bool,
    ) -> Result<StructStoreShared> {
        let group = options.group.as_deref().map(group_of).transpose()?;
        let (mut reinit, mut creator) = (options.reinit, false);
        let (start, mut reopenings) = (Instant::now(), 0..REOPENINGS);
        // The heap is waited for in slices, between which signal handlers may run: not while others wait for this one to be done.
        let again =
            |error: &Error| error.kind() == ErrorKind::LockTimeout && start.elapsed() < options.timeout;
        let patience = HEAP_SLICE.min(options.timeout);
        while reopenings.next().is_some() {
            // Keeps a descriptor free for what follows: a name that was created and then cannot be opened would stay.
            let reserve = File::open("/dev/null").ok();
            let (file, created, access) = options.open_file(place, descriptor, unseen)?;
            let found = place.admit(&file, options.any_owner)?;
            let identity = (found.dev(), found.ino());
            drop(reserve);
            let liveness = Liveness::new(&file, place, access)?;
            let init = liveness.lock_init(place, options.timeout)?;
            if !place.leads_to(identity.0, identity.1) {
                continue;
            }
            if created && let Err(error) = options.settle(place, &file, group) {
                if is_unused(place, identity) {
                    let _ = place.unlink();
                }
                return Err(error);
            }
            let key = (identity.0, identity.1, access);
            crate::life::install();
            let known = lock(&ATTACHED).get(&key).and_then(Weak::upgrade);
            let arena = match known {
                Some(arena) => arena,
                None => {
                    let backing = Backing::File {
                        file,
                        identity,
                        place: place.clone(),
                        access,
                        any_owner: options.any_owner,
                    };
                    match load(backing, liveness, options, &Wait::QUIET.within(patience)) {
                        Ok((arena, fresh)) => {
                            creator |= fresh;
                            let mut attached = lock(&ATTACHED);
                            attached.retain(|_, arena| arena.strong_count() != 0);
                            attached.insert(key, Arc::downgrade(&arena));
                            arena
                        }
                        // What is there cannot be used, but it may be replaced.
                        Err(error)
                            if matches!(error.kind(), ErrorKind::Mismatch | ErrorKind::Corrupt)
                                && options.reinit
                                && descriptor.is_none() =>
                        {
                            place.unlink()?;
                            reinit = false;
                            continue;
                        }
                        Err(error) if again(&error) => {
                            drop(init);
                            Wait::FOREVER.check()?;
                            reopenings = 0..REOPENINGS;
                            continue;
                        }
                        Err(error) => {
                            // What could not become a store is not to stay, unless it is another process's by now. Were that to
                            // fail as well, the first error says more.
                            if created && is_unused(place, identity) {
                                let _ = place.unlink();
                            }
                            return Err(in_opening(error, place, start.elapsed()));
                        }
                    }
                }
            };
            let store = Arc::new(Store::shared(Arc::clone(&arena), options.reentrant, options.observe));
            let (root, made) = root(&store, reinit, options)?;
            store.opened(root);
            creator |= std::mem::take(&mut reinit) || made;
            let opening = if options.observe {
                Opening::unlisted(place.clone(), identity)
            } else {
                // Last, so that a process that could not open the store does not count.
                match arena.writable().then(|| arena.join_counted(&Wait::QUIET.within(patience))).transpose()
                {
                    Err(error) if again(&error) => {
                        drop(init);
                        Wait::FOREVER.check()?;
                        reopenings = 0..REOPENINGS;
                        continue;
                    }
                    joined => joined.map_err(|error| in_opening(error, place, start.elapsed()))?,
                };
                if creator {
                    arena.touch();
                }
                if *place != Place::Descriptor {
                    arena.tell_found();
                }
                if !options.passing {
                    store.adopts();
                }
                let always = creator && options.cleanup_or_default() == Cleanup::Always;
                arena.open(place.clone(), identity, always)
            };
            drop(init);
            end_with_process();
            return Ok(StructStoreShared {
                root: Struct::from_handle(Handle::root(store, root)?),
                arena,
                options: options.clone(),
                opening,
                open: true,
            });
        }
        Err(Error::not_ready(place.to_string(), INITIALISING, options.timeout))
    }

    /// Whether the name still leads to this segment, and its contents were not re-initialised since it was opened.
    pub fn valid(&self) -> bool {
        let root = self.root.handle.id();
        self.arena.header().root.load(Ordering::Acquire) == Raw::node(Kind::Struct, root).payload
            && self.opening.place.leads_to(self.opening.file.0, self.opening.file.1)
    }

    /// Makes this valid again: attaches to what the name leads to now, waiting for up to `timeout` for it to appear.
    /// Handles and bindings that were made before stay as they are.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotReady`] if there was none in time, and as [`Options::open`].
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
                (Place::Descriptor, Backing::File { file, .. }) => {
                    let file = file
                        .try_clone()
                        .map_err(|source| self.opening.place.io("open", source, String::new()))?;
                    StructStoreShared::attach(&options, Place::Descriptor, Some(file))
                }
                (place, _) => StructStoreShared::attach(&options, place.clone(), None),
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

    /// Closes the store, ends its watches, and reports errors of its cleanup. (Dropping ignores these, and leaves watches
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

/// The error for a store that could not be opened, where it is one that names no store.
fn in_opening(error: Error, place: &Place, waited: Duration) -> Error {
    match error.kind() {
        ErrorKind::LockTimeout => Error::not_ready(place.to_string(), HEAP_LOCKED, waited),
        _ => error,
    }
}

/// The id of a group, by its name or number.
fn group_of(group: &str) -> Result<Gid> {
    if let Ok(number) = group.parse() {
        return Ok(Gid::from_raw(number));
    }
    let found = Group::from_name(group).ok().flatten().map(|found| found.gid);
    found.ok_or_else(|| {
        Error::invalid("group", format!("{group:?}"), "the name or number of a group of this machine")
    })
}

/// Whether a name still leads to a file, and nobody has laid a store there. The caller holds the init lock.
fn is_unused(place: &Place, file: (u64, u64)) -> bool {
    place.leads_to(file.0, file.1)
        && place.open(Access::Unseen, None).and_then(|(found, _)| examine(&found, place)).unwrap_or(false)
}

fn mismatch(place: &Place, what: &'static str, found: String, expected: &str) -> Error {
    Error::mismatch(place.to_string(), what, found, expected.to_owned())
}

/// Maps a file and attaches to the arena in it, laying a new one if it is empty. The caller holds the init lock.
/// Says whether it was empty.
fn load(backing: Backing, liveness: Liveness, options: &Options, wait: &Wait) -> Result<(Arc<Arena>, bool)> {
    let Backing::File { file, place, access, .. } = &backing else {
        return Err(Error::invalid("place", "local memory", "a file"));
    };
    let fresh = examine(file, place)?;
    if fresh && (*access != Access::ReadWrite || options.observe) {
        return Err(Error::not_ready(place.to_string(), EMPTY, Duration::ZERO));
    }
    // What a creator that died has left was never ready, and nobody is attached to it.
    if fresh && liveness.others(place)? {
        let found = "a store that is not ready and has processes attached";
        return Err(Error::corrupt("the header", found, "a store that is ready"));
    }
    let segment = Segment::map(backing, RESERVATION)?;
    if fresh {
        Arena::create(&segment, options.size, options.max_size, options.lifetime())?;
    } else {
        segment.trust(size_of::<Header>() as u64)?;
        let committed = segment.at::<Header>(0)?.committed.load(Ordering::Acquire);
        if committed < MIN_SIZE {
            let found = format!("a size of {committed} bytes");
            return Err(Error::corrupt("the header", found, "a size with room for the tables"));
        }
        segment.trust(committed)?;
    }
    let arena = Arena::attach(segment, Some(liveness), !options.observe, wait)?;
    if !fresh && !options.observe && arena.writable() {
        arena.find_orphan(wait)?;
    }
    Ok((Arc::new(arena), fresh))
}

/// Whether what a name leads to begins as stores of any version do.
fn begins_as_store(place: &Place) -> bool {
    let mut magic = [0; 8];
    let opened = place.open(Access::Unseen, None);
    opened.is_ok_and(|(file, _)| {
        file.metadata().is_ok_and(|found| found.is_file())
            && file.read_exact_at(&mut magic, 0).is_ok()
            && u64::from_le_bytes(magic) == MAGIC
    })
}

/// Whether a file is to become a new arena, as opposed to holding one. An error if it holds anything else.
pub(crate) fn examine(file: &File, place: &Place) -> Result<bool> {
    let io = |source| place.io("read", source, String::new());
    let mut start = [0; 56];
    let mut read = 0_usize;
    while let Some(rest @ [_, ..]) = start.get_mut(read..) {
        match file.read_at(rest, read as u64).map_err(io)? {
            0 => break,
            more => read = read.saturating_add(more),
        }
    }
    let word = |at| start.as_chunks().0.get(at).copied().map_or(0, u64::from_le_bytes);
    let [magic, version, layout, ready, root] = [0, 1, 2, 3, 6].map(word);
    if start == [0; 56] {
        // Empty, or given memory by a creator that died before it wrote anything.
        return match is_zero(file).map_err(io)? {
            true => Ok(true),
            false => Err(mismatch(place, "its magic", "zero".to_owned(), "STRUCTST")),
        };
    }
    if magic != MAGIC {
        let found = if read < start.len() { format!("{read} bytes long") } else { format!("{magic:#018x}") };
        return Err(mismatch(place, "its magic", found, "STRUCTST"));
    }
    if ready != READY {
        // Nobody puts anything into a store before it is ready.
        return match (ready, root) {
            (0, 0) => Ok(true),
            _ => {
                Err(Error::corrupt("the header", "a store that is in use but not ready", "one that is ready"))
            }
        };
    }
    if version != FORMAT_VERSION {
        return Err(mismatch(place, "its format version", version.to_string(), &FORMAT_VERSION.to_string()));
    }
    if layout != fingerprint() {
        let expected = format!("{:#018x}", fingerprint());
        return Err(mismatch(place, "its layout", format!("{layout:#018x}"), &expected));
    }
    let length = file.metadata().map_err(io)?.len();
    if length < MIN_SIZE {
        return Err(mismatch(place, "its length", format!("{length} bytes"), "at least 65536 bytes"));
    }
    Ok(false)
}

/// Whether a file holds nothing.
fn is_zero(file: &File) -> std::io::Result<bool> {
    let mut bytes = vec![0; 64 << 10];
    let mut at = 0;
    loop {
        match file.read_at(&mut bytes, at)? {
            0 => return Ok(true),
            read if bytes.iter().take(read).any(|byte| *byte != 0) => return Ok(false),
            read => at = at.saturating_add(read as u64),
        }
    }
}

/// The root of an arena, and whether there was none: it is created then, or if a new one is asked for. The caller holds the init lock.
fn root(store: &Store, reinit: bool, options: &Options) -> Result<(NodeId, bool)> {
    let arena = &store.arena;
    let named = || {
        let payload = arena.header().root.load(Ordering::Acquire);
        Raw { tag: Kind::Struct as u64, payload }.id().filter(|_| payload != 0)
    };
    let held = |root: NodeId| {
        let node = arena.node(root.index);
        node.is_ok_and(|node| owner_seat(node.head.word.load(Ordering::Acquire)).is_some())
    };
    let mut existing = named();
    if arena.writable() && existing.is_some_and(held) {
        // Perhaps by a process that died while it began anew: then this root is about to be taken back.
        arena.repair_dead()?;
        existing = named();
    }
    match existing {
        Some(old) if reinit => {
            let wait = Wait::at_most(options.timeout);
            let _held = Scope::new(store, arena.node(old.index)?, old, Mode::Tree, &wait)?;
            let renewed = operate(arena, old, |operation| {
                // In the record of the old one, for there may be no room left for another.
                let root = edit::renew(operation, old)?;
                operation.set(&arena.header().root, Raw::node(Kind::Struct, root).payload)?;
                operation.set(&arena.header().lifetime, options.lifetime())?;
                Ok(root)
            });
            if renewed.is_ok() {
                // Nobody has left anything in the new one.
                arena.accept_recovered(old.index);
            }
            renewed.map(|root| (root, false))
        }
        Some(root) => Ok((root, false)),
        None if !store.may_change() => Err(Error::not_ready(arena.place(), EMPTY, Duration::ZERO)),
        None if arena.header().nodes.load(Ordering::Acquire) != 0 => {
            Err(Error::corrupt("the header", "no root", "the root of what is there"))
        }
        None => {
            let operation = Operation::begin(arena)?;
            let root = operation.allocate_node(Kind::Struct)?;
            operation.set(&arena.header().root, Raw::node(Kind::Struct, root).payload)?;
            // Its first creator may have died before.
            operation.set(&arena.header().lifetime, options.lifetime())?;
            operation.commit()?;
            Ok((root, true))
        }
    }
}
