//! Records as they are read, and the checks by them.

use std::borrow::Cow;
use std::ops::Bound;

use super::{
    ABOVE_MIN, ALIASES, BELOW_MAX, BETWEEN, BYTES, CHOICES, CLASS, COUNT, Class, DEFAULT, FACTOR, FINITE,
    GROWABLE, HASH, LEAST, LONGEST, MAX, MIN, MOST, PART, PLAIN, RANGE, READ_ONLY, STEP, TEXTS, WIDENED,
    damaged, live,
};
use crate::arena::Arena;
use crate::error::{Error, Result};
use crate::node::{Raw, read_bytes};
use crate::sync::{AtomicU64, Ordering};
use crate::value::{
    ArrayValue, Choices, Kind, Lengths, Meta, Numbers, Scalar, Value, decode, element_path, near,
};

/// A record as it was read, of which any bytes may be wrong.
pub(crate) struct Record {
    pub(super) bytes: Vec<u8>,
    /// Whether it is of the list that what is looked at is in, so that lengths are not limited.
    pub(super) part: bool,
}

impl Record {
    /// The one that a tag or a node names.
    pub(crate) fn read(arena: &Arena, place: u64) -> Result<Record> {
        let (place, part) = (place & !PART, place & PART != 0);
        let head = arena.at::<AtomicU64>(place)?.load(Ordering::Relaxed);
        let bytes = head >> BYTES;
        if bytes < (TEXTS + HASH) as u64 || bytes >= LONGEST as u64 || !bytes.is_multiple_of(8) {
            return Err(damaged(head));
        }
        Ok(Record { bytes: read_bytes(arena.words(place, bytes.div_ceil(8))?, bytes as usize), part })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Fails if any byte is another one than was written.
    pub(crate) fn verify(&self) -> Result<()> {
        let (record, hash) =
            self.bytes.split_at_checked(self.bytes.len().saturating_sub(HASH)).unwrap_or_default();
        match rapidhash::v3::rapidhash_v3(record).to_le_bytes() == *hash {
            true => Ok(()),
            false => Err(damaged(self.word(0))),
        }
    }

    fn word(&self, at: usize) -> u64 {
        let bytes = self.bytes.get(at.saturating_mul(8)..).and_then(|rest| rest.first_chunk());
        bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }

    fn has(&self, flag: u64) -> bool {
        self.word(0) & flag != 0
    }

    fn class(&self) -> Result<Class> {
        Class::from_code((self.word(0) >> CLASS) as u8).ok_or_else(|| damaged(self.word(0)))
    }

    /// Whether an assignment has to look.
    pub(crate) fn limits(&self) -> bool {
        self.has(RANGE | FACTOR | LEAST | MOST | CHOICES)
    }

    /// Whether elements and items are limited, and not the length alone.
    pub(crate) fn limits_parts(&self) -> bool {
        self.has(RANGE | FACTOR | CHOICES)
    }

    fn lengths(&self) -> (Option<u64>, Option<u64>) {
        let lengths = self.word(4);
        let one = |flag, length| (self.has(flag) && !self.part).then_some(length);
        (one(LEAST, lengths & 0xffff_ffff), one(MOST, lengths >> 32))
    }

    /// The texts in order.
    fn texts(&self) -> impl Iterator<Item = Result<&[u8]>> {
        let end = self.bytes.len().saturating_sub(HASH);
        let mut rest = self.bytes.get(TEXTS..end).unwrap_or_default();
        std::iter::from_fn(move || {
            let (length, behind) = rest.split_first_chunk()?;
            let length = u64::from_le_bytes(*length);
            let padded = usize::try_from(length).ok().and_then(|length| length.checked_next_multiple_of(8));
            match padded.and_then(|padded| behind.split_at_checked(padded)) {
                Some((text, behind)) => {
                    rest = behind;
                    Some(Ok(text.get(..length as usize).unwrap_or(text)))
                }
                None => {
                    rest = &[];
                    Some(Err(damaged(length)))
                }
            }
        })
    }

    fn text(bytes: &[u8]) -> Result<&str> {
        str::from_utf8(bytes)
            .map_err(|_| Error::corrupt("the metadata of a field", "bytes that are not UTF-8", "UTF-8"))
    }

    fn choices(&self) -> Result<Vec<&str>> {
        let count = (self.word(0) >> COUNT) as u16;
        let choices: Vec<&str> =
            self.texts().skip(2).take(count.into()).map(|text| Record::text(text?)).collect::<Result<_>>()?;
        if choices.len() == usize::from(count) { Ok(choices) } else { Err(damaged(self.word(0))) }
    }

    /// The metadata that it holds.
    pub(crate) fn meta(&self) -> Result<Meta> {
        let class = self.class()?;
        let some = |flag, value| self.has(flag).then_some(value);
        let (min, max) = (self.word(1), self.word(2));
        let number = |bits: u64| match class {
            Class::F64 => Scalar::F64(f64::from_bits(bits)),
            Class::F32 => Scalar::F32(f64::from_bits(bits) as f32),
            Class::U64 => Scalar::U64(bits),
            Class::I64 | Class::None => Scalar::I64(bits as i64),
        };
        let bound = |bits, flag, beside, up: bool| match (self.has(flag), self.has(beside)) {
            (false, _) => Bound::Unbounded,
            (true, false) => Bound::Included(number(bits)),
            (true, true) => Bound::Excluded(match (number(bits), up) {
                (Scalar::F64(number), true) => Scalar::F64(number.next_up()),
                (Scalar::F64(number), false) => Scalar::F64(number.next_down()),
                (Scalar::F32(number), true) => Scalar::F32(number.next_up()),
                (Scalar::F32(number), false) => Scalar::F32(number.next_down()),
                (Scalar::U64(number), true) => Scalar::U64(number.saturating_add(1)),
                (Scalar::U64(number), false) => Scalar::U64(number.saturating_sub(1)),
                (Scalar::I64(number), true) => Scalar::I64(number.saturating_add(1)),
                (Scalar::I64(number), false) => Scalar::I64(number.saturating_sub(1)),
                (other, _) => other,
            }),
        };
        let (min_len, max_len) = self.lengths();
        let choices = self.choices()?;
        let mut texts = self.texts();
        let mut text = || texts.next().transpose().map(Option::unwrap_or_default);
        let (unit, description) = (Record::text(text()?)?.to_owned(), Record::text(text()?)?.to_owned());
        let default = match self.has(DEFAULT) {
            true => Some(self.default(choices.len())?),
            false => None,
        };
        Ok(Meta {
            min: bound(min, MIN, ABOVE_MIN, false),
            max: bound(max, MAX, BELOW_MAX, true),
            finite: self.has(FINITE),
            multiple_of: some(FACTOR, self.word(3)),
            step: self.has(STEP).then(|| f64::from_bits(self.word(5))),
            min_len,
            max_len,
            choices: choices.into_iter().map(|choice| Cow::Owned(choice.to_owned())).collect(),
            unit: unit.into(),
            description: description.into(),
            read_only: self.has(READ_ONLY),
            default,
            aliases: self.aliases()?.into_iter().map(Cow::Owned).collect(),
            growable: self.has(GROWABLE),
            widened: self.has(WIDENED),
        })
    }

    /// Whether programs with a narrower type read values that fit theirs.
    pub(crate) fn widened(&self) -> bool {
        self.has(WIDENED)
    }

    /// Whether programs with a shorter array read its start.
    pub(crate) fn growable(&self) -> bool {
        self.has(GROWABLE)
    }

    /// Other names of the field.
    pub(crate) fn aliases(&self) -> Result<Vec<String>> {
        if !self.has(ALIASES) {
            return Ok(Vec::new());
        }
        let before = self.choices()?.len().saturating_add(2).saturating_add(self.has(DEFAULT).into());
        let aliases = self.texts().nth(before).ok_or_else(|| damaged(self.word(0)))?;
        Ok(Record::text(aliases?)?.split(BETWEEN).map(str::to_owned).collect())
    }

    fn default(&self, choices: usize) -> Result<Value<'static>> {
        let bytes = self.texts().nth(choices.saturating_add(2)).ok_or_else(|| damaged(0))??;
        if !self.has(PLAIN) {
            return Ok(decode(bytes)?.into_owned());
        }
        let (words, _) = bytes.as_chunks::<8>();
        match words {
            [tag, payload] => {
                let (tag, payload) = (u64::from_le_bytes(*tag), u64::from_le_bytes(*payload));
                Raw { tag, payload }.plain_value()
            }
            _ => Err(damaged(0)),
        }
    }

