//! Values as anything that implements `Deserialize`.

use std::borrow::Cow;
use std::iter::Enumerate;

use serde::de::value::SeqDeserializer;
use serde::de::{
    self, DeserializeSeed, EnumAccess, Error as _, Expected, MapAccess, SeqAccess, Unexpected, VariantAccess,
    Visitor,
};

use super::Level;
use super::array::{VALUE, expects, visit_array, visit_scalar};
use super::key::KeyDeserializer;
use crate::error::{Error, Result};
use crate::value::{Scalar, Value};

/// Reads one value, which strings and bytes are borrowed from.
#[derive(Clone, Copy)]
pub(super) struct Deserializer<'de> {
    value: &'de Value<'de>,
    level: Level,
}

impl<'de> Deserializer<'de> {
    #[inline]
    pub(super) fn new(value: &'de Value<'_>, level: Level) -> Deserializer<'de> {
        let value = match value {
            Value::Stream(stream) => stream.newest_value(),
            other => other,
        };
        Deserializer { value, level }
    }

    #[inline]
    fn visit_list<V: Visitor<'de>>(self, items: &'de [Value<'de>], visitor: V) -> Result<V::Value> {
        let mut access = ListAccess { items: items.iter().enumerate(), inside: self.level.inside()? };
        let value = visitor.visit_seq(&mut access)?;
        if access.items.len() == 0 { Ok(value) } else { Err(Error::invalid_length(items.len(), &"fewer")) }
    }

    #[inline]
    fn visit_fields<V: Visitor<'de>>(self, fields: &'de [Field<'de>], visitor: V) -> Result<V::Value> {
        let mut access = FieldAccess { fields: fields.iter(), current: None, inside: self.level.inside()? };
        let value = visitor.visit_map(&mut access)?;
        if access.fields.len() == 0 { Ok(value) } else { Err(Error::invalid_length(fields.len(), &"fewer")) }
    }

    fn wrong(self, expected: &dyn Expected) -> Error {
        Error::wrong_type(self.value.kind().name(), expected.to_string())
    }

    fn wrapped(self) -> Result<Deserializer<'de>> {
        Ok(Deserializer { level: self.level.wrapped()?, ..self })
    }
}

type Field<'de> = (Cow<'de, str>, Value<'de>);

macro_rules! scalars {
    ($($method:ident)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            match self.value {
                Value::Scalar(scalar) => visit_scalar(*scalar, visitor),
                _ => self.deserialize_any(visitor),
            }
        }
    )*};
}

macro_rules! texts {
    ($($method:ident)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            match self.value {
                Value::Str(text) => visitor.visit_borrowed_str(text),
                _ => self.deserialize_any(visitor),
            }
        }
    )*};
}

