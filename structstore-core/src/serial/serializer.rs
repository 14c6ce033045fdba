//! Anything that implements `Serialize` as a value.

use std::borrow::Cow;
use std::cell::Cell;

use serde::ser::{self, Serialize};

use super::array::{self, ARRAY};
use super::key::KeySerializer;
use super::{Level, room};
use crate::error::{Error, Result};
use crate::value::Value;

type Fields = Vec<(Cow<'static, str>, Value<'static>)>;

/// Makes one value.
pub(super) struct Serializer {
    level: Level,
    asked: Cell<Asked>,
}

/// What this answers when it is asked whether it is for people to read; see [`array`].
#[derive(Clone, Copy)]
enum Asked {
    /// It is.
    Always,
    /// This time not, but the next time.
    Even,
    /// This time, but not the next time.
    Odd,
}

impl Serializer {
    pub(super) fn new(level: Level) -> Serializer {
        Serializer { level, asked: Cell::new(Asked::Always) }
    }

    fn list(&self, length: usize) -> Result<ListSerializer> {
        Ok(ListSerializer {
            inside: self.level.inside()?,
            items: Vec::with_capacity(room(length)),
            array: false,
        })
    }

    fn fields(&self, length: usize) -> Result<StructSerializer> {
        Ok(StructSerializer {
            inside: self.level.inside()?,
            fields: Vec::with_capacity(room(length)),
            key: Cow::Borrowed(""),
        })
    }

    /// A serialiser of what a struct that is here has in its only field.
    fn variant(&self) -> Result<Serializer> {
        Ok(Serializer::new(self.level.inside()?))
    }
}

fn variant(name: &'static str, value: Value<'static>) -> Value<'static> {
    Value::Struct(vec![(Cow::Borrowed(name), value)])
}

macro_rules! scalars {
    ($($method:ident: $type:ty),*) => {$(
        #[inline]
        fn $method(self, value: $type) -> Result<Value<'static>> {
            Ok(value.into())
        }
    )*};
}

macro_rules! wide_integers {
    ($($method:ident: $type:ty),*) => {$(
        fn $method(self, value: $type) -> Result<Value<'static>> {
            let narrow = i64::try_from(value).map(Value::from).or_else(|_| u64::try_from(value).map(Value::from));
            narrow.map_err(|_| {
                let (value, expected) = (value, "i64 or u64");
                Error::out_of_range(value, expected)
            })
        }
    )*};
}

impl ser::Serializer for Serializer {
    type Ok = Value<'static>;
    type Error = Error;
    type SerializeSeq = ListSerializer;
    type SerializeTuple = ListSerializer;
    type SerializeTupleStruct = ListSerializer;
    type SerializeTupleVariant = Variant<ListSerializer>;
    type SerializeMap = StructSerializer;
    type SerializeStruct = StructSerializer;
    type SerializeStructVariant = Variant<StructSerializer>;

    scalars! {
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64,
        serialize_f32: f32, serialize_f64: f64
    }
    wide_integers!(serialize_i128: i128, serialize_u128: u128);

    fn serialize_char(self, value: char) -> Result<Value<'static>> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Result<Value<'static>> {
        self.level.check()?;
        Ok(value.to_owned().into())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<Value<'static>> {
        self.level.check()?;
        Ok(Value::Bytes(Cow::Owned(value.to_owned())))
    }

