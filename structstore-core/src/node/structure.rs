//! Structs: fields in chunks that never move, found through an open-addressing index, linked in order.
//!
//! An index entry is the upper 22 bits of the hash and the field's offset over 64; 0 was never used, and one with
//! offset 0 is a tombstone. A field chunk is a block of fields whose last 48 bytes begin with the next chunk's
//! offset.

use std::collections::{HashMap, HashSet};

use super::{Body, Child, Copied, Raw, capacity, copy_bytes, write_bytes};
use crate::arena::Arena;
use crate::arena::block::BlockKind;
use crate::arena::layout::{Field, INLINE_NAME, Node};
use crate::error::{Error, ErrorKind, Result};
use crate::journal::Operation;
use crate::key::{Key, MAX_NAME};
use crate::sync::{AtomicU64, Ordering};

/// Body words.
const INDEX: usize = 0;
const CAPACITY: usize = 1;
const COUNT: usize = 2;
/// Entries that are not 0, tombstones included.
const FILLED: usize = 3;
const FIRST: usize = 4;
const LAST: usize = 5;
/// Fields of the chunks that are not in use.
const FREE: usize = 6;
const CHUNKS: usize = 7;

const FIELD: u64 = size_of::<Field>() as u64;
const OFFSET_BITS: u32 = 42;
const OFFSET: u64 = (1 << OFFSET_BITS) - 1;
const TOMBSTONE: u64 = 1 << OFFSET_BITS;
const LEAST_CAPACITY: u64 = 8;
const MAX_CHUNK: u64 = 1024;

/// A field and where it is.
#[derive(Clone, Copy)]
pub(crate) struct Found<'a> {
    pub(crate) offset: u64,
    pub(crate) field: &'a Field,
}

fn load(word: &AtomicU64) -> u64 {
    word.load(Ordering::Relaxed)
}

/// How many fields there are, as the node says.
pub(crate) fn count(node: &Node) -> u64 {
    load(&node.body[COUNT])
}

/// The same, but no more than there is room for in the segment: what is as large, or walked as often, has an end. A walk
/// along the fields finds out that it was a lie.
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

fn entry(hash: u64, offset: u64) -> u64 {
    (hash >> OFFSET_BITS << OFFSET_BITS) | (offset / FIELD)
}

/// Where the field of an index entry is.
fn offset_in(entry: u64) -> u64 {
    (entry & OFFSET).wrapping_mul(FIELD)
}

#[cold]
#[inline(never)]
fn no_index(capacity: u64) -> Error {
    Error::corrupt("the index of a struct", capacity, "a power of two")
}

/// The index, as far as it makes sense.
#[inline]
fn index<'a>(arena: &'a Arena, node: &Node) -> Result<&'a [AtomicU64]> {
    let capacity = load(&node.body[CAPACITY]);
    if capacity == 0 {
        return Ok(&[]);
    }
    if !capacity.is_power_of_two() {
        return Err(no_index(capacity));
    }
    arena.words(load(&node.body[INDEX]), capacity)
}

/// The field of a name.
#[inline]
pub(crate) fn find<'a>(arena: &'a Arena, node: &Node, key: &Key<'_>) -> Result<Option<Found<'a>>> {
    Ok(locate(arena, node, key)?.map(|(_, found)| found))
}

/// The field of a name, and its place in the index.
#[inline]
fn locate<'a>(arena: &'a Arena, node: &Node, key: &Key<'_>) -> Result<Option<(&'a AtomicU64, Found<'a>)>> {
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
            if field.hash.load(Ordering::Relaxed) == key.hash() && has_name(arena, field, key)? {
                return Ok(Some((word, Found { offset, field })));
            }
        }
        at = at.wrapping_add(1) & mask;
    }
    Ok(None)
}

