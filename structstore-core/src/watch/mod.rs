//! Watches report what changes.

mod batch;
mod pause;

pub use batch::{Batch, Batches, COPIED, Elements, Found, LargeArray};

/// A [`Watch`] as a stream: see [`Watch::into_stream`].
#[cfg(feature = "stream")]
pub type WatchStream = crate::blocking::BlockingStream<Result<Vec<Path>>>;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use self::pause::Pause;
use crate::access::{Access, Handle, Located, Near, Obstacle, Scope, Store};
use crate::arena::Arena;
use crate::arena::layout::{Node, Slot};
use crate::error::{Error, ErrorKind, Path, Result, Step};
use crate::handle::{Array, Bytes, List, Str, Struct};
use crate::key::Key;
use crate::limits::MAX_DEPTH;
use crate::lock::{Mode, NodeId, Wait, generation};
use crate::node::{self, Extent, Raw, Slots};
use crate::notice::{Counts, SLICE};
use crate::sync::{Ordering as SharedOrdering, fence};

/// How long a hold is a brief one, at whose end batches wait: what one transaction changes is to be in one of them.
const BRIEF: Duration = Duration::from_millis(20);

/// How often a watch of a store that is attached read-only looks: it cannot register.
const POLL: Duration = Duration::from_millis(20);

/// Reports what any process changes in a part of a store.
///
/// It remembers the state of the part when it was made, and then when it was last asked, and reports the
/// difference as paths from that part: `"pose.x"`, `"items[2]"`. However slow the watcher is and however often a field
/// changes, it is reported once, with its newest state in the store. An empty path means the part itself: a string or
/// array, or a list that became shorter.
///
/// As an iterator it waits for changes, and ends when it is [cancelled](Watch::cancel_handle), when its store is
/// [closed](crate::StructStoreShared::close), or after an error.
///
/// Writes through a view of an array are reported only after [`Array::notify`]. A watch takes some
/// memory for each field below the part. In a store that is attached read-only, it compares the whole part fifty times a
/// second.
///
/// ```
/// use structstore::{StructStore, Value};
///
/// let store = StructStore::new();
/// store.ensure_struct("pose")?.set("x", 1.0)?;
/// let mut watch = store.watch()?;
/// assert!(watch.changes()?.is_empty());
///
/// for x in 0..100 {
///     store.at("pose")?.set("x", x)?;
/// }
/// store.set("mode", "auto")?;
/// assert_eq!(watch.changes()?, ["mode", "pose.x"]);
/// assert!(watch.changes()?.is_empty());
/// # Ok::<(), structstore::Error>(())
/// ```
pub struct Watch {
    handle: Handle,
    registration: Registration,
    seen: Seen,
    /// What was found in a look that failed.
    found: Vec<Path>,
    /// The holds that are in the way of looking at what may have changed, and since when each is.
    held: HashMap<Obstacle, Instant>,
    /// When the last look began.
    looked: Instant,
    pause: Pause,
    cancelled: Arc<AtomicBool>,
    failed: bool,
}

/// Ends a [`Watch`], from any thread.
///
/// ```
/// let store = structstore::StructStore::new();
/// let watch = store.watch()?;
/// let cancel_handle = watch.cancel_handle();
/// let watching = std::thread::spawn(move || watch.count());
/// cancel_handle.cancel();
/// assert_eq!(watching.join().unwrap(), 0);
/// # Ok::<(), structstore::Error>(())
/// ```
#[derive(Clone)]
pub struct CancelHandle {
    handle: Handle,
    cancelled: Arc<AtomicBool>,
}

impl CancelHandle {
    /// Ends waits on the watch, the current one and all later ones: they return `None`.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
        fence(SharedOrdering::SeqCst);
        if self.handle.arena().writable() {
            self.handle.node().head.notice.wake();
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = node::path_of(self.handle.arena(), self.handle.id());
        f.debug_struct("Watch").field("path", &path).finish_non_exhaustive()
    }
}

impl fmt::Debug for CancelHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelHandle").field("cancelled", &self.cancelled).finish_non_exhaustive()
    }
}

