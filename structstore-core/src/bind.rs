//! Typed bindings: a Rust struct's fields as references into a store.
//!
//! Binding resolves names and types once: it creates what is missing, checks what is there, declares the fields, so
//! that nobody removes or retypes them, and remembers where each is. A guard then only takes the lock and looks
//! whether the memory still makes sense.
//!
//! Invariants: a declared field's slot and, for structs, texts and arrays, its node stay what and where they are for
//! as long as the bound struct's node lives, which each guard checks first; a guard lends references for no longer
//! than it is borrowed.

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::ops::Range;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, Ordering as LocalOrdering};
use std::time::Duration;

use crate::arena::Arena;
use crate::arena::layout::{Node, Slot};
use crate::error::{Error, Result};
use crate::handle::{
    Access, Handle, Held, Struct, TextMut, TextRef, acquire, at_most, lend_scalar, operate, unshare,
    wrong_kind,
};
use crate::journal::Operation;
use crate::key::Key;
use crate::lock::{Mode, NodeId, Wait};
use crate::node::structure::{self, Writer};
use crate::node::{self, BLOCK, Raw};
use crate::store::Store;
use crate::sync::{AtomicU64, Ordering};
use crate::value::{ArrayBlock, ArrayValue, DType, FixedArray, Kind, Value, lease_count};

/// A type that can be a field of a bound struct: a scalar, `String`, an array `[T; N]` nested up to three deep, or a
/// struct with `#[derive(StructStore)]`. Derive it; the methods are for generated code.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field of a bound struct",
    label = "not a scalar, `String`, array of numbers or struct with `#[derive(StructStore)]`",
    note = "add `#[derive(StructStore)]` to `{Self}`, or keep the value in the store without binding it"
)]
pub trait Field: Sized + 'static {
    /// What a read guard lends: `&'s T` for scalars and arrays, the companion for structs.
    type Ref<'s>;
    /// What a write guard lends: `&'s mut T` for scalars and arrays, the companion for structs.
    type Mut<'s>;
    /// Where the field is, once it is resolved.
    #[doc(hidden)]
    type Place: Send + Sync;

    /// The value that a field gets when it is created and no default is given.
    fn initial() -> Self;

    /// The value, to be copied into a store.
    fn to_value(&self) -> Value<'_>;

    /// Finds and declares the field whose slot this is.
    #[doc(hidden)]
    fn resolve(binder: &Binder<'_, '_>, slot: &SlotRef) -> Result<Self::Place>;

    /// Verifies the memory of the field, which is held; exclusively, if it is to be lent for changing.
    #[doc(hidden)]
    fn check(place: &Self::Place, lender: Lender<'_>, exclusive: bool) -> Result<()>;

    /// Copies the field out.
    #[doc(hidden)]
    fn load(place: &Self::Place, lender: Lender<'_>) -> Result<Self>;

    /// Lends what was lent again, for a shorter time.
    #[doc(hidden)]
    fn reborrow<'a, 's: 'a>(lent: &'a mut Self::Mut<'s>) -> Self::Mut<'a>;

    /// Lends the field for reading.
    ///
    /// # Safety
    ///
    /// `check` succeeded under a lock that lasts for `'s`.
    #[doc(hidden)]
    unsafe fn lend<'s>(place: &Self::Place, lender: Lender<'s>) -> Self::Ref<'s>;

    /// Lends the field for changing.
    ///
    /// # Safety
    ///
    /// `check` succeeded under an exclusive lock that lasts for `'s`, in which the field is not lent again.
    #[doc(hidden)]
    unsafe fn lend_mut<'s>(place: &Self::Place, lender: Lender<'s>) -> Self::Mut<'s>;
}

/// A slot, opaque to generated code.
#[doc(hidden)]
#[repr(transparent)]
pub struct SlotRef(Slot);

/// One binding in the making: an operation under the lock of the struct that is bound.
#[doc(hidden)]
pub struct Binder<'o, 'a> {
    operation: &'o Operation<'a>,
    /// What the binding will lend: memory, by offset, that must not overlap. In a sound store it cannot; but what a
    /// damaged one says becomes `&mut`.
    lent: RefCell<Vec<Range<u64>>>,
}

impl Binder<'_, '_> {
    /// The struct that a slot names, with room for so many fields.
    pub fn enter(&self, slot: &SlotRef, fields: usize) -> Result<BoundNode> {
        let raw = Raw::load(&slot.0);
        let found = raw.kind()?;
        if found != Kind::Struct {
            return Err(wrong_kind(found, Kind::Struct.name()).into());
        }
        let (id, _) = node::resolve(self.operation.arena(), raw)?;
        self.enter_node(id, fields)
    }