#[inline]
fn has_name(arena: &Arena, field: &Field, key: &Key<'_>) -> Result<bool> {
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
            return Some(Err(Error::corrupt("a struct", found, "as many as counted")));
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

/// How a struct's words are changed: through the journal, or directly while nobody else can see the struct.
#[derive(Clone, Copy)]
pub(crate) struct Writer<'o, 'a> {
    pub(crate) operation: &'o Operation<'a>,
    pub(crate) aside: bool,
}

impl<'a> Writer<'_, 'a> {
    fn put(&self, word: &AtomicU64, value: u64) -> Result<()> {
        if self.aside {
            word.store(value, Ordering::Release);
            Ok(())
        } else {
            self.operation.set(word, value)
        }
    }

    fn arena(&self) -> &'a Arena {
        self.operation.arena()
    }

    /// Makes room for those of these fields that are missing.
    pub(crate) fn reserve_missing<'n>(&self, node: &Node, keys: impl Iterator<Item = Key<'n>>) -> Result<()> {
        let mut missing = 0_u64;
        for key in keys {
            missing = missing.saturating_add(u64::from(find(self.arena(), node, &key)?.is_none()));
        }
        self.reserve(node, missing)
    }

    /// Makes room for more fields, so that inserting them allocates nothing but long names.
    pub(crate) fn reserve(&self, node: &Node, more: u64) -> Result<()> {
        if more == 0 {
            return Ok(());
        }
        // An index is full at three quarters. One that claims to be fuller than it is large is made anew.
        if load(&node.body[FILLED]).saturating_add(more) > (load(&node.body[CAPACITY]) / 4).saturating_mul(3)
        {
            self.rebuild_index(node, more)?;
        }
        let mut offset = load(&node.body[FREE]);
        for lacking in (1..=more).rev() {
            if offset == 0 {
                return self.add_chunk(node, lacking);
            }
            offset = self.arena().at::<Field>(offset)?.next.load(Ordering::Relaxed);
        }
        Ok(())
    }

    fn rebuild_index(&self, node: &Node, more: u64) -> Result<()> {
        let arena = self.arena();
        let count = counted(arena, node);
        let wanted = (count.saturating_add(more).saturating_mul(4) / 3).saturating_add(1);
        // Half as much again, so that a struct that loses and gains fields is not rebuilt all the time.
        let capacity = wanted.saturating_add(count / 2).checked_next_power_of_two().unwrap_or(u64::MAX);
        let capacity = capacity.max(LEAST_CAPACITY);
        let block = self.operation.allocate(capacity.saturating_mul(8), BlockKind::Index)?;
        let words = arena.words(block, capacity)?;
        for word in words {
            word.store(0, Ordering::Relaxed);
        }
        for found in fields(arena, node) {
            let found = found?;
            let hash = found.field.hash.load(Ordering::Relaxed);
            vacancy(words, hash)?.store(entry(hash, found.offset), Ordering::Relaxed);
        }
        let old = load(&node.body[INDEX]);
        if !self.aside {
            self.operation.retire_block(old)?;
        }
        self.put(&node.body[INDEX], block)?;
        self.put(&node.body[CAPACITY], capacity)?;
        self.put(&node.body[FILLED], count)
    }

    fn add_chunk(&self, node: &Node, least: u64) -> Result<()> {
        let arena = self.arena();
        let fields = least.max(4).max((count(node) / 2).min(MAX_CHUNK));
        let bytes = fields.saturating_mul(FIELD).saturating_add(8);
        let block = self.operation.allocate(bytes, BlockKind::Fields)?;
        // The block may be larger than asked for, but its size is what says where its link is.
        let fields = capacity(arena, block)? / FIELD;
        let mut next = load(&node.body[FREE]);
        for at in (0..fields).rev() {
            let offset = block.wrapping_add(at.wrapping_mul(FIELD));
            let field = arena.at::<Field>(offset)?;
            field.next.store(next, Ordering::Relaxed);
            field.hash.store(0, Ordering::Relaxed);
            field.name_length.store(0, Ordering::Relaxed);
            Raw::NULL.store(&field.slot);
            next = offset;
        }
        link_of(arena, block, fields)?.store(load(&node.body[CHUNKS]), Ordering::Relaxed);
        self.put(&node.body[FREE], next)?;
        self.put(&node.body[CHUNKS], block)
    }

    /// Adds a field at the end. The caller has made sure that there is none of that name.
    pub(crate) fn insert(&self, node: &Node, key: &Key<'_>, raw: Raw) -> Result<Found<'a>> {
        key.check()?;
        self.reserve(node, 1)?;
        let arena = self.arena();
        let offset = load(&node.body[FREE]);
        let field = arena.at::<Field>(offset)?;
        let next_free = field.next.load(Ordering::Relaxed);
        let words = self.name_words(key)?;
        // Through the journal although the field is free: the same operation may have removed what it held.
        self.put(&field.name[0], words[0])?;
        self.put(&field.name[1], words[1])?;
        self.put(&field.name_length, key.name().len() as u64)?;
        self.put(&field.hash, key.hash())?;
        let last = load(&node.body[LAST]);
        self.put(&field.previous, last)?;
        self.put(&field.slot.payload, raw.payload)?;
        self.put(&field.slot.tag, raw.tag)?;
        self.put(&node.body[FREE], next_free)?;
        self.put(&field.next, 0)?;
        let vacancy = vacancy(index(arena, node)?, key.hash())?;
        if vacancy.load(Ordering::Relaxed) == 0 {
            self.put(&node.body[FILLED], load(&node.body[FILLED]).wrapping_add(1))?;
        }
        self.put(vacancy, entry(key.hash(), offset))?;
        match last {
            0 => self.put(&node.body[FIRST], offset)?,
            last => self.put(&arena.at::<Field>(last)?.next, offset)?,
        }
        self.put(&node.body[LAST], offset)?;
        self.put(&node.body[COUNT], load(&node.body[COUNT]).wrapping_add(1))?;
        Ok(Found { offset, field })
    }

    /// Adds a field at the end of a struct that is built aside, for which there is room. Returns whether there was none of
    /// that name; one walk of the index says so, and where the field goes.
    pub(crate) fn append_aside(&self, node: &Node, key: &Key<'_>, raw: Raw) -> Result<bool> {
        debug_assert!(self.aside);
        let arena = self.arena();
        let (index, offset) = (index(arena, node)?, load(&node.body[FREE]));
        let mask = index.len().wrapping_sub(1);
        let mut at = key.hash() as usize & mask;
        let mut vacancy = None;
        for _ in 0..index.len() {
            let Some(word) = index.get(at) else { break };
            let seen = word.load(Ordering::Relaxed);
            if seen == 0 {
                vacancy = Some(word);
                break;
            }
            if seen >> OFFSET_BITS == key.hash() >> OFFSET_BITS {
                let field = arena.at::<Field>(offset_in(seen))?;
                if field.hash.load(Ordering::Relaxed) == key.hash() && has_name(arena, field, key)? {
                    return Ok(false);
                }
            }
            at = at.wrapping_add(1) & mask;
        }
        let (Some(vacancy), 1..) = (vacancy, offset) else {
            return Err(Error::corrupt("a struct", "no room", "the room that was made"));
        };
        let field = arena.at::<Field>(offset)?;
        let words = self.name_words(key)?;
        let (last, next_free) = (load(&node.body[LAST]), field.next.load(Ordering::Relaxed));
        let store = |word: &AtomicU64, value| word.store(value, Ordering::Relaxed);
        store(&field.name[0], words[0]);
        store(&field.name[1], words[1]);
        store(&field.name_length, key.name().len() as u64);
        store(&field.hash, key.hash());
        store(&field.previous, last);
        store(&field.next, 0);
        raw.store(&field.slot);
        store(vacancy, entry(key.hash(), offset));
        match last {
            0 => store(&node.body[FIRST], offset),
            last => store(&arena.at::<Field>(last)?.next, offset),
        }
        store(&node.body[FREE], next_free);
        store(&node.body[LAST], offset);
        store(&node.body[FILLED], load(&node.body[FILLED]).wrapping_add(1));
        store(&node.body[COUNT], load(&node.body[COUNT]).wrapping_add(1));
        Ok(true)
    }

    fn name_words(&self, key: &Key<'_>) -> Result<[u64; 2]> {
        let length = key.name().len() as u64;
        if length as usize <= INLINE_NAME {
            return Ok(key.words);
        }
        let block = self.operation.allocate(length, BlockKind::Name)?;
        write_bytes(self.arena().words(block, length.div_ceil(8))?, key.name().as_bytes());
        Ok([block, 0])
    }

    /// Takes a field out; what its slot names is the caller's business.
    pub(crate) fn remove(&self, node: &Node, key: &Key<'_>) -> Result<()> {
        let arena = self.arena();
        let Some((word, found)) = locate(arena, node, key)? else {
            return Err(Error::new(ErrorKind::NotFound).under(key.name()));
        };
        let next = found.field.next.load(Ordering::Relaxed);
        let previous = found.field.previous.load(Ordering::Relaxed);
        self.put(word, TOMBSTONE)?;
        match previous {
            0 => self.put(&node.body[FIRST], next)?,
            previous => self.put(&arena.at::<Field>(previous)?.next, next)?,
        }
        match next {
            0 => self.put(&node.body[LAST], previous)?,
            next => self.put(&arena.at::<Field>(next)?.previous, previous)?,
        }
        if key.name().len() > INLINE_NAME {
            self.operation.retire_block(found.field.name[0].load(Ordering::Relaxed))?;
            self.put(&found.field.name_length, 0)?;
        }
        self.put(&found.field.next, load(&node.body[FREE]))?;
        self.put(&node.body[FREE], found.offset)?;
        self.put(&node.body[COUNT], load(&node.body[COUNT]).wrapping_sub(1))
    }

    /// Gives a field another name; it keeps its slot and its place in the order.
    pub(crate) fn rename(&self, node: &Node, from: &Key<'_>, to: &Key<'_>) -> Result<()> {
        to.check()?;
        let arena = self.arena();
        self.reserve(node, 1)?;
        let Some((word, found)) = locate(arena, node, from)? else {
            return Err(Error::new(ErrorKind::NotFound).under(from.name()));
        };
        if from.name().len() > INLINE_NAME {
            self.operation.retire_block(found.field.name[0].load(Ordering::Relaxed))?;
        }
        let words = self.name_words(to)?;
        self.put(word, TOMBSTONE)?;
        self.put(&found.field.name[0], words[0])?;
        self.put(&found.field.name[1], words[1])?;
        self.put(&found.field.name_length, to.name().len() as u64)?;
        self.put(&found.field.hash, to.hash())?;
        let vacancy = vacancy(index(arena, node)?, to.hash())?;
        if vacancy.load(Ordering::Relaxed) == 0 {
            self.put(&node.body[FILLED], load(&node.body[FILLED]).wrapping_add(1))?;
        }
        self.put(vacancy, entry(to.hash(), found.offset))
    }
}