macro_rules! sequences {
    ($($method:ident($($argument:ty),*))*) => {$(
        fn $method<V: Visitor<'de>>(self, $(_: $argument,)* visitor: V) -> Result<V::Value> {
            match self.value {
                Value::List(items) => self.visit_list(items, visitor),
                Value::Bytes(bytes) => {
                    let mut access = SeqDeserializer::<_, Error>::new(bytes.iter().copied());
                    let value = visitor.visit_seq(&mut access)?;
                    access.end()?;
                    Ok(value)
                }
                _ => self.deserialize_any(visitor),
            }
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Deserializer<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.value {
            Value::Null | Value::Stream(_) => visitor.visit_unit(),
            // Other formats have no types of integers, so that a value takes a `visit_u64` for any of them.
            Value::Scalar(Scalar::U64(number)) if expects(&visitor, VALUE) => {
                visitor.visit_u128((*number).into())
            }
            Value::Scalar(scalar) => visit_scalar(*scalar, visitor),
            Value::List(items) => self.visit_list(items, visitor),
            Value::Struct(fields) => self.visit_fields(fields, visitor),
            Value::Str(text) => {
                self.level.check()?;
                visitor.visit_borrowed_str(text)
            }
            Value::Bytes(bytes) => {
                self.level.check()?;
                visitor.visit_borrowed_bytes(bytes)
            }
            Value::Array(array) => {
                self.level.check()?;
                visit_array(array, visitor)
            }
        }
    }

    scalars! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64
    }
    texts!(deserialize_char deserialize_str deserialize_string deserialize_identifier);
    sequences!(deserialize_seq() deserialize_tuple(usize) deserialize_tuple_struct(&'static str, usize));

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_any(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_any(visitor)
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self.wrapped()?),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_any(visitor)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value> {
        self.deserialize_any(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value> {
        visitor.visit_newtype_struct(self.wrapped()?)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_any(visitor)
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        match self.value {
            Value::Struct(fields) => self.visit_fields(fields, visitor),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        match self.value {
            Value::Str(name) => visitor.visit_enum(Variant { name, contents: None }),
            Value::Struct(fields) => match fields.as_slice() {
                [(name, value)] => {
                    let contents = Some(Deserializer::new(value, self.level.inside()?));
                    visitor.visit_enum(Variant { name, contents })
                }
                _ => Err(Error::invalid_length(fields.len(), &"one field, named like a variant")),
            },
            _ => Err(self.wrong(&"the name of a variant, or a struct of one field that is named like it")),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_unit()
    }
}

struct ListAccess<'de> {
    items: Enumerate<std::slice::Iter<'de, Value<'de>>>,
    inside: Level,
}

impl<'de> SeqAccess<'de> for ListAccess<'de> {
    type Error = Error;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        let Some((index, item)) = self.items.next() else { return Ok(None) };
        match seed.deserialize(Deserializer::new(item, self.inside)) {
            Ok(item) => Ok(Some(item)),
            Err(error) => Err(error.under(index)),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

struct FieldAccess<'de> {
    fields: std::slice::Iter<'de, Field<'de>>,
    /// The field whose value is to come next.
    current: Option<&'de Field<'de>>,
    inside: Level,
}

impl<'de> MapAccess<'de> for FieldAccess<'de> {
    type Error = Error;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        self.current = self.fields.next();
        let Some((name, _)) = self.current else { return Ok(None) };
        match seed.deserialize(KeyDeserializer(name)) {
            Ok(key) => Ok(Some(key)),
            Err(error) => Err(error.under(name)),
        }
    }

    #[inline]
    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value> {
        let Some((name, value)) = self.current.take() else {
            return Err(<Error as de::Error>::custom("a value was asked for before its key"));
        };
        match seed.deserialize(Deserializer::new(value, self.inside)) {
            Ok(value) => Ok(value),
            Err(error) => Err(error.under(name)),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.fields.len())
    }
}

/// An enum's variant, by name alone or with what it has.
struct Variant<'de> {
    name: &'de str,
    contents: Option<Deserializer<'de>>,
}

impl<'de> Variant<'de> {
    fn contents(&self, expected: &dyn Expected) -> Result<Deserializer<'de>> {
        self.contents.ok_or_else(|| {
            <Error as de::Error>::invalid_type(Unexpected::UnitVariant, expected).under(self.name)
        })
    }
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self)> {
        Ok((seed.deserialize(KeyDeserializer(self.name))?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<()> {
        match self.contents {
            Some(contents) => de::Deserialize::deserialize(contents).map_err(|error| error.under(self.name)),
            None => Ok(()),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value> {
        let contents = self.contents(&"a variant with a value")?;
        seed.deserialize(contents).map_err(|error| error.under(self.name))
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value> {
        let contents = self.contents(&visitor)?;
        de::Deserializer::deserialize_tuple(contents, length, visitor).map_err(|error| error.under(self.name))
    }

    fn struct_variant<V: Visitor<'de>>(self, names: &'static [&'static str], visitor: V) -> Result<V::Value> {
        let contents = self.contents(&visitor)?;
        de::Deserializer::deserialize_struct(contents, "", names, visitor)
            .map_err(|error| error.under(self.name))
    }
}
