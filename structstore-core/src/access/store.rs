//! What all handles of a store share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64 as LocalWord, Ordering as LocalOrdering};

use parking_lot::Mutex;

use super::own::{Scope, operate};
use crate::arena::Arena;
use crate::arena::lease::Lease;
use crate::error::Result;
use crate::journal::Operation;
use crate::life;
use crate::lock::{Mode, NodeId, Wait, generation};
use crate::node::{self, Raw};
use crate::sync::Ordering;
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
    /// The streams that this process publishes to through it, and in a reentrant store also those it reads: handles of bindings come and go.
    streams: Mutex<Vec<(NodeId, Arc<Lease>)>>,
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
            streams: Mutex::default(),
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
            streams: Mutex::default(),
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

    /// Keeps what this process has in a stream for as long as the store is open, and no longer in streams that were removed. Not while
    /// another thread does so, which in a forked child may be for ever.
    pub(crate) fn keep_stream(&self, id: NodeId, lease: &Arc<Lease>) {
        let lives = |id: &NodeId| {
            let node = self.arena.node(id.index);
            node.is_ok_and(|node| generation(node.head.identity.load(Ordering::Acquire)) == id.generation)
        };
        let gone: Vec<_> = match self.streams.try_lock() {
            Some(mut streams) => {
                if !streams.iter().any(|(other, _)| *other == id) {
                    streams.push((id, Arc::clone(lease)));
                }
                streams.extract_if(.., |(id, _)| !lives(id)).collect()
            }
            None => Vec::new(),
        };
        // Gives back what it had there, under no lock.
        drop(gone);
    }

    /// Keeps nothing in a stream any more.
    pub(crate) fn forget_stream(&self, id: NodeId) {
        let forgotten = self
            .streams
            .try_lock()
            .map(|mut streams| streams.extract_if(.., |(other, _)| *other == id).collect::<Vec<_>>());
        drop(forgotten);
    }

    /// Ends the watches made through this store, and gives back what it has in streams. Its handles stay as they are.
    pub(crate) fn close(&self) {
        self.closed.store(true, LocalOrdering::SeqCst);
        let streams = self.streams.try_lock().map(|mut streams| std::mem::take(&mut *streams));
        drop(streams);
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
        if let Some(root) = self.local_root {
            // No handle is left, so that nothing below can be held; and were the memory damaged, it would stay as it is.
            let _ = self.remove(root);
        }
    }
}
