//! Making a binding: finding a struct's fields in a store, creating and declaring them, or only looking at them.

use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::sync::Arc;

use super::Field;
use crate::access::{Store, operate_below};
use crate::arena::Arena;
use crate::arena::layout::{Node, Slot};
use crate::edit::{self, FixedType, Writer};
use crate::error::{Error, ErrorKind, Result};
use crate::journal::Operation;
use crate::key::Key;
use crate::lock::NodeId;
use crate::node::meta::{Record, refuse_items};
use crate::node::structure::{self};
use crate::node::{self, FIXED, LIVE, Raw, array_flags, slot_value};
use crate::sync::{AtomicU64, Ordering};
use crate::value::{Kind, Meta, Value, convert, decode_scalar};

/// A slot to be resolved, and the node that has it; opaque to generated code.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct SlotRef<'a> {
    pub(crate) slot: &'a Slot,
    /// The node that the slot names has to lie below this one, so that no two slots of a damaged store lend one node.
    /// `None` for the root of a binding, which was found by its own handle.
    pub(crate) parent: Option<u32>,
}

/// The metadata that a field itself declares, made only when it is needed.
type Told<'t> = Option<&'t dyn Fn() -> Meta>;

/// One binding in the making, under the lock of the struct that is bound.
#[doc(hidden)]
pub struct Binder<'o, 'a> {
    pub(crate) arena: &'a Arena,
    /// Creates and declares fields; without it, all of them have to be there.
    operation: Option<&'o Operation<'a>>,
    widen: bool,
    /// Whether fields have to be declared: others may remove and replace what is not, and its place is remembered.
    declared: bool,
    /// Whether parts that come and go have to be within the limits of their fields: they have just been assigned.
    strict: bool,
    /// The defaults of the fields of the struct that is being resolved. Made before the operation, for the user's code
    /// makes them.
    defaults: Cell<Option<&'o Value<'o>>>,
    /// The memory that the binding will lend, by address, which must not overlap. In a sound store it cannot; but in a
    /// damaged one it may, and it becomes `&mut`.
    lent: RefCell<Vec<Range<u64>>>,
}

impl<'o, 'a> Binder<'o, 'a> {
    /// A binder that creates fields with these defaults.
    pub(crate) fn new(operation: &'o Operation<'a>, defaults: &'o Value<'o>, widen: bool) -> Binder<'o, 'a> {
        Binder::with(operation.arena(), Some(operation), Some(defaults), widen)
    }

    /// A binder that changes nothing.
    pub(crate) fn looking(arena: &'a Arena) -> Binder<'o, 'a> {
        Binder::with(arena, None, None, false)
    }

    /// A binder for a process that may only read: it changes nothing, and relies on what others have declared.
    pub(crate) fn reading(arena: &'a Arena) -> Binder<'o, 'a> {
        Binder { declared: true, ..Binder::looking(arena) }
    }

    /// A binder that takes note of what is lent in a transaction.
    pub(crate) fn noting(operation: &'o Operation<'a>) -> Binder<'o, 'a> {
        Binder::with(operation.arena(), Some(operation), None, false)
    }

    fn with(
        arena: &'a Arena,
        operation: Option<&'o Operation<'a>>,
        defaults: Option<&'o Value<'o>>,
        widen: bool,
    ) -> Binder<'o, 'a> {
        let (defaults, lent) = (Cell::new(defaults), RefCell::default());
        Binder { arena, operation, widen, declared: false, strict: false, defaults, lent }
    }

    pub(crate) fn widens(&self) -> bool {
        self.widen
    }

