//! What the store's own types are to serde.

use std::borrow::Cow;
use std::fmt;

use serde::de::{
    self, Deserialize, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, Unexpected, Visitor,
};
use serde::ser::{Error as _, Serialize, SerializeMap, Serializer};

use super::array::{self, VALUE};
use super::{Level, room};
use crate::error::{Error, Result as StoreResult};
use crate::for_each_number;
use crate::handle::{Array, Bytes, List, Str, Struct};
use crate::limits::MAX_DEPTH;
use crate::shared::StructStoreShared;
use crate::store::StructStore;
use crate::value::{ArrayValue, Scalar, Value};

impl Serialize for Scalar {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        macro_rules! serialize {
            ($($kind:ident $type:ident $typestr:literal $class:ident;)*) => {
                match *self {
                    Scalar::Bool(value) => value.serialize(serializer),
                    $(Scalar::$kind(value) => value.serialize(serializer),)*
                }
            };
        }
        for_each_number!(serialize)
    }
}

/// As nested sequences of numbers, but as an array where [`to_value`](crate::serial::to_value) asks. Fails for element types
/// that are no numbers of Rust's.
impl Serialize for ArrayValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        array::serialize(self, serializer)
    }
}

/// As a map, a sequence, a string and so on.
///
/// What comes of it is the format's business. `serde_json` writes NaN and infinities as null; JSON and YAML tell the types
/// of numbers from each other no further than integers from floats, and have no bytes.
impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::List(items) => serializer.collect_seq(items),
            Value::Struct(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (name, value) in fields {
                    map.serialize_entry(name.as_ref(), value)?;
                }
                map.end()
            }
            leaf => serialize_leaf(leaf, serializer),
        }
    }
}

/// Out of line, so that a level of nesting takes no stack for what formats do to leaves.
#[inline(never)]
fn serialize_leaf<S: Serializer>(leaf: &Value<'_>, serializer: S) -> Result<S::Ok, S::Error> {
    match leaf {
        Value::Scalar(scalar) => scalar.serialize(serializer),
        Value::Str(text) => serializer.serialize_str(text),
        Value::Bytes(bytes) => serializer.serialize_bytes(bytes),
        Value::Array(array) => array.serialize(serializer),
        // Its newest sample.
        Value::Stream(stream) => stream.newest_value().serialize(serializer),
        _ => serializer.serialize_unit(),
    }
}

macro_rules! handles {
    ($($type:ident: $read:ident;)*) => {$(
        /// As of one moment: a copy is taken, which is serialised under no lock.
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.$read().map_err(S::Error::custom)?.serialize(serializer)
            }
        }
    )*};
}
handles! {
    Struct: to_value;
    List: to_value;
    Str: get;
    Array: to_value;
}

/// As of one moment: a copy is taken, which is serialised under no lock.
impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.get().map_err(S::Error::custom)?)
    }
}

/// As the [`Struct`] that is its root.
///
/// ```
/// let store = structstore::StructStore::new();
/// store.set("num", 5)?;
/// store.ensure_struct("camera")?.set("exposure", 0.01)?;
/// let json = serde_json::to_string(&store)?;
/// assert_eq!(json, r#"{"num":5,"camera":{"exposure":0.01}}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl Serialize for StructStore {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Struct::serialize(self, serializer)
    }
}

/// As the [`Struct`] that is its root.
impl Serialize for StructStoreShared {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Struct::serialize(self, serializer)
    }
}

/// Whatever a format describes. Integers become `i64`, or `u64` if they are too large for it, unless the format knows
/// their type, as a [`Value`] does. Integers and truth values that are keys become text.
///
/// Integers that do not fit 64 bits are an error if the format gives them as such. `serde_json` and `serde-saphyr` give them
/// as floats; `serde_json` reads all floats exactly only with its feature `float_roundtrip`.
///
/// ```
/// use structstore::{StructStore, Value};
///
/// let store = StructStore::new();
/// store.set("camera", serde_json::from_str::<Value>(r#"{"exposure": 0.01, "size": [640, 480]}"#)?)?;
/// assert_eq!(store.at("camera")?.ensure_list("size")?.get::<u32>(1)?, 480);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl<'de> Deserialize<'de> for Value<'static> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value<'static>, D::Error> {
        ValueVisitor { level: Level::ROOT }.deserialize(deserializer)
    }
}

/// A new local store of what the document, which must be a map, holds; see [`Value`].
///
/// ```
/// use structstore::StructStore;
///
/// let store: StructStore = serde_json::from_str(r#"{"num": 5, "list": [6, 43]}"#)?;
/// store.ensure_list("list")?.push("more")?;
/// assert_eq!(store.to_string(), r#"{"num": 5, "list": [6, 43, "more"]}"#);
/// assert!(serde_json::from_str::<StructStore>("[6, 43]").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl<'de> Deserialize<'de> for StructStore {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<StructStore, D::Error> {
        let value = deserializer.deserialize_map(StoreVisitor)?;
        let fill = || -> StoreResult<StructStore> {
            let store = StructStore::try_new()?;
            store.replace(value)?;
            Ok(store)
        };
        fill().map_err(de::Error::custom)
    }
}

