//! The place of a child among the participants, which its parent takes for it before it forks.

use std::collections::HashSet;
use std::mem;
use std::os::fd::RawFd;
use std::sync::atomic::Ordering as LocalOrdering;
use std::sync::{Arc, Weak};

use parking_lot::{Mutex, MutexGuard};

use super::layout::{Participant, Seat};
use super::{Arena, Leases, NEXT_ID, NO_PLACE};
use crate::error::{BoxedResult as Result, Error};
use crate::journal;
use crate::lock::{SeatLine, bury};
use crate::segment::{Backing, Liveness};
use crate::sync::Ordering;
use crate::view::Lease;

/// An arena whose tables are held, so that a child finds them whole. Dropped in this order.
pub(crate) struct Fork {
    _repairing: MutexGuard<'static, HashSet<u32>>,
    _leases: MutexGuard<'static, Leases>,
    heir: Option<Heir>,
    /// This process's leases, kept while their entries for the child are made.
    leases: Vec<Arc<Lease>>,
    arena: Arc<Arena>,
}

/// A participant that is to be the child: its place, the description that holds its byte, and where the entries of its
/// leases are.
struct Heir {
    participant: u32,
    liveness: Liveness,
    leases: Vec<u64>,
}

impl Fork {
    /// Holds the tables.
    pub(crate) fn new(arena: Arc<Arena>) -> Fork {
        Fork::prepare(arena, |_, _| None)
    }

    /// Holds the tables, and makes a participant that the child can become.
    pub(crate) fn with_heir(arena: Arc<Arena>) -> Fork {
        Fork::prepare(arena, |arena, leases| arena.admit(leases).ok())
    }

    fn prepare(arena: Arc<Arena>, heir: impl FnOnce(&Arena, &[Arc<Lease>]) -> Option<Heir>) -> Fork {
        // SAFETY: the guards go before the arena does.
        let held = unsafe { for_ever(&arena.leases) };
        let table = held.lock();
        let leases: Vec<Arc<Lease>> = table.values().filter_map(Weak::upgrade).collect();
        let heir = heir(&arena, &leases);
        // SAFETY: as above. Only now, for this thread may have to repair something itself in between.
        let repairing = unsafe { for_ever(&arena.repairing) }.lock();
        Fork { _repairing: repairing, _leases: table, heir, leases, arena }
    }

    pub(crate) fn descriptor(&self) -> Option<RawFd> {
        self.heir.as_ref().map(|heir| heir.liveness.descriptor())
    }

    /// In a child: becomes what was prepared. Without an heir, nothing can be changed any more.
    pub(crate) fn inherit(&mut self) {
        let arena = &self.arena;
        arena.forks.fetch_add(1, LocalOrdering::Relaxed);
        arena.id.store(NEXT_ID.fetch_add(1, LocalOrdering::Relaxed), LocalOrdering::Relaxed);
        self._repairing.clear();
        arena.claimed.iter().for_each(|seats| seats.store(0, LocalOrdering::Relaxed));
        let heir = self.heir.take();
        let participant = heir.as_ref().map_or(NO_PLACE, |heir| heir.participant);
        arena.participant.store(participant, LocalOrdering::Relaxed);
        for (lease, entry) in self.leases.iter().zip(heir.iter().flat_map(|heir| &heir.leases)) {
            lease.inherit(*entry);
        }
        if let Some(own) = &arena.liveness {
            own.inherit(heir.map(|heir| heir.liveness));
        }
        if arena.writable()
            && let Ok(record) = arena.record::<Participant>(participant)
        {
            let pid = u64::from(std::process::id());
            record.start.store(super::process::start(pid).unwrap_or(0), Ordering::Release);
            record.namespace.store(super::process::namespace(), Ordering::Release);
            record.pid.store(pid, Ordering::Release);
        }
    }

    /// In a child, of its copy of the local arena: ends what threads that do not exist here were doing. Who forks is in
    /// no operation, and keeps the locks that it has.
    pub(crate) fn bury_other_threads(&self) {
        let arena = &self.arena;
        let own = arena.own_seats();
        let heap = &arena.header().heap;
        if heap.lock.load(Ordering::Relaxed) != 0 {
            super::heap::undo(arena, heap);
            heap.lock.store(0, Ordering::Relaxed);
        }
        for index in (0..arena.used::<Seat>()).filter(|index| !own.contains(index)) {
            let (Ok(seat), Ok(line)) = (arena.record::<Seat>(index), arena.record::<SeatLine>(index)) else {
                return;
            };
            if seat.participant.load(Ordering::Relaxed) != 0 {
                // Fails where memory is damaged, which stays as it is then.
                let _ = journal::repair(arena, arena.owner(), seat);
                bury(&**arena, index, line, |_, _| ());
                let _ = arena.free_seat(index);
            }
        }
    }
}

impl Arena {
    /// Admits a participant that a child can become, with all of this process's leases.
    fn admit(&self, leases: &[Arc<Lease>]) -> Result<Heir> {
        let Backing::File { file, place, access, .. } = self.segment.backing() else {
            return Err(Error::corrupt("a fork", "anonymous memory", "a file"));
        };
        let liveness = Liveness::new(file, place, *access)?;
        if !self.writable() {
            liveness.join_readers(place)?;
            return Ok(Heir { participant: 0, liveness, leases: Vec::new() });
        }
        let participant = self.take_place(&liveness, |_| ())?;
        let record = self.record::<Participant>(participant)?;
        // What the pid will be is not known yet; 0 is nobody's.
        record.pid.store(0, Ordering::Release);
        let entries: Result<_> =
            leases.iter().map(|lease| Lease::enter(self, record, lease.block())).collect();
        Ok(Heir { participant, liveness, leases: entries? })
    }
}

/// # Safety
///
/// The mutex outlives what is made of the result.
unsafe fn for_ever<T>(mutex: &Mutex<T>) -> &'static Mutex<T> {
    // SAFETY: the caller's.
    unsafe { mem::transmute::<&Mutex<T>, &'static Mutex<T>>(mutex) }
}