/// Where in the index an entry for this hash goes.
fn vacancy(index: &[AtomicU64], hash: u64) -> Result<&AtomicU64> {
    let mask = index.len().wrapping_sub(1);
    let start = hash as usize & mask;
    (0..index.len())
        .filter_map(|step| index.get(start.wrapping_add(step) & mask))
        .find(|word| word.load(Ordering::Relaxed) & OFFSET == 0)
        .ok_or_else(|| Error::corrupt("the index of a struct", "no room", "room for a field"))
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
            return Some(Err(Error::corrupt("a struct", "an endless chain of chunks", "an end")));
        };
        left = fewer;
        Some(chunk(arena, block).map(|(fields, link)| {
            next = link;
            (block, fields)
        }))
    })
}

/// Fields and link of a chunk.
fn chunk(arena: &Arena, block: u64) -> Result<(u64, u64)> {
    let fields = capacity(arena, block)? / FIELD;
    Ok((fields, link_of(arena, block, fields)?.load(Ordering::Relaxed)))
}

/// The word behind the fields of a chunk that leads to the next one.
fn link_of(arena: &Arena, block: u64, fields: u64) -> Result<&AtomicU64> {
    arena.at(block.wrapping_add(fields.wrapping_mul(FIELD)))
}

/// The block of the index, 0 if there is none, and its capacity.
pub(crate) fn index_block(node: &Node) -> (u64, u64) {
    (load(&node.body[INDEX]), load(&node.body[CAPACITY]))
}

