//! Values made of what JSON and YAML have, with a tag for everything that these lack.
//!
//! A tag is a struct with one of these names, and nothing beside it but what the table lists:
//!
//! | a value | its tag |
//! |---|---|
//! | bytes | `{"$bytes": "00ff"}`: hexadecimal digits |
//! | an array | `{"$array": [[1, 2], [3, 4]], "dtype": "f32"}`: nested lists of its elements; `"shape"` where a dimension is 0 |
//! | NaN and infinities, where a format has none | `{"$float": "NaN"}`, `"Infinity"` or `"-Infinity"`; in an array the string alone |
//! | a stream | `{"$stream": …, "dtype": "u8", "shape": [480, 640], "depth": 8, "time": …}`: the newest sample, as an array, or null |
//! | a struct that has such a name itself | `{"$struct": {…}}` |
//!
//! Elements of complex arrays are pairs of floats, and those of times (`<M8[us]`) integers. Of any other type that is no
//! number of Rust, `"$array"` has the bytes in C order as hexadecimal digits, beside `"shape"` and, for records, `"itemsize"`.

use std::borrow::Cow;

use super::array::{ArrayValue, flatten};
use super::element::nested;
use super::json::float_name;
use super::{DType, Kind, Scalar, StreamValue, Value};
use crate::error::{Error, Result};
use crate::limits::MAX_DEPTH;

const BYTES: &str = "$bytes";
const ARRAY: &str = "$array";
const FLOAT: &str = "$float";
const STREAM: &str = "$stream";
const STRUCT: &str = "$struct";
const DTYPE: &str = "dtype";
const SHAPE: &str = "shape";
const ITEMSIZE: &str = "itemsize";
const DEPTH: &str = "depth";
const TIME: &str = "time";

/// What may stand beside each tag.
const TAGS: [(&str, &[&str]); 5] = [
    (BYTES, &[]),
    (ARRAY, &[DTYPE, SHAPE, ITEMSIZE]),
    (FLOAT, &[]),
    (STREAM, &[DTYPE, SHAPE, ITEMSIZE, DEPTH, TIME]),
    (STRUCT, &[]),
];

/// The same value, in which tags stand for what JSON and YAML lack. With `finite`, so they do for NaN and infinities.
///
/// # Errors
///
/// [`ErrorKind::TooDeep`](crate::ErrorKind::TooDeep) if it would nest deeper than documents may.
pub fn to_document<'v>(value: &'v Value<'_>, finite: bool) -> Result<Value<'v>> {
    Writing { finite }.value(value, 0)
}

