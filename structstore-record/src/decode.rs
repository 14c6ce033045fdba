//! Messages as the values that they were made of.

use std::borrow::Cow;
use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value as Json;
use structstore::binding_support::from_document;
use structstore::typed::RecordField;
use structstore::{ArrayValue, DType, Kind, Value};

use crate::encode::unescaped;
use crate::shape::{KIND, PARTS};

/// What a schema says of a value.
#[derive(Default, Debug)]
pub(crate) enum Spec {
    #[default]
    Unknown,
    Number(Kind),
    /// Each item, then all others.
    List(Vec<Spec>, Option<Box<Spec>>),
    Struct(HashMap<String, Spec>),
}

impl Spec {
    /// Of a schema as it was read.
    pub(crate) fn new(schema: &Json, depth: usize) -> Spec {
        if depth > structstore::limits::MAX_DEPTH {
            return Spec::Unknown;
        }
        let inner = |schema: &Json| Spec::new(schema, depth + 1);
        let kind = schema.get(KIND).and_then(Json::as_str);
        match (kind, schema.get("properties").and_then(Json::as_object)) {
            (Some("list"), _) => {
                let first = schema.get("prefixItems").and_then(Json::as_array);
                let first = first.map(|items| items.iter().map(inner).collect()).unwrap_or_default();
                Spec::List(first, schema.get("items").map(|items| Box::new(inner(items))))
            }
            (_, Some(fields)) => {
                Spec::Struct(fields.iter().map(|(name, field)| (name.clone(), inner(field))).collect())
            }
            (Some(name), None) => {
                let kind = name.parse().ok().filter(|kind: &Kind| kind.is_number());
                kind.map_or(Spec::Unknown, Spec::Number)
            }
            (None, None) => Spec::Unknown,
        }
    }

    pub(crate) fn field(&self, name: &str) -> &Spec {
        match self {
            Spec::Struct(fields) => fields.get(name).unwrap_or(&Spec::Unknown),
            _ => &Spec::Unknown,
        }
    }

    /// A value with numbers of the kinds that the schema has.
    pub(crate) fn retype(&self, value: Value<'static>) -> Value<'static> {
        match (self, value) {
            (Spec::Number(kind), Value::Scalar(scalar)) => {
                Value::Scalar(scalar.to_kind(*kind).unwrap_or(scalar))
            }
            (Spec::List(first, others), Value::List(items)) => {
                let spec = |at: usize| first.get(at).or(others.as_deref()).unwrap_or(&Spec::Unknown);
                Value::List(items.into_iter().enumerate().map(|(at, item)| spec(at).retype(item)).collect())
            }
            (Spec::Struct(_), Value::Struct(fields)) => {
                let field = |(name, value): (Cow<'static, str>, Value<'static>)| {
                    let value = self.field(&name).retype(value);
                    (name, value)
                };
                Value::Struct(fields.into_iter().map(field).collect())
            }
            (_, value) => value,
        }
    }
}

/// The message of a struct.
pub(crate) struct StructMessage {
    pub(crate) fields: Vec<(String, Value<'static>)>,
    /// What has topics of its own, and is there.
    pub(crate) parts: Vec<(String, String)>,
}

/// Reads a struct's message.
pub(crate) fn of_struct(message: &[u8], spec: &Spec) -> Result<StructMessage, String> {
    let value: Value<'static> = serde_json::from_slice(message).map_err(|error| error.to_string())?;
    let Value::Struct(all) = value else { return Err("a message that is no object".to_owned()) };
    let mut found = StructMessage { fields: Vec::with_capacity(all.len()), parts: Vec::new() };
    for (name, value) in all {
        match (unescaped(&name), value) {
            (Some(plain), value) => {
                let value = from_document(value).map_err(|error| error.to_string())?;
                found.fields.push((plain.to_owned(), spec.field(plain).retype(value)));
            }
            (None, Value::Struct(parts)) if name == PARTS => {
                let part = |(name, kind): (Cow<'_, str>, Value<'_>)| match kind {
                    Value::Str(kind) => Some((name.into_owned(), kind.into_owned())),
                    _ => None,
                };
                found.parts = parts.into_iter().filter_map(part).collect();
            }
            (None, _) => {}
        }
    }
    Ok(found)
}

/// Reads an array's message, of either form.
pub(crate) fn of_array(message: &[u8]) -> Result<ArrayValue<'static>, String> {
    #[derive(Deserialize)]
    struct Message {
        dtype: Option<String>,
        itemsize: Option<u32>,
        shape: Option<Vec<usize>>,
        encoding: Option<String>,
        width: Option<usize>,
        height: Option<usize>,
        data: String,
    }
    let found: Message = serde_json::from_slice(message).map_err(|error| error.to_string())?;
    let (dtype, shape) = match found {
        Message { dtype: Some(dtype), shape: Some(shape), itemsize, .. } => {
            let dtype = DType::from_descr(&dtype, itemsize.unwrap_or(0));
            (dtype.map_err(|error| error.to_string())?, shape)
        }
        Message { encoding: Some(encoding), width: Some(width), height: Some(height), .. } => {
            match encoding.as_str() {
                "mono8" => (DType::of::<u8>(), vec![height, width]),
                "rgb8" => (DType::of::<u8>(), vec![height, width, 3]),
                "rgba8" => (DType::of::<u8>(), vec![height, width, 4]),
                "mono16" => (DType::of::<u16>(), vec![height, width]),
                "32FC1" => (DType::of::<f32>(), vec![height, width]),
                other => return Err(format!("images of the encoding {other:?}")),
            }
        }
        _ => return Err("a message of an array that says no shape".to_owned()),
    };
    let data = STANDARD.decode(found.data).map_err(|error| error.to_string())?;
    ArrayValue::new(dtype, &shape, data).map_err(|error| error.to_string())
}

/// How many bytes the samples of a type take. A file says so, and may say anything.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SampleSize {
    /// All of them.
    all: Option<u64>,
    /// Those that messages have: all but the rest of short texts, and padding.
    told: Option<u64>,
    /// What the fields of a record take, if that can be read.
    described: Option<usize>,
}

