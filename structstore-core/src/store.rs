//! Local stores, and what all handles of a store share.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering as LocalOrdering};

use crate::arena::{self, Arena};
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::Result;
use crate::handle::{Handle, Struct, exclusively};
use crate::journal::Operation;
use crate::lock::{Mode, NodeId, Wait};
use crate::node::{self, Raw};
use crate::sync::Ordering;
use crate::value::Kind;

/// What keeps a store alive: its arena, and for a local store its root.
pub struct Store {
    pub(crate) arena: Arc<Arena>,
    /// The root of a local store, which goes with the last handle.
    local_root: Option<NodeId>,
    /// Whether locks nest: an operation under this thread's own lock goes ahead. So it is for Python, which has no
    /// `&mut` that could be invalidated; in Rust only the guard itself may operate.
    pub(crate) nesting: bool,
    /// Whether it was closed, which ends the watches made through it.
    closed: AtomicBool,
}

impl Store {
    pub(crate) fn shared(arena: Arc<Arena>, nesting: bool) -> Store {
        Store { arena, local_root: None, nesting, closed: AtomicBool::new(false) }
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

    /// A store of this process's own, as a root in the arena that all such stores share.
    fn local(nesting: bool) -> Result<Struct> {
        let arena = Arc::clone(arena::local()?);
        let operation = Operation::begin(&arena)?;
        let root = operation.allocate_node(Kind::Struct)?;
        operation.adopt();
        let store =
            Arc::new(Store { arena, local_root: Some(root), nesting, closed: AtomicBool::new(false) });
        Ok(Struct::from_handle(Handle::new(store, root)?))
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let Some(root) = self.local_root else { return };
        // No handle is left, so that nobody else can hold anything below; and were the memory damaged, it would
        // stay as it is.
        if let Ok(node) = self.arena.node(root.index) {
            let retire = |operation: &Operation<'_>| operation.retire_node(root.index);
            let _ = exclusively(&self.arena, node, root, Mode::Tree, &Wait::FOREVER, true, retire);
        }
    }
}

/// A store in this process's own memory.
///
/// It has the same API as a shared store: both lead to their root, a [`Struct`], by dereferencing. Creating one
/// takes less than a microsecond, and its memory goes with the last handle to any part of it.
///
/// ```
/// use structstore::StructStore;
///
/// let store = StructStore::new();
/// store.set("num", 5)?;
/// let mut list = store.list_mut("list")?;
/// list.push(5)?;
/// list.push(42)?;
/// for item in list.iter_mut::<i32>() {
///     *item? += 1;
/// }
/// drop(list);
/// assert_eq!(store.to_string(), r#"{"num": 5, "list": [6, 43]}"#);
/// # Ok::<(), structstore::Error>(())
/// ```
#[derive(Clone)]
pub struct StructStore {
    root: Struct,
}

impl StructStore {
    /// An empty store.
    ///
    /// # Panics
    ///
    /// If this process may not map any memory at all, like [`Box::new`]. [`StructStore::try_new`] returns an error.
    #[expect(
        clippy::new_without_default,
        reason = "a default that allocates a root and may panic would surprise"
    )]
    #[expect(
        clippy::panic,
        reason = "documented, and no memory at all is nothing that a segment can bring about"
    )]
    pub fn new() -> StructStore {
        match StructStore::try_new() {
            Ok(store) => store,
            Err(error) => panic!("cannot create a local store: {error}"),
        }
    }

    /// An empty store.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::OutOfSpace`](crate::ErrorKind::OutOfSpace) or [`ErrorKind::Io`](crate::ErrorKind::Io) if there is no memory for it.
    pub fn try_new() -> Result<StructStore> {
        Ok(StructStore { root: Store::local(false)? })
    }

    /// An empty store in which the locks of one thread nest. Meant for language bindings.
    ///
    /// # Safety
    ///
    /// No guard and no binding is taken through it: what they lend as `&mut` or `&` could be changed, or lent once more, by
    /// the very thread that has it.
    #[doc(hidden)]
    pub unsafe fn nesting() -> Result<StructStore> {
        Ok(StructStore { root: Store::local(true)? })
    }
}

impl Deref for StructStore {
    type Target = Struct;

    fn deref(&self) -> &Struct {
        &self.root
    }
}

/// As JSON. Parts that a guard of this thread holds are shown as such.
impl fmt::Display for StructStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.fmt(f)
    }
}

impl fmt::Debug for StructStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StructStore({self})")
    }
}
