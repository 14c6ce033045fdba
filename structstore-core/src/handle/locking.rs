//! Taking and releasing locks for operations and guards, and the rules about this thread's own ones.

use std::sync::Arc;

use crate::arena::Arena;
use crate::arena::layout::Node;
use crate::error::{Error, Result};
use crate::journal::Operation;
use crate::lock::{Locker, Mode, NodeHead, NodeId, Own, OwnSeat, Wait};

/// A lock that this thread has, to be given back; nothing if one that it had before covers the node.
#[derive(Clone, Copy)]
#[must_use]
pub(crate) struct Held {
    mode: Mode,
    /// The slot of the hold; `NONE` if there is none.
    slot: u8,
    seat: u32,
    index: u32,
}

const NONE: u8 = u8::MAX;

/// Locks a node.
///
/// Own locks: under an exclusive one that covers the node, nesting stores go ahead without another, and others get
/// `HeldByGuard`; so they do for a part of the node that is held while the whole is asked for. Asking for an
/// exclusive lock under an own shared one would wait for ever.
#[inline(always)]
pub(crate) fn acquire(
    arena: &Arc<Arena>,
    head: &NodeHead,
    id: NodeId,
    mode: Mode,
    wait: &Wait,
    nesting: bool,
) -> Result<Held> {
    let seat = arena.seat()?.own;
    let locker = Locker::new(&**arena, seat);
    let mut held = Held { mode, slot: NONE, seat: seat.index, index: id.index };
    if seat.line.any() && covered(locker.own(id.index)?, mode, nesting)? {
        return Ok(held);
    }
    let slot = match mode {
        Mode::Shared => locker.shared(head, id, wait)?,
        _ => locker.exclusive(head, id, mode, wait)?,
    };
    held.slot = slot as u8;
    Ok(held)
}

/// Whether this thread's own locks make another one unnecessary; an error if they make it impossible.
#[cold]
fn covered(own: Own, mode: Mode, nesting: bool) -> Result<bool> {
    let path = String::new();
    if own.exclusive {
        return if nesting { Ok(true) } else { Err(Error::HeldByGuard { path }) };
    }
    if own.shared && mode != Mode::Shared {
        return Err(Error::Deadlock { path });
    }
    let part = own.exclusive_below || own.shared_below && mode == Mode::Tree;
    if part && mode != Mode::Node && !nesting {
        return Err(Error::HeldByGuard { path });
    }
    Ok(false)
}

impl Held {
    /// Gives the lock back, on whichever thread.
    #[inline(always)]
    pub(crate) fn release(self, arena: &Arena) {
        if self.slot == NONE {
            return;
        }
        let seat = arena.seat_if_any().map(|seat| seat.own).filter(|seat| seat.index == self.seat);
        let line = match seat {
            Some(seat) => Ok(seat.line),
            None => arena.record(self.seat),
        };
        // Both were there when the lock was taken, and records never move.
        if let (Ok(line), Ok(node)) = (line, arena.node(self.index)) {
            Locker::new(arena, OwnSeat { index: self.seat, line }).release(
                &node.head,
                self.mode,
                self.slot.into(),
            );
        }
    }
}

/// Runs one operation under an exclusive lock. What the operation unlinks is freed before the lock is released.
#[inline(always)]
pub(crate) fn exclusively<T>(
    arena: &Arc<Arena>,
    node: &Node,
    id: NodeId,
    mode: Mode,
    wait: &Wait,
    nesting: bool,
    change: impl FnOnce(&Operation<'_>) -> Result<T>,
) -> Result<T> {
    let held = acquire(arena, &node.head, id, mode, wait, nesting)?;
    let result = operate(arena, change);
    held.release(arena);
    result
}

/// Runs one operation under locks that the caller has.
#[inline(always)]
pub(crate) fn operate<T>(arena: &Arc<Arena>, change: impl FnOnce(&Operation<'_>) -> Result<T>) -> Result<T> {
    let operation = Operation::begin(arena)?;
    let result = change(&operation)?;
    operation.commit()?;
    Ok(result)
}