    fn enter_node(&self, id: NodeId, fields: usize) -> Result<BoundNode> {
        let node = self.operation.arena().node(id.index)?;
        self.lend(node, size_of::<Node>() as u64);
        node::fix(self.operation, node)?;
        Writer { operation: self.operation, aside: false }.reserve(node, fields as u64)?;
        Ok(BoundNode { id, record: node })
    }

    /// Remembers that memory will be lent.
    fn lend<T>(&self, start: *const T, length: u64) {
        let start = start as u64;
        self.lent.borrow_mut().push(start..start + length);
    }

    /// Fails if any memory would be lent twice.
    fn check_disjoint(self) -> Result<()> {
        let mut lent = self.lent.into_inner();
        lent.sort_by_key(|range| range.start);
        match lent.windows(2).find(|pair| pair[0].end > pair[1].start) {
            Some(_) => Err(Error::corrupt(
                "a bound struct",
                "fields that share memory",
                "memory of its own for each",
            )
            .into()),
            None => Ok(()),
        }
    }

    /// Finds a field or creates it, declares it, and resolves it as a `T`.
    pub fn field<T: Field>(
        &self,
        node: &BoundNode,
        key: Key<'_>,
        default: impl FnOnce() -> T,
    ) -> Result<T::Place> {
        self.find_or_create(node, &key, default).map_err(|error| error.under(key.name()))
    }

    fn find_or_create<T: Field>(
        &self,
        node: &BoundNode,
        key: &Key<'_>,
        default: impl FnOnce() -> T,
    ) -> Result<T::Place> {
        let arena = self.operation.arena();
        let found = match structure::find(arena, node.record(), key)? {
            Some(found) => found,
            None => {
                let default = default();
                let value = default.to_value();
                value.check_depth(node::depth_of(arena, node.id.index)?)?;
                let raw = node::build(self.operation, &value, node.id.index)?;
                Writer { operation: self.operation, aside: false }.insert(node.record(), key, raw)?
            }
        };
        let slot = &found.field.slot;
        self.lend(slot, size_of::<Slot>() as u64);
        // SAFETY: repr(transparent).
        let place = T::resolve(self, unsafe { &*ptr::from_ref(slot).cast::<SlotRef>() })?;
        node::declare(self.operation, slot)?;
        Ok(place)
    }
}

/// A struct of the store that is being bound or was bound.
#[doc(hidden)]
pub struct BoundNode {
    id: NodeId,
    record: *const Node,
}

// SAFETY: the record lies in the mapping of the store that the binding keeps, and consists of atomics.
unsafe impl Send for BoundNode {}
// SAFETY: as above.
unsafe impl Sync for BoundNode {}

impl BoundNode {
    fn record(&self) -> &Node {
        // SAFETY: from a checked reference into the mapping that the binding keeps; records never move.
        unsafe { &*self.record }
    }

    /// Fails if the node is no longer what it was, which takes a damaged segment while its parent is held.
    #[inline]
    pub fn check(&self) -> Result<()> {
        let identity = self.record().head.identity.load(Ordering::Acquire);
        if crate::lock::generation(identity) == self.id.generation {
            Ok(())
        } else {
            Err(Error::stale().into())
        }
    }
}

/// The store whose memory a guard lends.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct Lender<'s> {
    store: &'s Arc<Store>,
}

impl<'s> Lender<'s> {
    fn arena(self) -> &'s Arc<Arena> {
        &self.store.arena
    }
}

/// The slot of a scalar.
#[doc(hidden)]
pub struct ScalarPlace {
    slot: *const Slot,
}

// SAFETY: the slot lies in the mapping of the store that the binding keeps, and consists of atomics.
unsafe impl Send for ScalarPlace {}
// SAFETY: as above.
unsafe impl Sync for ScalarPlace {}

impl ScalarPlace {
    #[inline]
    fn slot(&self) -> &Slot {
        // SAFETY: declared, so that it stays for as long as the bound struct, which `check` has looked at; and
        // the mapping stays in any case.
        unsafe { &*self.slot }
    }
}

