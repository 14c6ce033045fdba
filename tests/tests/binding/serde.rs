//! Values, structs and stores through serde, in every shape of its data model.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::net::IpAddr;

use proptest::prelude::*;
use serde::de::{DeserializeOwned, DeserializeSeed, EnumAccess, MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use structstore::serial::{as_array, from_value, to_value};
use structstore::stream::Stream;
use structstore::{Array, ArrayValue, DType, ErrorKind, Kind, Scalar, StructStore, Value};
use structstore_tests::Memory;

/// Converts to a value and back, also through a store.
fn round_trip<T: Serialize + DeserializeOwned + PartialEq + Debug>(original: &T) -> Value<'static> {
    let value = to_value(original).unwrap();
    assert_eq!(&from_value::<T>(&value).unwrap(), original);
    assert_identical(&to_value(&value).unwrap(), &value);
    assert_identical(&from_value::<Value>(&value).unwrap(), &value);
    let store = Memory::store();
    store.set_serde("field", original).unwrap();
    assert_eq!(&store.get_serde::<T>("field").unwrap(), original);
    store.check().unwrap();
    value
}

/// Compares types of numbers, order of fields and NaN as well, which `==` does not.
fn assert_identical(a: &Value<'_>, b: &Value<'_>) {
    assert_eq!(format!("{a:?}"), format!("{b:?}"));
}

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
struct Unit;

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
struct Meters(f64);

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
struct Pair(i8, String);

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
enum Shape {
    Point,
    Circle(f64),
    Box(f32, u16),
    Polygon { corners: Vec<(i32, i32)>, closed: bool },
}

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
#[serde(tag = "kind")]
enum Internal {
    Off,
    On { level: u8 },
}

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
#[serde(tag = "kind", content = "value")]
enum Adjacent {
    Off,
    Level(u8),
    Range { low: f64, high: f64 },
}

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
#[serde(untagged)]
enum Untagged {
    Number(i64),
    Text(String),
    Pair(f64, bool),
    Named { name: String },
}

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
struct Flattened {
    id: u32,
    #[serde(flatten)]
    limits: Limits,
    #[serde(flatten)]
    rest: BTreeMap<String, i64>,
}

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
struct Limits {
    low: f64,
    high: f64,
}

#[test]
fn scalars_keep_their_exact_type() {
    let value = round_trip(&(i8::MIN, i16::MIN, i32::MIN, i64::MIN, true));
    let Value::List(items) = &value else { panic!("{value}") };
    let kinds: Vec<Kind> = items.iter().map(Value::kind).collect();
    assert_eq!(kinds, [Kind::I8, Kind::I16, Kind::I32, Kind::I64, Kind::Bool]);
    let value = round_trip(&(7_u8, 7_u16, 7_u32, 7_u64, f32::MIN_POSITIVE, f64::MAX));
    let Value::List(items) = &value else { panic!("{value}") };
    let kinds: Vec<Kind> = items.iter().map(Value::kind).collect();
    assert_eq!(kinds, [Kind::U8, Kind::U16, Kind::U32, Kind::U64, Kind::F32, Kind::F64]);
    round_trip(&(u8::MAX, u16::MAX, u32::MAX, u64::MAX));
    let value = to_value(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY]).unwrap();
    let back: Vec<f64> = from_value(&value).unwrap();
    assert!(back[0].is_nan() && back[1] == f64::INFINITY && back[2] == f64::NEG_INFINITY);
    assert_identical(&from_value::<Value>(&value).unwrap(), &value);
    assert_identical(&to_value(&value).unwrap(), &value);
}

#[test]
fn integers_become_any_type_that_they_fit() {
    let small = to_value(&200_u64).unwrap();
    assert_eq!(from_value::<u8>(&small).unwrap(), 200);
    assert_eq!(from_value::<i128>(&small).unwrap(), 200);
    assert_eq!(from_value::<f32>(&small).unwrap(), 200.0);
    let error = from_value::<i8>(&small).unwrap_err();
    assert!(
        error.kind() == ErrorKind::OutOfRange
            && (error.found(), error.expected()) == (Some("200"), Some("i8"))
    );
    assert!(
        matches!(from_value::<u8>(&to_value(&-1).unwrap()), Err(error) if error.kind() == ErrorKind::OutOfRange)
    );
    assert!(
        matches!(from_value::<i32>(&to_value(&1.5).unwrap()), Err(error) if error.kind() == ErrorKind::WrongType)
    );
    assert_eq!(from_value::<f64>(&to_value(&0.1_f32).unwrap()).unwrap(), f64::from(0.1_f32));
    assert_eq!(from_value::<f32>(&to_value(&0.1_f64).unwrap()).unwrap(), 0.1_f32);
}

#[test]
fn wide_integers_fit_64_bits_or_fail() {
    assert_eq!(to_value(&-5_i128).unwrap().kind(), Kind::I64);
    assert_eq!(to_value(&u128::from(u64::MAX)).unwrap().kind(), Kind::U64);
    round_trip(&(i128::from(i64::MIN), i128::from(u64::MAX), 7_u128));
    for error in [
        to_value(&BTreeMap::from([("counts", (0, u128::MAX))])).unwrap_err(),
        to_value(&BTreeMap::from([("counts", (0, i128::MIN))])).unwrap_err(),
    ] {
        assert!(error.kind() == ErrorKind::OutOfRange && error.path().unwrap() == "counts[1]", "{error}");
    }
}

