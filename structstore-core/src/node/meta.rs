//! The record of what is known of a field, a block that its slot's tag names: limits as an assignment compares them, and texts.
//!
//! | word | contents |
//! |---|---|
//! | 0 | flags, from bit 16 the [class](Class) of the numbers, from bit 24 how many choices there are, from bit 40 the bytes of the record |
//! | 1, 2 | the least and the largest number, both inclusive, of the class |
//! | 3 | the factor of which integers are multiples |
//! | 4 | the least length, from bit 32 the largest |
//! | 5 | the step |
//! | texts | each a word with its length in bytes, then its bytes, padded to words: the unit, the description, the choices, a snapshot of the default |
//!
//! | last | a hash of all words before |
//!
//! A record is never changed: a new one replaces it. Where the field names a leaf or a list, that has the record's place as well, for
//! those that have a handle to it and not the field.

use std::borrow::Cow;
use std::ops::Bound;

use super::{ArrayBlock, BLOCK, LIMITS, LIVE, Raw, array_flags, read_bytes, write_bytes};
use crate::arena::Arena;
use crate::arena::layout::{MetaHead, Node, Slot};
use crate::error::{Error, Result};
use crate::sync::{AtomicU64, Ordering};
use crate::value::{
    ArrayValue, Choices, Kind, Lengths, Meta, Numbers, Scalar, Value, decode, decode_scalar, element_path,
    encoded, near,
};

/// Flags of a record.
const MIN: u64 = 1;
const MAX: u64 = 1 << 1;
const ABOVE_MIN: u64 = 1 << 2;
const BELOW_MAX: u64 = 1 << 3;
const FINITE: u64 = 1 << 4;
const FACTOR: u64 = 1 << 5;
const LEAST: u64 = 1 << 6;
const MOST: u64 = 1 << 7;
const CHOICES: u64 = 1 << 8;
const STEP: u64 = 1 << 9;
const READ_ONLY: u64 = 1 << 10;
const DEFAULT: u64 = 1 << 11;
/// The default is a kind and a payload.
const PLAIN: u64 = 1 << 12;
const RANGE: u64 = MIN | MAX | FINITE;

const CLASS: u32 = 16;
const COUNT: u32 = 24;
const BYTES: u32 = 40;
/// Where the texts begin, in bytes.
const TEXTS: usize = size_of::<MetaHead>();
/// The bytes of the hash at the end.
const HASH: usize = 8;

/// The longest record, in bytes.
const LONGEST: usize = 1 << 20;
/// The largest default that is kept, as a snapshot.
const LARGEST_DEFAULT: usize = 4096;

/// How the numbers of a range are written and compared. An exclusive bound becomes the inclusive one next to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Class {
    None,
    F64,
    /// Numbers that f32 represents, written as f64.
    F32,
    I64,
    U64,
}

impl Class {
    /// That of the numbers of a kind.
    pub(crate) fn of(kind: Kind) -> Class {
        match kind {
            Kind::F64 => Class::F64,
            Kind::F32 => Class::F32,
            Kind::I8 | Kind::I16 | Kind::I32 | Kind::I64 => Class::I64,
            Kind::U8 | Kind::U16 | Kind::U32 | Kind::U64 => Class::U64,
            _ => Class::None,
        }
    }

    fn from_code(code: u8) -> Option<Class> {
        [Class::None, Class::F64, Class::F32, Class::I64, Class::U64]
            .into_iter()
            .find(|class| *class as u8 == code)
    }

    fn is_float(self) -> bool {
        matches!(self, Class::F64 | Class::F32)
    }

    /// The class that the bounds themselves suggest, for a field that may hold numbers of any kind.
    fn of_bounds(meta: &Meta) -> Class {
        let bounds = [meta.min, meta.max].into_iter().filter_map(number);
        match bounds.map(|scalar| scalar.integer()).collect::<Option<Vec<i128>>>() {
            None => Class::F64,
            Some(_) if meta.finite => Class::F64,
            Some(integers) if integers.iter().all(|integer| i64::try_from(*integer).is_ok()) => Class::I64,
            Some(_) => Class::U64,
        }
    }
}

