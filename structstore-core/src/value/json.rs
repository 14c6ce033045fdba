//! Values as JSON, for people. NaN and infinities, which JSON lacks, are written as Python and JavaScript do.

use std::fmt::{self, Formatter, Write};

use super::array::element_path;
use super::element::elements;
use super::{ArrayValue, Scalar, Value};
use crate::error::{Path, write_escaped};
use crate::limits::MAX_DEPTH;

/// Writes a value as JSON; indented if the alternate form is asked for.
///
/// Characters of strings that would control a terminal are escaped. Bytes are written as text of hexadecimal digits, arrays as nested lists, arrays of types that JSON has no
/// numbers for as strings of their elements or, where there is no way to say these, as their type and shape.
pub(crate) fn write_json(f: &mut Formatter<'_>, value: &Value<'_>) -> fmt::Result {
    let indent = f.alternate().then_some(0);
    write_value(f, value, indent)
}

/// The first number in a value that is NaN or infinite, which JSON has no way to write: where it is, and its name.
pub fn not_finite(value: &Value<'_>) -> Option<(Path, &'static str)> {
    let name = |scalar: &Scalar| scalar.float().and_then(float_name);
    first(value, &|part| match part {
        Value::Scalar(scalar) => name(scalar).map(|name| (Path::ROOT, name)),
        Value::Array(array) => {
            let numbers = array.numbers()?;
            let (at, name) = numbers.iter().enumerate().find_map(|(at, number)| Some((at, name(number)?)))?;
            Some((element_path(at, array.shape()), name))
        }
        Value::Stream(stream) => not_finite(stream.newest_value()),
        _ => None,
    })
}

/// The first array in a value whose elements are no numbers that JSON and YAML can write: where it is, and its element type.
pub fn not_numbers(value: &Value<'_>) -> Option<(Path, String)> {
    first(value, &|part| match part {
        Value::Array(array) if array.numbers().is_none() => Some((Path::ROOT, array.dtype().to_string())),
        Value::Stream(stream) => not_numbers(stream.newest_value()),
        _ => None,
    })
}

/// The first part of a value of which something is to be said, with the path of that.
fn first<T>(value: &Value<'_>, say: &dyn Fn(&Value<'_>) -> Option<(Path, T)>) -> Option<(Path, T)> {
    match value {
        Value::List(items) => items
            .iter()
            .enumerate()
            .find_map(|(index, item)| first(item, say).map(|(path, said)| (path.under(index), said))),
        Value::Struct(fields) => fields
            .iter()
            .find_map(|(name, field)| first(field, say).map(|(path, said)| (path.under(name), said))),
        leaf => say(leaf),
    }
}

pub(super) fn float_name(float: f64) -> Option<&'static str> {
    match float {
        _ if float.is_nan() => Some("NaN"),
        f64::INFINITY => Some("Infinity"),
        f64::NEG_INFINITY => Some("-Infinity"),
        _ => None,
    }
}

fn write_value(f: &mut Formatter<'_>, value: &Value<'_>, indent: Option<usize>) -> fmt::Result {
    match value {
        Value::Null => f.write_str("null"),
        Value::Scalar(scalar) => write_scalar(f, *scalar),
        Value::Str(text) => write_escaped(f, text),
        Value::Bytes(bytes) => {
            f.write_char('"')?;
            bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
            f.write_char('"')
        }
        Value::List(items) => {
            write_items(f, ('[', ']'), indent, items.iter(), |f, item, indent| write_value(f, item, indent))
        }
        Value::Struct(fields) => {
            write_items(f, ('{', '}'), indent, fields.iter(), |f, (name, value), indent| {
                write_escaped(f, name)?;
                f.write_str(": ")?;
                write_value(f, value, indent)
            })
        }
        Value::Array(array) => match array.numbers() {
            Some(numbers) => write_dimension(f, array.shape(), &numbers),
            None => match elements(array) {
                Some(elements) => write_value(f, &elements, None),
                None => write_opaque(f, array),
            },
        },
        Value::Stream(stream) => write_value(f, stream.newest_value(), indent),
    }
}

