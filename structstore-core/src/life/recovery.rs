//! Repairing what participants that died have left.
//!
//! A participant is dead if its lock byte can be had: the kernel keeps it for as long as the process has its page mapped
//! ([`descriptions`](crate::segment::descriptions)), whatever it does with its descriptors. Who has the byte
//! is the only process to repair, for as long as it lives; within a process a set of participants under repair excludes
//! other threads, to whom the kernel would grant the byte as well, and this one, when it comes across the same remains
//! while it repairs.
//!
//! The order: the heap, since everything else needs it; the seats' operations, undone or finished, under the locks that
//! the dead seats still hold; then these locks; leases and watchers; seats; last of all the participant itself. Each step leaves its
//! remains findable until it is done, and may be done again, so that a repairer may die as well.

use std::ptr;

use super::process;
use crate::arena::layout::{
    ATTACHED, DEAD, ENDED, HELD, HELD_BELOW, INHERITED, LeaseBlock, Participant, RECOVERED, Seat,
};
use crate::arena::lease::{drop_lease, endless, is_pin, most_blocks};
use crate::arena::{Arena, HeapGuard, participant_owner, undo};
use crate::error::{Error, Result};
use crate::journal;
use crate::limits::MAX_DEPTH;
use crate::lock::{Mode, SeatLine, Wait, bury, generation, hold_index, names};
use crate::node::stream;
use crate::segment::{Backing, Liveness, PARTICIPANTS, Place};
use crate::sync::{AtomicU64, Ordering, futex_wake_one, lock};

fn load(word: &AtomicU64) -> u64 {
    word.load(Ordering::Acquire)
}

impl Arena {
    /// Repairs what the participant of a seat has left, if it is dead. For threads that wait for the seat to change a word:
    /// its hold, or the lock word of a node that it has.
    ///
    /// # Errors
    ///
    /// If nobody has that seat, or it does not say itself what the word says, or what its participant has left cannot be
    /// repaired: then nobody is ever going to change it.
    pub(crate) fn suspect_seat(&self, seat: u32, word: &AtomicU64) -> Result<()> {
        let nobody = || {
            Error::corrupt(
                "a lock",
                format_args!("seat {seat} as its holder, which does not hold it"),
                "the seat that holds it",
            )
        };
        let record = self.record::<Seat>(seat).map_err(|_| nobody())?;
        let participant = record.participant.load(Ordering::Acquire).checked_sub(1).ok_or_else(nobody)?;
        let participant = u32::try_from(participant).map_err(|_| nobody())?;
        // Who may not write is no participant, and has no seats.
        if participant == self.participant_index() && self.writable() {
            if !self.has_claimed(seat) {
                return Err(nobody());
            }
        } else {
            self.repair_if_dead(participant)?;
            if !self.is_there(participant) {
                return Err(nobody());
            }
        }
        let holds = self.record::<SeatLine>(seat)?.all();
        // No hold outlives the node that it names, but for a moment: for as long as its thread does not run. This one runs.
        let mine = self.own_seats().contains(&seat);
        let explains = |hold: &AtomicU64| {
            let named = hold.load(Ordering::Acquire);
            let Some(node) = self.node(hold_index(named)).ok().filter(|_| named != 0) else { return false };
            (ptr::eq(hold, word) || ptr::eq(&node.head.word, word))
                && (!mine || names(named, generation(node.head.identity.load(Ordering::Acquire))))
        };
        if holds.iter().any(explains) { Ok(()) } else { Err(nobody()) }
    }

    /// The same for who has the heap lock.
    pub(crate) fn suspect_heap_owner(&self, lock: u64) -> Result<()> {
        let nobody = || {
            Error::corrupt(
                "the heap",
                format_args!("{lock:#x} as the owner of the heap lock"),
                "an existing owner",
            )
        };
        let participant = self.heap_owner(lock).ok_or_else(nobody)?;
        self.repair_if_dead(participant)?;
        let entered = self.header().heap.entered.load(Ordering::Acquire);
        let record = self.record::<Participant>(participant)?;
        // Between two instructions it has the lock and does not say so. There it may be stopped.
        let explained =
            entered >> 1 == lock >> 1 || self.is_visible(record) && process::is_stopped(load(&record.pid));
        if self.is_there(participant) && explained { Ok(()) } else { Err(nobody()) }
    }

