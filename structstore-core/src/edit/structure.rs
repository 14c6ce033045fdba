//! Changing structs: fields, their names, and the index that finds them.

use std::borrow::Cow;

use crate::arena::layout::{ChunkTail, Field, INLINE_NAME, Node};
use crate::arena::{Arena, BlockKind};
use crate::error::{Error, ErrorKind, Result};
use crate::journal::Operation;
use crate::key::Key;
use crate::node::structure::{
    CHUNKS, COUNT, FIELD, FILLED, FIRST, FREE, Found, INDEX, LAST, OFFSET, OFFSET_BITS, TOMBSTONE, aliases,
    count, counted, entry, entry_of, fields, find, has_name, index, index_block, index_word, load,
    name_block, offset_in, tail_of,
};
use crate::node::{Raw, capacity, structure, write_bytes};
use crate::sync::{AtomicU64, Ordering};

const LEAST_CAPACITY: u64 = 8;
const MAX_CHUNK: u64 = 1024;

/// How a struct's words are changed: through the journal, or directly while no other thread can see the struct.
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

    /// Makes room for those of these fields that are missing, and returns how many that are.
    pub(crate) fn reserve_missing<'n>(
        &self,
        node: &Node,
        keys: impl Iterator<Item = Key<'n>>,
    ) -> Result<u64> {
        let mut missing = 0_u64;
        for key in keys {
            missing = missing.saturating_add(u64::from(find(self.arena(), node, &key)?.is_none()));
        }
        self.reserve(node, missing)?;
        Ok(missing)
    }

    /// Makes room for more fields, so that inserting them allocates nothing but long names.
    pub(crate) fn reserve(&self, node: &Node, more: u64) -> Result<()> {
        if more == 0 {
            return Ok(());
        }
        self.reserve_entries(node, more)?;
        let mut offset = load(&node.body[FREE]);
        for lacking in (1..=more).rev() {
            if offset == 0 {
                return self.add_chunk(node, lacking);
            }
            offset = self.arena().at::<Field>(offset)?.next.load(Ordering::Relaxed);
        }
        Ok(())
    }

    /// Makes room in the index.
    pub(super) fn reserve_entries(&self, node: &Node, more: u64) -> Result<()> {
        // It is full at three quarters. One that claims to be fuller than it is large is rebuilt.
        match load(&node.body[FILLED]).saturating_add(more) > (index_block(node).1 / 4).saturating_mul(3) {
            true => self.rebuild_index(node, more),
            false => Ok(()),
        }
    }

    fn rebuild_index(&self, node: &Node, more: u64) -> Result<()> {
        let arena = self.arena();
        let mut count = counted(arena, node);
        for found in fields(arena, node) {
            count = count.saturating_add(aliases(arena, found?.field)?.len() as u64);
        }
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
            let Found { offset, field } = found?;
            let enter = |hash| -> Result<()> {
                vacancy(words, hash)?.store(entry(hash, offset), Ordering::Relaxed);
                Ok(())
            };
            enter(load(&field.hash))?;
            aliases(arena, field)?.iter().try_for_each(|alias| enter(Key::new(alias).hash()))?;
        }
        let (old, _) = index_block(node);
        if !self.aside {
            self.operation.retire_block(old)?;
        }
        self.put(&node.body[INDEX], index_word(block, capacity))?;
        self.put(&node.body[FILLED], count)
    }

    fn add_chunk(&self, node: &Node, least: u64) -> Result<()> {
        let arena = self.arena();
        let fields = least.max(4).max((count(node) / 2).min(MAX_CHUNK));
        let bytes = fields.saturating_mul(FIELD).saturating_add(size_of::<ChunkTail>() as u64);
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
        tail_of(arena, block, fields)?.next.store(load(&node.body[CHUNKS]), Ordering::Relaxed);
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
        self.enter(node, key, offset)?;
        match last {
            0 => self.put(&node.body[FIRST], offset)?,
            last => self.put(&arena.at::<Field>(last)?.next, offset)?,
        }
        self.put(&node.body[LAST], offset)?;
        self.put(&node.body[COUNT], load(&node.body[COUNT]).wrapping_add(1))?;
        Ok(Found { offset, field })
    }

    /// Adds an entry to the index, which has room.
    fn enter(&self, node: &Node, key: &Key<'_>, offset: u64) -> Result<()> {
        let vacancy = vacancy(index(self.arena(), node)?, key.hash())?;
        if vacancy.load(Ordering::Relaxed) == 0 {
            self.put(&node.body[FILLED], load(&node.body[FILLED]).wrapping_add(1))?;
        }
        self.put(vacancy, entry(key.hash(), offset))
    }

    /// Takes an entry of a field out of the index.
    fn withdraw(&self, node: &Node, hash: u64, offset: u64) -> Result<()> {
        self.put(entry_of(index(self.arena(), node)?, hash, offset)?, TOMBSTONE)
    }

    /// Makes a field found under another name. The caller has made sure that there is no field of that name, and room for its entry.
    pub(crate) fn add_alias(&self, node: &Node, offset: u64, alias: &Key<'_>) -> Result<()> {
        self.enter(node, alias, offset)
    }

    /// Makes a field no longer found under a name that is not its own.
    pub(crate) fn remove_alias(&self, node: &Node, offset: u64, alias: &Key<'_>) -> Result<()> {
        self.withdraw(node, alias.hash(), offset)
    }

    /// Adds a field at the end of a struct that is built aside, for which there is room. Returns whether there was none of
    /// that name; one walk of the index finds that out, and where the field goes.
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
            return Err(Error::corrupt("a struct", "no room for a field", "the room that was made for it"));
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

    /// Takes a field out; the caller deals with what its slot names.
    pub(crate) fn remove(&self, node: &Node, key: &Key<'_>) -> Result<()> {
        let arena = self.arena();
        let Some(found) = find(arena, node, key)? else {
            return Err(Error::new(ErrorKind::NotFound).under(key.name()));
        };
        let next = found.field.next.load(Ordering::Relaxed);
        let previous = found.field.previous.load(Ordering::Relaxed);
        for alias in aliases(arena, found.field)? {
            self.remove_alias(node, found.offset, &Key::new(&alias))?;
        }
        self.withdraw(node, load(&found.field.hash), found.offset)?;
        match previous {
            0 => self.put(&node.body[FIRST], next)?,
            previous => self.put(&arena.at::<Field>(previous)?.next, next)?,
        }
        match next {
            0 => self.put(&node.body[LAST], previous)?,
            next => self.put(&arena.at::<Field>(next)?.previous, previous)?,
        }
        if let Some(block) = name_block(found.field) {
            self.operation.retire_block(block)?;
            self.put(&found.field.name_length, 0)?;
        }
        if let Some(record) = Raw::load(&found.field.slot).meta() {
            self.operation.retire_block(record)?;
        }
        self.put(&found.field.next, load(&node.body[FREE]))?;
        self.put(&node.body[FREE], found.offset)?;
        self.put(&node.body[COUNT], load(&node.body[COUNT]).wrapping_sub(1))
    }

    /// The field of a name, or the one that has another one of its names, which gets this one. That one it had goes to its aliases, to which
    /// the caller has to declare it.
    pub(crate) fn find_renamed(
        &self,
        node: &Node,
        key: &Key<'_>,
        names: &mut Vec<Cow<'static, str>>,
    ) -> Result<Option<Found<'a>>> {
        let arena = self.arena();
        if let Some(found) = find(arena, node, key)? {
            return Ok(Some(found));
        }
        for name in names.iter() {
            if let Some(found) = find(arena, node, &Key::new(name))? {
                let own = structure::name(arena, found.field)?;
                self.rename(node, &Key::new(&own), key)?;
                names.push(own.into());
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Gives a field another name; it keeps its slot and its place in the order.
    pub(crate) fn rename(&self, node: &Node, from: &Key<'_>, to: &Key<'_>) -> Result<()> {
        to.check()?;
        let arena = self.arena();
        self.reserve(node, 1)?;
        let Some(found) = find(arena, node, from)? else {
            return Err(Error::new(ErrorKind::NotFound).under(from.name()));
        };
        if let Some(block) = name_block(found.field) {
            self.operation.retire_block(block)?;
        }
        let words = self.name_words(to)?;
        self.withdraw(node, load(&found.field.hash), found.offset)?;
        self.put(&found.field.name[0], words[0])?;
        self.put(&found.field.name[1], words[1])?;
        self.put(&found.field.name_length, to.name().len() as u64)?;
        self.put(&found.field.hash, to.hash())?;
        self.enter(node, to, found.offset)
    }
}

/// Where in the index an entry for this hash goes.
fn vacancy(index: &[AtomicU64], hash: u64) -> Result<&AtomicU64> {
    let mask = index.len().wrapping_sub(1);
    let start = hash as usize & mask;
    (0..index.len())
        .filter_map(|step| index.get(start.wrapping_add(step) & mask))
        .find(|word| word.load(Ordering::Relaxed) & OFFSET == 0)
        .ok_or_else(|| Error::corrupt("the index of a struct", "no room for a field", "a free entry"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Access as _;
    use crate::tests::{Random, store};

    /// Against a plain list of names and numbers: what is found, in which order, and that an operation that is dropped leaves the
    /// struct as it was. Few names, so that their places in the index are used again; some are too long to lie in the field.
    #[test]
    fn fields_are_found_in_order_after_random_changes() {
        let store = store();
        let (arena, node) = (store.handle.arena(), store.handle.node());
        let mut random = Random(1);
        let mut model: Vec<(String, u64)> = Vec::new();
        let names: Vec<String> = (0..40_usize).map(|at| format!("{at}").repeat(1 + at % 19)).collect();
        for round in 0..4000 {
            let operation = Operation::begin(arena).unwrap();
            let writer = Writer { operation: &operation, aside: false };
            let mut after = model.clone();
            for _ in 0..=random.below(3) {
                let name = &names[random.below(names.len() as u64) as usize];
                let other = &names[random.below(names.len() as u64) as usize];
                let (key, at) = (Key::new(name), after.iter().position(|(found, _)| found == name));
                match at {
                    None => {
                        let raw = Raw { tag: 10, payload: round };
                        writer.insert(node, &key, raw).unwrap();
                        after.push((name.clone(), round));
                    }
                    Some(at) if random.below(3) == 0 && after.iter().all(|(found, _)| found != other) => {
                        writer.rename(node, &key, &Key::new(other)).unwrap();
                        after[at].0.clone_from(other);
                    }
                    Some(at) => {
                        writer.remove(node, &key).unwrap();
                        after.remove(at);
                    }
                }
            }
            if random.below(4) == 0 {
                drop(operation);
            } else {
                operation.commit().unwrap();
                model = after;
            }
            let found: Vec<(String, u64)> = fields(arena, node)
                .map(|found| found.unwrap().field)
                .map(|field| (structure::name(arena, field).unwrap(), load(&field.slot.payload)))
                .collect();
            assert_eq!(found, model, "round {round}");
            for name in &names {
                let found = find(arena, node, &Key::new(name)).unwrap();
                let expected = model.iter().find(|(known, _)| known == name);
                assert_eq!(
                    found.map(|found| load(&found.field.slot.payload)),
                    expected.map(|(_, value)| *value)
                );
            }
        }
        store.check().unwrap();
    }
}
