//! Whether anybody changes anything, for those who verify an arena without locks.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::arena::Arena;
use crate::arena::layout::{Node, Seat};
use crate::error::{Error, ErrorKind, Result};
use crate::lock::{MAX_SEATS, owner_seat};
use crate::sync::{AtomicU64, Ordering};

impl Arena {
    /// A number that differs from the one before if the heap was changed in between, but for changes that have all been taken
    /// back; `None` if somebody is at it.
    pub(crate) fn heap_state(&self) -> Option<u64> {
        let header = self.header();
        let heap = &header.heap;
        let mut hasher = DefaultHasher::new();
        let counts =
            [&heap.lock, &heap.undo_count, &header.allocated, &header.blocks, &header.nodes, &heap.end];
        let seen: Vec<u64> = counts.into_iter().map(|word| word.load(Ordering::Acquire)).collect();
        let [0, 0, ..] = seen[..] else { return None };
        seen.hash(&mut hasher);
        heap.lists.iter().flatten().for_each(|list| hasher.write_u64(list.load(Ordering::Acquire)));
        Some(hasher.finish())
    }

    /// A number that differs from the one before if a node or the heap was changed in between; `None` if somebody is at
    /// it. [`ErrorKind::Abandoned`] if that somebody is dead.
    ///
    /// Whoever changes a node takes its word, and releases it with another version. What needs no node's lock changes the
    /// heap: its lists and counts.
    pub(crate) fn rest(&self) -> Result<Option<u64>> {
        let header = self.header();
        let mut hasher = DefaultHasher::new();
        let mut add = |word: &AtomicU64| {
            let seen = word.load(Ordering::Acquire);
            hasher.write_u64(seen);
            seen
        };
        for index in 0..self.used::<Node>() {
            let node = self.node(index)?;
            add(&node.head.identity);
            if let Some(owner) = owner_seat(add(&node.head.word)) {
                return self.unrest(owner);
            }
        }
        for index in 0..self.used::<Seat>().min(MAX_SEATS as u32) {
            let seat = self.record::<Seat>(index)?;
            add(&seat.participant);
            if !seat.idle() {
                return self.unrest(index);
            }
        }
        let heap = &header.heap;
        let lock = add(&heap.lock);
        if lock != 0 || add(&heap.undo_count) != 0 {
            return match self.heap_owner(lock) {
                Some(owner) if !self.is_alive(owner) => Err(Error::new(ErrorKind::Abandoned)),
                // Its owner may just have gone, or come. Who finds this twice believes it.
                None if lock == 0 => Err(Error::corrupt("the heap", "an undo log without an owner", "none")),
                None => Err(Error::corrupt(
                    "the heap",
                    format_args!("{lock:#x} as the owner of the heap lock"),
                    "an existing owner",
                )),
                Some(_) => Ok(None),
            };
        }
        let counts = [
            &header.root,
            &header.watching,
            &header.allocated,
            &header.blocks,
            &header.nodes,
            &header.free_nodes,
        ];
        let tables = header.tables.iter().map(|table| &table.used);
        for word in counts.into_iter().chain(tables).chain(heap.lists.iter().flatten()) {
            add(word);
        }
        add(&heap.end);
        Ok(Some(hasher.finish()))
    }

    /// Whether a seat belongs to a participant that is there.
    fn is_somebodys(&self, seat: u32) -> Result<bool> {
        let participant = self.record::<Seat>(seat)?.participant.load(Ordering::Acquire).checked_sub(1);
        Ok(participant.and_then(|index| u32::try_from(index).ok()).is_some_and(|index| self.is_there(index)))
    }

    /// What a seat that is changing something says of the arena.
    fn unrest(&self, seat: u32) -> Result<Option<u64>> {
        match self.is_dead(seat) {
            Ok(true) => Err(Error::new(ErrorKind::Abandoned)),
            Ok(false) if self.is_somebodys(seat)? => Ok(None),
            // It may just have been given back. Who finds this twice believes it.
            Ok(false) => Err(Error::corrupt(
                format_args!("seat {seat}"),
                "a change under way in a seat that no process owns",
                "none",
            )),
            // The seat is none: somebody owns what nobody can.
            Err(error) => Err(error),
        }
    }
}
