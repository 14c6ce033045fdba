//! Handles: the long-lived references to nodes that the API gives out, and the guards taken through them.
//!
//! A handle is (store, index, generation) and the record's address, which never changes. Each operation on a
//! handle takes and releases the locks it needs; a guard (`…Mut`, `…Ref`) holds them until it is dropped.

mod access;
mod array;
mod cell;
mod fields;
mod get;
mod held_fields;
mod inspect;
mod leaf;
mod list;
mod locking;
mod locks;
mod look;
mod parts;
#[cfg(feature = "stream")]
mod stream;
mod token;
mod transaction;
mod unlocked;
mod usage;
mod watch;

pub(crate) use access::{Access, at_most, lend_scalar};
pub use access::{Guard, Hold, Lent};
pub(crate) use array::unshare;
pub use array::{Array, ArrayMut, ArrayRef, ArrayView};
pub use cell::{CellElement, ElementCell};
pub use fields::Struct;
pub use get::{Get, Item};
pub use held_fields::{StructMut, StructRef};
pub use inspect::Statistics;
pub use leaf::{Bytes, BytesMut, BytesRef, Str, StrMut, StrRef};
pub use list::{List, ListMut, ListRef};
pub(crate) use locking::{Held, acquire, exclusively, operate, operate_below};
pub use locks::{LockHolder, LockMode};
pub use look::Look;
#[cfg(feature = "stream")]
pub use stream::WatchStream;
pub use token::{Lock, Origin};
pub use transaction::Transaction;
use unlocked::{Disturbance, Patience};
pub use usage::{FreeMemory, Usage};
pub use watch::{Canceller, Watch};

use std::sync::Arc;
use std::time::Duration;

use crate::arena::Arena;
use crate::arena::layout::Node;
use crate::error::{Error, ErrorKind, Result};
use crate::journal::Operation;
use crate::lock::{Locker, Mode, NodeId, Own, Wait, generation, optimistic};
use crate::node::{self, Extent, Raw};
use crate::store::Store;
use crate::sync::Ordering;
use crate::value::{ImageWriter, Kind, Value};

/// How often a read is tried without writing anything, before it takes a shared lock.
const OPTIMISTIC_TRIES: usize = 100;

/// How often a change is prepared before its lock is taken.
const PREPARED_TRIES: usize = 3;

/// A reference to a node.
#[derive(Clone)]
pub(crate) struct Handle {
    store: Arc<Store>,
    id: NodeId,
    record: *const Node,
}

