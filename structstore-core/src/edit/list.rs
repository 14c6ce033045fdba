//! Changing lists: in place where that is one step or a few, else by a block that is filled aside and swapped in.

use crate::arena::BlockKind;
use crate::arena::layout::Node;
use crate::error::Result;
use crate::journal::Operation;
use crate::node::list::{SLOT, out_of_range, slot_at, slots};
use crate::node::{BLOCK, LENGTH, Raw, capacity};
use crate::sync::Ordering;

/// How many items are moved in place where some before them are removed.
const FEW: usize = 12;

/// Inserts items before the one at `index`, which may be the end.
pub(crate) fn insert(operation: &Operation<'_>, node: &Node, index: u64, new: &[Raw]) -> Result<()> {
    splice(operation, node, index, 0, new)
}

/// Replaces `count` items from `index` by new ones; the caller deals with what the old slots name. At the end and with
/// room this happens in place, and where only a few items have to close a gap; elsewhere a new block is filled aside
/// and swapped in, which costs no more than moving the items would.
pub(crate) fn splice(
    operation: &Operation<'_>,
    node: &Node,
    index: u64,
    count: u64,
    new: &[Raw],
) -> Result<()> {
    let arena = operation.arena();
    // All of them, so that no length is trusted for which there is no room.
    let slots = slots(arena, node)?;
    let len = slots.len() as u64;
    let end = index.checked_add(count).filter(|end| *end <= len);
    let parts = end.and_then(|end| slots.get(..index as usize).zip(slots.get(end as usize..)));
    let Some((before, behind)) = parts else { return Err(out_of_range(index, len)) };
    let new_len = len.saturating_sub(count).saturating_add(new.len() as u64);
    let room = capacity(arena, node.body[BLOCK].load(Ordering::Relaxed))? / SLOT;
    if behind.is_empty() && (count == 0 && new_len <= room || new.is_empty()) {
        // Through the journal although they lie behind the end: the same operation may have shortened the list.
        for (at, raw) in (index..).zip(new) {
            raw.set(operation, slot_at(arena, node, at)?)?;
        }
        return operation.set(&node.body[LENGTH], new_len);
    }
    if new.is_empty() && behind.len() <= FEW {
        // As many as the seat has room to log: a store that is full can still have them removed.
        for (at, slot) in (index..).zip(behind) {
            Raw::load(slot).set(operation, slot_at(arena, node, at)?)?;
        }
        return operation.set(&node.body[LENGTH], new_len);
    }
    let wanted = if new_len > room { new_len.max(len.saturating_mul(2)) } else { new_len };
    let kept = before.iter().map(Raw::load).chain(new.iter().copied()).chain(behind.iter().map(Raw::load));
    lay(operation, node, kept, wanted)
}

/// Replaces all items by these, of which those that were there before stay what they are: a new block, with room for
/// `room` items, is filled aside and swapped in.
pub(crate) fn lay(
    operation: &Operation<'_>,
    node: &Node,
    items: impl Iterator<Item = Raw>,
    room: u64,
) -> Result<()> {
    let arena = operation.arena();
    let aside = operation.allocate(room.saturating_mul(SLOT), BlockKind::Slots)?;
    let mut len = 0;
    // No further than there is room, however many items others claim that there are.
    for (at, raw) in (0..room).zip(items) {
        raw.store(arena.nth(aside, at)?);
        len = at.saturating_add(1);
    }
    operation.retire_block(node.body[BLOCK].load(Ordering::Relaxed))?;
    operation.set(&node.body[BLOCK], aside)?;
    operation.set(&node.body[LENGTH], len)
}

/// Lays items into a list that no other thread sees yet.
pub(crate) fn fill(operation: &Operation<'_>, node: &Node, items: &[Raw]) -> Result<()> {
    let arena = operation.arena();
    let block = operation.allocate((items.len() as u64).saturating_mul(SLOT), BlockKind::Slots)?;
    for (at, raw) in (0..).zip(items) {
        raw.store(arena.nth(block, at)?);
    }
    node.body[BLOCK].store(block, Ordering::Relaxed);
    node.body[LENGTH].store(items.len() as u64, Ordering::Relaxed);
    Ok(())
}
