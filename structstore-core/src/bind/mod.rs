//! Typed bindings: a Rust struct's fields as references into a store.
//!
//! Binding resolves names and types once: it creates what is missing, checks what is there, declares the fields, so
//! that no process removes or retypes them, and remembers where each is. A guard then only takes the lock and looks
//! whether the memory still makes sense. Parts that come and go (optional values, items, entries) are resolved when
//! they are used.
//!
//! Invariants: a declared field's slot and, for structs, lists, strings and arrays, its node stay what and where they are
//! for as long as the bound struct's node lives, which each guard checks first; a guard lends references for no longer
//! than it is borrowed.

mod array;
mod binder;
mod binding;
mod checked;
mod choice;
mod dynamic;
pub(crate) mod evolve;
mod list;
mod live;
mod map;
#[cfg(feature = "ndarray")]
mod ndarray;
mod option;
mod pack;
mod scalar;
mod schema;
mod text;

pub use array::{NdArray, TypedArrayMut, TypedArrayRef};
pub use binder::{Assignment, Binder, BoundNode, Lender, SlotRef};
pub use binding::{Binding, BindingMut, BindingRef};
pub use checked::{Checked, CheckedArray, Elements, Limit, Limited};
pub use choice::{Choice, ChoiceMut, ChoicePlace, ChoiceRef};
pub use evolve::Created;
pub use list::{AsList, TypedListMut, TypedListRef};
pub use live::Live;
pub use map::{TypedMapMut, TypedMapRef};
pub use option::OptionMut;
pub use pack::{Packer, SampleType, Unpacker, packed_struct};
pub use schema::{FieldSchema, Schema};
pub use text::ByteBuf;

use crate::error::{Error, ErrorKind, Result};
use crate::handle::StructMut;
use crate::ops::{Get, Slot};
use crate::value::{Kind, Meta, TypeVersion, Value, wrong_kind};

