//! What takes up memory, for tools that look into a store.

use std::ops::AddAssign;

use crate::access::{Access, Located, Near};
use crate::arena::Arena;
use crate::arena::block::{FREE, bytes, units, units_for};
use crate::arena::layout::{INLINE_NAME, Node};
use crate::arena::{BlockKind, HeapGuard, block};
use crate::error::{Error, ErrorKind, Result};
use crate::handle::Struct;
use crate::lock::Wait;
use crate::node::{BLOCK, Extent, Raw, Shallow, capacity, kind_of, read_shallow, structure};
use crate::sync::{AtomicU64, Ordering};
use crate::value::{Kind, deeper};

/// How often who may not lock the heap walks it until nobody seems to have changed it meanwhile.
const WALKS: usize = 50;

/// The memory that a part of a store takes, including everything below it and overhead.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Usage {
    /// Bytes.
    pub bytes: u64,
    /// Blocks of the heap.
    pub blocks: u64,
    /// Structs, lists, strings, bytes and arrays.
    pub nodes: u64,
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Usage) {
        self.add(other);
    }
}

impl Usage {
    fn block(bytes: u64) -> Usage {
        Usage { bytes, blocks: 1, nodes: 0 }
    }

    fn add(&mut self, other: Usage) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.blocks = self.blocks.saturating_add(other.blocks);
        self.nodes = self.nodes.saturating_add(other.nodes);
    }
}

/// Memory that a segment has and does not use.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct FreeMemory {
    /// Bytes in all.
    pub bytes: u64,
    /// Blocks that these are in.
    pub blocks: u64,
    /// Bytes of the largest one.
    pub largest: u64,
}

impl Struct {
    /// The memory that this struct takes, including everything below it; approximate while others write. Does not wait for guards.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StaleHandle`] if it was removed.
    ///
    /// ```
    /// use structstore::StructStore;
    ///
    /// let store = StructStore::new();
    /// let before = store.usage()?;
    /// store.set("frame", vec![0.0; 1000])?;
    /// store.set("rate", 50)?;
    /// assert!(store.usage()?.bytes >= before.bytes + 8000);
    /// assert_eq!(store.usage()?.nodes, before.nodes + 1);
    /// assert_eq!(store.usage_by_field()?[1].1.bytes, 0, "a number lies in its field");
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn usage(&self) -> Result<Usage> {
        usage(&self.handle.near(), Kind::Struct, 0, &Extent::default()).at(&self.handle)
    }

    /// The memory below each field. Scalars and the fields themselves count for the struct.
    ///
    /// # Errors
    ///
    /// As [`Struct::usage`].
    pub fn usage_by_field(&self) -> Result<Vec<(String, Usage)>> {
        let extent = Extent::default();
        let by_field = || match contents(&self.handle.near())? {
            Shallow::Struct(fields) => fields
                .into_iter()
                .map(|(name, raw)| {
                    let mut usage = of_slot(&self.handle.near(), raw, 0, &extent)?;
                    usage.add(of_record(self.handle.arena(), raw)?);
                    Ok((name, usage))
                })
                .collect::<Result<Vec<_>>>(),
            _ => Ok(Vec::new()),
        };
        by_field().at(&self.handle)
    }

    /// The free memory of the segment, which all stores in it share. An array of up to `largest` bytes fits without growing it.
    /// `None` if other processes changed the heap all the time.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] if the heap is damaged.
    ///
    /// ```
    /// let store = structstore::StructStore::new();
    /// if let Some(free) = store.free_memory()? {
    ///     assert!(free.largest <= free.bytes && free.bytes <= store.statistics().size);
    /// }
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn free_memory(&self) -> Result<Option<FreeMemory>> {
        let arena = self.handle.arena();
        if arena.writable() {
            let _heap = HeapGuard::lock(arena, arena.owner(), &Wait::FOREVER)?;
            return Ok(Some(walk(arena)?.0));
        }
        let mut damaged = None;
        for _ in 0..WALKS {
            let before = arena.heap_state();
            let walked = walk(arena);
            if before.is_some() && arena.heap_state() == before {
                match walked {
                    Ok((free, used)) if used.blocks == self.statistics().blocks => return Ok(Some(free)),
                    Ok(_) => damaged = None,
                    Err(error) => damaged = Some(error),
                }
            }
            std::thread::yield_now();
        }
        damaged.map_or(Ok(None), Err)
    }
}

