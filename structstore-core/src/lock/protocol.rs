//! Taking and releasing holds. The numbers in the comments are the steps of ARCHITECTURE.md, "Locks".

use std::cell::Cell;

use super::hint::Hint;
use super::hold::{self, PEND};
use super::wait::{Doubt, is_forked};
use super::{
    Ancestors, HOLDS, Mode, NodeHead, NodeId, OwnSeat, SeatLine, Space, WAITERS, Wait, generation, word,
};
use crate::error::{Error, Result};
use crate::limits::MAX_DEPTH;
use crate::sync::{AtomicU64, Ordering, fence_after_update, futex_wake};

/// One thread's access to the locks of a space.
#[derive(Clone, Copy)]
pub(crate) struct Locker<'a, S> {
    space: &'a S,
    seat: OwnSeat<'a>,
}

/// What this thread's own holds say about a node.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Own {
    /// A tree-exclusive hold on the node or above it.
    pub(crate) exclusive: bool,
    /// A shared hold on the node or above it.
    pub(crate) shared: bool,
    /// An exclusive hold strictly below the node.
    pub(crate) exclusive_below: bool,
    /// A shared hold strictly below the node.
    pub(crate) shared_below: bool,
}

/// What stands in the way: a word, what it said, and the seat that has to change it.
#[derive(Clone, Copy)]
struct Blocked<'a> {
    word: &'a AtomicU64,
    seen: u64,
    seat: u32,
}

