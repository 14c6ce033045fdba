//! What is in a store: as a value, and a value on one line.

use structstore::binding_support::{elements, hex};
use structstore::path::Path;
use structstore::stream::AnyStream;
use structstore::{ErrorKind, Item, Scalar, Value};

use crate::failure::Result;
use crate::json;
use crate::text::{self, shortened};

/// How many characters of a value are shown.
const WIDTH: usize = 60;

/// What an item is, with all below it.
pub(crate) fn value(item: &Item) -> Result<Value<'static>> {
    Ok(match item {
        Item::Scalar(scalar) => Value::Scalar(*scalar),
        Item::Str(text) => Value::Str(text.clone().into()),
        Item::Bytes(bytes) => Value::Bytes(bytes.clone().into()),
        Item::List(list) => list.to_value()?,
        Item::Struct(found) => found.to_value()?,
        Item::Array(array) => array.to_value()?.into(),
        Item::Stream(stream) => newest(stream)?,
        _ => Value::Null,
    })
}

/// The newest sample of a stream, or null.
pub(crate) fn newest(stream: &AnyStream) -> Result<Value<'static>> {
    match stream.latest() {
        Ok(sample) => Ok(stream.value()?.sample(sample.data.as_slice()).into_owned()),
        Err(error) if error.kind() == ErrorKind::NoSample => Ok(Value::Null),
        Err(error) => Err(error.into()),
    }
}

/// A value on one line, for people: cut, if it is long.
pub(crate) fn brief(value: &Value<'_>) -> Result<String> {
    let cut = match value {
        // So that nothing long is written out in order to be cut.
        Value::Str(text) => Value::from(text.chars().take(WIDTH + 1).collect::<String>()),
        Value::Bytes(bytes) => {
            return Ok(shortened(&hex(bytes.get(..WIDTH).unwrap_or(bytes)), WIDTH).into_owned());
        }
        Value::Scalar(Scalar::F32(number)) if !number.is_finite() => return Ok(number.to_string()),
        Value::Scalar(Scalar::F64(number)) if !number.is_finite() => return Ok(number.to_string()),
        Value::Array(array) if array.dtype().kind().is_none() && array.shape().is_empty() => {
            let told = match (elements(array), array.dtype().descr().get(1..2)) {
                // Other than strings, they need no quotes.
                (Some(Value::Str(told)), kind) if !matches!(kind, Some("U" | "S")) => text::line(&told),
                (Some(told), _) => told.to_string(),
                (None, _) => text::line(&array.dtype().to_string()),
            };
            return Ok(shortened(&told, WIDTH).into_owned());
        }
        Value::List(_) | Value::Struct(_) | Value::Array(_) | Value::Stream(_) => {
            return Ok(shortened(&text::line(&value.to_string()), WIDTH).into_owned());
        }
        other => other.into(),
    };
    let text = String::from_utf8_lossy(&json::text(&cut, &Path::ROOT, false)?).into_owned();
    Ok(shortened(text.trim_end(), WIDTH).into_owned())
}