fn number(bound: Bound<Scalar>) -> Option<Scalar> {
    match bound {
        Bound::Included(scalar) | Bound::Excluded(scalar) => Some(scalar),
        Bound::Unbounded => None,
    }
}

/// A range of a class, as it is written.
fn range_of(meta: &Meta, class: Class) -> Result<(u64, u64)> {
    let shown = || format!("{:?} to {:?}", meta.min, meta.max);
    let wrong = |expected: &'static str| Error::invalid("range", shown(), expected);
    let bounds = [meta.min, meta.max];
    if bounds
        .into_iter()
        .filter_map(number)
        .any(|scalar| scalar.kind() == Kind::Bool || scalar.float().is_some_and(f64::is_nan))
    {
        return Err(wrong("numbers, and none that is not a number"));
    }
    let empty = "a range that some number of the field's type is in";
    if class.is_float() {
        // Up for the least number, down for the largest one.
        let narrow = |scalar: Scalar| {
            let wide = scalar.nearest();
            if class == Class::F32 { f64::from(wide as f32) } else { wide }
        };
        let beside = |number: f64, up: bool| match (class, up) {
            (Class::F32, true) => f64::from((number as f32).next_up()),
            (Class::F32, false) => f64::from((number as f32).next_down()),
            (_, true) => number.next_up(),
            (_, false) => number.next_down(),
        };
        let bound = |bound, up, open: f64| match bound {
            Bound::Included(scalar) => narrow(scalar),
            Bound::Excluded(scalar) => beside(narrow(scalar), up),
            Bound::Unbounded => open,
        };
        let (least, most) = (bound(meta.min, true, f64::NEG_INFINITY), bound(meta.max, false, f64::INFINITY));
        let (least, most) =
            if meta.finite { (least.max(f64::MIN), most.min(f64::MAX)) } else { (least, most) };
        return if least <= most { Ok((least.to_bits(), most.to_bits())) } else { Err(wrong(empty)) };
    }
    let whole = |scalar: Scalar, up: bool| match scalar.integer() {
        Some(integer) => integer,
        None if up => scalar.nearest().ceil() as i128,
        None => scalar.nearest().floor() as i128,
    };
    let next = |scalar: Scalar, up: bool| match (scalar.integer(), up) {
        (Some(integer), true) => integer.saturating_add(1),
        (Some(integer), false) => integer.saturating_sub(1),
        (None, true) => (scalar.nearest().floor() as i128).saturating_add(1),
        (None, false) => (scalar.nearest().ceil() as i128).saturating_sub(1),
    };
    let (lowest, highest) = match class {
        Class::U64 => (0, i128::from(u64::MAX)),
        _ => (i128::from(i64::MIN), i128::from(i64::MAX)),
    };
    let bound = |bound, up, open| match bound {
        Bound::Included(scalar) => whole(scalar, up),
        Bound::Excluded(scalar) => next(scalar, up),
        Bound::Unbounded => open,
    };
    let (least, most) =
        (bound(meta.min, true, lowest).max(lowest), bound(meta.max, false, highest).min(highest));
    if least > most {
        return Err(wrong(empty));
    }
    Ok((least as u64, most as u64))
}

/// A record that is yet to be written, or to be compared with one that is there.
pub(crate) struct Draft<'m> {
    words: [u64; TEXTS / 8],
    meta: &'m Meta,
    default: Default<'m>,
}

/// A default as a record has it.
enum Default<'m> {
    None,
    Plain([u64; 2]),
    Snapshot(Cow<'m, [u8]>),
}

impl Default<'_> {
    fn of<'m>(value: Option<&Value<'_>>) -> Result<Default<'m>> {
        let Some(value) = value else { return Ok(Default::None) };
        if let Some(raw) = Raw::plain(value) {
            return Ok(Default::Plain([raw.tag, raw.payload]));
        }
        let snapshot = encoded(value)?;
        Ok(if snapshot.len() <= LARGEST_DEFAULT { Default::Snapshot(snapshot.into()) } else { Default::None })
    }
}