impl<'a> Blocked<'a> {
    fn by_owner(word: &'a AtomicU64, seen: u64) -> Blocked<'a> {
        Blocked { word, seen, seat: word::seat(seen) }
    }
}

/// How a hold of another seat stands in the way.
enum Conflict<'a> {
    /// A shared one: wait for it, keeping what was taken.
    InPlace,
    /// A shared one: give everything back before waiting, for its holder may wait for us.
    Back,
    /// An exclusive one, by its word and the word's value: wait in place until it is released.
    Owned(&'a AtomicU64, u64),
}

/// The outcome of asking for a lock once.
enum Attempt<'a> {
    Granted,
    /// Everything was given back, and this has to change first.
    Blocked(Blocked<'a>),
    /// The hold and the word stay, but a hint says that holds of others may be in the way.
    Look((&'a AtomicU64, Hint)),
}

/// What lies above a node.
struct Above<'a> {
    /// The nearest ancestor that another seat holds with all below it.
    blocked: Option<Blocked<'a>>,
    /// The word of hints of the nearest ancestor on which a seat may have a shared hold.
    readers: Option<&'a AtomicU64>,
}

/// On average, one in this many looks at all holds doubts the hint that made us look: where the hint is given again
/// each time, doubting it costs more than it saves. A power of two.
const DOUBTS: u32 = if cfg!(any(loom, feature = "crash-points")) { 1 } else { 8 };

thread_local! {
    static CHANCE: Cell<u32> = const { Cell::new(0) };
}

/// Whether to doubt a hint this time. By chance, and not at fixed intervals, for looks because of one hint may
/// alternate with looks because of another: then only one of them would ever be doubted. (A linear congruential
/// generator of full period, since its factor is 1 modulo 4 and its increment is odd; the low bits are the poor ones.)
fn is_doubtful() -> bool {
    CHANCE.with(|chance| {
        chance.set(chance.get().wrapping_mul(0x915f_77f5).wrapping_add(0x7f4a_7c15));
        chance.get() >> 16 & DOUBTS.wrapping_sub(1) == 0
    })
}

impl<'a, S: Space> Locker<'a, S> {
    #[inline]
    pub(crate) fn new(space: &'a S, seat: OwnSeat<'a>) -> Self {
        Locker { space, seat }
    }

    /// Locks a node: against all other threads, or, for reading, against all that want to change it or something below
    /// it. Returns the slot of the hold, which [`Self::release`] takes back.
    ///
    /// The caller has looked at [`Self::own`].
    #[inline(always)]
    pub(crate) fn lock(&self, head: &'a NodeHead, id: NodeId, mode: Mode, wait: &Wait) -> Result<usize> {
        let (slot, hold) = self.free_slot()?;
        match self.attempt(head, id, mode, slot, hold) {
            Ok(Attempt::Granted) => Ok(slot),
            attempt => self.persist(attempt, head, id, mode, (slot, hold), wait),
        }
    }

    /// Tries again until the lock is granted, or it is time to give up.
    #[cold]
    #[inline(never)]
    fn persist(
        &self,
        mut attempt: Result<Attempt<'a>>,
        head: &'a NodeHead,
        id: NodeId,
        mode: Mode,
        (slot, hold): (usize, &'a AtomicU64),
        wait: &Wait,
    ) -> Result<usize> {
        let pend = Pend::new(self, slot);
        loop {
            let blocked = match attempt? {
                Attempt::Granted => return Ok(slot),
                Attempt::Blocked(blocked) => blocked,
                Attempt::Look(hint) => {
                    let looked = match mode {
                        Mode::Shared => self.look_below(id.index, hint, wait, &pend),
                        _ => self.look_around(id.index, mode, hint, wait, &pend),
                    };
                    // A forked child has nothing of its own here.
                    if !matches!(looked, Ok(None)) && !is_forked() {
                        give_back(head, hold, mode);
                    }
                    match looked? {
                        None => return Ok(slot),
                        Some(blocked) => blocked,
                    }
                }
            };
            self.sleep(blocked, wait, &pend)?;
            attempt = self.attempt(head, id, mode, slot, hold);
        }
    }

    /// Asks once. Unless the lock is granted, or holds are to be looked at first, everything is given back.
    #[inline(always)]
    fn attempt(
        &self,
        head: &'a NodeHead,
        id: NodeId,
        mode: Mode,
        slot: usize,
        hold: &'a AtomicU64,
    ) -> Result<Attempt<'a>> {
        self.seat.line.raise(slot);
        let me = word::owner_of(self.seat.index);
        let (above, hints) = if mode == Mode::Shared {
            // Publish: by swap, for it includes the barrier that the fence needs.
            hold.swap(hold::hold(id, mode), Ordering::AcqRel);
            // Counterpart: the fence of an exclusive locker. Either it sees our hold, or we see its word.
            fence_after_update();
            let hints = Hint::Readers.ensure(&head.hints);
            let seen = head.word.load(Ordering::Acquire);
            if word::foreign(seen, me) {
                let blocked = Some(Blocked::by_owner(&head.word, seen));
                (Ok(Above { blocked, readers: None }), hints)
            } else {
                (self.above(head, me), hints)
            }
        } else {
            // 1. Publish.
            hold.store(hold::hold(id, mode), Ordering::Release);
            // 2. Take the word. Relaxed at first: a stale value only makes the swap fail.
            let mut seen = head.word.load(Ordering::Relaxed);
            loop {
                if word::owner(seen) != 0 {
                    hold.store(0, Ordering::Release);
                    return Ok(Attempt::Blocked(Blocked::by_owner(&head.word, seen)));
                }
                let taken = word::taken(seen, me, mode);
                // Acquire: pairs with the release swap of the owner before us.
                match head.word.compare_exchange_weak(seen, taken, Ordering::Acquire, Ordering::Relaxed) {
                    Ok(_) => break,
                    Err(now) => seen = now,
                }
            }
            // 3. Between our word and hold and our look at other words and holds. Its counterparts are the fence
            // of another locker (one of us sees the other) and the Acquire fence of an optimistic reader.
            fence_after_update();
            // 4. Ancestors; then our own hints.
            let above = self.above(head, me);
            (above, head.hints.load(Ordering::Acquire))
        };
        // 5. Only now the generation: the record may have been reused before we had it.
        if generation(head.identity.load(Ordering::Acquire)) != id.generation {
            give_back(head, hold, mode);
            return Err(Error::stale());
        }
        let readers = match above {
            Ok(Above { blocked: None, readers }) => readers,
            Ok(Above { blocked: Some(blocked), .. }) => {
                give_back(head, hold, mode);
                return Ok(Attempt::Blocked(blocked));
            }
            Err(error) => {
                give_back(head, hold, mode);
                return Err(error);
            }
        };
        // 6. Holds of others, if there may be any that concern us. (Readers do not concern a reader. Its `hints` are
        // those of the moment when it gave its own.)
        Ok(if mode != Mode::Shared && Hint::Readers.given(hints) {
            Attempt::Look((&head.hints, Hint::Readers))
        } else if mode != Mode::Shared
            && let Some(above) = readers
        {
            Attempt::Look((above, Hint::Readers))
        } else if mode != Mode::Node && Hint::Below.given(hints) {
            Attempt::Look((&head.hints, Hint::Below))
        } else {
            Attempt::Granted
        })
    }

    /// Looks at the holds of all other seats before a node is locked exclusively, since `hint` is given; takes the hint
    /// back if no hold is behind it. Returns a hold for which everything must be given back first.
    fn look_around(
        &self,
        index: u32,
        mode: Mode,
        hint: (&'a AtomicU64, Hint),
        wait: &Wait,
        pend: &Pend<'_, 'a, S>,
    ) -> Result<Option<Blocked<'a>>> {
        self.doubting(index, hint, |below| {
            self.scan(
                |seat, other| {
                    let node = hold::index(other);
                    let strictly_below = mode == Mode::Tree && is_below(self.space, node, index)?;
                    below.set(below.get() || strictly_below);
                    match hold::mode(other) {
                        Mode::Shared if node == index || strictly_below => Ok(Some(Conflict::InPlace)),
                        Mode::Shared if is_below(self.space, index, node)? => Ok(Some(Conflict::Back)),
                        Mode::Shared => Ok(None),
                        _ if strictly_below => self.owned(seat, node),
                        _ => Ok(None),
                    }
                },
                wait,
                pend,
            )
        })
    }

    /// Looks at the holds of all other seats before a node is locked for reading, if something may be held below it:
    /// only that stands in the way. (On the node itself nobody waits in place for us and we for nobody.)
    fn look_below(
        &self,
        index: u32,
        hint: (&'a AtomicU64, Hint),
        wait: &Wait,
        pend: &Pend<'_, 'a, S>,
    ) -> Result<Option<Blocked<'a>>> {
        self.doubting(index, hint, |below| {
            self.scan(
                |seat, other| {
                    let node = hold::index(other);
                    if !is_below(self.space, node, index)? {
                        return Ok(None);
                    }
                    below.set(true);
                    if hold::mode(other) == Mode::Shared { Ok(None) } else { self.owned(seat, node) }
                },
                wait,
                pend,
            )
        })
    }

    /// Runs a look at all holds, and takes a hint back if it finds no hold that the hint stands for. `look` reports
    /// whether anything is held strictly below the node; a shared hold on the node itself or above it would be in its
    /// way.
    fn doubting(
        &self,
        index: u32,
        (word, hint): (&'a AtomicU64, Hint),
        look: impl FnOnce(&Cell<bool>) -> Result<(Option<Blocked<'a>>, bool)>,
    ) -> Result<Option<Blocked<'a>>> {
        let doubted = is_doubtful() && hint.doubt(word, self.seat.index);
        let below = Cell::new(false);
        let (blocked, undisturbed) = look(&below)?;
        // A thread that slept may have run anything meanwhile in hooks of its runtime, also this. Of its own holds only
        // those below count: a thread with a shared hold on the node or above it is refused before it gets here.
        if doubted
            && blocked.is_none()
            && undisturbed
            && (hint == Hint::Readers || !below.get() && !self.has_below(index)?)
        {
            hint.clear(word, self.seat.index);
        }
        Ok(blocked)
    }

    /// Whether this thread itself has a hold strictly below a node.
    fn has_below(&self, index: u32) -> Result<bool> {
        for slot in self.seat.line.slots() {
            let hold = slot.load(Ordering::Relaxed);
            if hold != 0 && is_below(self.space, hold::index(hold), index)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Releases a granted hold and wakes the threads that wait for it.
    #[inline(always)]
    pub(crate) fn release(&self, head: &NodeHead, mode: Mode, slot: usize) {
        if mode != Mode::Shared {
            // 8. By swap: a WAITERS bit that comes in between must not be lost. Only we change the rest.
            let word = head.word.load(Ordering::Relaxed);
            if head.word.swap(word::released(word, mode), Ordering::AcqRel) & WAITERS != 0 {
                futex_wake(&head.word);
            }
        }
        match self.seat.line.slots.get(slot) {
            Some(hold) if mode == Mode::Shared => withdraw(hold),
            // No thread sleeps on an exclusive hold.
            Some(hold) => hold.store(0, Ordering::Release),
            None => {}
        }
    }

    /// Sleeps until what stands in the way may have changed.
    #[cold]
    fn sleep(&self, blocked: Blocked<'a>, wait: &Wait, pend: &Pend<'_, 'a, S>) -> Result<()> {
        self.space.recall(blocked.seat, blocked.word, blocked.seen)?;
        wait.sleep(
            blocked.word,
            blocked.seen,
            || pend.set(),
            || pend.doubt.look(self.space, blocked.seat, blocked.word, blocked.seen),
        )
    }

    /// What this thread itself holds on, above and below a node.
    #[inline(always)]
    pub(crate) fn own(&self, index: u32) -> Result<Own> {
        let mut own = Own::default();
        for slot in self.seat.line.slots() {
            let hold = slot.load(Ordering::Relaxed);
            if hold != 0 {
                self.add_own(&mut own, hold, index)?;
            }
        }
        Ok(own)
    }

    #[cold]
    fn add_own(&self, own: &mut Own, hold: u64, index: u32) -> Result<()> {
        let held = hold::index(hold);
        if held == index || is_below(self.space, index, held)? {
            match hold::mode(hold) {
                Mode::Shared => own.shared = true,
                Mode::Node => own.exclusive |= held == index,
                Mode::Tree => own.exclusive = true,
            }
        } else if is_below(self.space, held, index)? {
            match hold::mode(hold) {
                Mode::Shared => own.shared_below = true,
                _ => own.exclusive_below = true,
            }
        }
        Ok(())
    }

    /// Whether another thread has published a shared hold on a node, or above it. The caller has fenced what that thread
    /// would have to see.
    pub(crate) fn is_shared_by_others(&self, index: u32) -> Result<bool> {
        let shared = |_, line: &'a SeatLine| {
            for slot in line.slots() {
                let other = slot.load(Ordering::Acquire);
                let node = hold::index(other);
                if other != 0
                    && hold::mode(other) == Mode::Shared
                    && (node == index || is_below(self.space, index, node)?)
                {
                    return Ok(Some(()));
                }
            }
            Ok(None)
        };
        Ok(self.space.find_other(self.seat.index, shared)?.is_some())
    }

    /// A slot without a hold, and its word.
    #[inline(always)]
    fn free_slot(&self) -> Result<(usize, &'a AtomicU64)> {
        let mut slots = self.seat.line.slots.iter().enumerate();
        slots
            .find(|(_, hold)| hold.load(Ordering::Relaxed) == 0)
            .ok_or_else(|| Error::too_many("locks held by one thread", HOLDS))
    }

    /// Gives the nodes above the hint BELOW, and looks whether another seat holds one of them with all below it.
    #[inline(always)]
    fn above(&self, head: &NodeHead, me: u64) -> Result<Above<'a>> {
        let mut readers = None;
        for ancestor in Ancestors::new(self.space, head) {
            let (_, ancestor) = ancestor?;
            // First the hint, then the word: the owner of the word looks at the hint afterwards.
            let hints = Hint::Below.ensure(&ancestor.hints);
            if readers.is_none() && Hint::Readers.given(hints) {
                readers = Some(&ancestor.hints);
            }
            let seen = ancestor.word.load(Ordering::Acquire);
            if word::foreign_tree(seen, me) {
                return Ok(Above { blocked: Some(Blocked::by_owner(&ancestor.word, seen)), readers });
            }
        }
        Ok(Above { blocked: None, readers })
    }

    /// The word behind an exclusive hold of another seat, if that seat owns it.
    fn owned(&self, seat: u32, node: u32) -> Result<Option<Conflict<'a>>> {
        let word = &self.space.head(node)?.word;
        let seen = word.load(Ordering::Acquire);
        Ok((word::owner(seen) == word::owner_of(seat)).then_some(Conflict::Owned(word, seen)))
    }

    /// Looks at the holds of all other seats; waits in place where `conflict` says so. Returns a hold for which
    /// everything must be given back first, and whether this thread did not sleep.
    #[inline(always)]
    fn scan(
        &self,
        conflict: impl Fn(u32, u64) -> Result<Option<Conflict<'a>>>,
        wait: &Wait,
        pend: &Pend<'_, 'a, S>,
    ) -> Result<(Option<Blocked<'a>>, bool)> {
        let mut undisturbed = true;
        let blocked = self.space.find_other(self.seat.index, |seat, line| {
            'seat: loop {
                for slot in line.slots() {
                    let other = slot.load(Ordering::Acquire);
                    if other == 0 {
                        continue;
                    }
                    let (in_place, word, seen) = match conflict(seat, other)? {
                        None => continue,
                        Some(Conflict::InPlace) => (true, slot, other),
                        Some(Conflict::Back) => (false, slot, other),
                        // Its owner sets PEND first, and then changes the word: a thread that has seen the changed word
                        // sees PEND.
                        Some(Conflict::Owned(..)) if slot.load(Ordering::Acquire) != other => continue 'seat,
                        Some(Conflict::Owned(word, seen)) => (true, word, seen),
                    };
                    let blocked = Blocked { word, seen, seat };
                    if !in_place || other & PEND != 0 {
                        return Ok(Some(blocked));
                    }
                    undisturbed = false;
                    self.sleep(blocked, wait, pend)?;
                    continue 'seat;
                }
                return Ok(None);
            }
        })?;
        Ok((blocked, undisturbed))
    }
}

/// Frees what a dead seat holds. The caller is the only one to do so, and has undone or finished the seat's operation.
/// `orphan` is called with each node before it is freed.
///
/// Words before holds, so that a repairer that takes over from one that died finds the rest; and words only by
/// compare-and-swap from a value that names this very seat, with a version that moves on, since the dead owner may have
/// changed things.
pub(crate) fn bury<S: Space>(space: &S, seat: u32, line: &SeatLine, orphan: impl Fn(u32, Mode)) {
    for slot in &line.slots {
        let hold = slot.load(Ordering::Acquire);
        if hold == 0 || hold::mode(hold) == Mode::Shared {
            continue;
        }
        // A hold that names no node comes from a damaged segment, and blocks no thread.
        let Ok(head) = space.head(hold::index(hold)) else { continue };
        // A thread that died before its lock was granted may have taken the word of a node that was freed meanwhile:
        // the word is given back, but nothing was changed under it.
        let same_life = hold::names(hold, generation(head.identity.load(Ordering::Acquire)));
        let mut seen = head.word.load(Ordering::Acquire);
        while word::owner(seen) == word::owner_of(seat) {
            let mode = word::mode(seen);
            if same_life {
                orphan(hold::index(hold), mode);
            }
            // AcqRel: the thread that takes the word next sees what was repaired.
            match head.word.compare_exchange(
                seen,
                word::released(seen, mode),
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) if seen & WAITERS != 0 => futex_wake(&head.word),
                Ok(_) => {}
                Err(now) => {
                    seen = now;
                    continue;
                }
            }
            break;
        }
    }
    for slot in &line.slots {
        if slot.load(Ordering::Relaxed) != 0 && slot.swap(0, Ordering::AcqRel) & WAITERS != 0 {
            futex_wake(slot);
        }
    }
    line.high.store(0, Ordering::Release);
}

