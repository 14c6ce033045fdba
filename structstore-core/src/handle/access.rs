//! What guards are made of: a node that this thread holds.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use super::locking::operate;
use super::{Handle, Held, acquire};
use crate::arena::Arena;
use crate::arena::layout::Node;
use crate::error::{Error, Result};
use crate::journal::Operation;
use crate::lock::{Mode, NodeId, Wait};
use crate::node::{self, Raw};
use crate::store::Store;

/// Access to a node under a lock: its own, which ends with it, or one of a guard that it borrows from for `'s`.
///
/// Swapping two of them swaps the locks too, so that what is held and who holds it never come apart.
pub(crate) struct Access<'s> {
    store: Keep<'s>,
    id: NodeId,
    record: *const Node,
    held: Option<Held>,
    /// Locks belong to threads.
    not_send: PhantomData<*mut ()>,
}

enum Keep<'s> {
    Owned(Arc<Store>),
    Lent(&'s Arc<Store>),
}

impl<'s> Access<'s> {
    /// Locks a node for as long as the access lives.
    pub(crate) fn lock(handle: &Handle, mode: Mode, wait: &Wait) -> Result<Access<'s>> {
        let store = Arc::clone(handle.store());
        let held = acquire(&store.arena, handle.id(), mode, wait, store.nesting);
        Ok(Access {
            held: Some(held.map_err(|error| handle.locate(error))?),
            store: Keep::Owned(store),
            id: handle.id(),
            record: handle.record(),
            not_send: PhantomData,
        })
    }

    /// Access to a node below one that is held for `'s`.
    pub(crate) fn lend(store: &'s Arc<Store>, id: NodeId, record: *const Node) -> Access<'s> {
        Access { store: Keep::Lent(store), id, record, held: None, not_send: PhantomData }
    }

    /// Access to the node that a slot below names.
    pub(crate) fn child(&self, raw: Raw) -> Result<Access<'_>> {
        let (id, record) = node::resolve(self.arena(), raw)?;
        Ok(Access::lend(self.store(), id, record))
    }

    /// The same access for a shorter time.
    pub(crate) fn reborrow(&self) -> Access<'_> {
        Access::lend(self.store(), self.id, self.record)
    }

    pub(crate) fn store(&self) -> &Arc<Store> {
        match &self.store {
            Keep::Owned(store) => store,
            Keep::Lent(store) => store,
        }
    }

    #[inline]
    pub(crate) fn arena(&self) -> &Arc<Arena> {
        &self.store().arena
    }

    #[inline]
    pub(crate) fn node(&self) -> &Node {
        // SAFETY: from a checked reference into the mapping that the store keeps; records never move.
        unsafe { &*self.record }
    }

    pub(crate) fn id(&self) -> NodeId {
        self.id
    }

    /// Changes the node or what lies below it, in one operation.
    pub(crate) fn operate<T>(&mut self, change: impl FnOnce(&Operation<'_>) -> Result<T>) -> Result<T> {
        operate(self.arena(), change)
    }

    /// Puts the way to this node in front of the path of an error.
    #[cold]
    pub(crate) fn locate(&self, error: Error) -> Error {
        error.under(&node::path_of(self.arena(), self.id))
    }

    /// The same for an error about one of its fields.
    #[cold]
    pub(crate) fn locate_field(&self, error: Error, name: &str) -> Error {
        self.locate(error.under(name))
    }

    /// The same for an error about one of its items.
    #[cold]
    pub(crate) fn locate_item(&self, error: Error, index: usize) -> Error {
        match error {
            error @ Error::IndexOutOfRange { .. } => self.locate(error),
            other => self.locate(other.under_index(index)),
        }
    }
}

impl Drop for Access<'_> {
    fn drop(&mut self) {
        if let Some(held) = self.held.take() {
            held.release(self.arena());
        }
    }
}

/// How long to wait for a lock, as the three forms of each locking method say it.
pub(crate) fn at_most(timeout: Option<Duration>) -> Wait {
    timeout.map_or(Wait::FOREVER, Wait::at_most)
}
