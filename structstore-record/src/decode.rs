//! Messages as the values that they were made of.

use std::borrow::Cow;
use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value as Json;
use structstore::binding_support::{for_each_number, from_document};
use structstore::{ArrayValue, DType, Kind, Scalar, Value};

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
            (Some(name), None) => kind_named(name).map_or(Spec::Unknown, Spec::Number),
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
            (Spec::Number(kind), value @ Value::Scalar(_)) => of_kind(&value, *kind).unwrap_or(value),
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

fn kind_named(name: &str) -> Option<Kind> {
    macro_rules! named {
        ($($kind:ident $type:ident $typestr:literal $class:ident;)*) => {
            [$(Kind::$kind),*].into_iter().find(|kind| kind.name() == name)
        };
    }
    for_each_number!(named)
}

/// A number as one of a kind, if that has it.
fn of_kind(value: &Value<'_>, kind: Kind) -> Option<Value<'static>> {
    macro_rules! converted {
        ($($kind:ident $type:ident $typestr:literal $class:ident;)*) => {
            match kind {
                $(Kind::$kind => <$type>::try_from(value).ok().map(Value::from),)*
                _ => None,
            }
        };
    }
    for_each_number!(converted)
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
            let dtype = match (dtype.starts_with('['), itemsize) {
                (true, Some(itemsize)) => DType::structured(&dtype, itemsize),
                _ => DType::new(&dtype),
            };
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

/// The bytes of a sample of this type. What a message has not is zero.
pub(crate) fn packed(dtype: &DType, shape: &[usize], message: &Value<'_>) -> Vec<u8> {
    let value = match (message, dtype.is_structured() && shape.is_empty()) {
        (Value::Struct(fields), false) => {
            fields.iter().find(|(name, _)| name == "value").map(|(_, value)| value)
        }
        (message, _) => Some(message),
    };
    let size = shape.iter().product::<usize>().saturating_mul(dtype.itemsize());
    let mut bytes = vec![0; size];
    if let Some(value) = value {
        pack(dtype, shape, value, &mut bytes);
    }
    bytes
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
        ([], Value::Scalar(scalar)) => pack_scalar(dtype, scalar, bytes),
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

fn pack_scalar(dtype: &DType, scalar: &Scalar, bytes: &mut [u8]) {
    let Some(kind) = dtype.kind() else { return };
    let value = match (kind, scalar) {
        (Kind::Bool, Scalar::Bool(truth)) => {
            if let Some(byte) = bytes.first_mut() {
                *byte = u8::from(*truth);
            }
            return;
        }
        _ => of_kind(&Value::Scalar(*scalar), kind),
    };
    macro_rules! put {
        ($($kind:ident $type:ident $typestr:literal $class:ident;)*) => {
            match value {
                $(Some(Value::Scalar(Scalar::$kind(number))) => {
                    bytes.iter_mut().zip(number.to_le_bytes()).for_each(|(place, byte)| *place = byte);
                })*
                _ => {}
            }
        };
    }
    for_each_number!(put);
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
