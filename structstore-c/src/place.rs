//! Places in a store: a field, an item, or what a path leads to; and the values there.

use std::ffi::{c_char, c_void};

use structstore::binding_support::{StructExt, hashed_key, kind_of_code};
use structstore::path::Path;
use structstore::traits::{Get, ToValue};
use structstore::{Error, Key, Kind, List, Meta, Result, Scalar, Struct, Value};

use crate::node::{Node, stst_node};
use crate::object::{Object, elements, not_null, text, write};
use crate::status::{status, stst_status};
use crate::strings::stst_strings;

/// How a place is addressed within its struct or list.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum stst_step {
    /// A field of a struct: `text` is its name, and `number` the hash of the name, or 0 to have it computed.
    STST_KEY = 0,
    /// An item of a list: `number` is its index.
    STST_INDEX = 1,
    /// The field, item or element at a path below a struct, such as `arm.gains[2]`: `text` is the path.
    STST_PATH = 2,
    /// After the last item of a list: assigning appends.
    STST_END = 3,
    /// Before the item at the index `number`: assigning inserts.
    STST_BEFORE = 4,
}

/// A place in a store.
#[repr(C)]
pub struct stst_place {
    /// The struct or list.
    pub node: *const stst_node,
    /// A name or path.
    pub text: *const c_char,
    /// The length of that.
    pub length: usize,
    /// A hash or an index.
    pub number: u64,
    /// One of `stst_step`.
    pub step: u32,
}

/// The kinds of values. The numbers are those of the segment's format.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum stst_kind {
    /// No value.
    STST_NULL = 1,
    /// bool
    STST_BOOL = 2,
    /// int8_t
    STST_I8 = 3,
    /// int16_t
    STST_I16 = 4,
    /// int32_t
    STST_I32 = 5,
    /// int64_t
    STST_I64 = 6,
    /// uint8_t
    STST_U8 = 7,
    /// uint16_t
    STST_U16 = 8,
    /// uint32_t
    STST_U32 = 9,
    /// uint64_t
    STST_U64 = 10,
    /// float
    STST_F32 = 11,
    /// double
    STST_F64 = 12,
    /// A string, in UTF-8.
    STST_STR = 16,
    /// Bytes.
    STST_BYTES = 17,
    /// Values in order.
    STST_LIST = 18,
    /// Named values.
    STST_STRUCT = 19,
    /// An array of numbers or records, in up to 32 dimensions.
    STST_ARRAY = 20,
    /// A stream of samples.
    STST_STREAM = 21,
}

/// A place that was looked at.
pub(crate) enum Place<'a> {
    Field(&'a Struct, Key<'a>),
    Path(&'a Struct, &'a str),
    Item(&'a List, usize),
    Before(&'a List, usize),
    End(&'a List),
}

impl<'a> Place<'a> {
    /// # Safety
    ///
    /// It is null, or leads to a place whose parts are as the crate says.
    #[inline]
    pub(crate) unsafe fn of(place: *const stst_place) -> Result<Place<'a>> {
        if place.is_null() {
            return Err(Error::invalid("place", "null", "a place"));
        }
        // SAFETY: the caller's promise.
        let place = unsafe { &*place };
        // SAFETY: the caller's promise.
        let node = unsafe { &stst_node::of(place.node)?.node };
        // SAFETY: the caller's promise.
        let path = || unsafe { text(place.text, place.length, "path") };
        let index = usize::try_from(place.number).unwrap_or(usize::MAX);
        Ok(match (node, place.step) {
            (Node::Struct(node), 0) => {
                // SAFETY: the caller's promise.
                let name = unsafe { elements(place.text.cast::<u8>(), place.length, "name")? };
                Place::Field(node, hashed_key(name, place.number)?)
            }
            (Node::Struct(node), 2) => Place::Path(node, path()?),
            (Node::List(node), 1) => Place::Item(node, index),
            (Node::List(node), 3) => Place::End(node),
            (Node::List(node), 4) => Place::Before(node, index),
            (Node::Struct(_), 1 | 3 | 4) => return Err(Error::wrong_type("struct", "list")),
            (Node::List(_), 0 | 2) => return Err(Error::wrong_type("list", "struct")),
            (_, other) => return Err(Error::invalid("step", other.to_string(), "one of stst_step")),
        })
    }

    #[inline]
    pub(crate) fn get<T: Get>(&self) -> Result<T> {
        match self {
            Place::Field(node, key) => node.get(*key),
            Place::Path(node, path) => node.get_at(path),
            Place::Item(node, index) => node.get(*index),
            Place::Before(..) | Place::End(_) => Err(between()),
        }
    }

    #[inline]
    pub(crate) fn set(&self, value: impl ToValue) -> Result<()> {
        match self {
            Place::Field(node, key) => node.set(*key, value),
            Place::Path(node, path) => node.set_at(path, value),
            Place::Item(node, index) => node.set(*index, value),
            Place::Before(node, index) => node.insert(*index, value),
            Place::End(node) => node.push(value),
        }
    }

    fn kind(&self) -> Result<Kind> {
        match self {
            Place::Field(node, key) => node.kind(*key),
            Place::Path(node, path) => node.look_at(path.parse::<Path>()?.steps())?.kind(),
            Place::Item(node, index) => node.kind(*index),
            Place::Before(..) | Place::End(_) => Err(between()),
        }
    }

    fn remove(&self) -> Result<()> {
        match self {
            Place::Field(node, key) => node.delete(*key),
            Place::Path(node, path) => node.remove_at(path).map(drop),
            Place::Item(node, index) => node.delete(*index),
            Place::Before(..) | Place::End(_) => Err(between()),
        }
    }

    /// The struct that a field is of, and its key.
    pub(crate) fn field(&self) -> Result<(&'a Struct, Key<'a>)> {
        match self {
            Place::Field(node, key) => Ok((node, *key)),
            _ => Err(Error::invalid("place", "an item or a path", "a field by its name")),
        }
    }

    fn ensure(&self, kind: Kind) -> Result<Node> {
        Ok(match (self, kind) {
            (Place::Field(node, key), Kind::Struct) => Node::Struct(node.ensure_struct(*key)?),
            (Place::Field(node, key), Kind::List) => Node::List(node.ensure_list(*key)?),
            (place, Kind::Struct) => Node::Struct(place.get()?),
            (place, _) => Node::List(place.get()?),
        })
    }
}

fn between() -> Error {
    Error::invalid("place", "one between items", "a field or an item")
}

fn kind_of(kind: u32) -> Result<Kind> {
    let known = u8::try_from(kind).ok().and_then(kind_of_code);
    known.ok_or_else(|| Error::invalid("kind", kind.to_string(), "one of stst_kind"))
}

/// Gets the kind of the value at a place, one of `stst_kind`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_get_kind(place: *const stst_place, kind: *mut u32) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe { write(kind, Place::of(place)?.kind()? as u32) })
}

