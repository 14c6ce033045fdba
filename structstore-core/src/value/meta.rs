//! What is known of a field beside its value: limits, which assignments keep, and what it means.

use std::borrow::Cow;
use std::fmt;
use std::ops::{Bound, RangeBounds};

use super::{Scalar, Value};

/// What a field may hold, and what it means. It is declared once, by a type or at run time, and kept in the store: whoever assigns, in
/// whichever language, keeps the limits, and whoever looks can tell units and descriptions.
///
/// Limits of numbers and the choices hold for all that a field has of them: for a number itself, and for each element of an array and
/// each item of a list. The length is that of the field: characters of a string in UTF-8 bytes, bytes, items, or the extent of an
/// array's first dimension. Null, where a field may be null, is outside of no limits.
///
/// `step`, `unit`, `description` and `read_only` are advice for user interfaces, and keep no assignment from anything.
///
/// ```
/// use structstore::{ErrorKind, Meta, StructStore};
///
/// let store = StructStore::new();
/// store.set("kp", 1.5)?;
/// store.declare("kp", &Meta::new().range(0.0..=10.0).unit("1/s").description("Gain of the position loop."))?;
///
/// store.set("kp", 2)?;
/// let error = store.set("kp", 12.5).err().unwrap();
/// assert_eq!(error.kind(), ErrorKind::OutsideLimits);
/// assert_eq!(error.to_string(), "kp: found 12.5, expected a number from 0.0 to 10.0");
/// assert!(store.set("kp", f64::NAN).is_err());
/// assert_eq!(store.meta("kp")?.unit, "1/s");
/// # Ok::<(), structstore::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Meta {
    /// The least number. Not a number (NaN) is outside of any range.
    pub min: Bound<Scalar>,
    /// The largest number.
    pub max: Bound<Scalar>,
    /// Whether numbers have to be finite: no infinity, and not NaN.
    pub finite: bool,
    /// Integers have to be multiples of this one.
    pub multiple_of: Option<u64>,
    /// By how much a user interface changes the number at once.
    pub step: Option<f64>,
    /// The least length.
    pub min_len: Option<u64>,
    /// The largest length.
    pub max_len: Option<u64>,
    /// The strings that there may be or, for integers, the numbers in decimal; any, if there are none.
    pub choices: Vec<Cow<'static, str>>,
    /// The unit of numbers, as people write it: `"m/s"`.
    pub unit: Cow<'static, str>,
    /// What it is, in sentences. The first line is its summary.
    pub description: Cow<'static, str>,
    /// Whether only the program that declares it is meant to assign it. Tools and viewers offer no change then; it is not an access
    /// right.
    pub read_only: bool,
    /// What it is reset to.
    pub default: Option<Value<'static>>,
}

impl Default for Meta {
    fn default() -> Meta {
        Meta::new()
    }
}

impl Meta {
    /// That of a field of which nothing is known.
    pub const fn new() -> Meta {
        Meta {
            min: Bound::Unbounded,
            max: Bound::Unbounded,
            finite: false,
            multiple_of: None,
            step: None,
            min_len: None,
            max_len: None,
            choices: Vec::new(),
            unit: Cow::Borrowed(""),
            description: Cow::Borrowed(""),
            read_only: false,
            default: None,
        }
    }

    /// With a range of numbers.
    ///
    /// ```
    /// use structstore::Meta;
    ///
    /// assert_eq!(Meta::new().range(0.0..=1.0).to_string(), "a number from 0.0 to 1.0");
    /// assert_eq!(Meta::new().range(..8).to_string(), "a number below 8");
    /// ```
    #[must_use]
    pub fn range<T: Into<Scalar> + Copy>(mut self, range: impl RangeBounds<T>) -> Meta {
        let scalar = |bound: Bound<&T>| bound.map(|number| (*number).into());
        (self.min, self.max) = (scalar(range.start_bound()), scalar(range.end_bound()));
        self
    }

