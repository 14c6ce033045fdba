//! Taking and releasing locks for operations and guards, and the rules about this thread's own ones.

use std::sync::Arc;

use crate::arena::Arena;
use crate::error::{Error, Result};
use crate::journal::Operation;
use crate::lock::{Locker, Mode, NodeId, Wait};

/// A lock that this thread has, to be given back; nothing if one that it had before covers the node.
#[derive(Clone, Copy)]
#[must_use]
pub(crate) struct Held {
    id: NodeId,
    mode: Mode,
    seat: u32,
    slot: Option<usize>,
}

/// Locks a node.
///
/// Own locks: under an exclusive one that covers the node, nesting stores go ahead without another, and others get
/// `HeldByGuard`; so they do for a part of the node that is held while the whole is asked for. Asking for an
/// exclusive lock under an own shared one would wait for ever.
#[inline]
pub(crate) fn acquire(
    arena: &Arc<Arena>,
    id: NodeId,
    mode: Mode,
    wait: &Wait,
    nesting: bool,
) -> Result<Held> {
    let seat = arena.seat()?;
    let locker = Locker::new(&**arena, seat)?;
    let own = locker.own(id.index)?;
    if own.any() {
        let path = String::new();
        if own.exclusive {
            return if nesting {
                Ok(Held { id, mode, seat, slot: None })
            } else {
                Err(Error::HeldByGuard { path })
            };
        }
        if own.shared && mode != Mode::Shared {
            return Err(Error::Deadlock { path });
        }
        let part = own.exclusive_below || own.shared_below && mode == Mode::Tree;
        if part && mode != Mode::Node && !nesting {
            return Err(Error::HeldByGuard { path });
        }
    }
    let slot = match mode {
        Mode::Shared => locker.shared(id, wait)?,
        _ => locker.exclusive(id, mode, wait)?,
    };
    Ok(Held { id, mode, seat, slot: Some(slot) })
}

impl Held {
    #[inline]
    pub(crate) fn release(self, arena: &Arena) {
        if let Some(slot) = self.slot
            && let Ok(locker) = Locker::new(arena, self.seat)
        {
            locker.release(self.id, self.mode, slot);
        }
    }
}

/// Runs one operation under an exclusive lock. What the operation unlinks is freed before the lock is released.
#[inline]
pub(crate) fn exclusively<T>(
    arena: &Arc<Arena>,
    id: NodeId,
    mode: Mode,
    wait: &Wait,
    nesting: bool,
    change: impl FnOnce(&Operation<'_>) -> Result<T>,
) -> Result<T> {
    let held = acquire(arena, id, mode, wait, nesting)?;
    let result = operate(arena, change);
    held.release(arena);
    result
}

/// Runs one operation under locks that the caller has.
#[inline]
pub(crate) fn operate<T>(arena: &Arc<Arena>, change: impl FnOnce(&Operation<'_>) -> Result<T>) -> Result<T> {
    let operation = Operation::begin(arena)?;
    let result = change(&operation)?;
    operation.commit()?;
    Ok(result)
}