/// How many bytes of a sample a byte of its message stands for: `0,` in a list of `f64` for four.
const BYTES: u64 = 8;
/// How many more there can be: of fields that are missing, and of texts and padding.
const MISSING: u64 = 4 << 10;
const PADDING: u64 = 16 << 20;

impl SampleSize {
    pub(crate) fn new(dtype: &DType, shape: &[usize]) -> SampleSize {
        SampleSize {
            all: multiplied(dtype.itemsize() as u64, shape),
            told: told(dtype, dtype.fields().as_deref().unwrap_or_default(), shape),
            described: if dtype.is_structured() { dtype.described_size() } else { None },
        }
    }

    /// The size, if it is that of the type, and a message of so many bytes can have it.
    pub(crate) fn checked(&self, dtype: &DType, message: usize) -> Result<u64, String> {
        if let Some(size) = self.described
            && size != dtype.itemsize()
        {
            return Err(format!("found an item size of {}, expected {size} of its type", dtype.itemsize()));
        }
        let most = |more: u64| (message as u64).saturating_mul(BYTES).saturating_add(more);
        let is_little = |size: Option<u64>, more: u64| size.is_some_and(|size| size <= most(more));
        match self.all {
            Some(size) if is_little(self.told, MISSING) && is_little(self.all, PADDING) => Ok(size),
            Some(size) => Err(format!("found a sample of {size} bytes in a message of {message} bytes")),
            None => Err("found samples that are too large for memory".to_owned()),
        }
    }
}

fn multiplied(size: u64, shape: &[usize]) -> Option<u64> {
    shape.iter().try_fold(size, |size, length| size.checked_mul(u64::try_from(*length).ok()?))
}

/// How many bytes of a value its message has at least, as characters: of a text, it has none behind its end.
fn told(dtype: &DType, fields: &[RecordField], shape: &[usize]) -> Option<u64> {
    let is_text = shape.is_empty() && matches!(dtype.descr().get(..2), Some("|S" | "<U"));
    let one = match fields {
        [] if is_text => 0,
        [] => dtype.itemsize() as u64,
        fields => {
            let named = fields.iter().filter(|field| !field.name.is_empty());
            named.map(|field| told(&field.dtype, &field.fields, &field.shape)).try_fold(0, add)?
        }
    };
    multiplied(one, shape)
}

