//! The names by which this process has a segment open, and what becomes of them when it closes them or ends.
//!
//! A name goes with the last process that leaves the segment. A process is attached for as long as anything in it uses the
//! memory: a view of an array, or a watch, outlives the store that it came from. So the name is looked after when a store is
//! closed and when the attachment ends, and, for stores that are never closed, when the process does.

use std::sync::{Arc, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use super::layout::{ENDED, INHERITED, LEAVING, OBSERVING, Participant};
use super::{Arena, HeapGuard};
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::Result;
use crate::lock::Wait;
use crate::segment::{Liveness, Place};
use crate::sync::{AtomicU64, Ordering, lock};

/// How long closing waits for others who are opening, before it leaves the name to them.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The same, for a process that is ending.
const END_TIMEOUT: Duration = Duration::from_millis(100);

/// How long a name is kept for forked children that may be about to execute another program.
const EXEC_TIME: Duration = Duration::from_millis(100);

/// How long to sleep between two looks at them.
const POLL: Duration = Duration::from_millis(1);

/// What closing a shared store does to its name.
///
/// ```
/// use structstore::{Cleanup, StructStoreShared};
///
/// # let name = format!("/structstore_cleanup_{}", std::process::id());
/// let kept = StructStoreShared::options().cleanup(Cleanup::Never);
/// kept.open(&name)?.set("num", 5)?;
/// let store = StructStoreShared::open(&name)?; // `IfLast`: nobody else is attached when it is closed
/// assert_eq!(store.get::<i32>("num")?, 5);
/// store.close()?;
/// assert!(kept.create(false).open(&name).is_err());
/// # Ok::<(), structstore::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Cleanup {
    /// The segment stays, with what it holds.
    Never,
    /// The name is removed if no other process is attached, which the kernel knows, also of those that were killed.
    #[default]
    IfLast,
    /// The name is removed in any case. A process that is attached keeps the segment; one that opens the name gets a new
    /// one. In a forked child, what it inherited closes as with `IfLast`.
    Always,
}

/// A name under which this process has opened the segment.
pub(crate) struct Opening {
    pub(crate) place: Place,
    /// Device and inode of the segment.
    pub(crate) file: (u64, u64),
    cleanup: Cleanup,
    /// What the arena said when it was opened: a child's copy is not to remove its parent's name.
    forks: u32,
}

impl Opening {
    /// One that nothing is done about: an observer's.
    pub(crate) fn unlisted(place: Place, file: (u64, u64)) -> Arc<Opening> {
        Arc::new(Opening { place, file, cleanup: Cleanup::Never, forks: 0 })
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
    pub(crate) fn open(&self, place: Place, file: (u64, u64), cleanup: Cleanup) -> Arc<Opening> {
        let opening = Arc::new(Opening { place, file, cleanup, forks: self.forks() });
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
            || opening.cleanup == Cleanup::Never
            || self.remove_name(opening, always, CLOSE_TIMEOUT)?
        {
            return Ok(());
        }
        lock(&self.openings).left = Some(Arc::clone(opening));
        Ok(())
    }

    fn is_always(&self, opening: &Opening) -> bool {
        opening.cleanup == Cleanup::Always && opening.forks == self.forks()
    }

    /// Removes a name, if no other process is attached or in any case. Returns whether the name is settled.
    fn remove_name(&self, opening: &Opening, always: bool, patience: Duration) -> Result<bool> {
        let Some(liveness) = self.liveness().filter(|_| self.backed_for_writing()) else { return Ok(true) };
        // No process opens or joins meanwhile; one that waits to do so finds out that the name leads elsewhere.
        let Ok(_init) = liveness.lock_init(&opening.place, patience) else { return Ok(false) };
        self.remove_name_now(opening, always, liveness)
    }

    /// The same for a process that is ending, which says so in its record before others can look: of two that end at once, the
    /// later one knows that the earlier one goes, too.
    fn remove_name_at_end(&self, opening: &Opening, always: bool, state: &AtomicU64) {
        let Some(liveness) = self.liveness() else { return };
        let init = liveness.lock_init(&opening.place, END_TIMEOUT);
        let settled = init.is_ok() && self.remove_name_now(opening, always, liveness).unwrap_or(false);
        state.store(if settled { ENDED } else { LEAVING }, Ordering::Release);
    }

    fn remove_name_now(&self, opening: &Opening, always: bool, liveness: &Liveness) -> Result<bool> {
        let place = &opening.place;
        let start = Instant::now();
        while !always && liveness.others(place)? {
            match self.others()? {
                Others::Ending => break,
                Others::Children if start.elapsed() < EXEC_TIME => std::thread::sleep(POLL),
                Others::Children | Others::Attached => return Ok(false),
            }
        }
        if !always && !lock(&self.openings).open.is_empty() {
            return Ok(false);
        }
        if place.leads_to(opening.file.0, opening.file.1) {
            place.unlink()?;
        }
        Ok(true)
    }

    /// What is to be expected of those that are attached besides this process.
    pub(crate) fn others(&self) -> Result<Others> {
        let Some(liveness) = self.liveness().filter(|liveness| !liveness.has_readers()) else {
            return Ok(Others::Attached);
        };
        let mut others = Others::Ending;
        let own = self.writable().then(|| self.participant_index());
        for index in (0..self.used::<Participant>()).filter(|index| Some(*index) != own) {
            if !liveness.is_claimed(index) {
                continue;
            }
            match self.record::<Participant>(index)?.state.load(Ordering::Acquire) {
                LEAVING | ENDED | OBSERVING => {}
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
        if let Some(opening) = left {
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
        let to_go = open.iter().rfind(|opening| opening.cleanup != Cleanup::Never);
        match (always, to_go.or(left.as_ref())) {
            (Some(opening), _) => self.remove_name_at_end(opening, true, &record.state),
            (None, Some(opening)) => self.remove_name_at_end(opening, false, &record.state),
            (None, None) => record.state.store(ENDED, Ordering::Release),
        }
    }
}

/// Those that are attached besides a process.
#[derive(PartialEq)]
pub(crate) enum Others {
    /// All of them are about to go, or observe.
    Ending,
    /// All of them are, or are forked children that have not used the store: most of these execute another program.
    Children,
    Attached,
}
