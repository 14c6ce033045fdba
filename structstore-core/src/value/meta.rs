//! Metadata of fields: limits, which apply to every assignment, and texts for people.

use std::borrow::Cow;
use std::fmt;
use std::ops::{Bound, RangeBounds};

use super::{Kind, Scalar, Value, not_finite};
use crate::error::{Error, Result};

/// Metadata of a field: its limits, unit, description and default. A type declares it, or a program at run time. It is part of the store,
/// so every process, in any language, enforces the limits and can show the rest.
///
/// Limits of numbers, and choices, apply to everything that a field contains: to a number itself, to each element of an array, and to each
/// item of a list. Limits of the length apply to the field itself: to the bytes of a string in UTF-8, to bytes, to the items of a list, and
/// to the first dimension of an array. A field that may be null can always be null.
///
/// `step`, `unit`, `description` and `read_only` are hints for user interfaces. They do not restrict assignments.
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
    /// The smallest number. NaN is outside of every range.
    pub min: Bound<Scalar>,
    /// The largest number.
    pub max: Bound<Scalar>,
    /// Whether numbers must be finite: neither infinite nor NaN.
    pub finite: bool,
    /// Integers must be multiples of this number.
    pub multiple_of: Option<u64>,
    /// The step by which a user interface changes the number.
    pub step: Option<f64>,
    /// The smallest length.
    pub min_len: Option<u64>,
    /// The largest length.
    pub max_len: Option<u64>,
    /// The allowed strings or, for an integer field, the allowed integers in decimal. Empty allows all.
    pub choices: Vec<Cow<'static, str>>,
    /// The unit, as people write it: `"m/s"`.
    pub unit: Cow<'static, str>,
    /// The description. Its first line is a summary.
    pub description: Cow<'static, str>,
    /// Whether only the program that declares the field should assign it. Tools and viewers then offer no change. This is a hint, not an
    /// access right.
    pub read_only: bool,
    /// The value that `reset` assigns.
    pub default: Option<Value<'static>>,
    /// Other names of the field, under which programs of other versions know it. Reading, assigning and binding find the field by each of
    /// its names.
    pub aliases: Vec<Cow<'static, str>>,
    /// Whether programs of other versions may use another length for the array: a longer array is read from its start.
    pub growable: bool,
    /// Whether the field had a narrower type, as [`Struct::bind_widening`](crate::Struct::bind_widening) notes. Programs with such a type
    /// read values that fit theirs.
    pub widened: bool,
}

impl Default for Meta {
    fn default() -> Meta {
        Meta::new()
    }
}