    /// With a range of lengths.
    #[must_use]
    pub fn len<T: TryInto<u64> + Copy>(mut self, range: impl RangeBounds<T>) -> Meta {
        let number = |bound: &T| (*bound).try_into().unwrap_or(0);
        self.min_len = match range.start_bound().map(number) {
            Bound::Included(least) => Some(least),
            Bound::Excluded(below) => Some(below.saturating_add(1)),
            Bound::Unbounded => None,
        };
        self.max_len = match range.end_bound().map(number) {
            Bound::Included(most) => Some(most),
            Bound::Excluded(above) => Some(above.saturating_sub(1)),
            Bound::Unbounded => None,
        };
        self
    }

    /// With numbers that are finite.
    #[must_use]
    pub fn finite(mut self) -> Meta {
        self.finite = true;
        self
    }

    /// With integers that are multiples of this one.
    #[must_use]
    pub fn multiple_of(mut self, factor: u64) -> Meta {
        self.multiple_of = Some(factor);
        self
    }

    /// With a step for user interfaces.
    #[must_use]
    pub fn step(mut self, step: f64) -> Meta {
        self.step = Some(step);
        self
    }

    /// With these strings, and no others.
    #[must_use]
    pub fn choices<T: Into<Cow<'static, str>>>(mut self, choices: impl IntoIterator<Item = T>) -> Meta {
        self.choices = choices.into_iter().map(Into::into).collect();
        self
    }

    /// With a unit.
    #[must_use]
    pub fn unit(mut self, unit: impl Into<Cow<'static, str>>) -> Meta {
        self.unit = unit.into();
        self
    }

    /// With a description.
    #[must_use]
    pub fn description(mut self, description: impl Into<Cow<'static, str>>) -> Meta {
        self.description = description.into();
        self
    }

    /// With the advice that only the program that declares it assigns it.
    #[must_use]
    pub fn read_only(mut self) -> Meta {
        self.read_only = true;
        self
    }

    /// With a value to be reset to.
    #[must_use]
    pub fn default_value(mut self, value: impl Into<Value<'static>>) -> Meta {
        self.default = Some(value.into());
        self
    }

    /// Whether assignments have to keep anything.
    #[must_use]
    pub fn has_limits(&self) -> bool {
        self.limits_numbers() || self.limits_length() || !self.choices.is_empty()
    }

    /// Whether anything is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let told = !self.unit.is_empty() || !self.description.is_empty() || self.read_only;
        !told && !self.has_limits() && self.step.is_none() && self.default.is_none()
    }

    pub(crate) fn limits_numbers(&self) -> bool {
        let ranged = self.min != Bound::Unbounded || self.max != Bound::Unbounded;
        ranged || self.finite || self.multiple_of.is_some()
    }

    /// Whether all choices are integers in decimal.
    pub(crate) fn choices_are_integers(&self) -> bool {
        self.choices.iter().all(|choice| choice.parse::<i128>().is_ok())
    }

    pub(crate) fn limits_length(&self) -> bool {
        self.min_len.is_some() || self.max_len.is_some()
    }

    /// This, and what `other` tells beside it: limits of one side only, and texts where this has none.
    #[must_use]
    pub(crate) fn or(self, other: Meta) -> Meta {
        let texts = |own: Cow<'static, str>, other| if own.is_empty() { other } else { own };
        let limits = if self.has_limits() || !other.has_limits() { self.clone() } else { other.clone() };
        Meta {
            step: self.step.or(other.step),
            unit: texts(self.unit, other.unit),
            description: texts(self.description, other.description),
            read_only: self.read_only || other.read_only,
            default: self.default.or(other.default),
            ..limits
        }
    }
}

/// What numbers have to be.
pub(crate) struct Numbers<'a>(pub(crate) &'a Meta);