    /// Widens a part that is resolved again whenever it is used, if that was asked for. What it lacks is created then.
    pub(crate) fn widen_part<T: Field>(&self, slot: SlotRef<'_>) -> Result<()> {
        if !self.widen {
            return Ok(());
        }
        match Binder::with(self.arena, self.operation, None, true).resolve_slot::<T>(slot) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            other => other.map(drop),
        }
    }

    /// Declares the fields of a part that is resolved again whenever it is used. One that does not fit says so then.
    pub(crate) fn declare_part<T: Field>(&self, slot: SlotRef<'_>) -> Result<()> {
        let Some(operation) = self.operation else { return Ok(()) };
        match declare_part::<T>(operation, slot) {
            Err(error)
                if !self.strict
                    && matches!(
                        error.kind(),
                        ErrorKind::NotFound | ErrorKind::WrongType | ErrorKind::OutsideLimits
                    ) =>
            {
                Ok(())
            }
            other => other,
        }
    }

    /// Resolves a slot as a `T`, all the memory of which is its own.
    pub(crate) fn resolve_slot<T: Field>(self, slot: SlotRef<'_>) -> Result<T::Place> {
        let place = T::resolve(&self, slot)?;
        let mut lent = self.lent.into_inner();
        lent.sort_by_key(|range| range.start);
        if lent.iter().zip(lent.iter().skip(1)).any(|(one, next)| one.end > next.start) {
            let wrong = "fields that share memory";
            return Err(Error::corrupt("a bound struct", wrong, "memory of its own for each"));
        }
        Ok(place)
    }

    /// The struct that a slot names.
    pub fn enter(&self, slot: SlotRef<'_>) -> Result<BoundNode> {
        self.node(slot, Kind::Struct)
    }

    /// Makes room for the fields of a struct that is bound.
    pub fn make_room(&self, node: &BoundNode, names: &[&str]) -> Result<()> {
        // A struct without fields declares nothing.
        if let Some(operation) = self.operation.filter(|_| !names.is_empty()) {
            edit::fix(operation, node.node(), FIXED)?;
            let keys = names.iter().map(|name| Key::new(name));
            Writer { operation, aside: false }.reserve_missing(node.node(), keys)?;
        }
        Ok(())
    }

    /// The node of a kind that a slot names.
    pub(crate) fn node(&self, slot: SlotRef<'_>, kind: Kind) -> Result<BoundNode> {
        let raw = Raw::load(slot.slot);
        let found = raw.kind()?;
        if found != kind {
            return Err(self.mismatch(found.name(), kind.name(), false));
        }
        let (id, record) = node::resolve(self.arena, raw)?;
        let parent = record.head.parent.load(Ordering::Acquire);
        if slot.parent.is_some_and(|expected| parent != u64::from(expected) + 1) {
            let place = format_args!("node {}", id.index).to_string();
            return Err(Error::corrupt(place, "another parent", "the node whose slot names it"));
        }
        self.lend(record, size_of::<Node>() as u64);
        Ok(BoundNode { id, record })
    }

    /// Remembers that memory will be lent.
    pub(crate) fn lend<T>(&self, start: *const T, length: u64) {
        let start = start as u64;
        self.lent.borrow_mut().push(start..start.saturating_add(length));
    }

    /// Finds a field or creates it, declares it, and resolves it as a `T`.
    pub fn field<T: Field>(&self, node: &BoundNode, key: Key<'_>) -> Result<T::Place> {
        self.field_of::<T>(node, key, None)
    }

    /// As [`Binder::field`], with metadata.
    pub fn field_with<T: Field>(
        &self,
        node: &BoundNode,
        key: Key<'_>,
        meta: &dyn Fn() -> Meta,
    ) -> Result<T::Place> {
        self.field_of::<T>(node, key, Some(meta))
    }

    #[inline]
    fn field_of<T: Field>(&self, node: &BoundNode, key: Key<'_>, meta: Told<'_>) -> Result<T::Place> {
        let around = self.defaults.get();
        self.defaults.set(around.and_then(|fields| fields.get(key.name())));
        let place = self.find_or_create::<T>(node, &key, meta);
        self.defaults.set(around);
        place.map_err(|error| error.under(key.name()))
    }

    fn find_or_create<T: Field>(&self, node: &BoundNode, key: &Key<'_>, meta: Told<'_>) -> Result<T::Place> {
        let kind = T::KIND;
        let existing = structure::find(self.arena, node.node(), key)?;
        let found = match (existing, self.operation, self.defaults.get()) {
            (Some(found), ..) => found,
            (None, Some(operation), Some(value)) => {
                value.check_depth(node::depth_of(self.arena, node.id.index)?)?;
                let raw = edit::build(operation, value, node.id.index)?;
                Writer { operation, aside: false }.insert(node.node(), key, raw)?
            }
            (None, ..) => return Err(Error::new(ErrorKind::NotFound)),
        };
        let slot = &found.field.slot;
        self.lend(slot, size_of::<Slot>() as u64);
        let raw = Raw::load(slot);
        if raw.declared() && raw.optional() != T::OPTIONAL && !(self.widen && T::OPTIONAL) {
            let name = |optional| match optional {
                true => format!("{} or null", kind),
                false => kind.to_string(),
            };
            return Err(self.mismatch(&name(raw.optional()), &name(T::OPTIONAL), T::OPTIONAL));
        }
        // What holds null now says what it may hold otherwise.
        if let Some(declared) = raw.declared_kind()?
            && raw.optional()
            && declared != kind
            && !(self.widen && declared.widens_to(kind))
        {
            return Err(self.mismatch(
                &format!("{declared} or null"),
                &format!("{} or null", kind),
                declared.widens_to(kind),
            ));
        }
        if self.declared && !raw.declared() {
            let found = format!("{} that no binding has declared", raw.kind()?);
            return Err(Error::wrong_type(found, "a field that a process has bound to change it"));
        }
        let place = T::resolve(self, SlotRef { slot, parent: Some(node.id.index) })?;
        if let Some(operation) = self.operation {
            edit::declare(operation, slot, kind, T::OPTIONAL)?;
            if meta.is_some() || T::TELLS {
                let mut told = meta.map_or(Meta::new(), |meta| meta());
                if T::TELLS {
                    told = told.or(T::meta());
                }
                edit::describe_by(operation, (node.id.index, raw), slot, told, self.defaults.get())?;
            }
        }
        Ok(place)
    }

    /// The error for a field of another type, with what can be done about it.
    pub(crate) fn mismatch(&self, found: &str, expected: &str, widens: bool) -> Error {
        let advice = match (self.operation.is_some(), widens && !self.widen) {
            (false, _) => "",
            (true, true) => "; `bind_widening` converts it",
            (true, false) => "; remove the old field, or give this one another name",
        };
        Error::wrong_type(found.to_owned(), format!("{expected}{advice}"))
    }

    /// Makes sure that a slot holds a scalar of a kind, widening the one that is there if that was asked for.
    pub(crate) fn expect_scalar(&self, slot: SlotRef<'_>, kind: Kind) -> Result<()> {
        let raw = Raw::load(slot.slot);
        let found = raw.kind()?;
        if found == kind {
            return Ok(());
        }
        match (self.operation, decode_scalar(found, raw.payload)?) {
            (Some(operation), Some(scalar)) if self.widen && found.widens_to(kind) => {
                operation.set(&slot.slot.tag, raw.tag & !0xff | kind as u64)?;
                operation.set(&slot.slot.payload, convert(scalar, kind)?.payload())?;
                self.describe_again(operation, slot)
            }
            _ => Err(self.mismatch(found.name(), kind.name(), found.widens_to(kind))),
        }
    }

    /// Rewrites a field's metadata record for the field's new type.
    fn describe_again(&self, operation: &Operation<'_>, slot: SlotRef<'_>) -> Result<()> {
        let raw = Raw::load(slot.slot);
        match raw.meta() {
            Some(place) => {
                let known = Record::read(self.arena, place)?.meta()?;
                edit::describe(operation, (slot.parent.unwrap_or_default(), raw), slot.slot, &known)
            }
            None => Ok(()),
        }
    }

    /// The array that a slot names, of a type that is fixed from now on; made of what is there, numbers of a narrower type
    /// or lists of them, if that was asked for.
    pub(crate) fn array(&self, slot: SlotRef<'_>, wanted: &FixedType, fix: u64) -> Result<BoundNode> {
        let raw = Raw::load(slot.slot);
        let found = raw.kind()?;
        let matches = match found {
            Kind::Array => {
                let (_, record) = node::resolve(self.arena, raw)?;
                let live = array_flags(record) & LIVE != 0;
                if live && !wanted.live {
                    let found =
                        FixedType::of(self.arena, record)?.map_or(String::new(), |found| found.to_string());
                    let fixed = !wanted.shape.contains(&None);
                    let live = if fixed { "declare it with `#[structstore(live)]`, or " } else { "" };
                    let expected = format!("{wanted}; {live}remove the field");
                    return Err(Error::wrong_type(found, expected));
                }
                live == wanted.live
                    && super::array::header(self.arena, record).map(|header| wanted.is_of(&header))?
            }
            _ => false,
        };
        if !matches {
            self.widen_array(slot, raw, wanted)?;
        }
        let node = self.node(slot, Kind::Array)?;
        if let Some(operation) = self.operation {
            edit::fix(operation, node.node(), fix)?;
        }
        Ok(node)
    }

    fn widen_array(&self, slot: SlotRef<'_>, raw: Raw, wanted: &FixedType) -> Result<()> {
        let value = match raw.kind()? {
            Kind::Array | Kind::List => slot_value(self.arena, raw)?,
            other => return Err(self.mismatch(other.name(), &wanted.to_string(), false)),
        };
        let found = match &value {
            Value::Array(array) => format!("{}{:?}", array.dtype(), array.shape()),
            other => other.kind().name().to_owned(),
        };
        let widened = edit::widen_to_array(&value, wanted);
        match (self.operation, slot.parent, widened) {
            (Some(operation), Some(parent), Some(array)) if self.widen => {
                let array = Value::Array(if wanted.live { array.live() } else { array });
                edit::replace_by(operation, parent, slot.slot, &array)?;
                self.describe_again(operation, slot)
            }
            (_, _, widened) => Err(self.mismatch(&found, &wanted.to_string(), widened.is_some())),
        }
    }

    /// Takes note of a word that is to be lent in a transaction.
    pub(crate) fn note(&self, word: &AtomicU64) -> Result<()> {
        match self.operation {
            Some(operation) => Ok(operation.set(word, word.load(Ordering::Relaxed))?),
            None => Ok(()),
        }
    }

    pub(crate) fn operation(&self) -> Option<&'o Operation<'a>> {
        self.operation
    }
}

