//! The place of a child among the participants, which its parent takes for it before it forks.

use std::collections::HashSet;
use std::mem;
use std::os::fd::RawFd;
use std::sync::atomic::Ordering as LocalOrdering;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;

use crate::arena::layout::{INHERITED, OBSERVING, Participant, Seat};
use crate::arena::lease::{Lease, is_pin};
use crate::arena::{Arena, HeapGuard, Kept, LateClaim, Leases, NEXT_ID, NO_PLACE, Openings, undo};
use crate::error::{Error, Result};
use crate::journal;
use crate::lock::{SeatLine, Wait, bury, without_hooks};
use crate::node::capacity;
use crate::ring::Share;
use crate::ring::frames::Row;
use crate::segment::{Backing, Liveness};
use crate::sync::{Ordering, lock};

/// For how long a fork waits for a heap that is locked by a process that does not go on.
const HEAP_TIMEOUT: Duration = Duration::from_secs(1);

/// How many children of children may have what one process has attached: locks remember in eight bits in which they were
/// taken.
const GENERATIONS: u32 = u8::MAX as u32;

/// An arena whose tables are held, so that a child finds them whole. Dropped in this order: a lease that goes needs the
/// table of leases.
pub(crate) struct Fork {
    repairing: MutexGuard<'static, HashSet<u32>>,
    late: MutexGuard<'static, Vec<LateClaim>>,
    _openings: MutexGuard<'static, Openings>,
    _kept: MutexGuard<'static, Vec<Kept>>,
    _table: MutexGuard<'static, Leases>,
    /// What this process has in streams, in the order of its leases.
    shares: Vec<MutexGuard<'static, Share>>,
    becomes: Becomes,
    /// This process's leases, kept while their entries for the child are made.
    leases: Vec<Arc<Lease>>,
    arena: Arc<Arena>,
}

/// What a child becomes.
enum Becomes {
    /// What it is: private memory is copied with the process.
    Itself,
    Participant(Heir),
    /// Nothing, for this reason: its views keep what they have in private memory.
    Detached {
        reason: String,
        kept: Vec<(u64, Vec<u8>)>,
    },
}

/// A participant that is to be the child: its place, the description that holds its byte, and where the entries of its
/// leases are.
struct Heir {
    participant: u32,
    liveness: Liveness,
    leases: Vec<u64>,
    /// The rows of the child in streams.
    rows: Vec<Option<Row>>,
}

impl Fork {
    /// Holds the tables of an arena that is no other process's: the local one, or one that is detached already.
    pub(crate) fn private(arena: Arc<Arena>) -> Fork {
        // SAFETY: the guard goes before the arena does.
        let table = lock(unsafe { for_ever(&arena.leases) });
        let leases: Vec<Arc<Lease>> = table.values().filter_map(Weak::upgrade).collect();
        let shares = shares(&leases);
        Fork::hold(arena, table, Becomes::Itself, leases, shares)
    }

    /// Holds the other tables as well, which this thread may have needed itself until now.
    fn hold(
        arena: Arc<Arena>,
        table: MutexGuard<'static, Leases>,
        becomes: Becomes,
        leases: Vec<Arc<Lease>>,
        shares: Vec<MutexGuard<'static, Share>>,
    ) -> Fork {
        // SAFETY: the guards go before the arena does.
        let (openings, late, repairing, kept) = unsafe {
            let (openings, late) = (for_ever(&arena.openings), for_ever(&arena.late));
            (openings, late, for_ever(&arena.repairing), for_ever(&arena.kept))
        };
        let (_openings, late, repairing, _kept) = (lock(openings), lock(late), lock(repairing), lock(kept));
        Fork { repairing, late, _openings, _kept, _table: table, shares, becomes, leases, arena }
    }

    /// Holds the tables, and makes a participant that the child can become.
    pub(crate) fn shared(arena: Arc<Arena>) -> Fork {
        // The runtime of a language is in the middle of its own preparations.
        without_hooks(|| {
            let admitted = arena.admit();
            // The heap before the table of leases, as everywhere.
            // Only for those who may write it.
            let heap = arena.writable().then(|| arena.patient_heap()).transpose();
            // SAFETY: the guard goes before the arena does.
            let table = lock(unsafe { for_ever(&arena.leases) });
            let leases: Vec<Arc<Lease>> = table.values().filter_map(Weak::upgrade).collect();
            let shares = shares(&leases);
            let entered = heap.and_then(|heap| {
                let (participant, liveness) = admitted?;
                let mut entries = Vec::with_capacity(leases.len());
                let mut rows = Vec::with_capacity(leases.len());
                if let Some(mut heap) = heap {
                    let record = arena.record::<Participant>(participant)?;
                    let kept: Vec<u64> = lock(&arena.kept).iter().map(|kept| kept.lease.block()).collect();
                    for (lease, share) in leases.iter().zip(&shares) {
                        // What the child has bound may be on stacks of threads that it has not: that pins nothing. What a store keeps, it has.
                        let block = lease.block();
                        entries.push(match is_pin(block) && !kept.contains(&block) {
                            true => 0,
                            false => Lease::enter(&mut heap, record, block)?,
                        });
                        rows.push(share.row_for(u64::from(participant).saturating_add(1))?);
                    }
                }
                Ok(Heir { participant, liveness, leases: entries, rows })
            });
            let becomes = match entered {
                Ok(heir) => Becomes::Participant(heir),
                Err(error) => {
                    let kept = leases.iter().filter_map(|lease| arena.kept(lease.block())).collect();
                    Becomes::Detached { reason: error.to_string(), kept }
                }
            };
            Fork::hold(arena, table, becomes, leases, shares)
        })
    }