macro_rules! scalar_fields {
    ($($type:ty),*) => {$(
        impl Field for $type {
            type Ref<'s> = &'s $type;
            type Mut<'s> = &'s mut $type;
            type Place = ScalarPlace;

            fn initial() -> $type {
                <$type>::default()
            }

            fn to_value(&self) -> Value<'_> {
                self.into()
            }

            fn resolve(_: &Binder<'_, '_>, slot: &SlotRef) -> Result<ScalarPlace> {
                lend_scalar::<$type>(&slot.0)?;
                Ok(ScalarPlace { slot: &slot.0 })
            }

            #[inline]
            fn check(place: &ScalarPlace, _: Lender<'_>, _: bool) -> Result<()> {
                Ok(lend_scalar::<$type>(place.slot()).map(drop)?)
            }

            #[inline]
            fn load(place: &ScalarPlace, _: Lender<'_>) -> Result<$type> {
                let value = lend_scalar::<$type>(place.slot())?;
                // SAFETY: a valid value (checked) that nobody changes while it is held.
                Ok(unsafe { value.read() })
            }

            #[inline]
            fn reborrow<'a, 's: 'a>(lent: &'a mut &'s mut $type) -> &'a mut $type {
                lent
            }

            #[inline]
            unsafe fn lend<'s>(place: &ScalarPlace, _: Lender<'s>) -> &'s $type {
                // SAFETY: valid (checked by the caller), aligned to 8 bytes, unchanged for 's.
                unsafe { &*place.slot().payload.as_ptr().cast::<$type>() }
            }

            #[inline]
            unsafe fn lend_mut<'s>(place: &ScalarPlace, _: Lender<'s>) -> &'s mut $type {
                // SAFETY: valid (checked by the caller), aligned to 8 bytes, this caller's alone for 's.
                unsafe { &mut *place.slot().payload.as_ptr().cast::<$type>() }
            }
        }
    )*};
}
scalar_fields!(bool, i8, i16, i32, i64, u8, u16, u32, u64, f32, f64);

/// A node that a declared slot names.
fn bound_node(binder: &Binder<'_, '_>, slot: &SlotRef, kind: Kind) -> Result<BoundNode> {
    let raw = Raw::load(&slot.0);
    let found = raw.kind()?;
    if found != kind {
        return Err(wrong_kind(found, kind.name()).into());
    }
    let (id, record) = node::resolve(binder.operation.arena(), raw)?;
    binder.lend(record, size_of::<Node>() as u64);
    Ok(BoundNode { id, record })
}

impl Field for String {
    type Ref<'s> = TextRef<'s>;
    type Mut<'s> = TextMut<'s>;
    type Place = BoundNode;

    fn initial() -> String {
        String::new()
    }

    fn to_value(&self) -> Value<'_> {
        self.into()
    }

    fn resolve(binder: &Binder<'_, '_>, slot: &SlotRef) -> Result<BoundNode> {
        bound_node(binder, slot, Kind::Text)
    }

    fn check(place: &BoundNode, _: Lender<'_>, _: bool) -> Result<()> {
        place.check()
    }

    fn load(place: &BoundNode, lender: Lender<'_>) -> Result<String> {
        place.check()?;
        Ok(node::read_text_node(lender.arena(), place.record())?)
    }

    fn reborrow<'a, 's: 'a>(lent: &'a mut TextMut<'s>) -> TextMut<'a> {
        lent.reborrow()
    }

    unsafe fn lend<'s>(place: &BoundNode, lender: Lender<'s>) -> TextRef<'s> {
        // SAFETY: the record lies in the mapping that the lender keeps.
        TextRef::new(lender.arena(), unsafe { &*place.record })
    }

    unsafe fn lend_mut<'s>(place: &BoundNode, lender: Lender<'s>) -> TextMut<'s> {
        TextMut::new(Access::lend(lender.store, place.id, place.record))
    }
}

/// An array of fixed shape, and where its elements were when it was last checked.
#[doc(hidden)]
pub struct ArrayPlace<A> {
    node: BoundNode,
    data: AtomicPtr<A>,
}

impl<A: FixedArray> ArrayPlace<A> {
    /// Finds the elements. Under the lock that the caller has, they stay where they are.
    fn locate(&self, arena: &Arena) -> Result<*mut A> {
        self.node.check()?;
        let block = self.node.record().body[BLOCK].load(Ordering::Relaxed);
        let header = ArrayBlock::read(arena, block)?;
        expect_fixed::<A>(&header)?;
        Ok(arena.bytes(block + header.data, header.bytes)?.cast())
    }
}