/// The blocks of names that do not fit their fields.
pub(crate) fn name_block(field: &Field) -> Option<u64> {
    (field.name_length.load(Ordering::Relaxed) > INLINE_NAME as u64)
        .then(|| field.name[0].load(Ordering::Relaxed))
}

/// Verifies index, order and free list of a struct whose fields lie in these chunks; returns its fields with their names.
/// Takes time in proportion to the struct, whatever its index holds.
pub(crate) fn check<'a>(
    arena: &'a Arena,
    node: &Node,
    chunks: &[(u64, u64)],
) -> Result<Vec<(String, Found<'a>)>> {
    let broken = |found: String, expected| Error::corrupt("a struct", found, expected);
    let mut unused: HashSet<u64> = chunks
        .iter()
        .flat_map(|(block, fields)| (0..*fields).map(|at| block.wrapping_add(at.wrapping_mul(FIELD))))
        .collect();
    let (mut all, mut hashes, mut names, mut previous) = (Vec::new(), HashMap::new(), HashSet::new(), 0);
    for found in fields(arena, node) {
        let found = found?;
        if !unused.remove(&found.offset) {
            return Err(broken(
                format!("a field at {:#x}", found.offset),
                "fields within its chunks, each once",
            ));
        }
        if found.field.previous.load(Ordering::Relaxed) != previous {
            return Err(broken("a field whose links disagree".to_owned(), "fields linked both ways"));
        }
        let name = name(arena, found.field)?;
        let key = Key::new(&name);
        key.check()?;
        // Bytes behind the end of a short name are part of what is compared.
        if found.field.hash.load(Ordering::Relaxed) != key.hash() || !has_name(arena, found.field, &key)? {
            return Err(broken(format!("the field {name:?} with another hash"), "that of its name"));
        }
        if !names.insert(name.clone()) {
            return Err(broken(format!("the field {name:?} twice"), "fields of different names"));
        }
        hashes.insert(found.offset, key.hash());
        previous = found.offset;
        all.push((name, found));
    }
    if load(&node.body[LAST]) != previous {
        return Err(broken("another last field".to_owned(), "the last field of the order"));
    }
    check_index(index(arena, node)?, hashes, load(&node.body[FILLED]))?;
    let mut offset = load(&node.body[FREE]);
    while offset != 0 {
        if !unused.remove(&offset) {
            return Err(broken(
                format!("a free field at {offset:#x}"),
                "free fields within its chunks, each once",
            ));
        }
        offset = arena.at::<Field>(offset)?.next.load(Ordering::Relaxed);
    }
    match unused.len() {
        0 => Ok(all),
        lost => Err(broken(format!("{lost} fields that are lost"), "every field either free or in order")),
    }
}

