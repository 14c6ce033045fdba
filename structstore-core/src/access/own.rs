//! Taking and releasing locks, and the rules about this thread's own ones.

use std::cell::Cell;
use std::mem;
use std::sync::Arc;

use super::Store;
use crate::arena::Arena;
use crate::arena::layout::Node;
use crate::error::{Error, ErrorKind, Result};
use crate::journal::{Operation, refuse_above};
use crate::lock::{Locker, Mode, NodeHead, NodeId, Own, OwnSeat, Wait};
use crate::notice;

/// A lock that this thread has, to be given back; nothing if one that it had before covers the node.
///
/// One word, so that it is passed on in a register: index of the node 32 | forks of the arena 8 | seat 14 | slot 8 | mode 2.
#[derive(Clone, Copy)]
#[must_use]
pub(crate) struct Held(u64);

/// The slot of a hold that there is none of.
const NONE: u64 = 0xff;

impl Held {
    #[inline(always)]
    fn new(arena: &Arena, index: u32, seat: u32, slot: u64, mode: Mode) -> Held {
        let forks = u64::from(arena.forks() as u8);
        Held(u64::from(index) << 32 | forks << 24 | u64::from(seat) << 10 | slot << 2 | mode as u64)
    }

    /// Whether it was taken in a parent process, whose it remains.
    #[inline(always)]
    fn is_inherited(self, arena: &Arena) -> bool {
        (self.0 >> 24) as u8 != arena.forks() as u8
    }

    #[inline(always)]
    fn slot(self) -> u64 {
        self.0 >> 2 & 0xff
    }

    #[inline(always)]
    fn seat(self) -> u32 {
        (self.0 >> 10 & 0x3fff) as u32
    }

    #[inline(always)]
    fn mode(self) -> Mode {
        match self.0 & 3 {
            0 => Mode::Shared,
            1 => Mode::Node,
            _ => Mode::Tree,
        }
    }
}

/// Locks a node.
///
/// Own locks: under an exclusive one that covers the node, reentrant stores go ahead without another, and others get
/// `HeldByGuard`; so they do for a part of the node that is held while the whole is asked for. Asking for an exclusive lock
/// under an own shared one would wait for ever.
#[inline(always)]
pub(crate) fn acquire(store: &Store, head: &NodeHead, id: NodeId, mode: Mode, wait: &Wait) -> Result<Held> {
    if store.asks() && mode != Mode::Shared {
        store.ask()?;
    }
    acquire_any(store, head, id, mode, wait)
}

#[inline(always)]
fn acquire_any(store: &Store, head: &NodeHead, id: NodeId, mode: Mode, wait: &Wait) -> Result<Held> {
    let arena = &store.arena;
    if mode == Mode::Tree {
        refuse_above(arena, id.index)?;
    }
    let seat = arena.seat(wait)?.own;
    let locker = Locker::new(&**arena, seat);
    if seat.line.any() && covered(locker.own(id.index)?, mode, store.reentrant)? {
        return Ok(Held::new(arena, id.index, seat.index, NONE, mode));
    }
    let slot = locker.lock(head, id, mode, wait)?;
    Ok(Held::new(arena, id.index, seat.index, slot as u64, mode))
}

/// Whether this thread's own locks make another one unnecessary; an error if they make it impossible.
#[cold]
fn covered(own: Own, mode: Mode, reentrant: bool) -> Result<bool> {
    if own.exclusive {
        return if reentrant { Ok(true) } else { Err(Error::new(ErrorKind::HeldByGuard)) };
    }
    if own.shared && mode != Mode::Shared {
        return Err(Error::new(ErrorKind::Deadlock));
    }
    let part = own.exclusive_below || own.shared_below && mode == Mode::Tree;
    if part && mode != Mode::Node && !reentrant {
        return Err(Error::new(ErrorKind::HeldByGuard));
    }
    Ok(false)
}

