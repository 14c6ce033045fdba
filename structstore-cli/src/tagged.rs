//! Documents: JSON and YAML that are read back as the values that they were written of.
//!
//! What these formats lack has a tag ([`to_document`]). Integers and floats stand for those of 64 bits where they are read, which equal
//! what was written.

use std::fmt;
use std::thread;

use serde::de::DeserializeSeed;
use structstore::binding_support::{from_document, to_document};
use structstore::{Error, Value};

use crate::json::Plain;
use crate::literal;

/// How deep the documents of values nest at most, with room for the refusal of what is deeper.
const DEPTH: usize = 144;
/// Enough stack for the parser of YAML to go that deep, which takes up to 20 KiB for each level.
const STACK: usize = 16 << 20;
/// How many nodes a document may have whatever its length.
const NODES: usize = 250_000;

/// Why a document is no value of a store.
pub enum Unreadable {
    /// What parses it says so.
    Syntax(String),
    /// What it stands for is no value: a number is beyond what a store holds, or a tag has other contents.
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

/// A value as YAML.
pub fn yaml(value: &Value<'_>) -> structstore::Result<String> {
    let document = to_document(value, false)?;
    // All that is left are kinds that YAML has.
    serde_saphyr::to_string(&document)
        .map_err(|error| Error::unsupported(error.to_string(), "a value that YAML can express"))
}

/// A value as YAML that any program reads: arrays as lists, and bytes as strings of hexadecimal digits.
pub fn plain_yaml(value: &Value<'_>) -> structstore::Result<String> {
    serde_saphyr::to_string(&Plain(value))
        .map_err(|error| Error::unsupported(error.to_string(), "a value that YAML can express"))
}

/// The value that JSON stands for.
pub fn read_json(json: &[u8]) -> Result<Value<'static>, Unreadable> {
    let value = serde_json::from_slice(json).map_err(|error| Unreadable::Syntax(error.to_string()))?;
    let verified = literal::verify(&value, true, |check| {
        let _ = check.deserialize(&mut serde_json::Deserializer::from_slice(json));
    });
    verified.and_then(|()| from_document(value)).map_err(Unreadable::Misfit)
}

/// The value that YAML stands for.
pub fn read_yaml(yaml: &[u8]) -> Result<Value<'static>, Unreadable> {
    thread::scope(|scope| {
        let reader = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, || parse_yaml(yaml));
        let reader = reader.map_err(|error| Unreadable::Syntax(format!("no thread to read it: {error}")))?;
        reader.join().unwrap_or_else(|_| Err(Unreadable::Syntax("the parser failed".to_owned())))
    })
}

