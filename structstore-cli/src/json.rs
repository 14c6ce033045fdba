//! Values as JSON and YAML that any parser reads, and that no terminal minds.

use std::io::{self, Write};

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter};
use structstore::private::is_unprintable;
use structstore::{DType, Value};

use crate::failure::{Failure, Result};
use crate::output::Output;

/// A value as documents have it: bytes as hexadecimal digits, arrays of what is no number as a text that says so.
struct Document<'v>(&'v Value<'v>);

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::List(items) => {
                let mut sequence = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    sequence.serialize_element(&Document(item))?;
                }
                sequence.end()
            }
            Value::Struct(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (name, value) in fields {
                    map.serialize_entry(name.as_ref(), &Document(value))?;
                }
                map.end()
            }
            Value::Bytes(bytes) => serializer.serialize_str(&hex(bytes)),
            Value::Array(array) if is_number(array.dtype()) => array.serialize(serializer),
            // As the store itself prints it.
            Value::Array(_) => serializer.serialize_str(self.0.to_string().trim_matches('"')),
            other => other.serialize(serializer),
        }
    }
}

/// Whether elements of this type are numbers, or truth values, of JSON.
fn is_number(dtype: &DType) -> bool {
    const TYPES: [&str; 11] = ["|b1", "|i1", "<i2", "<i4", "<i8", "|u1", "<u2", "<u4", "<u8", "<f4", "<f8"];
    TYPES.contains(&dtype.descr())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Writes a value as JSON, on lines of its own or on one.
pub(crate) fn write(target: impl Write, value: &Value<'_>, indented: bool) -> io::Result<()> {
    Ok(match indented {
        true => Document(value).serialize(&mut serializer(target, PrettyFormatter::new())),
        false => Document(value).serialize(&mut serializer(target, CompactFormatter)),
    }?)
}

fn serializer<W: Write, F: Formatter>(target: W, inner: F) -> serde_json::Serializer<W, Printable<F>> {
    serde_json::Serializer::with_formatter(target, Printable(inner))
}

/// The same as text, with a line break.
pub(crate) fn text(value: &Value<'_>, indented: bool) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    write(&mut text, value, indented).map_err(Failure::file("write", "JSON"))?;
    text.push(b'\n');
    Ok(text)
}

/// Prints what a command has to say, on lines of its own if people read it.
pub(crate) fn print(report: &serde_json::Value, output: &mut Output) -> Result<()> {
    if !output.is_terminal() {
        return line(report, output);
    }
    let mut text = Vec::new();
    report
        .serialize(&mut serializer(&mut text, PrettyFormatter::new()))
        .map_err(|error| Failure::Other(format!("cannot write JSON: {error}")))?;
    text.push(b'\n');
    output.write(&text);
    Ok(())
}

/// Prints it on one line, wherever it goes.
pub(crate) fn line(report: &serde_json::Value, output: &mut Output) -> Result<()> {
    let mut text = Vec::new();
    report
        .serialize(&mut serializer(&mut text, CompactFormatter))
        .map_err(|error| Failure::Other(format!("cannot write JSON: {error}")))?;
    text.push(b'\n');
    output.write(&text);
    Ok(())
}

/// A value as a part of a report.
pub(crate) fn document(value: &Value<'_>) -> Result<serde_json::Value> {
    serde_json::to_value(Document(value))
        .map_err(|error| Failure::Other(format!("cannot write JSON: {error}")))
}

/// A value as YAML.
pub(crate) fn yaml(value: &Value<'_>) -> Result<String> {
    let text = serde_saphyr::to_string(&Document(value))
        .map_err(|error| Failure::Other(format!("cannot write this as YAML: {error}")))?;
    Ok(crate::text::printable(&text).into_owned())
}

/// JSON whose texts have escapes in place of characters that control a terminal.
struct Printable<F>(F);

macro_rules! forward {
    ($($name:ident($($argument:ident: $type:ty),*);)*) => {$(
        fn $name<W: Write + ?Sized>(&mut self, writer: &mut W $(, $argument: $type)*) -> io::Result<()> {
            self.0.$name(writer $(, $argument)*)
        }
    )*};
}

impl<F: Formatter> Formatter for Printable<F> {
    forward! {
        begin_array();
        end_array();
        begin_array_value(first: bool);
        end_array_value();
        begin_object();
        end_object();
        begin_object_key(first: bool);
        end_object_key();
        begin_object_value();
        end_object_value();
    }

    fn write_string_fragment<W: Write + ?Sized>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(is_unprintable) {
            let (plain, after) = rest.split_at(at);
            writer.write_all(plain.as_bytes())?;
            let mut characters = after.chars();
            // All of these lie in the first plane, so that one escape says them.
            if let Some(character) = characters.next() {
                write!(writer, "\\u{:04x}", character as u32)?;
            }
            rest = characters.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use structstore::ArrayValue;

    use super::*;

    #[test]
    fn documents_can_be_parsed_and_printed() {
        let opaque = ArrayValue::new(DType::new("<c8").unwrap(), &[1], vec![0; 8]).unwrap();
        let value = Value::record([
            ("\u{1b}[2J", Value::from("\u{9b}\u{202e}\n\"")),
            ("bytes", Value::Bytes(vec![0, 255].into())),
            ("nan", f64::NAN.into()),
            ("matrix", ArrayValue::from_slice(&[2, 1], &[1.5, 2.0]).unwrap().into()),
            ("opaque", opaque.into()),
            ("empty", Value::List(vec![])),
        ]);
        for indented in [true, false] {
            let text = String::from_utf8(super::text(&value, indented).unwrap()).unwrap();
            assert!(!text.trim_end().contains(|c| is_unprintable(c) && c != '\n'), "{text}");
            let parsed: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(parsed["\u{1b}[2J"], "\u{9b}\u{202e}\n\"");
            assert_eq!((&parsed["bytes"], &parsed["nan"]), (&"00ff".into(), &serde_json::Value::Null));
            assert_eq!(parsed["matrix"], serde_json::json!([[1.5], [2.0]]));
            assert_eq!(parsed["opaque"], "array of <c8 with shape [1]");
        }
        assert!(yaml(&value).unwrap().contains("bytes: 00ff"));
    }
}
