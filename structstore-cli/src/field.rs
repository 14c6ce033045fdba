//! `get`, `set` and `rm`: one field or item.

use structstore::binding_support::{StructExt, for_each_number, hex, not_finite, unhex};
use structstore::{ArrayValue, DType, Error, Item, Kind, Scalar, Value};

use crate::arguments::{Get, Remove, Set};
use crate::export;
use crate::failure::{Failure, Result};
use crate::json;
use crate::output::Output;
use crate::path::{self, kind};
use crate::show::value;
use crate::stream;
use crate::tagged::{self, Unreadable};
use crate::text;
use crate::text::shortened;
use crate::way::Way;

/// How many characters of what was given are repeated where it makes no sense.
const SHOWN: usize = 60;

pub(crate) fn get(options: &Get, output: &mut Output) -> Result<u8> {
    if let Some(count) = options.last {
        return stream::last(options, count, output);
    }
    if let Some(target) = options.npy.as_ref().or(options.png.as_ref()) {
        return export::run(options, target);
    }
    let store = options.store.observe()?;
    let found = path::find(&store, &options.path)?;
    let terminal = output.is_terminal();
    match &found {
        Item::Str(text) if !options.json => {
            if terminal {
                output.print(&text::printable(text));
            } else {
                output.print(text);
            }
            output.print("\n");
        }
        Item::Bytes(bytes) if !options.json && !terminal => output.write(bytes),
        Item::Bytes(bytes) if !options.json => {
            output.print(&hex(bytes));
            output.print("\n");
        }
        Item::Scalar(scalar @ (Scalar::F32(_) | Scalar::F64(_))) if !options.json => {
            output.print(&format!("{scalar}\n"));
        }
        _ => {
            let value = options.store.snapshot(|root| value(&path::find(root, &options.path)?))?;
            // For people, who are shown by name what JSON has not.
            match !options.json && terminal && not_finite(&value).is_some() {
                true => output.print(&format!("{value:#}\n")),
                false => output.write(&json::text(&value, &options.path, terminal)?),
            }
        }
    }
    Ok(0)
}

pub(crate) fn set(options: &Set) -> Result<u8> {
    let store = options.store.change()?;
    if options.parents
        && let Way::Fields { from, names, there: None } = Way::new(&store, &options.path)?
    {
        let value = parse(&options.value).map_err(|failure| failure.below(&options.path))?;
        from.merge(&names, &value)?;
        return Ok(0);
    }
    let place = path::last(&store, &options.path).map_err(|failure| match failure {
        Failure::Missing { what, near } => {
            Failure::Missing { what: format!("{what}, which --parents would create"), near }
        }
        other => other,
    })?;
    let there = if options.json { None } else { place.find()? };
    let value = match &there {
        None => parse(&options.value),
        Some(item) => convert(&options.value, item),
    };
    place.set(value.map_err(|failure| failure.below(&options.path))?)?;
    Ok(0)
}

pub(crate) fn remove(options: &Remove) -> Result<u8> {
    let store = options.store.change()?;
    let place = path::last(&store, &options.path)?;
    match options.force {
        true => {
            // For an error that suggests a similar name.
            place.get()?;
            store.delete_forced_at(&options.path.to_string())?;
        }
        false => place.remove()?,
    }
    Ok(0)
}

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
    let kind = kind(there);
    let expected = |expected: &str| -> Failure {
        Error::wrong_type(format!("`{}`", shortened(text, SHOWN)), expected.to_owned()).into()
    };
    macro_rules! value {
        ($($kind:ident $type:ident $typestr:literal $class:ident;)*) => {
            match kind {
                $(Kind::$kind => Value::from(text.parse::<$type>().map_err(|_| expected(kind.name()))?),)*
                Kind::Bool => Value::from(text.parse::<bool>().map_err(|_| expected("bool"))?),
                Kind::Str => Value::from(text.to_owned()),
                Kind::Bytes => Value::Bytes(unhex(text).ok_or_else(|| expected("hexadecimal digits"))?.into()),
                Kind::Null => parse(text)?,
                _ => match (parse(text)?, there) {
                    (lists @ Value::List(_), Item::Array(array)) => array_of(&array.dtype()?, &lists)?,
                    (value, _) if value.kind() == kind => value,
                    (_, Item::Array(_)) => return Err(expected("a list of numbers for an array")),
                    _ => return Err(expected(kind.name())),
                },
            }
        };
    }
    Ok(for_each_number!(value))
}

/// The array of this type that nested lists of numbers stand for.
fn array_of(dtype: &DType, lists: &Value<'_>) -> Result<Value<'static>> {
    if dtype.kind().is_none_or(|kind| kind == Kind::Bool) {
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