/// The value that a document stands for: what [`to_document`] has made it of.
///
/// # Errors
///
/// [`ErrorKind::WrongType`](crate::ErrorKind::WrongType) or [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument) for
/// a tag whose contents are none.
pub fn from_document(value: Value<'static>) -> Result<Value<'static>> {
    match value {
        Value::List(items) => {
            let item = |(index, item)| from_document(item).map_err(|error| error.under(index));
            items.into_iter().enumerate().map(item).collect::<Result<_>>().map(Value::List)
        }
        Value::Struct(fields) => match tag_of(&fields) {
            Some(tag) => untagged(tag, fields),
            None => entries(fields).map(Value::Struct),
        },
        other => Ok(other),
    }
}

type Fields<'v> = Vec<(Cow<'v, str>, Value<'v>)>;

fn entries(fields: Fields<'static>) -> Result<Fields<'static>> {
    let entry = |(name, value): (Cow<'static, str>, _)| match from_document(value) {
        Ok(value) => Ok((name, value)),
        Err(error) => Err(error.under(&name)),
    };
    fields.into_iter().map(entry).collect()
}

/// The tag that a struct is, if it is one.
fn tag_of(fields: &[(Cow<'_, str>, Value<'_>)]) -> Option<&'static str> {
    let (tag, beside) = TAGS.iter().find(|(tag, _)| fields.iter().any(|(name, _)| name == tag))?;
    fields.iter().all(|(name, _)| name == tag || beside.contains(&&**name)).then_some(tag)
}

struct Writing {
    finite: bool,
}

impl Writing {
    fn value<'v>(&self, value: &'v Value<'_>, depth: usize) -> Result<Value<'v>> {
        if depth >= MAX_DEPTH {
            return Err(Error::too_deep());
        }
        let below = depth.saturating_add(1);
        Ok(match value {
            Value::Scalar(scalar) => match self.name(*scalar) {
                Some(name) => Value::record([(FLOAT, name.into())]),
                None => Value::Scalar(match *scalar {
                    // With the digits of the float of 64 bits that equals it, which is what it is read back as.
                    Scalar::F32(float) => f64::from(float).into(),
                    other => other,
                }),
            },
            Value::Bytes(bytes) => Value::record([(BYTES, hex(bytes).into())]),
            Value::List(items) => {
                let item = |(index, item)| self.value(item, below).map_err(|error| error.under(index));
                Value::List(items.iter().enumerate().map(item).collect::<Result<_>>()?)
            }
            Value::Struct(fields) => {
                let tagged = fields.iter().any(|(name, _)| TAGS.iter().any(|(tag, _)| name == tag));
                let below = if tagged { below.saturating_add(1) } else { below };
                let entry = |(name, value): &'v (Cow<'_, str>, Value<'_>)| match self.value(value, below) {
                    Ok(value) => Ok((Cow::Borrowed(&**name), value)),
                    Err(error) => Err(error.under(name)),
                };
                let fields = Value::Struct(fields.iter().map(entry).collect::<Result<_>>()?);
                if tagged { Value::record([(STRUCT, fields)]) } else { fields }
            }
            Value::Array(array) => {
                let mut tag = Vec::new();
                let elements = self.elements(array, below, &mut tag)?;
                tag.insert(0, (ARRAY.into(), elements));
                Value::Struct(tag)
            }
            Value::Stream(stream) => self.stream(stream, below)?,
            Value::Null | Value::Str(_) => value.into(),
        })
    }

    /// The name of a float that the format has no way to write.
    fn name(&self, scalar: Scalar) -> Option<&'static str> {
        scalar.float().and_then(float_name).filter(|_| self.finite)
    }

    /// The elements of an array; what these leave open is put beside them.
    fn elements<'v>(
        &self,
        array: &ArrayValue<'_>,
        depth: usize,
        beside: &mut Fields<'v>,
    ) -> Result<Value<'v>> {
        beside.push((DTYPE.into(), array.dtype().to_string().into()));
        let numbers = plain(array.dtype()).and_then(|(dtype, parts)| {
            let shape: Vec<usize> = array.shape().iter().copied().chain(parts).collect();
            let numbers = ArrayValue::new(dtype, &shape, array.data()).ok()?.numbers()?;
            Some((shape, numbers))
        });
        let (shape, numbers) = match numbers {
            Some((shape, numbers)) => (shape, Ok(numbers)),
            None => (array.shape().to_vec(), Err(hex(array.data()))),
        };
        if numbers.is_err() || array.shape().contains(&0) {
            let shape = array.shape().iter().map(|length| Value::from(*length as u64)).collect();
            beside.push((SHAPE.into(), Value::List(shape)));
        }
        if array.dtype().is_structured() {
            beside.push((ITEMSIZE.into(), (array.dtype().itemsize() as u64).into()));
        }
        match numbers {
            Ok(_) if depth.saturating_add(shape.len()) >= MAX_DEPTH => Err(Error::too_deep()),
            Ok(_) if shape.contains(&0) => Ok(Value::List(Vec::new())),
            Ok(numbers) => {
                let said = |number| self.name(number).map_or(Value::Scalar(number), Value::from);
                let mut items = numbers.into_iter().map(|number| Some(said(number)));
                Ok(nested(&shape, &mut items).unwrap_or_default())
            }
            Err(digits) => Ok(digits.into()),
        }
    }

    fn stream<'v>(&self, stream: &StreamValue<'_>, depth: usize) -> Result<Value<'v>> {
        let mut tag: Fields<'v> = Vec::new();
        let newest = stream.newest();
        let zeroes = || vec![0; stream.sample_size()].into();
        let data = newest.map_or_else(zeroes, |sample| Cow::Borrowed(&*sample.data));
        let sample = ArrayValue::new(stream.dtype().clone(), stream.shape(), data)?;
        let elements = self.elements(&sample, depth, &mut tag)?;
        tag.insert(0, (STREAM.into(), if newest.is_some() { elements } else { Value::Null }));
        if !tag.iter().any(|(name, _)| name == SHAPE) {
            let shape = stream.shape().iter().map(|length| Value::from(*length as u64)).collect();
            tag.push((SHAPE.into(), Value::List(shape)));
        }
        tag.push((DEPTH.into(), stream.depth().into()));
        if let Some(sample) = newest {
            tag.push((TIME.into(), sample.time.into()));
        }
        Ok(Value::Struct(tag))
    }
}