    /// Whether there is such a participant, perhaps on its way in.
    pub(crate) fn is_there(&self, participant: u32) -> bool {
        let known = self.record::<Participant>(participant);
        known.is_ok_and(|record| record.state.load(Ordering::Acquire) != 0)
            || participant < PARTICIPANTS
                && self.liveness.as_ref().is_some_and(|liveness| liveness.is_claimed(participant))
    }

    /// Repairs what all participants that died have left. Returns how many these were.
    pub(crate) fn repair_dead(&self) -> Result<usize> {
        let mut repaired = 0_usize;
        // All that there is room for, whatever is said of how many there were.
        for participant in 0..self.room::<Participant>().min(PARTICIPANTS) {
            let record = self.record::<Participant>(participant)?;
            if record.state.load(Ordering::Acquire) != 0 && self.repair_if_dead(participant)? {
                repaired = repaired.saturating_add(1);
            }
        }
        Ok(repaired)
    }

    pub(crate) fn repair_if_dead(&self, participant: u32) -> Result<bool> {
        let (Some(liveness), Backing::File { place, .. }) = (&self.liveness, self.segment.backing()) else {
            return Ok(false);
        };
        if participant == self.participant_index() || participant >= PARTICIPANTS || !self.writable() {
            return Ok(false);
        }
        if !lock(&self.repairing).insert(participant) {
            return Ok(false);
        }
        let repaired = self.repair_if_claimed(participant, liveness, place);
        lock(&self.repairing).remove(&participant);
        repaired
    }

    fn repair_if_claimed(&self, participant: u32, liveness: &Liveness, place: &Place) -> Result<bool> {
        if !liveness.claim_dead(participant, place)? {
            return Ok(false);
        }
        let repaired = self.repair(participant);
        liveness.disclaim(participant);
        repaired
    }

    /// Whether the process of a seat is dead and nobody has repaired what it left. For those who cannot.
    pub(crate) fn is_dead(&self, seat: u32) -> Result<bool> {
        let Some(liveness) = &self.liveness else { return Ok(false) };
        let participant = self.record::<Seat>(seat)?.participant.load(Ordering::Acquire);
        let Some(participant) = participant.checked_sub(1).and_then(|index| u32::try_from(index).ok()) else {
            return Ok(false);
        };
        let state = self.record::<Participant>(participant)?.state.load(Ordering::Acquire);
        Ok(state != 0 && !liveness.is_claimed(participant))
    }

    /// Whether a participant is attached and its process alive.
    pub(crate) fn is_alive(&self, participant: u32) -> bool {
        // The kernel says nothing of one's own locks.
        let own = self.writable() && participant == self.participant_index();
        own || self.liveness.as_ref().is_none_or(|liveness| liveness.is_claimed(participant))
    }

    /// Whether the record of a participant names a process that this one can look up: its pid means something in this PID
    /// namespace, and is still its own.
    pub(crate) fn is_visible(&self, record: &Participant) -> bool {
        load(&record.namespace) == process::Identity::own().namespace
            && process::start(load(&record.pid)).is_some_and(|start| start == load(&record.start))
    }

    /// Repairs the remains of a participant whose byte this process has. Returns whether there were any.
    pub(crate) fn repair(&self, participant: u32) -> Result<bool> {
        self.repair_heap(participant)?;
        let record = self.record::<Participant>(participant);
        let state = record.as_ref().map_or(0, |record| record.state.load(Ordering::Acquire));
        let attached = state != 0;
        // A seat of one who is not attached comes from a damaged segment, and is given back as well.
        let seats = || self.seats_of(participant);
        if !attached && seats().next().is_none() {
            return Ok(false);
        }
        // Before others look: whoever repairs it has its byte meanwhile, and it is to keep no name.
        match (state, &record) {
            (ATTACHED, Ok(record)) => record.state.store(DEAD, Ordering::Release),
            (INHERITED, Ok(record)) => record.state.store(ENDED, Ordering::Release),
            _ => {}
        }
        let mut died = matches!(state, ATTACHED | DEAD);
        for seat in seats() {
            died |= self.is_busy(seat)?;
            journal::repair(self, self.owner(), self.record(seat)?)?;
        }
        for seat in seats() {
            bury(self, seat, self.record::<SeatLine>(seat)?, |node, mode| {
                if mode == Mode::Tree {
                    self.mark_recovered(node);
                }
                self.tell(node, mode);
            });
        }
        self.drop_leases(participant)?;
        self.drop_watchers(participant)?;
        for seat in seats() {
            self.free_seat(seat)?;
        }
        let mut heap = HeapGuard::lock(self, self.owner(), &Wait::QUIET)?;
        let mut section = heap.section();
        if died || !attached {
            section.add(&self.header().recoveries, 1)?;
        }
        if attached {
            section.set(&self.record::<Participant>(participant)?.state, 0)?;
        }
        section.commit();
        Ok(true)
    }

