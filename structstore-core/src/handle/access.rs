//! What guards are made of: a node that this thread holds.
#![expect(unreachable_pub, reason = "the bound of public types, whose methods are nobody else's")]

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use super::locking::operate;
use super::{Handle, Held, wrong_kind};
use crate::arena::Arena;
use crate::arena::layout::{Node, Slot};
use crate::error::{Error, ErrorKind, Result};
use crate::journal::Operation;
use crate::lock::{Mode, NodeId, Wait};
use crate::node::{self, Raw};
use crate::store::Store;
use crate::sync::{AtomicU64, Ordering};
use crate::value::ScalarType;

/// Access to a node under a lock: its own, which ends with it ([`Guard`]), or one of a guard that it borrows from for
/// `'s` ([`Lent`]), which has nothing to do when it goes out of scope.
///
/// Swapping two of them swaps the locks too, so that what is held and who holds it never come apart.
pub struct Access<'s, H = Lent<'s>> {
    hold: H,
    id: NodeId,
    record: *const Node,
    /// Locks belong to threads.
    not_send: PhantomData<(&'s (), *mut ())>,
}

/// Access that is lent by a guard for `'s`.
///
/// ```
/// use structstore::{Result, StructMut, StructStore};
///
/// // `StructMut<'_>` is short for `StructMut<'_, Lent<'_>>`.
/// fn reset(camera: &mut StructMut<'_>) -> Result<()> {
///     camera.set("exposure", 0.01)
/// }
///
/// let store = StructStore::new();
/// store.nested("camera")?;
/// reset(&mut store.write()?.at("camera")?)?;
/// # Ok::<(), structstore::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Lent<'s>(&'s Arc<Store>);

/// Access that holds its own lock until it is dropped.
///
/// A guard that a function returns can be named by it:
///
/// ```
/// use structstore::{Guard, Result, Struct, StructMut, StructStore};
///
/// fn locked(store: &Struct) -> Result<StructMut<'static, Guard>> {
///     store.nested("camera")?.write()
/// }
///
/// locked(&StructStore::new())?.set("exposure", 0.01)?;
/// # Ok::<(), structstore::Error>(())
/// ```
pub struct Guard {
    store: Arc<Store>,
    held: Held,
    asked: Cell<bool>,
}

impl Drop for Guard {
    #[inline]
    fn drop(&mut self) {
        self.held.release_asked(&self.store.arena, &self.asked);
    }
}

/// How a node is held: by a [`Guard`] or, [`Lent`], by that of somebody else.
///
/// What works with both takes either:
///
/// ```
/// use structstore::{Hold, Result, StructMut, StructStore};
///
/// fn reset<H: Hold>(store: &mut StructMut<'_, H>) -> Result<()> {
///     store.set("exposure", 0.01)
/// }
///
/// let store = StructStore::new();
/// store.nested("camera")?;
/// let mut guard = store.write()?;
/// reset(&mut guard)?;
/// reset(&mut guard.at("camera")?)?;
/// # Ok::<(), structstore::Error>(())
/// ```
pub trait Hold {
    /// Whether what is held may be part of a transaction. One lends what it covers; a guard under one, or one under a
    /// guard, is refused.
    #[doc(hidden)]
    const TRANSACTED: bool;
    #[doc(hidden)]
    fn store(&self) -> &Arc<Store>;
}

impl Hold for Guard {
    const TRANSACTED: bool = false;

    fn store(&self) -> &Arc<Store> {
        &self.store
    }
}

impl Hold for Lent<'_> {
    const TRANSACTED: bool = true;

    fn store(&self) -> &Arc<Store> {
        self.0
    }
}

impl Access<'static, Guard> {
    /// Locks a node for as long as the access lives.
    pub(crate) fn lock(handle: &Handle, mode: Mode, wait: &Wait) -> Result<Access<'static, Guard>> {
        let held = handle.acquire(mode, wait).map_err(|error| handle.locate(error))?;
        Ok(Access {
            hold: Guard { store: Arc::clone(handle.store()), held, asked: Cell::new(false) },
            id: handle.id(),
            record: handle.record(),
            not_send: PhantomData,
        })
    }
}

impl Access<'_, Guard> {
    pub(crate) fn recovered(&self) -> bool {
        self.hold.held.recovered(self.arena(), &self.hold.asked)
    }
}

