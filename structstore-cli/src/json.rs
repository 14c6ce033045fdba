//! Values as JSON and YAML that any parser reads, and that no terminal minds.

use std::borrow::Cow;
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

/// A value as YAML; for a terminal with escapes in place of what would control it, or could not be seen there.
pub(crate) fn yaml(value: &Value<'_>, terminal: bool) -> Result<String> {
    let marked;
    let mut document = value;
    if terminal {
        marked = mark(value);
        document = &marked;
    }
    let text = serde_saphyr::to_string(&Document(document))
        .map_err(|error| Failure::Other(format!("cannot write this as YAML: {error}")))?;
    Ok(if terminal { unmark(&text) } else { text })
}

/// What is put before a string that is to be quoted: never part of a text, always quoted and escaped.
const MARK: char = '\u{ffff}';
/// The beginning of a string that has it, as it is written.
const MARKED: &str = "\"\\uFFFF";

/// The same value with marks before all strings and names whose characters are to be escaped. Only between double quotes
/// YAML has escapes, and where a string needs none of them, what writes YAML does not quote it.
fn mark<'v>(value: &'v Value<'_>) -> Value<'v> {
    let marked = |text: &'v str| -> Cow<'v, str> {
        match text.contains(is_unprintable) || text.starts_with(MARK) || text.contains(MARKED) {
            true => format!("{MARK}{text}").into(),
            false => text.into(),
        }
    };
    match value {
        Value::Text(text) => Value::Text(marked(text)),
        Value::List(items) => Value::List(items.iter().map(mark).collect()),
        Value::Struct(fields) => {
            Value::Struct(fields.iter().map(|(name, value)| (marked(name), mark(value))).collect())
        }
        other => other.into(),
    }
}

/// Takes the marks out of YAML again, and writes the escapes.
fn unmark(yaml: &str) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(yaml.len());
    for (nth, piece) in yaml.split(MARKED).enumerate() {
        if nth > 0 {
            // What has an escape itself is a quote within a string.
            text.push_str(if text.ends_with('\\') { MARKED } else { "\"" });
        }
        for character in piece.chars() {
            match character {
                // These are no part of a marked string, where they have escapes already.
                '\n' | '\t' => text.push(character),
                // All of these lie in the first plane, so that one escape says them.
                hidden if is_unprintable(hidden) => {
                    let _ = write!(text, "\\u{:04X}", hidden as u32);
                }
                other => text.push(other),
            }
        }
    }
    text
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
        assert!(yaml(&value, false).unwrap().contains("bytes: 00ff"));
    }
}