    /// The seats of a participant.
    pub(crate) fn seats_of(&self, participant: u32) -> impl Iterator<Item = u32> {
        (0..self.used::<Seat>()).filter(move |seat| {
            self.record::<Seat>(*seat)
                .is_ok_and(|record| record.participant.load(Ordering::Acquire) == u64::from(participant) + 1)
        })
    }

    /// Undoes the heap section in which a participant died, if it did so in one.
    pub(crate) fn repair_heap(&self, participant: u32) -> Result<()> {
        let heap = &self.header().heap;
        if self.heap_owner(heap.lock.load(Ordering::Acquire)) != Some(participant) {
            return Ok(());
        }
        undo(self, heap);
        if heap.lock.swap(0, Ordering::AcqRel) & 1 != 0 {
            futex_wake_one(&heap.lock);
        }
        Ok(())
    }

    /// The participant that has the heap lock, if one can.
    pub(crate) fn heap_owner(&self, lock: u64) -> Option<u32> {
        let owner = u32::try_from(lock >> 1).ok()?.checked_sub(1)?;
        let participant = match participant_owner(owner) {
            Some(participant) => participant,
            None => {
                let seat = self.record::<Seat>(owner).ok()?;
                u32::try_from(seat.participant.load(Ordering::Acquire)).ok()?.checked_sub(1)?
            }
        };
        (participant < PARTICIPANTS).then_some(participant)
    }

    /// Leaves word at a node that whoever held it died, and above it. Links that lead nowhere end the way.
    fn mark_recovered(&self, node: u32) {
        let mut at = node;
        for level in 0..MAX_DEPTH {
            let Ok(node) = self.node(at) else { return };
            let mark = if level == 0 { HELD } else { HELD_BELOW };
            node.head.hints.fetch_or(mark, Ordering::AcqRel);
            match node.head.parent.load(Ordering::Acquire).checked_sub(1).map(u32::try_from) {
                Some(Ok(parent)) => at = parent,
                _ => return,
            }
        }
    }

    /// Whether somebody died who held this node, something below it or all of something above it, exclusively.
    pub(crate) fn recovered(&self, node: u32) -> bool {
        let mut at = node;
        for level in 0..MAX_DEPTH {
            let Ok(node) = self.node(at) else { return false };
            let mark = if level == 0 { HELD | HELD_BELOW } else { HELD };
            if node.head.hints.load(Ordering::Acquire) & mark != 0 {
                return true;
            }
            match node.head.parent.load(Ordering::Acquire).checked_sub(1).map(u32::try_from) {
                Some(Ok(parent)) => at = parent,
                _ => return false,
            }
        }
        false
    }

    /// Takes the marks off a node whose exclusive holder knows of them.
    pub(crate) fn accept_recovered(&self, node: u32) {
        if let Ok(node) = self.node(node) {
            // The hints stay, and change only by read-modify-writes.
            if node.head.hints.load(Ordering::Acquire) & RECOVERED != 0 {
                node.head.hints.fetch_and(!RECOVERED, Ordering::AcqRel);
            }
        }
    }

    /// Drops the leases of a participant, and frees what nothing else kept.
    fn drop_leases(&self, participant: u32) -> Result<()> {
        let mut at = self.record::<Participant>(participant)?.leases.load(Ordering::Acquire);
        let mut left = most_blocks(self);
        while at != 0 {
            left = left.checked_sub(1).ok_or_else(endless)?;
            let leases = self.at::<LeaseBlock>(at)?;
            for entry in &leases.entries {
                let block = entry.load(Ordering::Acquire);
                if block != 0 {
                    if !is_pin(block) {
                        stream::bury(self, block, participant);
                    }
                    drop_lease(&mut HeapGuard::lock(self, self.owner(), &Wait::QUIET)?, entry, block)?;
                }
            }
            at = leases.next.load(Ordering::Acquire);
        }
        Ok(())
    }
}
