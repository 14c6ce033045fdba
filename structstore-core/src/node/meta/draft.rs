//! Records that are yet to be written.

use std::borrow::Cow;
use std::ops::Bound;

use super::{
    ABOVE_MIN, ALIASES, BELOW_MAX, BETWEEN, BYTES, CHOICES, CLASS, COUNT, Class, DEFAULT, FACTOR, FINITE,
    GROWABLE, HASH, LARGEST_DEFAULT, LEAST, LONGEST, MAX, MIN, MOST, PLAIN, RANGE, READ_ONLY, Record, STEP,
    TEXTS, WIDENED, number,
};
use crate::arena::Arena;
use crate::error::{Error, Result};
use crate::node::{Raw, write_bytes};
use crate::sync::{AtomicU64, Ordering};
use crate::value::{Kind, Meta, Scalar, Value, encoded};

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
            | flag(matches!(default, Default::Plain(_)), PLAIN)
            | flag(!meta.aliases.is_empty(), ALIASES)
            | flag(meta.growable, GROWABLE)
            | flag(meta.widened, WIDENED);
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
        match self.meta.aliases.as_slice() {
            [] => {}
            [alias] => text(alias.as_bytes()),
            aliases => text(aliases.join(&*BETWEEN.to_string()).as_bytes()),
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
        // The first word has the length.
        if arena.at::<AtomicU64>(place)?.load(Ordering::Relaxed) != self.words[0] {
            return Ok(false);
        }
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
            "integers; `step` is a hint for other numbers",
        ));
    }
    if let Some(step) = meta.step
        && !(step > 0.0 && step.is_finite())
    {
        return Err(Error::invalid("step", format!("{step:?}"), "a positive number"));
    }
    let (least, most) = (meta.min_len.unwrap_or(0), meta.max_len.unwrap_or(u64::from(u32::MAX)));
    if least > most {
        return Err(Error::invalid(
            "len",
            format!("{least} to {most}"),
            "a minimum length of at most the maximum",
        ));
    }
    if u16::try_from(meta.choices.len()).is_err() {
        return Err(Error::invalid("choices", meta.choices.len().to_string(), "at most 65535"));
    }
    let length = |length: u64| u64::from(u32::try_from(length).unwrap_or(u32::MAX));
    Ok(length(least) | length(most) << 32)
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
        return Err(wrong("numbers other than NaN"));
    }
    let empty = "a range that contains a number of the field's type";
    if class.is_float() {
        // Up for the least number, down for the largest one.
        let narrow = |scalar: Scalar| {
            let wide = scalar.nearest();
            match class == Class::F32 {
                // A bound beyond all floats of that size is the largest of them, not infinity.
                true if wide.is_finite() => f64::from(wide.clamp(f32::MIN.into(), f32::MAX.into()) as f32),
                true => f64::from(wide as f32),
                false => wide,
            }
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