/// Whether `node` lies strictly below `top`.
pub(crate) fn is_below<S: Space>(space: &S, node: u32, top: u32) -> Result<bool> {
    // A chain without end belongs to a record that is being reused; its locker will find that out.
    for ancestor in Ancestors::new(space, space.head(node)?).take(MAX_DEPTH) {
        if ancestor?.0 == top {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Takes a hold back, granted or not. By swap, as in [`Locker::release`].
#[inline(always)]
fn withdraw(hold: &AtomicU64) {
    if hold.swap(0, Ordering::AcqRel) & WAITERS != 0 {
        futex_wake(hold);
    }
}

/// Gives back what was not granted: nothing was changed, so no version grows.
#[cold]
fn give_back(head: &NodeHead, hold: &AtomicU64, mode: Mode) {
    if mode == Mode::Shared {
        return withdraw(hold);
    }
    if head.word.fetch_and(word::UNGRANTED, Ordering::AcqRel) & WAITERS != 0 {
        futex_wake(&head.word);
    }
    hold.store(0, Ordering::Release);
}

/// Wakes the threads that sleep in place on a word of this thread, so that they see what the hold says now. A thread
/// that tries to arm the word by its former value fails.
fn stir(word: &AtomicU64, me: u64) {
    let mut seen = word.load(Ordering::Relaxed);
    // Another thread may give locks back in this thread's name meanwhile.
    while word::owner(seen) == me {
        match word.compare_exchange_weak(seen, word::stirred(seen), Ordering::AcqRel, Ordering::Relaxed) {
            Ok(_) if seen & WAITERS != 0 => return futex_wake(word),
            Ok(_) => return,
            Err(now) => seen = now,
        }
    }
}

/// Marks this thread's other holds while it sleeps, so that a thread that waits for one of them in place steps back and
/// lets this thread through. Cleared when the lock is granted, and on every error.
struct Pend<'l, 'a, S: Space> {
    locker: &'l Locker<'a, S>,
    asking: usize,
    set: Cell<bool>,
    /// How often in a row the owner that this thread waits for was found impossible.
    doubt: Doubt,
}

impl<'l, 'a, S: Space> Pend<'l, 'a, S> {
    fn new(locker: &'l Locker<'a, S>, asking: usize) -> Self {
        Pend { locker, asking, set: Cell::new(false), doubt: Doubt::default() }
    }

    fn granted(&self) -> impl Iterator<Item = &'a AtomicU64> + '_ {
        let slots = self.locker.seat.line.slots().iter().enumerate();
        slots
            .filter(|(slot, hold)| *slot != self.asking && hold.load(Ordering::Relaxed) != 0)
            .map(|(_, hold)| hold)
    }

    fn set(&self) {
        if !self.set.replace(true) {
            for hold in self.granted() {
                let before = hold.fetch_or(PEND, Ordering::AcqRel);
                if before & WAITERS != 0 {
                    futex_wake(hold);
                }
                if before != 0
                    && hold::mode(before) != Mode::Shared
                    && let Ok(head) = self.locker.space.head(hold::index(before))
                {
                    stir(&head.word, word::owner_of(self.locker.seat.index));
                }
            }
        }
    }
}

impl<S: Space> Drop for Pend<'_, '_, S> {
    fn drop(&mut self) {
        if self.set.get() && !is_forked() {
            for hold in self.granted() {
                hold.fetch_and(!PEND, Ordering::AcqRel);
            }
        }
    }
}
