//! Verifying the fields of a struct: their order, their names, and the index.

use std::collections::{HashMap, HashSet};

use super::marks::Marks;
use crate::arena::Arena;
use crate::arena::layout::{Field, Node};
use crate::error::{Error, Result};
use crate::key::Key;
use crate::node::structure::{
    self, FIELD, FILLED, FREE, Found, LAST, OFFSET, OFFSET_BITS, aliases, copy_name, fields, has_name, index,
    load, offset_in,
};
use crate::sync::{AtomicU64, Ordering};

/// What the verification of one struct leaves empty for that of the next: sets of fields, by their place in units of fields.
#[derive(Default)]
pub(super) struct Scratch {
    /// Fields of the chunks that are neither in order nor free.
    unused: Marks,
    /// Fields in order whose entry in the index was not seen.
    unseen: Marks,
}

fn broken(found: String, expected: &'static str) -> Error {
    Error::corrupt("a struct", found, expected)
}

impl Scratch {
    /// Verifies index, order and free list of a struct whose fields lie in these chunks, and calls `visit` with each field, in order.
    /// Takes time in proportion to the struct, whatever its index holds.
    pub(super) fn check<'a>(
        &mut self,
        arena: &'a Arena,
        node: &Node,
        chunks: &[(u64, u64)],
        mut visit: impl FnMut(Found<'a>) -> Result<()>,
    ) -> Result<()> {
        for (block, count) in chunks {
            for at in 0..*count {
                self.unused.insert((block / FIELD).wrapping_add(at));
            }
        }
        let mut hashes = Vec::with_capacity(structure::counted(arena, node) as usize);
        let (mut others, mut previous) = (Others::default(), 0);
        for found in fields(arena, node) {
            let found = found?;
            let (offset, field) = (found.offset, found.field);
            if !offset.is_multiple_of(FIELD) || !self.unused.remove(offset / FIELD) {
                return Err(broken(
                    format!("a field at {offset:#x}"),
                    "each field once, within the chunks of the struct",
                ));
            }
            if load(&field.previous) != previous {
                return Err(broken(
                    "a field whose links disagree".to_owned(),
                    "fields that are linked both ways",
                ));
            }
            let name = copy_name(arena, field)?;
            let key = Key::new(name.text()?);
            key.check()?;
            // Bytes behind the end of a short name are part of what is compared.
            if load(&field.hash) != key.hash() || !has_name(arena, field, &key)? {
                return Err(broken(
                    format!("the field {:?} with a wrong hash", key.name()),
                    "the hash of its name",
                ));
            }
            for alias in aliases(arena, field)? {
                others.add(&alias, offset);
                hashes.push(Key::new(&alias).hash());
            }
            hashes.push(key.hash());
            self.unseen.insert(offset / FIELD);
            visit(found)?;
            previous = offset;
        }
        if load(&node.body[LAST]) != previous {
            return Err(broken("a wrong last field".to_owned(), "the last field in order"));
        }
        check_names(arena, node, hashes)?;
        self.check_index(arena, index(arena, node)?, others, load(&node.body[FILLED]))?;
        let mut offset = load(&node.body[FREE]);
        while offset != 0 {
            if !offset.is_multiple_of(FIELD) || !self.unused.remove(offset / FIELD) {
                let found = format!("a free field at {offset:#x}");
                return Err(broken(found, "each free field once, within the chunks of the struct"));
            }
            offset = load(&arena.at::<Field>(offset)?.next);
        }
        match self.unused.len() {
            0 => Ok(()),
            lost => Err(broken(format!("{lost} lost fields"), "every field either free or in order")),
        }
    }

    /// Verifies that the fields in order are found under all their names, and that there is no other entry.
    fn check_index(
        &mut self,
        arena: &Arena,
        index: &[AtomicU64],
        mut others: Others,
        counted: u64,
    ) -> Result<()> {
        let broken = |found: String, expected| Error::corrupt("the index of a struct", found, expected);
        let filled = index.iter().filter(|word| load(word) != 0).count() as u64;
        if filled != counted {
            return Err(broken(format!("{filled} entries"), "as many entries as it counts"));
        }
        let mask = index.len().wrapping_sub(1);
        // How many places before each one are filled without a gap. The index is a ring: its end comes before its beginning.
        let mut run = index.iter().rev().take_while(|word| load(word) != 0).count();
        for (at, word) in index.iter().enumerate() {
            let (entry, before) = (load(word), run);
            run = if entry == 0 { 0 } else { index.len().min(run.saturating_add(1)) };
            if entry & OFFSET == 0 {
                continue;
            }
            let within = |hash: u64| at.wrapping_sub(hash as usize) & mask <= before;
            let offset = offset_in(entry);
            let hash = arena.at::<Field>(offset).map(|field| field.hash.load(Ordering::Relaxed));
            // An alias whose entry is the same by chance is told apart by where it is looked for.
            let own = hash.is_ok_and(|hash| hash >> OFFSET_BITS == entry >> OFFSET_BITS && within(hash));
            if own && self.unseen.remove(offset / FIELD) {
                continue;
            }
            match others.take(entry, within) {
                Taken::One => {}
                Taken::Elsewhere => {
                    return Err(broken("an entry behind a gap".to_owned(), "an entry where lookups find it"));
                }
                Taken::None => {
                    return Err(broken(
                        format!("the entry {entry:#x}, which belongs to no field or is there twice"),
                        "one entry for each name",
                    ));
                }
            }
        }
        match self.unseen.len().saturating_add(others.len()) {
            0 => Ok(()),
            missing => Err(broken(format!("no entries for {missing} names"), "every name in the index")),
        }
    }
}

/// Names besides their fields' own: hashes by the entries that they have in the index.
#[derive(Default)]
struct Others(HashMap<u64, Vec<u64>>);

enum Taken {
    One,
    /// Such an entry is looked for elsewhere.
    Elsewhere,
    None,
}

impl Others {
    fn add(&mut self, name: &str, offset: u64) {
        let hash = Key::new(name).hash();
        self.0.entry(structure::entry(hash, offset)).or_default().push(hash);
    }

    fn take(&mut self, entry: u64, within: impl Fn(u64) -> bool) -> Taken {
        let Some(hashes) = self.0.get_mut(&entry).filter(|hashes| !hashes.is_empty()) else {
            return Taken::None;
        };
        match hashes.iter().position(|hash| within(*hash)) {
            Some(found) => {
                hashes.swap_remove(found);
                Taken::One
            }
            None => Taken::Elsewhere,
        }
    }

    fn len(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }
}

/// Verifies that no name is there twice, given the hashes of all.
fn check_names(arena: &Arena, node: &Node, mut hashes: Vec<u64>) -> Result<()> {
    hashes.sort_unstable();
    let same = hashes.windows(2).filter_map(|pair| match pair {
        [one, other] if one == other => Some(*one),
        _ => None,
    });
    let same: HashSet<u64> = same.collect();
    if same.is_empty() {
        return Ok(());
    }
    let mut names = HashSet::new();
    for found in fields(arena, node) {
        let field = found?.field;
        for name in std::iter::once(structure::name(arena, field)?).chain(aliases(arena, field)?) {
            if same.contains(&Key::new(&name).hash()) && !names.insert(name.clone()) {
                return Err(broken(format!("the field {name:?} twice"), "fields of different names"));
            }
        }
    }
    Ok(())
}