impl Watch {
    fn new(handle: &Handle) -> Result<Watch> {
        let make = || {
            let registration = Registration::new(handle)?;
            let mut seen = Seen::new();
            let uncounted = registration.place.is_none();
            let mut round = Round::new(uncounted, Looking::Within(Duration::MAX));
            round.silent = true;
            round.everything = true;
            seen.look(&handle.near(), &mut round)?;
            Ok(Watch {
                handle: handle.clone(),
                registration,
                seen,
                found: Vec::new(),
                held: HashMap::new(),
                looked: Instant::now(),
                pause: Pause::default(),
                cancelled: Arc::default(),
                failed: false,
            })
        };
        make().at(handle)
    }

    /// A handle that ends waits on this watch from another thread.
    pub fn cancel_handle(&self) -> CancelHandle {
        CancelHandle { handle: self.handle.clone(), cancelled: Arc::clone(&self.cancelled) }
    }

    /// The paths that have changed since the last call. Waits a few milliseconds at most for changes in progress: a part that is held
    /// for longer keeps nothing else back, and what changes in it is reported when it is free.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StaleHandle`] if the part was removed, [`ErrorKind::HeldByGuard`] if this thread holds it.
    pub fn changes(&mut self) -> Result<Vec<Path>> {
        // Half of the time while something is held: then a hold that follows upon another one cannot keep it back.
        self.look(self.pause.length()).at(&self.handle)
    }

    /// Waits until something changes, and returns the paths; `None` after `timeout`, or if the watch is cancelled or its store
    /// closed.
    ///
    /// # Errors
    ///
    /// As [`Watch::changes`]; [`ErrorKind::StaleHandle`] also if the store was re-initialised, or its name removed: what was
    /// changed before is reported first.
    pub fn wait(&mut self, timeout: Option<Duration>) -> Result<Option<Vec<Path>>> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            if self.cancelled.load(Ordering::SeqCst) || self.handle.store().is_closed() {
                return Ok(None);
            }
            // Before the look, which finds what was changed before the name went.
            let removed = self.handle.arena().is_gone();
            let changes = self.changes()?;
            if !changes.is_empty() {
                return Ok(Some(changes));
            }
            if removed && self.held.is_empty() {
                return Err(Error::gone("removed"));
            }
            // What is held is looked at again after a while, even if nobody tells that it is free.
            let again = Instant::now().checked_add(self.pause.length()).filter(|_| !self.held.is_empty());
            let until = deadline.into_iter().chain(again).min();
            let seen = self.seen.counts.below;
            let slept =
                self.registration.sleep(&self.handle, seen, until, &self.cancelled).at(&self.handle)?;
            if !slept && until == deadline {
                return Ok(None);
            }
            if !slept && !self.held.is_empty() {
                self.pause.lengthen();
            }
        }
    }

    /// The watch as a stream, which works with any executor; with the feature `stream`.
    ///
    /// Changes that a slow reader misses are coalesced.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] if the system has no thread left.
    ///
    /// ```
    /// use futures_util::{FutureExt, StreamExt};
    /// use structstore::StructStore;
    ///
    /// # futures_executor::block_on(async {
    /// let store = StructStore::new();
    /// let mut changes = store.watch()?.into_stream()?;
    /// assert!(changes.next().now_or_never().is_none());
    /// store.set("mode", "auto")?;
    /// assert_eq!(changes.next().await.unwrap()?, ["mode"]);
    /// # Ok::<(), structstore::Error>(())
    /// # })?;
    /// # Ok::<(), structstore::Error>(())
    /// ```
    #[cfg(feature = "stream")]
    pub fn into_stream(self) -> Result<WatchStream> {
        let cancel_handle = self.cancel_handle();
        crate::blocking::BlockingStream::new(self, move || cancel_handle.cancel())
    }

    /// The number of changes that were counted while any watch of this part existed, also of those that left a value as it was.
    pub fn version(&self) -> u64 {
        self.handle.node().head.notice.below()
    }

    /// Whether something that may have changed could not be looked at, but was going to be free soon, as far as the last look could tell: its
    /// lock may be free by now, and the time since then be that of this thread, which was kept from running.
    fn is_briefly_held(&self) -> bool {
        self.held.values().any(|since| self.looked.saturating_duration_since(*since) < BRIEF)
    }

    /// Looks at what has changed, and waits for at most so long for what is held.
    fn look(&mut self, patience: Duration) -> Result<Vec<Path>> {
        self.look_by(Looking::Within(patience))
    }

    /// Looks at what has changed, under a lock of this thread on the part. Nothing is held then, though a writer that waits for this lock
    /// looks as if it had one.
    fn look_locked(&mut self) -> Result<Vec<Path>> {
        self.look_by(Looking::Locked)
    }

    fn look_by(&mut self, looking: Looking) -> Result<Vec<Path>> {
        // In a child, whose parent's watch this was, nobody has counted for it; without write permission nobody does.
        let uncounted = self.registration.renew(&self.handle)? || self.registration.place.is_none();
        let mut round = Round::new(uncounted, looking);
        self.looked = Instant::now();
        round.changes = std::mem::take(&mut self.found);
        let looked = self.seen.look(&self.handle.near(), &mut round);
        if let Err(error) = looked {
            self.found = round.changes;
            return Err(error);
        }
        let now = Instant::now();
        let held = round.held.into_iter().map(|hold| (hold, self.held.get(&hold).copied().unwrap_or(now)));
        self.held = held.collect();
        if self.held.is_empty() {
            self.pause = Pause::default();
        }
        Ok(round.changes)
    }
}

