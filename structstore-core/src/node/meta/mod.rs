//! The metadata record of a field: a block, named by the slot's tag, with limits in the form in which assignments compare them, and texts.
//!
//! | word | contents |
//! |---|---|
//! | 0 | flags, from bit 16 the [class](Class) of the numbers, from bit 24 how many choices there are, from bit 40 the bytes of the record |
//! | 1, 2 | the least and the largest number, both inclusive, of the class |
//! | 3 | the factor of which integers are multiples |
//! | 4 | the least length, from bit 32 the largest |
//! | 5 | the step |
//! | texts | each a word with its length in bytes, then its bytes, padded to words: the unit, the description, the choices, a snapshot of the default, the aliases with a zero byte between them |
//! | last | a hash of all words before |
//!
//! A record is immutable; a declaration replaces it. A string, bytes, list or array also stores the record's place in its node, so that
//! operations through its own handle find the limits.

mod draft;
mod record;

pub(crate) use draft::Draft;
pub(crate) use record::Record;

use std::ops::Bound;

use super::{ArrayBlock, BLOCK, LIMITS, Raw};
use crate::arena::Arena;
use crate::arena::layout::{MetaHead, Node, Slot};
use crate::error::{Error, Result};
use crate::sync::{AtomicU64, Ordering};
use crate::value::{Kind, Meta, Scalar, decode_scalar};

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
const ALIASES: u64 = 1 << 13;
const GROWABLE: u64 = 1 << 14;
const WIDENED: u64 = 1 << 15;
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

/// Beside the place of a record in a node: it is that of the list that the node is in.
pub(crate) const PART: u64 = 1;

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

/// Between the aliases of a field; in no name.
pub(crate) const BETWEEN: char = '\0';

/// The aliases that a record has, without a look at the whole record if it has none.
pub(crate) fn aliases(arena: &Arena, place: u64) -> Result<Vec<String>> {
    match arena.at::<AtomicU64>(place)?.load(Ordering::Relaxed) & ALIASES {
        0 => Ok(Vec::new()),
        _ => Record::read(arena, place)?.aliases(),
    }
}

fn damaged(found: u64) -> Error {
    Error::corrupt("the metadata of a field", format_args!("{found:#x}"), "a valid record")
}

/// Fails for a scalar outside of the limits of its slot. Checks a range of the slot's own type in few instructions; everything else on a
/// slow path. Not inlined, so that callers stay short.
#[inline(never)]
pub(crate) fn admits(arena: &Arena, old: Raw, new: Raw) -> Result<()> {
    // Without a record this reads the segment's header, which is no record either, so that the slow path reports damage.
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

/// The error for limits of the elements of a live array, which views change as they like.
#[cold]
pub(crate) fn live() -> Error {
    Error::wrong_type(
        "a live array",
        "an array that is not live: limits cannot be checked for writes through views of a live array",
    )
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