impl<'m> Draft<'m> {
    /// That of a field of this class of numbers, with a default.
    pub(crate) fn of(meta: &'m Meta, class: Class, default: Option<&Value<'_>>) -> Result<Draft<'m>> {
        let class = match class {
            Class::None if meta.limits_numbers() => Class::of_bounds(meta),
            class => class,
        };
        let default = Default::of(default)?;
        let flag = |set: bool, flag: u64| if set { flag } else { 0 };
        let bounded = |bound: &Bound<Scalar>, some, beside| match bound {
            Bound::Included(_) => some,
            Bound::Excluded(_) => some | beside,
            Bound::Unbounded => 0,
        };
        let flags = bounded(&meta.min, MIN, ABOVE_MIN)
            | bounded(&meta.max, MAX, BELOW_MAX)
            | flag(meta.finite, FINITE)
            | flag(meta.multiple_of.is_some(), FACTOR)
            | flag(meta.min_len.is_some(), LEAST)
            | flag(meta.max_len.is_some(), MOST)
            | flag(!meta.choices.is_empty(), CHOICES)
            | flag(meta.step.is_some(), STEP)
            | flag(meta.read_only, READ_ONLY)
            | flag(!matches!(default, Default::None), DEFAULT)
            | flag(matches!(default, Default::Plain(_)), PLAIN);
        let range = if flags & RANGE == 0 { (0, 0) } else { range_of(meta, class)? };
        let lengths = check_numbers(meta, class)?;
        let mut words =
            [0, range.0, range.1, meta.multiple_of.unwrap_or(0), lengths, meta.step.unwrap_or(0.0).to_bits()];
        let mut draft = Draft { words, meta, default };
        let mut bytes = TEXTS.saturating_add(HASH);
        draft.texts(|text| bytes = bytes.saturating_add(8).saturating_add(text.len().next_multiple_of(8)));
        if bytes >= LONGEST {
            return Err(Error::invalid("meta", format!("{bytes} bytes of texts"), "less than 1 MiB"));
        }
        let choices = meta.choices.len() as u64;
        words[0] = flags | (class as u64) << CLASS | choices << COUNT | (bytes as u64) << BYTES;
        draft.words = words;
        Ok(draft)
    }

    /// The length of the record, in bytes: a multiple of 8.
    pub(crate) fn length(&self) -> u64 {
        self.words[0] >> BYTES
    }

    /// Whether assignments have to look into the record.
    pub(crate) fn limits(&self) -> bool {
        self.words[0] & (RANGE | FACTOR | LEAST | MOST | CHOICES) != 0
    }

    fn texts(&self, mut text: impl FnMut(&[u8])) {
        text(self.meta.unit.as_bytes());
        text(self.meta.description.as_bytes());
        self.meta.choices.iter().for_each(|choice| text(choice.as_bytes()));
        match &self.default {
            Default::None => {}
            Default::Plain([kind, payload]) => {
                let mut bytes = [0; 16];
                bytes[..8].copy_from_slice(&kind.to_le_bytes());
                bytes[8..].copy_from_slice(&payload.to_le_bytes());
                text(&bytes);
            }
            Default::Snapshot(snapshot) => text(snapshot),
        }
    }

    /// Goes through all words.
    fn each(&self, mut word: impl FnMut(u64)) {
        self.words.iter().for_each(|own| word(*own));
        self.texts(|text| {
            word(text.len() as u64);
            let (whole, last) = text.as_chunks::<8>();
            whole.iter().for_each(|bytes| word(u64::from_le_bytes(*bytes)));
            if !last.is_empty() {
                let mut padded = [0; 8];
                padded.iter_mut().zip(last).for_each(|(padded, byte)| *padded = *byte);
                word(u64::from_le_bytes(padded));
            }
        });
    }

    /// Whether the record at a place is this one.
    pub(crate) fn is_at(&self, arena: &Arena, place: u64) -> Result<bool> {
        let mut words = arena.words(place, self.length() / 8)?.iter();
        let mut same = true;
        self.each(|own| same &= words.next().is_some_and(|word| word.load(Ordering::Relaxed) == own));
        Ok(same)
    }

    /// Writes the record to a block that has room for it.
    pub(crate) fn write(&self, words: &[AtomicU64]) {
        write_bytes(words, &self.record().bytes);
    }

    /// The record, to check values by it.
    pub(crate) fn record(&self) -> Record {
        let mut bytes = Vec::with_capacity(self.length() as usize);
        self.each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
        let hash = rapidhash::v3::rapidhash_v3(&bytes);
        bytes.extend_from_slice(&hash.to_le_bytes());
        Record { bytes, part: false }
    }
}