/// Declares the fields of a part that has just come.
pub(crate) fn declare_part<T: Field>(operation: &Operation<'_>, slot: SlotRef<'_>) -> Result<()> {
    let binder = Binder::with(operation.arena(), Some(operation), None, false);
    Binder { strict: true, ..binder }.resolve_slot::<T>(slot).map(drop)
}

/// A node of the store that is being bound or was bound.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct BoundNode {
    pub(crate) id: NodeId,
    pub(crate) record: *const Node,
}

// SAFETY: the record lies in the mapping of the store that the binding keeps, and consists of atomics.
unsafe impl Send for BoundNode {}
// SAFETY: as above.
unsafe impl Sync for BoundNode {}

impl BoundNode {
    pub(crate) fn node(&self) -> &Node {
        // SAFETY: from a checked reference into the mapping that the binding keeps; records never move.
        unsafe { &*self.record }
    }

    /// Fails if the node is no longer what it was, which happens only in a damaged segment while its parent is held.
    #[inline]
    pub fn check(&self) -> Result<()> {
        let identity = self.node().head.identity.load(Ordering::Acquire);
        if crate::lock::generation(identity) == self.id.generation { Ok(()) } else { Err(Error::stale()) }
    }
}

/// The store whose memory a guard lends.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct Lender<'s> {
    pub(crate) store: &'s Arc<Store>,
}

