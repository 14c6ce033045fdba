//! Values as JSON and YAML that any parser reads, and that no terminal minds.

use std::borrow::Cow;
use std::io::{self, Write};

use crate::path::shown;
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter};
use structstore::Value;
use structstore::binding_support::{elements, hex, is_unprintable, not_finite, not_numbers};
use structstore::path::Path;

use crate::failure::{Failure, Result};
use crate::output::Output;

/// A value as people and other programs read it: bytes as hexadecimal digits, arrays as lists, those of what is no number as a string
/// that says so.
pub(crate) struct Plain<'v>(pub(crate) &'v Value<'v>);

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::List(items) => {
                let mut sequence = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    sequence.serialize_element(&Plain(item))?;
                }
                sequence.end()
            }
            Value::Struct(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (name, value) in fields {
                    map.serialize_entry(name.as_ref(), &Plain(value))?;
                }
                map.end()
            }
            Value::Bytes(bytes) => serializer.serialize_str(&hex(bytes)),
            Value::Array(array) if array.dtype().kind().is_some() => array.serialize(serializer),
            Value::Array(array) => match elements(array) {
                Some(elements) => Plain(&elements).serialize(serializer),
                // As the store itself prints it.
                None => serializer.serialize_str(self.0.to_string().trim_matches('"')),
            },
            other => other.serialize(serializer),
        }
    }
}

/// Fails if JSON has no way to write a number in a value. What is below `path` is meant.
fn finite(value: &Value<'_>, path: &Path) -> Result<()> {
    match not_finite(value) {
        None => Ok(()),
        Some((inner, found)) => {
            let place = path.join(&inner);
            let reason = format!("JSON has no {found}; `dump` writes it with a tag");
            Err(Failure::Other(format!("{}: {reason}", shown(&place))))
        }
    }
}

/// Fails if a value has an array that no list of numbers stands for. What is below `path` is meant.
pub(crate) fn numbers_only(value: &Value<'_>, path: &Path, format: &str) -> Result<()> {
    match not_numbers(value) {
        None => Ok(()),
        Some((inner, dtype)) => {
            let path = path.join(&inner);
            let reason = format!(
                "{format} has no numbers for an array of {dtype}; `dump` without --plain writes it with a tag"
            );
            Err(Failure::Other(format!("{}: {reason}", shown(&path))))
        }
    }
}

/// Writes a value as JSON, on lines of its own or on one.
fn write(target: impl Write, value: &Value<'_>, indented: bool) -> io::Result<()> {
    Ok(match indented {
        true => Plain(value).serialize(&mut serializer(target, PrettyFormatter::new())),
        false => Plain(value).serialize(&mut serializer(target, CompactFormatter)),
    }?)
}

fn serializer<W: Write, F: Formatter>(target: W, inner: F) -> serde_json::Serializer<W, Printable<F>> {
    serde_json::Serializer::with_formatter(target, Printable(inner))
}

/// What is found at a path as JSON, with a line break.
pub(crate) fn text(value: &Value<'_>, path: &Path, indented: bool) -> Result<Vec<u8>> {
    finite(value, path)?;
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

/// What is found at a path as a part of a report.
pub(crate) fn document(value: &Value<'_>, path: &Path) -> Result<serde_json::Value> {
    finite(value, path)?;
    serde_json::to_value(Plain(value)).map_err(|error| Failure::Other(format!("cannot write JSON: {error}")))
}

/// A value as YAML; for a terminal with escapes in place of what would control it, or could not be seen there.
pub(crate) fn yaml(value: &Value<'_>, terminal: bool) -> Result<String> {
    let marked;
    let mut document = value;
    if terminal {
        marked = mark(value);
        document = &marked;
    }
    let text = serde_saphyr::to_string(&Plain(document))
        .map_err(|error| Failure::Other(format!("cannot write this as YAML: {error}")))?;
    Ok(if terminal { unmark(&text) } else { text })
}

/// What is put before a string that is to be quoted: never part of a string, always quoted and escaped.
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
        Value::Str(text) => Value::Str(marked(text)),
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

/// JSON whose strings have escapes in place of characters that control a terminal.
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
    use structstore::{ArrayValue, DType};

    use super::*;

    #[test]
    fn documents_can_be_parsed_and_printed() {
        let opaque = ArrayValue::new(DType::new("<c8").unwrap(), &[1], vec![0; 8]).unwrap();
        let value = Value::record([
            ("\u{1b}[2J", Value::from("\u{9b}\u{202e}\n\"")),
            ("bytes", Value::Bytes(vec![0, 255].into())),
            ("matrix", ArrayValue::from_slice(&[2, 1], &[1.5, 2.0]).unwrap().into()),
            ("opaque", opaque.into()),
            ("empty", Value::List(vec![])),
        ]);
        for indented in [true, false] {
            let text = String::from_utf8(super::text(&value, &Path::ROOT, indented).unwrap()).unwrap();
            assert!(!text.trim_end().contains(|c| is_unprintable(c) && c != '\n'), "{text}");
            let parsed: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(parsed["\u{1b}[2J"], "\u{9b}\u{202e}\n\"");
            assert_eq!(parsed["bytes"], "00ff");
            assert_eq!(parsed["matrix"], serde_json::json!([[1.5], [2.0]]));
            assert_eq!(parsed["opaque"], serde_json::json!(["0.0+0.0j"]));
        }
        assert!(yaml(&value, false).unwrap().contains("bytes: 00ff"));
        assert!(
            numbers_only(&value, &Path::ROOT, "JSON")
                .unwrap_err()
                .to_string()
                .starts_with("opaque: JSON has no numbers")
        );
        let value = Value::record([("a", Value::List(vec![f64::NEG_INFINITY.into()]))]);
        let failure = super::text(&value, &"part".parse().unwrap(), true).unwrap_err().to_string();
        assert_eq!(failure, "part.a[0]: JSON has no -Infinity; `dump` writes it with a tag");
    }
}
