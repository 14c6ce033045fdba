//! Numbers of documents as they are written: what parses JSON and YAML gives an integer that does not fit 64 bits as a
//! float, which is another number.

use std::cell::RefCell;
use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;
use structstore::{Error, Scalar, Value};

use crate::text::shortened;

/// How many digits are repeated of a number that does not fit.
const SHOWN: usize = 60;

/// Fails if a number of a document does not fit the type that it has in the value that was read of it. `parse` goes through
/// the document once more if there is one that may not.
pub(crate) fn verify(value: &Value<'_>, json: bool, parse: impl FnOnce(Check<'_>)) -> Result<(), Error> {
    if !has_doubtful(value) {
        return Ok(());
    }
    let misfit = RefCell::new(None);
    parse(Check { value, json, misfit: &misfit });
    misfit.into_inner().map_or(Ok(()), Err)
}

/// Whether this may have been an integer, or may have been finite.
fn is_doubtful(float: f64) -> bool {
    const TWO_TO_63: f64 = (1_u64 << 63) as f64;
    float.is_infinite() || float.fract() == 0.0 && float.abs() >= TWO_TO_63
}

fn has_doubtful(value: &Value<'_>) -> bool {
    match value {
        Value::Scalar(Scalar::F64(float)) => is_doubtful(*float),
        Value::List(items) => items.iter().any(has_doubtful),
        Value::Struct(fields) => fields.iter().any(|(_, field)| has_doubtful(field)),
        _ => false,
    }
}

/// Goes through a document beside the value that was read of it, until it finds a number that is another one there.
pub(crate) struct Check<'v> {
    value: &'v Value<'v>,
    json: bool,
    misfit: &'v RefCell<Option<Error>>,
}

impl<'v> Check<'v> {
    fn of(&self, value: &'v Value<'v>) -> Check<'v> {
        Check { value, json: self.json, misfit: self.misfit }
    }

    /// Names where a misfit is, once it was found below.
    fn locate(&self, locate: impl FnOnce(Error) -> Error) {
        let found = self.misfit.take();
        self.misfit.replace(found.map(locate));
    }

    fn judge(&self, float: f64, literal: &str) {
        let digits = literal.trim_start_matches(['-', '+']);
        let is_integer = digits.chars().all(|digit| digit.is_ascii_digit() || digit == '_');
        let expected = match () {
            () if is_integer => "i64 or u64",
            () if float.is_infinite() && !digits.to_ascii_lowercase().ends_with("inf") => "f64",
            () => return,
        };
        let value = shortened(literal, SHOWN).into_owned();
        self.misfit.replace(Some(Error::out_of_range(value, expected)));
    }
}

impl<'de> DeserializeSeed<'de> for Check<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.value {
            Value::Struct(_) => deserializer.deserialize_map(self),
            Value::List(_) => deserializer.deserialize_seq(self),
            Value::Scalar(Scalar::F64(float)) if is_doubtful(*float) => {
                let literal = match self.json {
                    true => Box::<RawValue>::deserialize(deserializer)?.get().to_owned(),
                    false => String::deserialize(deserializer)?,
                };
                self.judge(*float, literal.trim());
                match *self.misfit.borrow() {
                    Some(_) => Err(D::Error::custom("found")),
                    None => Ok(()),
                }
            }
            _ => IgnoredAny::deserialize(deserializer).map(drop),
        }
    }
}

impl<'de> Visitor<'de> for Check<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("what was read before")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        let Value::List(items) = self.value else { return Ok(()) };
        for (index, item) in items.iter().enumerate() {
            sequence
                .next_element_seed(self.of(item))
                .inspect_err(|_| self.locate(|error| error.under(index)))?;
        }
        // Of as many as were read before, there is only the end left.
        sequence.next_element::<IgnoredAny>().map(drop)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Value::Struct(fields) = self.value else { return Ok(()) };
        for (name, field) in fields {
            map.next_key::<IgnoredAny>()?;
            map.next_value_seed(self.of(field)).inspect_err(|_| self.locate(|error| error.under(name)))?;
        }
        map.next_key::<IgnoredAny>().map(drop)
    }
}