impl fmt::Display for Numbers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Meta { min, max, finite, multiple_of, .. } = self.0;
        match multiple_of {
            Some(factor) => write!(f, "a multiple of {factor}")?,
            None if *finite => f.write_str("a finite number")?,
            None => f.write_str("a number")?,
        }
        match (min, max) {
            (Bound::Included(min), Bound::Included(max)) => write!(f, " from {min} to {max}"),
            (Bound::Excluded(min), Bound::Excluded(max)) => write!(f, " above {min} and below {max}"),
            (Bound::Included(min), Bound::Excluded(max)) => write!(f, " from {min} to below {max}"),
            (Bound::Excluded(min), Bound::Included(max)) => write!(f, " above {min}, up to {max}"),
            (Bound::Included(min), Bound::Unbounded) => write!(f, " of at least {min}"),
            (Bound::Excluded(min), Bound::Unbounded) => write!(f, " above {min}"),
            (Bound::Unbounded, Bound::Included(max)) => write!(f, " of at most {max}"),
            (Bound::Unbounded, Bound::Excluded(max)) => write!(f, " below {max}"),
            (Bound::Unbounded, Bound::Unbounded) => Ok(()),
        }
    }
}

/// What lengths have to be.
pub(crate) struct Lengths(pub(crate) Option<u64>, pub(crate) Option<u64>);

impl fmt::Display for Lengths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0, self.1) {
            (Some(least), Some(most)) if least == most => write!(f, "a length of {least}"),
            (Some(least), Some(most)) => write!(f, "a length of {least} to {most}"),
            (Some(least), None) => write!(f, "a length of at least {least}"),
            (None, Some(most)) => write!(f, "a length of at most {most}"),
            (None, None) => f.write_str("any length"),
        }
    }
}

/// One of some strings, in quotes unless they are of numbers.
pub(crate) struct Choices<'a, T>(pub(crate) &'a [T], pub(crate) bool);

impl<T: AsRef<str>> fmt::Display for Choices<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, choice) in self.0.iter().map(AsRef::as_ref).enumerate() {
            f.write_str(if at == 0 { "" } else { " or " })?;
            if self.1 { f.write_str(choice)? } else { write!(f, "{choice:?}")? }
        }
        Ok(())
    }
}

/// The limits, in words.
impl fmt::Display for Meta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> = Vec::new();
        if self.limits_numbers() {
            parts.push(Numbers(self).to_string());
        }
        if self.limits_length() {
            parts.push(Lengths(self.min_len, self.max_len).to_string());
        }
        if !self.choices.is_empty() {
            parts.push(Choices(&self.choices, self.choices_are_integers()).to_string());
        }
        f.write_str(&parts.join(", "))
    }
}

/// The choices that are likely to be meant: those that few edits lead to.
pub(crate) fn near<'a, T: AsRef<str>>(found: &str, choices: &'a [T]) -> Option<&'a str> {
    let distance = |choice: &str| -> usize {
        // Levenshtein's distance, row by row.
        let choice: Vec<char> = choice.chars().collect();
        let mut row: Vec<usize> = (0..=choice.len()).collect();
        for (at, from) in found.chars().take(MOST_COMPARED).enumerate() {
            let mut diagonal = at;
            let mut left = at.saturating_add(1);
            if let Some(first) = row.first_mut() {
                *first = left;
            }
            for (to, cell) in choice.iter().zip(row.iter_mut().skip(1)) {
                let change = diagonal.saturating_add(usize::from(!from.eq_ignore_ascii_case(to)));
                diagonal = *cell;
                left = change.min(left.min(*cell).saturating_add(1));
                *cell = left;
            }
        }
        row.last().copied().unwrap_or(0)
    };
    let nearest = choices.iter().map(AsRef::as_ref).filter(|choice| choice.chars().count() <= MOST_COMPARED);
    let (choice, edits) = nearest.map(|choice| (choice, distance(choice))).min_by_key(|(_, edits)| *edits)?;
    (edits <= found.chars().count().max(choice.chars().count()) / 3).then_some(choice)
}

const MOST_COMPARED: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_choices_are_few_edits_away() {
        let modes = ["idle", "running", "emergency_stop"];
        assert_eq!(near("runing", &modes), Some("running"));
        assert_eq!(near("Idle", &modes), Some("idle"));
        assert_eq!(near("emergencystop", &modes), Some("emergency_stop"));
        assert_eq!(near("walking", &modes), None);
        assert_eq!(near("", &modes), None);
    }
}
