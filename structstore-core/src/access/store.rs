//! What all handles of a store share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64 as LocalWord, Ordering as LocalOrdering};

use super::own::{Scope, operate};
use crate::arena::lease::Lease;
use crate::arena::{Arena, Kept};
use crate::error::Result;
use crate::journal::Operation;
use crate::life;
use crate::lock::{Mode, NodeId, Wait, generation};
use crate::node::{self, Raw};
use crate::sync::{Ordering, lock};
use crate::value::Kind;

/// The role of a store through which nothing may be changed.
const OBSERVING: u8 = 1;
/// That of one that was found as an orphan, and that nothing was changed through.
const UNTOUCHED: u8 = 2;

/// What keeps a store alive: its arena, and for a local store its root.
pub struct Store {
    pub(crate) arena: Arc<Arena>,
    /// The root of a local store, which goes with the last handle.
    local_root: Option<NodeId>,
    /// Whether an operation under this thread's own lock goes ahead. So it is for Python, which has no `&mut` that could be
    /// invalidated; in Rust only the guard itself may operate.
    pub(crate) reentrant: bool,
    /// What an exclusive lock asks first: 0, nothing; [`OBSERVING`]; or [`UNTOUCHED`].
    role: AtomicU8,
    /// The root of a shared store when it was opened, as the header had it; or else 0.
    opened: LocalWord,
    /// Whether it was closed, which ends the watches made through it.
    closed: AtomicBool,
}

impl Store {
    pub(crate) fn shared(arena: Arc<Arena>, reentrant: bool, observing: bool) -> Store {
        let role = if observing { OBSERVING } else { 0 };
        Store {
            arena,
            local_root: None,
            reentrant,
            role: AtomicU8::new(role),
            opened: LocalWord::new(0),
            closed: AtomicBool::new(false),
        }
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
            role: AtomicU8::new(0),
            opened: LocalWord::new(0),
            closed: AtomicBool::new(false),
        })
    }

    /// Whether something may be changed through it.
    pub(crate) fn may_change(&self) -> bool {
        self.arena.writable() && !self.observes()
    }

    /// Whether nothing may be changed through it, although the segment could be written to: locks are shared.
    pub(crate) fn observes(&self) -> bool {
        self.role.load(LocalOrdering::Relaxed) == OBSERVING
    }

    /// Whether there is something to be asked before an exclusive lock.
    #[inline(always)]
    pub(crate) fn asks(&self) -> bool {
        self.role.load(LocalOrdering::Relaxed) != 0
    }

    /// Asks it.
    #[cold]
    #[inline(never)]
    pub(crate) fn ask(&self) -> Result<()> {
        if self.observes() {
            return Err(self.arena.refusal());
        }
        self.arena.touch();
        self.role.store(0, LocalOrdering::Relaxed);
        Ok(())
    }

    /// Remembers the root that the store was opened with.
    pub(crate) fn opened(&self, root: NodeId) {
        self.opened.store(Raw::node(Kind::Struct, root).payload, LocalOrdering::Relaxed);
    }

    /// Has the first change take over what was found as an orphan.
    pub(crate) fn adopts(&self) {
        if self.arena.is_untouched() && self.may_change() {
            self.role.store(UNTOUCHED, LocalOrdering::Relaxed);
        }
    }

    /// Whether a shared store was re-initialised since it was opened.
    pub(crate) fn is_replaced(&self) -> bool {
        let opened = self.opened.load(LocalOrdering::Relaxed);
        opened != 0 && opened != self.arena.header().root.load(Ordering::Acquire)
    }

    /// Keeps what this process has in a stream for as long as the store is open, and no longer in streams that were removed: handles of
    /// bindings come and go.
    pub(crate) fn keep_stream(&self, stream: NodeId, lease: &Arc<Lease>) {
        let removed = |stream: NodeId| {
            let node = self.arena.node(stream.index);
            !node
                .is_ok_and(|node| generation(node.head.identity.load(Ordering::Acquire)) == stream.generation)
        };
        let store = self.address();
        let mut kept = lock(&self.arena.kept);
        if !kept.iter().any(|other| (other.store, other.stream) == (store, Some(stream))) {
            kept.push(Kept { store, stream: Some(stream), lease: Arc::clone(lease) });
        }
        let gone: Vec<Kept> = kept.extract_if(.., |kept| kept.stream.is_some_and(removed)).collect();
        drop(kept);
        // Gives back what it had there, under no lock.
        drop(gone);
    }

    /// Keeps a lease for as long as the store is open.
    pub(crate) fn keep(&self, lease: &Arc<Lease>) {
        let store = self.address();
        let mut kept = lock(&self.arena.kept);
        if !kept.iter().any(|other| other.store == store && Arc::ptr_eq(&other.lease, lease)) {
            kept.push(Kept { store, stream: None, lease: Arc::clone(lease) });
        }
    }

    /// Keeps nothing in a stream any more.
    pub(crate) fn forget_stream(&self, stream: NodeId) {
        self.forget(|kept| kept == Some(stream)).clear();
    }

    /// Takes what this store keeps, of some streams or of all.
    fn forget(&self, which: impl Fn(Option<NodeId>) -> bool) -> Vec<Kept> {
        let store = self.address();
        lock(&self.arena.kept).extract_if(.., |kept| kept.store == store && which(kept.stream)).collect()
    }

    /// Tells this store from others of its arena while it lives.
    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Ends the watches made through this store, gives back what it has in streams: the right to publish, unless a frame is being
    /// filled; and ends what it has lent for good. Its handles stay as they are.
    pub(crate) fn close(&self) {
        self.closed.store(true, LocalOrdering::SeqCst);
        for kept in self.forget(|_| true) {
            lock(kept.lease.share()).release();
        }
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
        operate(&self.arena, root, |operation| operation.retire_pinned(root.index))
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.forget(|_| true).clear();
        if let Some(root) = self.local_root {
            // No handle is left, so that nothing below can be held; and were the memory damaged, it would stay as it is.
            let _ = self.remove(root);
        }
    }
}
