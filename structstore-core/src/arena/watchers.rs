//! The registry of watchers: which nodes are watched.
//!
//! Records and marks change under the heap lock: the record comes before the marks and goes after them, so that the marks
//! of a watcher that died on its way in or out are found, and taken off. A thread that notifies watchers reads records
//! without it.
//!
//! Only a walk over all watchers shows which marks are no longer needed. A process that drops many of them takes their
//! marks off together: until then their records are marked as leaving, and do not count.

use std::sync::atomic::Ordering as LocalOrdering;

use super::layout::Watcher;
use super::{Arena, HeapGuard};
use crate::error::{Error, ErrorKind, Result};
use crate::lock::{Mode, NodeHead, NodeId, Space, Wait, generation};
use crate::notice::{self, Notices};
use crate::sync::{Ordering, fence};

/// The most watchers of a segment at a time.
const MAX_WATCHERS: u32 = 1 << 16;

/// Marks are taken off when one watcher is leaving for this many that stay: each is visited about as often when many
/// are dropped.
const FOR_EACH_LEAVING: u64 = 16;

impl Arena {
    /// Whether there is any watcher.
    #[inline(always)]
    pub(crate) fn watching(&self) -> bool {
        self.header().watching.load(Ordering::Relaxed) != 0
    }

    /// Registers this process as a watcher of a node. Returns the watcher's place.
    pub(crate) fn watch(&self, id: NodeId) -> Result<u32> {
        if !self.writable() {
            return Err(self.refusal());
        }
        let mut heap = HeapGuard::lock(self, self.owner(), &Wait::FOREVER)?;
        let place = match self.free_place() {
            Err(error) if error.kind() == ErrorKind::TooMany => {
                self.take_off(&mut heap, self.participant_index())?;
                self.free_place()?
            }
            found => found?,
        };
        let mut section = heap.section();
        section.ensure::<Watcher>(place)?;
        let record = self.record::<Watcher>(place)?;
        section.set(&record.leaving, 0)?;
        section.set(&record.node, u64::from(id.index) | u64::from(id.generation) << 32)?;
        section.set(&record.participant, u64::from(self.participant_index()) + 1)?;
        section.add(&self.header().watching, 1)?;
        section.commit();
        notice::mark(self, id.index)?;
        Ok(place)
    }

    fn free_place(&self) -> Result<u32> {
        let used = self.unused::<Watcher>()?;
        for place in 0..used.min(MAX_WATCHERS) {
            if self.record::<Watcher>(place)?.participant.load(Ordering::Relaxed) == 0 {
                return Ok(place);
            }
        }
        if used >= MAX_WATCHERS {
            return Err(Error::too_many("watchers", MAX_WATCHERS as usize));
        }
        Ok(used)
    }

    /// Removes a watcher of this process.
    pub(crate) fn unwatch(&self, place: u32) -> Result<()> {
        let mut heap = HeapGuard::lock(self, self.owner(), &Wait::QUIET)?;
        self.depart(&mut heap, self.record(place)?)?;
        let leaving = self.leaving.fetch_add(1, LocalOrdering::Relaxed).saturating_add(1);
        let left = self.header().watching.load(Ordering::Relaxed);
        if leaving.saturating_mul(FOR_EACH_LEAVING) < left {
            return Ok(());
        }
        self.take_off(&mut heap, self.participant_index())
    }

    /// Has a watcher no longer count.
    fn depart(&self, heap: &mut HeapGuard<'_>, record: &Watcher) -> Result<()> {
        let watching = &self.header().watching;
        let mut section = heap.section();
        section.set(&record.leaving, 1)?;
        section.set(watching, watching.load(Ordering::Relaxed).saturating_sub(1))?;
        section.commit();
        Ok(())
    }