fn expect_fixed<A: FixedArray>(header: &ArrayBlock) -> Result<()> {
    let expected = DType::of::<A::Element>();
    if header.dtype == expected && header.shape == A::SHAPE {
        return Ok(());
    }
    Err(Error::WrongType {
        path: String::new(),
        found: format!("an array of {} with shape {:?}", header.dtype, header.shape).into(),
        expected: format!("an array of {expected} with shape {:?}", A::SHAPE).into(),
    })
}

fn array_value<A: FixedArray>(array: &A) -> Value<'_> {
    let count = A::SHAPE.iter().product::<usize>();
    // SAFETY: a dense array of that many elements (`FixedArray`).
    let elements = unsafe { std::slice::from_raw_parts(ptr::from_ref(array).cast::<A::Element>(), count) };
    // The shape is that of the type, so that this cannot fail.
    ArrayValue::from_slice(A::SHAPE, elements).map_or(Value::Null, Value::Array)
}

macro_rules! array_fields {
    ($(($type:ty, $($extent:ident),+)),*) => {$(
        impl<T: crate::value::Element + Default, $(const $extent: usize),+> Field for $type {
            type Ref<'s> = &'s $type;
            type Mut<'s> = &'s mut $type;
            type Place = ArrayPlace<$type>;

            fn initial() -> $type {
                // SAFETY: any bytes are elements (`Element`), so zeroes are.
                unsafe { std::mem::zeroed() }
            }

            fn to_value(&self) -> Value<'_> {
                array_value(self)
            }

            fn resolve(binder: &Binder<'_, '_>, slot: &SlotRef) -> Result<Self::Place> {
                let node = bound_node(binder, slot, Kind::Array)?;
                let place = ArrayPlace { node, data: AtomicPtr::new(ptr::null_mut()) };
                let data = place.locate(binder.operation.arena())?;
                binder.lend(data, size_of::<$type>() as u64);
                node::fix(binder.operation, place.node.record())?;
                Ok(place)
            }

            fn check(place: &Self::Place, lender: Lender<'_>, exclusive: bool) -> Result<()> {
                place.node.check()?;
                let block = place.node.record().body[BLOCK].load(Ordering::Relaxed);
                if exclusive {
                    unshare(lender.arena(), place.node.id.index, place.node.record())?;
                } else if lease_count(lender.arena(), block)?.load(Ordering::Acquire) != 0 {
                    return Err(Error::Leased { path: String::new() });
                }
                place.data.store(place.locate(lender.arena())?, LocalOrdering::Relaxed);
                Ok(())
            }

            fn load(place: &Self::Place, lender: Lender<'_>) -> Result<Self> {
                let data = place.locate(lender.arena())?;
                // SAFETY: in bounds and aligned (checked); any bytes are elements.
                Ok(unsafe { data.read() })
            }

            fn reborrow<'a, 's: 'a>(lent: &'a mut &'s mut $type) -> &'a mut $type {
                lent
            }

            unsafe fn lend<'s>(place: &Self::Place, _: Lender<'s>) -> &'s $type {
                // SAFETY: the caller's check found it under the lock that it has, and no view shares it.
                unsafe { &*place.data.load(LocalOrdering::Relaxed) }
            }

            unsafe fn lend_mut<'s>(place: &Self::Place, _: Lender<'s>) -> &'s mut $type {
                // SAFETY: as above, and it is this caller's alone for 's.
                unsafe { &mut *place.data.load(LocalOrdering::Relaxed) }
            }
        }
    )*};
}
array_fields!(([T; N], N), ([[T; M]; N], N, M), ([[[T; L]; M]; N], N, M, L));

/// A Rust struct's fields bound to a struct in a store, local or shared; made by [`Struct::bind`].
///
/// ```
/// use structstore::StructStore;
///
/// #[derive(StructStore)]
/// struct Settings {
///     #[structstore(default = 5)]
///     num: i32,
///     #[structstore(default = "foo")]
///     name: String,
///     gains: [f64; 3],
/// }
///
/// let store = StructStore::new();
/// let settings = store.bind::<Settings>()?;
/// let mut guard = settings.write()?;
/// let fields = guard.fields_mut();
/// *fields.num += 1;
/// fields.gains[2] = 0.5;
/// drop(guard);
/// assert_eq!(store.get::<i32>("num")?, 6);
///
/// // The store keeps what was declared.
/// assert!(store.remove("num").is_err());
/// assert!(store.set("num", "six").is_err());
/// # Ok::<(), structstore::Error>(())
/// ```
pub struct Binding<T: Field> {
    handle: Handle,
    place: T::Place,
    bound: PhantomData<fn() -> T>,
}

