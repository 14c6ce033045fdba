//! The element types of arrays.

use std::borrow::Cow;

use super::Kind;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::{Error, Result, is_unprintable};
use crate::for_each_number;

/// An element type as NumPy describes it: a type string of the array interface protocol ("<f8", "|b1", `"<M8[us]"`),
/// or, for structured types, the `descr` literal that the .npy format uses.
///
/// <https://numpy.org/doc/stable/reference/arrays.interface.html>
///
/// ```
/// use structstore::DType;
///
/// assert_eq!(DType::of::<f64>().descr(), "<f8");
/// assert_eq!(DType::new("<c16")?.itemsize(), 16);
/// # Ok::<(), structstore::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DType {
    descr: Cow<'static, str>,
    itemsize: u32,
}

/// The longest description; enough for structured types of a thousand fields.
const MAX_DESCR: usize = 1 << 16;

/// Of a scalar's type, the type string, which takes no memory to name, the kind, and the size in bytes.
fn of_scalar(descr: &str) -> Option<(&'static str, Kind, u32)> {
    macro_rules! of_scalar {
        ($($kind:ident $type:ident $typestr:literal $class:ident;)*) => {
            match descr {
                "|b1" => Some(("|b1", Kind::Bool, 1)),
                $($typestr => Some(($typestr, Kind::$kind, size_of::<$type>() as u32)),)*
                _ => None,
            }
        };
    }
    for_each_number!(of_scalar)
}

/// A description of up to eight bytes as one word, as the head of an array has it, padded with zeroes.
#[inline]
pub(crate) const fn word_of(descr: &str) -> Option<u64> {
    let (mut rest, mut word) = (descr.as_bytes(), 0_u64);
    if rest.len() > 8 {
        return None;
    }
    while let [before @ .., last] = rest {
        word = word << 8 | *last as u64;
        rest = before;
    }
    Some(word)
}

impl DType {
    /// The type of scalars whose description is this word.
    #[inline]
    pub(crate) fn of_word(word: u64) -> Option<DType> {
        macro_rules! of_word {
            ($($kind:ident $type:ident $typestr:literal $class:ident;)*) => {
                if Some(word) == const { word_of("|b1") } {
                    Some(DType { descr: Cow::Borrowed("|b1"), itemsize: 1 })
                }
                $(else if Some(word) == const { word_of($typestr) } {
                    Some(DType { descr: Cow::Borrowed($typestr), itemsize: size_of::<$type>() as u32 })
                })*
                else {
                    None
                }
            };
        }
        for_each_number!(of_word)
    }

    /// The type with a simple type string: byte order, kind, item size, and a unit for times.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidArgument`] if it is not a type string, or names Python objects.
    pub fn new(typestr: &str) -> Result<DType> {
        let expected = "a NumPy type string such as \"<f8\"";
        let invalid = || {
            Error::invalid(
                "dtype",
                format!("{:?}", typestr.chars().take(64).collect::<String>()),
                expected.to_owned(),
            )
        };
        let mut chars = typestr.chars();
        let (Some('<' | '>' | '|'), Some(kind)) = (chars.next(), chars.next()) else {
            return Err(invalid());
        };
        let rest = chars.as_str();
        let unit = rest.trim_start_matches(|digit: char| digit.is_ascii_digit());
        let digits = rest.strip_suffix(unit).unwrap_or(rest);
        let size: u32 = digits.parse().map_err(|_| invalid())?;
        let sizes: &[u32] = match kind {
            'b' => &[1],
            'i' | 'u' => &[1, 2, 4, 8],
            'f' => &[2, 4, 8, 16],
            'c' => &[8, 16, 32],
            'm' | 'M' => &[8],
            'S' | 'V' | 'U' => &[size],
            _ => return Err(invalid()),
        };
        let timed = matches!(kind, 'm' | 'M');
        let inner = unit.strip_prefix('[').and_then(|unit| unit.strip_suffix(']'));
        let unit_fits = unit.is_empty()
            || timed && inner.is_some_and(|unit| unit.chars().all(|part| part.is_ascii_graphic()));
        if !sizes.contains(&size) || !unit_fits {
            return Err(invalid());
        }
        let itemsize = if kind == 'U' { size.checked_mul(4).ok_or_else(invalid)? } else { size };
        Ok(DType { descr: typestr.to_owned().into(), itemsize })
    }

    /// A structured type, by its `descr` literal and the size of an item in bytes.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidArgument`] if the literal does not begin with a bracket, has characters that cannot be printed, or is
    /// too long.
    pub fn structured(descr: &str, itemsize: u32) -> Result<DType> {
        if !descr.starts_with('[') || descr.len() > MAX_DESCR || descr.contains(is_unprintable) {
            return Err(Error::invalid(
                "dtype",
                format!("{:?}", descr.chars().take(64).collect::<String>()),
                format!("a descr literal of at most {MAX_DESCR} bytes, all of it printable"),
            ));
        }
        Ok(DType { descr: descr.to_owned().into(), itemsize })
    }

