//! Structures as people read them: JSON, in which what is long is cut short.

use structstore::{Result, Value};

/// How many elements of an array, items of a list, characters, and bytes are printed; as many as NumPy prints.
const SHOWN: usize = 1000;

/// What is printed of a value, or of the error in its place.
pub(crate) fn printed(value: Result<Value<'static>>, indent: bool) -> String {
    match value.map(cut) {
        Ok(value) if indent => format!("{value:#}"),
        Ok(value) => value.to_string(),
        Err(error) => format!("<{error}>"),
    }
}

/// Where something is left out, a string says so.
fn cut(value: Value<'static>) -> Value<'static> {
    match value {
        Value::Array(array) if array.shape().iter().product::<usize>() > SHOWN => {
            format!("{}{:?}", array.dtype(), array.shape()).into()
        }
        Value::Bytes(bytes) if bytes.len() > SHOWN => format!("{} bytes", bytes.len()).into(),
        Value::Str(text) => match text.char_indices().nth(SHOWN) {
            Some((end, _)) => {
                let more = text[end..].chars().count();
                format!("{}… and {more} characters more", &text[..end]).into()
            }
            None => Value::Str(text),
        },
        Value::List(mut items) => {
            let more = items.len().saturating_sub(SHOWN);
            items.truncate(SHOWN);
            let mut items: Vec<_> = items.into_iter().map(cut).collect();
            if more > 0 {
                items.push(format!("… and {more} items more").into());
            }
            Value::List(items)
        }
        Value::Struct(fields) => {
            Value::Struct(fields.into_iter().map(|(name, value)| (name, cut(value))).collect())
        }
        other => other,
    }
}
