//! Compares a store with the owner's state.

use std::collections::HashMap;

use structstore::path::Path;
use structstore::{Scalar, Struct, Value};

pub(crate) fn value_at(store: &Struct, path: &Path) -> Option<Value<'static>> {
    store.get_at(path).ok()
}

/// Where two values differ, but for the samples of streams, which come by themselves, and for the types of numbers.
pub(crate) fn differences(
    path: &Path,
    one: Option<&Value<'_>>,
    other: Option<&Value<'_>>,
    found: &mut Vec<Path>,
) {
    match (one, other) {
        (Some(Value::Struct(one)), Some(Value::Struct(other))) => {
            let mut others: HashMap<&str, &Value<'_>> =
                other.iter().map(|(name, value)| (&**name, value)).collect();
            for (name, value) in one {
                differences(&path.then(&**name), Some(value), others.remove(&**name), found);
            }
            found.extend(others.into_keys().map(|name| path.then(name)));
        }
        (one, other) if same(one, other) => {}
        _ => found.push(path.clone()),
    }
}

fn same(one: Option<&Value<'_>>, other: Option<&Value<'_>>) -> bool {
    match (one, other) {
        (None, None) | (Some(Value::Stream(_)), Some(Value::Stream(_))) => true,
        (Some(Value::Scalar(one)), Some(Value::Scalar(other))) => {
            one == other || is_nan(*one) && is_nan(*other)
        }
        (Some(Value::Array(one)), Some(Value::Array(other))) => {
            one.dtype() == other.dtype() && one.shape() == other.shape() && one.data() == other.data()
        }
        (Some(Value::List(one)), Some(Value::List(other))) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(Some(one), Some(other)))
        }
        (Some(one @ Value::Struct(_)), Some(other @ Value::Struct(_))) => {
            let mut found = Vec::new();
            differences(&Path::ROOT, Some(one), Some(other), &mut found);
            found.is_empty()
        }
        (Some(one), Some(other)) => one == other,
        _ => false,
    }
}

/// A value for a remark.
pub(crate) fn shortened(value: &Value<'_>) -> String {
    let text = value.to_string();
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

fn is_nan(scalar: Scalar) -> bool {
    matches!(scalar, Scalar::F32(number) if number.is_nan())
        || matches!(scalar, Scalar::F64(number) if number.is_nan())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_compared_as_they_are_mirrored() {
        let record = |fields: &[(&'static str, f64)]| {
            Value::record(fields.iter().map(|(name, value)| (*name, Value::from(*value))))
        };
        let differing = |one: &Value<'_>, other: Option<&Value<'_>>| {
            let mut found = Vec::new();
            differences(&"p".parse().unwrap(), Some(one), other, &mut found);
            found.iter().map(Path::to_string).collect::<Vec<String>>().join(" ")
        };
        let one = record(&[("a", f64::NAN), ("b", 1.0)]);
        assert_eq!(differing(&one, Some(&record(&[("b", 1.0), ("a", f64::NAN)]))), "");
        assert_eq!(differing(&one, Some(&record(&[("b", 1.5), ("c", 0.0)]))), "p.a p.b p.c");
        assert_eq!(differing(&one, None), "p");
        assert_eq!(differing(&Value::from(1_u8), Some(&Value::from(1_i64))), "");
        assert_eq!(differing(&Value::list([one.clone()]), Some(&Value::list([record(&[("a", 1.0)])]))), "p");
        assert_eq!(shortened(&Value::from("x".repeat(200))).chars().count(), 81);
    }
}