impl<'s> Lender<'s> {
    pub(crate) fn arena(self) -> &'s Arc<Arena> {
        &self.store.arena
    }

    /// Lends a part that no binding has resolved, for reading.
    pub(crate) fn part<T: Field>(self, slot: SlotRef<'_>) -> Result<T::Ref<'s>> {
        let place = Binder::looking(self.arena()).resolve_slot::<T>(slot)?;
        T::check(&place, self, false)?;
        // SAFETY: checked; the caller's lock lasts for 's.
        Ok(unsafe { T::lend(&place, self) })
    }

    /// Resolves a part of a node that is held exclusively. What it lacks is created.
    pub(crate) fn resolve<T: Field>(self, node: u32, slot: SlotRef<'_>) -> Result<T::Place> {
        match Binder::looking(self.arena()).resolve_slot::<T>(slot) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let initial = T::initial();
                let defaults = initial.field_value()?;
                let complete = |operation: &Operation<'_>| {
                    Binder::new(operation, &defaults, false).resolve_slot::<T>(slot)
                };
                Ok(operate_below(self.arena(), node, complete)?)
            }
            other => other,
        }
    }

    /// Lends a part that no binding has resolved, for changing. What it lacks is created.
    ///
    /// # Safety
    ///
    /// The slot's node is held exclusively for `'s`, in which the part is not lent again.
    pub(crate) unsafe fn part_mut<T: Field>(self, node: u32, slot: SlotRef<'_>) -> Result<T::Mut<'s>> {
        let place = self.resolve::<T>(node, slot)?;
        // SAFETY: the caller's promise.
        unsafe { self.lend_mut::<T>(node, &place) }
    }

    /// Checks a resolved part and lends it for changing. In a transaction it is logged, so that it can be undone.
    ///
    /// # Safety
    ///
    /// As [`Lender::part_mut`].
    pub(crate) unsafe fn lend_mut<T: Field>(self, node: u32, place: &T::Place) -> Result<T::Mut<'s>> {
        if self.arena().transaction().is_some() {
            operate_below(self.arena(), node, |operation| T::log(place, &Binder::noting(operation)))?;
        }
        if T::IN_SLOT {
            refuse_items(self.arena(), self.arena().node(node)?)?;
        }
        T::check(place, self, true)?;
        // SAFETY: checked; the caller's promise.
        Ok(unsafe { T::lend_mut(place, self) })
    }
}