impl Iterator for Watch {
    type Item = Result<Vec<Path>>;

    fn next(&mut self) -> Option<Result<Vec<Path>>> {
        if self.failed {
            return None;
        }
        let next = self.wait(None).transpose();
        self.failed = matches!(next, Some(Err(_)));
        next
    }
}

macro_rules! watches {
    ($($type:ident),*) => {$(
        impl $type {
            /// Reports from now on what any process changes here and below; see [`Watch`].
            ///
            /// # Errors
            ///
            /// [`ErrorKind::HeldByGuard`] if this thread holds a part of it, [`ErrorKind::StaleHandle`],
            /// [`ErrorKind::OutOfSpace`].
            pub fn watch(&self) -> Result<Watch> {
                Watch::new(&self.handle)
            }

            /// Waits until something here or below is changed, for at most `timeout`. Returns whether it was. What changes
            /// between two calls is missed; to miss nothing, keep a [`Watch`].
            ///
            /// # Errors
            ///
            /// As [`Watch::changes`].
            pub fn wait(&self, timeout: Option<Duration>) -> Result<bool> {
                wait(&self.handle, timeout)
            }
        }
    )*};
}
watches!(Struct, List, Str, Bytes, Array);

impl Array {
    /// Tells those who watch the array that elements were changed through a view, of which a store knows nothing.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StaleHandle`], [`ErrorKind::ReadOnly`].
    ///
    /// ```
    /// use structstore::{Array, ArrayValue, StructStore};
    ///
    /// let store = StructStore::new();
    /// store.set("frame", ArrayValue::from_slice(&[2], &[0_u8, 0])?)?;
    /// let mut watch = store.watch()?;
    /// let frame = store.get::<Array>("frame")?;
    /// frame.view()?.cells::<u8>()?[1].set(7);
    /// assert!(watch.changes()?.is_empty());
    /// frame.notify()?;
    /// assert_eq!(watch.changes()?, ["frame"]);
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn notify(&self) -> Result<()> {
        notify(&self.handle)
    }
}

fn notify(handle: &Handle) -> Result<()> {
    let arena = handle.arena();
    if !handle.store().may_change() {
        return Err(arena.refusal());
    }
    if handle.store().asks() {
        handle.store().ask()?;
    }
    handle.read(|_, _| Ok(())).at(handle)?;
    arena.tell(handle.id().index, Mode::Node);
    Ok(())
}

