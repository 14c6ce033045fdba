//! Verifying the format: links, generations, indices, the heap, and that nothing is lost or counted twice.

use std::collections::{HashMap, HashSet};
use std::fmt::Display;

use super::fields::Scratch;
use super::marks::Marks;
use crate::arena::block::{self, BlockKind, FREE, HEADER, ORPHAN, PREVIOUS_FREE, UNIT};
use crate::arena::layout::{FIRST_LEVELS, Header, LeaseBlock, Node, Participant, SECOND_LEVELS, Seat};
use crate::arena::lease::{is_pin, lease_count};
use crate::arena::{Arena, HeapGuard};
use crate::error::{Error, ErrorKind, Path, Result};
use crate::limits::MAX_DEPTH;
use crate::lock::Wait;
use crate::node::meta::{PART, Record};
use crate::node::{
    self, ArrayBlock, BLOCK, FIXED, FIXED_RANK, LIMITS, LIVE, Raw, SHORT, StreamBlock, kind_of, list,
    read_bytes_node, resolve, slot_value, structure,
};
use crate::sync::{AtomicU64, Ordering};
use crate::value::{Kind, decode_scalar};

/// Verifies the tree below a root and, if it is the only root of its arena, that every block and node belongs to
/// something and the statistics say so. The caller holds the root, and `seat` is its own; or it finds out by itself whether
/// anything was changed meanwhile.
pub(crate) fn check(
    arena: &Arena,
    root: Raw,
    parent: Option<u32>,
    whole: bool,
    seat: Option<u32>,
) -> Result<()> {
    let (blocks, nodes, scratch) = (Marks::default(), Marks::default(), Scratch::default());
    let mut reached = Reached { arena, blocks, nodes, leased: HashSet::new(), scratch };
    // Nobody allocates or frees meanwhile; what others are building lies in their pending chains.
    let _heap = seat.map(|seat| HeapGuard::lock(arena, seat, &Wait::FOREVER)).transpose()?;
    reached.slot(root, parent, Level { depth: 0, bound: !whole, limits: 0 }, &mut Path::default())?;
    if whole {
        arena.check_holders()?;
        reached.pending()?;
        reached.leases()?;
        reached.tables()?;
        reached.heap()?;
        reached.free_nodes()?;
    }
    Ok(())
}

/// Where a slot is.
#[derive(Clone, Copy)]
struct Level {
    depth: usize,
    /// Whether it or anything above it is declared, as far as is known.
    bound: bool,
    /// The limits that a list has for its items, as they name them.
    limits: u64,
}

struct Reached<'a> {
    arena: &'a Arena,
    /// The blocks that something leads to, by the places of their payloads in units.
    blocks: Marks,
    nodes: Marks,
    /// The blocks that are leased.
    leased: HashSet<u64>,
    scratch: Scratch,
}

/// A node that was verified, and what is in it.
struct Inside {
    index: u32,
    level: Level,
    parts: Parts,
}

/// Parts that are still to be verified: those that name nodes, and what is no sound value.
enum Parts {
    Fields(Vec<(String, Raw)>),
    Items(Vec<(usize, Raw)>),
}

impl Inside {
    /// What the slot of a part holds, if there are so many, to which the path is led on.
    #[inline(never)]
    fn enter(&self, at: usize, place: &mut Path) -> Option<Raw> {
        match &self.parts {
            Parts::Fields(fields) => {
                let (name, raw) = fields.get(at)?;
                place.push(name);
                Some(*raw)
            }
            Parts::Items(items) => {
                let (index, raw) = items.get(at)?;
                place.push(*index);
                Some(*raw)
            }
        }
    }
}

/// Whether what a slot holds can be seen from the slot, and is a value of its type.
fn is_sound(raw: Raw) -> bool {
    let scalar = || raw.kind().and_then(|kind| decode_scalar(kind, raw.payload)).ok().flatten();
    raw.id().is_none()
        && raw.is_declared_as_it_may_be()
        && (matches!(raw.kind(), Ok(Kind::Null))
            || scalar().is_some_and(|scalar| scalar.payload() == raw.payload))
}

