//! Values as texts, and back: what the page shows and sends.

use structstore::binding_support::{elements, for_each_number, hex};
use structstore::{ArrayValue, DType, Kind, Scalar, Value};

/// How many characters of a string, and digits of bytes, a row has.
const LONGEST: usize = 200;
/// How many elements of an array a row has.
const FIRST: usize = 8;

/// A value as a text; the beginning of one, if `short` and there is more.
pub(crate) fn of_value(value: &Value<'_>, short: bool) -> (String, bool) {
    match value {
        Value::Null => ("null".to_owned(), false),
        Value::Str(text) if short => match text.char_indices().nth(LONGEST) {
            Some((end, _)) => (text.get(..end).unwrap_or_default().to_owned(), true),
            None => (text.to_string(), false),
        },
        Value::Str(text) => (text.to_string(), false),
        Value::Bytes(bytes) => match bytes.get(..LONGEST / 2) {
            Some(start) if short && bytes.len() > start.len() => (hex(start), true),
            _ => (hex(bytes), false),
        },
        Value::Array(array) => {
            let size = array.dtype().itemsize();
            let count = array.shape().iter().product::<usize>();
            let start = array.data().get(..FIRST.saturating_mul(size)).unwrap_or(array.data());
            (of_elements(array.dtype(), count, start), count > FIRST)
        }
        other => (other.to_string(), false),
    }
}

/// The first elements of an array of so many.
pub(crate) fn of_elements(dtype: &DType, count: usize, start: &[u8]) -> String {
    let first = start.len().checked_div(dtype.itemsize()).unwrap_or(0).min(FIRST);
    let texts = texts(dtype, start);
    let more = if count > first { ", …" } else { "" };
    format!("[{}{more}]", texts.get(..first).unwrap_or(&texts).join(", "))
}

/// Each element as a text.
pub(crate) fn texts(dtype: &DType, data: &[u8]) -> Vec<String> {
    let count = data.len().checked_div(dtype.itemsize()).unwrap_or(0);
    let whole = data.get(..count.saturating_mul(dtype.itemsize())).unwrap_or_default();
    let Ok(array) = ArrayValue::new(dtype.clone(), &[count], whole) else {
        return vec!["?".to_owned(); count];
    };
    if let Some(numbers) = array.numbers() {
        return numbers.iter().map(|number| Value::Scalar(*number).to_string()).collect();
    }
    match elements(&array) {
        Some(Value::List(items)) => items.iter().map(|item| of_value(item, true).0).collect(),
        _ => vec!["?".to_owned(); count],
    }
}

/// The number of a kind that lies at the start of some bytes; not a number if it is none.
pub(crate) fn number(kind: Option<Kind>, bytes: &[u8]) -> f64 {
    macro_rules! number {
        ($($kind:ident $type:ident $typestr:literal $class:ident;)*) => {
            match kind {
                Some(Kind::Bool) => bytes.first().map(|byte| f64::from(*byte)),
                $(Some(Kind::$kind) => bytes.first_chunk().map(|bytes| <$type>::from_le_bytes(*bytes) as f64),)*
                _ => None,
            }
        };
    }
    for_each_number!(number).unwrap_or(f64::NAN)
}

/// A scalar as a number; not a number if it is null or something else.
pub(crate) fn number_of(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::Scalar(Scalar::Bool(truth)) => Some(f64::from(u8::from(*truth))),
        Value::Scalar(scalar) => scalar.to_string().parse().ok(),
        Value::Null => Some(f64::NAN),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_back_as_they_were() {
        for value in [
            Value::Null,
            true.into(),
            i64::MIN.into(),
            u64::MAX.into(),
            0.1_f32.into(),
            5.0_f64.into(),
            f64::INFINITY.into(),
            f32::NEG_INFINITY.into(),
            1e300.into(),
            " a\n\"b\" ".into(),
            Value::bytes(vec![0, 255]),
        ] {
            let (text, cut) = of_value(&value, true);
            assert!(!cut);
            let found = Value::parse(&text, value.kind()).unwrap();
            assert_eq!(format!("{found:?}"), format!("{value:?}"));
        }
        assert_eq!(of_value(&f64::NEG_INFINITY.into(), true).0, "-Infinity");
        let nan = Value::parse(&of_value(&f64::NAN.into(), true).0, Kind::F64).unwrap();
        assert!(number_of(&nan).is_some_and(f64::is_nan));
    }

    #[test]
    fn long_texts_are_cut() {
        let long = "é".repeat(1000);
        let (text, cut) = of_value(&Value::from(&*long), true);
        assert_eq!((text.chars().count(), cut), (LONGEST, true));
        assert_eq!(of_value(&Value::from(&*long), false), (long.clone(), false));
        let numbers: Vec<u16> = (0..9).collect();
        let array = Value::from(ArrayValue::from_slice(&[9], &numbers).unwrap());
        assert_eq!(of_value(&array, true).0, "[0, 1, 2, 3, 4, 5, 6, 7, …]");
        assert_eq!(number(Some(Kind::U16), &[1, 2]), 513.0);
    }
}
