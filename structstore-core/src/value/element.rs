//! Elements of arrays as values that people read, also those that are no numbers of Rust: complex numbers, times and durations as NumPy has them, numbers
//! of other sizes and byte orders, strings of fixed length, and records.

use super::array::ArrayValue;
use super::clock::iso;
use super::record::sample_value;
use super::{DType, Scalar, Value};

/// An array as nested lists of what its elements are, or as the only element if it has no dimensions; `None` if there is no way to say them.
pub fn elements(array: &ArrayValue<'_>) -> Option<Value<'static>> {
    let (dtype, shape, data) = (array.dtype(), array.shape(), array.data());
    if dtype.itemsize() == 0 || shape.contains(&0) {
        return None;
    }
    match array.numbers() {
        Some(numbers) => nested(shape, &mut numbers.into_iter().map(|number| Some(Value::Scalar(number)))),
        None => nested(shape, &mut data.chunks_exact(dtype.itemsize()).map(|bytes| element(dtype, bytes))),
    }
}

/// Nested lists of values.
pub(super) fn nested(
    shape: &[usize],
    values: &mut impl Iterator<Item = Option<Value<'static>>>,
) -> Option<Value<'static>> {
    match shape.split_first() {
        None => values.next()?,
        Some((length, inner)) => {
            (0..*length).map(|_| nested(inner, values)).collect::<Option<Vec<_>>>().map(Value::List)
        }
    }
}

fn element(dtype: &DType, bytes: &[u8]) -> Option<Value<'static>> {
    if dtype.is_structured() {
        // Where it is not known what a record is of, its value would be the array once more.
        dtype.fields()?;
        return Some(sample_value(dtype, &[], bytes).into_owned());
    }
    let descr = dtype.descr();
    let (order, kind) = (descr.get(..1)?, descr.get(1..2)?);
    let swapped = order == ">";
    let unit =
        || descr.split_once('[').map_or("", |(_, unit)| unit.trim_end_matches(']').trim_start_matches('1'));
    let mut bytes = bytes.to_vec();
    if swapped {
        // Of complex numbers, each half for itself; of strings, each character.
        let size = match kind {
            "c" => bytes.len() / 2,
            "U" => 4,
            _ => bytes.len(),
        };
        bytes.chunks_mut(size.max(1)).for_each(<[u8]>::reverse);
    }
    let count = || bytes.first_chunk().copied().map(i64::from_le_bytes);
    match kind {
        "c" => complex(&bytes).map(Value::from),
        "M" => iso(count()?, unit()).map(Value::from),
        "m" => Some(match count()? {
            i64::MIN => "NaT".into(),
            count => format!("{count} {}", unit()).into(),
        }),
        "U" => {
            let (units, _) = bytes.as_chunks::<4>();
            let character = |unit: &[u8; 4]| {
                char::from_u32(u32::from_le_bytes(*unit)).unwrap_or(char::REPLACEMENT_CHARACTER)
            };
            let text: String = units.iter().map(character).collect();
            Some(text.trim_end_matches('\0').to_owned().into())
        }
        "S" => Some(String::from_utf8_lossy(&bytes).trim_end_matches('\0').to_owned().into()),
        "f" if bytes.len() == 2 => {
            bytes.first_chunk().map(|half| half_float(u16::from_le_bytes(*half)).into())
        }
        "i" | "u" | "f" => {
            let native =
                if bytes.len() == 1 { format!("|{kind}1") } else { format!("<{kind}{}", bytes.len()) };
            let array = ArrayValue::new(DType::new(&native).ok()?, &[], bytes).ok()?;
            array.numbers()?.first().map(|number| Value::Scalar(*number))
        }
        _ => None,
    }
}

/// A number of half precision: <https://en.wikipedia.org/wiki/Half-precision_floating-point_format>.
fn half_float(bits: u16) -> f32 {
    let (sign, exponent, fraction) = (bits >> 15, bits >> 10 & 31, f32::from(bits & 1023));
    let magnitude = match exponent {
        0 => fraction / 16_777_216.0,
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        exponent => (1.0 + fraction / 1024.0) * 2_f32.powi(i32::from(exponent).saturating_sub(15)),
    };
    if sign == 1 { -magnitude } else { magnitude }
}

