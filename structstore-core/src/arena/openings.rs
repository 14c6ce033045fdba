//! The names by which this process has a segment open, and what becomes of them when it closes them or ends.
//!
//! A name goes with the last process that leaves the segment. A process is attached for as long as anything in it uses the
//! memory: a view of an array, or a watch, outlives the store that it came from. So the name is looked after when a store is
//! closed and when the attachment ends, and, for stores that are never closed, when the process does.

use std::sync::{Arc, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use super::layout::{ATTACHED, DEAD, ENDED, INHERITED, LEAVING, OBSERVING, PERSISTENT, Participant};
use super::{Arena, HeapGuard};
use crate::error::{Error, ErrorKind, INITIALISING, Result};
use crate::lock::Wait;
use crate::segment::{Backing, InitLock, Liveness, Place};
use crate::sync::{AtomicU64, Ordering, lock};

/// How long closing waits for others who are opening, before it leaves the name to them.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The same, for a process that is ending.
const END_TIMEOUT: Duration = Duration::from_millis(100);

/// How long a name is kept for forked children that may be about to execute another program.
const EXEC_TIME: Duration = Duration::from_millis(100);

/// How long a process that may be interrupted waits for the init lock at a time.
const INIT_SLICE: Duration = Duration::from_millis(100);

/// How long to sleep between two looks at them.
const POLL: Duration = Duration::from_millis(1);

/// How long a new store is to live: what its creator asks for, and the segment remembers.
///
/// It matters to the process that creates the store, or re-initialises it, and to no other. A store that nobody asks
/// anything for is transient, and one in a file is persistent.
///
/// ```
/// use structstore::{Cleanup, StructStoreShared};
///
/// # let name = format!("/structstore_cleanup_{}", std::process::id());
/// let kept = StructStoreShared::options().cleanup(Cleanup::Never);
/// kept.open(&name)?.set("num", 5)?;
/// let store = StructStoreShared::open(&name)?; // whatever this process asks for, the store is persistent
/// assert_eq!(store.get::<i32>("num")?, 5);
/// store.close()?;
/// assert!(kept.create(false).open(&name).is_ok());
/// StructStoreShared::unlink(&name)?;
/// # Ok::<(), structstore::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Cleanup {
    /// The store is persistent: it stays until it is [unlinked](crate::StructStoreShared::unlink).
    Never,
    /// The store is transient: its name goes with the last process that is attached to change it. The kernel says which are, also of
    /// processes that were killed.
    #[default]
    IfLast,
    /// The store is transient, and its creator removes the name when it closes the store. Processes that are attached keep the
    /// segment, and their watches end; one that opens the name gets a new store. A forked child is not the creator.
    Always,
}

/// A name under which this process has opened the segment.
pub(crate) struct Opening {
    pub(crate) place: Place,
    /// Device and inode of the segment.
    pub(crate) file: (u64, u64),
    /// Whether the name goes when this is closed, whoever else is attached.
    always: bool,
    /// What the arena said when it was opened: a child's copy is not to remove its parent's name.
    forks: u32,
    /// The root that the header named then.
    root: u64,
}

impl Opening {
    /// One that nothing is done about: an observer's.
    pub(crate) fn unlisted(place: Place, file: (u64, u64)) -> Arc<Opening> {
        Arc::new(Opening { place, file, always: false, forks: 0, root: 0 })
    }
}

#[derive(Default)]
pub(crate) struct Openings {
    open: Vec<Arc<Opening>>,
    /// What was closed last, if its name was to go and other processes were attached.
    left: Option<Arc<Opening>>,
}

impl Arena {
    /// Takes note of a store that was opened.
    pub(crate) fn open(&self, place: Place, file: (u64, u64), always: bool) -> Arc<Opening> {
        let root = self.header().root.load(Ordering::Acquire);
        let opening = Arc::new(Opening { place, file, always, forks: self.forks(), root });
        lock(&self.openings).open.push(Arc::clone(&opening));
        opening
    }

