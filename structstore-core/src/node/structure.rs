//! Structs: fields in chunks that never move, found through an open-addressing index, linked in order.
//!
//! An index entry is the upper 22 bits of the hash and the field's offset over 64; 0 was never used, and one with
//! offset 0 is a tombstone. Each name of a field has an entry: its own, and the aliases in its metadata record. A chunk is a block of fields and a [tail](ChunkTail).

use super::{Body, Child, Copied, Raw, capacity, copy_bytes, meta};
use crate::arena::Arena;
use crate::arena::layout::{ChunkTail, Field, INLINE_NAME, Node};
use crate::error::{Error, Result};
use crate::key::Key;
use crate::limits::MAX_NAME;
use crate::sync::{AtomicU64, Ordering};

/// Body words. That of the index is the offset of its block, a multiple of 64, and in the lower six bits the logarithm of its capacity.
pub(crate) const INDEX: usize = 0;
/// The block with the [versions](super::versions) of the types that the struct was bound to, or 0.
pub(crate) const VERSIONS: usize = 1;
pub(crate) const COUNT: usize = 2;
/// Entries that are not 0, tombstones included.
pub(crate) const FILLED: usize = 3;
pub(crate) const FIRST: usize = 4;
pub(crate) const LAST: usize = 5;
/// Fields of the chunks that are not in use.
pub(crate) const FREE: usize = 6;
pub(crate) const CHUNKS: usize = 7;

pub(crate) const FIELD: u64 = size_of::<Field>() as u64;
pub(crate) const OFFSET_BITS: u32 = 42;
pub(crate) const OFFSET: u64 = (1 << OFFSET_BITS) - 1;
pub(crate) const TOMBSTONE: u64 = 1 << OFFSET_BITS;

/// A field and where it is.
#[derive(Clone, Copy)]
pub(crate) struct Found<'a> {
    pub(crate) offset: u64,
    pub(crate) field: &'a Field,
}

pub(crate) fn load(word: &AtomicU64) -> u64 {
    word.load(Ordering::Relaxed)
}

/// How many fields there are, as the node says.
pub(crate) fn count(node: &Node) -> u64 {
    load(&node.body[COUNT])
}

/// How many fields there are, but no more than the segment has room for, so that allocations and walks by this count
/// have an end. A walk along the fields finds out a false count.
#[inline]
pub(crate) fn counted(arena: &Arena, node: &Node) -> u64 {
    at_most(arena, count(node))
}

#[inline]
fn at_most(arena: &Arena, count: u64) -> u64 {
    if count <= arena.segment().known() / FIELD {
        return count;
    }
    count.min(arena.size().unwrap_or(0) / FIELD)
}

pub(crate) fn entry(hash: u64, offset: u64) -> u64 {
    (hash >> OFFSET_BITS << OFFSET_BITS) | (offset / FIELD)
}

/// Where the field of an index entry is.
pub(crate) fn offset_in(entry: u64) -> u64 {
    (entry & OFFSET).wrapping_mul(FIELD)
}

/// The index, as far as it makes sense.
#[inline]
pub(crate) fn index<'a>(arena: &'a Arena, node: &Node) -> Result<&'a [AtomicU64]> {
    match index_block(node) {
        (0, _) => Ok(&[]),
        (block, capacity) => arena.words(block, capacity),
    }
}

/// The body word for an index of this block and capacity, a power of two.
pub(crate) fn index_word(block: u64, capacity: u64) -> u64 {
    block | u64::from(capacity.trailing_zeros())
}

/// The field of a name, which may be an alias.
#[inline]
pub(crate) fn find<'a>(arena: &'a Arena, node: &Node, key: &Key<'_>) -> Result<Option<Found<'a>>> {
    let index = index(arena, node)?;
    let mask = index.len().wrapping_sub(1);
    let mut at = key.hash() as usize & mask;
    for _ in 0..index.len() {
        let Some(word) = index.get(at) else { break };
        let seen = word.load(Ordering::Relaxed);
        if seen == 0 {
            return Ok(None);
        }
        let offset = offset_in(seen);
        if offset != 0 && seen >> OFFSET_BITS == key.hash() >> OFFSET_BITS {
            let field = arena.at::<Field>(offset)?;
            if field.hash.load(Ordering::Relaxed) == key.hash() {
                if has_name(arena, field, key)? {
                    return Ok(Some(Found { offset, field }));
                }
            } else if has_alias(arena, field, key)? {
                return Ok(Some(Found { offset, field }));
            }
        }
        at = at.wrapping_add(1) & mask;
    }
    Ok(None)
}