struct StoreVisitor;

impl<'de> Visitor<'de> for StoreVisitor {
    type Value = Value<'static>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of the fields of a StructStore")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Value<'static>, A::Error> {
        ValueVisitor { level: Level::ROOT }.visit_map(map)
    }
}

/// Takes any value that a format describes.
#[derive(Clone, Copy)]
struct ValueVisitor {
    level: Level,
}

impl ValueVisitor {
    /// Fails where no string, bytes or array may be.
    fn node<E: de::Error>(self, value: Value<'static>) -> Result<Value<'static>, E> {
        self.level.check().map_err(too_deep)?;
        Ok(value)
    }

    fn inside<E: de::Error>(self) -> Result<ValueVisitor, E> {
        Ok(ValueVisitor { level: self.level.inside().map_err(too_deep)? })
    }

    fn wrapped<E: de::Error>(self) -> Result<ValueVisitor, E> {
        Ok(ValueVisitor { level: self.level.wrapped().map_err(too_deep)? })
    }
}

#[cold]
fn too_deep<E: de::Error>(_: Error) -> E {
    E::custom(format_args!("nested deeper than the limit of {MAX_DEPTH} levels"))
}

impl<'de> DeserializeSeed<'de> for ValueVisitor {
    type Value = Value<'static>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value<'static>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

macro_rules! scalars {
    ($($method:ident: $type:ty),*) => {$(
        fn $method<E: de::Error>(self, value: $type) -> Result<Value<'static>, E> {
            Ok(value.into())
        }
    )*};
}

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value<'static>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(VALUE)
    }

    scalars! {
        visit_bool: bool, visit_i8: i8, visit_i16: i16, visit_i32: i32, visit_i64: i64,
        visit_u8: u8, visit_u16: u16, visit_u32: u32, visit_f32: f32, visit_f64: f64
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value<'static>, E> {
        Ok(i64::try_from(value).map_or(Value::from(value), Value::from))
    }

    fn visit_i128<E: de::Error>(self, value: i128) -> Result<Value<'static>, E> {
        match (i64::try_from(value), u64::try_from(value)) {
            (Ok(value), _) => Ok(value.into()),
            (_, Ok(value)) => Ok(value.into()),
            _ => Err(E::invalid_value(Unexpected::Other(&value.to_string()), &"i64 or u64")),
        }
    }

    fn visit_u128<E: de::Error>(self, value: u128) -> Result<Value<'static>, E> {
        match u64::try_from(value) {
            Ok(value) => Ok(value.into()),
            Err(_) => Err(E::invalid_value(Unexpected::Other(&value.to_string()), &"i64 or u64")),
        }
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value<'static>, E> {
        self.visit_string(value.to_owned())
    }

    fn visit_string<E: de::Error>(self, value: String) -> Result<Value<'static>, E> {
        self.node(value.into())
    }

    fn visit_bytes<E: de::Error>(self, value: &[u8]) -> Result<Value<'static>, E> {
        self.visit_byte_buf(value.to_owned())
    }

    fn visit_byte_buf<E: de::Error>(self, value: Vec<u8>) -> Result<Value<'static>, E> {
        self.node(Value::Bytes(Cow::Owned(value)))
    }

    fn visit_none<E: de::Error>(self) -> Result<Value<'static>, E> {
        Ok(Value::Null)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value<'static>, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value<'static>, D::Error> {
        deserializer.deserialize_any(self.wrapped()?)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value<'static>, D::Error> {
        deserializer.deserialize_any(self.wrapped()?)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value<'static>, A::Error> {
        let inside: ValueVisitor = self.inside()?;
        let mut items = Vec::with_capacity(room(sequence.size_hint().unwrap_or(0)));
        while let Some(item) = sequence.next_element_seed(inside)? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value<'static>, A::Error> {
        let inside: ValueVisitor = self.inside()?;
        let mut fields = Vec::with_capacity(room(map.size_hint().unwrap_or(0)));
        while let Some(name) = map.next_key_seed(Name)? {
            fields.push((Cow::Owned(name), map.next_value_seed(inside)?));
        }
        Ok(Value::Struct(fields))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<Value<'static>, A::Error> {
        let array = array::receive(access, &self)?;
        self.node(Value::Array(array.into_owned()))
    }
}

/// Takes the key of a map as the name of a field.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_any(self)
    }
}

macro_rules! names {
    ($($method:ident: $type:ty),*) => {$(
        fn $method<E: de::Error>(self, value: $type) -> Result<String, E> {
            Ok(value.to_string())
        }
    )*};
}

impl<'de> Visitor<'de> for Name {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, a character, a bool or an integer")
    }

    names! {
        visit_bool: bool, visit_i64: i64, visit_i128: i128, visit_u64: u64, visit_u128: u128, visit_str: &str,
        visit_string: String
    }
}