    fn serialize_none(self) -> Result<Value<'static>> {
        Ok(Value::Null)
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Value<'static>> {
        value.serialize(Serializer::new(self.level.wrapped()?))
    }

    fn serialize_unit(self) -> Result<Value<'static>> {
        Ok(Value::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Value<'static>> {
        Ok(Value::Null)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, name: &'static str) -> Result<Value<'static>> {
        self.level.check()?;
        Ok(Value::Str(Cow::Borrowed(name)))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<Value<'static>> {
        let inner = Serializer::new(self.level.wrapped()?);
        if name == ARRAY {
            inner.asked.set(Asked::Even);
        }
        value.serialize(inner)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        value: &T,
    ) -> Result<Value<'static>> {
        let value = value.serialize(self.variant()?).map_err(|error| error.under(name))?;
        Ok(variant(name, value))
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<ListSerializer> {
        self.list(length.unwrap_or(0))
    }

    fn serialize_tuple(self, length: usize) -> Result<ListSerializer> {
        self.list(length)
    }

    fn serialize_tuple_struct(self, name: &'static str, length: usize) -> Result<ListSerializer> {
        if name == ARRAY && !matches!(self.asked.get(), Asked::Always) {
            self.level.check()?;
            // Its parts are no nodes, but share the one that the array is.
            return Ok(ListSerializer { inside: self.level, items: Vec::new(), array: true });
        }
        self.list(length)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        length: usize,
    ) -> Result<Variant<ListSerializer>> {
        Ok(Variant { name, contents: self.variant()?.list(length)? })
    }

    fn serialize_map(self, length: Option<usize>) -> Result<StructSerializer> {
        self.fields(length.unwrap_or(0))
    }

    #[inline]
    fn serialize_struct(self, _: &'static str, length: usize) -> Result<StructSerializer> {
        self.fields(length)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        length: usize,
    ) -> Result<Variant<StructSerializer>> {
        Ok(Variant { name, contents: self.variant()?.fields(length)? })
    }

    fn is_human_readable(&self) -> bool {
        match self.asked.get() {
            Asked::Always => true,
            Asked::Even => {
                self.asked.set(Asked::Odd);
                false
            }
            Asked::Odd => {
                self.asked.set(Asked::Even);
                true
            }
        }
    }
}

/// Makes a list.
pub(super) struct ListSerializer {
    inside: Level,
    items: Vec<Value<'static>>,
    /// Whether the items are the parts of an array.
    array: bool,
}

impl ListSerializer {
    #[inline]
    fn push<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<()> {
        let item =
            item.serialize(Serializer::new(self.inside)).map_err(|error| error.under(self.items.len()))?;
        self.items.push(item);
        Ok(())
    }

    fn finish(self) -> Result<Value<'static>> {
        if self.array { array::assemble(self.items) } else { Ok(Value::List(self.items)) }
    }
}

/// Makes a struct.
pub(super) struct StructSerializer {
    inside: Level,
    fields: Fields,
    /// The key whose value is to come next.
    key: Cow<'static, str>,
}

impl StructSerializer {
    #[inline]
    fn push<T: Serialize + ?Sized>(&mut self, name: Cow<'static, str>, value: &T) -> Result<()> {
        match value.serialize(Serializer::new(self.inside)) {
            Ok(value) => {
                self.fields.push((name, value));
                Ok(())
            }
            Err(error) => Err(error.under(&name)),
        }
    }

    fn finish(self) -> Result<Value<'static>> {
        Ok(Value::Struct(self.fields))
    }
}

/// Makes a struct whose only field is the contents of an enum's variant.
pub(super) struct Variant<C> {
    name: &'static str,
    contents: C,
}

macro_rules! lists {
    ($($trait:ident::$method:ident),*) => {$(
        impl ser::$trait for ListSerializer {
            type Ok = Value<'static>;
            type Error = Error;

            #[inline]
            fn $method<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<()> {
                self.push(item)
            }

            fn end(self) -> Result<Value<'static>> {
                self.finish()
            }
        }
    )*};
}
lists!(
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field
);

impl ser::SerializeTupleVariant for Variant<ListSerializer> {
    type Ok = Value<'static>;
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<()> {
        self.contents.push(item).map_err(|error| error.under(self.name))
    }

    fn end(self) -> Result<Value<'static>> {
        Ok(variant(self.name, self.contents.finish()?))
    }
}

impl ser::SerializeMap for StructSerializer {
    type Ok = Value<'static>;
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<()> {
        self.key = key.serialize(KeySerializer)?;
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        let key = std::mem::take(&mut self.key);
        self.push(key, value)
    }

    fn end(self) -> Result<Value<'static>> {
        self.finish()
    }
}

impl ser::SerializeStruct for StructSerializer {
    type Ok = Value<'static>;
    type Error = Error;

    #[inline]
    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<()> {
        self.push(Cow::Borrowed(name), value)
    }

    fn end(self) -> Result<Value<'static>> {
        self.finish()
    }
}

impl ser::SerializeStructVariant for Variant<StructSerializer> {
    type Ok = Value<'static>;
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<()> {
        self.contents.push(Cow::Borrowed(name), value).map_err(|error| error.under(self.name))
    }

    fn end(self) -> Result<Value<'static>> {
        Ok(variant(self.name, self.contents.finish()?))
    }
}
