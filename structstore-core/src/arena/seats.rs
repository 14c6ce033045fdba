//! Which seat belongs to the calling thread.

use std::cell::{Cell, RefCell};
use std::sync::atomic::Ordering as LocalOrdering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use nix::errno::Errno;

use super::layout::{INHERITED, Seat};
use super::{Arena, HeapGuard};
use crate::error::{Error, Result};
use crate::lock::{MAX_SEATS, OwnSeat, SeatLine, Wait};
use crate::sync::{Ordering, lock};

thread_local! {
    /// The arena that this thread used last, and its seat there. Arena ids begin at 1.
    static LAST: Cell<(u64, Place)> = const { Cell::new((0, Place::NONE)) };
    static CLAIMS: RefCell<Claims> = const { RefCell::new(Claims(Vec::new())) };
    /// The transaction of this thread.
    static TRANSACTION: Cell<Scope> = const { Cell::new(Scope::NONE) };
    /// Its arena, or 0: all that most operations want to know.
    static TRANSACTION_IN: Cell<u64> = const { Cell::new(0) };
}

fn set_transaction(scope: Scope) {
    TRANSACTION.set(scope);
    TRANSACTION_IN.set(scope.arena_id);
}

/// A transaction: which arena it changes, the seat that has its journal, and the node below which it covers everything.
#[derive(Clone, Copy)]
struct Scope {
    arena_id: u64,
    journal: Place,
    node: u32,
}

impl Scope {
    const NONE: Scope = Scope { arena_id: 0, journal: Place::NONE, node: 0 };
}

/// Where a seat is. Its records never move while the arena is mapped.
#[derive(Clone, Copy)]
struct Place {
    index: u32,
    line: *const SeatLine,
    body: *const Seat,
}

impl Place {
    const NONE: Place = Place { index: 0, line: std::ptr::null(), body: std::ptr::null() };
}

/// The seat of the calling thread in an arena.
#[derive(Clone, Copy)]
pub(crate) struct ThreadSeat<'a> {
    pub(crate) own: OwnSeat<'a>,
    pub(crate) body: &'a Seat,
}

struct Claim {
    arena_id: u64,
    place: Place,
    arena: Weak<Arena>,
    /// Whether the seat is there for the journal of transactions, and publishes no holds.
    journal: bool,
}

/// For how long a thread that ends waits for the heap.
const END_TIMEOUT: Duration = Duration::from_millis(100);

/// A seat of a thread that used the store in a destructor of its thread-local data, when its [`Claims`] were gone already.
/// The next thread that claims a seat gives it back.
pub(crate) struct LateClaim {
    thread: u64,
    seat: u32,
    journal: bool,
}

/// The seats of a thread, given back when it ends: by the ids of their arenas, so that one is found among those of many stores.
struct Claims(Vec<Claim>);

impl Claims {
    fn of(&self, arena_id: u64) -> &[Claim] {
        let from = self.0.partition_point(|claim| claim.arena_id < arena_id);
        let rest = self.0.get(from..).unwrap_or_default();
        // One for operations, and one for the journal of transactions.
        let count = rest.iter().take_while(|claim| claim.arena_id == arena_id).count();
        rest.get(..count).unwrap_or_default()
    }

    fn add(&mut self, claim: Claim) {
        let at = self.0.partition_point(|other| other.arena_id <= claim.arena_id);
        self.0.insert(at, claim);
    }
}

impl Drop for Claims {
    fn drop(&mut self) {
        LAST.set((0, Place::NONE));
        for claim in &self.0 {
            // Not where the seat is that of a parent process's thread.
            if let Some(arena) = claim.arena.upgrade().filter(|arena| arena.id() == claim.arena_id) {
                // The heap may be locked by a process that does not go on, which must not keep a thread from ending.
                let ready =
                    HeapGuard::lock(&arena, arena.owner(), &Wait::QUIET.within(END_TIMEOUT)).map(drop);
                // A segment too broken to leave is left as it is.
                if ready.and_then(|()| arena.release_seat(claim.place.index)).is_err() {
                    let (seat, journal) = (claim.place.index, claim.journal);
                    lock(&arena.late).push(LateClaim { thread: thread_id(), seat, journal });
                }
            }
        }
    }
}

