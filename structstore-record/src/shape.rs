//! The JSON Schema of messages, which says of each value what kind it is in the store.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Map, Value as Json, json};
use structstore::binding_support::to_document;
use structstore::{DType, Kind, Meta, Value};

/// The keyword with the kind of a value.
pub(crate) const KIND: &str = "x-structstore";
/// What is listed in messages of structs beside their values: fields that have topics of their own.
pub(crate) const PARTS: &str = "$parts";
/// How many items of a list are described one by one.
const ITEMS: usize = 64;

/// The fields of a struct that a message has.
pub(crate) type Fields<'v> = Vec<(&'v str, &'v Value<'static>)>;

/// Stands for names and kinds: of two structs that have the same, so are their schemas.
pub(crate) fn fingerprint(fields: &Fields<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    for (name, value) in fields {
        name.hash(&mut hasher);
        hash(value, &mut hasher);
    }
    hasher.finish()
}

fn hash(value: &Value<'_>, hasher: &mut DefaultHasher) {
    (value.kind() as u8).hash(hasher);
    match value {
        Value::List(items) => {
            // Of uniform lists, their length says nothing.
            match is_uniform(items) {
                true => items.iter().take(1).for_each(|item| hash(item, hasher)),
                false => items.iter().take(ITEMS).for_each(|item| hash(item, hasher)),
            }
        }
        Value::Struct(fields) => fields.iter().for_each(|(name, value)| {
            name.hash(hasher);
            hash(value, hasher);
        }),
        _ => {}
    }
}

fn is_uniform(items: &[Value<'_>]) -> bool {
    let is_plain = |item: &Value<'_>| !matches!(item, Value::List(_) | Value::Struct(_));
    items.windows(2).all(|pair| pair[0].kind() == pair[1].kind()) && items.iter().all(is_plain)
}

/// The schema of the messages of a struct, with the metadata of its fields.
pub(crate) fn of_fields(title: &str, fields: &Fields<'_>, metas: &HashMap<String, Meta>) -> Json {
    let properties: Map<String, Json> = fields
        .iter()
        .map(|(name, value)| {
            let mut property = of_value(value);
            if let (Some(meta), Some(property)) = (metas.get(*name), property.as_object_mut()) {
                for (keyword, said) in meta.keywords(value.kind()) {
                    let said = to_document(&said, true).ok().and_then(|said| serde_json::to_value(said).ok());
                    property.extend(said.map(|said| (keyword.to_owned(), said)));
                }
            }
            ((*name).to_owned(), property)
        })
        .collect();
    json!({ "title": title, "type": "object", "properties": properties })
}

fn of_value(value: &Value<'_>) -> Json {
    let kind = value.kind();
    match value {
        Value::List(items) if is_uniform(items) => match items.first() {
            Some(item) => json!({ "type": "array", KIND: "list", "items": of_value(item) }),
            None => json!({ "type": "array", KIND: "list" }),
        },
        Value::List(items) => {
            let items: Vec<Json> = items.iter().take(ITEMS).map(of_value).collect();
            json!({ "type": "array", KIND: "list", "prefixItems": items })
        }
        Value::Struct(fields) => {
            let fields: Map<String, Json> =
                fields.iter().map(|(name, value)| (name.to_string(), of_value(value))).collect();
            json!({ "type": "object", KIND: "struct", "properties": fields })
        }
        _ => json!({ "type": json_type(kind), KIND: kind.name() }),
    }
}

/// The types of JSON that a kind is written as. What is not finite is an object with a tag.
fn json_type(kind: Kind) -> Json {
    match kind {
        Kind::Null => "null".into(),
        Kind::Bool => "boolean".into(),
        Kind::F32 | Kind::F64 => json!(["number", "object"]),
        Kind::Str => "string".into(),
        Kind::Bytes | Kind::Array | Kind::Stream | Kind::Struct => "object".into(),
        Kind::List => "array".into(),
        _ => "integer".into(),
    }
}

/// The schema of an array's messages.
pub(crate) fn of_array(title: &str) -> Json {
    json!({
        "title": title, "type": "object", KIND: "array", "properties": {
            "dtype": { "type": "string", "description": "NumPy's string for the type" },
            "itemsize": { "type": "integer" },
            "shape": { "type": "array", "items": { "type": "integer" } },
            "data": { "type": "string", "contentEncoding": "base64", "description": "The elements in C order, little endian" },
        },
    })
}

/// The name of the schema of images, which viewers know.
pub(crate) const IMAGE: &str = "foxglove.RawImage";

/// The schema of an image's messages.
pub(crate) fn of_image() -> Json {
    let time = json!({ "type": "object", "properties": { "sec": { "type": "integer" }, "nsec": { "type": "integer" } } });
    json!({
        "title": IMAGE, "type": "object", KIND: "array", "properties": {
            "timestamp": time, "frame_id": { "type": "string" }, "width": { "type": "integer" }, "height": { "type": "integer" },
            "encoding": { "type": "string" }, "step": { "type": "integer" },
            "data": { "type": "string", "contentEncoding": "base64" },
        },
    })
}

/// How viewers call the pixels of an array, if it is an image.
pub(crate) fn image_encoding(dtype: &DType, shape: &[usize]) -> Option<&'static str> {
    match (dtype.kind()?, shape) {
        _ if shape.contains(&0) => None,
        (Kind::U8, [_, _]) => Some("mono8"),
        (Kind::U8, [_, _, 3]) => Some("rgb8"),
        (Kind::U8, [_, _, 4]) => Some("rgba8"),
        (Kind::U16, [_, _]) => Some("mono16"),
        (Kind::F32, [_, _]) => Some("32FC1"),
        _ => None,
    }
}
