//! Values as anything that implements `Deserialize`.

use serde::de::value::SeqDeserializer;
use serde::de::{
    self, DeserializeSeed, EnumAccess, Error as _, Expected, MapAccess, SeqAccess, Unexpected, VariantAccess,
    Visitor,
};

use super::Level;
use super::array::{VALUE, expects, visit_array, visit_scalar};
use super::key::KeyDeserializer;
use super::pieces::Pieces;
use crate::error::{Error, Result};
use crate::value::{Event, Scalar};

/// Reads one value, the next of these pieces, which strings and bytes are borrowed from.
pub(super) struct Deserializer<'r, P> {
    pieces: &'r mut P,
    level: Level,
}

impl<'r, 'de, P: Pieces<'de>> Deserializer<'r, P> {
    #[inline]
    pub(super) fn new(pieces: &'r mut P, level: Level) -> Deserializer<'r, P> {
        Deserializer { pieces, level }
    }

    /// Lets `read` deserialise the next value. One that it leaves where it is is passed over.
    #[inline]
    fn next<T>(
        pieces: &mut P,
        level: Level,
        read: impl FnOnce(Deserializer<'_, P>) -> Result<T>,
    ) -> Result<T> {
        let before = pieces.left();
        let value = read(Deserializer::new(pieces, level))?;
        if pieces.left() == before {
            pieces.skip()?;
        }
        Ok(value)
    }

    #[inline]
    fn visit<V: Visitor<'de>>(self, event: Event<'de>, visitor: V) -> Result<V::Value> {
        match event {
            Event::Null => visitor.visit_unit(),
            // Other formats have no types of integers, so that a value takes a `visit_u64` for any of them.
            Event::Scalar(Scalar::U64(number)) if expects(&visitor, VALUE) => {
                visitor.visit_u128(number.into())
            }
            Event::Scalar(scalar) => visit_scalar(scalar, visitor),
            Event::List(count) => self.visit_list(count, visitor),
            Event::Struct(count) => self.visit_fields(count, visitor),
            Event::Str(text) => {
                self.level.check()?;
                visitor.visit_borrowed_str(text)
            }
            Event::Bytes(bytes) => {
                self.level.check()?;
                visitor.visit_borrowed_bytes(bytes)
            }
            Event::Array(array) => {
                self.level.check()?;
                visit_array(array, visitor)
            }
            Event::Stream(_) => Err(wrong(&event, &visitor)),
        }
    }

    fn visit_list<V: Visitor<'de>>(self, count: usize, visitor: V) -> Result<V::Value> {
        let mut access = ListAccess { pieces: self.pieces, count, left: count, inside: self.level.inside()? };
        let value = visitor.visit_seq(&mut access)?;
        if access.left == 0 { Ok(value) } else { Err(Error::invalid_length(count, &"fewer")) }
    }

    fn visit_fields<V: Visitor<'de>>(self, count: usize, visitor: V) -> Result<V::Value> {
        let inside = self.level.inside()?;
        let mut access = FieldAccess { pieces: self.pieces, left: count, current: None, inside };
        let value = visitor.visit_map(&mut access)?;
        access.pass_over()?;
        if access.left == 0 { Ok(value) } else { Err(Error::invalid_length(count, &"fewer")) }
    }

    fn wrapped(self) -> Result<Self> {
        Ok(Deserializer { level: self.level.wrapped()?, ..self })
    }
}

fn wrong(found: &Event<'_>, expected: &dyn Expected) -> Error {
    Error::wrong_type(found.kind().name(), expected.to_string())
}

macro_rules! forward {
    ($($method:ident($($argument:ty),*))*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, $(_: $argument,)* visitor: V) -> Result<V::Value> {
            self.deserialize_any(visitor)
        }
    )*};
}

macro_rules! sequences {
    ($($method:ident($($argument:ty),*))*) => {$(
        fn $method<V: Visitor<'de>>(self, $(_: $argument,)* visitor: V) -> Result<V::Value> {
            match self.pieces.event()? {
                Event::Bytes(bytes) => {
                    let mut access = SeqDeserializer::<_, Error>::new(bytes.iter().copied());
                    let value = visitor.visit_seq(&mut access)?;
                    access.end()?;
                    Ok(value)
                }
                event => self.visit(event, visitor),
            }
        }
    )*};
}

