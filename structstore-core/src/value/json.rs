//! Values as JSON, for people. NaN and infinities, which JSON lacks, are written as Python and JavaScript do.

use std::fmt::{self, Formatter, Write};

use super::{ArrayValue, Scalar, Value};
use crate::error::is_unprintable;
use crate::lock::MAX_DEPTH;

/// Writes a value as JSON; indented if the alternate form is asked for.
///
/// Characters of texts that would control a terminal are escaped. Bytes are written as text of hexadecimal digits, arrays as nested lists, arrays of types that JSON has no
/// numbers for as their type and shape.
pub(crate) fn write_json(f: &mut Formatter<'_>, value: &Value<'_>) -> fmt::Result {
    let indent = f.alternate().then_some(0);
    write_value(f, value, indent)
}

fn write_value(f: &mut Formatter<'_>, value: &Value<'_>, indent: Option<usize>) -> fmt::Result {
    match value {
        Value::Null => f.write_str("null"),
        Value::Scalar(scalar) => write_scalar(f, *scalar),
        Value::Text(text) => write_text(f, text),
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
                write_text(f, name)?;
                f.write_str(": ")?;
                write_value(f, value, indent)
            })
        }
        Value::Array(array) => match array.numbers() {
            Some(numbers) => write_dimension(f, array.shape(), &numbers),
            None => write_opaque(f, array),
        },
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
    let float = match scalar {
        Scalar::F32(value) => f64::from(value),
        Scalar::F64(value) => value,
        _ => return write!(f, "{scalar}"),
    };
    if float.is_nan() {
        f.write_str("NaN")
    } else if float.is_infinite() {
        f.write_str(if float > 0.0 { "Infinity" } else { "-Infinity" })
    } else {
        write!(f, "{scalar}")
    }
}

fn write_text(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for character in text.chars() {
        match character {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            // All of these lie in the first plane, so that one escape says them.
            control if is_unprintable(control) => write!(f, "\\u{:04x}", control as u32)?,
            other => f.write_char(other)?,
        }
    }
    f.write_char('"')
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
    write_text(f, &format!("array of {} with shape {:?}", array.dtype(), array.shape()))
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
    fn what_would_control_a_terminal_is_escaped() {
        let value = Value::record([("\u{1b}[2J", Value::from("\u{9b}\u{7f}\u{202e}\t世界"))]);
        assert_eq!(value.to_string(), r#"{"\u001b[2J": "\u009b\u007f\u202e\t世界"}"#);
    }
}