/// What the guards of all kinds of structures can tell.
macro_rules! recovered {
    ($($type:ident),*) => {$(
        impl super::$type<'_, Guard> {
            /// Whether a process died while it held this exclusively, or something below or above it. The store itself
            /// is whole, as is every single operation of that process; but what it meant to change together in its
            /// guard may be half done.
            ///
            /// An exclusive guard that is asked takes the mark off when it is dropped.
            pub fn recovered(&self) -> bool {
                self.access.recovered()
            }
        }
    )*};
}
recovered!(StructMut, StructRef, ListMut, ListRef, StrMut, BytesMut, ArrayMut, ArrayRef);

/// What lies behind the guards of bindings.
macro_rules! accesses {
    ($($type:ident),*) => {$(
        impl<'s, H: Hold> super::$type<'s, H> {
            pub(crate) fn access(&self) -> &Access<'s, H> {
                &self.access
            }
        }
    )*};
}
accesses!(StructMut, StructRef, ListMut, ListRef, StrMut);

impl<'s> Access<'s> {
    /// Access to a node below one that is held for `'s`.
    pub(crate) fn lend(store: &'s Arc<Store>, id: NodeId, record: *const Node) -> Access<'s> {
        Access { hold: Lent(store), id, record, not_send: PhantomData }
    }

    /// The store and the record that it lends.
    pub(crate) fn into_parts(self) -> (&'s Arc<Store>, *const Node) {
        (self.hold.0, self.record)
    }
}

impl<H: Hold> Access<'_, H> {
    /// Access to the node that a slot below names.
    pub(crate) fn child(&self, raw: Raw) -> Result<Access<'_>> {
        let (id, record) = node::resolve(self.arena(), raw)?;
        Ok(Access::lend(self.hold.store(), id, record))
    }

    /// The same access for a shorter time.
    pub(crate) fn reborrow(&self) -> Access<'_> {
        Access::lend(self.hold.store(), self.id, self.record)
    }

    #[inline]
    pub(crate) fn store(&self) -> &Arc<Store> {
        self.hold.store()
    }

    #[inline]
    pub(crate) fn arena(&self) -> &Arc<Arena> {
        &self.hold.store().arena
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
        operate(self.arena(), self.id, change)
    }

    /// Whether changes here have to be logged so that a transaction can undo them.
    #[inline(always)]
    pub(crate) fn in_transaction(&self) -> bool {
        H::TRANSACTED && self.arena().transaction().is_some()
    }

    /// Takes note of what a word below is, before it is lent for changing: a transaction restores it if it fails.
    #[inline(always)]
    pub(crate) fn note(&self, word: &AtomicU64) -> Result<()> {
        if !self.in_transaction() {
            return Ok(());
        }
        operate(self.arena(), self.id, |operation| operation.set(word, word.load(Ordering::Relaxed)))
    }

    /// Puts the way to this node in front of the path of an error.
    #[cold]
    pub(crate) fn locate(&self, error: Error) -> Error {
        error.below(node::path_of(self.arena(), self.id))
    }

    /// The same for an error about one of its fields.
    #[cold]
    pub(crate) fn locate_field(&self, error: Error, name: &str) -> Error {
        self.locate(error.under(name))
    }

    /// The same for an error about one of its items.
    #[cold]
    pub(crate) fn locate_item(&self, error: Error, index: usize) -> Error {
        match error.kind() {
            ErrorKind::IndexOutOfRange => self.locate(error),
            _ => self.locate(error.under(index)),
        }
    }
}

/// How long to wait for a lock, as the three forms of each locking method say it.
pub(crate) fn at_most(timeout: Option<Duration>) -> Wait {
    timeout.map_or(Wait::FOREVER, Wait::at_most)
}

/// The place of a scalar of exactly this type in a slot.
pub(crate) fn lend_scalar<T: ScalarType>(slot: &Slot) -> Result<*mut T> {
    let raw = Raw::load(slot);
    if raw.tag as u8 != T::KIND as u8 {
        return Err(wrong_kind(raw.kind()?, T::KIND.name()));
    }
    if !T::valid(raw.payload) {
        return Err(Error::corrupt(
            "a slot",
            format_args!("the payload {:#x}", raw.payload),
            "a value of its type",
        ));
    }
    Ok(slot.payload.as_ptr().cast())
}