impl Arena {
    /// The seat of this thread, claimed on first use. To claim one, it waits for the heap.
    #[inline(always)]
    pub(crate) fn seat(self: &Arc<Self>, wait: &Wait) -> Result<ThreadSeat<'_>> {
        match self.seat_if_any() {
            Some(seat) => Ok(seat),
            None => {
                let place = self.claim_seat(false, wait)?;
                LAST.set((self.id(), place));
                Ok(self.seat_at(place))
            }
        }
    }

    /// The seat of this thread, if it has one already.
    #[inline(always)]
    pub(crate) fn seat_if_any(&self) -> Option<ThreadSeat<'_>> {
        let (id, place) = LAST.get();
        let place = if id == self.id() {
            place
        } else {
            let place = self.find_claim(false)?;
            LAST.set((self.id(), place));
            place
        };
        Some(self.seat_at(place))
    }

    #[inline(always)]
    fn seat_at(&self, place: Place) -> ThreadSeat<'_> {
        // SAFETY: the pointers were made from checked references into this arena, whose id no other arena ever has, and
        // which is mapped for as long as self.
        let (line, body) = unsafe { (&*place.line, &*place.body) };
        ThreadSeat { own: OwnSeat { index: place.index, line }, body }
    }

    #[cold]
    #[inline(never)]
    fn find_claim(&self, journal: bool) -> Option<Place> {
        let find = |claims: &RefCell<Claims>| {
            let claims = claims.borrow();
            claims.of(self.id()).iter().find(|claim| claim.journal == journal).map(|claim| claim.place)
        };
        CLAIMS.try_with(find).unwrap_or_else(|_| self.find_late_claim(journal))
    }

    /// Finds the claim of a thread whose own claims are gone already, since it is ending.
    #[cold]
    fn find_late_claim(&self, journal: bool) -> Option<Place> {
        let index = {
            let (late, thread) = (lock(&self.late), thread_id());
            late.iter().find(|claim| claim.thread == thread && claim.journal == journal)?.seat
        };
        let (line, body) = (self.record::<SeatLine>(index).ok()?, self.record::<Seat>(index).ok()?);
        Some(Place { index, line, body })
    }

    /// Gives back the seats of threads that used the store while they were ending, and have ended.
    fn release_late(&self) {
        let mut ended = Vec::new();
        lock(&self.late).retain(|claim| {
            let ends = has_ended(claim.thread);
            if ends {
                ended.push(claim.seat);
            }
            !ends
        });
        for seat in ended {
            // A segment too broken to leave is left as it is.
            let _ = self.release_seat(seat);
        }
    }

    /// Whether a thread of this process has claimed a seat.
    pub(crate) fn has_claimed(&self, seat: u32) -> bool {
        let bits = self.claimed.get(seat as usize / 64).map_or(0, |bits| bits.load(LocalOrdering::Relaxed));
        bits & 1 << (seat % 64) != 0
    }

    /// The seats that this thread has in this arena.
    pub(crate) fn own_seats(&self) -> Vec<u32> {
        let own = |claims: &RefCell<Claims>| {
            let claims = claims.borrow();
            claims.of(self.id()).iter().map(|claim| claim.place.index).collect()
        };
        CLAIMS.try_with(own).unwrap_or_else(|_| {
            let (late, thread) = (lock(&self.late), thread_id());
            late.iter().filter(|claim| claim.thread == thread).map(|claim| claim.seat).collect()
        })
    }

    /// The transaction of this thread in this arena: its journal, and the node below which it covers everything.
    #[inline(always)]
    pub(crate) fn transaction(&self) -> Option<(ThreadSeat<'_>, u32)> {
        let arena_id = TRANSACTION_IN.get();
        if arena_id == 0 || arena_id != self.id() {
            return None;
        }
        let scope = TRANSACTION.get();
        Some((self.seat_at(scope.journal), scope.node))
    }

    /// Begins a transaction of this thread, on a seat of its own. Its locks are those of the thread's other seat.
    pub(crate) fn enter_transaction(self: &Arc<Self>, node: u32, wait: &Wait) -> Result<ThreadSeat<'_>> {
        let journal = match self.find_claim(true) {
            Some(place) => place,
            None => self.claim_seat(true, wait)?,
        };
        set_transaction(Scope { arena_id: self.id(), journal, node });
        Ok(self.seat_at(journal))
    }

    /// Ends the transaction with this journal, if it is this thread's.
    pub(crate) fn leave_transaction(&self, journal: u32) {
        let scope = TRANSACTION.get();
        if scope.arena_id == self.id() && scope.journal.index == journal {
            set_transaction(Scope::NONE);
        }
    }

    /// Whether this thread is in a transaction, of any store.
    pub(crate) fn in_transaction() -> bool {
        TRANSACTION_IN.get() != 0
    }

    #[cold]
    fn claim_seat(self: &Arc<Self>, journal: bool, wait: &Wait) -> Result<Place> {
        if !self.writable() {
            return Err(self.refusal());
        }
        self.release_late();
        let index = {
            let mut heap = HeapGuard::lock(self, self.owner(), wait)?;
            let mut section = heap.section();
            let used = self.unused::<Seat>()?;
            let mut free = used;
            for index in 0..used {
                if self.record::<Seat>(index)?.participant.load(Ordering::Relaxed) == 0
                    && !self.record::<SeatLine>(index)?.any()
                {
                    free = index;
                    break;
                }
            }
            if free as usize >= MAX_SEATS {
                return Err(Error::too_many("threads attached", MAX_SEATS));
            }
            section.ensure::<Seat>(free)?;
            section.ensure::<SeatLine>(free)?;
            let seat = self.record::<Seat>(free)?;
            section.set(&seat.thread, thread_id())?;
            section.set(&seat.journal, u64::from(journal))?;
            section.set(&seat.participant, u64::from(self.participant_index()) + 1)?;
            let state = &self.participant()?.state;
            if state.load(Ordering::Relaxed) == INHERITED {
                section.set(state, self.own_state())?;
            }
            // A locker whose scan misses this bit fenced before the fence that follows any hold of ours, after which we
            // therefore see that locker's word. Should this process die here, the bit stays behind, and does no harm.
            if let Some(all) = self.header().claimed.get(free as usize / 64).filter(|_| !journal) {
                all.fetch_or(1 << (free % 64), Ordering::AcqRel);
            }
            section.commit();
            free
        };
        if let Some(own) = self.claimed.get(index as usize / 64) {
            own.fetch_or(1 << (index % 64), LocalOrdering::Relaxed);
        }
        let (line, body) = (self.record::<SeatLine>(index)?, self.record::<Seat>(index)?);
        let place = Place { index, line, body };
        let claimed = CLAIMS.try_with(|claims| {
            let mut claims = claims.borrow_mut();
            claims.0.retain(|claim| claim.arena.strong_count() != 0);
            claims.add(Claim { arena_id: self.id(), place, arena: Arc::downgrade(self), journal });
        });
        if claimed.is_err() {
            lock(&self.late).push(LateClaim { thread: thread_id(), seat: index, journal });
        }
        Ok(place)
    }

    /// Gives a seat back. One that still holds something, for a guard was leaked, is kept: a lock that is never
    /// released is better than one without a holder. So is a journal that is in use.
    fn release_seat(&self, index: u32) -> Result<()> {
        if self.is_busy(index)? { Ok(()) } else { self.free_seat(index) }
    }

    /// Whether a seat holds something, or is changing something.
    pub(crate) fn is_busy(&self, index: u32) -> Result<bool> {
        Ok(self.record::<SeatLine>(index)?.any() || !self.record::<Seat>(index)?.idle())
    }

    /// Gives back a seat that holds nothing.
    pub(crate) fn free_seat(&self, index: u32) -> Result<()> {
        let (at, bit) = (index as usize / 64, 1 << (index % 64));
        if let Some(own) = self.claimed.get(at) {
            own.fetch_and(!bit, LocalOrdering::Relaxed);
        }
        let mut heap = HeapGuard::lock(self, self.owner(), &Wait::QUIET)?;
        let mut section = heap.section();
        section.set(&self.record::<Seat>(index)?.participant, 0)?;
        // Under the heap lock, so that no other thread has the seat meanwhile, and each seat in use has its bit.
        if let Some(all) = self.header().claimed.get(at) {
            all.fetch_and(!bit, Ordering::AcqRel);
        }
        section.commit();
        Ok(())
    }
}

/// In a child: the transaction of the thread that this one is a copy of is not its own, unless it is of a local store.
pub(crate) fn forget_transaction(local: Option<&Arena>) {
    let local = local.map(Arena::id);
    if Some(TRANSACTION_IN.get()) != local {
        set_transaction(Scope::NONE);
    }
}

/// Whether a thread of this process is gone.
fn has_ended(thread: u64) -> bool {
    // SAFETY: sends nothing, and fails for a thread that is not of this process.
    let asked = unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), thread as libc::pid_t, 0) };
    asked != 0 && Errno::last() == Errno::ESRCH
}

fn thread_id() -> u64 {
    // SAFETY: takes nothing and cannot fail.
    unsafe { libc::gettid() as u64 }
}