// SAFETY: the record lies in the mapping that `store` keeps, and consists of atomics.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl Handle {
    pub(crate) fn new(store: Arc<Store>, id: NodeId) -> Result<Handle> {
        let record = std::ptr::from_ref(store.arena.node(id.index)?);
        Ok(Handle { store, id, record })
    }

    /// A handle to a node that a slot of this store names.
    pub(crate) fn child(&self, raw: Raw) -> Result<Handle> {
        let (id, record) = node::resolve(self.arena(), raw)?;
        Ok(Handle { store: Arc::clone(&self.store), id, record })
    }

    #[inline]
    pub(crate) fn store(&self) -> &Arc<Store> {
        &self.store
    }

    #[inline]
    pub(crate) fn arena(&self) -> &Arc<Arena> {
        &self.store.arena
    }

    #[inline]
    pub(crate) fn id(&self) -> NodeId {
        self.id
    }

    #[inline]
    pub(crate) fn record(&self) -> &Node {
        // SAFETY: from a checked reference into the mapping that `store` keeps; records never move.
        unsafe { &*self.record }
    }

    /// Whether the node is gone.
    fn is_stale(&self) -> bool {
        generation(self.record().head.identity.load(Ordering::Acquire)) != self.id.generation
    }

    /// The node, for as long as the handle is there.
    #[inline(always)]
    fn near(&self) -> Near<'_> {
        Near { store: &self.store, id: self.id, record: self.record() }
    }

    /// A node that a slot of this store names, as [`Handle::child`], for as long as this handle is there.
    #[inline]
    fn child_near(&self, raw: Raw) -> Result<Near<'_>> {
        self.near().child(raw)
    }

    /// Locks the node.
    #[inline(always)]
    pub(crate) fn acquire(&self, mode: Mode, wait: &Wait) -> Result<Held> {
        self.near().acquire(mode, wait)
    }

    /// Locks a node of the same store that a slot names.
    pub(crate) fn acquire_child(&self, id: NodeId, mode: Mode, wait: &Wait) -> Result<Held> {
        let child = self.arena().node(id.index)?;
        acquire(self.arena(), &child.head, id, mode, wait, self.store.nesting)
    }

    /// Puts the way to this node in front of the path of an error.
    #[cold]
    pub(crate) fn locate(&self, error: Error) -> Error {
        // There is nothing in the memory of a process that could not be attached, and no generation that names it.
        match self.arena().ensure_attached() {
            Ok(()) => error.below(node::path_of(self.arena(), self.id)),
            Err(detached) => detached,
        }
    }

    /// The same for an error about one of its fields.
    #[cold]
    pub(crate) fn locate_field(&self, error: Error, name: &str) -> Error {
        match error.kind() {
            // Of this very structure: nothing is known of its fields.
            ErrorKind::StaleHandle if self.is_stale() => self.locate(error),
            _ => self.locate(error.under(name)),
        }
    }

    /// Runs `read` on the node so that no change by others can be seen half-done; see [`Near::read`].
    #[inline(always)]
    pub(crate) fn read<T>(&self, read: impl Fn(&Arena, &Node) -> Result<T>) -> Result<T> {
        self.near().read(read)
    }

    /// Looks at a slot of this node and does something with what it names; looks again where that was replaced in
    /// between, or where `visit` finds that something else is there by now (`None`).
    #[inline(always)]
    pub(crate) fn follow<T>(
        &self,
        slot: impl Fn(&Arena, &Node) -> Result<Option<Raw>>,
        visit: impl Fn(Option<Raw>) -> Result<Option<T>>,
    ) -> Result<T> {
        let mut gone = None;
        loop {
            let raw = self.read(&slot)?;
            match visit(raw) {
                Ok(Some(value)) => return Ok(value),
                Ok(None) => gone = None,
                Err(error) if error.kind() == ErrorKind::StaleHandle => {
                    let id = raw.and_then(Raw::id);
                    if gone.is_some() && gone == id {
                        // Names are taken out before what they name goes, and never come back.
                        return Err(Error::corrupt("a slot", "the name of a node that is gone", "a node"));
                    }
                    gone = id;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Runs an operation on a slot of this node with all that it takes: what the slot names is held tree-exclusively,
    /// and asked for first, then this node node-exclusively. (The other order would deadlock against a guard on the
    /// child whose thread asks for this node.)
    pub(crate) fn with_child<T>(
        &self,
        slot: impl Fn(&Arena, &Node) -> Result<Option<Raw>>,
        change: impl Fn(&Operation<'_>, &Node, Option<Raw>) -> Result<T>,
    ) -> Result<T> {
        let (arena, node) = (self.arena(), self.record());
        self.follow(&slot, |seen| {
            let id = seen.and_then(Raw::id);
            if let Some(id) = id {
                self.refuse_to_part(id)?;
            }
            let child = id.map(|id| self.acquire_child(id, Mode::Tree, &Wait::FOREVER)).transpose()?;
            let done = self.acquire(Mode::Node, &Wait::FOREVER).and_then(|held| {
                let result = operate(arena, self.id, |operation| match slot(arena, node)? {
                    // A structure has come or gone meanwhile.
                    now if now.and_then(Raw::id) != id => Ok(None),
                    now => change(operation, node, now).map(Some),
                });
                held.release(arena);
                result
            });
            if let Some(child) = child {
                child.release(arena);
            }
            done
        })
    }

    /// Fails if a child, but not this node, is covered by a transaction of this thread.
    #[inline(always)]
    fn refuse_to_part(&self, child: NodeId) -> Result<()> {
        match self.arena().transaction() {
            Some((_, top)) if top == child.index => Err(Error::new(ErrorKind::InTransaction)),
            _ => Ok(()),
        }
    }

    /// Changes the node's own slots in one operation, of which `prepare` is done before the lock is taken: long copies.
    ///
    /// A thread does not sleep with an operation under way, for it may be called upon to do another one meanwhile (a
    /// signal handler of its runtime). If the lock is not to be had at once, what was prepared is given up; when that
    /// has happened too often, the preparations are made under the lock.
    pub(crate) fn change_prepared<A, T>(
        &self,
        prepare: impl Fn(&Operation<'_>) -> Result<A>,
        change: impl Fn(&Operation<'_>, A) -> Result<T>,
    ) -> Result<T> {
        for _ in 0..PREPARED_TRIES {
            let operation = Operation::begin_for(self.arena(), self.id.index)?;
            let prepared = prepare(&operation)?;
            match self.acquire(Mode::Node, &Wait::at_most(Duration::ZERO)) {
                Ok(held) => {
                    let result = operation.conclude(|operation| change(operation, prepared));
                    held.release(self.arena());
                    return result;
                }
                Err(error) if error.kind() == ErrorKind::LockTimeout => {
                    drop(operation);
                    self.acquire(Mode::Node, &Wait::FOREVER)?.release_unchanged(self.arena());
                }
                Err(error) => return Err(error),
            }
        }
        self.change(Mode::Node, &Wait::FOREVER, |operation| change(operation, prepare(operation)?))
    }

    /// Changes the node in one operation, under a lock of its own.
    #[inline(always)]
    pub(crate) fn change<T>(
        &self,
        mode: Mode,
        wait: &Wait,
        change: impl FnOnce(&Operation<'_>) -> Result<T>,
    ) -> Result<T> {
        exclusively(self.arena(), self.record(), self.id, mode, wait, self.store.nesting, change)
    }

    /// The node and all below it, detached, as of one moment.
    pub(crate) fn to_value(&self) -> Result<Value<'static>> {
        self.snapshot().map_err(|error| self.locate(error))
    }

    fn snapshot(&self) -> Result<Value<'static>> {
        if !self.arena().writable() {
            return self.read_whole(Patience::SNAPSHOT, |arena, node, extent| {
                node::read_value(arena, node, 0, extent)
            });
        }
        let held = self.acquire(Mode::Shared, &Wait::FOREVER)?;
        let value = held_value(self.arena(), self.record(), 0);
        held.release(self.arena());
        value
    }

    /// The same, as an image.
    fn image(&self) -> Result<ImageWriter, Error> {
        let image = || {
            if !self.arena().writable() {
                return self.read_whole(Patience::SNAPSHOT, |arena, node, extent| {
                    let mut image = ImageWriter::new();
                    node::write_image(arena, node, 0, extent, &mut image).map(|()| image)
                });
            }
            let mut image = ImageWriter::new();
            let held = self.acquire(Mode::Shared, &Wait::FOREVER)?;
            let written = node::write_image(self.arena(), self.record(), 0, &Extent::default(), &mut image);
            held.release(self.arena());
            written.map(|()| image)
        };
        image().map_err(|error| self.locate(error))
    }

    /// For display: as of one moment if that is to be had, or else each node as of one, but not all of the same one. Parts
    /// that a guard of this thread holds are replaced by a remark.
    pub(crate) fn to_value_for_display(&self) -> Result<Value<'static>> {
        let whole = if self.arena().writable() {
            self.snapshot()
        } else {
            self.read_whole(Patience::DISPLAY, |arena, node, extent| node::read_value(arena, node, 0, extent))
        };
        match whole {
            Err(error) if matches!(error.kind(), ErrorKind::HeldByGuard | ErrorKind::Contended) => {
                self.value_by_node(0, &Extent::default())
            }
            other => other,
        }
    }
}

/// A node that is reached through a handle, and not kept beyond it.
#[derive(Clone, Copy)]
pub(crate) struct Near<'a> {
    store: &'a Arc<Store>,
    id: NodeId,
    record: &'a Node,
}

impl<'a> Near<'a> {
    /// A node that a slot of this store names.
    #[inline(always)]
    fn child(self, raw: Raw) -> Result<Near<'a>> {
        let (id, record) = node::resolve(&self.store.arena, raw)?;
        Ok(Near { store: self.store, id, record })
    }

    #[inline(always)]
    fn acquire(self, mode: Mode, wait: &Wait) -> Result<Held> {
        acquire(&self.store.arena, &self.record.head, self.id, mode, wait, self.store.nesting)
    }

    /// What this thread itself holds around the node.
    #[inline]
    fn own(self) -> Result<Own> {
        match self.store.arena.seat_if_any() {
            Some(seat) => Locker::new(&*self.store.arena, seat.own).own(self.id.index),
            None => Ok(Own::default()),
        }
    }

    /// Runs `read` on the node so that no change by others can be seen half-done, writing nothing.
    ///
    /// `read` may run several times and see garbage, which it answers with an error or a value that is discarded.
    #[inline(always)]
    pub(crate) fn read<T>(self, read: impl Fn(&Arena, &Node) -> Result<T>) -> Result<T> {
        let (arena, node): (&Arena, &Node) = (&self.store.arena, self.record);
        let seat = arena.seat_if_any().map(|seat| seat.own);
        if let Some(seat) = seat
            && !self.store.nesting
            && seat.line.any()
            && Locker::new(arena, seat).own(self.id.index)?.exclusive
        {
            return Err(Error::new(ErrorKind::HeldByGuard));
        }
        let seat = seat.map(|seat| seat.index);
        for _ in 0..OPTIMISTIC_TRIES {
            if let Ok(result) = optimistic(arena, &node.head, self.id, seat, || read(arena, node))? {
                return Ok(result);
            }
            std::hint::spin_loop();
        }
        self.read_contended(read)
    }

    /// As [`Near::read`], tried once: `None` if somebody is changing the node or what it is a part of.
    #[inline]
    fn read_now<T>(self, read: impl FnOnce(&Arena, &Node) -> Result<T>) -> Result<Option<T>> {
        let arena: &Arena = &self.store.arena;
        let seat = arena.seat_if_any().map(|seat| seat.own.index);
        Ok(optimistic(arena, &self.record.head, self.id, seat, || read(arena, self.record))?.ok())
    }

    #[cold]
    fn read_contended<T>(self, read: impl Fn(&Arena, &Node) -> Result<T>) -> Result<T> {
        let arena: &Arena = &self.store.arena;
        if arena.writable() {
            let held = self.acquire(Mode::Shared, &Wait::FOREVER)?;
            let result = read(arena, self.record);
            held.release(arena);
            return result;
        }
        self.read_patiently(usize::MAX, read)?.ok_or_else(|| Error::new(ErrorKind::Interrupted))
    }

    /// Reads without a lock, as often as it takes: for those who may not take one. `None` if each try was disturbed.
    #[cold]
    fn read_patiently<T>(self, tries: usize, read: impl Fn(&Arena, &Node) -> Result<T>) -> Result<Option<T>> {
        let arena: &Arena = &self.store.arena;
        arena.ensure_attached()?;
        let mut disturbance = Disturbance::new(arena);
        for _ in 0..tries {
            let again = || read(arena, self.record);
            match optimistic(arena, &self.record.head, self.id, None, again)? {
                Ok(result) => return Ok(Some(result)),
                Err(busy) => disturbance.pause(busy)?,
            }
        }
        Ok(None)
    }
}

/// The value of a node that is held, with all below it.
pub(crate) fn held_value(arena: &Arena, node: &Node, depth: usize) -> Result<Value<'static>> {
    node::read_value(arena, node, depth, &Extent::default())
}

/// The value of a slot whose node is held.
pub(crate) fn slot_value(arena: &Arena, raw: Raw) -> Result<Value<'static>> {
    match raw.id() {
        Some(_) => held_value(arena, node::resolve(arena, raw)?.1, 0),
        None => raw.plain_value(),
    }
}

/// The error for a field that is of another kind.
#[cold]
pub(crate) fn wrong_kind(found: Kind, expected: &'static str) -> Error {
    Error::wrong_type(found.name(), expected)
}