impl Held {
    fn index(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// Whether somebody died who held exclusively what this lock covers, or part of it, since the last exclusive holder
    /// that asked.
    pub(crate) fn recovered(self, arena: &Arena) -> bool {
        arena.recovered(self.index())
    }

    /// Whether it was taken by the calling thread.
    pub(crate) fn is_own(self, arena: &Arena) -> bool {
        !self.is_inherited(arena) && arena.seat_if_any().is_some_and(|seat| seat.own.index == self.seat())
    }

    /// Releases the lock; `asked` says whether the holder has asked if a previous owner died. Not inlined, so that code that drops a
    /// guard stays short and the compiler keeps guards in registers.
    #[inline(never)]
    pub(crate) fn release_asked(self, arena: &Arena, head: &NodeHead, asked: bool) {
        if asked {
            self.accept_recovered(arena);
        }
        self.release(arena, head);
    }

    /// Clears the marks of deaths, which the holder has read. The lock is still held.
    #[cold]
    pub(crate) fn accept_recovered(self, arena: &Arena) {
        if self.mode() == Mode::Tree && !self.is_inherited(arena) {
            arena.accept_recovered(self.index());
        }
    }

    /// Gives the lock back, on whichever thread, and notifies those who watch what it covered.
    #[inline(always)]
    pub(crate) fn release(self, arena: &Arena, head: &NodeHead) {
        if arena.watching() {
            self.release_and_notify(arena, head);
        } else {
            self.release_unchanged(arena, head);
        }
    }

    fn release_and_notify(self, arena: &Arena, head: &NodeHead) {
        let concerns = || notice::concerns(arena, head, self.mode());
        if self.mode() == Mode::Shared || self.is_none(arena) || !concerns() {
            return self.release_unchanged(arena, head);
        }
        let concerned = notice::count(arena, self.index(), self.mode());
        self.release_unchanged(arena, head);
        concerned.wake();
    }

    /// Whether there is nothing to be given back, in this process.
    #[inline(always)]
    fn is_none(self, arena: &Arena) -> bool {
        self.slot() == NONE || self.is_inherited(arena)
    }

    /// Gives a lock back under which nothing was changed that others could see.
    #[inline(always)]
    pub(crate) fn release_unchanged(self, arena: &Arena, head: &NodeHead) {
        if self.is_none(arena) {
            return;
        }
        let seat = arena.seat_if_any().map(|seat| seat.own).filter(|seat| seat.index == self.seat());
        let line = match seat {
            Some(seat) => Ok(seat.line),
            None => arena.record(self.seat()),
        };
        // It was there, too.
        let Ok(line) = line else { return };
        let (locker, slot) = (Locker::new(arena, OwnSeat { index: self.seat(), line }), self.slot() as usize);
        locker.release(head, self.mode(), slot);
        if seat.is_some() {
            line.settle(slot);
        }
    }
}

/// A lock for as long as a scope, which gives it back however it is left.
pub(crate) struct Scope<'a> {
    held: Held,
    arena: &'a Arena,
    head: &'a NodeHead,
    asked: Cell<bool>,
}

impl<'a> Scope<'a> {
    #[inline(always)]
    pub(crate) fn new(
        store: &'a Store,
        node: &'a Node,
        id: NodeId,
        mode: Mode,
        wait: &Wait,
    ) -> Result<Scope<'a>> {
        let held = acquire(store, &node.head, id, mode, wait)?;
        Ok(Scope { held, arena: &store.arena, head: &node.head, asked: Cell::new(false) })
    }

    /// A lock under which the block of the node is leased, and nothing changed.
    pub(crate) fn to_lease(store: &'a Store, node: &'a Node, id: NodeId, mode: Mode) -> Result<Scope<'a>> {
        let held = acquire_any(store, &node.head, id, mode, &Wait::FOREVER)?;
        Ok(Scope { held, arena: &store.arena, head: &node.head, asked: Cell::new(false) })
    }

    /// Releases the lock, as dropping the scope does, but inline. Only for scopes whose holder did not ask whether an owner had died.
    #[inline(always)]
    pub(crate) fn end(self) {
        self.held.release(self.arena, self.head);
        mem::forget(self);
    }

    /// Ends a scope in which nothing was changed that others could see.
    #[inline(always)]
    pub(crate) fn end_unchanged(self) {
        self.held.release_unchanged(self.arena, self.head);
        mem::forget(self);
    }

    /// Whether a process died since the last exclusive holder that asked, while it held exclusively what this covers.
    pub(crate) fn recovered(&self) -> bool {
        self.asked.set(true);
        self.held.recovered(self.arena)
    }
}

impl Drop for Scope<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.held.release_asked(self.arena, self.head, self.asked.get());
    }
}

/// Runs one operation on a node under locks that the caller has.
#[inline(always)]
pub(crate) fn operate<T>(
    arena: &Arc<Arena>,
    node: NodeId,
    change: impl FnOnce(&Operation<'_>) -> Result<T>,
) -> Result<T> {
    let operation = Operation::begin_for(arena, node.index)?;
    operation.ensure_lives(node)?;
    operation.conclude(change)
}

/// The same below a guard, past which no signal handler changes anything.
#[inline(always)]
pub(crate) fn operate_below<T>(
    arena: &Arc<Arena>,
    node: u32,
    change: impl FnOnce(&Operation<'_>) -> Result<T>,
) -> Result<T> {
    Operation::begin_for(arena, node)?.conclude(change)
}