    /// Closes it, and removes its name if it is to go now; never, if the name is another segment's by now (`keep_name`).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) if the name could not be removed.
    pub(crate) fn close(&self, opening: &Arc<Opening>, keep_name: bool) -> Result<()> {
        let always = self.is_always(opening) && !keep_name;
        {
            let mut openings = lock(&self.openings);
            openings.open.retain(|other| !Arc::ptr_eq(other, opening));
            if !openings.open.is_empty() && !always {
                return Ok(());
            }
            openings.left = None;
        }
        if keep_name
            || (always || self.goes_with_last()) && self.remove_name(opening, always, CLOSE_TIMEOUT)?
        {
            return Ok(());
        }
        // What keeps the attachment may still change the store.
        lock(&self.openings).left = Some(Arc::clone(opening));
        Ok(())
    }

    /// Whether the name goes in any case: its creator closes the store, which is still the one that it has created.
    fn is_always(&self, opening: &Opening) -> bool {
        opening.always
            && opening.forks == self.forks()
            && opening.root == self.header().root.load(Ordering::Acquire)
    }

    /// Whether the name goes with the last process that is attached to change the store.
    fn goes_with_last(&self) -> bool {
        let header = self.header();
        header.lifetime.load(Ordering::Acquire) != PERSISTENT && header.untouched.load(Ordering::Acquire) == 0
    }

    /// Takes note of an orphan that this process has attached to, under the init lock.
    pub(crate) fn find_orphan(&self, wait: &Wait) -> Result<()> {
        let header = self.header();
        if header.lifetime.load(Ordering::Acquire) == PERSISTENT || self.is_shared()? {
            return Ok(());
        }
        let mut heap = HeapGuard::lock(self, self.owner(), wait)?;
        let mut section = heap.section();
        section.add(&header.orphaned, 1)?;
        section.set(&header.untouched, 1)?;
        section.commit();
        Ok(())
    }

    /// Counts from now on, if this process only observed.
    pub(crate) fn join_counted(&self, wait: &Wait) -> Result<()> {
        if self.count(wait)? {
            self.find_orphan(wait)?;
        }
        Ok(())
    }

    /// Whether nothing was changed since the store was found as an orphan.
    pub(crate) fn is_untouched(&self) -> bool {
        self.header().untouched.load(Ordering::Acquire) != 0
    }

    /// Takes over what was an orphan: this process is about to change it.
    #[cold]
    pub(crate) fn touch(&self) {
        if self.writable() {
            self.header().untouched.store(0, Ordering::Release);
        }
    }

