//! Making a binding: finding a struct's fields in a store, creating and declaring them, or only looking at them.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::sync::Arc;

use super::{Field, evolve};
use crate::access::{Store, operate_below};
use crate::arena::Arena;
use crate::arena::layout::{Node, Slot};
use crate::edit::{self, FixedType, Writer};
use crate::error::{Error, ErrorKind, Path, Result, Step};
use crate::journal::Operation;
use crate::key::Key;
use crate::lock::NodeId;
use crate::node::meta::{Record, refuse_items};
use crate::node::structure::{self, Found};
use crate::node::{self, FIXED, LIVE, Raw, array_flags, slot_value};
use crate::sync::{AtomicU64, Ordering};
use crate::value::{Kind, Meta, Value, decode_scalar};

/// A slot to be resolved, and the node that has it; opaque to generated code.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct SlotRef<'a> {
    pub(crate) slot: &'a Slot,
    /// The node that the slot names has to lie below this one, so that no two slots of a damaged store lend one node.
    /// `None` for the root of a binding, which was found by its own handle.
    pub(crate) parent: Option<u32>,
}

/// An operation that assigns to the fields of a bound struct; opaque to generated code.
#[doc(hidden)]
pub struct Assignment<'o, 'a>(pub(crate) &'o Operation<'a>);

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
    /// Whether a type is being bound: parts that come and go are looked at as well, and errors say what can be done.
    binds: bool,
    /// Whether it is a part that comes and goes that is resolved, of which no binding remembers the place.
    part: bool,
    /// Whether parts that come and go lack fields, which are to be created. `None` once that was done.
    incomplete: Option<&'o Cell<bool>>,
    /// The defaults of the fields of the struct that is being resolved. Made before the operation, for the user's code
    /// makes them.
    defaults: Cell<Option<&'o Value<'o>>>,
    /// Whether the type of the field that is being resolved says that arrays of another length are the same field.
    growable: Cell<bool>,
    /// The memory that the binding will lend, by address, which must not overlap. In a sound store it cannot; but in a
    /// damaged one it may, and it becomes `&mut`.
    lent: RefCell<Vec<Range<u64>>>,
}

impl<'o, 'a> Binder<'o, 'a> {
    /// A binder that creates fields with these defaults.
    pub(crate) fn new(operation: &'o Operation<'a>, defaults: &'o Value<'o>, widen: bool) -> Binder<'o, 'a> {
        Binder { binds: true, ..Binder::with(operation.arena(), Some(operation), Some(defaults), widen) }
    }

    /// Takes note in `incomplete` of parts that lack fields, instead of failing.
    pub(crate) fn noticing(self, incomplete: Option<&'o Cell<bool>>) -> Binder<'o, 'a> {
        Binder { incomplete, ..self }
    }

    /// A binder that changes nothing.
    pub(crate) fn looking(arena: &'a Arena) -> Binder<'o, 'a> {
        Binder { part: true, ..Binder::with(arena, None, None, false) }
    }

    /// A binder for a process that may only read: it changes nothing, and relies on what others have declared.
    pub(crate) fn reading(arena: &'a Arena) -> Binder<'o, 'a> {
        Binder { declared: true, part: false, ..Binder::looking(arena) }
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
        Binder {
            arena,
            operation,
            widen,
            declared: false,
            binds: false,
            part: false,
            incomplete: None,
            defaults,
            growable: Cell::new(false),
            lent,
        }
    }

    /// Whether parts that come and go are looked at: when they are bound, and when they have just been assigned.
    pub(crate) fn looks_at_parts<T: Field>(&self) -> bool {
        self.binds || T::LIMITED && self.operation.is_some()
    }

    /// Looks whether a part that comes and goes fits, which is resolved again whenever it is used. Declares it if it has limits, and widens it
    /// if that was asked for.
    pub(crate) fn part<T: Field>(&self, slot: SlotRef<'_>) -> Result<()> {
        let operation = self.operation.filter(|_| T::LIMITED || self.widen);
        let part = Binder::with(self.arena, operation, None, self.widen);
        let part = Binder { binds: self.binds, part: true, incomplete: self.incomplete, ..part };
        match (part.resolve_slot::<T>(slot), self.incomplete) {
            (Err(error), Some(incomplete)) if error.lacks_fields() => {
                incomplete.set(true);
                Ok(())
            }
            (other, _) => other.map(drop).map_err(|error| self.advise(error, "remove it")),
        }
    }