/// Fails for limits that make no sense, ranges apart; returns the word of lengths.
fn check_numbers(meta: &Meta, class: Class) -> Result<u64> {
    if meta.multiple_of == Some(0) {
        return Err(Error::invalid("multiple_of", "0", "a positive integer"));
    }
    if meta.multiple_of.is_some() && class.is_float() {
        return Err(Error::invalid(
            "multiple_of",
            "a field of floats",
            "integers; `step` is advice for others",
        ));
    }
    if let Some(step) = meta.step
        && !(step > 0.0 && step.is_finite())
    {
        return Err(Error::invalid("step", format!("{step:?}"), "a positive number"));
    }
    let (least, most) = (meta.min_len.unwrap_or(0), meta.max_len.unwrap_or(u64::from(u32::MAX)));
    if least > most {
        return Err(Error::invalid("len", format!("{least} to {most}"), "a least length up to the largest"));
    }
    if u16::try_from(meta.choices.len()).is_err() {
        return Err(Error::invalid("choices", meta.choices.len().to_string(), "at most 65535"));
    }
    let length = |length: u64| u64::from(u32::try_from(length).unwrap_or(u32::MAX));
    Ok(length(least) | length(most) << 32)
}

/// A record as it was read, of which any bytes may be wrong.
pub(crate) struct Record {
    bytes: Vec<u8>,
    /// Whether it is of the list that what is looked at is in, so that lengths are not limited.
    part: bool,
}