fn of_slot(parent: &Near<'_>, raw: Raw, depth: usize, extent: &Extent) -> Result<Usage> {
    if raw.id().is_none() {
        return Ok(Usage::default());
    }
    let depth = deeper(depth)?;
    match Near::new(parent.store(), raw).and_then(|child| usage(&child, raw.kind()?, depth, extent)) {
        // Removed since its parent was read.
        Err(error) if error.kind() == ErrorKind::StaleHandle => Ok(Usage::default()),
        other => other,
    }
}

fn usage(handle: &Near<'_>, kind: Kind, depth: usize, extent: &Extent) -> Result<Usage> {
    let mut total = handle.estimate(own)?.unwrap_or_default();
    if !matches!(kind, Kind::Struct | Kind::List) {
        extent.add(handle.arena(), 0)?;
        return Ok(total);
    }
    let contents = contents(handle)?;
    extent.add(handle.arena(), contents.bytes())?;
    match contents {
        Shallow::Struct(fields) => {
            for (name, raw) in fields {
                total.add(of_record(handle.arena(), raw)?);
                if name.len() > INLINE_NAME {
                    total.add(Usage::block(bytes(units_for(name.len() as u64).unwrap_or(0))));
                }
                total.add(of_slot(handle, raw, depth, extent).map_err(|error| error.under(&name))?);
            }
        }
        Shallow::List(items) => {
            for (index, raw) in items.into_iter().enumerate() {
                total.add(of_slot(handle, raw, depth, extent).map_err(|error| error.under(index))?);
            }
        }
        _ => {}
    }
    Ok(total)
}

/// What is in a struct or list, if possible without waiting for somebody who holds it.
/// The metadata record of a field, if it is still there.
fn of_record(arena: &Arena, raw: Raw) -> Result<Usage> {
    of_block(arena, raw.meta().unwrap_or(0))
}

fn contents(handle: &Near<'_>) -> Result<Shallow> {
    handle.estimate(read_shallow)?.map_or_else(|| handle.read_contents(), Ok)
}

/// What a node takes itself, but for the names of its fields.
fn own(arena: &Arena, node: &Node) -> Result<Usage> {
    let mut own = Usage { bytes: size_of::<Node>() as u64, blocks: 0, nodes: 1 };
    if kind_of(node)? == Kind::Struct {
        own.add(of_block(arena, structure::index_block(node).0)?);
        own.add(of_block(arena, node.body[structure::VERSIONS].load(Ordering::Relaxed))?);
        for chunk in structure::chunks(arena, node) {
            own.add(of_block(arena, chunk?.0)?);
        }
    } else {
        own.add(of_block(arena, node.body[BLOCK].load(Ordering::Relaxed))?);
    }
    Ok(own)
}

fn of_block(arena: &Arena, payload: u64) -> Result<Usage> {
    if payload == 0 {
        return Ok(Usage::default());
    }
    Ok(Usage::block(capacity(arena, payload)?.saturating_add(block::HEADER)))
}

/// All blocks of the heap, in the order of memory: what is free, and what the statistics count.
fn walk(arena: &Arena) -> Result<(FreeMemory, Usage)> {
    let heap = &arena.header().heap;
    let (mut at, end) = (heap.start.load(Ordering::Acquire), heap.end.load(Ordering::Acquire));
    let (mut free, mut used) = (FreeMemory::default(), Usage::default());
    while at < end {
        let header = arena.at::<AtomicU64>(at)?.load(Ordering::Relaxed);
        let size = bytes(units(header));
        if size == 0 {
            return Err(Error::corrupt(format_args!("the heap at {at:#x}"), "a block of size 0", "a block"));
        }
        if header & FREE != 0 {
            free.bytes = free.bytes.saturating_add(size);
            free.blocks = free.blocks.saturating_add(1);
            free.largest = free.largest.max(size);
        } else if BlockKind::of(header).is_some_and(BlockKind::counted) {
            used.add(Usage::block(size));
        }
        at = at.saturating_add(size);
    }
    Ok((free, used))
}
