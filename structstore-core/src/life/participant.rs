//! How a process joins a store, and leaves it.

use std::sync::atomic::Ordering as LocalOrdering;

use super::process;
use crate::arena::layout::{OBSERVING, PERSISTENT, Participant};
use crate::arena::{Arena, HeapGuard, NO_PLACE};
use crate::error::{Error, Result};
use crate::lock::Wait;
use crate::segment::{Backing, Liveness, PARTICIPANTS};
use crate::sync::Ordering;

impl Arena {
    /// Takes a place among the participants, and repairs what others who died have left.
    pub(crate) fn join(&self, wait: &Wait) -> Result<()> {
        let Some(liveness) = &self.liveness else {
            return self.enter(0, self.own_state(), wait);
        };
        let taken = self.take_place(liveness, self.own_state(), wait, |index| {
            self.participant.store(index, LocalOrdering::Relaxed)
        });
        if let Err(error) = taken {
            // Nothing is given back in the name of somebody else.
            self.participant.store(NO_PLACE, LocalOrdering::Relaxed);
            return Err(error);
        }
        self.repair_dead()?;
        Ok(())
    }

    /// Takes the first place among the participants whose byte is to be had, and says what state it is in.
    /// `taken` learns which before anything is done in its name.
    pub(crate) fn take_place(
        &self,
        liveness: &Liveness,
        state: u64,
        wait: &Wait,
        taken: impl Fn(u32),
    ) -> Result<u32> {
        let Backing::File { place, .. } = self.segment.backing() else { return Ok(0) };
        for index in 0..PARTICIPANTS {
            if !liveness.claim(index, place)? {
                continue;
            }
            taken(index);
            // Whoever had this place may have died in the heap, which must not be entered in its name before.
            self.repair_heap(index)?;
            // What is repaired next waits for the heap without a bound.
            drop(HeapGuard::lock(self, self.owner(), wait)?);
            self.repair(index)?;
            self.enter(index, state, wait)?;
            return Ok(index);
        }
        Err(Error::too_many("processes attached", PARTICIPANTS as usize))
    }

    /// Whether this is a transient store that no living process has open to change it.
    pub(crate) fn is_orphan(&self) -> Result<bool> {
        let counts = self.writable() && self.own_state() != OBSERVING;
        Ok(!counts && !self.is_removed() && self.is_left()?)
    }

    /// The same, but for this process.
    pub(crate) fn is_left(&self) -> Result<bool> {
        Ok(self.header().lifetime.load(Ordering::Acquire) != PERSISTENT && !self.is_shared()?)
    }

    fn enter(&self, index: u32, state: u64, wait: &Wait) -> Result<()> {
        let own = process::Identity::own();
        let mut heap = HeapGuard::lock(self, self.owner(), wait)?;
        let mut section = heap.section();
        section.ensure::<Participant>(index)?;
        let record = self.record::<Participant>(index)?;
        section.set(&record.pid, own.pid)?;
        section.set(&record.start, own.start)?;
        section.set(&record.namespace, own.namespace)?;
        section.set(&record.library, process::LIBRARY)?;
        // Last, so that the pid of a participant is its own.
        section.set(&record.state, state)?;
        section.commit();
        Ok(())
    }

    /// Gives the place among the participants and all seats back.
    fn leave(&self) -> Result<()> {
        let own = self.participant_index();
        for index in self.seats_of(own) {
            if self.is_busy(index)? {
                // There is no guard any more, or it would keep the arena: this is what is left of an operation that failed,
                // or damage.
                self.repair(own)?;
                return Ok(());
            }
        }
        self.drop_watchers(own)?;
        for index in self.seats_of(own) {
            self.free_seat(index)?;
        }
        let mut heap = HeapGuard::lock(self, self.owner(), &Wait::QUIET)?;
        let mut section = heap.section();
        section.set(&self.participant()?.state, 0)?;
        section.commit();
        Ok(())
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // A segment too broken to leave is left as it is: the kernel tells the others that we are gone. This process may
        // attach again; what this participant has left is not its, then.
        if self.writable()
            && self.leave().is_err()
            && let Ok(record) = self.participant()
        {
            record.pid.store(0, Ordering::Release);
        }
        if let Some(liveness) = &self.liveness {
            liveness.disclaim(self.participant_index());
        }
        // From here on, the place may be another process's.
        self.participant.store(NO_PLACE, LocalOrdering::Relaxed);
        self.remove_name_left();
        // First, so that what follows leads to the file alone.
        drop(self.liveness.take());
        self.segment.release();
    }
}