fn add(sum: u64, size: Option<u64>) -> Option<u64> {
    sum.checked_add(size?)
}

/// The bytes of a sample that is an element of this type, whose size was checked. What a message has not is zero.
pub(crate) fn packed(dtype: &DType, message: &Value<'_>) -> Result<Vec<u8>, String> {
    let is_record = dtype.is_structured() && dtype.fields().is_some();
    let value = match (message, is_record) {
        (Value::Struct(fields), false) => {
            fields.iter().find(|(name, _)| name == "value").map(|(_, value)| value)
        }
        (message, _) => Some(message),
    };
    let mut bytes = vec![0; dtype.itemsize()];
    match value {
        Some(Value::Array(array)) if array.data().len() != bytes.len() => {
            return Err(format!(
                "found a sample of {} bytes, expected {}",
                array.data().len(),
                dtype.itemsize()
            ));
        }
        Some(value) => pack(dtype, &[], value, &mut bytes),
        None => {}
    }
    Ok(bytes)
}

fn pack(dtype: &DType, shape: &[usize], value: &Value<'_>, bytes: &mut [u8]) {
    match (shape, value) {
        (_, Value::Array(array)) if array.data().len() == bytes.len() => bytes.copy_from_slice(array.data()),
        ([length, inner @ ..], Value::List(items)) => {
            let size = bytes.len().checked_div(*length).unwrap_or(0).max(1);
            for (item, bytes) in items.iter().zip(bytes.chunks_mut(size)) {
                pack(dtype, inner, item, bytes);
            }
        }
        ([], Value::Struct(values)) => {
            for field in dtype.fields().unwrap_or_default() {
                let value = values.iter().find(|(name, _)| *name == field.name).map(|(_, value)| value);
                let place = bytes.get_mut(field.offset..field.offset.saturating_add(field.size()));
                if let (Some(value), Some(place)) = (value, place) {
                    pack(&field.dtype, &field.shape, value, place);
                }
            }
        }
        ([], Value::Scalar(scalar)) => {
            if let Some(Ok(number)) = dtype.kind().map(|kind| scalar.to_kind(kind)) {
                bytes.iter_mut().zip(number.to_le_bytes()).for_each(|(place, byte)| *place = byte);
            }
        }
        ([], Value::Str(text)) if dtype.descr().starts_with("|S") => {
            bytes.iter_mut().zip(text.bytes()).for_each(|(place, byte)| *place = byte);
        }
        ([], Value::Str(text)) if dtype.descr().starts_with("<U") => {
            for (place, character) in bytes.chunks_exact_mut(4).zip(text.chars()) {
                place.copy_from_slice(&u32::from(character).to_le_bytes());
            }
        }
        _ => {}
    }
}

/// One field of a struct's message: the others are not looked at.
pub(crate) fn field(message: &[u8], name: &str, spec: &Spec) -> Result<Option<Value<'static>>, String> {
    struct Only<'n>(&'n str);

    impl<'de> serde::de::Visitor<'de> for Only<'_> {
        type Value = Option<Value<'static>>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut found = None;
            while let Some(key) = map.next_key::<Cow<'_, str>>()? {
                match unescaped(&key) == Some(self.0) {
                    true => found = Some(map.next_value::<Value<'static>>()?),
                    false => drop(map.next_value::<serde::de::IgnoredAny>()?),
                }
            }
            Ok(found)
        }
    }

    let mut deserializer = serde_json::Deserializer::from_slice(message);
    let found = serde::de::Deserializer::deserialize_map(&mut deserializer, Only(name));
    let Some(value) = found.map_err(|error| error.to_string())? else { return Ok(None) };
    from_document(value).map(|value| Some(spec.retype(value))).map_err(|error| error.to_string())
}

/// The text of a remark.
pub(crate) fn mark(data: &[u8]) -> Result<String, String> {
    #[derive(Deserialize)]
    struct Mark {
        text: String,
    }
    serde_json::from_slice(data).map(|mark: Mark| mark.text).map_err(|error| error.to_string())
}