fn complex(data: &[u8]) -> Option<String> {
    let (real, imaginary) = data.split_at_checked(data.len() / 2)?;
    let float = |bytes: &[u8]| match bytes.len() {
        4 => Some(Scalar::F32(f32::from_le_bytes(bytes.try_into().ok()?))),
        8 => Some(Scalar::F64(f64::from_le_bytes(bytes.try_into().ok()?))),
        _ => None,
    };
    let (real, imaginary) = (float(real)?.to_string(), float(imaginary)?.to_string());
    let sign = if imaginary.starts_with('-') { "" } else { "+" };
    Some(format!("{real}{sign}{imaginary}j"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_what_cannot_be_read_are_not_told() {
        for descr in [
            "[('x', '<f4'), 8'y']",
            "[('x', '|O8')]",
            &format!("{}'<f4'{}", "[('x', ".repeat(100), ")]".repeat(100)),
        ] {
            let dtype = DType::structured(descr, 4).unwrap();
            let array = ArrayValue::new(dtype, &[1], vec![0; 4]).unwrap();
            assert_eq!(elements(&array), None, "{descr}");
            assert_ne!(Value::Array(array).to_string(), "", "{descr}");
        }
    }

    #[test]
    fn elements_are_told() {
        let told = |descr: &str, shape: &[usize], data: &[u8]| {
            elements(&ArrayValue::new(DType::new(descr).unwrap(), shape, data.to_vec()).unwrap())
                .map(|value| value.to_string())
        };
        let count = |descr: &str, count: i64| told(descr, &[], &count.to_le_bytes()).unwrap();
        assert_eq!(count("<M8[us]", 1_709_210_096_123_456), r#""2024-02-29T12:34:56.123456""#);
        assert_eq!(count("|M8[1D]", -1), r#""1969-12-31""#);
        assert_eq!(count("<M8[s]", -1), r#""1969-12-31T23:59:59""#);
        assert_eq!(count("<M8[ns]", 0), r#""1970-01-01T00:00:00.000000000""#);
        assert_eq!(count("<M8[D]", 11016), r#""2000-02-29""#);
        assert_eq!(count("<M8[us]", i64::MIN), r#""NaT""#);
        assert_eq!(count("|m8[us]", -1500), r#""-1500 us""#);
        assert!(told("<M8[D]", &[], &i64::MAX.to_le_bytes()).is_some());
        assert_eq!(told("<M8[Y]", &[], &[0; 8]), None);
        let complex = [1.5_f64.to_le_bytes(), (-2.0_f64).to_le_bytes()].concat();
        assert_eq!(told("|c16", &[], &complex).unwrap(), r#""1.5-2.0j""#);
        let swapped = [1.5_f64.to_be_bytes(), (-2.0_f64).to_be_bytes()].concat();
        assert_eq!(told(">c16", &[1], &swapped).unwrap(), r#"["1.5-2.0j"]"#);
        let text: Vec<u8> = "hé\0".chars().flat_map(|unit| (unit as u32).to_le_bytes()).collect();
        assert_eq!(told("<U3", &[], &text).unwrap(), r#""hé""#);
        assert_eq!(told("|S4", &[], b"a\x1bb\0").unwrap(), r#""a\u001bb""#);
        assert_eq!(told(">i4", &[2, 1], &[0, 0, 0, 1, 0, 0, 1, 0]).unwrap(), "[[1], [256]]");
        assert_eq!(told(">f8", &[1], &1.5_f64.to_be_bytes()).unwrap(), "[1.5]");
        for (bits, expected) in
            [(0x3c00, "1.0"), (0xc000, "-2.0"), (0x0001, "5.9604645e-8"), (0x7c00, "Infinity")]
        {
            assert_eq!(told("<f2", &[], &u16::to_le_bytes(bits)).unwrap(), expected);
        }
        let record = DType::structured("[('t', '<f8'), ('n', '<i4')]", 12).unwrap();
        let data = [&1.5_f64.to_le_bytes()[..], &7_i32.to_le_bytes()].concat();
        let records = ArrayValue::new(record, &[1], data).unwrap();
        assert_eq!(elements(&records).unwrap().to_string(), r#"[{"t": 1.5, "n": 7}]"#);
        assert_eq!(told("|V4", &[], &[0; 4]), None);
        assert_eq!(told("<i2", &[1, 2], &[1, 0, 2, 0]).unwrap(), "[[1, 2]]");
        assert_eq!(told("|b1", &[2], &[1, 0]).unwrap(), "[true, false]");
    }
}