impl Struct {
    /// As [`Array::notify`], for the array in a field.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`], [`ErrorKind::WrongType`] if the field is no array, and as [`Array::notify`].
    pub fn notify<'k>(&self, key: impl Into<Key<'k>>) -> Result<()> {
        self.get::<Array>(key)?.notify()
    }
}

fn wait(handle: &Handle, timeout: Option<Duration>) -> Result<bool> {
    if !handle.arena().writable() {
        return Ok(Watch::new(handle)?.wait(timeout)?.is_some());
    }
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let wait = || {
        let registration = Registration::new(handle)?;
        let seen = handle.node().head.notice.below();
        while handle.node().head.notice.below() == seen {
            if handle.arena().is_gone() {
                return Err(Error::gone("removed"));
            }
            let slept = registration.sleep(handle, seen, deadline, &AtomicBool::new(false))?;
            if !slept || handle.store().is_closed() {
                return Ok(false);
            }
        }
        Ok(true)
    };
    wait().at(handle)
}

/// What makes those who change a node tell of it. None in a store that is attached read-only.
struct Registration {
    store: Arc<Store>,
    place: Option<u32>,
}

impl Registration {
    fn new(handle: &Handle) -> Result<Registration> {
        let mut registration = Registration { store: Arc::clone(handle.store()), place: None };
        if handle.arena().writable() {
            registration.enter(handle)?;
        }
        Ok(registration)
    }

    fn enter(&mut self, handle: &Handle) -> Result<()> {
        let arena = handle.arena();
        let place = arena.watch(handle.id())?;
        self.place = Some(place);
        // Whoever changes something and has not seen the marks is done when this is granted. It is not queued for: others would wait for
        // as long as somebody holds a part.
        let mut pause = Pause::default();
        loop {
            match handle.lock(Mode::Shared, &Wait::at_most(pause.patience())) {
                Err(error) if error.kind() == ErrorKind::LockTimeout => pause.rest()?,
                granted => return granted.map(Scope::end_unchanged),
            }
        }
    }

    /// In a child, registers it as well. Returns whether that was necessary.
    fn renew(&mut self, handle: &Handle) -> Result<bool> {
        match self.place {
            Some(place) if !handle.arena().is_own_watcher(place) => self.enter(handle).map(|()| true),
            _ => Ok(false),
        }
    }

    /// Sleeps until something was counted beyond `seen`, or for a while. `false` at the deadline.
    fn sleep(
        &self,
        handle: &Handle,
        seen: u64,
        deadline: Option<Instant>,
        cancelled: &AtomicBool,
    ) -> Result<bool> {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Ok(false);
        }
        let slice = if self.place.is_some() { SLICE } else { POLL };
        let slice = left.map_or(slice, |left| left.min(slice));
        let notice = &handle.node().head.notice;
        if self.place.is_none() {
            Wait::asleep(&mut || std::thread::sleep(slice));
        } else {
            let ended = || cancelled.load(Ordering::SeqCst) || self.store.is_closed();
            let still = || notice.below() == seen && !ended() && !handle.arena().is_removed();
            notice.sleep(slice, still, |sleep| Wait::asleep(sleep));
            if notice.below() == seen {
                // Nobody tells of what the dead have left, nor of a part that went with all that was above it.
                let _ = handle.arena().repair_dead();
            }
        }
        if generation(handle.node().head.identity.load(SharedOrdering::Acquire)) != handle.id().generation {
            return Err(Error::stale());
        }
        Wait::FOREVER.check()?;
        Ok(true)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let arena = &self.store.arena;
        if let Some(place) = self.place.filter(|place| arena.is_own_watcher(*place)) {
            // A segment too broken for it keeps a watcher that nobody is.
            let _ = arena.unwatch(place);
        }
    }
}

/// One look at what may have changed.
struct Round {
    changes: Vec<Path>,
    /// The way to the node that is looked at.
    path: Path,
    depth: usize,
    /// Whether to look at everything from here on, whatever is counted.
    everything: bool,
    /// Whether to tell nothing, since it is seen for the first time.
    silent: bool,
    /// Whether nobody counts changes, so that the elements of arrays are compared.
    uncounted: bool,
    looking: Looking,
    /// What was in the way.
    held: HashSet<Obstacle>,
    /// How much was looked at.
    extent: Extent<'static>,
}