/// Whether a field has a name besides its own. Out of line, for few fields do: the upper bits of another name's hash are rarely the same.
#[cold]
#[inline(never)]
fn has_alias(arena: &Arena, field: &Field, key: &Key<'_>) -> Result<bool> {
    Ok(aliases(arena, field)?.iter().any(|alias| alias == key.name()))
}

/// The names of a field besides its own.
#[inline]
pub(crate) fn aliases(arena: &Arena, field: &Field) -> Result<Vec<String>> {
    match Raw::load(&field.slot).meta() {
        Some(record) => meta::aliases(arena, record),
        None => Ok(Vec::new()),
    }
}

/// The entry in the index by which a field is found under one of its names.
pub(crate) fn entry_of(index: &[AtomicU64], hash: u64, offset: u64) -> Result<&AtomicU64> {
    let mask = index.len().wrapping_sub(1);
    let start = hash as usize & mask;
    let places = (0..index.len()).filter_map(|step| index.get(start.wrapping_add(step) & mask));
    let mut places = places.take_while(|word| load(word) != 0);
    places.find(|word| load(word) == entry(hash, offset)).ok_or_else(|| {
        Error::corrupt("the index of a struct", "no entry for a name", "an entry for every name")
    })
}

#[inline]
pub(crate) fn has_name(arena: &Arena, field: &Field, key: &Key<'_>) -> Result<bool> {
    let length = key.name().len();
    if field.name_length.load(Ordering::Relaxed) != length as u64 {
        return Ok(false);
    }
    if length <= INLINE_NAME {
        return Ok(field.name[0].load(Ordering::Relaxed) == key.words[0]
            && field.name[1].load(Ordering::Relaxed) == key.words[1]);
    }
    has_long_name(arena, field, key)
}

/// Out of line, for names that fit into the field are found without a copy.
#[inline(never)]
fn has_long_name(arena: &Arena, field: &Field, key: &Key<'_>) -> Result<bool> {
    Ok(copy_name(arena, field)?.bytes() == key.name().as_bytes())
}

/// The bytes of a field's name.
#[inline]
pub(crate) fn copy_name(arena: &Arena, field: &Field) -> Result<Copied> {
    let length = field.name_length.load(Ordering::Relaxed);
    if length as usize <= INLINE_NAME {
        return Ok(copy_bytes(&field.name, length as usize));
    }
    if length > MAX_NAME as u64 {
        return Err(Error::corrupt("a field", format_args!("a name of {length} bytes"), "at most 1024"));
    }
    let words = arena.words(field.name[0].load(Ordering::Relaxed), length.div_ceil(8))?;
    Ok(copy_bytes(words, length as usize))
}

/// The name of a field.
pub(crate) fn name(arena: &Arena, field: &Field) -> Result<String> {
    Ok(copy_name(arena, field)?.text()?.to_owned())
}

/// The fields in order. Ends with an error where the chain is broken.
pub(crate) fn fields<'a>(arena: &'a Arena, node: &Node) -> impl Iterator<Item = Result<Found<'a>>> + use<'a> {
    let mut offset = load(&node.body[FIRST]);
    let mut left = counted(arena, node);
    std::iter::from_fn(move || {
        if offset == 0 && left == 0 {
            return None;
        }
        if offset == 0 || left == 0 {
            let found = if offset == 0 { "fewer fields than counted" } else { "more fields than counted" };
            (offset, left) = (0, 0);
            return Some(Err(Error::corrupt("a struct", found, "as many fields as counted")));
        }
        match arena.at::<Field>(offset) {
            Ok(field) => {
                let found = Found { offset, field };
                offset = field.next.load(Ordering::Relaxed);
                left = left.saturating_sub(1);
                Some(Ok(found))
            }
            Err(error) => {
                (offset, left) = (0, 0);
                Some(Err(error))
            }
        }
    })
}

/// Where a step along the fields leads.
pub(crate) enum Step {
    /// To the field of this name, which holds this.
    To(String, Raw),
    End,
    /// There is no such field any more.
    Lost,
}

/// The field behind that of a name; the first one if none is given.
pub(crate) fn step(arena: &Arena, node: &Node, from: Option<&Key<'_>>) -> Result<Step> {
    let offset = match from.map(|key| find(arena, node, key)).transpose()? {
        None => load(&node.body[FIRST]),
        Some(Some(found)) => found.field.next.load(Ordering::Relaxed),
        Some(None) => return Ok(Step::Lost),
    };
    if offset == 0 {
        return Ok(Step::End);
    }
    let field = arena.at::<Field>(offset)?;
    Ok(Step::To(name(arena, field)?, Raw::load(&field.slot)))
}