    pub(crate) fn descriptor(&self) -> Option<RawFd> {
        match &self.becomes {
            Becomes::Participant(heir) => Some(heir.liveness.descriptor()),
            _ => None,
        }
    }

    /// In a child: becomes what was prepared.
    pub(crate) fn inherit(&mut self) {
        let arena = &self.arena;
        arena.forks.fetch_add(1, LocalOrdering::Relaxed);
        arena.id.store(NEXT_ID.fetch_add(1, LocalOrdering::Relaxed), LocalOrdering::Relaxed);
        self.repairing.clear();
        self.late.clear();
        arena.leaving.store(0, LocalOrdering::Relaxed);
        arena.claimed.iter().for_each(|seats| seats.store(0, LocalOrdering::Relaxed));
        match mem::replace(&mut self.becomes, Becomes::Itself) {
            Becomes::Itself => {}
            Becomes::Participant(heir) => {
                arena.participant.store(heir.participant, LocalOrdering::Relaxed);
                for (lease, entry) in self.leases.iter().zip(heir.leases) {
                    lease.inherit(entry);
                }
                for (share, row) in self.shares.iter_mut().zip(heir.rows) {
                    share.inherit(row);
                }
                if let Some(own) = &arena.liveness {
                    own.inherit(Some(heir.liveness));
                }
                if arena.writable()
                    && let Ok(record) = arena.record::<Participant>(heir.participant)
                {
                    arena.count_as(record);
                    let own = super::process::Identity::own();
                    record.start.store(own.start, Ordering::Release);
                    record.namespace.store(own.namespace, Ordering::Release);
                    record.pid.store(own.pid, Ordering::Release);
                }
            }
            Becomes::Detached { reason, kept } => {
                // Before anything else: what views write from here on must reach no other process.
                arena.segment.leave(&kept);
                arena.participant.store(NO_PLACE, LocalOrdering::Relaxed);
                let _ = arena.detached.set(reason);
                self.shares.iter_mut().for_each(|share| share.inherit(None));
                if let Some(own) = &arena.liveness {
                    own.inherit(None);
                }
            }
        }
    }

    /// In a child, of its copy of the local arena: ends what threads that do not exist here were doing. The thread that
    /// forks is in no operation, and keeps the locks that it has.
    pub(crate) fn bury_other_threads(&self) {
        let arena = &self.arena;
        let own = arena.own_seats();
        let heap = &arena.header().heap;
        if heap.lock.load(Ordering::Relaxed) != 0 {
            undo(arena, heap);
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
    /// The heap lock, if it is to be had within a time that a fork may take.
    fn patient_heap(&self) -> Result<HeapGuard<'_>> {
        HeapGuard::lock(self, self.owner(), &Wait::BRIEF.within(HEAP_TIMEOUT))
    }

    /// Admits a participant that a child can become. 0 where the segment may only be read, and nobody is one.
    fn admit(&self) -> Result<(u32, Liveness)> {
        let backing = self.segment.backing();
        let (Backing::File { place, access, .. }, Some(file)) = (backing, backing.file()?) else {
            return Err(Error::corrupt("a fork", "anonymous memory", "a file"));
        };
        self.ensure_attached()?;
        if self.forks() >= GENERATIONS {
            return Err(Error::too_many("generations of forks", GENERATIONS as usize));
        }
        let liveness = Liveness::for_child(&file, place, *access)?;
        if !self.writable() {
            liveness.join_readers(place)?;
            return Ok((0, liveness));
        }
        // An observer's child is one, whatever becomes of it.
        let state = if self.own_state() == OBSERVING { OBSERVING } else { INHERITED };
        let participant = self.take_place(&liveness, state, &Wait::BRIEF.within(HEAP_TIMEOUT), |_| ())?;
        let record = self.record::<Participant>(participant)?;
        // What the pid will be is not known yet; 0 is nobody's.
        record.pid.store(0, Ordering::Release);
        Ok((participant, liveness))
    }

    /// The contents of a leased block, and where they are. Nothing where there is no memory for them: then a child's views
    /// of it are zero.
    fn kept(&self, block: u64) -> Option<(u64, Vec<u8>)> {
        let length = capacity(self, block).ok()?;
        let source = self.bytes(block, length).ok()?;
        let length = usize::try_from(length).ok()?;
        let mut copy: Vec<u8> = Vec::new();
        copy.try_reserve_exact(length).ok()?;
        // SAFETY: the source is in bounds (checked) and leased, so that it stays; the vector has room for as many bytes.
        // Others may write there meanwhile; what is copied is bytes.
        unsafe {
            std::ptr::copy_nonoverlapping(source, copy.as_mut_ptr(), length);
            copy.set_len(length);
        }
        Some((block, copy))
    }
}

/// Holds what this process has in streams.
fn shares(leases: &[Arc<Lease>]) -> Vec<MutexGuard<'static, Share>> {
    // SAFETY: the guards go before the leases do.
    leases.iter().map(|lease| lock(unsafe { for_ever(lease.share()) })).collect()
}

/// # Safety
///
/// The mutex outlives what is made of the result.
unsafe fn for_ever<T>(mutex: &Mutex<T>) -> &'static Mutex<T> {
    // SAFETY: the caller's.
    unsafe { mem::transmute::<&Mutex<T>, &'static Mutex<T>>(mutex) }
}