    /// Fails for a value outside of the limits.
    pub(crate) fn check(&self, value: &Value<'_>) -> Result<()> {
        self.check_own_length(value)?;
        self.check_parts(value)
    }

    /// Fails for a value of which a part is outside of the limits: a number, an element, a string or an item.
    pub(crate) fn check_parts(&self, value: &Value<'_>) -> Result<()> {
        match value {
            Value::Scalar(number) => self.check_number(*number),
            Value::Str(text) if self.has(CHOICES) => self.check_choice(text, false),
            Value::Array(array) if self.limits_parts() => self.check_elements(array),
            Value::List(items) if self.limits_parts() => items
                .iter()
                .enumerate()
                .try_for_each(|(at, item)| self.check_parts(item).map_err(|error| error.under(at))),
            _ => Ok(()),
        }
    }

    fn check_own_length(&self, value: &Value<'_>) -> Result<()> {
        self.check_length(match value {
            Value::Str(text) => text.len(),
            Value::Bytes(bytes) => bytes.len(),
            Value::List(items) => items.len(),
            Value::Array(array) => array.shape().first().copied().unwrap_or(1),
            _ => return Ok(()),
        })
    }

    /// Fails for another length than there may be.
    pub(crate) fn check_length(&self, length: usize) -> Result<()> {
        let (least, most) = self.lengths();
        let length = length as u64;
        if least.is_none_or(|least| least <= length) && most.is_none_or(|most| length <= most) {
            return Ok(());
        }
        Err(Error::outside(format!("a length of {length}"), Lengths(least, most).to_string()))
    }