/// The chunks of fields, each with its capacity in fields.
pub(crate) fn chunks<'a>(
    arena: &'a Arena,
    node: &Node,
) -> impl Iterator<Item = Result<(u64, u64)>> + use<'a> {
    let mut next = load(&node.body[CHUNKS]);
    // No more chunks than fields fit into the segment.
    let mut left = arena.size().unwrap_or(0) / FIELD;
    std::iter::from_fn(move || {
        let block = std::mem::take(&mut next);
        if block == 0 {
            return None;
        }
        let Some(fewer) = left.checked_sub(1) else {
            return Some(Err(Error::corrupt(
                "a struct",
                "a chain of chunks without an end",
                "a chain that ends",
            )));
        };
        left = fewer;
        Some(chunk(arena, block).map(|(fields, link)| {
            next = link;
            (block, fields)
        }))
    })
}

/// The chunk of a struct in which a field lies.
pub(crate) fn chunk_with(arena: &Arena, node: &Node, field: u64) -> Result<u64> {
    for chunk in chunks(arena, node) {
        let (block, fields) = chunk?;
        if field.wrapping_sub(block) < fields.wrapping_mul(FIELD) {
            return Ok(block);
        }
    }
    Err(Error::corrupt("a struct", format_args!("a field at {field:#x}"), "a field in a chunk of the struct"))
}

/// Fields and link of a chunk.
fn chunk(arena: &Arena, block: u64) -> Result<(u64, u64)> {
    let fields = capacity(arena, block)? / FIELD;
    Ok((fields, load(&tail_of(arena, block, fields)?.next)))
}

/// What follows the fields of a chunk.
pub(crate) fn tail_of(arena: &Arena, block: u64, fields: u64) -> Result<&ChunkTail> {
    arena.at(block.wrapping_add(fields.wrapping_mul(FIELD)))
}

/// The block of the index, 0 if there is none, and its capacity.
#[inline]
pub(crate) fn index_block(node: &Node) -> (u64, u64) {
    index_in(load(&node.body[INDEX]))
}

#[inline]
fn index_in(word: u64) -> (u64, u64) {
    match word & !SHIFT {
        0 => (0, 0),
        block => (block, 1 << (word & SHIFT)),
    }
}

/// The bits of the word of an index that are the logarithm of its capacity.
const SHIFT: u64 = 63;

/// The block of a field's name, if the name does not fit the field.
pub(crate) fn name_block(field: &Field) -> Option<u64> {
    (field.name_length.load(Ordering::Relaxed) > INLINE_NAME as u64)
        .then(|| field.name[0].load(Ordering::Relaxed))
}

/// The next part to free of a struct that is being freed: its children and long names, its chunks, its index.
pub(super) fn next_child<'a>(arena: &'a Arena, body: Body<'a>) -> Result<Child<'a>> {
    let mut offset = load(body[FIRST]);
    for _ in 0..at_most(arena, load(body[COUNT])) {
        if offset == 0 {
            break;
        }
        let field = arena.at::<Field>(offset)?;
        let raw = Raw::load(&field.slot);
        if let Some(id) = raw.id() {
            let forget =
                [Some((&field.slot.tag, Raw::NULL.in_place_of(raw).tag)), Some((body[FIRST], offset))];
            return Ok(Child::Node { index: id.index, forget });
        }
        if let Some(payload) = raw.meta() {
            let forget = [Some((&field.slot.tag, Raw::NULL.tag)), Some((body[FIRST], offset))];
            return Ok(Child::Block { payload, forget });
        }
        if let Some(payload) = name_block(field) {
            let forget = [Some((&field.name_length, 0)), Some((body[FIRST], offset))];
            return Ok(Child::Block { payload, forget });
        }
        offset = field.next.load(Ordering::Relaxed);
    }
    let block = load(body[CHUNKS]);
    if block != 0 {
        let (_, link) = chunk(arena, block)?;
        let forget = [Some((body[CHUNKS], link)), Some((body[FIRST], 0))];
        return Ok(Child::Block { payload: block, forget });
    }
    let (block, _) = index_in(load(body[INDEX]));
    for (word, payload) in [(body[INDEX], block), (body[VERSIONS], load(body[VERSIONS]))] {
        if payload != 0 {
            return Ok(Child::Block { payload, forget: [Some((word, 0)), None] });
        }
    }
    Ok(Child::None)
}
