//! Nodes that this thread holds: what guards are made of.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering as LocalOrdering};

use super::own::{Held, Scope, acquire, operate};
use super::{Access, Handle, Located, Store};
use crate::arena::Arena;
use crate::arena::layout::{Node, Slot};
use crate::error::{Error, Result};
use crate::journal::Operation;
use crate::lock::{Mode, NodeId, Wait, generation};
use crate::node::{self, Extent, Raw};
use crate::sync::{AtomicU64, Ordering};
use crate::value::ScalarType;

/// A node under a lock: the guard's own, which ends with it ([`Owned`]), or that of a guard that it is borrowed from for `'s`
/// ([`Borrowed`]), so that there is nothing to do when it goes out of scope.
///
/// Swapping two of them swaps the locks too, so that what is held and who holds it never come apart.
pub(crate) struct Locked<'s, H = Borrowed<'s>> {
    hold: H,
    id: NodeId,
    node: *const Node,
    /// Locks belong to threads.
    not_send: PhantomData<(&'s (), *mut ())>,
}

/// The lock of a guard above, borrowed for `'s`.
///
/// ```
/// use structstore::{Result, StructStore};
/// use structstore::guard::StructMut;
///
/// // `StructMut<'_>` is short for `StructMut<'_, Borrowed<'_>>`.
/// fn reset(camera: &mut StructMut<'_>) -> Result<()> {
///     camera.set("exposure", 0.01)
/// }
///
/// let store = StructStore::new();
/// store.ensure_struct("camera")?;
/// reset(&mut store.write()?.at("camera")?)?;
/// # Ok::<(), structstore::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Borrowed<'s>(&'s Arc<Store>);

/// A lock of the guard's own, held until it is dropped.
///
/// A guard that a function returns can be named by it:
///
/// ```
/// use structstore::{Result, Struct, StructStore};
/// use structstore::guard::{Owned, StructMut};
///
/// fn locked(store: &Struct) -> Result<StructMut<'static, Owned>> {
///     store.ensure_struct("camera")?.write()
/// }
///
/// locked(&StructStore::new())?.set("exposure", 0.01)?;
/// # Ok::<(), structstore::Error>(())
/// ```
pub struct Owned {
    store: Arc<Store>,
    held: Held,
    node: *const Node,
    /// Whether the holder has asked for deaths.
    asked: AtomicBool,
}

// SAFETY: the record lies in the mapping that the store keeps, and consists of atomics. A lock may be given back on any thread.
unsafe impl Send for Owned {}
// SAFETY: as above.
unsafe impl Sync for Owned {}

impl Owned {
    /// Locks a node.
    #[inline]
    pub(crate) fn new(handle: &Handle, mode: Mode, wait: &Wait) -> Result<Owned> {
        let held = acquire(handle.store(), &handle.node().head, handle.id(), mode, wait).at(handle)?;
        Ok(Owned {
            store: Arc::clone(handle.store()),
            held,
            node: handle.node(),
            asked: AtomicBool::new(false),
        })
    }

    /// Whether it was taken by the calling thread.
    pub(crate) fn is_own(&self) -> bool {
        self.held.is_own(&self.store.arena)
    }

    /// Whether a process died since the last exclusive holder that asked, while it held exclusively what this covers.
    pub(crate) fn recovered(&self) -> bool {
        self.asked.store(true, LocalOrdering::Relaxed);
        self.held.recovered(&self.store.arena)
    }
}

impl Drop for Owned {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: from a checked reference into the mapping that the store keeps; records never move.
        let head = unsafe { &(*self.node).head };
        self.held.release_asked(&self.store.arena, head, *self.asked.get_mut());
    }
}

/// How a guard holds its node: with a lock of its own ([`Owned`]), or with that of a guard above ([`Borrowed`]).
///
/// What works with both takes either:
///
/// ```
/// use structstore::{Result, StructStore};
/// use structstore::guard::{Hold, StructMut};
///
/// fn reset(store: &mut StructMut<'_, impl Hold>) -> Result<()> {
///     store.set("exposure", 0.01)
/// }
///
/// let store = StructStore::new();
/// store.ensure_struct("camera")?;
/// let mut guard = store.write()?;
/// reset(&mut guard)?;
/// reset(&mut guard.at("camera")?)?;
/// # Ok::<(), structstore::Error>(())
/// ```
pub trait Hold {
    /// Whether what is held may be part of a transaction. One lends what it covers; a guard under one, or one under a guard, is
    /// refused.
    #[doc(hidden)]
    const TRANSACTED: bool;
    #[doc(hidden)]
    fn store(&self) -> &Arc<Store>;
}

impl Hold for Owned {
    const TRANSACTED: bool = false;

    #[inline(always)]
    fn store(&self) -> &Arc<Store> {
        &self.store
    }
}

impl Hold for Borrowed<'_> {
    const TRANSACTED: bool = true;

    #[inline(always)]
    fn store(&self) -> &Arc<Store> {
        self.0
    }
}