/// How nodes are read.
#[derive(Clone, Copy)]
enum Looking {
    /// Without a lock, or waiting for at most so long.
    Within(Duration),
    /// Under a lock on all of them.
    Locked,
}

impl Round {
    /// A look at all that was counted, or at everything, if nobody counts.
    fn new(uncounted: bool, looking: Looking) -> Round {
        Round {
            changes: Vec::new(),
            path: Path::ROOT,
            depth: 0,
            everything: uncounted,
            silent: false,
            uncounted,
            looking,
            held: HashSet::new(),
            extent: Extent::default(),
        }
    }

    /// Goes to what a slot names. Returns what [`Round::leave`] wants back.
    fn enter(&mut self, name: &str, index: usize, everything: bool, fresh: bool) -> (bool, bool) {
        let outer = (self.everything, self.silent);
        if name.is_empty() {
            self.path.push(index);
        } else {
            self.path.push(name);
        }
        self.depth = self.depth.saturating_add(1);
        self.everything |= everything;
        self.silent |= fresh;
        outer
    }

    fn leave(&mut self, (everything, silent): (bool, bool)) {
        self.path.pop();
        (self.everything, self.silent) = (everything, silent);
        self.depth = self.depth.saturating_sub(1);
    }

    /// Reports a part of the node that is looked at, or all of it.
    fn report(&mut self, step: Option<Step>) {
        if !self.silent {
            self.changes.push(match step {
                Some(step) => self.path.then(step),
                None => self.path.clone(),
            });
        }
    }
}

/// What a node looked like.
struct Seen {
    counts: Counts,
    slots: Vec<SeenSlot>,
    /// Of the contents of a node that has no slots.
    digest: Option<u64>,
    /// Whether it has never been looked at.
    fresh: bool,
    /// Whether everything here and below is still to be looked at, for a look at it failed.
    unfinished: bool,
    /// Whether it was held when it was to be looked at for the first time. What it was then is not known.
    missed: bool,
    /// Whether something below was held when it was to be looked at.
    held: bool,
}

struct SeenSlot {
    /// The name of a field; empty for an item.
    name: String,
    raw: Raw,
    node: Option<Seen>,
}

impl AsRef<str> for SeenSlot {
    fn as_ref(&self) -> &str {
        &self.name
    }
}

impl SeenSlot {
    fn new(name: String, raw: Raw, before: Option<Seen>) -> SeenSlot {
        SeenSlot { name, raw, node: raw.id().map(|_| before.unwrap_or_else(Seen::new)) }
    }
}

impl Seen {
    fn new() -> Seen {
        let counts = Counts::default();
        let slots = Vec::new();
        Seen { counts, slots, digest: None, fresh: true, unfinished: true, missed: false, held: false }
    }

    /// Looks at what may have changed in the node and below it. `false` if a part of it is held, and so is to be looked at again.
    fn look(&mut self, near: &Near<'_>, round: &mut Round) -> Result<bool> {
        // Before anything that is below, and before the slots: what comes in later is found the next time.
        let counts = near.node().head.notice.counts();
        let everything = round.everything || self.unfinished || counts.anywhere(self.counts);
        if !everything && !self.held && counts == self.counts {
            return Ok(true);
        }
        if round.depth > MAX_DEPTH {
            return Err(Error::too_deep());
        }
        self.unfinished = everything;
        let directly = counts.changed != self.counts.changed;
        if (everything || directly) && !self.compare(near, directly, round)? {
            return Ok(false);
        }
        // In bytes of a segment.
        round.extent.add(near.arena(), self.slots.len().saturating_mul(size_of::<Slot>()) as u64)?;
        let mut whole = true;
        for (index, slot) in self.slots.iter_mut().enumerate() {
            let (Some(seen), Ok(child)) = (&mut slot.node, Near::new(near.store(), slot.raw)) else {
                continue;
            };
            let outer = round.enter(&slot.name, index, everything, seen.fresh);
            let looked = seen.look(&child, round);
            round.leave(outer);
            match looked {
                // It is gone: something above it is going to be found changed.
                Err(error) if error.kind() == ErrorKind::StaleHandle => {}
                other => whole &= other?,
            }
        }
        self.counts = counts;
        (self.fresh, self.unfinished, self.held) = (false, false, !whole);
        Ok(whole)
    }