    /// Takes off the marks of a participant's watchers that are leaving, and gives their records back. May be done
    /// again if a process died in the middle of it.
    fn take_off(&self, heap: &mut HeapGuard<'_>, participant: u32) -> Result<()> {
        if participant == self.participant_index() {
            self.leaving.store(0, LocalOrdering::Relaxed);
        }
        let records = self.watchers_of(participant)?;
        let leaving = |record: &&&Watcher| record.leaving.load(Ordering::Relaxed) != 0;
        let nodes = records.iter().filter(leaving).map(|record| record.node.load(Ordering::Relaxed) as u32);
        notice::unmark(self, &nodes.collect::<Vec<u32>>());
        for record in records.iter().filter(leaving) {
            let mut section = heap.section();
            section.set(&record.leaving, 0)?;
            section.set(&record.participant, 0)?;
            section.commit();
        }
        Ok(())
    }

    /// The watchers of a participant, also those that are leaving.
    fn watchers_of(&self, participant: u32) -> Result<Vec<&Watcher>> {
        let mut records = Vec::new();
        for place in 0..self.used::<Watcher>().min(MAX_WATCHERS) {
            let record = self.record::<Watcher>(place)?;
            if record.participant.load(Ordering::Acquire) == u64::from(participant) + 1 {
                records.push(record);
            }
        }
        Ok(records)
    }

    /// Wakes the watchers of this process, to notice something that is in no segment.
    pub(crate) fn wake_own_watchers(&self) {
        self.wake_watchers(|place| self.is_own_watcher(place));
    }

    /// Wakes those that sleep as some of the watchers.
    pub(crate) fn wake_watchers(&self, chosen: impl Fn(u32) -> bool) {
        if !self.backed_for_writing() {
            return;
        }
        fence(Ordering::SeqCst);
        for place in (0..self.used::<Watcher>().min(MAX_WATCHERS)).filter(|place| chosen(*place)) {
            let watched =
                self.record::<Watcher>(place).map(|record| record.node.load(Ordering::Acquire) as u32);
            if let Ok(node) = watched.and_then(|node| self.node(node)) {
                node.head.notice.wake();
            }
        }
    }

    /// Whether a watcher is this process's own, and not that of the parent from which it was inherited.
    pub(crate) fn is_own_watcher(&self, place: u32) -> bool {
        let owner = self.record::<Watcher>(place).map(|record| record.participant.load(Ordering::Acquire));
        owner.is_ok_and(|owner| owner == u64::from(self.participant_index()) + 1)
    }

    /// Removes all watchers of a participant.
    pub(crate) fn drop_watchers(&self, participant: u32) -> Result<()> {
        // Most have none, and the heap is not locked for nothing.
        if self.watchers_of(participant)?.is_empty() {
            return Ok(());
        }
        self.drop_watchers_under(&mut HeapGuard::lock(self, self.owner(), &Wait::QUIET)?, participant)
    }

    /// Removes all watchers of a participant, under a heap lock that the caller has.
    pub(crate) fn drop_watchers_under(&self, heap: &mut HeapGuard<'_>, participant: u32) -> Result<()> {
        for record in self.watchers_of(participant)? {
            if record.leaving.load(Ordering::Relaxed) == 0 {
                self.depart(heap, record)?;
            }
        }
        self.take_off(heap, participant)
    }

    /// Notifies watchers of a change that was not made under a lock, or whose writer died in the middle of it.
    pub(crate) fn tell(&self, node: u32, mode: Mode) {
        if self.watching() {
            notice::count(self, node, mode).wake();
        }
    }
}

impl Notices for Arena {
    fn watched(&self, mut visit: impl FnMut(u32)) {
        for place in 0..self.used::<Watcher>().min(MAX_WATCHERS) {
            let Ok(record) = self.record::<Watcher>(place) else { return };
            let there = record.participant.load(Ordering::Acquire) != 0;
            let node = record.node.load(Ordering::Acquire);
            let lives =
                |head: &NodeHead| u64::from(generation(head.identity.load(Ordering::Acquire))) == node >> 32;
            if there && record.leaving.load(Ordering::Acquire) == 0 && self.head(node as u32).is_ok_and(lives)
            {
                visit(node as u32);
            }
        }
    }
}
