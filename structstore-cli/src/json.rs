//! Values as JSON and YAML that any parser reads, and that no terminal minds.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};

use crate::path::shown;
use serde::de::DeserializeSeed;
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter};
use structstore::binding_support::{is_unprintable, not_finite, not_numbers};
use structstore::path::Path;
use structstore::{Error, Value};

use crate::failure::{Failure, Result};
use crate::literal;
use crate::output::Output;

/// A value as documents have it: bytes as hexadecimal digits, arrays of what is no number as a string that says so.
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
            Value::Array(array) if array.dtype().kind().is_some() => array.serialize(serializer),
            // As the store itself prints it.
            Value::Array(_) => serializer.serialize_str(self.0.to_string().trim_matches('"')),
            other => other.serialize(serializer),
        }
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Fails if JSON has no way to write a number in a value. What is below `path` is meant.
fn finite(value: &Value<'_>, path: &Path) -> Result<()> {
    match not_finite(value) {
        None => Ok(()),
        Some((inner, found)) => {
            let place = path.join(&inner);
            let reason = format!("JSON has no {found}; `dump --format yaml` writes it");
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
            let reason =
                format!("{format} has no numbers for an array of {dtype}; `dump --format snapshot` keeps it");
            Err(Failure::Other(format!("{}: {reason}", shown(&path))))
        }
    }
}

/// Writes a value as JSON, on lines of its own or on one.
fn write(target: impl Write, value: &Value<'_>, indented: bool) -> io::Result<()> {
    Ok(match indented {
        true => Document(value).serialize(&mut serializer(target, PrettyFormatter::new())),
        false => Document(value).serialize(&mut serializer(target, CompactFormatter)),
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

/// Why a document is no value of a store.
pub(crate) enum Unreadable {
    /// What parses it says so.
    Syntax(String),
    /// A number is beyond what a store holds.
    Misfit(Error),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unreadable::Syntax(message) => f.write_str(message),
            Unreadable::Misfit(error) => error.fmt(f),
        }
    }
}

/// The value that JSON stands for.
pub(crate) fn read(json: &[u8]) -> Result<Value<'static>, Unreadable> {
    let value = serde_json::from_slice(json).map_err(|error| Unreadable::Syntax(error.to_string()))?;
    let verified = literal::verify(&value, true, |check| {
        let _ = check.deserialize(&mut serde_json::Deserializer::from_slice(json));
    });
    verified.map_err(Unreadable::Misfit).map(|()| value)
}