fn parse_yaml(yaml: &[u8]) -> Result<Value<'static>, Unreadable> {
    // `.nan` and `.inf` are read as they are written. A document of any length may have as many nodes as that has room for, but
    // no more by its aliases.
    let options = || {
        let nodes = yaml.len().max(NODES);
        serde_saphyr::options! {
            non_finite_float_policy: serde_saphyr::NonFiniteFloatPolicy::PassThrough,
            // Version 1.2, in which `y` and `off` are strings, and no number is octal by a zero in front.
            strict_booleans: true,
            leading_zero_numbers_as_strings: true,
            underscored_numbers_as_strings: true,
            budget: serde_saphyr::budget! {
                max_nodes: nodes,
                max_events: nodes.saturating_mul(4),
                max_total_scalar_bytes: nodes,
                max_depth: DEPTH,
            },
        }
    };
    let value = serde_saphyr::from_slice_with_options(yaml, options())
        .map_err(|error| Unreadable::Syntax(error.to_string()))?;
    let verified = literal::verify(&value, false, |check| {
        let _ = serde_saphyr::with_deserializer_from_slice_with_options(yaml, options(), |deserializer| {
            check.deserialize(deserializer)
        });
    });
    verified.and_then(|()| from_document(value)).map_err(Unreadable::Misfit)
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::prelude::*;
    use structstore::binding_support::is_unprintable;
    use structstore::path::Path;
    use structstore::{ArrayValue, DType, Scalar};

    use super::*;
    use crate::json;

    #[test]
    fn documents_of_any_length_and_depth_are_read_back() {
        let pixels: Vec<u8> = (0..300_000_u32).map(|pixel| pixel as u8).collect();
        let frame = Value::from(ArrayValue::from_slice(&[500, 600], &pixels).unwrap());
        let nest = |value, _| Value::record([("a", value)]);
        for value in [Value::record([("frame", frame)]), (0..110).fold(1_i64.into(), nest)] {
            let document = to_document(&value, true).unwrap();
            let json = json::text(&document, &Path::ROOT, true).unwrap();
            assert!(read_json(&json).is_ok_and(|found| found == value));
            let yaml = yaml(&value).unwrap();
            assert!(read_yaml(yaml.as_bytes()).unwrap_or_else(|error| panic!("{error}")) == value);
        }
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
            let plain = yaml(&value).unwrap();
            assert_identical(&read_yaml(plain.as_bytes()).unwrap_or_else(|e| panic!("{plain}: {e}")), &value);
            assert!(
                text.contains(['\u{feff}', '\u{2028}', '\u{ffff}'])
                    || plain.contains(text)
                    || text.contains(['\n', '\\']),
                "{plain}"
            );
            let shown = json::yaml(&value, true).unwrap();
            assert_identical(&read_yaml(shown.as_bytes()).unwrap_or_else(|e| panic!("{shown}: {e}")), &value);
            assert!(!shown.contains(|c| is_unprintable(c) && c != '\n'), "{shown:?}");
            assert!(shown.contains("plain: x"), "{shown}");
        }
    }

    #[test]
    fn yaml_is_that_of_version_1_2() {
        let written =
            "x: 1\ny: 2\nn: no\non: off\n0x10: 1\n1_0: 01234\n1: true\nt: True\nbig: 1_000\nnothing: ~\n";
        let found = read_yaml(written.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(
            found.to_string(),
            r#"{"x": 1, "y": 2, "n": "no", "on": "off", "16": 1, "1_0": "01234", "1": true, "t": true, "big": "1_000", "nothing": null}"#
        );
    }

    #[test]
    fn integers_beyond_64_bits_are_no_floats() {
        let json = |text: &str| read_json(text.as_bytes()).map_err(|error| error.to_string());
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

    /// What is read where this was written: integers and floats of 64 bits.
    fn read_back(value: &Value<'_>) -> Value<'static> {
        let scalar = |scalar: &Scalar| match *scalar {
            Scalar::U64(value) => i64::try_from(value).map_or(value.into(), Value::from),
            Scalar::F32(value) => f64::from(value).into(),
            Scalar::Bool(_) | Scalar::F64(_) => Value::Scalar(*scalar),
            ref integer => i64::try_from(&Value::Scalar(*integer)).unwrap().into(),
        };
        match value {
            Value::Scalar(value) => scalar(value),
            Value::List(items) => Value::List(items.iter().map(read_back).collect()),
            Value::Struct(fields) => Value::Struct(
                fields.iter().map(|(name, field)| (name.to_string().into(), read_back(field))).collect(),
            ),
            other => without_payloads(other),
        }
    }

    /// The same array, of whose NaNs all are the same one.
    fn without_payloads(value: &Value<'_>) -> Value<'static> {
        let Value::Array(array) = value else { return value.clone().into_owned() };
        let mut data = array.data().to_vec();
        match array.dtype().descr() {
            "<f4" | "<c8" => data.as_chunks_mut().0.iter_mut().for_each(|bytes| {
                if f32::from_le_bytes(*bytes).is_nan() {
                    *bytes = f32::NAN.to_le_bytes();
                }
            }),
            "<f8" | "<c16" => data.as_chunks_mut().0.iter_mut().for_each(|bytes| {
                if f64::from_le_bytes(*bytes).is_nan() {
                    *bytes = f64::NAN.to_le_bytes();
                }
            }),
            _ => {}
        }
        ArrayValue::new(array.dtype().clone(), array.shape(), data).unwrap().into()
    }

    fn strings() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<String>(),
            "[ -~\t\n\r]{0,12}",
            "[\u{0}-\u{ff}\u{200b}-\u{200f}\u{2028}-\u{202e}\u{feff}\u{fffe}\u{ffff}\u{1f468}]{0,8}",
            // What YAML could take for something else.
            "[-+.~!?&*%@`|>=<:,#\\[\\]{}'\" ]{0,4}[a0]?",
            "[-+.0-9_eExXoObB:]{0,10}",
            prop::sample::select(&["$bytes", "$array", "$float", "$stream", "$struct", "$", "dtype"][..])
                .prop_map(String::from),
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
                "<M8[us]", "<U1", "<f2", "<m8[3D]",
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
        fn documents_are_exact(value in values()) {
            let expected = read_back(&value);
            let document = to_document(&value, true).unwrap();
            for indented in [false, true] {
                let text = json::text(&document, &Path::ROOT, indented).unwrap();
                let found = read_json(&text).map_err(|error| TestCaseError::fail(error.to_string()))?;
                assert_identical(&found, &expected);
            }
            let document = to_document(&value, false).unwrap();
            for text in [yaml(&value).unwrap(), json::yaml(&document, true).unwrap()] {
                let found = read_yaml(text.as_bytes());
                let found = found.map_err(|error| TestCaseError::fail(format!("{text}\n{error}")))?;
                prop_assert_eq!(format!("{found:?}"), format!("{expected:?}"), "{}", text);
            }
        }
    }
}
