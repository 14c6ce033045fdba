//! Transactions: a journal that stays open over many operations of one thread.
//!
//! The journal is that of a seat of its own, so that operations elsewhere in the store go on as ever. An operation on the
//! node that the transaction was begun on, or below, is a part of it: it logs into that journal, does not commit, and if
//! it fails is undone to where it began. The thread holds that node tree-exclusively until the end, with its other
//! seat; that is what makes restoring old values safe, as for any operation. If the process dies, both seats are
//! found to belong to it, and journals are repaired before locks are given up.

use std::cell::Cell;
use std::sync::Arc;

use super::{Operation, Savepoint, free};
use crate::arena::layout::Seat;
use crate::arena::{Arena, ThreadSeat};
use crate::error::{Error, ErrorKind, Result};
use crate::lock::{Wait, is_below};

/// The journal of this thread's transaction, if that covers the node.
#[inline(always)]
pub(crate) fn covering(arena: &Arena, node: u32) -> Result<Option<ThreadSeat<'_>>> {
    match arena.transaction() {
        None => Ok(None),
        Some((journal, top)) => Ok(lies_within(arena, node, top)?.then_some(journal)),
    }
}

/// Fails if a transaction of this thread is under way strictly below the node, which is to be changed as a whole.
#[inline(always)]
pub(crate) fn refuse_above(arena: &Arena, node: u32) -> Result<()> {
    match arena.transaction() {
        Some((_, top)) if top != node && lies_within(arena, top, node)? => {
            Err(Error::new(ErrorKind::InTransaction))
        }
        _ => Ok(()),
    }
}

/// Whether a node is `top` or lies below it. An error where links lead nowhere: no change is left out of a transaction because
/// of damage.
#[cold]
pub(crate) fn lies_within(arena: &Arena, node: u32, top: u32) -> Result<bool> {
    Ok(node == top || is_below(arena, node, top)?)
}

/// The outcome of a transaction that is under way: committed, or, when it is dropped, undone.
pub(crate) struct Pending {
    arena: Arc<Arena>,
    journal: u32,
    /// Set in a transaction within another one: the savepoint to which it is undone.
    within: Option<Savepoint>,
    open: bool,
    /// The arena's count of forks when it began: a child's copy is no transaction.
    forks: u32,
}

impl Pending {
    /// Begins a transaction on a node that the caller holds tree-exclusively, and goes on holding.
    pub(crate) fn begin(arena: &Arc<Arena>, node: u32, wait: &Wait) -> Result<Pending> {
        if let Some(journal) = covering(arena, node)? {
            let within = Some(Savepoint::of(journal.body));
            return Ok(Pending {
                arena: Arc::clone(arena),
                journal: journal.own.index,
                within,
                open: true,
                forks: arena.forks(),
            });
        }
        if Arena::in_transaction() {
            return Err(Error::new(ErrorKind::InTransaction));
        }
        let journal = arena.enter_transaction(node, wait)?;
        // Fails if the journal is in use, for a transaction was leaked.
        let idle = Operation::begin_on(arena, journal, false).map(Operation::forget);
        if idle.is_err() {
            arena.leave_transaction(journal.own.index);
        }
        idle?;
        Ok(Pending {
            arena: Arc::clone(arena),
            journal: journal.own.index,
            within: None,
            open: true,
            forks: arena.forks(),
        })
    }

    /// Whether another thread of this process began it, which may be in the middle of an operation: then only that
    /// thread can end it.
    pub(crate) fn is_elsewhere(&self) -> bool {
        let own = self.arena.transaction().is_some_and(|(journal, _)| journal.own.index == self.journal);
        self.open && !own && self.forks == self.arena.forks()
    }

    /// Makes the changes final. From here on they have happened, unless they are part of another transaction.
    pub(crate) fn commit(mut self) -> Result<()> {
        self.open = false;
        if self.within.is_some() || self.forks != self.arena.forks() {
            return Ok(());
        }
        let committed = self.operation().and_then(Operation::commit);
        self.arena.leave_transaction(self.journal);
        committed
    }

    /// The whole transaction as one operation.
    fn operation(&self) -> Result<Operation<'_>> {
        let seat = self.arena.record::<Seat>(self.journal)?;
        Ok(Operation {
            arena: &self.arena,
            index: self.journal,
            seat,
            open: true,
            within: None,
            waited: false,
            // What its parts have retired stands in the log.
            retires: Cell::new(true),
        })
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !self.open || self.forks != self.arena.forks() || self.is_elsewhere() {
            return;
        }
        // Fails only where the segment is damaged, and then there is no caller to report it to.
        if let Ok(seat) = self.arena.record::<Seat>(self.journal) {
            let to = self.within.unwrap_or(Savepoint::START);
            let _ = free::roll_back(&self.arena, self.journal, seat, to);
        }
        if self.within.is_none() {
            self.arena.leave_transaction(self.journal);
        }
    }
}