/// Beside the place of a record in a node: it is that of the list that the node is in.
pub(crate) const PART: u64 = 1;

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
        str::from_utf8(bytes).map_err(|_| Error::corrupt("what is known of a field", "other bytes", "UTF-8"))
    }

    fn choices(&self) -> Result<Vec<&str>> {
        let count = (self.word(0) >> COUNT) as u16;
        let choices: Vec<&str> =
            self.texts().skip(2).take(count.into()).map(|text| Record::text(text?)).collect::<Result<_>>()?;
        if choices.len() == usize::from(count) { Ok(choices) } else { Err(damaged(self.word(0))) }
    }

    /// All that it tells.
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
        })
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
        if self.has(CHOICES) && number.integer().is_some() {
            return self.check_choice(&number.to_string(), true);
        }
        let (min, max) = (self.word(1), self.word(2));
        let within = !self.has(RANGE)
            || match (self.class()?, number.integer()) {
                (Class::F64 | Class::F32, _) => {
                    let number = number.nearest();
                    f64::from_bits(min) <= number && number <= f64::from_bits(max)
                }
                (Class::U64, Some(integer)) => i128::from(min) <= integer && integer <= i128::from(max),
                (_, Some(integer)) => i128::from(min as i64) <= integer && integer <= i128::from(max as i64),
                (Class::U64, None) => {
                    let number = number.nearest();
                    min as f64 <= number && number <= max as f64
                }
                (_, None) => {
                    let number = number.nearest();
                    min as i64 as f64 <= number && number <= max as i64 as f64
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

fn damaged(found: u64) -> Error {
    Error::corrupt("what is known of a field", format_args!("{found:#x}"), "a record of it")
}

/// Fails for a scalar outside of the limits of its slot. Few instructions for a range of the slot's own type, and a call, so that its
/// callers stay short; the rest is looked at as a whole.
#[inline(never)]
pub(crate) fn admits(arena: &Arena, old: Raw, new: Raw) -> Result<()> {
    // Where the tag names no record, the header of the segment is looked at, which is none either.
    let place = old.meta().unwrap_or(0);
    let Some(range) = arena.segment().find::<MetaHead>(place) else {
        return admits_slowly(arena, place, new);
    };
    let [head, min, max] = [&range.head, &range.min, &range.max].map(|word| word.load(Ordering::Relaxed));
    let class = head & (FACTOR | CHOICES | 0xff << CLASS);
    if class == (Class::F64 as u64) << CLASS && new.tag == Kind::F64 as u64 {
        let number = f64::from_bits(new.payload);
        if f64::from_bits(min) <= number && number <= f64::from_bits(max) {
            return Ok(());
        }
    } else if class == (Class::I64 as u64) << CLASS
        && new.tag == Kind::I64 as u64
        && (min as i64..=max as i64).contains(&(new.payload as i64))
    {
        return Ok(());
    }
    admits_slowly(arena, place, new)
}

#[cold]
#[inline(never)]
fn admits_slowly(arena: &Arena, place: u64, new: Raw) -> Result<()> {
    match decode_scalar(new.kind()?, new.payload)? {
        Some(number) => Record::read(arena, place)?.check_number(number),
        None => Ok(()),
    }
}

/// The record with the limits of a leaf or list, if it has any.
pub(crate) fn limits_of(arena: &Arena, node: &Node) -> Result<Option<Record>> {
    match node.body[LIMITS].load(Ordering::Relaxed) {
        0 => Ok(None),
        place => Record::read(arena, place).map(Some),
    }
}

/// Fails if the parts of a leaf or list are limited, so that they cannot be lent as plain memory.
#[inline]
pub(crate) fn refuse_plain(arena: &Arena, node: &Node) -> Result<()> {
    match node.body[LIMITS].load(Ordering::Relaxed) {
        0 => Ok(()),
        place => refuse_record(arena, place),
    }
}

/// Fails if a scalar in a slot of this node is limited, so that it cannot be lent as plain memory.
#[inline]
pub(crate) fn refuse_limited(arena: &Arena, node: &Node, slot: &Slot) -> Result<()> {
    refuse_slot(arena, slot)?;
    refuse_items(arena, node)
}

/// Fails if a node is a list whose items are limited.
#[inline]
pub(crate) fn refuse_items(arena: &Arena, node: &Node) -> Result<()> {
    match node.head.identity.load(Ordering::Relaxed) as u8 == Kind::List as u8 {
        true => refuse_plain(arena, node),
        false => Ok(()),
    }
}

/// Fails if a field's scalar is limited.
#[inline]
pub(crate) fn refuse_slot(arena: &Arena, slot: &Slot) -> Result<()> {
    let raw = Raw::load(slot);
    match raw.meta() {
        Some(place) if raw.limited() => refuse_record(arena, place),
        _ => Ok(()),
    }
}

#[cold]
#[inline(never)]
fn refuse_record(arena: &Arena, place: u64) -> Result<()> {
    match Record::read(arena, place)? {
        record if record.limits_parts() => Err(plain(&record)),
        _ => Ok(()),
    }
}

/// Fails for limits of the elements of a live array, which views change as they like.
pub(crate) fn refuse_live(record: &Record, node: &Node) -> Result<()> {
    if array_flags(node) & LIVE != 0 && record.limits_parts() { Err(live()) } else { Ok(()) }
}

#[cold]
fn live() -> Error {
    Error::wrong_type("a live array", "one that is not: views of live arrays write, and nothing checks what")
}

/// The error for writing to elements that have limits.
#[cold]
pub(crate) fn limited() -> Error {
    Error::wrong_type(
        "an array whose elements have limits",
        "`set_at` for one element, or an assignment of all",
    )
}

/// The error for lending what is limited as plain memory.
#[cold]
pub(crate) fn plain(record: &Record) -> Error {
    let limits = record.meta().map_or_else(|_| String::new(), |meta| meta.to_string());
    let expected =
        "a way that checks what is assigned: `set`, `set_at`, or a type that declares these limits";
    Error::wrong_type(format!("a field that has to hold {limits}"), expected)
}

/// The class of numbers of what a slot of this kind holds.
pub(crate) fn class_in(arena: &Arena, kind: Kind, raw: Raw) -> Result<Class> {
    match kind {
        Kind::Array if raw.id().is_some() => {
            let (_, node) = super::resolve(arena, raw)?;
            let block = ArrayBlock::read(arena, node.body[BLOCK].load(Ordering::Relaxed))?;
            Ok(block.dtype.number().map_or(Class::None, Class::of))
        }
        kind => Ok(Class::of(kind)),
    }
}