impl Struct {
    /// Binds a Rust struct's fields to this struct: creates those that are missing with their defaults, keeps the
    /// values of those that are there, and declares all of them. In one operation: all or, after an error, nothing.
    ///
    /// # Errors
    ///
    /// [`Error::WrongType`] if a field is there with another type than the struct's.
    pub fn bind<T: Field>(&self) -> Result<Binding<T>> {
        let handle = &self.handle;
        let slot = Raw::node(Kind::Struct, handle.id());
        let slot = SlotRef(Slot { tag: AtomicU64::new(slot.tag), payload: AtomicU64::new(slot.payload) });
        let place = handle
            .change(Mode::Tree, &Wait::FOREVER, |operation| {
                let binder = Binder { operation, lent: RefCell::default() };
                let place = T::resolve(&binder, &slot)?;
                binder.check_disjoint()?;
                Ok(place)
            })
            .map_err(|error| handle.locate(error))?;
        Ok(Binding { handle: handle.clone(), place, bound: PhantomData })
    }
}

impl<T: Field> Binding<T> {
    fn lender(&self) -> Lender<'_> {
        Lender { store: self.handle.store() }
    }

    #[inline(always)]
    fn lock(&self, mode: Mode, wait: &Wait) -> Result<Held> {
        let store = self.handle.store();
        acquire(&store.arena, &self.handle.record().head, self.handle.id(), mode, wait, false)
            .map_err(|error| self.handle.locate(error))
    }

    #[inline(always)]
    fn guard(&self, mode: Mode, wait: &Wait) -> Result<Held> {
        let held = self.lock(mode, wait)?;
        match T::check(&self.place, self.lender(), mode == Mode::Tree) {
            Ok(()) => Ok(held),
            Err(error) => {
                held.release(self.handle.arena());
                Err(self.handle.locate(error))
            }
        }
    }

    /// Locks the struct for changing, for as long as the guard lives.
    ///
    /// # Errors
    ///
    /// As [`Struct::write`]; [`Error::Corrupt`] if a field's memory is damaged.
    #[inline]
    pub fn write(&self) -> Result<BindingMut<'_, T>> {
        let held = self.guard(Mode::Tree, &Wait::FOREVER)?;
        Ok(BindingMut { binding: self, held, asked: Cell::new(false), not_send: PhantomData })
    }

    /// As [`Binding::write`], but waits for at most `timeout`.
    ///
    /// # Errors
    ///
    /// In addition, [`Error::LockTimeout`].
    pub fn write_timeout(&self, timeout: Duration) -> Result<BindingMut<'_, T>> {
        let held = self.guard(Mode::Tree, &at_most(Some(timeout)))?;
        Ok(BindingMut { binding: self, held, asked: Cell::new(false), not_send: PhantomData })
    }

    /// As [`Binding::write`], without waiting.
    ///
    /// # Errors
    ///
    /// In addition, [`Error::LockTimeout`].
    pub fn try_write(&self) -> Result<BindingMut<'_, T>> {
        self.write_timeout(Duration::ZERO)
    }

    /// Locks the struct against changes, for as long as the guard lives.
    ///
    /// Where views of an array among the fields exist, the array is first given a block of its own, for through a
    /// view it might change at any time.
    ///
    /// # Errors
    ///
    /// As [`Binding::write`].
    #[inline]
    pub fn read(&self) -> Result<BindingRef<'_, T>> {
        self.shared(&Wait::FOREVER)
    }

    /// As [`Binding::read`], but waits for at most `timeout`.
    ///
    /// # Errors
    ///
    /// In addition, [`Error::LockTimeout`].
    pub fn read_timeout(&self, timeout: Duration) -> Result<BindingRef<'_, T>> {
        self.shared(&at_most(Some(timeout)))
    }

    /// As [`Binding::read`], without waiting.
    ///
    /// # Errors
    ///
    /// In addition, [`Error::LockTimeout`].
    pub fn try_read(&self) -> Result<BindingRef<'_, T>> {
        self.read_timeout(Duration::ZERO)
    }

    fn shared(&self, wait: &Wait) -> Result<BindingRef<'_, T>> {
        loop {
            match self.guard(Mode::Shared, wait) {
                Ok(held) => {
                    return Ok(BindingRef { binding: self, held, not_send: PhantomData });
                }
                Err(Error::Leased { .. }) => {
                    // Checking exclusively takes the arrays away from their views.
                    self.guard(Mode::Tree, wait)?.release(self.handle.arena());
                    wait.check()?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Runs a closure on the fields, which are held exclusively meanwhile.
    ///
    /// # Errors
    ///
    /// As [`Binding::write`].
    pub fn with_mut<R>(&self, change: impl FnOnce(T::Mut<'_>) -> R) -> Result<R> {
        Ok(change(self.write()?.fields_mut()))
    }

    /// Runs a closure on the fields, which nobody changes meanwhile.
    ///
    /// # Errors
    ///
    /// As [`Binding::read`].
    pub fn with<R>(&self, read: impl FnOnce(T::Ref<'_>) -> R) -> Result<R> {
        Ok(read(self.read()?.fields()))
    }

    /// A copy of all fields, as of one moment.
    ///
    /// # Errors
    ///
    /// As [`Binding::read`].
    pub fn load(&self) -> Result<T> {
        let held = self.lock(Mode::Shared, &Wait::FOREVER)?;
        let loaded = T::load(&self.place, self.lender());
        held.release(self.handle.arena());
        loaded.map_err(|error| self.handle.locate(error))
    }

    /// Assigns all fields, at once for all readers.
    ///
    /// # Errors
    ///
    /// As [`Binding::write`], and [`Error::OutOfSpace`]. Nothing is changed then.
    pub fn store(&self, value: &T) -> Result<()> {
        let value = value.to_value();
        let Value::Struct(fields) = &value else {
            return Err(wrong_kind(value.kind(), Kind::Struct.name()).into());
        };
        let held = self.lock(Mode::Tree, &Wait::FOREVER)?;
        let stored = operate(self.handle.arena(), self.handle.id().index, |operation| {
            let fields = fields.iter().map(|(name, value)| (name.as_ref(), value));
            node::merge(operation, self.handle.id().index, fields)
        });
        held.release(self.handle.arena());
        stored.map_err(|error| self.handle.locate(error))
    }

    /// Assigns all fields their defaults.
    ///
    /// # Errors
    ///
    /// As [`Binding::store`].
    pub fn reset(&self) -> Result<()> {
        self.store(&T::initial())
    }
}

/// A bound struct that is held exclusively.
pub struct BindingMut<'b, T: Field> {
    binding: &'b Binding<T>,
    held: Held,
    asked: Cell<bool>,
    not_send: PhantomData<*mut ()>,
}

impl<T: Field> BindingMut<'_, T> {
    /// The fields, as references into the store, for as long as the guard is borrowed.
    #[inline]
    pub fn fields_mut(&mut self) -> T::Mut<'_> {
        // SAFETY: checked when the lock was taken, which lasts for as long as self; `&mut self` keeps the fields
        // from being lent twice.
        unsafe { T::lend_mut(&self.binding.place, self.binding.lender()) }
    }

    /// The fields for reading, for as long as the guard is borrowed.
    #[inline]
    pub fn fields(&self) -> T::Ref<'_> {
        // SAFETY: as above; `&self` excludes `fields_mut`.
        unsafe { T::lend(&self.binding.place, self.binding.lender()) }
    }
}