/// Verifies that the fields, given by offset with the hashes of their names, are found, and nothing else.
fn check_index(index: &[AtomicU64], mut hashes: HashMap<u64, u64>, counted: u64) -> Result<()> {
    let broken = |found: String, expected| Error::corrupt("the index of a struct", found, expected);
    let words: Vec<u64> = index.iter().map(|word| word.load(Ordering::Relaxed)).collect();
    let filled = words.iter().filter(|word| **word != 0).count() as u64;
    if filled != counted {
        return Err(broken(format!("{filled} entries"), "as many as counted"));
    }
    // How many places before each one are filled without a gap. The index is a ring: a second round knows all of it.
    let mut run = 0_usize;
    let mut runs = vec![0; words.len()];
    for (at, word) in words.iter().enumerate().chain(words.iter().enumerate()) {
        if let Some(before) = runs.get_mut(at) {
            *before = run;
        }
        run = if *word == 0 { 0 } else { words.len().min(run.saturating_add(1)) };
    }
    let mask = words.len().wrapping_sub(1);
    for ((at, word), run) in words.iter().enumerate().zip(runs) {
        let offset = (word & OFFSET).wrapping_mul(FIELD);
        if offset == 0 {
            continue;
        }
        let hash = hashes.remove(&offset).filter(|hash| *word == entry(*hash, offset));
        let hash =
            hash.ok_or_else(|| broken(format!("the entry {word:#x}"), "one of a field, and the only one"))?;
        if at.wrapping_sub(hash as usize) & mask > run {
            return Err(broken("an entry behind a gap".to_owned(), "one where it is looked for"));
        }
    }
    match hashes.len() {
        0 => Ok(()),
        missing => Err(broken(format!("no entries of {missing} fields"), "every field in the index")),
    }
}

/// The next part to free of a struct that is being freed: its children and long names, its chunks, its index.
pub(super) fn next_child<'a>(arena: &'a Arena, body: Body<'a>) -> Result<Child<'a>> {
    let mut offset = load(body[FIRST]);
    for _ in 0..at_most(arena, load(body[COUNT])) {
        if offset == 0 {
            break;
        }
        let field = arena.at::<Field>(offset)?;
        if let Some(id) = Raw::load(&field.slot).id() {
            let forget = [Some((&field.slot.tag, Raw::NULL.tag)), Some((body[FIRST], offset))];
            return Ok(Child::Node { index: id.index, forget });
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
    match load(body[INDEX]) {
        0 => Ok(Child::None),
        payload => {
            let forget = [Some((body[INDEX], 0)), Some((body[CAPACITY], 0))];
            Ok(Child::Block { payload, forget })
        }
    }
}
