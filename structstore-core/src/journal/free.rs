//! The end of an operation: freeing what it unlinked, or taking back what it did. Each step is one heap section,
//! and none depends on anything but shared memory, so that a repairer can go on from any of them.

use std::sync::atomic::compiler_fence;

use super::log::Log;
use super::{RETIRED_BLOCK, RETIRED_CONTENTS, RETIRED_NODE, Savepoint};
use crate::arena::layout::{Node, Seat};
use crate::arena::{Arena, HeapGuard, Section};
use crate::error::{Error, Result};
use crate::lock::Wait;
use crate::node::{self, Body, Child};
use crate::sync::{AtomicU64, Ordering};
use crate::value::Kind;

/// Frees what a committed operation retired, and makes the journal idle.
pub(super) fn finish(arena: &Arena, index: u32, seat: &Seat) -> Result<()> {
    // What was pending belongs to the store now.
    seat.pending_blocks.store(0, Ordering::Release);
    seat.pending_nodes.store(0, Ordering::Release);
    let (count, log) = (seat.log_count.load(Ordering::Relaxed), Log::of(arena, seat)?);
    loop {
        free_doomed(arena, index, seat)?;
        let at = seat.cursor.load(Ordering::Relaxed);
        if at >= count {
            break;
        }
        let (place, value) = log.entry(at)?;
        if place % 8 == 0 || !free_retired(arena, index, seat, &log, (at, place, value))? {
            seat.cursor.store(at.wrapping_add(1), Ordering::Release);
        }
    }
    free_log(arena, index, seat)?;
    seat.cursor.store(0, Ordering::Release);
    seat.phase.store(0, Ordering::Release);
    Ok(())
}

/// Frees what an entry of the log has retired. Returns whether it has moved the cursor itself, or is to be called again.
fn free_retired(
    arena: &Arena,
    index: u32,
    seat: &Seat,
    log: &Log<'_>,
    (at, place, value): (u64, u64, u64),
) -> Result<bool> {
    match place {
        RETIRED_BLOCK | RETIRED_NODE => {
            let mut heap = HeapGuard::lock(arena, index, &Wait::QUIET)?;
            let mut section = heap.section();
            if place == RETIRED_BLOCK {
                section.free_or_orphan(value)?;
            } else {
                let doomed = u32::try_from(value)
                    .map_err(|_| Error::corrupt("a journal", value, "the index of a removed node"))?;
                doom(&mut section, arena, seat, doomed)?;
            }
            section.set(&seat.cursor, at.wrapping_add(1))?;
            section.commit();
            Ok(true)
        }
        // The thread that goes on from here finds what is left of the contents.
        RETIRED_CONTENTS => free_contents(arena, index, seat, value, log.body(at.wrapping_add(1))?),
        _ => Ok(false),
    }
}

/// Restores what was changed since a savepoint, newest first, and frees what was allocated since.
pub(super) fn roll_back(arena: &Arena, index: u32, seat: &Seat, to: Savepoint) -> Result<()> {
    let (count, log) = (seat.log_count.load(Ordering::Relaxed), Log::of(arena, seat)?);
    for at in (to.log_count..count).rev() {
        let (place, value) = log.entry(at)?;
        if place % 8 == 0 {
            arena.at::<AtomicU64>(place)?.store(value, Ordering::Release);
        }
    }
    if to.log_count == 0 {
        free_log(arena, index, seat)?;
    } else {
        truncate_log(seat, to.log_count);
    }
    discard_pending(arena, index, seat, to)
}

/// Frees what was allocated since a savepoint and never became visible, or is no longer. Views may have been taken of it
/// meanwhile: then it is theirs.
pub(super) fn discard_pending(arena: &Arena, index: u32, seat: &Seat, to: Savepoint) -> Result<()> {
    if seat.pending_blocks.load(Ordering::Relaxed) == to.pending_blocks
        && seat.pending_nodes.load(Ordering::Relaxed) == to.pending_nodes
    {
        return Ok(());
    }
    let mut heap = HeapGuard::lock(arena, index, &Wait::QUIET)?;
    loop {
        let block = seat.pending_blocks.load(Ordering::Relaxed);
        if block == to.pending_blocks {
            break;
        }
        let link = arena.at::<AtomicU64>(block.wrapping_sub(8))?.load(Ordering::Relaxed);
        let mut section = heap.section();
        section.set(&seat.pending_blocks, link)?;
        section.free_or_orphan(block)?;
        section.commit();
    }
    while seat.pending_nodes.load(Ordering::Relaxed) != to.pending_nodes
        && let Some((node, record)) = first(arena, &seat.pending_nodes)?
    {
        let link = record.link.load(Ordering::Relaxed);
        let mut section = heap.section();
        section.set(&seat.pending_nodes, link)?;
        section.free_node(node)?;
        section.commit();
    }
    Ok(())
}

