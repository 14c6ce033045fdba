//! Waiting without a lock: what a reader that may not take one does about those who are in its way.

use std::time::{Duration, Instant};

use super::Access;
use super::place::{Place, Way};
use crate::arena::Arena;
use crate::arena::layout::Node;
use crate::error::{Error, ErrorKind, Result};
use crate::life::own_seat_elsewhere;
use crate::lock::{Busy, Doubt, Moment, SLICE, Space, Wait, optimistic, owner_seat};
use crate::node::Extent;
use crate::sync::AtomicU64;

/// After how many tries it looks whether its own thread is in its way: more than those who give up soon ever make.
const OWN_LOCK: usize = 100;

/// How often such a reader yields before it sleeps between tries.
const YIELDS: usize = 1000;

/// For how long at most: on a busy machine each time may take as long as all others are allowed to run.
const YIELDING: Duration = Duration::from_millis(1);

/// How long it sleeps at first. While the same thread holds the lock, each sleep is twice as long as the last one, up to [`SLICE`]. So a long
/// hold costs little processor time, and the reader notices its end after at most as long again as it lasted.
const NAP: Duration = Duration::from_micros(100);

/// A lock that was in the way, as it was found: another hold of it, by the same thread or another one, is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Obstacle {
    word: u64,
    seen: u64,
}

impl Obstacle {
    pub(crate) fn of(arena: &Arena, (word, seen): Busy<'_>) -> Obstacle {
        // Without the bit that says whether somebody waits.
        Obstacle { word: arena.segment().offset_of(word), seen: seen >> 1 }
    }
}

/// When to give up reading a whole tree as of one moment: after so many disturbances, but not before so much time.
pub(super) struct Patience {
    disturbances: usize,
    time: Duration,
}

impl Patience {
    pub(super) const SNAPSHOT: Patience = Patience { disturbances: 100, time: Duration::from_secs(1) };
    /// What is only looked at may as well be read in parts.
    pub(super) const DISPLAY: Patience = Patience { disturbances: 10, time: Duration::ZERO };
}

impl<W: Way> Place<W> {
    /// Reads the node with all below it as of one moment.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Contended`] if there is none in which nothing is changed. A long hold by one writer is waited for; it is
    /// no disturbance but the first time.
    pub(super) fn read_whole<T>(
        &self,
        patience: Patience,
        read: impl for<'a> Fn(&'a Arena, &'a Node, &Extent<'a>) -> Result<T>,
    ) -> Result<T> {
        let (arena, node): (&Arena, &Node) = (self.arena(), self.node());
        arena.ensure_attached()?;
        let start = Instant::now();
        let mut disturbance = Disturbance::new(arena);
        let (mut disturbances, mut last) = (0_usize, None);
        loop {
            let attempt = || {
                let moment = Moment::default();
                let result = read(arena, node, &Extent::at(&moment));
                let place = |(word, seen)| (arena.segment().offset_of(word), seen);
                Ok((result, moment.disturbed().map(place)))
            };
            let (word, seen) = match optimistic(arena, &node.head, self.id(), None, attempt)? {
                Ok((result, None)) => return result,
                Ok((_, Some((place, seen)))) => (arena.at::<AtomicU64>(place)?, seen),
                Err(busy) => busy,
            };
            let now = Some(Obstacle::of(arena, (word, seen)));
            if now != last {
                disturbances = disturbances.saturating_add(1);
                last = now;
            }
            if disturbances >= patience.disturbances && start.elapsed() >= patience.time {
                return Err(Error::new(ErrorKind::Contended));
            }
            disturbance.pause((word, seen))?;
        }
    }
}

/// A reader's wait for those who change what it reads.
pub(super) struct Disturbance<'a> {
    arena: &'a Arena,
    start: Instant,
    tries: usize,
    /// The hold that disturbed it last, as the address and value of its word, and how long to sleep for it.
    hold: Option<(usize, u64)>,
    nap: Duration,
    /// When it last checked that the process which holds the lock is alive.
    looked: Option<Instant>,
    doubt: Doubt,
}

impl<'a> Disturbance<'a> {
    pub(super) fn new(arena: &'a Arena) -> Disturbance<'a> {
        Disturbance {
            arena,
            start: Instant::now(),
            tries: 0,
            hold: None,
            nap: NAP,
            looked: None,
            doubt: Doubt::default(),
        }
    }

    /// For how long it has waited.
    pub(super) fn waited(&self) -> Duration {
        self.start.elapsed()
    }

    /// Pauses before the next try, for the previous one was disturbed.
    ///
    /// # Errors
    ///
    /// If that can lead to nothing: this thread itself holds what is to be read, or the owner is dead, or does not exist. And
    /// [`ErrorKind::Interrupted`].
    #[cold]
    pub(super) fn pause(&mut self, (word, seen): Busy<'_>) -> Result<()> {
        let arena = self.arena;
        Wait::FOREVER.check()?;
        let owner = owner_seat(seen);
        if let Some(owner) = owner {
            if self.tries == OWN_LOCK && own_seat_elsewhere(arena) == Some(owner) {
                return Err(Error::new(ErrorKind::HeldByGuard));
            }
            arena.recall(owner, word, seen)?;
        }
        self.tries = self.tries.saturating_add(1);
        if self.tries <= YIELDS && self.start.elapsed() < YIELDING {
            std::thread::yield_now();
            return Ok(());
        }
        let hold = Some((std::ptr::from_ref(word).addr(), seen >> 1));
        if self.hold != hold {
            (self.hold, self.nap) = (hold, NAP);
        }
        // The thread that is waited for may need what this one's runtime holds.
        Wait::asleep(&mut || std::thread::sleep(self.nap));
        self.nap = self.nap.saturating_mul(2).min(SLICE);
        let due = self.looked.is_none_or(|looked| looked.elapsed() >= SLICE);
        if let Some(owner) = owner.filter(|_| due) {
            self.looked = Some(Instant::now());
            if arena.is_dead(owner)? {
                return Err(Error::new(ErrorKind::Abandoned));
            }
            self.doubt.look(arena, owner, word, seen)?;
        }
        Ok(())
    }
}