    /// Takes the init lock through the arena's own description, which all threads of this process share: hence the mutex. Runs no signal
    /// handlers.
    fn lock_init<'a>(
        &'a self,
        liveness: &Liveness,
        place: &Place,
        timeout: Duration,
    ) -> Result<(InitLock, MutexGuard<'a, ()>)> {
        let start = Instant::now();
        let own = loop {
            match self.init.try_lock() {
                Ok(own) => break own,
                Err(TryLockError::Poisoned(poisoned)) => break poisoned.into_inner(),
                // Bounded, for in a forked child it may stay locked by a thread that is not there.
                Err(TryLockError::WouldBlock) if start.elapsed() < timeout => std::thread::sleep(POLL),
                Err(TryLockError::WouldBlock) => {
                    return Err(Error::not_ready(place.to_string(), INITIALISING, start.elapsed()));
                }
            }
        };
        Ok((liveness.lock_init(place, timeout.saturating_sub(start.elapsed()))?, own))
    }

    /// Removes a name, if no other process is attached or in any case. Returns whether the name is settled.
    fn remove_name(&self, opening: &Opening, always: bool, patience: Duration) -> Result<bool> {
        let Some(liveness) = self.liveness().filter(|_| self.backed_for_writing()) else { return Ok(true) };
        // No process opens or joins meanwhile; one that waits to do so finds out that the name leads elsewhere.
        let Ok(_init) = self.lock_init(liveness, &opening.place, patience) else { return Ok(false) };
        self.remove_name_now(opening, always, liveness)
    }

    /// The same for a process that is ending, which says so in its record before others can look: of two that end at once, the
    /// later one knows that the earlier one goes, too.
    fn remove_name_at_end(&self, opening: &Opening, always: bool, state: &AtomicU64) {
        let Some(liveness) = self.liveness() else { return };
        let init = self.lock_init(liveness, &opening.place, END_TIMEOUT);
        let settled = init.is_ok() && self.remove_name_now(opening, always, liveness).unwrap_or(false);
        state.store(if settled { ENDED } else { LEAVING }, Ordering::Release);
    }

    fn remove_name_now(&self, opening: &Opening, always: bool, liveness: &Liveness) -> Result<bool> {
        let place = &opening.place;
        // It may have been re-initialised before the init lock was granted.
        let always = always && self.is_always(opening);
        if !always && !self.goes_with_last() {
            return Ok(true);
        }
        if !always && liveness.others(place)? && self.is_shared()? {
            return Ok(false);
        }
        if !always && !lock(&self.openings).open.is_empty() {
            return Ok(false);
        }
        self.unlink_now(opening)?;
        Ok(true)
    }

    /// Removes the name, under the init lock, unless it is another segment's by now.
    fn unlink_now(&self, opening: &Opening) -> Result<()> {
        let named = opening.place != Place::Descriptor;
        if named && opening.place.leads_to(opening.file.0, opening.file.1) {
            opening.place.unlink()?;
            // Not where it has another name.
            if self.segment().backing().is_nameless() {
                self.tell_removed();
            }
        }
        Ok(())
    }

    /// Removes the name of a store that this process observes, if `may` says under the init lock that it may.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotReady`], [`ErrorKind::Io`], and what `may` says.
    pub(crate) fn unlink(
        &self,
        opening: &Opening,
        timeout: Duration,
        may: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        let Some(liveness) = self.liveness() else { return Ok(()) };
        let _init = in_slices(timeout, |slice| self.lock_init(liveness, &opening.place, slice))?;
        may()?;
        self.unlink_now(opening)
    }

    /// Fails if a process has the store open to change it.
    pub(crate) fn ensure_unused(&self) -> Result<()> {
        if self.own_state() == ATTACHED && self.writable() || self.is_shared()? {
            return Err(Error::new(ErrorKind::InUse).of(self.place()));
        }
        Ok(())
    }

    /// Marks the segment as one whose name is gone, and ends the watches of those that have it.
    pub(crate) fn tell_removed(&self) {
        if self.backed_for_writing() {
            self.header().removed.store(1, Ordering::Release);
            self.wake_watchers(|_| true);
        }
    }

    /// Takes note that a name leads here after all. The caller has the init lock.
    pub(crate) fn tell_found(&self) {
        if self.is_removed() && self.writable() {
            self.header().removed.store(0, Ordering::Release);
        }
    }

    /// Whether the name was removed: this segment is not to be found any more.
    pub(crate) fn is_removed(&self) -> bool {
        self.header().removed.load(Ordering::Acquire) != 0
    }

    /// Whether the name is gone, also if the process that removed it could not mark the segment: it died, or had no write permission.
    pub(crate) fn is_gone(&self) -> bool {
        let backing = self.segment().backing();
        let named = matches!(backing, Backing::File { place: Place::Name(_) | Place::Path(_), .. });
        self.is_removed() || named && backing.is_nameless()
    }

    /// Whether other processes have the store open to change it. Forked children that may be about to execute another program are
    /// given a moment to do so.
    pub(crate) fn is_shared(&self) -> Result<bool> {
        let start = Instant::now();
        loop {
            match self.others()? {
                Others::Ending => return Ok(false),
                Others::Children if start.elapsed() < EXEC_TIME => std::thread::sleep(POLL),
                Others::Children | Others::Attached => return Ok(true),
            }
        }
    }

    /// What is to be expected of those that are attached besides this process.
    fn others(&self) -> Result<Others> {
        let Some(liveness) = self.liveness() else { return Ok(Others::Attached) };
        let mut others = Others::Ending;
        let own = self.writable().then(|| self.participant_index());
        for index in (0..self.used::<Participant>()).filter(|index| Some(*index) != own) {
            if !liveness.is_claimed(index) {
                continue;
            }
            match self.record::<Participant>(index)?.state.load(Ordering::Acquire) {
                LEAVING | ENDED | OBSERVING | DEAD => {}
                // Nobody opens meanwhile: whoever is not in the place yet is to be a child.
                0 | INHERITED => others = Others::Children,
                _ => return Ok(Others::Attached),
            }
        }
        Ok(others)
    }

    /// Removes the name that was left because other processes were attached, if these have gone. This one has given up its
    /// own byte, so that of two processes that leave at once the later one finds nobody.
    pub(crate) fn remove_name_left(&self) {
        let left = lock(&self.openings).left.take();
        if let Some(opening) = left.filter(|_| self.goes_with_last()) {
            let _ = self.remove_name(&opening, false, CLOSE_TIMEOUT);
        }
    }

    /// Does to the names of stores that are still open what closing them would do, and says that this participant was not
    /// killed. The process is ending, but its other threads may still be at work: they keep what they have, and whatever is
    /// left of it is repaired like the remains of the dead.
    pub(crate) fn end(&self) {
        if !self.writable() {
            return;
        }
        let (open, left) = match self.openings.try_lock() {
            Ok(mut openings) => (std::mem::take(&mut openings.open), openings.left.take()),
            Err(TryLockError::Poisoned(poisoned)) => {
                let mut openings = PoisonError::into_inner(poisoned);
                (std::mem::take(&mut openings.open), openings.left.take())
            }
            // A thread that is opening or closing.
            Err(TryLockError::WouldBlock) => return,
        };
        // Or all writers would go on telling them. Other threads may be using the rest.
        let heap = HeapGuard::lock(self, self.owner(), &Wait::BRIEF.within(Duration::ZERO));
        if let Ok(mut heap) = heap {
            let _ = self.drop_watchers_under(&mut heap, self.participant_index());
        }
        let Ok(record) = self.record::<Participant>(self.participant_index()) else { return };
        let always = open.iter().find(|opening| self.is_always(opening));
        let to_go = open.last().or(left.as_ref()).filter(|_| self.goes_with_last());
        match (always, to_go) {
            (Some(opening), _) => self.remove_name_at_end(opening, true, &record.state),
            (None, Some(opening)) => self.remove_name_at_end(opening, false, &record.state),
            (None, None) => record.state.store(ENDED, Ordering::Release),
        }
    }
}

/// Takes the right to initialise, join or unlink, and lets signal handlers run while it waits.
pub(crate) fn lock_init(liveness: &Liveness, place: &Place, timeout: Duration) -> Result<InitLock> {
    in_slices(timeout, |slice| liveness.lock_init(place, slice))
}

/// Waits for something in slices, between which signal handlers may run.
fn in_slices<T>(timeout: Duration, wait: impl Fn(Duration) -> Result<T>) -> Result<T> {
    let start = Instant::now();
    loop {
        let left = timeout.saturating_sub(start.elapsed());
        match wait(left.min(INIT_SLICE)) {
            Err(error) if error.kind() == ErrorKind::NotReady && start.elapsed() < timeout => {
                Wait::FOREVER.check()?;
            }
            other => return other,
        }
    }
}

/// Those that are attached besides a process.
enum Others {
    /// All of them are about to go, or observe.
    Ending,
    /// All of them are, or are forked children that have not used the store: most of these execute another program.
    Children,
    Attached,
}