/// Whether an operation that has retired nothing is over once its log is forgotten: nothing that it allocated is pending, and
/// the log has no blocks of its own.
pub(super) fn nothing_to_finish(seat: &Seat) -> bool {
    let words = [&seat.pending_blocks, &seat.pending_nodes, &seat.log_block];
    words.iter().all(|word| word.load(Ordering::Relaxed) == 0)
}

/// Forgets the entries of the log from `count` on. New ones are written over them only then; see
/// [`Section::commit`](crate::arena::Section::commit).
pub(super) fn truncate_log(seat: &Seat, count: u64) {
    seat.log_count.store(count, Ordering::Release);
    compiler_fence(Ordering::Release);
}

/// Empties the log, all of whose entries have been worked off, and frees its overflow blocks.
fn free_log(arena: &Arena, index: u32, seat: &Seat) -> Result<()> {
    // First, so that a repairer reads no entry in a block that is gone.
    truncate_log(seat, 0);
    if seat.log_block.load(Ordering::Relaxed) == 0 {
        return Ok(());
    }
    let mut heap = HeapGuard::lock(arena, index, &Wait::QUIET)?;
    loop {
        let block = seat.log_block.load(Ordering::Relaxed);
        if block == 0 {
            return Ok(());
        }
        let before = arena.at::<AtomicU64>(block)?.load(Ordering::Relaxed);
        let mut section = heap.section();
        section.set(&seat.log_block, before)?;
        section.free(block)?;
        section.commit();
    }
}

/// The first node of a chain.
fn first<'a>(arena: &'a Arena, head: &AtomicU64) -> Result<Option<(u32, &'a Node)>> {
    let head = head.load(Ordering::Relaxed);
    let Some(index) = head.checked_sub(1) else { return Ok(None) };
    let index = u32::try_from(index)
        .map_err(|_| Error::corrupt("a chain of nodes", head, "the index of a node, plus one"))?;
    Ok(Some((index, arena.node(index)?)))
}

/// Puts a node at the head of the chain of those to be freed.
fn doom(section: &mut Section<'_>, arena: &Arena, seat: &Seat, index: u32) -> Result<()> {
    section.set(&arena.node(index)?.link, seat.doomed.load(Ordering::Relaxed))?;
    section.set(&seat.doomed, u64::from(index) + 1)
}

/// Frees the next part of what was in a node that has been emptied, a child with all below it. Returns whether there was one.
fn free_contents(arena: &Arena, index: u32, seat: &Seat, emptied: u64, body: Body<'_>) -> Result<bool> {
    let kind = Kind::of((emptied >> 32) as u8)
        .filter(|kind| matches!(kind, Kind::Struct | Kind::List))
        .ok_or_else(|| {
            Error::corrupt("a journal", format_args!("{emptied:#x}"), "the name of an emptied struct or list")
        })?;
    let child = node::next_child(arena, emptied as u32, kind, body)?;
    let mut heap = HeapGuard::lock(arena, index, &Wait::QUIET)?;
    free_child(&mut heap, arena, seat, child)
}

/// Frees a block, or puts a node on the chain, and forgets it. Returns whether there was anything to free.
fn free_child(heap: &mut HeapGuard<'_>, arena: &Arena, seat: &Seat, child: Child<'_>) -> Result<bool> {
    let (Child::Node { forget, .. } | Child::Block { forget, .. }) = child else { return Ok(false) };
    let mut section = heap.section();
    for (word, value) in forget.into_iter().flatten() {
        section.set(word, value)?;
    }
    match child {
        Child::Node { index, .. } => doom(&mut section, arena, seat, index)?,
        Child::Block { payload, .. } => section.free_or_orphan(payload)?,
        Child::None => {}
    }
    section.commit();
    Ok(true)
}

/// Frees all trees whose roots are on the chain. A node's children move to the chain before it goes, so that
/// the chain always leads to all that is left.
fn free_doomed(arena: &Arena, index: u32, seat: &Seat) -> Result<()> {
    if seat.doomed.load(Ordering::Relaxed) == 0 {
        return Ok(());
    }
    let mut heap = HeapGuard::lock(arena, index, &Wait::QUIET)?;
    while let Some((doomed, record)) = first(arena, &seat.doomed)? {
        let child = node::next_child(arena, doomed, node::kind_of(record)?, record.body.each_ref())?;
        if !free_child(&mut heap, arena, seat, child)? {
            let mut section = heap.section();
            section.set(&seat.doomed, record.link.load(Ordering::Relaxed))?;
            section.free_node(doomed)?;
            section.commit();
        }
    }
    Ok(())
}