impl Locked<'static, Owned> {
    /// Locks a node for as long as the access lives.
    #[inline]
    pub(crate) fn take(handle: &Handle, mode: Mode, wait: &Wait) -> Result<Locked<'static, Owned>> {
        let (hold, id, node) = (Owned::new(handle, mode, wait)?, handle.id(), handle.node());
        Ok(Locked { hold, id, node, not_send: PhantomData })
    }
}

impl Locked<'_, Owned> {
    pub(crate) fn recovered(&self) -> bool {
        self.hold.recovered()
    }
}

impl<'s> Locked<'s> {
    /// A node below one that is held for `'s`.
    #[inline(always)]
    pub(crate) fn lend(store: &'s Arc<Store>, id: NodeId, node: *const Node) -> Locked<'s> {
        Locked { hold: Borrowed(store), id, node, not_send: PhantomData }
    }

    /// The node for as long as it is lent, which is longer than this.
    #[inline(always)]
    pub(crate) fn into_node(self) -> (&'s Arc<Store>, &'s Node) {
        // SAFETY: from a checked reference into the mapping that the store keeps; records never move.
        (self.hold.0, unsafe { &*self.node })
    }
}

impl<H: Hold> Locked<'_, H> {
    /// The same for a shorter time.
    #[inline(always)]
    pub(crate) fn reborrow(&self) -> Locked<'_> {
        Locked::lend(self.hold.store(), self.id, self.node)
    }

    /// Takes note of what a word below is, before it is lent for changing: a transaction restores it if it fails.
    #[inline(always)]
    pub(crate) fn note(&self, word: &AtomicU64) -> Result<()> {
        if !self.in_transaction() {
            return Ok(());
        }
        operate(self.arena(), self.id, |operation| operation.set(word, word.load(Ordering::Relaxed)))
    }
}

impl<H: Hold> Access for Locked<'_, H> {
    const LOCKS: bool = false;

    #[inline(always)]
    fn store(&self) -> &Arc<Store> {
        self.hold.store()
    }

    #[inline(always)]
    fn id(&self) -> NodeId {
        self.id
    }

    #[inline(always)]
    fn node(&self) -> &Node {
        // SAFETY: from a checked reference into the mapping that the store keeps; records never move.
        unsafe { &*self.node }
    }

    #[inline(always)]
    fn read<T>(&self, read: impl Fn(&Arena, &Node) -> Result<T>) -> Result<T> {
        read(self.arena(), self.node())
    }

    fn whole<T>(&self, read: impl for<'a> Fn(&'a Arena, &'a Node, &Extent<'a>) -> Result<T>) -> Result<T> {
        read(self.arena(), self.node(), &Extent::default())
    }

    #[inline(always)]
    fn follow<T>(
        &self,
        slot: impl Fn(&Arena, &Node) -> Result<Option<Raw>>,
        visit: impl Fn(Option<Raw>) -> Result<T>,
    ) -> Result<T> {
        visit(slot(self.arena(), self.node())?)
    }

    #[inline(always)]
    fn hold(&self, _: Mode) -> Result<Option<Scope<'_>>> {
        Ok(None)
    }

    #[inline(always)]
    fn change_part<T>(
        &self,
        slot: impl Fn(&Arena, &Node) -> Result<Option<Raw>>,
        change: impl Fn(&Operation<'_>, &Node, Option<Raw>) -> Result<T>,
    ) -> Result<T> {
        operate(self.arena(), self.id, |operation| {
            change(operation, self.node(), slot(self.arena(), self.node())?)
        })
    }

    #[inline(always)]
    fn change_prepared<A, T>(
        &self,
        prepare: impl Fn(&Operation<'_>) -> Result<A>,
        change: impl Fn(&Operation<'_>, &Node, A) -> Result<T>,
    ) -> Result<T> {
        operate(self.arena(), self.id, |operation| change(operation, self.node(), prepare(operation)?))
    }

    #[inline(always)]
    fn in_transaction(&self) -> bool {
        H::TRANSACTED && self.arena().transaction().is_some()
    }

    #[cold]
    fn locate(&self, error: Error) -> Error {
        error.below(node::path_of(self.arena(), self.id))
    }

    fn is_stale(&self) -> bool {
        generation(self.node().head.identity.load(Ordering::Acquire)) != self.id.generation
    }
}

/// The place of a scalar of exactly this type in a slot.
pub(crate) fn lend_scalar<T: ScalarType>(slot: &Slot) -> Result<*mut T> {
    lend_raw::<T>(slot, Raw::load(slot))
}

/// As [`lend_scalar`], of a slot as it was read.
#[inline]
pub(crate) fn lend_raw<T: ScalarType>(slot: &Slot, raw: Raw) -> Result<*mut T> {
    if raw.tag as u8 != T::KIND as u8 {
        return Err(crate::value::wrong_kind(raw.kind()?, T::KIND.name()));
    }
    if !T::valid(raw.payload) {
        let found = format_args!("the payload {:#x}", raw.payload).to_string();
        return Err(Error::corrupt("a slot", found, "a value of its type"));
    }
    Ok(slot.payload.as_ptr().cast())
}