/// A type that can be a field of a bound struct. Derive it with `#[derive(StructStore)]`; the methods are for generated
/// code.
///
/// | type | stored as | lent for reading | lent for changing |
/// |---|---|---|---|
/// | numbers, `bool` | the scalar of that type | `&T` | `&mut T` |
/// | `String` | string | [`StrRef`](crate::guard::StrRef) | [`StrMut`](crate::guard::StrMut) |
/// | [`ByteBuf`], `Vec<u8>` with [`bytes`](crate::bytes) | bytes | [`BytesRef`](crate::guard::BytesRef) | [`BytesMut`](crate::guard::BytesMut) |
/// | `[T; N]` of numbers, up to three deep | array of that shape | `&[T; N]` | `&mut [T; N]` |
/// | the same with `#[structstore(live)]`, [`Live<[T; N]>`](Live) | live array of that shape | `&[ElementCell<T>; N]` | the same |
/// | `Vec<T>` of numbers | array of one dimension, of any length | [`TypedArrayRef`] | [`TypedArrayMut`] |
/// | [`NdArray<T, D>`](NdArray), `ndarray::Array` | array of `D` dimensions | [`TypedArrayRef`] | [`TypedArrayMut`] |
/// | `Vec<T>` of anything else | list | [`TypedListRef`] | [`TypedListMut`] |
/// | `BTreeMap<String, T>`, `HashMap<String, T>` | struct | [`TypedMapRef`] | [`TypedMapMut`] |
/// | `Option<T>` | as `T`, or null | `Option` of the type that `T` lends | [`OptionMut`] |
/// | `Box<T>` | as `T` | as `T` | as `T` |
/// | a struct with the derive | struct | its companion `…Ref` | its companion `…Mut` |
/// | an enum with the derive | its variant's name, as a string | [`ChoiceRef`] | [`ChoiceMut`] |
/// | [`List`](crate::List) | list of anything | [`ListRef`](crate::guard::ListRef) | [`ListMut`](crate::guard::ListMut) |
/// | [`Struct`](crate::Struct) | struct of anything | [`StructRef`](crate::guard::StructRef) | [`StructMut`](crate::guard::StructMut) |
///
/// A type of another crate is stored as one of these by `#[structstore(with = "module")]`; see the derive macro.
///
/// ```
/// use std::collections::BTreeMap;
/// use structstore::StructStore;
///
/// #[derive(StructStore)]
/// struct Camera {
///     name: String,
///     exposure: f64,
/// }
///
/// #[derive(StructStore)]
/// struct Rig {
///     trail: Vec<f32>,
///     limit: Option<f64>,
///     cameras: Vec<Camera>,
///     offsets: BTreeMap<String, [f64; 3]>,
/// }
///
/// let store = StructStore::new();
/// let rig = store.bind::<Rig>()?;
/// rig.with_mut(|mut rig| {
///     rig.trail.push(0.5)?;
///     rig.limit.set(Some(1.5))?;
///     rig.cameras.push(&Camera { name: "left".into(), exposure: 0.01 })?;
///     rig.offsets.insert("left", &[0.0, 0.1, 0.0])
/// })?;
/// assert_eq!(store.ensure_list("cameras")?.get::<structstore::Struct>(0)?.get::<f64>("exposure")?, 0.01);
/// # Ok::<(), structstore::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field of a bound struct",
    label = "not a type that a store can hold",
    note = "add `#[derive(StructStore)]` to `{Self}`, say how to store it with `#[structstore(with = \"module\")]`, or leave the field out with `#[structstore(skip)]`"
)]
pub trait Field: Sized + 'static {
    /// What a read guard lends: `&'s T` for scalars and arrays, the companion for structs.
    type Ref<'s>;
    /// What a write guard lends: `&'s mut T` for scalars and arrays, the companion for structs.
    type Mut<'s>;
    /// Where the field is, once it is resolved.
    #[doc(hidden)]
    type Place;
    /// How a `Vec` of these is stored.
    #[doc(hidden)]
    type Repeated: list::Repeated<Self>;
    /// The kind that its slot holds.
    #[doc(hidden)]
    const KIND: Kind;
    /// Whether its slot may hold null as well.
    #[doc(hidden)]
    const OPTIONAL: bool = false;
    /// Whether the value lies in its slot, as opposed to a node of its own.
    #[doc(hidden)]
    const IN_SLOT: bool = false;
    /// Whether it is a struct all of whose fields lie in their slots: then it can be loaded without a lock.
    #[doc(hidden)]
    const SLOTS_ONLY: bool = false;
    /// Whether it is a struct with fields that have limits, which parts that come and go declare when they come.
    #[doc(hidden)]
    const LIMITED: bool = false;
    /// The version of a struct's type, if it has one.
    #[doc(hidden)]
    const VERSION: Option<TypeVersion> = None;
    /// Whether the type says how to make a struct of an earlier version one of this version.
    #[doc(hidden)]
    const MIGRATES: bool = false;

    /// Makes a struct of an earlier version of the type one of this version. From 0, if it has fields and records no version of the type.
    #[doc(hidden)]
    fn migrate(from: u32, fields: &mut StructMut<'_>) -> Result<()> {
        let _ = (from, fields);
        Ok(())
    }

    /// The value that a field gets when it is created and no default is given.
    fn initial() -> Self;

    /// What the type stores, with the descriptions of its fields.
    fn schema() -> Schema;

    /// Whether the type gives every field of it metadata.
    #[doc(hidden)]
    const TELLS: bool = false;

    /// The metadata that the type gives every field of it.
    #[doc(hidden)]
    fn meta() -> Meta {
        Meta::new()
    }

    /// As [`ToValue::to_value`](crate::traits::ToValue::to_value). Not by that trait, so that the compiler has one thing to say of a type that is no field.
    #[doc(hidden)]
    fn field_value(&self) -> Result<Value<'_>>;

    /// The value as this type. Numbers convert without loss, as [`Struct::get`](crate::Struct::get) converts them; a list of numbers counts
    /// as an array; a struct may have more fields than it needs.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::WrongType`], [`ErrorKind::OutOfRange`], and [`ErrorKind::NotFound`] for a missing field, with the path of the value
    /// that does not fit.
    ///
    /// ```
    /// use structstore::traits::Field;
    /// use structstore::{StructStore, Value};
    ///
    /// #[derive(StructStore)]
    /// struct Pose {
    ///     x: f64,
    ///     trail: Vec<f32>,
    /// }
    ///
    /// let value = Value::record([("x", Value::from(5)), ("trail", Value::list([1, 2]))]);
    /// let pose = Pose::from_value(value)?;
    /// assert_eq!((pose.x, pose.trail), (5.0, vec![1.0, 2.0]));
    ///
    /// let error = Pose::from_value(Value::record([("x", "five".into())])).err().unwrap();
    /// assert_eq!(error.to_string(), "x: found str, expected f64");
    /// # Ok::<(), structstore::Error>(())
    /// ```
    fn from_value(value: Value<'_>) -> Result<Self>;

    /// Reads a slot as this type.
    #[doc(hidden)]
    fn get(slot: Slot<'_>) -> Result<Self> {
        match Self::from_value(Get::get(slot)?) {
            Err(error) if error.lacks_fields() => evolve::get_renamed(slot, error),
            other => other,
        }
    }

    /// What a slot holds, if that is of just this type.
    #[doc(hidden)]
    #[inline(always)]
    fn exactly(slot: Slot<'_>) -> Option<Self> {
        let _ = slot;
        None
    }

    /// How a sample of a stream stores the field, if it has a fixed size.
    #[doc(hidden)]
    fn sample_type() -> Result<SampleType> {
        Err(pack::variable::<Self>())
    }

    /// Writes the field into a sample of a stream.
    #[doc(hidden)]
    fn pack(&self, to: &mut Packer<'_>) {
        let _ = to;
    }

    /// Reads the field from a sample of a stream.
    #[doc(hidden)]
    fn unpack(from: &mut Unpacker<'_>) -> Result<Self> {
        let _ = from;
        Err(pack::variable::<Self>())
    }

    /// Finds and declares the field whose slot this is.
    #[doc(hidden)]
    fn resolve(binder: &Binder<'_, '_>, slot: SlotRef<'_>) -> Result<Self::Place>;

    /// Verifies the memory of the field, which is held; exclusively, if it is to be lent for changing.
    #[doc(hidden)]
    fn check(place: &Self::Place, lender: Lender<'_>, exclusive: bool) -> Result<()>;

    /// Takes note of what is lent as plain memory, so that a transaction can restore it.
    #[doc(hidden)]
    fn log(place: &Self::Place, binder: &Binder<'_, '_>) -> Result<()> {
        let _ = (place, binder);
        Ok(())
    }

    /// Whether [`Field::put`] assigns to the field.
    #[doc(hidden)]
    const IN_PLACE: bool = false;

    /// Assigns to the field where it is, in an operation on the bound struct. An error where that is impossible, or the value does
    /// not fit: then the operation is undone, and an assignment by name says what is wrong.
    #[doc(hidden)]
    fn put(place: &Self::Place, to: &Assignment<'_, '_>, value: &Self) -> Result<()> {
        let _ = (place, to, value);
        Err(Error::stale())
    }

    /// Copies the field out.
    #[doc(hidden)]
    fn load(place: &Self::Place, lender: Lender<'_>) -> Result<Self>;

    /// Copies the field to `to`. Unlike [`Field::load`], this does not move a large value through a `Result`. After an error, `to` is
    /// uninitialised, and nothing in it has to be dropped.
    ///
    /// # Safety
    ///
    /// `to` must be aligned and valid for writing one value. It may be read only after this has succeeded.
    #[doc(hidden)]
    #[inline]
    unsafe fn load_to(place: &Self::Place, lender: Lender<'_>, to: *mut Self) -> Result<()> {
        let loaded = Self::load(place, lender)?;
        // SAFETY: the caller's promise.
        unsafe { to.write(loaded) };
        Ok(())
    }

    /// Assigns to what is lent for changing.
    #[doc(hidden)]
    fn assign(lent: &mut Self::Mut<'_>, value: &Self) -> Result<()>;

    /// Lends again what was lent, for a shorter time.
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

/// A struct with `#[derive(StructStore)]`, whose fields can also be laid into another one with `#[structstore(flatten)]`.
///
/// ```
/// use structstore::{Binding, Result, Struct, StructStore};
/// use structstore::traits::Fields;
///
/// fn open<T: Fields>(store: &Struct, part: &str) -> Result<Binding<T>> {
///     store.ensure_struct(part)?.bind()
/// }
///
/// #[derive(StructStore)]
/// struct Limits {
///     low: f64,
/// }
///
/// #[derive(StructStore)]
/// struct Arm {
///     #[structstore(flatten)]
///     limits: Limits,
///     speed: f64,
/// }
///
/// let store = StructStore::new();
/// open::<Arm>(&store, "arm")?;
/// assert_eq!(store.to_string(), r#"{"arm": {"low": 0.0, "speed": 0.0}}"#);
/// # Ok::<(), structstore::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a struct with `#[derive(StructStore)]`",
    label = "only such a struct can be bound, or flattened into another one"
)]
pub trait Fields: Field {
    /// The names of its fields in the store.
    #[doc(hidden)]
    const NAMES: &'static Names;

    /// Finds and declares the fields in a struct that may have others.
    #[doc(hidden)]
    fn resolve_in(binder: &Binder<'_, '_>, node: &BoundNode) -> Result<Self::Place>;
}

/// The value of a struct with these fields. A field without a name is flattened into it.
#[doc(hidden)]
pub fn struct_value<'a, const N: usize>(fields: [(&'static str, Result<Value<'a>>); N]) -> Result<Value<'a>> {
    let mut values = Vec::with_capacity(N);
    for (name, value) in fields {
        match (name, named(value, name)?) {
            ("", Value::Struct(flattened)) => values.extend(flattened),
            (_, value) => values.push((name.into(), value)),
        }
    }
    Ok(Value::Struct(values))
}

impl<T: Field> Get for T {
    const IN_SLOT: bool = <T as Field>::IN_SLOT;

    #[inline(always)]
    fn get(slot: Slot<'_>) -> Result<T> {
        <T as Field>::get(slot)
    }

    #[inline(always)]
    fn exactly(slot: Slot<'_>) -> Option<T> {
        <T as Field>::exactly(slot)
    }
}

/// The fields of a struct's value, to be taken out one by one.
#[doc(hidden)]
pub struct Fieldwise<'v>(Vec<(std::borrow::Cow<'v, str>, Value<'v>)>);

impl<'v> Fieldwise<'v> {
    /// Those of a value, which has to be a struct.
    pub fn of(value: Value<'v>) -> Result<Fieldwise<'v>> {
        match value {
            Value::Struct(fields) => Ok(Fieldwise(fields)),
            other => Err(wrong_kind(other.kind(), Kind::Struct.name())),
        }
    }

    /// Takes out the field of this name, or of another one that it may have.
    pub fn take(&mut self, name: &'static str, aliases: &[&'static str]) -> Result<Value<'v>> {
        let mut names = std::iter::once(&name).chain(aliases);
        let at = names.find_map(|name| self.0.iter().position(|(found, _)| found == name));
        let found = at.and_then(|at| self.0.get_mut(at)).map(|(_, value)| std::mem::take(value));
        found.ok_or_else(|| Error::new(ErrorKind::NotFound))
    }

    /// All fields, for a struct that is flattened into this one.
    pub fn flattened(&self) -> Result<Value<'_>> {
        Ok(Value::Struct(self.0.iter().map(|(name, value)| (name.as_ref().into(), value.into())).collect()))
    }
}

/// Name, metadata and type of a field.
type Described = (&'static str, Meta, fn() -> Schema);

/// The metadata of a field: its own, completed by that of its type.
#[doc(hidden)]
pub fn told(own: Meta, of_type: Meta) -> Meta {
    own.or(of_type)
}

/// The schema of a struct with these fields, and with the values that they are created with. A field without a name is flattened into it.
#[doc(hidden)]
pub fn struct_schema<const N: usize>(
    fields: [Described; N],
    initial: Result<Value<'_>>,
    version: Option<TypeVersion>,
) -> Schema {
    let mut all = Vec::with_capacity(fields.len());
    for (name, meta, schema) in fields {
        match (name, schema()) {
            ("", Schema::Struct { fields: flattened, .. }) => all.extend(flattened),
            (name, schema) => all.push(FieldSchema { name: name.into(), meta, schema }),
        }
    }
    if let Ok(Value::Struct(initial)) = initial {
        schema::set_defaults(&mut all, initial);
    }
    Schema::Struct { fields: all, versions: version.into_iter().collect() }
}

/// All that does not fit among the fields of a struct, as one error.
#[doc(hidden)]
#[cold]
pub fn misfits<const N: usize>(errors: [Option<Error>; N]) -> Error {
    Error::all(errors.into_iter().flatten()).unwrap_or_else(|| Error::new(ErrorKind::NotFound))
}

/// Says which field an error is about.
#[doc(hidden)]
#[inline]
pub fn named<T>(result: Result<T>, name: &'static str) -> Result<T> {
    match result {
        Ok(value) => Ok(value),
        Err(error) if name.is_empty() || error.is_located() => Err(error),
        Err(error) => Err(error.under(name)),
    }
}

/// The error for a stored value that `from_stored` of a `with` module refuses.
#[doc(hidden)]
#[cold]
pub fn rejected(reason: impl std::fmt::Display) -> Error {
    Error::rejected(reason)
}

/// The names of a struct's fields in the store.
#[doc(hidden)]
pub struct Names {
    pub own: &'static [&'static str],
    /// Those of the structs that are flattened into it.
    pub flattened: &'static [&'static Names],
}