fn write_items<T>(
    f: &mut Formatter<'_>,
    (open, close): (char, char),
    indent: Option<usize>,
    items: impl ExactSizeIterator<Item = T>,
    mut write: impl FnMut(&mut Formatter<'_>, T, Option<usize>) -> fmt::Result,
) -> fmt::Result {
    // No further than a store nests: formatting refuses widths beyond 16 bits.
    let inner = indent.map(|indent| indent.saturating_add(2).min(2 * MAX_DEPTH));
    let empty = items.len() == 0;
    f.write_char(open)?;
    for (index, item) in items.enumerate() {
        match inner {
            Some(indent) => write!(f, "{}\n{:indent$}", if index == 0 { "" } else { "," }, "")?,
            None => f.write_str(if index == 0 { "" } else { ", " })?,
        }
        write(f, item, inner)?;
    }
    if let (Some(indent), false) = (indent, empty) {
        write!(f, "\n{:indent$}", "")?;
    }
    f.write_char(close)
}

fn write_scalar(f: &mut Formatter<'_>, scalar: Scalar) -> fmt::Result {
    match scalar.float().and_then(float_name) {
        Some(name) => f.write_str(name),
        None => write!(f, "{scalar}"),
    }
}

fn write_dimension(f: &mut Formatter<'_>, shape: &[usize], numbers: &[Scalar]) -> fmt::Result {
    let Some((extent, inner)) = shape.split_first() else {
        return numbers.first().map_or(Ok(()), |number| write_scalar(f, *number));
    };
    f.write_char('[')?;
    // An empty array may claim any extent beside its 0: it has no rows.
    let stride = numbers.len().checked_div(*extent).unwrap_or(0).max(1);
    for (index, row) in numbers.chunks_exact(stride).enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        write_dimension(f, inner, row)?;
    }
    f.write_char(']')
}

fn write_opaque(f: &mut Formatter<'_>, array: &ArrayValue<'_>) -> fmt::Result {
    write_escaped(f, &format!("{}{:?}", array.dtype(), array.shape()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Formatting panics at widths beyond 16 bits, which a value that was never in a store may nest to.
    #[test]
    fn a_value_of_any_depth_is_indented() {
        let shown = || {
            let nest = |value, _| Value::List(vec![value]);
            format!("{:#}", (0..40_000).fold(Value::Null, nest)).len()
        };
        let deep = std::thread::Builder::new().stack_size(1 << 30).spawn(shown).unwrap();
        assert!(deep.join().is_ok_and(|length| length > 40_000));
    }

    #[test]
    fn what_json_cannot_write_is_found_with_its_path() {
        let matrix =
            ArrayValue::from_slice(&[2, 3], &[0.0, 0.0, 0.0, 0.0, f64::NEG_INFINITY, f64::NAN]).unwrap();
        let opaque = ArrayValue::new(crate::DType::new("<c8").unwrap(), &[1], vec![0; 8]).unwrap();
        let value = Value::record([
            ("fine", Value::from(f64::MAX)),
            ("a.b", Value::List(vec![Value::Null, Value::record([("scan", matrix.into())])])),
            ("nan", f32::NAN.into()),
            ("list", Value::List(vec![opaque.into()])),
        ]);
        assert_eq!(not_finite(&value), Some((r#""a.b"[1].scan[1][1]"#.parse().unwrap(), "-Infinity")));
        assert_eq!(not_numbers(&value), Some(("list[0]".parse().unwrap(), "<c8".to_owned())));
        assert_eq!(not_finite(&f32::NAN.into()), Some((Path::ROOT, "NaN")));
        let fine = Value::record([("x", Value::from(f64::MIN_POSITIVE)), ("y", Value::list([1, 2]))]);
        assert_eq!((not_finite(&fine), not_numbers(&fine)), (None, None));
    }

    #[test]
    fn what_would_control_a_terminal_is_escaped() {
        let value = Value::record([("\u{1b}[2J", Value::from("\u{9b}\u{7f}\u{202e}\t世界"))]);
        assert_eq!(value.to_string(), r#"{"\u001b[2J": "\u009b\u007f\u202e\t世界"}"#);
    }
}