/// The type of numbers that elements of a type are made of, and how many of these an element is, if that is more than one.
fn plain(dtype: &DType) -> Option<(DType, Option<usize>)> {
    if let Some(kind) = dtype.kind() {
        return DType::of_kind(kind).map(|dtype| (dtype, None));
    }
    // In place of the byte order, `|` is that of this machine, which is `<`.
    match dtype.descr().strip_prefix(['<', '|'])? {
        "c8" => Some((DType::of::<f32>(), Some(2))),
        "c16" => Some((DType::of::<f64>(), Some(2))),
        time if time.starts_with("M8") || time.starts_with("m8") => Some((DType::of::<i64>(), None)),
        _ => None,
    }
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(half.into(), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The bytes that hexadecimal digits stand for.
pub fn unhex(digits: &str) -> Option<Vec<u8>> {
    let halves: Vec<u8> =
        digits.chars().map(|digit| digit.to_digit(16).map(|digit| digit as u8)).collect::<Option<_>>()?;
    let (pairs, []) = halves.as_chunks::<2>() else { return None };
    Some(pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// What a tag stands for.
fn untagged(tag: &str, fields: Fields<'static>) -> Result<Value<'static>> {
    let mut beside = Beside(fields);
    let contents = beside.take(tag).unwrap_or(Value::Null);
    let of_tag = |error: Error| error.under(tag);
    match tag {
        BYTES => digits(&contents).map(|bytes| Value::Bytes(bytes.into())).map_err(of_tag),
        FLOAT => {
            let float = if let Value::Str(name) = &contents { float_named(name) } else { None };
            let expected = "\"NaN\", \"Infinity\" or \"-Infinity\"";
            float.map(Value::from).ok_or_else(|| of_tag(Error::wrong_type(found(&contents), expected)))
        }
        STRUCT => match contents {
            Value::Struct(fields) => entries(fields).map(Value::Struct).map_err(of_tag),
            other => Err(of_tag(Error::wrong_type(other.kind().name(), "struct"))),
        },
        ARRAY => {
            let (dtype, shape) = (beside.dtype()?, beside.shape()?);
            array(&dtype, shape.as_deref(), &contents).map(Value::Array).map_err(of_tag)
        }
        _ => {
            let dtype = beside.dtype()?;
            let shape = beside.shape()?.ok_or_else(|| missing(SHAPE, "the shape of a sample"))?;
            let depth = beside.count(DEPTH)?.ok_or_else(|| missing(DEPTH, "a number of samples"))?;
            let stream = StreamValue::new(dtype, &shape, depth).map_err(misfit).map_err(of_tag)?;
            Ok(Value::Stream(match contents {
                Value::Null => stream,
                contents => {
                    let sample = array(stream.dtype(), Some(&shape), &contents).map_err(of_tag)?;
                    let time = beside.count(TIME)?.unwrap_or(0);
                    stream.with_newest(time, sample.data().to_vec())?
                }
            }))
        }
    }
}

/// The array that the contents of a tag stand for. A shape that is given is its shape.
fn array(dtype: &DType, shape: Option<&[usize]>, contents: &Value<'_>) -> Result<ArrayValue<'static>> {
    if let Value::Str(_) = contents
        && plain(dtype).is_none()
    {
        let shape = shape.ok_or_else(|| missing(SHAPE, "a list of lengths"))?;
        return ArrayValue::new(dtype.clone(), shape, digits(contents)?).map_err(misfit);
    }
    let Some((numbers, parts)) = plain(dtype) else {
        return Err(Error::wrong_type(found(contents), "hexadecimal digits"));
    };
    if let Some(shape) = shape
        && shape.contains(&0)
    {
        return ArrayValue::new(dtype.clone(), shape, Vec::new());
    }
    let (mut lengths, mut scalars) = (Vec::new(), Vec::new());
    match has_names(contents) {
        true => flatten(&unnamed(contents), 0, &mut lengths, &mut scalars)?,
        false => flatten(contents, 0, &mut lengths, &mut scalars)?,
    }
    let elements = match numbers.kind() {
        Some(Kind::Bool) => {
            let truth = |scalar: &Scalar| match scalar {
                Scalar::Bool(value) => Ok(u8::from(*value)),
                other => Err(Error::wrong_type(other.kind().name(), "bool")),
            };
            let data: Vec<u8> = scalars.iter().map(truth).collect::<Result<_>>()?;
            ArrayValue::new(numbers, &lengths, data)?
        }
        _ => ArrayValue::from_numbers(&numbers, &lengths, &scalars)?,
    };
    if parts.is_some() && lengths.pop() != parts {
        return Err(Error::wrong_type("a number", "a pair of numbers"));
    }
    let shape = shape.unwrap_or(&lengths);
    if shape != lengths {
        let expected = format!("elements of the shape {shape:?}");
        return Err(Error::wrong_type(format!("the shape {lengths:?}"), expected));
    }
    ArrayValue::new(dtype.clone(), shape, elements.data().to_vec())
}

/// Whether some elements are floats by name.
fn has_names(value: &Value<'_>) -> bool {
    match value {
        Value::List(items) => items.iter().any(has_names),
        Value::Str(_) => true,
        _ => false,
    }
}

/// The same lists, with floats in place of their names.
fn unnamed<'v>(value: &'v Value<'_>) -> Value<'v> {
    match value {
        Value::List(items) => Value::List(items.iter().map(unnamed).collect()),
        Value::Str(name) => float_named(name).map_or_else(|| value.into(), Value::from),
        other => other.into(),
    }
}

fn float_named(name: &str) -> Option<f64> {
    [f64::NAN, f64::INFINITY, f64::NEG_INFINITY].into_iter().find(|float| float_name(*float) == Some(name))
}

fn digits(contents: &Value<'_>) -> Result<Vec<u8>> {
    match contents {
        Value::Str(digits) => unhex(digits),
        _ => None,
    }
    .ok_or_else(|| Error::wrong_type(found(contents), "hexadecimal digits"))
}

/// What stands there, for a message.
fn found(contents: &Value<'_>) -> String {
    match contents {
        Value::Str(text) => format!("{:?}", text.chars().take(64).collect::<String>()),
        other => other.kind().name().to_owned(),
    }
}

fn missing(name: &'static str, expected: &'static str) -> Error {
    Error::wrong_type("nothing", expected).under(name)
}

/// A failure of what is made of a tag, which has a place in the document.
fn misfit(error: Error) -> Error {
    let part = |part: Option<&str>| part.unwrap_or_default().to_owned();
    Error::wrong_type(part(error.found()), part(error.expected()))
}

/// What stands beside a tag.
struct Beside(Fields<'static>);

impl Beside {
    fn take(&mut self, name: &str) -> Option<Value<'static>> {
        let at = self.0.iter().position(|(other, _)| other == name)?;
        Some(self.0.swap_remove(at).1)
    }

    fn count(&mut self, name: &'static str) -> Result<Option<u64>> {
        let count = |value| u64::try_from(&value).map_err(|error| error.under(name));
        self.take(name).map(count).transpose()
    }

    fn shape(&mut self) -> Result<Option<Vec<usize>>> {
        match self.take(SHAPE) {
            None => Ok(None),
            Some(Value::List(lengths)) => {
                let length = |(index, length): (usize, &Value<'_>)| {
                    let length = u64::try_from(length).and_then(|length| {
                        usize::try_from(length).map_err(|_| Error::wrong_type(length.to_string(), "a length"))
                    });
                    length.map_err(|error| error.under(index).under(SHAPE))
                };
                lengths.iter().enumerate().map(length).collect::<Result<_>>().map(Some)
            }
            Some(other) => Err(Error::wrong_type(other.kind().name(), "a list of lengths").under(SHAPE)),
        }
    }

    fn dtype(&mut self) -> Result<DType> {
        let Some(Value::Str(name)) = self.take(DTYPE) else {
            return Err(missing(DTYPE, "the name of an element type"));
        };
        // By its name in Rust.
        if let Some(dtype) = name.parse::<Kind>().ok().and_then(DType::of_kind) {
            return Ok(dtype);
        }
        if !name.starts_with('[') {
            return DType::new(&name).map_err(|error| misfit(error).under(DTYPE));
        }
        let itemsize = self.count(ITEMSIZE)?.and_then(|size| u32::try_from(size).ok());
        let itemsize = itemsize.ok_or_else(|| missing(ITEMSIZE, "the size of a record"))?;
        DType::structured(&name, itemsize).map_err(|error| misfit(error).under(DTYPE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(dtype: &str, shape: &[usize], data: &[u8]) -> Value<'static> {
        ArrayValue::new(DType::new(dtype).unwrap(), shape, data.to_vec()).unwrap().into()
    }

    fn document(value: &Value<'_>) -> String {
        to_document(value, true).unwrap().to_string()
    }

    #[test]
    fn values_are_read_back_as_they_were() {
        let record = DType::structured("[('t', '<f8'), ('acc', '<f4', (3,))]", 20).unwrap();
        let stream = StreamValue::new(record.clone(), &[], 4).unwrap();
        let image = StreamValue::new(DType::of::<u8>(), &[2, 1], 3).unwrap();
        for (value, expected) in [
            (Value::Null, "null"),
            (5.into(), "5"),
            (0.1.into(), "0.1"),
            (f64::from(0.1_f32).into(), "0.10000000149011612"),
            (f64::NAN.into(), r#"{"$float": "NaN"}"#),
            (f64::NEG_INFINITY.into(), r#"{"$float": "-Infinity"}"#),
            (Value::Bytes(vec![0, 255].into()), r#"{"$bytes": "00ff"}"#),
            (Value::Bytes(vec![].into()), r#"{"$bytes": ""}"#),
            (
                ArrayValue::from_slice(&[2, 2], &[1.5_f32, 2.0, f32::INFINITY, 0.1]).unwrap().into(),
                r#"{"$array": [[1.5, 2.0], ["Infinity", 0.1]], "dtype": "f32"}"#,
            ),
            (array("|b1", &[2], &[0, 1]), r#"{"$array": [false, true], "dtype": "bool"}"#),
            (array("<i2", &[], &[2, 1]), r#"{"$array": 258, "dtype": "i16"}"#),
            (array("<f8", &[2, 0], &[]), r#"{"$array": [], "dtype": "f64", "shape": [2, 0]}"#),
            (array("<c8", &[0], &[]), r#"{"$array": [], "dtype": "<c8", "shape": [0]}"#),
            (
                array("<c16", &[1], &[[0; 8], 2_f64.to_le_bytes()].concat()),
                r#"{"$array": [[0.0, 2.0]], "dtype": "<c16"}"#,
            ),
            (array("<M8[us]", &[], &7_i64.to_le_bytes()), r#"{"$array": 7, "dtype": "<M8[us]"}"#),
            (array(">i2", &[1], &[1, 2]), r#"{"$array": "0102", "dtype": ">i2", "shape": [1]}"#),
            (
                ArrayValue::new(record, &[1], vec![1; 20]).unwrap().into(),
                &format!(
                    r#"{{"$array": "{}", "dtype": "[('t', '<f8'), ('acc', '<f4', (3,))]", "shape": [1], "itemsize": 20}}"#,
                    "01".repeat(20)
                ),
            ),
            (
                stream.into(),
                r#"{"$stream": null, "dtype": "[('t', '<f8'), ('acc', '<f4', (3,))]", "shape": [], "itemsize": 20, "depth": 4}"#,
            ),
            (
                image.with_newest(9, vec![1, 2]).unwrap().into(),
                r#"{"$stream": [[1], [2]], "dtype": "u8", "shape": [2, 1], "depth": 3, "time": 9}"#,
            ),
            (Value::record([("$bytes", "x".into())]), r#"{"$struct": {"$bytes": "x"}}"#),
            (
                Value::record([("$schema", "x".into()), ("a", Value::list([1, 2]))]),
                r#"{"$schema": "x", "a": [1, 2]}"#,
            ),
        ] {
            let document = document(&value);
            assert_eq!(document, expected);
            let read = from_document(to_document(&value, true).unwrap().into_owned()).unwrap();
            assert_eq!(format!("{read:?}"), format!("{value:?}"), "{document}");
        }
        assert!(matches!(to_document(&f64::NAN.into(), false), Ok(Value::Scalar(_))));
        assert_eq!(document(&0.1_f32.into()), "0.10000000149011612");
    }

    #[test]
    fn names_beside_which_others_stand_are_no_tags() {
        let foreign = Value::record([("$array", "x".into()), ("other", 1.into())]);
        assert_eq!(from_document(foreign.clone()).unwrap(), foreign);
        assert_eq!(document(&foreign), r#"{"$struct": {"$array": "x", "other": 1}}"#);
    }

    #[test]
    fn tags_with_other_contents_are_refused_with_their_path() {
        for (tag, expected) in [
            (
                Value::record([("$bytes", "0x".into())]),
                r#"a.$bytes: found "0x", expected hexadecimal digits"#,
            ),
            (Value::record([("$bytes", 1.into())]), "a.$bytes: found i32, expected hexadecimal digits"),
            (
                Value::record([("$float", 1.into())]),
                r#"a.$float: found i32, expected "NaN", "Infinity" or "-Infinity""#,
            ),
            (
                Value::record([("$array", Value::list([1]))]),
                "a.dtype: found nothing, expected the name of an element type",
            ),
            (
                Value::record([("$array", Value::list([300])), ("dtype", "u8".into())]),
                "a.$array[0]: 300 does not fit u8",
            ),
            (
                Value::record([
                    ("$array", "00".into()),
                    ("dtype", ">f8".into()),
                    ("shape", Value::list([1])),
                ]),
                "a.$array: found 1 bytes, expected 8 bytes for the shape [1] of >f8",
            ),
            (
                Value::record([
                    ("$array", Value::list([1.0])),
                    ("dtype", "f8".into()),
                    ("shape", Value::list([-1])),
                ]),
                "a.dtype: found \"f8\", expected a NumPy type string such as \"<f8\"",
            ),
            (
                Value::record([
                    ("$array", Value::list([1.0])),
                    ("dtype", "f64".into()),
                    ("shape", Value::list([2])),
                ]),
                "a.$array: found the shape [1], expected elements of the shape [2]",
            ),
            (
                Value::record([("$array", Value::list([1.0])), ("dtype", "<c16".into())]),
                "a.$array: found a number, expected a pair of numbers",
            ),
            (
                Value::record([
                    ("$stream", Value::Null),
                    ("dtype", "f64".into()),
                    ("shape", Value::List(vec![])),
                    ("depth", 0.into()),
                ]),
                "a.$stream: found 0, expected 1 to 2^26 samples",
            ),
        ] {
            let error = from_document(Value::record([("a", tag)])).unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn what_nests_too_deep_is_refused() {
        let nest = |value, _| Value::List(vec![value]);
        let deep = |levels| (0..levels).fold(Value::Bytes(vec![].into()), nest);
        assert!(to_document(&deep(MAX_DEPTH - 2), true).is_ok());
        let error = to_document(&deep(MAX_DEPTH), true).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::TooDeep);
    }
}
