//! Which seat belongs to the calling thread.

use std::cell::{Cell, RefCell};
use std::sync::{Arc, Weak};

use super::layout::Seat;
use super::{Arena, HeapGuard};
use crate::error::{BoxedResult as Result, Error};
use crate::lock::{MAX_SEATS, OwnSeat, SeatLine};
use crate::sync::Ordering;

thread_local! {
    /// The arena that this thread used last, and its seat there. Arena ids begin at 1.
    static LAST: Cell<(u64, Place)> = const { Cell::new((0, Place::NONE)) };
    static CLAIMS: RefCell<Claims> = const { RefCell::new(Claims(Vec::new())) };
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
}

/// The seats of a thread, given back when it ends.
struct Claims(Vec<Claim>);

impl Drop for Claims {
    fn drop(&mut self) {
        LAST.set((0, Place::NONE));
        for claim in &self.0 {
            if let Some(arena) = claim.arena.upgrade() {
                // A segment too broken to leave is left as it is.
                let _ = arena.release_seat(claim.place.index);
            }
        }
    }
}

impl Arena {
    /// The seat of this thread, claimed on first use.
    #[inline(always)]
    pub(crate) fn seat(self: &Arc<Self>) -> Result<ThreadSeat<'_>> {
        match self.seat_if_any() {
            Some(seat) => Ok(seat),
            None => self.claim_seat(),
        }
    }

    /// The seat of this thread, if it has one already.
    #[inline(always)]
    pub(crate) fn seat_if_any(&self) -> Option<ThreadSeat<'_>> {
        let (id, place) = LAST.get();
        let place = if id == self.id { place } else { self.find_claim()? };
        // SAFETY: the pointers were made from checked references into this arena, whose id nobody else ever has, and
        // which is mapped for as long as self.
        let (line, body) = unsafe { (&*place.line, &*place.body) };
        Some(ThreadSeat { own: OwnSeat { index: place.index, line }, body })
    }

    fn find_claim(&self) -> Option<Place> {
        let find = |claims: &RefCell<Claims>| {
            let claims = claims.borrow();
            claims.0.iter().find(|claim| claim.arena_id == self.id).map(|claim| claim.place)
        };
        let place = CLAIMS.try_with(find).ok().flatten()?;
        LAST.set((self.id, place));
        Some(place)
    }

    #[cold]
    fn claim_seat(self: &Arc<Self>) -> Result<ThreadSeat<'_>> {
        if !self.writable() {
            return Err(Error::ReadOnly { place: self.place() }.into());
        }
        let index = {
            let mut heap = HeapGuard::lock(self, self.owner());
            let mut section = heap.section();
            let used = self.used::<Seat>();
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
                return Err(Error::TooMany { what: "threads attached", limit: MAX_SEATS }.into());
            }
            section.ensure::<Seat>(free)?;
            section.ensure::<SeatLine>(free)?;
            let seat = self.record::<Seat>(free)?;
            section.set(&seat.thread, thread_id())?;
            section.set(&seat.participant, u64::from(self.participant_index()) + 1)?;
            section.commit();
            free
        };
        // A locker whose scan misses this bit fenced before the fence that follows any hold of ours, which
        // therefore sees that locker's word.
        self.header().claimed[index as usize / 64].fetch_or(1 << (index % 64), Ordering::AcqRel);
        let (line, body) = (self.record::<SeatLine>(index)?, self.record::<Seat>(index)?);
        let place = Place { index, line, body };
        LAST.set((self.id, place));
        // A thread that is ending already keeps the seat until its process leaves.
        let _ = CLAIMS.try_with(|claims| {
            let mut claims = claims.borrow_mut();
            claims.0.retain(|claim| claim.arena.strong_count() != 0);
            claims.0.push(Claim { arena_id: self.id, place, arena: Arc::downgrade(self) });
        });
        Ok(ThreadSeat { own: OwnSeat { index, line }, body })
    }

    /// Gives a seat back. One that still holds something, for a guard was leaked, is kept: a lock that is never
    /// released is better than one that is held by nobody.
    pub(super) fn release_seat(&self, index: u32) -> Result<()> {
        if self.record::<SeatLine>(index)?.any() { Ok(()) } else { self.free_seat(index) }
    }

    /// Gives back a seat that holds nothing.
    pub(super) fn free_seat(&self, index: u32) -> Result<()> {
        self.header().claimed[index as usize / 64].fetch_and(!(1 << (index % 64)), Ordering::AcqRel);
        let mut heap = HeapGuard::lock(self, self.owner());
        let mut section = heap.section();
        section.set(&self.record::<Seat>(index)?.participant, 0)?;
        section.commit();
        Ok(())
    }
}

fn thread_id() -> u64 {
    // SAFETY: takes nothing and cannot fail.
    unsafe { libc::gettid() as u64 }
}