    /// As [`Binder::part`], for each of some parts. One error has all that do not fit.
    pub(crate) fn parts<T: Field, N: Into<Step>>(
        &self,
        parts: impl Iterator<Item = Result<(N, SlotRef<'a>)>>,
    ) -> Result<()> {
        let misfit = |found: Result<(N, SlotRef<'a>)>| {
            let (name, slot) = match found {
                Ok(found) => found,
                Err(error) => return Some(error),
            };
            self.part::<T>(slot).err().map(|error| error.under(name))
        };
        Error::all(parts.filter_map(misfit)).map_or(Ok(()), Err)
    }

    /// Resolves a slot as a `T`, all the memory of which is its own.
    pub(crate) fn resolve_slot<T: Field>(self, slot: SlotRef<'_>) -> Result<T::Place> {
        let place = T::resolve(&self, slot)?;
        let mut lent = self.lent.into_inner();
        lent.sort_by_key(|range| range.start);
        if lent.iter().zip(lent.iter().skip(1)).any(|(one, next)| one.end > next.start) {
            let wrong = "fields that share memory";
            return Err(Error::corrupt("a bound struct", wrong, "separate memory for each field"));
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
            let missing = Writer { operation, aside: false }.reserve_missing(node.node(), keys)?;
            if let Some(incomplete) = self.incomplete
                && missing != 0
                && structure::count(node.node()) != 0
            {
                incomplete.set(true);
                return Err(Error::new(ErrorKind::NotFound));
            }
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
            return Err(Error::corrupt(
                place,
                "a link to another parent",
                "a link to the node that contains it",
            ));
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
        let mut names = Vec::new();
        let existing = match structure::find(self.arena, node.node(), key)? {
            None => self.find_renamed(node, key, meta, &mut names)?,
            found => found,
        };
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
        if raw.declared()
            && raw.optional() != T::OPTIONAL
            && !(self.widen && T::OPTIONAL)
            && !(raw.optional() && self.is_widened(raw)?)
        {
            let name = |optional| match optional {
                true => format!("{} or null", kind),
                false => kind.to_string(),
            };
            let error = self.mismatch(&name(raw.optional()), &name(T::OPTIONAL), T::OPTIONAL);
            return Err(self.advise(error, remedy(raw)));
        }
        // What holds null now says what it may hold otherwise.
        if let Some(declared) = raw.declared_kind()?
            && raw.optional()
            && declared != kind
            && !(self.widen && declared.widens_to(kind))
            && !(kind.widens_to(declared) && self.is_widened(raw)?)
        {
            let (found, expected) = (format!("{declared} or null"), format!("{kind} or null"));
            let error = self.mismatch(&found, &expected, declared.widens_to(kind));
            return Err(self.advise(error, remedy(raw)));
        }
        if self.declared && !raw.declared() {
            let found = format!("{} that no binding has declared", raw.kind()?);
            return Err(Error::wrong_type(found, "a field that a process has bound to change it"));
        }
        if self.widen && T::KIND == Kind::Array {
            self.growable.set(meta.is_some_and(|meta| meta().growable));
        }
        let place = T::resolve(self, SlotRef { slot, parent: Some(node.id.index) })
            .map_err(|error| self.advise(error, remedy(raw)))?;
        if let Some(operation) = self.operation {
            if !raw.optional() || !Binder::is_narrower(raw, kind, T::OPTIONAL)? {
                edit::declare(operation, slot, kind, T::OPTIONAL)?;
            }
            if raw.declared() && T::OPTIONAL && !raw.optional() {
                self.describe_widened(operation, SlotRef { slot, parent: Some(node.id.index) })?;
            }
            if meta.is_some() || T::TELLS {
                let mut told = meta.map_or(Meta::new(), |meta| meta());
                if T::TELLS {
                    told = told.or(T::meta());
                }
                if !names.is_empty() {
                    told.aliases.append(&mut names);
                }
                edit::describe_by(operation, (node.id.index, raw), slot, told, self.defaults.get())?;
            }
        }
        Ok(place)
    }

    /// The field that has another one of its names, which gets this one. The names that it has besides go to `names`.
    #[cold]
    fn find_renamed(
        &self,
        node: &BoundNode,
        key: &Key<'_>,
        meta: Told<'_>,
        names: &mut Vec<Cow<'static, str>>,
    ) -> Result<Option<Found<'a>>> {
        names.extend(meta.map(|meta| meta().aliases).unwrap_or_default());
        if let Some(operation) = self.operation {
            return Writer { operation, aside: false }.find_renamed(node.node(), key, names);
        }
        let find =
            |name: &Cow<'_, str>| structure::find(self.arena, node.node(), &Key::new(name)).transpose();
        names.iter().find_map(find).transpose()
    }

    /// Whether a type is narrower than what a field that may be null is declared to be, which it leaves as it is.
    fn is_narrower(raw: Raw, kind: Kind, optional: bool) -> Result<bool> {
        let declared = raw.declared_kind()?;
        Ok(declared.is_some_and(|declared| !optional || kind.widens_to(declared)))
    }

    /// Whether a program has widened a field.
    #[cold]
    pub(super) fn is_widened(&self, raw: Raw) -> Result<bool> {
        raw.meta().map_or(Ok(false), |place| Ok(Record::read(self.arena, place)?.widened()))
    }

    /// The error for a field of another type, with what can be done about it.
    pub(crate) fn mismatch(&self, found: &str, expected: &str, widens: bool) -> Error {
        let advice = if self.binds && widens && !self.widen { "; `bind_widening` converts it" } else { "" };
        Error::wrong_type(found.to_owned(), format!("{expected}{advice}"))
    }

    /// Adds to the error for a slot of another type, of which nothing else is said, how to get rid of that.
    #[cold]
    fn advise(&self, error: Error, remedy: &str) -> Error {
        let own = error.path().is_some_and(Path::is_root) && error.kind() == ErrorKind::WrongType;
        match error.expected() {
            Some(expected) if self.binds && own && !expected.contains(';') => {
                let expected = format!("{expected}; {remedy}");
                error.expecting(expected)
            }
            _ => error,
        }
    }

    /// Makes sure that a slot holds a scalar of a kind, widening the one that is there if that was asked for. Returns whether it can be lent
    /// as it is: not if a program has widened the field beyond that kind.
    pub(crate) fn expect_scalar(&self, slot: SlotRef<'_>, kind: Kind) -> Result<bool> {
        let raw = Raw::load(slot.slot);
        let found = raw.kind()?;
        if found == kind {
            return Ok(true);
        }
        match (self.operation, decode_scalar(found, raw.payload)?) {
            (Some(operation), Some(scalar)) if self.widen && found.widens_to(kind) => {
                edit::retype(operation, slot.slot, scalar, kind)?;
                self.describe_widened(operation, slot).map(|()| true)
            }
            (_, value) if (value.is_none() || kind.widens_to(found)) && self.is_widened(raw)? => Ok(false),
            // Nothing tells of what is not declared.
            (_, Some(_)) if self.part && !raw.declared() && kind.widens_to(found) => Ok(false),
            _ => Err(self.mismatch(found.name(), kind.name(), found.widens_to(kind))),
        }
    }

    /// Rewrites a field's metadata record for the field's new type, which programs with the former type may read.
    fn describe_widened(&self, operation: &Operation<'_>, slot: SlotRef<'_>) -> Result<()> {
        let (raw, owner) = (Raw::load(slot.slot), slot.parent.unwrap_or_default());
        let bare = !raw.declared() && raw.meta().is_none();
        if bare || node::kind_of(self.arena.node(owner)?)? != Kind::Struct {
            return Ok(());
        }
        let mut known =
            raw.meta().map_or(Ok(Meta::new()), |place| Record::read(self.arena, place)?.meta())?;
        known.widened = true;
        edit::describe(operation, (owner, raw), slot.slot, &known)
    }

    /// The array that a slot names, of a type that is fixed from now on; made of what is there, numbers of a narrower type
    /// or lists of them, if that was asked for. With it, whether it can be lent as it is: not if a program has widened or lengthened it.
    pub(crate) fn array(&self, slot: SlotRef<'_>, wanted: &FixedType, fix: u64) -> Result<(BoundNode, bool)> {
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
        if !matches && self.is_beyond(raw, wanted)? {
            return Ok((self.node(slot, Kind::Array)?, false));
        }
        if !matches {
            self.widen_array(slot, raw, wanted)?;
        }
        let node = self.node(slot, Kind::Array)?;
        if let Some(operation) = self.operation {
            edit::fix(operation, node.node(), fix)?;
        }
        Ok((node, true))
    }

    /// Whether an array holds all that a narrower or shorter type does, and a program has made it so.
    fn is_beyond(&self, raw: Raw, wanted: &FixedType) -> Result<bool> {
        let (Kind::Array, Some(place)) = (raw.kind()?, raw.meta()) else { return Ok(false) };
        let record = Record::read(self.arena, place)?;
        let (_, node) = node::resolve(self.arena, raw)?;
        let found = super::array::header(self.arena, node)?;
        let same_type = found.dtype == wanted.dtype;
        let wider = match (wanted.dtype.number(), found.dtype.number()) {
            (Some(own), Some(found)) => record.widened() && own.widens_to(found),
            _ => false,
        };
        let longer = record.growable() && wanted.is_start_of(&found.shape);
        let live = wanted.live || array_flags(node) & LIVE != 0;
        Ok(!live && (wider && wanted.admits(&found.shape) || longer && (wider || same_type)))
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
        let growable =
            raw.meta().map_or(Ok(false), |place| Ok(Record::read(self.arena, place)?.growable()))?;
        let default = self.defaults.get().filter(|_| growable || self.growable.get());
        let widened = edit::widen_to_array(&value, wanted, default);
        match (self.operation, slot.parent, widened) {
            (Some(operation), Some(parent), Some(array)) if self.widen => {
                let array = Value::Array(if wanted.live { array.live() } else { array });
                edit::replace_by(operation, parent, slot.slot, &array)?;
                self.describe_widened(operation, slot)
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

/// How to get rid of a field of another type.
fn remedy(raw: Raw) -> &'static str {
    match raw.declared() {
        true => "`undeclare` the field and remove it, or give this one another name",
        false => "remove the old field, or give this one another name",
    }
}

/// Declares the fields of a part that has just come.
pub(crate) fn declare_part<T: Field>(operation: &Operation<'_>, slot: SlotRef<'_>) -> Result<()> {
    Binder::with(operation.arena(), Some(operation), None, false).resolve_slot::<T>(slot).map(drop)
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

    /// Copies a part out that no binding has resolved. Fields that it lacks have their defaults.
    pub(crate) fn load_part<T: Field>(self, slot: SlotRef<'_>) -> Result<T> {
        let place = Binder::looking(self.arena()).resolve_slot::<T>(slot);
        match place.and_then(|place| T::load(&place, self)) {
            Err(error) if error.lacks_fields() => evolve::load_slot(self.arena(), Raw::load(slot.slot)),
            other => other,
        }
    }

    /// Resolves a part of a node that is held exclusively. What it lacks is created, and narrower numbers are widened: no binding remembers where
    /// a part is.
    pub(crate) fn resolve<T: Field>(self, node: u32, slot: SlotRef<'_>) -> Result<T::Place> {
        let place = Binder::looking(self.arena()).resolve_slot::<T>(slot);
        let Err(error) = place else { return place };
        if !error.lacks_fields() && error.kind() != ErrorKind::WrongType {
            return Err(error);
        }
        let schema = T::schema();
        let complete = |operation: &Operation<'_>| {
            evolve::complete(operation, slot.slot, &schema)?;
            let operation = Some(operation);
            Binder::with(self.arena(), operation, None, true).resolve_slot::<T>(slot)
        };
        operate_below(self.arena(), node, complete)
            .map_err(|second| if second.is_misfit() { error } else { second })
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