impl<'de, P: Pieces<'de>> de::Deserializer<'de> for Deserializer<'_, P> {
    type Error = Error;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let event = self.pieces.event()?;
        self.visit(event, visitor)
    }

    forward! {
        deserialize_bool() deserialize_i8() deserialize_i16() deserialize_i32() deserialize_i64() deserialize_i128()
        deserialize_u8() deserialize_u16() deserialize_u32() deserialize_u64() deserialize_u128()
        deserialize_f32() deserialize_f64() deserialize_char() deserialize_str() deserialize_string()
        deserialize_identifier() deserialize_bytes() deserialize_byte_buf() deserialize_map() deserialize_unit()
        deserialize_unit_struct(&'static str) deserialize_struct(&'static str, &'static [&'static str])
    }
    sequences!(deserialize_seq() deserialize_tuple(usize) deserialize_tuple_struct(&'static str, usize));

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.pieces.null()? {
            true => visitor.visit_none(),
            false => visitor.visit_some(self.wrapped()?),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value> {
        visitor.visit_newtype_struct(self.wrapped()?)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        match self.pieces.event()? {
            Event::Str(name) => visitor.visit_enum(Variant::<P> { name, contents: None }),
            Event::Struct(1) => {
                let (name, level) = (self.pieces.name()?, self.level.inside()?);
                Deserializer::next(self.pieces, level, |contents| {
                    visitor.visit_enum(Variant { name, contents: Some(contents) })
                })
            }
            Event::Struct(count) => Err(Error::invalid_length(count, &"one field, named like a variant")),
            other => {
                Err(wrong(&other, &"the name of a variant, or a struct of one field that is named like it"))
            }
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.pieces.skip()?;
        visitor.visit_unit()
    }
}

struct ListAccess<'r, P> {
    pieces: &'r mut P,
    count: usize,
    left: usize,
    inside: Level,
}

impl<'de, P: Pieces<'de>> SeqAccess<'de> for ListAccess<'_, P> {
    type Error = Error;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        let Some(fewer) = self.left.checked_sub(1) else { return Ok(None) };
        let index = self.count.saturating_sub(self.left);
        self.left = fewer;
        match Deserializer::next(self.pieces, self.inside, |item| seed.deserialize(item)) {
            Ok(item) => Ok(Some(item)),
            Err(error) => Err(error.under(index)),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

struct FieldAccess<'r, 'de, P> {
    pieces: &'r mut P,
    left: usize,
    /// The name of the field whose value is to come next.
    current: Option<&'de str>,
    inside: Level,
}

impl<'de, P: Pieces<'de>> FieldAccess<'_, 'de, P> {
    /// Leaves a value that was not asked for.
    #[inline]
    fn pass_over(&mut self) -> Result<()> {
        match self.current.take() {
            Some(_) => self.pieces.skip(),
            None => Ok(()),
        }
    }
}

impl<'de, P: Pieces<'de>> MapAccess<'de> for FieldAccess<'_, 'de, P> {
    type Error = Error;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        self.pass_over()?;
        let Some(fewer) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = fewer;
        let name = self.pieces.name()?;
        self.current = Some(name);
        match seed.deserialize(KeyDeserializer(name)) {
            Ok(key) => Ok(Some(key)),
            Err(error) => Err(error.under(name)),
        }
    }

    #[inline]
    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value> {
        let Some(name) = self.current.take() else {
            return Err(<Error as de::Error>::custom("a value was asked for before its key"));
        };
        match Deserializer::next(self.pieces, self.inside, |value| seed.deserialize(value)) {
            Ok(value) => Ok(value),
            Err(error) => Err(error.under(name)),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

/// An enum's variant, by name alone or with what it has.
struct Variant<'r, 'de, P> {
    name: &'de str,
    contents: Option<Deserializer<'r, P>>,
}

impl<'r, 'de, P: Pieces<'de>> Variant<'r, 'de, P> {
    /// What it has, and its name.
    fn contents(self, expected: &dyn Expected) -> Result<(Deserializer<'r, P>, &'de str)> {
        match self.contents {
            Some(contents) => Ok((contents, self.name)),
            None => {
                Err(<Error as de::Error>::invalid_type(Unexpected::UnitVariant, expected).under(self.name))
            }
        }
    }
}

impl<'de, P: Pieces<'de>> EnumAccess<'de> for Variant<'_, 'de, P> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self)> {
        Ok((seed.deserialize(KeyDeserializer(self.name))?, self))
    }
}

impl<'de, P: Pieces<'de>> VariantAccess<'de> for Variant<'_, 'de, P> {
    type Error = Error;

    fn unit_variant(self) -> Result<()> {
        match self.contents {
            Some(contents) => de::Deserialize::deserialize(contents).map_err(|error| error.under(self.name)),
            None => Ok(()),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value> {
        let (contents, name) = self.contents(&"a variant with a value")?;
        seed.deserialize(contents).map_err(|error| error.under(name))
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value> {
        let (contents, name) = self.contents(&visitor)?;
        de::Deserializer::deserialize_tuple(contents, length, visitor).map_err(|error| error.under(name))
    }

    fn struct_variant<V: Visitor<'de>>(self, names: &'static [&'static str], visitor: V) -> Result<V::Value> {
        let (contents, name) = self.contents(&visitor)?;
        de::Deserializer::deserialize_struct(contents, "", names, visitor).map_err(|error| error.under(name))
    }
}
