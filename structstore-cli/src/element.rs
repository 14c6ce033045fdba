//! Elements of arrays that are no numbers of Rust, for people: complex numbers, times and durations as NumPy has them, strings of fixed length, and
//! records.

use structstore::binding_support::escaped;
use structstore::{ArrayValue, Scalar, StreamValue};

use crate::{clock, text};

/// What the only element of an array without dimensions is, if there is a way to say it.
pub(crate) fn only(array: &ArrayValue<'_>) -> Option<String> {
    let (dtype, data) = (array.dtype(), array.data());
    if !array.shape().is_empty() {
        return None;
    }
    if dtype.is_structured() {
        let record = StreamValue::new(dtype.clone(), &[], 1).ok()?;
        return Some(text::line(&record.sample(data).to_string()));
    }
    let descr = dtype.descr();
    let unit = || descr.split_once('[').map_or("", |(_, unit)| unit.trim_end_matches(']'));
    let count = || data.first_chunk().copied().map(i64::from_le_bytes);
    match descr.get(..2)? {
        "<c" => complex(data),
        "<M" => clock::iso(count()?, unit()),
        "<m" => Some(match count()? {
            i64::MIN => "NaT".to_owned(),
            count => format!("{count} {}", unit()),
        }),
        "<U" => {
            let (units, _) = data.as_chunks::<4>();
            let text: String = units.iter().map(|unit| character(u32::from_le_bytes(*unit))).collect();
            Some(escaped(text.trim_end_matches('\0')))
        }
        "|S" => Some(escaped(String::from_utf8_lossy(data).trim_end_matches('\0'))),
        _ => None,
    }
}

fn character(code: u32) -> char {
    char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
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
    use structstore::DType;

    use super::*;

    #[test]
    fn elements_are_told() {
        let told = |descr: &str, data: &[u8]| {
            only(&ArrayValue::new(DType::new(descr).unwrap(), &[], data.to_vec()).unwrap())
        };
        let count = |descr: &str, count: i64| told(descr, &count.to_le_bytes()).unwrap();
        assert_eq!(count("<M8[us]", 1_709_210_096_123_456), "2024-02-29T12:34:56.123456");
        assert_eq!(count("<M8[D]", -1), "1969-12-31");
        assert_eq!(count("<M8[s]", -1), "1969-12-31T23:59:59");
        assert_eq!(count("<M8[ns]", 0), "1970-01-01T00:00:00.000000000");
        assert_eq!(count("<M8[D]", 11016), "2000-02-29");
        assert_eq!(count("<M8[us]", i64::MIN), "NaT");
        assert!(count("<M8[D]", i64::MAX).ends_with(|digit: char| digit.is_ascii_digit()));
        assert_eq!(count("<m8[us]", -1500), "-1500 us");
        assert_eq!(told("<M8[Y]", &[0; 8]), None);
        let complex = [1.5_f64.to_le_bytes(), (-2.0_f64).to_le_bytes()].concat();
        assert_eq!(told("<c16", &complex).unwrap(), "1.5-2.0j");
        let text: Vec<u8> = "hé\0".chars().flat_map(|unit| (unit as u32).to_le_bytes()).collect();
        assert_eq!(told("<U3", &text).unwrap(), "\"hé\"");
        assert_eq!(told("|S4", b"a\x1bb\0").unwrap(), "\"a\\u001bb\"");
        let record = DType::structured("[('t', '<f8'), ('n', '<i4')]", 12).unwrap();
        let data = [&1.5_f64.to_le_bytes()[..], &7_i32.to_le_bytes()].concat();
        assert_eq!(only(&ArrayValue::new(record, &[], data).unwrap()).unwrap(), r#"{"t": 1.5, "n": 7}"#);
        assert_eq!(only(&ArrayValue::from_slice(&[1], &[1.5]).unwrap()), None);
    }
}
