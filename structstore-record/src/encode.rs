//! Messages: the values of structs, arrays and samples as JSON.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::ser::{Error as _, Serialize, SerializeMap, Serializer};
use serde_json::{Value as Json, json};
use structstore::binding_support::{elements, to_document};
use structstore::{DType, Value};

use crate::shape::{Fields, PARTS, image_encoding};
use crate::tree::Node;

/// The name of a field as messages have it: a `$` more in front of one, so that it is none of ours.
pub(crate) fn escaped(name: &str) -> String {
    if name.starts_with('$') { format!("${name}") } else { name.to_owned() }
}

/// The name that was escaped; `None` for a name of ours.
pub(crate) fn unescaped(name: &str) -> Option<&str> {
    match name.strip_prefix('$') {
        Some(rest) if rest.starts_with('$') => Some(rest),
        Some(_) => None,
        None => Some(name),
    }
}

/// The message of a struct.
pub(crate) fn of_struct(node: &Node, leaves: &Fields<'_>) -> serde_json::Result<Vec<u8>> {
    struct Message<'a>(&'a Node, &'a Fields<'a>);

    impl Serialize for Message<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let parts: serde_json::Map<String, Json> = self
                .0
                .fields()
                .filter_map(|(name, field)| Some((name.to_owned(), field.part()?.into())))
                .collect();
            let mut map = serializer.serialize_map(None)?;
            for (name, value) in self.1 {
                map.serialize_key(&escaped(name))?;
                match value {
                    // No detour for what is most frequent.
                    Value::Str(_) | Value::Null => map.serialize_value(value)?,
                    _ => map.serialize_value(&to_document(value, true).map_err(S::Error::custom)?)?,
                }
            }
            if !parts.is_empty() {
                map.serialize_entry(PARTS, &parts)?;
            }
            map.end()
        }
    }

    serde_json::to_vec(&Message(node, leaves))
}

/// The message of an array, or of a sample that is one.
pub(crate) fn of_array(dtype: &DType, shape: &[usize], data: &[u8], time: u64) -> Vec<u8> {
    let data = STANDARD.encode(data);
    let message = match (image_encoding(dtype, shape), shape) {
        (Some(encoding), [height, width, ..]) => {
            let channels: usize = shape.iter().skip(2).product();
            json!({
                "timestamp": { "sec": time / 1_000_000_000, "nsec": time % 1_000_000_000 }, "frame_id": "", "width": width,
                "height": height, "encoding": encoding, "step": width * channels * dtype.itemsize(), "data": data,
            })
        }
        _ => json!({ "dtype": dtype.descr(), "itemsize": dtype.itemsize(), "shape": shape, "data": data }),
    };
    message.to_string().into_bytes()
}

/// A sample with lists in place of arrays of numbers: programs plot them, and the type of the stream says what they are.
pub(crate) fn plain<'v>(value: &'v Value<'v>) -> Cow<'v, Value<'v>> {
    match value {
        Value::Struct(fields) => {
            let fields = fields.iter().map(|(name, value)| (name.clone(), plain(value).into_owned()));
            Cow::Owned(Value::Struct(fields.collect()))
        }
        Value::Array(array) if array.dtype().kind().is_some() => {
            elements(array).map_or(Cow::Borrowed(value), Cow::Owned)
        }
        value => Cow::Borrowed(value),
    }
}

/// The message of a sample: a record as an object, anything else as its `value`.
pub(crate) fn of_sample(sample: &Value<'_>) -> serde_json::Result<Vec<u8>> {
    let plain = plain(sample);
    let document = to_document(&plain, true).map_err(serde_json::Error::custom)?;
    match (&document, sample) {
        (Value::Struct(_), Value::Struct(_)) => serde_json::to_vec(&document),
        _ => serde_json::to_vec(&Value::record([("value", document)])),
    }
}
