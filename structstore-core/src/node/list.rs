//! Lists: slots side by side in one block.

use super::{BLOCK, Body, Child, LENGTH, Raw, capacity};
use crate::arena::Arena;
use crate::arena::block::BlockKind;
use crate::arena::layout::{Node, Slot};
use crate::error::{Error, Result};
use crate::journal::Operation;
use crate::sync::Ordering;

const SLOT: u64 = size_of::<Slot>() as u64;
/// How many items are moved in place where some before them go.
const FEW: usize = 12;

/// How many items there are.
#[inline]
pub(crate) fn len(node: &Node) -> u64 {
    node.body[LENGTH].load(Ordering::Relaxed)
}

#[inline]
fn slot_at<'a>(arena: &'a Arena, node: &Node, at: u64) -> Result<&'a Slot> {
    arena.nth(node.body[BLOCK].load(Ordering::Relaxed), at)
}

/// The slot of an item.
#[inline]
pub(crate) fn slot<'a>(arena: &'a Arena, node: &Node, index: u64) -> Result<&'a Slot> {
    let len = len(node);
    if index >= len {
        return Err(out_of_range(index, len));
    }
    slot_at(arena, node, index)
}

#[cold]
pub(crate) fn out_of_range(index: u64, len: u64) -> Error {
    Error::index_out_of_range(index as usize, len as usize)
}

/// As many items as there can be slots for, however empty the store is.
pub(crate) fn most(arena: &Arena) -> u64 {
    arena.header().max_size.load(Ordering::Relaxed) / SLOT
}

/// The error for so many items that there is no room for them.
#[cold]
pub(crate) fn too_many(arena: &Arena, items: u64, reason: String) -> Error {
    arena.segment().full(items.saturating_mul(SLOT), reason)
}

/// The slots of all items.
pub(crate) fn slots<'a>(arena: &'a Arena, node: &Node) -> Result<&'a [Slot]> {
    match len(node) {
        0 => Ok(&[]),
        len => arena.slice(node.body[BLOCK].load(Ordering::Relaxed), len),
    }
}

/// The slots of all items, of one block that is looked at once: whoever changes the node meanwhile makes nobody meet an item
/// twice. One error instead if there is no room for them.
pub(crate) fn each<'a>(
    arena: &'a Arena,
    node: &Node,
) -> impl Iterator<Item = Result<(usize, &'a Slot)>> + use<'a> {
    let (slots, broken) = match slots(arena, node) {
        Ok(slots) => (slots, None),
        Err(error) => (&[][..], Some(error)),
    };
    slots.iter().enumerate().map(Ok).chain(broken.map(Err))
}

/// All items, as read.
pub(crate) fn items(arena: &Arena, node: &Node) -> Result<Vec<Raw>> {
    Ok(slots(arena, node)?.iter().map(Raw::load).collect())
}

/// Appends an item without the journal, if there is room: what lies behind the end is no part of the list, and the
/// length changes by one store.
#[inline]
pub(crate) fn push_in_place(arena: &Arena, node: &Node, raw: Raw) -> Result<bool> {
    let len = len(node);
    if len >= capacity(arena, node.body[BLOCK].load(Ordering::Relaxed))? / SLOT {
        return Ok(false);
    }
    raw.store(slot_at(arena, node, len)?);
    node.body[LENGTH].store(len.wrapping_add(1), Ordering::Release);
    Ok(true)
}

/// Inserts items before the one at `index`, which may be the end.
pub(crate) fn insert(operation: &Operation<'_>, node: &Node, index: u64, new: &[Raw]) -> Result<()> {
    splice(operation, node, index, 0, new)
}

/// Replaces `count` items from `index` by new ones; what the old slots name is the caller's business. At the end and with
/// room this happens in place, and where only a few items have to close a gap; elsewhere a new block is filled aside and
/// swapped in, which costs no more than moving the items would.
pub(crate) fn splice(
    operation: &Operation<'_>,
    node: &Node,
    index: u64,
    count: u64,
    new: &[Raw],
) -> Result<()> {
    let arena = operation.arena();
    // All of them, so that no length is believed for which there is no room.
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
        // As many as the seat has room to log: a store that is full can still lose them.
        for (at, slot) in (index..).zip(behind) {
            Raw::load(slot).set(operation, slot_at(arena, node, at)?)?;
        }
        return operation.set(&node.body[LENGTH], new_len);
    }
    let wanted = if new_len > room { new_len.max(len.saturating_mul(2)) } else { new_len };
    let kept = before.iter().map(Raw::load).chain(new.iter().copied()).chain(behind.iter().map(Raw::load));
    lay(operation, node, kept, wanted)
}

/// Replaces all items by these, of which those that were there before stay what they are: a new block, with room for as
/// many as `room`, is filled aside and swapped in.
pub(crate) fn lay(
    operation: &Operation<'_>,
    node: &Node,
    items: impl Iterator<Item = Raw>,
    room: u64,
) -> Result<()> {
    let arena = operation.arena();
    let aside = operation.allocate(room.saturating_mul(SLOT), BlockKind::Slots)?;
    let mut len = 0;
    for (at, raw) in (0..).zip(items) {
        raw.store(arena.nth(aside, at)?);
        len = at.saturating_add(1);
    }
    operation.retire_block(node.body[BLOCK].load(Ordering::Relaxed))?;
    operation.set(&node.body[BLOCK], aside)?;
    operation.set(&node.body[LENGTH], len)
}

/// Lays items into a list that nobody else sees yet.
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

/// The next part to free of a list that is being freed: its children from the end, then its block.
pub(super) fn next_child<'a>(arena: &'a Arena, body: Body<'a>) -> Result<Child<'a>> {
    let block = body[BLOCK].load(Ordering::Relaxed);
    for at in (0..body[LENGTH].load(Ordering::Relaxed)).rev() {
        if let Some(id) = Raw::load(arena.nth(block, at)?).id() {
            return Ok(Child::Node { index: id.index, forget: [Some((body[LENGTH], at)), None] });
        }
    }
    match block {
        0 => Ok(Child::None),
        payload => {
            let forget = [Some((body[BLOCK], 0)), Some((body[LENGTH], 0))];
            Ok(Child::Block { payload, forget })
        }
    }
}