impl Meta {
    /// Empty metadata.
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
            aliases: Vec::new(),
            growable: false,
            widened: false,
        }
    }

    /// Sets the range of numbers.
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

    /// Sets the range of lengths.
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

    /// Requires finite numbers.
    #[must_use]
    pub fn finite(mut self) -> Meta {
        self.finite = true;
        self
    }

    /// Requires integers that are multiples of `factor`.
    #[must_use]
    pub fn multiple_of(mut self, factor: u64) -> Meta {
        self.multiple_of = Some(factor);
        self
    }

    /// Sets the step for user interfaces.
    #[must_use]
    pub fn step(mut self, step: f64) -> Meta {
        self.step = Some(step);
        self
    }

    /// Sets the allowed strings.
    #[must_use]
    pub fn choices<T: Into<Cow<'static, str>>>(mut self, choices: impl IntoIterator<Item = T>) -> Meta {
        self.choices = choices.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the unit.
    #[must_use]
    pub fn unit(mut self, unit: impl Into<Cow<'static, str>>) -> Meta {
        self.unit = unit.into();
        self
    }

    /// Sets the description.
    #[must_use]
    pub fn description(mut self, description: impl Into<Cow<'static, str>>) -> Meta {
        self.description = description.into();
        self
    }

    /// Tells user interfaces that only the declaring program assigns the field.
    #[must_use]
    pub fn read_only(mut self) -> Meta {
        self.read_only = true;
        self
    }

    /// Sets the value that `reset` assigns.
    #[must_use]
    pub fn default_value(mut self, value: impl Into<Value<'static>>) -> Meta {
        self.default = Some(value.into());
        self
    }

    /// Adds another name of the field, for example its name in an earlier version of a program.
    ///
    /// ```
    /// use structstore::{Meta, StructStore};
    ///
    /// let store = StructStore::new();
    /// store.set("time_constant", 0.5)?;
    /// store.declare("time_constant", &Meta::new().alias("tau"))?;
    /// store.set("tau", 0.7)?;
    /// assert_eq!(store.get::<f64>("time_constant")?, 0.7);
    /// assert_eq!(store.to_string(), r#"{"time_constant": 0.7}"#);
    /// # Ok::<(), structstore::Error>(())
    /// ```
    #[must_use]
    pub fn alias(mut self, name: impl Into<Cow<'static, str>>) -> Meta {
        self.aliases.push(name.into());
        self
    }

    /// Lets programs of other versions use another length for the array.
    #[must_use]
    pub fn growable(mut self) -> Meta {
        self.growable = true;
        self
    }

    /// Lets programs with a narrower type read values that fit theirs, as if another program had widened the field.
    #[must_use]
    pub fn widened(mut self) -> Meta {
        self.widened = true;
        self
    }

    /// Whether it limits assignments.
    #[must_use]
    pub fn has_limits(&self) -> bool {
        self.limits_numbers() || self.limits_length() || !self.choices.is_empty()
    }

    /// Whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let told = !self.unit.is_empty() || !self.description.is_empty() || self.read_only;
        let versions = !self.aliases.is_empty() || self.growable || self.widened;
        !told && !versions && !self.has_limits() && self.step.is_none() && self.default.is_none()
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

    /// What this says of a value of a kind, in JSON Schema of draft 2020-12: keywords and their values. `x-unit`, `x-step` and `x-aliases` carry what JSON Schema cannot express.
    /// Limits of numbers and choices are not said of lists and arrays, to whose items they apply.
    ///
    /// ```
    /// use structstore::{Kind, Meta, Value};
    ///
    /// let meta = Meta::new().range(0..5).choices(["1", "2"]).unit("m");
    /// let of_number = Value::record(meta.keywords(Kind::I64));
    /// assert_eq!(of_number.to_string(), r#"{"minimum": 0, "exclusiveMaximum": 5, "enum": [1, 2], "x-unit": "m"}"#);
    /// assert_eq!(Value::record(meta.keywords(Kind::List)).to_string(), r#"{"x-unit": "m"}"#);
    /// ```
    pub fn keywords(&self, kind: Kind) -> Vec<(&'static str, Value<'_>)> {
        let mut keywords: Vec<(&'static str, Value<'_>)> = Vec::new();
        if kind.is_number() {
            keywords.extend(bound(&self.min, "minimum", "exclusiveMinimum"));
            keywords.extend(bound(&self.max, "maximum", "exclusiveMaximum"));
            // JSON has no infinite numbers.
            keywords.retain(|(_, limit)| not_finite(limit).is_none());
            keywords.extend(self.multiple_of.map(|factor| ("multipleOf", factor.into())));
        }
        match kind {
            _ if self.choices.is_empty() => {}
            Kind::Str => keywords.push(("enum", strings(&self.choices))),
            kind if kind.is_number() => {
                let integers = self.choices.iter().filter_map(|choice| choice.parse::<i64>().ok());
                keywords.push(("enum", Value::list(integers)));
            }
            _ => {}
        }
        let lengths = match kind {
            // Characters are counted, of which one has up to four bytes.
            Kind::Str => Some(("minLength", "maxLength", 4)),
            Kind::List | Kind::Array => Some(("minItems", "maxItems", 1)),
            _ => None,
        };
        if let Some((least, most, bytes)) = lengths {
            keywords.extend(self.min_len.map(|length| (least, length.div_ceil(bytes).into())));
            keywords.extend(self.max_len.map(|length| (most, length.into())));
        }
        for (keyword, text) in [("description", &self.description), ("x-unit", &self.unit)] {
            keywords.extend((!text.is_empty()).then(|| (keyword, Value::from(&**text))));
        }
        keywords.extend(self.step.map(|step| ("x-step", step.into())));
        keywords.extend(self.read_only.then_some(("readOnly", true.into())));
        keywords.extend((!self.aliases.is_empty()).then(|| ("x-aliases", strings(&self.aliases))));
        keywords.extend(self.default.as_ref().map(|default| ("default", default.into())));
        keywords
    }

    /// As a struct value, with what is said, by name: for snapshots, streams and other languages.
    ///
    /// ```
    /// use structstore::Meta;
    ///
    /// let meta = Meta::new().range(0..=5).unit("m");
    /// assert_eq!(meta.to_value().to_string(), r#"{"ge": 0, "le": 5, "unit": "m"}"#);
    /// ```
    pub fn to_value(&self) -> Value<'_> {
        let mut fields: Vec<(&str, Value<'_>)> = Vec::new();
        fields.extend(bound(&self.min, "ge", "gt"));
        fields.extend(bound(&self.max, "le", "lt"));
        fields.extend(self.finite.then_some(("finite", true.into())));
        fields.extend(self.multiple_of.map(|factor| ("multiple_of", factor.into())));
        fields.extend(self.step.map(|step| ("step", step.into())));
        fields.extend(self.min_len.map(|length| ("min_length", length.into())));
        fields.extend(self.max_len.map(|length| ("max_length", length.into())));
        if !self.choices.is_empty() {
            fields.push(("choices", strings(&self.choices)));
        }
        let text = |text: &'_ Cow<'static, str>| (!text.is_empty()).then(|| text.to_string());
        fields.extend(text(&self.unit).map(|unit| ("unit", unit.into())));
        fields.extend(text(&self.description).map(|description| ("description", description.into())));
        fields.extend(self.read_only.then_some(("read_only", true.into())));
        fields.extend(self.default.as_ref().map(|default| ("default", default.into())));
        if !self.aliases.is_empty() {
            fields.push(("aliases", strings(&self.aliases)));
        }
        fields.extend(self.growable.then_some(("growable", true.into())));
        fields.extend(self.widened.then_some(("widened", true.into())));
        Value::record(fields)
    }

    /// Reads what [`Meta::to_value`] made.
    pub(crate) fn from_value(value: Value<'_>) -> Result<Meta> {
        let Value::Struct(fields) = value else {
            return Err(Error::corrupt("metadata", value.kind().name(), "a struct"));
        };
        let mut meta = Meta::new();
        let scalar = |value: &Value<'_>| match value {
            Value::Scalar(scalar) => Ok(*scalar),
            other => Err(Error::corrupt("metadata", other.kind().name(), "a number")),
        };
        for (name, value) in fields {
            match &*name {
                "ge" => meta.min = Bound::Included(scalar(&value)?),
                "gt" => meta.min = Bound::Excluded(scalar(&value)?),
                "le" => meta.max = Bound::Included(scalar(&value)?),
                "lt" => meta.max = Bound::Excluded(scalar(&value)?),
                "finite" => meta.finite = bool::try_from(&value)?,
                "multiple_of" => meta.multiple_of = Some(u64::try_from(&value)?),
                "step" => meta.step = Some(f64::try_from(&value)?),
                "min_length" => meta.min_len = Some(u64::try_from(&value)?),
                "max_length" => meta.max_len = Some(u64::try_from(&value)?),
                "choices" => meta.choices = texts(value)?,
                "unit" => meta.unit = String::try_from(value)?.into(),
                "description" => meta.description = String::try_from(value)?.into(),
                "read_only" => meta.read_only = bool::try_from(&value)?,
                "default" => meta.default = Some(value.into_owned()),
                "aliases" => meta.aliases = texts(value)?,
                "growable" => meta.growable = bool::try_from(&value)?,
                "widened" => meta.widened = bool::try_from(&value)?,
                // Of a later version.
                _ => {}
            }
        }
        Ok(meta)
    }

    /// Completes this with `other`: takes its limits if this has none, and its texts where this has none.
    #[must_use]
    pub(crate) fn or(mut self, other: Meta) -> Meta {
        if !self.has_limits() {
            (self.min, self.max) = (other.min, other.max);
            (self.finite, self.multiple_of) = (other.finite, other.multiple_of);
            (self.min_len, self.max_len) = (other.min_len, other.max_len);
            self.choices = other.choices;
        }
        let text = |own: Cow<'static, str>, other| if own.is_empty() { other } else { own };
        self.unit = text(self.unit, other.unit);
        self.description = text(self.description, other.description);
        self.step = self.step.or(other.step);
        self.read_only |= other.read_only;
        self.default = self.default.or(other.default);
        self.growable |= other.growable;
        self.widened |= other.widened;
        for alias in other.aliases {
            if !self.aliases.contains(&alias) {
                self.aliases.push(alias);
            }
        }
        self
    }
}