impl<T: Field> BindingMut<'_, T> {
    /// Whether a process died that held this exclusively; see [`StructMut::recovered`](crate::StructMut::recovered).
    pub fn recovered(&self) -> bool {
        self.held.recovered(self.binding.handle.arena(), &self.asked)
    }
}

impl<T: Field> Drop for BindingMut<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.held.release_asked(self.binding.handle.arena(), &self.asked);
    }
}

/// A bound struct that is held for reading.
pub struct BindingRef<'b, T: Field> {
    binding: &'b Binding<T>,
    held: Held,
    not_send: PhantomData<*mut ()>,
}

impl<T: Field> BindingRef<'_, T> {
    /// The fields, as references into the store, for as long as the guard is borrowed.
    #[inline]
    pub fn fields(&self) -> T::Ref<'_> {
        // SAFETY: checked when the lock was taken, which lasts for as long as self.
        unsafe { T::lend(&self.binding.place, self.binding.lender()) }
    }
}

impl<T: Field> BindingRef<'_, T> {
    /// Whether a process died that held this exclusively; see [`StructMut::recovered`](crate::StructMut::recovered).
    pub fn recovered(&self) -> bool {
        self.held.recovered(self.binding.handle.arena(), &Cell::new(false))
    }
}

impl<T: Field> Drop for BindingRef<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.held.release(self.binding.handle.arena());
    }
}