/// The value that YAML stands for.
pub(crate) fn read_yaml(yaml: &[u8]) -> Result<Value<'static>, Unreadable> {
    // `.nan` and `.inf` are read as they are written.
    let options = || {
        serde_saphyr::options! { non_finite_float_policy: serde_saphyr::NonFiniteFloatPolicy::PassThrough }
    };
    let value = serde_saphyr::from_slice_with_options(yaml, options())
        .map_err(|error| Unreadable::Syntax(error.to_string()))?;
    let verified = literal::verify(&value, false, |check| {
        let _ = serde_saphyr::with_deserializer_from_slice_with_options(yaml, options(), |deserializer| {
            check.deserialize(deserializer)
        });
    });
    verified.map_err(Unreadable::Misfit).map(|()| value)
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
    use proptest::prelude::*;
    use structstore::{ArrayValue, DType, Scalar};

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
            assert_eq!(parsed["opaque"], "<c8[1]");
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
        assert_eq!(failure, "part.a[0]: JSON has no -Infinity; `dump --format yaml` writes it");
    }

    #[test]
    fn yaml_keeps_invisible_characters() {
        for text in [
            "می\u{200c}خواهم",
            "\u{1F468}\u{200d}\u{1F469}\u{200d}\u{1F467}",
            "co\u{ad}op",
            "\u{200f}abc",
            "\u{e0041}",
            "\u{feff}x",
            "\u{2028}\u{2029}\u{85}",
            "a\n\u{202e}b\n",
            "\u{ffff}",
            "\u{ffff}\u{ffff}\u{200c}",
            "say \"\\uFFFF\"",
            "\"\\uFFFF\nx",
            "\"\u{ffff}",
            "\"\u{ffff}\u{200c}",
            "\\u200c \u{200c} \\",
        ] {
            let value = Value::record([(text, Value::List(vec![text.into()])), ("plain", "x".into())]);
            let plain = yaml(&value, false).unwrap();
            assert_identical(&read_yaml(plain.as_bytes()).unwrap_or_else(|e| panic!("{plain}: {e}")), &value);
            assert!(
                text.contains(['\u{feff}', '\u{2028}', '\u{ffff}'])
                    || plain.contains(text)
                    || text.contains(['\n', '\\']),
                "{plain}"
            );
            let shown = yaml(&value, true).unwrap();
            assert_identical(&read_yaml(shown.as_bytes()).unwrap_or_else(|e| panic!("{shown}: {e}")), &value);
            assert!(!shown.contains(|c| is_unprintable(c) && c != '\n'), "{shown:?}");
            assert!(shown.contains("plain: x"), "{shown}");
        }
    }

    #[test]
    fn integers_beyond_64_bits_are_no_floats() {
        let json = |text: &str| read(text.as_bytes()).map_err(|error| error.to_string());
        let yaml = |text: &str| read_yaml(text.as_bytes()).map_err(|error| error.to_string());
        let digits = "9".repeat(100);
        for (text, misfit) in [
            (
                r#"{"a": [1e300, 1.5, 18446744073709551616], "b": 2}"#,
                "a[2]: 18446744073709551616 does not fit i64 or u64",
            ),
            (
                r#"{"x": 0, "a.b": {"c": -9223372036854775809}}"#,
                r#""a.b".c: -9223372036854775809 does not fit i64 or u64"#,
            ),
            (&format!("[[{digits}]]"), &format!("[0][0]: {}… does not fit i64 or u64", &digits[..59])),
        ] {
            assert_eq!(json(text).unwrap_err(), misfit);
            assert_eq!(yaml(text).unwrap_err(), misfit);
        }
        let fits =
            r#"{"a": [18446744073709551615, -9223372036854775808, 18446744073709551616.0, 1e300, -1e20]}"#;
        let value = Value::record([(
            "a",
            Value::List(vec![
                u64::MAX.into(),
                i64::MIN.into(),
                18446744073709551616.0.into(),
                1e300.into(),
                (-1e20).into(),
            ]),
        )]);
        assert_identical(&json(fits).unwrap(), &value);
        assert_identical(&yaml(fits).unwrap(), &value);
        let strings = "a: '99999999999999999999'\nb: &x 1e400\n";
        assert_eq!(yaml(strings).unwrap_err(), "b: 1e400 does not fit f64");
        let referred = "a: &x [.inf, -.INF, .nan]\nb: *x\n? [1]\n: 5\n";
        assert!(yaml(referred).is_err(), "no string is a key");
        let infinite = yaml("a: &x [.inf, -.INF]\nb: *x\n<<: {c: .inf}\n1: 1e300\n").unwrap();
        assert_eq!(
            infinite.to_string(),
            r#"{"a": [Infinity, -Infinity], "b": [Infinity, -Infinity], "1": 1e300, "c": Infinity}"#
        );
        assert!(json("1e400").is_err());
    }

    /// Equal also in the types of numbers, in the order of fields and in the bits of floats.
    fn assert_identical(found: &Value<'_>, expected: &Value<'_>) {
        assert_eq!(format!("{found:?}"), format!("{expected:?}"));
    }

    /// What is read where this was written: integers of 64 bits, lists of numbers for arrays, strings of digits for bytes.
    /// A float32 has its own digits.
    fn read_back(value: &Value<'_>) -> Value<'static> {
        let scalar = |scalar: &Scalar| match *scalar {
            Scalar::U64(value) => i64::try_from(value).map_or(value.into(), Value::from),
            Scalar::F32(value) if value.is_finite() => {
                let digits = serde_json::to_string(&value).unwrap();
                assert_eq!(digits.parse::<f32>().unwrap().to_bits(), value.to_bits());
                digits.parse::<f64>().unwrap().into()
            }
            Scalar::F32(value) => f64::from(value).into(),
            Scalar::Bool(_) | Scalar::F64(_) => Value::Scalar(*scalar),
            ref integer => i64::try_from(&Value::Scalar(*integer)).unwrap().into(),
        };
        fn rows(shape: &[usize], numbers: &mut impl Iterator<Item = Value<'static>>) -> Value<'static> {
            match shape.split_first() {
                None => numbers.next().unwrap(),
                Some((extent, inner)) => Value::List((0..*extent).map(|_| rows(inner, numbers)).collect()),
            }
        }
        match value {
            Value::Scalar(value) => scalar(value),
            Value::Bytes(bytes) => hex(bytes).into(),
            Value::List(items) => Value::List(items.iter().map(read_back).collect()),
            Value::Struct(fields) => Value::Struct(
                fields.iter().map(|(name, field)| (name.to_string().into(), read_back(field))).collect(),
            ),
            Value::Array(array) => rows(array.shape(), &mut array.numbers().unwrap().iter().map(scalar)),
            other => other.clone().into_owned(),
        }
    }

    fn strings() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<String>(),
            "[ -~\t\n\r]{0,12}",
            "[\u{0}-\u{ff}\u{200b}-\u{200f}\u{2028}-\u{202e}\u{feff}\u{fffe}\u{ffff}\u{1f468}]{0,8}",
            // What YAML could take for something else.
            "[-+.~!?&*%@`|>=<:,#\\[\\]{}'\" ]{0,4}[a0]?",
            "[-+.0-9_eExXoObB:]{0,10}",
            "(?i)true|false|yes|no|on|off|y|n|null|~|[-+]?[.]inf|[.]nan|---|[.]{3}|<<|=|0x1f|0o7|1e3|1_0|2024-01-01|12:30",
            "[a-z ]{70,120}",
            "( {0,3}[a-z]{0,3} {0,2}\n){1,4}[a-z]{0,2}",
        ]
    }

    fn floats() -> impl Strategy<Value = f64> {
        prop_oneof![
            any::<u64>().prop_map(f64::from_bits),
            any::<f64>(),
            any::<i64>().prop_map(|int| int as f64)
        ]
    }

    fn integers() -> impl Strategy<Value = Value<'static>> {
        prop_oneof![
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<i8>().prop_map(Value::from),
            any::<u32>().prop_map(Value::from),
            (0..3_i64).prop_map(|at| Value::from(i64::MIN + at)),
            (0..3_u64).prop_map(|at| Value::from(u64::MAX - at)),
            (0..6_u64).prop_map(|at| Value::from((1 << 63) - 3 + at)),
        ]
    }

    fn arrays() -> impl Strategy<Value = Value<'static>> {
        let shapes = prop::collection::vec(0..3_usize, 0..4);
        let dtypes = prop::sample::select(
            &[
                "|b1", "|i1", "<i2", "<i4", "<i8", "|u1", "<u2", "<u4", "<u8", "<f4", "<f8", "<c8", ">f8",
                "<M8[us]", "<U1",
            ][..],
        );
        (dtypes, shapes, any::<[u8; 32]>()).prop_map(|(dtype, shape, seed)| {
            let dtype = DType::new(dtype).unwrap();
            let count = shape.iter().product::<usize>() * dtype.itemsize();
            let bit = |byte: u8| if dtype.descr() == "|b1" { byte & 1 } else { byte };
            let data: Vec<u8> = seed.iter().cycle().take(count).map(|byte| bit(*byte)).collect();
            Value::Array(ArrayValue::new(dtype, &shape, data).unwrap())
        })
    }

    fn values() -> impl Strategy<Value = Value<'static>> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            integers(),
            floats().prop_map(Value::from),
            any::<u32>().prop_map(|bits| f32::from_bits(bits).into()),
            strings().prop_map(Value::from),
            any::<Vec<u8>>().prop_map(|bytes| Value::Bytes(bytes.into())),
            arrays(),
        ];
        let tree = leaf.prop_recursive(4, 24, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::List),
                fields(inner).prop_map(Value::Struct),
            ]
        });
        fields(tree).prop_map(Value::Struct)
    }

    type Fields = Vec<(Cow<'static, str>, Value<'static>)>;

    fn fields(value: impl Strategy<Value = Value<'static>>) -> impl Strategy<Value = Fields> {
        prop::collection::btree_map(strings(), value, 0..6)
            .prop_map(|fields| fields.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn documents_are_exact_or_refused(value in values()) {
            if numbers_only(&value, &Path::ROOT, "JSON").is_err() {
                return Ok(());
            }
            match super::text(&value, &Path::ROOT, true) {
                Ok(text) => {
                    let found = read(&text).map_err(|error| TestCaseError::fail(error.to_string()))?;
                    assert_identical(&found, &read_back(&value));
                }
                Err(_) => prop_assert!(not_finite(&value).is_some()),
            }
            for terminal in [false, true] {
                let text = yaml(&value, terminal).unwrap();
                let found = read_yaml(text.as_bytes());
                let found = found.map_err(|error| TestCaseError::fail(format!("{text}\n{error}")))?;
                let expected = read_back(&value);
                prop_assert_eq!(format!("{found:?}"), format!("{expected:?}"), "{}", text);
            }
        }
    }
}