/// A bound, if there is one, under one of two names.
fn bound(
    bound: &Bound<Scalar>,
    closed: &'static str,
    open: &'static str,
) -> Option<(&'static str, Value<'static>)> {
    match bound {
        Bound::Included(scalar) => Some((closed, Value::Scalar(*scalar))),
        Bound::Excluded(scalar) => Some((open, Value::Scalar(*scalar))),
        Bound::Unbounded => None,
    }
}

/// A list of strings.
fn strings<'a>(strings: &'a [Cow<'static, str>]) -> Value<'a> {
    Value::list(strings.iter().map(|string| Value::from(&**string)))
}

/// The strings of a list.
fn texts(value: Value<'_>) -> Result<Vec<Cow<'static, str>>> {
    match value {
        Value::List(texts) => texts.into_iter().map(|text| String::try_from(text).map(Cow::Owned)).collect(),
        other => Err(Error::corrupt("metadata", other.kind().name(), "a list of strings")),
    }
}

/// The limits of numbers, in words.
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

/// The limits of the length, in words.
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

/// The choice that was probably meant: the nearest one, if few edits lead to it.
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
    fn keywords_are_of_the_kind() {
        let meta = Meta::new().range(0.5..f64::INFINITY).len(5..9_u64).choices(["a", "7"]).multiple_of(7);
        let said = |meta: &Meta, kind| Value::record(meta.keywords(kind)).to_string();
        assert_eq!(said(&meta, Kind::F64), r#"{"minimum": 0.5, "multipleOf": 7, "enum": [7]}"#);
        assert_eq!(said(&meta, Kind::Str), r#"{"enum": ["a", "7"], "minLength": 2, "maxLength": 8}"#);
        assert_eq!(said(&meta, Kind::Array), r#"{"minItems": 5, "maxItems": 8}"#);
        assert_eq!(said(&meta, Kind::Null), "{}");
        let texts = Meta::new().description("Gain.").step(0.5).read_only().alias("k").default_value(1);
        let expected =
            r#"{"description": "Gain.", "x-step": 0.5, "readOnly": true, "x-aliases": ["k"], "default": 1}"#;
        assert_eq!(said(&texts, Kind::Null), expected);
    }

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