    fn check_elements(&self, array: &ArrayValue<'_>) -> Result<()> {
        if array.is_live() {
            return Err(live());
        }
        let dtype = array.dtype();
        if self.has(RANGE | FACTOR) && dtype.number().is_none() && dtype.kind() != Some(Kind::Bool) {
            return Err(Error::wrong_type(
                format!("an array of {dtype}"),
                "an array of numbers: only these can have limits",
            ));
        }
        let outside = array.find(|number| self.check_number(number).err());
        match outside {
            Some((at, error)) => Err(error.below(element_path(at, array.shape()))),
            None => Ok(()),
        }
    }

    /// Fails for a number outside of the limits.
    pub(crate) fn check_number(&self, number: Scalar) -> Result<()> {
        if number.kind() == Kind::Bool {
            return Ok(());
        }
        if self.has(CHOICES) {
            return self.check_choice(&number.to_string(), true);
        }
        let (min, max) = (self.word(1), self.word(2));
        // A list may have numbers of another class than its limits, so that a side without a limit is not compared. One side has a limit,
        // with which NaN does not compare.
        let (above, below) = (self.has(MIN | FINITE), self.has(MAX | FINITE));
        let within = !self.has(RANGE)
            || match (self.class()?, number.integer()) {
                (Class::F64 | Class::F32, _) => {
                    let (number, min, max) = (number.nearest(), f64::from_bits(min), f64::from_bits(max));
                    (!above || min <= number) && (!below || number <= max)
                }
                (class, Some(integer)) => {
                    let (min, max) = match class {
                        Class::U64 => (i128::from(min), i128::from(max)),
                        _ => (i128::from(min as i64), i128::from(max as i64)),
                    };
                    (!above || min <= integer) && (!below || integer <= max)
                }
                (class, None) => {
                    let (min, max) = match class {
                        Class::U64 => (min as f64, max as f64),
                        _ => (min as i64 as f64, max as i64 as f64),
                    };
                    let number = number.nearest();
                    (!above || min <= number) && (!below || number <= max)
                }
            };
        let factor = if self.has(FACTOR) { i128::from(self.word(3).max(1)) } else { 1 };
        let multiple = !self.has(FACTOR)
            || number.integer().is_some_and(|integer| integer.checked_rem(factor) == Some(0));
        if within && multiple {
            return Ok(());
        }
        Err(Error::outside(number.to_string(), Numbers(&self.meta()?).to_string()))
    }

    fn check_choice(&self, found: &str, integer: bool) -> Result<()> {
        let choices = self.choices()?;
        if choices.contains(&found) {
            return Ok(());
        }
        let advice = near(found, &choices).map_or(String::new(), |near| format!("; did you mean {near:?}?"));
        let shown: String = found.chars().take(64).collect();
        let found = if integer { shown } else { format!("{shown:?}") };
        Err(Error::outside(found, format!("{}{advice}", Choices(&choices, integer))))
    }

    /// The number next to this one that is within the range.
    pub(crate) fn clamp(&self, number: Scalar) -> Result<Scalar> {
        let (min, max) = (self.word(1), self.word(2));
        if !self.has(RANGE) {
            return Ok(number);
        }
        Ok(match self.class()? {
            Class::F64 | Class::F32 => {
                Scalar::F64(number.nearest().max(f64::from_bits(min)).min(f64::from_bits(max)))
            }
            Class::U64 => match number.integer() {
                Some(integer) => Scalar::U64(integer.max(min.into()).min(max.into()) as u64),
                None => number,
            },
            _ => match number.integer() {
                Some(integer) => {
                    Scalar::I64(integer.max((min as i64).into()).min((max as i64).into()) as i64)
                }
                None => number,
            },
        })
    }
}