impl Names {
    /// Whether no name occurs twice.
    pub const fn distinct(&self) -> bool {
        self.all_once_in(self)
    }

    const fn all_once_in(&self, whole: &Names) -> bool {
        let mut own = self.own;
        while let [name, rest @ ..] = own {
            if whole.count(name.as_bytes()) != 1 {
                return false;
            }
            own = rest;
        }
        let mut flattened = self.flattened;
        while let [names, rest @ ..] = flattened {
            if !names.all_once_in(whole) {
                return false;
            }
            flattened = rest;
        }
        true
    }

    const fn count(&self, name: &[u8]) -> usize {
        let (mut count, mut own) = (0_usize, self.own);
        while let [other, rest @ ..] = own {
            count = count.saturating_add(equal(other.as_bytes(), name) as usize);
            own = rest;
        }
        let mut flattened = self.flattened;
        while let [names, rest @ ..] = flattened {
            count = count.saturating_add(names.count(name));
            flattened = rest;
        }
        count
    }
}

const fn equal(mut a: &[u8], mut b: &[u8]) -> bool {
    while let ([first, rest @ ..], [other, others @ ..]) = (a, b) {
        if *first != *other {
            return false;
        }
        (a, b) = (rest, others);
    }
    a.is_empty() && b.is_empty()
}
