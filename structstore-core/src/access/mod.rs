//! Two ways of access to one set of operations: a handle locks for each operation, or reads without a lock; a guard has the lock.
//!
//! What an operation does is written once, in [`ops`](crate::ops), on an [`Access`]. Nothing else may differ between the two:
//! whoever adds an operation cannot see which way it is.
//!
//! Operations take the access by reference, and their slow halves are functions of their own that are never inlined: by value,
//! its words would be spilled before the hot path, because the cold call takes their address. A closure that is read
//! optimistically makes no errors that it can leave to its caller, for each is dropped in the retry loop.

mod holder;
mod locked;
mod own;
mod parts;
mod patience;
mod place;
mod store;

pub use locked::{Borrowed, Hold, Owned};
pub(crate) use locked::{Locked, lend_raw, lend_scalar};
pub(crate) use own::{Scope, operate, operate_below};
pub(crate) use patience::Obstacle;
pub(crate) use place::{Handle, Near, gone_again};
pub(crate) use store::Store;

use std::sync::Arc;
use std::time::Duration;

use crate::arena::Arena;
use crate::arena::layout::Node;
use crate::error::{Error, ErrorKind, Result, Step};
use crate::journal::Operation;
use crate::lock::{Mode, NodeId, Wait};
use crate::node::{Extent, Raw};

/// A way to a node.
pub(crate) trait Access {
    /// Whether operations take locks of their own.
    const LOCKS: bool;

    fn store(&self) -> &Arc<Store>;
    fn id(&self) -> NodeId;
    fn node(&self) -> &Node;

    /// Runs `read` on the node so that no change by others can be seen half-done. It may run several times and see garbage,
    /// which it answers with an error or a value that is discarded.
    fn read<T>(&self, read: impl Fn(&Arena, &Node) -> Result<T>) -> Result<T>;

    /// Reads the node with all below it, as of one moment.
    fn whole<T>(&self, read: impl for<'a> Fn(&'a Arena, &'a Node, &Extent<'a>) -> Result<T>) -> Result<T>;

    /// Looks at a slot of the node and does something with what it names; again where that was replaced in between.
    fn follow<T>(
        &self,
        slot: impl Fn(&Arena, &Node) -> Result<Option<Raw>>,
        visit: impl Fn(Option<Raw>) -> Result<T>,
    ) -> Result<T>;

    /// Locks the node for one operation.
    fn hold(&self, mode: Mode) -> Result<Option<Scope<'_>>>;

    /// Runs an operation on a slot of the node and on what it names.
    fn change_part<T>(
        &self,
        slot: impl Fn(&Arena, &Node) -> Result<Option<Raw>>,
        change: impl Fn(&Operation<'_>, &Node, Option<Raw>) -> Result<T>,
    ) -> Result<T>;

    /// Changes the node's own slots in one operation, of which `prepare` is done before the lock is taken: long copies.
    fn change_prepared<A, T>(
        &self,
        prepare: impl Fn(&Operation<'_>) -> Result<A>,
        change: impl Fn(&Operation<'_>, &Node, A) -> Result<T>,
    ) -> Result<T>;

    /// Whether changes have to be logged so that a transaction can undo them.
    fn in_transaction(&self) -> bool;

    /// Puts the way to the node in front of the path of an error.
    fn locate(&self, error: Error) -> Error;

    /// Whether the node is gone.
    fn is_stale(&self) -> bool;

    #[inline(always)]
    fn arena(&self) -> &Arc<Arena> {
        &self.store().arena
    }

    /// Changes the node or what lies below it in one operation, wholly or not at all. What the operation unlinks is freed before
    /// the lock is released.
    #[inline(always)]
    fn change<T>(&self, mode: Mode, change: impl FnOnce(&Operation<'_>, &Node) -> Result<T>) -> Result<T> {
        let _held = self.hold(mode)?;
        operate(self.arena(), self.id(), |operation| change(operation, self.node()))
    }
}

/// A step from a node to a part of it.
#[derive(Clone, Copy)]
pub(crate) enum Part<'a> {
    Name(&'a str),
    Index(usize),
}

impl<'a> From<&'a Step> for Part<'a> {
    fn from(step: &'a Step) -> Part<'a> {
        match step {
            Step::Name(name) => Part::Name(name),
            Step::Index(index) => Part::Index(*index),
        }
    }
}

impl From<Part<'_>> for Step {
    fn from(part: Part<'_>) -> Step {
        match part {
            Part::Name(name) => name.into(),
            Part::Index(index) => index.into(),
        }
    }
}

/// Where the errors of operations get their paths: at the end of each operation, and nowhere else.
pub(crate) trait Located<T> {
    /// For an operation on the node.
    fn at(self, access: &impl Access) -> Result<T>;
    /// For an operation on a part of it.
    fn at_part(self, access: &impl Access, part: Part<'_>) -> Result<T>;
}

impl<T> Located<T> for Result<T> {
    #[inline(always)]
    fn at(self, access: &impl Access) -> Result<T> {
        match self {
            Ok(value) => Ok(value),
            Err(error) => Err(locate(error, access)),
        }
    }

    #[inline(always)]
    fn at_part(self, access: &impl Access, part: Part<'_>) -> Result<T> {
        match self {
            Ok(value) => Ok(value),
            Err(error) => Err(locate_part(error, access, part)),
        }
    }
}

#[cold]
#[inline(never)]
pub(crate) fn locate(error: Error, access: &impl Access) -> Error {
    if error.is_located() { error } else { access.locate(error).located() }
}

#[cold]
#[inline(never)]
pub(crate) fn locate_part(error: Error, access: &impl Access, part: Part<'_>) -> Error {
    if error.is_located() {
        return error;
    }
    match error.kind() {
        // Of this very node: nothing is known of its parts.
        ErrorKind::StaleHandle if access.is_stale() => locate(error, access),
        ErrorKind::IndexOutOfRange if matches!(part, Part::Index(_)) => locate(error, access),
        _ => locate(error.under(part), access),
    }
}

/// How long to wait for a lock: for ever, or for so long.
pub(crate) fn at_most(timeout: Option<Duration>) -> Wait {
    timeout.map_or(Wait::FOREVER, Wait::at_most)
}
