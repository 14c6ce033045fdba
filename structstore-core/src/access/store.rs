//! What all handles of a store share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering as LocalOrdering};

use super::own::{Scope, operate};
use crate::arena::Arena;
use crate::error::Result;
use crate::journal::Operation;
use crate::life;
use crate::lock::{Mode, NodeId, Wait};
use crate::node::{self, Raw};
use crate::sync::Ordering;
use crate::value::Kind;

/// What keeps a store alive: its arena, and for a local store its root.
pub struct Store {
    pub(crate) arena: Arc<Arena>,
    /// The root of a local store, which goes with the last handle.
    local_root: Option<NodeId>,
    /// Whether an operation under this thread's own lock goes ahead. So it is for Python, which has no `&mut` that could be
    /// invalidated; in Rust only the guard itself may operate.
    pub(crate) reentrant: bool,
    /// Whether nothing may be changed through it, although the segment could be written to: locks are shared.
    pub(crate) observing: bool,
    /// Whether it was closed, which ends the watches made through it.
    closed: AtomicBool,
}

impl Store {
    pub(crate) fn shared(arena: Arc<Arena>, reentrant: bool, observing: bool) -> Store {
        Store { arena, local_root: None, reentrant, observing, closed: AtomicBool::new(false) }
    }

    /// A store of this process's own, with a root in the arena that all such stores share.
    pub(crate) fn local(reentrant: bool) -> Result<Store> {
        let arena = Arc::clone(life::local()?);
        let operation = Operation::begin(&arena)?;
        let root = operation.allocate_node(Kind::Struct)?;
        operation.adopt();
        Ok(Store {
            arena,
            local_root: Some(root),
            reentrant,
            observing: false,
            closed: AtomicBool::new(false),
        })
    }

    /// Whether something may be changed through it.
    pub(crate) fn may_change(&self) -> bool {
        self.arena.writable() && !self.observing
    }

    /// Ends the watches made through this store. Its handles stay as they are.
    pub(crate) fn close(&self) {
        self.closed.store(true, LocalOrdering::SeqCst);
        self.arena.wake_own_watchers();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(LocalOrdering::SeqCst)
    }

    /// The root, as it is now: that of a shared store changes when it is re-initialised.
    pub(crate) fn root(&self) -> Result<NodeId> {
        if let Some(root) = self.local_root {
            return Ok(root);
        }
        let payload = self.arena.header().root.load(Ordering::Acquire);
        let root = Raw { tag: Kind::Struct as u64, payload };
        Ok(node::resolve(&self.arena, root)?.0)
    }

    /// Removes the root of a local store.
    fn remove(&self, root: NodeId) -> Result<()> {
        let node = self.arena.node(root.index)?;
        let _held = Scope::new(self, node, root, Mode::Tree, &Wait::FOREVER)?;
        operate(&self.arena, root, |operation| operation.retire_node(root.index))
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Some(root) = self.local_root {
            // No handle is left, so that nothing below can be held; and were the memory damaged, it would stay as it is.
            let _ = self.remove(root);
        }
    }
}