fn wrong(place: &(impl Display + ?Sized), found: impl Display, expected: &'static str) -> Error {
    let place = place.to_string();
    Error::corrupt(if place.is_empty() { "(root)" } else { &place }, found, expected)
}

impl Reached<'_> {
    fn block(&mut self, place: &(impl Display + ?Sized), payload: u64, kind: BlockKind) -> Result<()> {
        let header = self.arena.at::<AtomicU64>(payload.wrapping_sub(HEADER))?.load(Ordering::Relaxed);
        // What is an orphan only leases lead to.
        if header & (FREE | ORPHAN) != 0 || BlockKind::of(header) != Some(kind) {
            return Err(wrong(
                place,
                format_args!("no {kind:?} block at {payload:#x}"),
                "a block that only this place uses",
            ));
        }
        self.reach(payload).ok_or_else(|| {
            wrong(
                place,
                format_args!("the block at {payload:#x}, which another place uses, too"),
                "a block that only this place uses",
            )
        })
    }

    /// Marks a block as one that something leads to, if nothing else does, and it may be one.
    fn reach(&mut self, payload: u64) -> Option<()> {
        (payload.is_multiple_of(UNIT) && self.blocks.insert(payload / UNIT)).then_some(())
    }

    /// Verifies what a slot holds, with all below it. A level takes little stack: all but the way down is done out of line.
    fn slot(&mut self, raw: Raw, parent: Option<u32>, above: Level, place: &mut Path) -> Result<()> {
        let Some(inside) = self.node(raw, parent, above, place)? else { return Ok(()) };
        let mut at = 0_usize;
        while let Some(raw) = inside.enter(at, place) {
            self.slot(raw, Some(inside.index), inside.level, place)?;
            place.pop();
            at = at.saturating_add(1);
        }
        Ok(())
    }

    /// Verifies what a slot holds, but for what is in a struct or list, which it returns.
    #[inline(never)]
    fn node(
        &mut self,
        raw: Raw,
        parent: Option<u32>,
        above: Level,
        place: &mut Path,
    ) -> Result<Option<Inside>> {
        let mut level =
            Level { depth: above.depth.saturating_add(1), bound: above.bound || raw.declared(), limits: 0 };
        let kind = raw.kind().map_err(|_| wrong(place, format_args!("the tag {:#x}", raw.tag), "a kind"))?;
        if !raw.is_declared_as_it_may_be() {
            return Err(wrong(place, format_args!("the tag {:#x}", raw.tag), "a valid tag"));
        }
        if kind == Kind::Null {
            return Ok(None);
        }
        if !kind.is_node() {
            let found = format_args!("the payload {:#x}", raw.payload);
            return if is_sound(raw) { Ok(None) } else { Err(wrong(place, found, "a value of its type")) };
        }
        if above.depth >= MAX_DEPTH {
            return Err(wrong(place, "more than 128 levels", "at most 128"));
        }
        let (id, node) = resolve(self.arena, raw).map_err(|error| match error.kind() {
            ErrorKind::StaleHandle => wrong(place, "the name of a removed node", "an existing node"),
            _ => error,
        })?;
        if !self.nodes.insert(id.index.into()) {
            return Err(wrong(place, "a node that is named more than once", "a node that is named once"));
        }
        if node.head.parent.load(Ordering::Relaxed) != parent.map_or(0, |parent| u64::from(parent) + 1) {
            return Err(wrong(place, "a link to another parent", "a link to the node that contains it"));
        }
        let flags = node.head.identity.load(Ordering::Relaxed) & 0xffff_ff00;
        let fixed = match (kind, flags) {
            (_, 0) => false,
            (Kind::Array, LIVE) => false,
            (Kind::Struct, FIXED) => true,
            (Kind::Array, FIXED | FIXED_RANK) => true,
            (Kind::Array, both) if both == FIXED | LIVE => true,
            _ => {
                return Err(wrong(place, format_args!("a node with the flags {flags:#x}"), "valid flags"));
            }
        };
        if kind == Kind::Array && fixed && !level.bound {
            return Err(wrong(
                place,
                "an array of fixed type outside of any declared field",
                "an array of any type",
            ));
        }
        let limits = raw.meta().filter(|_| raw.limited()).unwrap_or(above.limits);
        if kind != Kind::Struct && node.body[LIMITS].load(Ordering::Relaxed) != limits {
            return Err(wrong(
                place,
                "limits that differ from those of its field",
                "the limits of its field",
            ));
        }
        if limits != 0 && Record::read(self.arena, limits)?.limits_parts() {
            level.limits = limits | PART;
        }
        let block = node.body[BLOCK].load(Ordering::Relaxed);
        match kind_of(node)? {
            Kind::Struct => self.structure(id.index, node, level, fixed, place).map(Some),
            Kind::List => {
                if block == 0 && list::len(node) != 0 {
                    return Err(wrong(place, "items without a block", "a block"));
                }
                if block != 0 {
                    self.block(place, block, BlockKind::Slots)?;
                    if list::len(node) > node::capacity(self.arena, block)? / 16 {
                        return Err(wrong(
                            place,
                            "more items than there is room for",
                            "items within the block",
                        ));
                    }
                }
                let items = list::items(self.arena, node)?.into_iter().enumerate();
                let parts = Parts::Items(items.filter(|(_, raw)| !is_sound(*raw)).collect());
                Ok(Some(Inside { index: id.index, level, parts }))
            }
            Kind::Array => {
                self.block(place, block, BlockKind::Array)?;
                let header = ArrayBlock::read(self.arena, block)?;
                if header.size() > node::capacity(self.arena, block)? {
                    return Err(wrong(
                        place,
                        "more elements than there is room for",
                        "elements within the block",
                    ));
                }
                if !header.is_padded(self.arena, block)? {
                    return Err(wrong(place, "bytes behind the name of its element type", "zeros"));
                }
                Ok(None)
            }
            Kind::Stream => {
                self.block(place, block, BlockKind::Stream)?;
                let ring = StreamBlock::read(self.arena, block)?.ring(self.arena, block)?;
                let lives = |owner: u64| {
                    let participant = owner.checked_sub(1).and_then(|index| u32::try_from(index).ok());
                    let record = participant.and_then(|index| self.arena.record::<Participant>(index).ok());
                    record.is_some_and(|record| record.state.load(Ordering::Acquire) != 0)
                };
                match ring.damage(&lives) {
                    None => Ok(None),
                    Some(found) => Err(wrong(place, found, "a consistent ring")),
                }
            }
            kind => {
                if (block == 0) != (node::length(node) <= SHORT) {
                    let found = format_args!("{} bytes in the block {block:#x}", node::length(node));
                    return Err(wrong(place, found, "a block exactly if they do not fit the node"));
                }
                if block != 0 {
                    let expected = if kind == Kind::Str { BlockKind::Str } else { BlockKind::Bytes };
                    self.block(place, block, expected)?;
                    if node::length(node) > node::capacity(self.arena, block)? {
                        return Err(wrong(
                            place,
                            "more bytes than there is room for",
                            "bytes within the block",
                        ));
                    }
                }
                let bytes = read_bytes_node(self.arena, node)?;
                if kind == Kind::Str && std::str::from_utf8(&bytes).is_err() {
                    return Err(wrong(place, "bytes that are not UTF-8", "a string"));
                }
                Ok(None)
            }
        }
    }

    fn structure(
        &mut self,
        index: u32,
        node: &Node,
        level: Level,
        fixed: bool,
        place: &mut Path,
    ) -> Result<Inside> {
        let (block, capacity) = structure::index_block(node);
        if block != 0 {
            self.block(place, block, BlockKind::Index)?;
            if capacity.saturating_mul(8) > node::capacity(self.arena, block)? {
                return Err(wrong(place, "an index larger than its block", "an index within its block"));
            }
        }
        let block = node.body[structure::VERSIONS].load(Ordering::Relaxed);
        if block != 0 {
            self.block(place, block, BlockKind::Meta)?;
            node::versions(self.arena, node)?;
        }
        let mut chunks = Vec::new();
        for chunk in structure::chunks(self.arena, node) {
            let (block, fields) = chunk?;
            self.block(place, block, BlockKind::Fields)?;
            chunks.push((block, fields));
        }
        let (mut declares, mut parts) = (level.bound, Vec::new());
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.check(self.arena, node, &chunks, |found| {
            let raw = Raw::load(&found.field.slot);
            declares |= raw.declared();
            let block = structure::name_block(found.field);
            if block.is_some() || raw.declared() || raw.meta().is_some() {
                place.push(structure::name(self.arena, found.field)?.as_str());
                self.declared_field(raw, block, fixed, place)?;
                place.pop();
            }
            if !is_sound(raw) {
                parts.push((structure::name(self.arena, found.field)?, raw));
            }
            Ok(())
        })?;
        self.scratch = scratch;
        if fixed && !declares {
            return Err(wrong(
                place,
                "a struct marked as declared without declared fields",
                "declared fields",
            ));
        }
        Ok(Inside { index, level, parts: Parts::Fields(parts) })
    }

    /// Verifies what a field has besides its value: a declaration, a record with metadata, the block of a long name.
    fn declared_field(&mut self, raw: Raw, name: Option<u64>, fixed: bool, place: &Path) -> Result<()> {
        if raw.declared() && !fixed {
            return Err(wrong(
                place,
                "a declared field in a struct without declared fields",
                "no declaration",
            ));
        }
        if let Some(block) = name {
            self.block(place, block, BlockKind::Name)?;
        }
        let Some(block) = raw.meta() else { return Ok(()) };
        self.block(place, block, BlockKind::Meta)?;
        let capacity = node::capacity(self.arena, block)?;
        self.record(raw, &Record::read(self.arena, block)?, capacity, place)
    }

    /// Verifies the metadata record of a field, and that its value is within the limits.
    fn record(&self, raw: Raw, record: &Record, capacity: u64, place: &Path) -> Result<()> {
        if record.bytes().len() as u64 > capacity {
            return Err(wrong(place, "a record larger than its block", "a record within its block"));
        }
        record.verify()?;
        record.meta()?;
        if record.limits() != raw.limited() {
            return Err(wrong(
                place,
                "a mark of limits that does not match its record",
                "the mark of its record",
            ));
        }
        if !raw.limited() {
            return Ok(());
        }
        let value = slot_value(self.arena, raw)?;
        record.check(&value).map_err(|error| wrong(place, error, "a value within its limits"))
    }

    /// What the seats are building, and the overflow of their journals.
    fn pending(&mut self) -> Result<()> {
        for index in 0..self.arena.used::<Seat>() {
            let seat = self.arena.record::<Seat>(index)?;
            let place = format!("the journal of seat {index}");
            let mut block = seat.pending_blocks.load(Ordering::Relaxed);
            while block != 0 {
                let header = self.arena.at::<AtomicU64>(block.wrapping_sub(HEADER))?.load(Ordering::Relaxed);
                let kind =
                    BlockKind::of(header).ok_or_else(|| wrong(&place, "no block", "a pending block"))?;
                self.block(&place, block, kind)?;
                block = self.arena.at::<AtomicU64>(block.wrapping_sub(8))?.load(Ordering::Relaxed);
            }
            let mut next = seat.pending_nodes.load(Ordering::Relaxed);
            while let Some(node) = next.checked_sub(1).and_then(|node| u32::try_from(node).ok()) {
                // First, so that there are no more marks than there is room for nodes.
                let link = &self.arena.node(node)?.link;
                if !self.nodes.insert(node.into()) {
                    return Err(wrong(
                        &place,
                        format_args!("node {node}, which another place uses, too"),
                        "a node that only this place uses",
                    ));
                }
                next = link.load(Ordering::Relaxed);
            }
            let mut block = seat.log_block.load(Ordering::Relaxed);
            while block != 0 {
                self.block(&place, block, BlockKind::Log)?;
                block = self.arena.at::<AtomicU64>(block)?.load(Ordering::Relaxed);
            }
        }
        Ok(())
    }

    /// Lease counts, and the blocks that only leases keep.
    fn leases(&mut self) -> Result<()> {
        let (mut counts, mut pins): (HashMap<u64, u64>, u64) = (HashMap::new(), 0);
        for index in 0..self.arena.used::<Participant>() {
            let place = format!("the leases of participant {index}");
            let mut block = self.arena.record::<Participant>(index)?.leases.load(Ordering::Relaxed);
            while block != 0 {
                self.block(&place, block, BlockKind::Leases)?;
                let leases = self.arena.at::<LeaseBlock>(block)?;
                for entry in &leases.entries {
                    let leased = entry.load(Ordering::Relaxed);
                    if is_pin(leased) {
                        pins = pins.saturating_add(1);
                    } else if leased != 0 {
                        let count = counts.entry(leased).or_default();
                        *count = count.saturating_add(1);
                    }
                }
                block = leases.next.load(Ordering::Relaxed);
            }
        }
        let counted = self.arena.header().pins.load(Ordering::Relaxed);
        if counted != pins {
            return Err(wrong(
                "the leases",
                format_args!("{pins} pins and a count of {counted}"),
                "a count that matches",
            ));
        }
        for (block, leases) in &counts {
            let header = self.arena.at::<AtomicU64>(block.wrapping_sub(HEADER))?.load(Ordering::Relaxed);
            let orphan = header & ORPHAN != 0;
            let kind = BlockKind::of(header).filter(|kind| kind.leasable()).unwrap_or(BlockKind::Array);
            if orphan && (header & FREE != 0 || self.reach(*block).is_none()) {
                let found = format!("the orphan at {block:#x}, which something else leads to");
                return Err(wrong("the leases", found, "an orphan that only leases lead to"));
            }
            let counted = lease_count(self.arena, *block)?.load(Ordering::Relaxed);
            let is_one = BlockKind::of(header) == Some(kind) && self.blocks.contains(block / UNIT);
            if !is_one || counted != *leases {
                let found = format!("{leases} leases of the block at {block:#x}, which counts {counted}");
                return Err(wrong("the leases", found, "as many as the block counts"));
            }
        }
        self.leased = counts.into_keys().collect();
        Ok(())
    }

    fn tables(&mut self) -> Result<()> {
        for table in &self.arena.header().tables {
            for chunk in &table.chunks {
                let block = chunk.load(Ordering::Relaxed);
                if block != 0 {
                    self.block("the tables", block, BlockKind::Table)?;
                }
            }
        }
        Ok(())
    }

    /// Walks all blocks in memory and all free lists.
    fn heap(&self) -> Result<()> {
        let header: &Header = self.arena.header();
        let heap = &header.heap;
        let (start, end) = (heap.start.load(Ordering::Relaxed), heap.end.load(Ordering::Relaxed));
        let load = |at: u64| self.arena.at::<AtomicU64>(at).map(|word| word.load(Ordering::Relaxed));
        let (mut at, mut previous_free) = (start, false);
        let (mut allocated, mut blocks, mut reached) = (0_u64, 0_u64, 0_usize);
        let mut free = Marks::default();
        while at < end {
            let word = load(at)?;
            let size = block::bytes(block::units(word));
            let next = at.saturating_add(size);
            let place = format!("the heap at {at:#x}");
            if size == 0 || next > end {
                return Err(wrong(&place, format_args!("a block of {size} bytes"), "blocks up to the end"));
            }
            if (word & PREVIOUS_FREE != 0) != previous_free {
                return Err(wrong(
                    &place,
                    "a mark that does not match the block before",
                    "a mark that matches",
                ));
            }
            previous_free = word & FREE != 0;
            if previous_free {
                if load(next.wrapping_sub(8))? != block::units(word) {
                    return Err(wrong(&place, "a free block with a wrong size at its end", "its size"));
                }
                free.insert(at / UNIT);
            } else {
                let kind = BlockKind::of(word)
                    .ok_or_else(|| wrong(&place, "a block of no known kind", "a valid kind"))?;
                let payload = at.wrapping_add(HEADER);
                if !payload.is_multiple_of(UNIT) || !self.blocks.contains(payload / UNIT) {
                    return Err(wrong(
                        &place,
                        format_args!("a lost {kind:?} block"),
                        "a block that is in use",
                    ));
                }
                if kind.leasable()
                    && !self.leased.contains(&payload)
                    && lease_count(self.arena, payload)?.load(Ordering::Relaxed) != 0
                {
                    let found = format_args!("a count at {payload:#x} without leases");
                    return Err(wrong("the leases", found, "none"));
                }
                reached = reached.saturating_add(1);
                if kind.counted() {
                    allocated = allocated.saturating_add(size);
                    blocks = blocks.saturating_add(1);
                }
            }
            at = next;
        }
        if reached != self.blocks.len() {
            return Err(wrong(
                "the heap",
                "blocks in use that do not begin where a block ends",
                "whole blocks",
            ));
        }
        if (load(end)? & PREVIOUS_FREE != 0) != previous_free {
            return Err(wrong(
                "the end of the heap",
                "a mark that does not match the block before",
                "a mark that matches",
            ));
        }
        if heap.first_level.load(Ordering::Relaxed) >> FIRST_LEVELS != 0 {
            return Err(wrong("the heap", "bits of levels that do not exist", "bits of existing levels"));
        }
        let mut listed = 0_usize;
        for (first, (level, lists)) in heap.second_level.iter().zip(&heap.lists).enumerate() {
            let bits = level.load(Ordering::Relaxed);
            let marked = heap.first_level.load(Ordering::Relaxed) & 1 << first != 0;
            if marked != (bits != 0) || bits >> SECOND_LEVELS != 0 {
                return Err(wrong(
                    "the heap",
                    "a first level that disagrees with its lists",
                    "one that agrees",
                ));
            }
            for (second, list) in lists.iter().enumerate() {
                let mut at = list.load(Ordering::Relaxed);
                if (bits & 1 << second != 0) != (at != 0) {
                    return Err(wrong(
                        "the heap",
                        "a second level that disagrees with its lists",
                        "one that agrees",
                    ));
                }
                let mut previous = 0;
                while at != 0 {
                    if !free.remove(at / UNIT)
                        || block::class(block::units(load(at)?)) != (first, second)
                        || load(at.wrapping_add(HEADER))? != previous
                    {
                        return Err(wrong(
                            "the heap",
                            format_args!("{at:#x} in a free list"),
                            "a free block",
                        ));
                    }
                    listed = listed.saturating_add(1);
                    (previous, at) = (at, load(at.wrapping_add(8))?);
                }
            }
        }
        if free.len() != 0 {
            return Err(wrong(
                "the heap",
                format_args!("{} free blocks in no list, {listed} in a list", free.len()),
                "each in a list",
            ));
        }
        let nodes = self.nodes.len() as u64;
        let allocated = allocated.saturating_add(nodes.saturating_mul(size_of::<Node>() as u64));
        for (what, word, counted) in [
            ("the allocated bytes", &header.allocated, allocated),
            ("the number of blocks", &header.blocks, blocks),
            ("the number of nodes", &header.nodes, nodes),
        ] {
            let found = word.load(Ordering::Relaxed);
            if found != counted {
                return Err(wrong(
                    what,
                    format_args!("{found}, while {counted} are reachable"),
                    "the same number",
                ));
            }
        }
        Ok(())
    }

    fn free_nodes(&self) -> Result<()> {
        let used = self.arena.used::<Node>();
        let mut free = Marks::default();
        let mut next = self.arena.header().free_nodes.load(Ordering::Relaxed);
        while let Some(index) = next.checked_sub(1) {
            let index = u32::try_from(index)
                .map_err(|_| wrong("the list of free nodes", next, "the index of a node, plus one"))?;
            if index >= used || self.nodes.contains(index.into()) || !free.insert(index.into()) {
                return Err(wrong(
                    "the list of free nodes",
                    format_args!("node {index}"),
                    "each free node once",
                ));
            }
            let node = self.arena.node(index)?;
            if node.head.identity.load(Ordering::Relaxed) as u8 != 0 {
                return Err(wrong(
                    "the list of free nodes",
                    format_args!("node {index}, which is in use"),
                    "free nodes",
                ));
            }
            next = node.link.load(Ordering::Relaxed);
        }
        for index in used..self.arena.room::<Node>() {
            if self.arena.node(index)?.head.identity.load(Ordering::Relaxed) as u8 != 0 {
                return Err(wrong("the nodes", format_args!("node {index}, of {used} used ones"), "none"));
            }
        }
        if free.len().saturating_add(self.nodes.len()) != used as usize {
            let found = format!("{} free and {} used of {used}", free.len(), self.nodes.len());
            return Err(wrong("the nodes", found, "every node either free or in use"));
        }
        Ok(())
    }
}