/// Reads a bool or a number. `kind`, from STST_BOOL to STST_F64, is the type of the variable that `value` points to. It is an error if that type cannot represent the
/// number exactly.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_get(place: *const stst_place, kind: u32, value: *mut c_void) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe {
        let place = Place::of(place)?;
        match kind {
            2 => write(value.cast(), place.get::<bool>()?),
            3 => write(value.cast(), place.get::<i8>()?),
            4 => write(value.cast(), place.get::<i16>()?),
            5 => write(value.cast(), place.get::<i32>()?),
            6 => write(value.cast(), place.get::<i64>()?),
            7 => write(value.cast(), place.get::<u8>()?),
            8 => write(value.cast(), place.get::<u16>()?),
            9 => write(value.cast(), place.get::<u32>()?),
            10 => write(value.cast(), place.get::<u64>()?),
            11 => write(value.cast(), place.get::<f32>()?),
            12 => write(value.cast(), place.get::<f64>()?),
            other => Err(Error::invalid("kind", other.to_string(), "the kind of a bool or a number")),
        }
    })
}

/// Assigns a bool or a number of the type `kind`, or null (STST_NULL; `value` is ignored).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_set(place: *const stst_place, kind: u32, value: *const c_void) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe {
        let place = Place::of(place)?;
        if kind == 1 {
            return place.set(Value::Null);
        }
        if value.is_null() {
            return Err(Error::invalid("value", "null", "a pointer"));
        }
        place.set(Value::Scalar(match kind {
            // What C has in a bool is read as a byte.
            2 => Scalar::Bool(value.cast::<u8>().read() != 0),
            3 => Scalar::I8(value.cast::<i8>().read()),
            4 => Scalar::I16(value.cast::<i16>().read_unaligned()),
            5 => Scalar::I32(value.cast::<i32>().read_unaligned()),
            6 => Scalar::I64(value.cast::<i64>().read_unaligned()),
            7 => Scalar::U8(value.cast::<u8>().read()),
            8 => Scalar::U16(value.cast::<u16>().read_unaligned()),
            9 => Scalar::U32(value.cast::<u32>().read_unaligned()),
            10 => Scalar::U64(value.cast::<u64>().read_unaligned()),
            11 => Scalar::F32(value.cast::<f32>().read_unaligned()),
            12 => Scalar::F64(value.cast::<f64>().read_unaligned()),
            other => return Err(Error::invalid("kind", other.to_string(), "the kind of a bool or a number")),
        }))
    })
}

/// Gets a field as plain memory: `*data` points to a variable of the type `kind`, from STST_BOOL to STST_F64. The field is declared with this type; it is created as 0 if it is
/// missing, and converted if it holds another number. Its struct is pinned.
///
/// The pointer is valid until the store is closed, even if another process removes the struct by force. Using it is no operation of the store: it takes no lock, tells no
/// watcher (see stst_notify) and is not undone by transactions. Hold a lock around it if other programs rely on locks.
///
/// STST_WRONG_TYPE if the field has limits or is declared with another type; STST_IN_TRANSACTION in a transaction of this thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_get_reference(
    place: *const stst_place,
    kind: u32,
    data: *mut *mut c_void,
) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe {
        let (node, key) = Place::of(place)?.field()?;
        not_null(data)?;
        write(data, node.lend_for_good(&key, kind_of(kind)?)?.cast())
    })
}