#[test]
fn shapes_of_the_data_model_match_json() {
    for (value, text) in [
        (round_trip(&Unit), "null"),
        (round_trip(&()), "null"),
        (round_trip(&None::<u8>), "null"),
        (round_trip(&Some(Meters(2.5))), "2.5"),
        (round_trip(&'é'), r#""é""#),
        (round_trip(&Pair(-1, "a".to_owned())), r#"[-1, "a"]"#),
        (round_trip(&[(1, 'x'); 2]), r#"[[1, "x"], [1, "x"]]"#),
        (round_trip(&Shape::Point), r#""Point""#),
        (round_trip(&Shape::Circle(0.5)), r#"{"Circle": 0.5}"#),
        (round_trip(&Shape::Box(1.0, 2)), r#"{"Box": [1.0, 2]}"#),
        (
            round_trip(&Shape::Polygon { corners: vec![(1, 2)], closed: true }),
            r#"{"Polygon": {"corners": [[1, 2]], "closed": true}}"#,
        ),
        (round_trip(&Internal::Off), r#"{"kind": "Off"}"#),
        (round_trip(&Internal::On { level: 3 }), r#"{"kind": "On", "level": 3}"#),
        (round_trip(&Adjacent::Off), r#"{"kind": "Off"}"#),
        (round_trip(&Adjacent::Level(3)), r#"{"kind": "Level", "value": 3}"#),
        (
            round_trip(&Adjacent::Range { low: 0.0, high: 1.0 }),
            r#"{"kind": "Range", "value": {"low": 0.0, "high": 1.0}}"#,
        ),
        (round_trip(&Untagged::Number(-4)), "-4"),
        (round_trip(&Untagged::Text("a".to_owned())), r#""a""#),
        (round_trip(&Untagged::Pair(0.5, true)), "[0.5, true]"),
        (round_trip(&Untagged::Named { name: "n".to_owned() }), r#"{"name": "n"}"#),
        (
            round_trip(&Flattened {
                id: 1,
                limits: Limits { low: 0.0, high: 2.0 },
                rest: BTreeMap::from([("extra".to_owned(), 5)]),
            }),
            r#"{"id": 1, "low": 0.0, "high": 2.0, "extra": 5}"#,
        ),
        (round_trip(&"127.0.0.1".parse::<IpAddr>().unwrap()), r#""127.0.0.1""#),
    ] {
        assert_eq!(value.to_string(), text);
    }
    // `Some(None)` becomes `None`, as in JSON. Only this does not round-trip.
    assert_eq!(from_value::<Option<Option<u8>>>(&to_value(&Some(None::<u8>)).unwrap()).unwrap(), None);
    assert_eq!(from_value::<Option<Option<u8>>>(&to_value(&Some(Some(1))).unwrap()).unwrap(), Some(Some(1)));
}

#[derive(Serialize, Deserialize, PartialEq, Eq, PartialOrd, Ord, Debug, Clone, Copy)]
enum Axis {
    X,
    Y,
}

#[derive(Serialize, Deserialize, PartialEq, Eq, PartialOrd, Ord, Debug, Clone, Copy)]
struct Id(u16);

#[test]
fn keys_of_maps_are_text_and_parsed_back() {
    assert_eq!(round_trip(&BTreeMap::from([(-3_i8, 1), (4, 2)])).to_string(), r#"{"-3": 1, "4": 2}"#);
    assert_eq!(
        round_trip(&BTreeMap::from([(false, 1), (true, 2)])).to_string(),
        r#"{"false": 1, "true": 2}"#
    );
    assert_eq!(round_trip(&BTreeMap::from([('a', 1)])).to_string(), r#"{"a": 1}"#);
    assert_eq!(round_trip(&BTreeMap::from([(Axis::Y, 1)])).to_string(), r#"{"Y": 1}"#);
    assert_eq!(round_trip(&BTreeMap::from([(Id(7), 1)])).to_string(), r#"{"7": 1}"#);
    round_trip(&BTreeMap::from([(u64::MAX, 1), (u64::MIN, 2)]));
    round_trip(&BTreeMap::from([(i128::MIN, 1), (i128::MAX, 2)]));

    let nested = BTreeMap::from([("by", BTreeMap::from([((1, 2), 3)]))]);
    let error = to_value(&nested).unwrap_err();
    assert!(error.kind() == ErrorKind::Unsupported && error.path().unwrap() == "by", "{error}");
    assert!(
        matches!(to_value(&BTreeMap::from([(None::<u8>, 1)])), Err(error) if error.kind() == ErrorKind::Unsupported)
    );
    let error = from_value::<BTreeMap<u8, i32>>(&Value::record([("x", 1.into())])).unwrap_err();
    assert_eq!(error.to_string(), "x: found str, expected u8");
    let error = from_value::<BTreeMap<u8, i32>>(&Value::record([("300", 1.into())])).unwrap_err();
    assert_eq!(error.path().unwrap(), "300");
}

#[test]
fn texts_and_bytes_are_borrowed_from_the_value() {
    #[derive(Deserialize)]
    struct Borrowed<'a> {
        name: &'a str,
        data: &'a [u8],
    }
    let value = Value::record([("name", "left".into()), ("data", Value::bytes(&[1_u8, 2, 3]))]);
    let borrowed: Borrowed<'_> = from_value(&value).unwrap();
    let Some(Value::Str(name)) = value.get("name") else { panic!("{value}") };
    assert_eq!(borrowed.name.as_ptr(), name.as_ptr());
    assert_eq!(borrowed.data, [1, 2, 3]);
    assert_eq!(from_value::<Vec<u8>>(value.get("data").unwrap()).unwrap(), [1, 2, 3]);
    assert_identical(&to_value(&value).unwrap(), &value);
}

#[test]
fn errors_name_the_path() {
    #[derive(Deserialize, Debug)]
    #[expect(dead_code, reason = "never made")]
    struct Rig {
        cameras: Vec<Camera>,
    }
    #[derive(Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "never made")]
    struct Camera {
        name: String,
        limits: Limits,
        shape: Option<Shape>,
        pair: Option<(u8, u8)>,
    }
    let limits = Value::record([("low", 0.0.into()), ("high", 1.into())]);
    let camera = |fields: Vec<(&'static str, Value<'static>)>| {
        let mut all = vec![("name", Value::from("left")), ("limits", limits.clone())];
        for (name, value) in fields {
            all.retain(|(other, _)| *other != name);
            all.push((name, value));
        }
        let good = Value::record([("name", "right".into()), ("limits", limits.clone())]);
        Value::record([("cameras", Value::List(vec![good, Value::record(all)]))])
    };
    from_value::<Rig>(&camera(vec![])).unwrap();
    let text = |low: &'static str| Value::record([("low", low.into()), ("high", 1.into())]);
    let variant = |name: &'static str, value: Value<'static>| Value::record([(name, value)]);
    for (fields, message) in [
        (vec![("name", 5.into())], "cameras[1].name: found the integer 5, expected a string"),
        (vec![("limits", text("deep"))], "cameras[1].limits.low: found str, expected f64"),
        (vec![("limits", Value::record([("low", 1.into())]))], "cameras[1].limits.high: no such field"),
        (vec![("limits", Value::Null)], "cameras[1].limits: found null, expected struct Limits"),
        (
            vec![("colour", 1.into())],
            "cameras[1].colour: unknown field `colour`, expected one of `name`, `limits`, `shape`, `pair`",
        ),
        (vec![("pair", Value::list([1, 300]))], "cameras[1].pair[1]: 300 does not fit u8"),
        (vec![("pair", Value::list([1]))], "cameras[1].pair: found 1 items, expected a tuple of size 2"),
        (vec![("pair", Value::list([1, 2, 3]))], "cameras[1].pair: found 3 items, expected fewer"),
        (
            vec![("shape", "Blob".into())],
            "cameras[1].shape: unknown variant `Blob`, expected one of `Point`, `Circle`, `Box`, `Polygon`",
        ),
        (
            vec![("shape", variant("Circle", "wide".into()))],
            "cameras[1].shape.Circle: found str, expected f64",
        ),
        (
            vec![("shape", variant("Polygon", variant("corners", Value::List(vec![Value::Null]))))],
            "cameras[1].shape.Polygon.corners[0]: found null, expected a tuple of size 2",
        ),
    ] {
        assert_eq!(from_value::<Rig>(&camera(fields)).unwrap_err().to_string(), message);
    }
    // Errors contain only the beginning of a found string, and no control characters.
    let blob: Value<'static> = format!("\u{1b}[2J{}", "x".repeat(1000)).into();
    for (fields, found) in [
        (vec![("shape", blob)], "shape: unknown variant `\\u{1b}[2Jxxx"),
        (vec![("\u{9b}", 1.into())], "\"\\u009b\": unknown field `\\u{9b}`"),
    ] {
        let message = from_value::<Rig>(&camera(fields)).unwrap_err().to_string();
        assert!(message.starts_with(&format!("cameras[1].{found}")) && message.len() < 200, "{message}");
    }

    struct Refusing;
    impl Serialize for Refusing {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("out of film"))
        }
    }
    let error = to_value(&BTreeMap::from([("cameras", [Some(Refusing)])])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert_eq!(error.to_string(), "cameras[0]: out of film");
    let store = StructStore::new();
    let error = store.ensure_struct("rig").unwrap().set_serde("cameras", &[Refusing]).unwrap_err();
    assert_eq!(error.to_string(), "rig.cameras[0]: out of film");
    assert!(store.at("rig").unwrap().is_empty().unwrap());
}

/// The given number of nested lists.
struct Nest(usize);

impl Serialize for Nest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 == 0 { serializer.serialize_i32(1) } else { serializer.collect_seq([Nest(self.0 - 1)]) }
    }
}

#[derive(Serialize, Deserialize, Debug)]
enum Chain {
    End,
    Link(Box<Chain>),
}

/// Its levels do not become nested values.
#[derive(Serialize, Deserialize, Debug)]
struct Wrapped(Option<Box<Wrapped>>);

fn is_too_deep<T>(result: structstore::Result<T>) -> bool {
    matches!(&result, Err(error) if (error.kind(), error.expected()) == (ErrorKind::TooDeep, Some("128")))
}

#[test]
fn depth_is_bounded_both_ways() {
    let deepest = to_value(&Nest(128)).unwrap();
    assert!(is_too_deep(to_value(&Nest(129))));
    assert!(is_too_deep(to_value(&Nest(100_000))));
    assert_identical(&from_value::<Value>(&deepest).unwrap(), &deepest);
    let deeper = Value::List(vec![deepest.clone()]);
    assert!(is_too_deep(to_value(&deeper)));
    assert!(is_too_deep(from_value::<serde_json::Value>(&deeper)));
    assert!(is_too_deep(StructStore::new().set_serde("deep", &deepest)));
    StructStore::new().set_serde("deep", &Nest(127)).unwrap();

    let mut chain = (0..100_000).fold(Chain::End, |chain, _| Chain::Link(Box::new(chain)));
    assert!(is_too_deep(to_value(&chain)));
    // Link by link, because dropping the whole chain recurses without bound.
    while let Chain::Link(rest) = chain {
        chain = *rest;
    }
    let short = (0..100).fold(Chain::End, |chain, _| Chain::Link(Box::new(chain)));
    let value = to_value(&short).unwrap();
    assert_eq!(format!("{:?}", from_value::<Chain>(&value).unwrap()), format!("{short:?}"));

    let mut wrapped = (0..100_000).fold(Wrapped(None), |wrapped, _| Wrapped(Some(Box::new(wrapped))));
    assert!(is_too_deep(to_value(&wrapped)));
    while let Wrapped(Some(rest)) = wrapped {
        wrapped = *rest;
    }
    assert!(is_too_deep(from_value::<Wrapped>(&Value::from(1))));

    let json = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(serde_json::from_str::<Value>(&json).is_err());
    let json = format!("{}1{}", "[".repeat(100), "]".repeat(100));
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), to_value(&Nest(100)).unwrap());
    // A deserializer without any bound of its own.
    struct Endless;
    impl<'de> Deserializer<'de> for Endless {
        type Error = serde::de::value::Error;
        fn deserialize_any<V: serde::de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
            visitor.visit_seq(serde::de::value::SeqDeserializer::new([Endless].into_iter()))
        }
        serde::forward_to_deserialize_any! {
            bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
            unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
        }
    }
    impl serde::de::IntoDeserializer<'_> for Endless {
        type Deserializer = Endless;
        fn into_deserializer(self) -> Endless {
            self
        }
    }
    assert!(Value::deserialize(Endless).unwrap_err().to_string().contains("nested deeper"));
}

fn arrays() -> Vec<Value<'static>> {
    let array = |dtype: &str, shape: &[usize], data: Vec<u8>| {
        Value::Array(ArrayValue::new(DType::new(dtype).unwrap(), shape, data).unwrap())
    };
    let structured = DType::structured("[('x', '<f4'), ('n', '|u1')]", 5).unwrap();
    vec![
        array("<f8", &[2, 3], (0..48).collect()),
        array("<f4", &[0, 3], vec![]),
        array("<i2", &[3, 0], vec![]),
        array("|b1", &[3], vec![0, 1, 1]),
        array(">i4", &[2], (0..8).collect()),
        array("<c16", &[1], (0..16).collect()),
        array("<M8[us]", &[1, 1], (0..8).collect()),
        array("<U2", &[1], b"a\0\0\0b\0\0\0".to_vec()),
        array("|i1", &[], vec![200]),
        Value::Array(ArrayValue::new(structured, &[2], (0..10).collect::<Vec<u8>>()).unwrap()),
    ]
}

#[test]
fn arrays_stay_arrays_between_values() {
    let value = Value::List(arrays());
    assert_identical(&to_value(&value).unwrap(), &value);
    assert_identical(&from_value::<Value>(&value).unwrap(), &value);
    let nested = Value::record([("all", value.clone())]);
    assert_identical(&from_value::<BTreeMap<String, Value>>(&nested).unwrap()["all"], &value);
    // At the greatest depth that an array may have.
    let array = Value::from([1.0_f32, 2.0]);
    let deepest = (0..127).fold(array, |inner, _| Value::List(vec![inner]));
    assert_identical(&to_value(&deepest).unwrap(), &deepest);
    assert_identical(&from_value::<Value>(&deepest).unwrap(), &deepest);
    let deeper = Value::List(vec![deepest]);
    assert!(is_too_deep(to_value(&deeper)));
    assert!(is_too_deep(from_value::<Value>(&deeper)));
    let deeper = (0..128).fold(Value::from("deep"), |inner, _| Value::List(vec![inner]));
    assert!(is_too_deep(to_value(&deeper)));
    assert!(is_too_deep(from_value::<Value>(&deeper)));
}

#[test]
fn arrays_are_nested_sequences_in_other_formats() {
    let array = Value::Array(ArrayValue::from_slice(&[2, 2], &[1_u8, 2, 3, 4]).unwrap().clone());
    assert_eq!(serde_json::to_string(&array).unwrap(), "[[1,2],[3,4]]");
    assert_eq!(from_value::<Vec<Vec<i64>>>(&array).unwrap(), [[1, 2], [3, 4]]);
    assert_eq!(from_value::<[(f32, u8); 2]>(&array).unwrap(), [(1.0, 2), (3.0, 4)]);
    assert_eq!(from_value::<serde_json::Value>(&array).unwrap(), serde_json::json!([[1, 2], [3, 4]]));
    assert!(from_value::<Untagged>(&Value::from([0.5_f64, 1.0])).is_err());
    let error = from_value::<Vec<Vec<bool>>>(&array).unwrap_err();
    assert_eq!(error.to_string(), "[0][0]: found the integer 1, expected a boolean");
    assert_eq!(from_value::<[[u8; 2]; 1]>(&array).unwrap_err().to_string(), "found 2 items, expected fewer");
    let shown: Vec<_> = arrays().iter().map(|array| serde_json::to_string(array).ok()).collect();
    let expected = [Some("[]"), Some("[[],[],[]]"), Some("[false,true,true]"), None, None, None, None];
    assert_eq!(shown[1..8], expected.map(|text| text.map(str::to_owned)));
    assert_eq!(shown[8].as_deref(), Some("-56"));
    let error = serde_json::to_string(&arrays()[9]).unwrap_err();
    assert!(error.to_string().contains("array of [('x'"), "{error}");
    let error = from_value::<Vec<i64>>(&Value::record([("times", arrays()[6].clone())])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongType);
    let error = from_value::<BTreeMap<String, Vec<i64>>>(&Value::record([("times", arrays()[6].clone())]));
    assert_eq!(error.unwrap_err().to_string(), "times: found an array of <M8[us], expected a sequence");
}

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
struct Scan {
    #[serde(with = "as_array")]
    ranges: Vec<f32>,
    #[serde(with = "as_array")]
    pose: [[f64; 3]; 2],
    #[serde(with = "as_array")]
    points: Vec<[i16; 2]>,
    #[serde(with = "as_array")]
    grid: [u8; 4],
    #[serde(with = "as_array")]
    nothing: Vec<[[u64; 2]; 3]>,
}

fn scan() -> Scan {
    Scan {
        ranges: vec![0.5, f32::MAX],
        pose: [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]],
        points: vec![[1, 2], [3, 4], [5, 6]],
        grid: [1, 2, 3, 4],
        nothing: vec![],
    }
}

#[test]
fn as_array_stores_sequences_as_arrays() {
    let value = round_trip(&scan());
    let shapes = [("ranges", "<f4", vec![2]), ("pose", "<f8", vec![2, 3]), ("points", "<i2", vec![3, 2])];
    for (name, dtype, shape) in
        shapes.into_iter().chain([("grid", "|u1", vec![4]), ("nothing", "<u8", vec![0, 3, 2])])
    {
        let Some(Value::Array(array)) = value.get(name) else { panic!("{name} in {value}") };
        assert_eq!((array.dtype().descr(), array.shape()), (dtype, shape.as_slice()), "{name}");
    }
    // Other formats get and give plain sequences.
    let json = serde_json::to_value(scan()).unwrap();
    assert_eq!(json["points"], serde_json::json!([[1, 2], [3, 4], [5, 6]]));
    assert_eq!(serde_json::from_value::<Scan>(json.clone()).unwrap(), scan());
    // The field also accepts lists, and arrays of other types.
    let lists: Value = serde_json::from_value(json).unwrap();
    assert_eq!(lists.get("pose").unwrap().kind(), Kind::List);
    assert_eq!(from_value::<Scan>(&lists).unwrap(), scan());
    let other = |name: &'static str, with: Value<'static>| {
        let Value::Struct(fields) = to_value(&scan()).unwrap() else { panic!() };
        Value::Struct(
            fields
                .into_iter()
                .map(|(at, old)| if at == name { (at, with.clone()) } else { (at, old) })
                .collect(),
        )
    };
    assert_eq!(from_value::<Scan>(&other("ranges", [1_i64, 2].into())).unwrap().ranges, [1.0, 2.0]);
    let bytes = other("grid", Value::bytes(vec![9_u8, 8, 7, 6]));
    assert_eq!(from_value::<Scan>(&bytes).unwrap().grid, [9, 8, 7, 6]);
    let rows = |count: usize| {
        let numbers: Vec<f64> = (0..count * 3).map(|at| at as f64).collect();
        Value::Array(ArrayValue::from_slice(&[count, 3], &numbers).unwrap()).into_owned()
    };
    assert_eq!(from_value::<Scan>(&other("pose", rows(2))).unwrap(), scan());
    for (name, with, message) in [
        ("pose", rows(3), "pose: found f64[3, 3], expected numbers with shape [2, 3]"),
        ("points", [1_i16, 2].into(), "points: found i16[2], expected numbers with shape [any, 2]"),
        (
            "points",
            Value::List(vec![Value::list([1, 2, 3])]),
            "points[0]: found 3 items, expected a sequence of length 2",
        ),
        (
            "points",
            Value::List(vec![Value::list([1])]),
            "points[0]: found 1 items, expected a sequence of length 2",
        ),
        ("grid", [1_i64, 2, 3, 300].into(), "grid: 300 does not fit u8"),
        ("grid", Value::list([1, 2, 3, 300]), "grid[3]: 300 does not fit u8"),
        ("grid", [1.5_f64, 2.0, 3.0, 4.0].into(), "grid: found the number 1.5, expected u8"),
        ("ranges", "many".into(), "ranges: found str, expected an array or a sequence of numbers"),
        ("ranges", arrays()[6].clone(), "ranges: found <M8[us][1, 1], expected numbers with shape [any]"),
    ] {
        assert_eq!(from_value::<Scan>(&other(name, with)).unwrap_err().to_string(), message);
    }
}

#[test]
fn forged_array_marker_makes_no_broken_array() {
    #[derive(Serialize)]
    #[serde(rename = "$structstore::array")]
    struct Sequence(Vec<u8>);
    assert_eq!(to_value(&Sequence(vec![1, 2])).unwrap().to_string(), "[1, 2]");
    #[derive(Serialize)]
    #[serde(rename = "$structstore::array")]
    struct Parts(String, u64, Vec<u64>, ());
    #[derive(Serialize)]
    #[serde(rename = "$structstore::array")]
    struct Wrapped(Parts);
    let parts = || Parts("<f8".to_owned(), 8, vec![1 << 40], ());
    assert_eq!(to_value(&parts()).unwrap().kind(), Kind::List);
    assert!(matches!(to_value(&Wrapped(parts())), Err(error) if error.kind() == ErrorKind::Rejected));
    let json = r#"{"$structstore::array": ["<f8", 8, [1], [0]]}"#;
    assert_eq!(serde_json::from_str::<Value>(json).unwrap().kind(), Kind::Struct);
}

#[test]
fn length_hint_of_a_map_sizes_nothing() {
    struct Boasting;
    impl Serialize for Boasting {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_map(Some(usize::MAX))?.end()
        }
    }
    assert_eq!(to_value(&Boasting).unwrap().to_string(), "{}");
}

#[test]
fn fields_are_assigned_and_read_as_any_type() {
    let store = Memory::store();
    let limits = Limits { low: 0.0, high: 2.5 };
    store.set_serde("limits", &limits).unwrap();
    assert_eq!(store.at("limits").unwrap().get::<f64>("high").unwrap(), 2.5);
    assert_eq!(store.at("limits").unwrap().load_serde::<Limits>().unwrap(), limits);
    assert_eq!(store.load_serde::<BTreeMap<String, Limits>>().unwrap()["limits"], limits);
    assert!(
        matches!(store.get_serde::<Limits>("missing"), Err(error) if error.kind() == ErrorKind::NotFound)
    );
    let error = store.get_serde::<BTreeMap<String, bool>>("limits").unwrap_err();
    assert_eq!(error.to_string(), "limits.low: found the number 0.0, expected a boolean");

    store.set_serde("list", &[1, 2]).unwrap();
    assert_eq!(store.ensure_list("list").unwrap().load_serde::<(u8, f32)>().unwrap(), (1, 2.0));
    let error = store.ensure_list("list").unwrap().load_serde::<Vec<bool>>().unwrap_err();
    assert_eq!(error.path().unwrap(), "list[0]");

    let mut guard = store.write().unwrap();
    guard.set_serde("limits", &Limits { low: 1.0, ..limits.clone() }).unwrap();
    assert_eq!(guard.get_serde::<Limits>("limits").unwrap().low, 1.0);
    assert_eq!(guard.at("limits").unwrap().get_serde::<u8>("low").unwrap_err().path().unwrap(), "limits.low");
    assert!(
        matches!(store.get_serde::<Limits>("limits"), Err(error) if error.kind() == ErrorKind::HeldByGuard)
    );
    drop(guard);
    let guard = store.read().unwrap();
    assert_eq!(guard.get_serde::<Limits>("limits").unwrap().low, 1.0);
    assert_eq!(guard.get_serde::<bool>("limits").unwrap_err().path().unwrap(), "limits");
    drop(guard);
    store.check().unwrap();
}

#[derive(structstore::StructStore)]
struct Declared {
    gain: f32,
    #[structstore(default = 7)]
    count: u8,
    offsets: [f64; 2],
}

/// Code of a type that leaves what it is given where it is: all of an item or a value, or what a variant has.
#[test]
fn what_is_left_unread_is_passed_over() {
    #[derive(PartialEq, Debug)]
    struct Careless(Vec<i64>);

    struct Unread;

    impl<'de> DeserializeSeed<'de> for Unread {
        type Value = ();

        fn deserialize<D: Deserializer<'de>>(self, _: D) -> Result<(), D::Error> {
            Ok(())
        }
    }

    impl<'de> Deserialize<'de> for Careless {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Careless, D::Error> {
            struct EveryOther;

            impl<'de> Visitor<'de> for EveryOther {
                type Value = Careless;

                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("a list or a map")
                }

                fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Careless, A::Error> {
                    let mut read = Vec::new();
                    while items.next_element_seed(Unread)?.is_some() {
                        read.extend(items.next_element::<i64>()?);
                    }
                    Ok(Careless(read))
                }

                fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Careless, A::Error> {
                    let mut read = Vec::new();
                    // The value of the first is not asked for, that of the second not read.
                    while fields.next_key::<String>()?.is_some() {
                        if fields.next_key::<String>()?.is_some() {
                            fields.next_value_seed(Unread)?;
                        }
                        if fields.next_key::<String>()?.is_some() {
                            read.push(fields.next_value()?);
                        }
                    }
                    Ok(Careless(read))
                }
            }

            deserializer.deserialize_any(EveryOther)
        }
    }

    /// As [`Careless`], as an enum.
    #[derive(PartialEq, Debug)]
    struct Variant;

    impl<'de> Deserialize<'de> for Variant {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Variant, D::Error> {
            struct Name;

            impl<'de> Visitor<'de> for Name {
                type Value = Variant;

                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("a variant")
                }

                fn visit_enum<A: EnumAccess<'de>>(self, variant: A) -> Result<Variant, A::Error> {
                    variant.variant::<String>().map(|_| Variant)
                }
            }

            deserializer.deserialize_enum("Variant", &[], Name)
        }
    }

    let nested =
        Value::record([("deep", Value::List(vec![Value::record([("er", 1.into())]), "text".into()]))]);
    let item = |number: i32| [nested.clone(), number.into()];
    let list = Value::List([item(1), item(2)].concat());
    let named = |(index, value)| (format!("field {index}"), value);
    let fields = [nested.clone(), nested.clone(), 1.into(), nested.clone(), Value::Null, 2.into()];
    let record = Value::Struct(
        fields.into_iter().enumerate().map(named).map(|(name, value)| (name.into(), value)).collect(),
    );
    let variant = Value::record([("Name", nested.clone())]);
    let whole = Value::List(vec![list, record, variant, 5.into()]);
    let read: (Careless, Careless, Variant, i64) = from_value(&whole).unwrap();
    assert_eq!(read, (Careless(vec![1, 2]), Careless(vec![1, 2]), Variant, 5));
    let store = Memory::store();
    store.set("field", whole).unwrap();
    assert_eq!(store.get_serde::<(Careless, Careless, Variant, i64)>("field").unwrap(), read);
    assert_eq!(store.read().unwrap().get_serde::<(Careless, Careless, Variant, i64)>("field").unwrap(), read);
}

#[test]
fn streams_are_the_values_of_their_newest_samples() {
    #[derive(Deserialize, PartialEq, Debug)]
    struct Sensors {
        empty: Option<f64>,
        speed: f64,
        name: String,
    }

    let store = Memory::store();
    let sensors = store.ensure_struct("sensors").unwrap();
    sensors.ensure_stream::<f64>("empty", Stream::depth(4)).unwrap();
    let speed = sensors.ensure_stream::<f64>("speed", Stream::depth(4)).unwrap();
    speed.publish(&1.5).unwrap();
    speed.publish(&2.5).unwrap();
    sensors.set("name", "left").unwrap();
    let read = Sensors { empty: None, speed: 2.5, name: "left".to_owned() };
    assert_eq!(store.get_serde::<Sensors>("sensors").unwrap(), read);
    assert_eq!(sensors.load_serde::<Sensors>().unwrap(), read);
    assert_eq!(sensors.get_serde::<f64>("speed").unwrap(), 2.5);
    assert_eq!(from_value::<Sensors>(&sensors.to_value().unwrap()).unwrap(), read);
}

#[test]
fn set_serde_to_declared_fields_converts_or_fails() {
    #[derive(Serialize)]
    struct New<G, C> {
        gain: G,
        count: C,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        offsets: Vec<f64>,
        extra: &'static str,
    }
    let store = Memory::store();
    store.ensure_struct("part").unwrap().bind::<Declared>().unwrap();
    let part = store.at("part").unwrap();
    store
        .set_serde("part", &New { gain: 3_u8, count: 9_i64, offsets: vec![1.0, 2.0], extra: "new" })
        .unwrap();
    assert_eq!((part.kind("gain").unwrap(), part.kind("count").unwrap()), (Kind::F32, Kind::U8));
    assert_eq!(part.kind("offsets").unwrap(), Kind::Array);
    let before = part.to_value().unwrap();
    let refused = store.set_serde("part", &New { gain: 4.0, count: 300, offsets: vec![], extra: "newer" });
    assert!(
        matches!(&refused, Err(error) if error.kind() == ErrorKind::OutOfRange && error.path().unwrap() == "part.count"),
        "{refused:?}"
    );
    let refused = store.set_serde("part", &New { gain: "high", count: 1, offsets: vec![], extra: "newer" });
    assert!(
        matches!(&refused, Err(error) if error.kind() == ErrorKind::WrongType && error.path().unwrap() == "part.gain"),
        "{refused:?}"
    );
    assert_eq!(part.to_value().unwrap(), before);
    let kept: BTreeMap<String, Value> = part.load_serde().unwrap();
    assert_eq!(kept["offsets"], Value::from([1.0, 2.0]));
}

#[test]
fn serialize_and_deserialize_run_under_no_lock() {
    /// Uses the store while it is being stored there and read from there.
    struct Nosy;
    thread_local! {
        static STORE: StructStore = StructStore::new();
    }
    impl Serialize for Nosy {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            STORE.with(|store| store.set("visited", true)).map_err(serde::ser::Error::custom)?;
            serializer.serialize_str("nosy")
        }
    }
    impl<'de> Deserialize<'de> for Nosy {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Nosy, D::Error> {
            STORE.with(|store| store.delete("field")).map_err(serde::de::Error::custom)?;
            String::deserialize(deserializer).map(|_| Nosy)
        }
    }
    STORE.with(|store| {
        store.set_serde("field", &Nosy).unwrap();
        assert!(store.get::<bool>("visited").unwrap());
        store.get_serde::<Nosy>("field").unwrap();
        assert!(!store.contains("field").unwrap());
        store.check().unwrap();
    });
}

#[test]
fn a_store_is_written_in_other_formats_and_made_of_them() {
    let store = Memory::store();
    store.set("num", 5_u8).unwrap();
    store.set("name", "añ\n").unwrap();
    store.set("raw", structstore::Value::bytes(&[1, 2])).unwrap();
    store.set("nothing", ()).unwrap();
    store.set("pose", [0.5_f64, 1.0]).unwrap();
    store.ensure_struct("camera").unwrap().set("exposure", 0.01).unwrap();
    store.ensure_list("log").unwrap().push("started").unwrap();

    let json = serde_json::to_string(&*store).unwrap();
    let expected = r#"{"num":5,"name":"añ\n","raw":[1,2],"nothing":null,"pose":[0.5,1.0],"camera":{"exposure":0.01},"log":["started"]}"#;
    assert_eq!(json, expected);
    assert_eq!(serde_json::to_string(&store).unwrap(), json);
    assert_eq!(serde_json::to_string(&store.ensure_list("log").unwrap()).unwrap(), r#"["started"]"#);
    assert_eq!(serde_json::to_string(&store.ensure_str("name").unwrap()).unwrap(), r#""añ\n""#);
    assert_eq!(serde_json::to_string(&store.ensure_bytes("raw").unwrap()).unwrap(), "[1,2]");
    assert_eq!(serde_json::to_string(&store.get::<Array>("pose").unwrap()).unwrap(), "[0.5,1.0]");
    assert_eq!(serde_json::to_string(&Scalar::F32(0.5)).unwrap(), "0.5");

    let parsed: StructStore = serde_json::from_str(&json).unwrap();
    assert_eq!(parsed.names().unwrap(), store.names().unwrap());
    assert_eq!(serde_json::to_string(&parsed).unwrap(), json);
    assert_eq!(parsed.kind("num").unwrap(), Kind::I64);
    parsed.check().unwrap();
    // Between values of this crate everything stays exactly the same.
    assert_identical(&to_value(&store).unwrap(), &store.to_value().unwrap());
    let copy: StructStore = from_value(&store.to_value().unwrap()).unwrap();
    assert_identical(&copy.to_value().unwrap(), &store.to_value().unwrap());

    // YAML writes bytes in a form that it reads back as text, unless bytes are asked for.
    store.delete("raw").unwrap();
    let yaml = serde_saphyr::to_string(&store).unwrap();
    let parsed: StructStore = serde_saphyr::from_str(&yaml).unwrap();
    assert_eq!(serde_json::to_string(&parsed).unwrap(), serde_json::to_string(&store).unwrap());

    let yaml = "camera:\n  exposure: 0.01\n  size: [640, 480]\n1: one\nlabels: [a, b]\n";
    let parsed: StructStore = serde_saphyr::from_str(yaml).unwrap();
    let shown = r#"{"camera": {"exposure": 0.01, "size": [640, 480]}, "1": "one", "labels": ["a", "b"]}"#;
    assert_eq!(parsed.to_string(), shown);
    for document in ["[1, 2]", "5", r#"{"a": 1, "a": 2}"#, r#"{"": 1}"#] {
        assert!(serde_json::from_str::<StructStore>(document).is_err(), "{document}");
    }

    let guard = store.at("camera").unwrap().write().unwrap();
    assert!(serde_json::to_string(&store).unwrap_err().to_string().contains("holds a guard on it"));
    drop(guard);
}

#[test]
fn integers_of_other_formats_are_i64_where_they_fit() {
    let value: Value = serde_json::from_str("[1, -1, 18446744073709551615, 1.0]").unwrap();
    let Value::List(items) = &value else { panic!("{value}") };
    let kinds: Vec<Kind> = items.iter().map(Value::kind).collect();
    assert_eq!(kinds, [Kind::I64, Kind::I64, Kind::U64, Kind::F64]);
}

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
struct Everything {
    flag: bool,
    small: i8,
    large: u64,
    single: f32,
    double: f64,
    letter: char,
    text: String,
    maybe: Option<Box<Everything>>,
    pair: (u16, Option<i32>),
    shapes: Vec<Shape>,
    internal: Internal,
    adjacent: Adjacent,
    untagged: Untagged,
    map: BTreeMap<String, Vec<i64>>,
    keyed: BTreeMap<i32, Meters>,
    unit: Unit,
}

fn shapes() -> impl Strategy<Value = Shape> {
    prop_oneof![
        Just(Shape::Point),
        (-1e6..1e6).prop_map(Shape::Circle),
        (-1e3..1e3_f32, any::<u16>()).prop_map(|(width, height)| Shape::Box(width, height)),
        (prop::collection::vec(any::<(i32, i32)>(), 0..3), any::<bool>())
            .prop_map(|(corners, closed)| Shape::Polygon { corners, closed }),
    ]
}

fn everything() -> impl Strategy<Value = Everything> {
    let text = || "[a-zäñ𝄞\"\\\\]{0,12}";
    let leaf = (
        (any::<bool>(), any::<i8>(), any::<u64>(), -1e9..1e9_f32, -1e300..1e300_f64, any::<char>(), text()),
        (any::<(u16, Option<i32>)>(), prop::collection::vec(shapes(), 0..3)),
        prop_oneof![Just(Internal::Off), any::<u8>().prop_map(|level| Internal::On { level })],
        prop_oneof![
            Just(Adjacent::Off),
            any::<u8>().prop_map(Adjacent::Level),
            (0.0..1.0, 1.0..2.0).prop_map(|(low, high)| Adjacent::Range { low, high }),
        ],
        prop_oneof![
            any::<i64>().prop_map(Untagged::Number),
            text().prop_map(Untagged::Text),
            (-1e3..1e3, any::<bool>()).prop_map(|(number, flag)| Untagged::Pair(number, flag)),
            text().prop_map(|name| Untagged::Named { name }),
        ],
        prop::collection::btree_map("[a-c]{1,20}", prop::collection::vec(any::<i64>(), 0..3), 0..3),
        prop::collection::btree_map(any::<i32>(), (-1e3..1e3).prop_map(Meters), 0..3),
    )
        .prop_map(|(plain, (pair, shapes), internal, adjacent, untagged, map, keyed)| {
            let (flag, small, large, single, double, letter, text) = plain;
            let (maybe, unit) = (None, Unit);
            Everything {
                flag,
                small,
                large,
                single,
                double,
                letter,
                text,
                maybe,
                pair,
                shapes,
                internal,
                adjacent,
                untagged,
                map,
                keyed,
                unit,
            }
        });
    leaf.prop_recursive(3, 4, 1, |inner| {
        (inner.clone(), inner).prop_map(|(inner, outer)| Everything { maybe: Some(Box::new(inner)), ..outer })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Values round-trip, as with serde_json, and both produce the same document.
    #[test]
    fn values_agree_with_json(original in everything()) {
        let value = to_value(&original).unwrap();
        let json = serde_json::to_value(&original).unwrap();
        let back: Everything = from_value(&value).unwrap();
        prop_assert_eq!(&back, &original);
        prop_assert_eq!(&serde_json::from_value::<Everything>(json.clone()).unwrap(), &back);
        prop_assert_eq!(&serde_json::to_value(&value).unwrap(), &json);
        prop_assert_eq!(&from_value::<serde_json::Value>(&value).unwrap(), &json);
        prop_assert_eq!(&from_value::<Everything>(&to_value(&json).unwrap()).unwrap(), &original);
        assert_identical(&to_value(&value).unwrap(), &value);
        assert_identical(&from_value::<Value>(&value).unwrap(), &value);
        let store = StructStore::new();
        store.set_serde("field", &original).unwrap();
        assert_identical(&store.get::<Value>("field").unwrap(), &value);
        prop_assert_eq!(store.get_serde::<Everything>("field").unwrap(), original);
        store.check().unwrap();
    }
}