    /// Either of the two, by its [description](DType::descr). The size of an item counts for structured types only.
    ///
    /// # Errors
    ///
    /// As [`new`](DType::new) and [`structured`](DType::structured).
    ///
    /// ```
    /// use structstore::DType;
    ///
    /// let dtype = DType::structured("[('t', '<f8'), ('n', '<i4')]", 16)?;
    /// assert_eq!(DType::from_descr(dtype.descr(), 16)?, dtype);
    /// assert_eq!(DType::from_descr("<f8", 0)?, DType::of::<f64>());
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn from_descr(descr: &str, itemsize: u32) -> Result<DType> {
        if descr.starts_with('[') { DType::structured(descr, itemsize) } else { DType::new(descr) }
    }

    /// The same, as an arena or a snapshot holds it.
    pub(crate) fn parse(descr: &str, itemsize: u32) -> Result<DType> {
        if let Some((descr, _, size)) = of_scalar(descr)
            && size == itemsize
        {
            return Ok(DType { descr: Cow::Borrowed(descr), itemsize });
        }
        match DType::from_descr(descr, itemsize) {
            Ok(dtype) if dtype.itemsize == itemsize => Ok(dtype),
            _ => Err(Error::corrupt("an array", "an unknown element type", "a NumPy type")),
        }
    }

    /// The element type that corresponds to a kind of scalars.
    ///
    /// ```
    /// use structstore::{DType, Kind};
    ///
    /// assert_eq!(DType::of_kind(Kind::U8), Some(DType::of::<u8>()));
    /// assert_eq!(DType::of_kind(Kind::Str), None);
    /// ```
    pub fn of_kind(kind: Kind) -> Option<DType> {
        macro_rules! of_kind {
            ($($kind:ident $type:ident $typestr:literal $class:ident;)*) => {
                match kind {
                    Kind::Bool => Some(DType { descr: Cow::Borrowed("|b1"), itemsize: 1 }),
                    $(Kind::$kind => Some(DType::of::<$type>()),)*
                    _ => None,
                }
            };
        }
        for_each_number!(of_kind)
    }

    /// The element type that corresponds to a Rust type.
    pub fn of<T: super::Element>() -> DType {
        DType { descr: T::TYPESTR.into(), itemsize: size_of::<T>() as u32 }
    }

    /// The type string, or the `descr` literal of a structured type.
    pub fn descr(&self) -> &str {
        &self.descr
    }

    /// The kind of scalar that an element is, if it is one.
    ///
    /// ```
    /// use structstore::{DType, Kind};
    ///
    /// assert_eq!(DType::of::<f32>().kind(), Some(Kind::F32));
    /// assert_eq!(DType::new("<c16")?.kind(), None);
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn kind(&self) -> Option<Kind> {
        of_scalar(&self.descr).map(|(_, kind, _)| kind)
    }

    /// The same, if the elements are numbers.
    pub(crate) fn number(&self) -> Option<Kind> {
        self.kind().filter(|kind| kind.is_number())
    }

    /// Whether this is a structured type.
    pub fn is_structured(&self) -> bool {
        self.descr.starts_with('[')
    }

    /// The size of an item in bytes.
    pub fn itemsize(&self) -> usize {
        self.itemsize as usize
    }
}

/// The name of a number type in Rust, or else NumPy's string for the type: `f64`, `<M8[us]`.
impl std::fmt::Display for DType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(shown(&self.descr))
    }
}

/// The name of the type of this NumPy string.
pub(crate) fn shown(descr: &str) -> &str {
    of_scalar(descr).map_or(descr, |(_, kind, _)| kind.name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn type_strings_are_checked() {
        for (typestr, size) in
            [("<f8", 8), ("|b1", 1), (">i4", 4), ("<U5", 20), ("|S7", 7), ("<M8[us]", 8), ("<f2", 2)]
        {
            assert_eq!(DType::new(typestr).unwrap().itemsize(), size, "{typestr}");
        }
        for typestr in ["", "f8", "<", "<f3", "|O8", "<f8[us]", "<x4", "<i", "<U9999999999", "<é8"] {
            assert!(
                matches!(DType::new(typestr), Err(error) if error.kind() == ErrorKind::InvalidArgument),
                "{typestr}"
            );
        }
        // Whoever prints a type, in an error for example, does not have the terminal do something.
        assert!(DType::new("<M8[\u{1b}[2J]").is_err());
        assert!(DType::structured("[('a\u{1b}[2J', '<f8')]", 8).is_err());
        assert!(DType::structured("[('größe', '<f8')]", 8).is_ok());
    }
}