/// Copies a string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_get_str(
    place: *const stst_place,
    string: *mut *mut stst_strings,
) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe { stst_strings::of_all([Place::of(place)?.get::<String>()?], string) })
}

/// Assigns a string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_set_str(
    place: *const stst_place,
    data: *const c_char,
    length: usize,
) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe { Place::of(place)?.set(text(data, length, "string")?) })
}

/// Copies bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_get_bytes(
    place: *const stst_place,
    bytes: *mut *mut stst_strings,
) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe { stst_strings::of_all([Place::of(place)?.get::<structstore::Bytes>()?.get()?], bytes) })
}

/// Assigns bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_set_bytes(
    place: *const stst_place,
    data: *const c_void,
    length: usize,
) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe { Place::of(place)?.set(Value::bytes(elements(data.cast::<u8>(), length, "bytes")?)) })
}

/// Gets a handle to the struct or list at a place. `kind` is STST_STRUCT, STST_LIST, or 0 for either. With a kind, a missing field is created.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_get_node(
    place: *const stst_place,
    kind: u32,
    node: *mut *mut stst_node,
) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe {
        let place = Place::of(place)?;
        let wanted = if kind == 0 { place.kind()? } else { kind_of(kind)? };
        let found = match (wanted, kind) {
            (Kind::Struct, 0) => Node::Struct(place.get()?),
            (Kind::List, 0) => Node::List(place.get()?),
            (Kind::Struct | Kind::List, _) => place.ensure(wanted)?,
            (other, 0) => return Err(Error::wrong_type(other.name(), "struct or list")),
            (other, _) => return Err(Error::invalid("kind", other.name(), "that of a struct or a list")),
        };
        stst_node::new(found).give(node)
    })
}

/// Assigns an empty struct or list.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_set_empty(place: *const stst_place, kind: u32) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe {
        Place::of(place)?.set(match kind_of(kind)? {
            Kind::Struct => Value::Struct(Vec::new()),
            Kind::List => Value::List(Vec::new()),
            other => return Err(Error::invalid("kind", other.name(), "that of a struct or a list")),
        })
    })
}

/// Assigns a copy of the value at another place, which may be in another store.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_set_from(place: *const stst_place, from: *const stst_place) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe { Place::of(place)?.set(Place::of(from)?.get::<Value<'static>>()?) })
}

/// Assigns a copy of a struct or list, which may be in another store.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_set_node(place: *const stst_place, node: *const stst_node) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe {
        Place::of(place)?.set(match &stst_node::of(node)?.node {
            Node::Struct(node) => node.to_value()?,
            Node::List(node) => node.to_value()?,
        })
    })
}

/// Removes a field or an item.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_remove(place: *const stst_place) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe { Place::of(place)?.remove() })
}

/// The limits of a field, its unit and its description. Set `struct_size` to the size of this struct, and unused members to zero.
#[repr(C)]
pub struct stst_limits {
    /// The size of this struct.
    pub struct_size: usize,
    /// The smallest and the largest number, if `has_range` is set.
    pub least: f64,
    /// See `least`.
    pub greatest: f64,
    /// The step by which user interfaces change it; 0 means none.
    pub step: f64,
    /// Whether there is a range.
    pub has_range: bool,
    /// Whether floating-point numbers have to be finite.
    pub finite: bool,
    /// Whether tools should leave it unchanged.
    pub read_only: bool,
    /// Its unit.
    pub unit: *const c_char,
    /// The length of that.
    pub unit_length: usize,
    /// Its description.
    pub description: *const c_char,
    /// The length of that.
    pub description_length: usize,
}

/// Declares limits of a field, which apply to all processes, and its unit and description.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_declare(place: *const stst_place, limits: *const stst_limits) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe {
        let (node, key) = Place::of(place)?.field()?;
        if limits.is_null() {
            return Err(Error::invalid("limits", "null", "limits"));
        }
        if limits.cast::<usize>().read() != size_of::<stst_limits>() {
            let expected = format!("{}, the size of stst_limits", size_of::<stst_limits>());
            return Err(Error::invalid("struct_size", limits.cast::<usize>().read().to_string(), expected));
        }
        let limits = &*limits;
        let mut meta = Meta::new();
        if limits.has_range {
            meta = meta.range(limits.least..=limits.greatest);
        }
        if limits.step != 0.0 {
            meta = meta.step(limits.step);
        }
        if limits.finite {
            meta = meta.finite();
        }
        if limits.read_only {
            meta = meta.read_only();
        }
        meta = meta.unit(text(limits.unit, limits.unit_length, "unit")?.to_owned());
        meta =
            meta.description(text(limits.description, limits.description_length, "description")?.to_owned());
        node.declare(key, &meta)
    })
}

/// Removes the limits, unit and description of a field.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_undeclare(place: *const stst_place) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe {
        let (node, key) = Place::of(place)?.field()?;
        node.undeclare(key)
    })
}
