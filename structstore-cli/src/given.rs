//! Values as they are given: JSON, or a string that is of the type that is there.

use structstore::{ArrayValue, DType, Error, Item, Kind, Value};

use crate::failure::{Failure, Result};
use crate::tagged::{self, Unreadable};
use crate::text::{self, shortened};

/// How many characters of what was given are repeated where it makes no sense.
const SHOWN: usize = 60;

/// The value that JSON stands for.
pub(crate) fn parse(text: &str) -> Result<Value<'static>> {
    tagged::read_json(text.as_bytes()).map_err(|error| {
        let error = match error {
            Unreadable::Syntax(error) => error,
            Unreadable::Misfit(error) => return error.into(),
        };
        let text = shortened(text, SHOWN);
        let hint = match text.starts_with(['{', '[', '"']) {
            true => String::new(),
            false => format!("; a string is written as '{}'", serde_json::Value::from(&*text)),
        };
        Failure::Usage(format!("`{text}` is not valid JSON ({error}){hint}"))
    })
}

/// The value that a string stands for in place of what is there: one of the same type.
pub(crate) fn convert(text: &str, there: &Item) -> Result<Value<'static>> {
    let kind = there.kind();
    let expected = |expected: &str| -> Failure {
        Error::wrong_type(format!("`{}`", shortened(text, SHOWN)), expected.to_owned()).into()
    };
    match kind {
        Kind::Null => parse(text),
        Kind::List | Kind::Struct | Kind::Array | Kind::Stream => match (parse(text)?, there) {
            (lists @ Value::List(_), Item::Array(array)) => array_of(&array.dtype()?, &lists),
            (value, _) if value.kind() == kind => Ok(value),
            (_, Item::Array(_)) => Err(expected("a list of numbers for an array")),
            _ => Err(expected(kind.name())),
        },
        Kind::Bytes => Value::parse(text, kind).map_err(|_| expected("hexadecimal digits")),
        _ => Value::parse(text, kind).map_err(|_| expected(kind.name())),
    }
}

/// The array of this type that nested lists of numbers stand for.
fn array_of(dtype: &DType, lists: &Value<'_>) -> Result<Value<'static>> {
    if !dtype.kind().is_some_and(Kind::is_number) {
        let message = format!(
            "an array of {} cannot be given as a text; load a snapshot, or replace it with --json",
            text::line(&dtype.to_string())
        );
        return Err(Failure::Other(message));
    }
    Ok(ArrayValue::from_lists(dtype, lists)?.into())
}

#[cfg(test)]
mod tests {
    use structstore::StructStore;

    use super::*;

    #[test]
    fn values_are_of_the_type_that_is_there() {
        let store = StructStore::new();
        store.set("small", 5_u8).unwrap();
        store.set("float", 0.5_f32).unwrap();
        store.set("flag", true).unwrap();
        store.set("text", "x").unwrap();
        store.set("bytes", Value::Bytes(vec![1, 2].into())).unwrap();
        store.set("list", Value::list([1])).unwrap();
        store.set("matrix", ArrayValue::from_slice(&[1, 1], &[1_i16]).unwrap()).unwrap();
        let convert = |name: &str, text: &str| super::convert(text, &store.get::<Item>(name).unwrap());
        for (name, text, expected) in [
            ("small", "255", Value::from(255_u8)),
            ("float", "-inf", f32::NEG_INFINITY.into()),
            ("flag", "false", false.into()),
            ("text", "5", "5".into()),
            ("bytes", "00fF", Value::Bytes(vec![0, 255].into())),
            ("list", "[1, \"a\"]", vec![Value::from(1), "a".into()].into()),
            (
                "matrix",
                "[[1, 2], [3, -4]]",
                ArrayValue::from_slice(&[2, 2], &[1_i16, 2, 3, -4]).unwrap().into(),
            ),
            ("matrix", "[]", ArrayValue::from_slice::<i16>(&[0], &[]).unwrap().into()),
        ] {
            let value = convert(name, text).unwrap();
            assert_eq!((value.kind(), &value), (expected.kind(), &expected), "{name}: {text}");
        }
        for (name, text) in [
            ("small", "256"),
            ("small", "1.5"),
            ("flag", "yes"),
            ("bytes", "0"),
            ("bytes", "+1"),
            ("list", "{}"),
            ("matrix", "[[1], [2, 3]]"),
            ("matrix", "[[1], 2]"),
            ("matrix", "[40000]"),
            ("matrix", "5"),
        ] {
            assert!(convert(name, text).is_err(), "{name}: {text}");
        }
    }
}