    /// Compares the node's own slots, or contents. `directly`: it was changed itself, and not just perhaps with
    /// something above it. `false` if it is held.
    fn compare(&mut self, near: &Near<'_>, directly: bool, round: &mut Round) -> Result<bool> {
        let read = |arena: &Arena, node: &Node| {
            node::read_slots(arena, node, &self.slots, round.uncounted || !round.silent)
        };
        let found = match round.looking {
            Looking::Within(patience) => near.read_within(patience, read)?,
            Looking::Locked => Ok(read(near.arena(), near.node())?),
        };
        let slots = match found {
            Ok(slots) => slots,
            Err(hold) => {
                self.missed = self.fresh;
                // Others are not waited for as well.
                round.looking = Looking::Within(Duration::ZERO);
                round.held.insert(hold);
                return Ok(false);
            }
        };
        if std::mem::take(&mut self.missed) {
            // All of it, by the one path.
            round.silent = false;
            round.report(None);
            round.silent = true;
        }
        match slots {
            Slots::None(digest) => {
                if directly || digest.is_none() || digest != self.digest {
                    round.report(None);
                }
                self.digest = digest;
            }
            Slots::Fields(fields) => self.compare_fields(fields, round),
            Slots::Items(items) => self.compare_items(&items, round),
        }
        Ok(true)
    }

    fn compare_fields(&mut self, fields: Vec<(Option<String>, Raw)>, round: &mut Round) {
        let mut before = std::mem::take(&mut self.slots);
        let in_place = fields.len() == before.len() && fields.iter().all(|(name, _)| name.is_none());
        if in_place {
            for (slot, (_, raw)) in before.iter_mut().zip(fields) {
                if !slot.raw.same_value(raw) {
                    round.report(Some((&slot.name).into()));
                    *slot = SeenSlot::new(std::mem::take(&mut slot.name), raw, None);
                }
            }
            self.slots = before;
            return;
        }
        let names: Vec<String> = before.iter().map(|slot| slot.name.clone()).collect();
        let mut before: HashMap<String, SeenSlot> =
            before.into_iter().map(|slot| (slot.name.clone(), slot)).collect();
        for (index, (name, raw)) in fields.into_iter().enumerate() {
            let Some(name) = name.or_else(|| names.get(index).cloned()) else { continue };
            let slot = match before.remove(&name) {
                Some(slot) if slot.raw.same_value(raw) => slot,
                _ => {
                    round.report(Some((&name).into()));
                    SeenSlot::new(name, raw, None)
                }
            };
            self.slots.push(slot);
        }
        names
            .iter()
            .filter(|name| before.contains_key(*name))
            .for_each(|name| round.report(Some(name.into())));
    }

    fn compare_items(&mut self, items: &[Raw], round: &mut Round) {
        let before = std::mem::take(&mut self.slots);
        if items.len() < before.len() {
            round.report(None);
        }
        for (index, raw) in items.iter().enumerate() {
            if before.get(index).is_none_or(|slot| !slot.raw.same_value(*raw)) {
                round.report(Some(index.into()));
            }
        }
        // Items move; what they name stays what it is.
        let mut nodes: HashMap<NodeId, Seen> =
            before.into_iter().filter_map(|slot| Some((slot.raw.id()?, slot.node?))).collect();
        let slot = |raw: &Raw| SeenSlot::new(String::new(), *raw, raw.id().and_then(|id| nodes.remove(&id)));
        self.slots = items.iter().map(slot).collect();
    }
}
