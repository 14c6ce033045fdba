//! Lists: slots side by side in one block.

use super::{BLOCK, Body, Child, LENGTH, LIMITS, Raw, capacity};
use crate::arena::Arena;
use crate::arena::layout::{Node, Slot};
use crate::error::{Error, Result};
use crate::sync::Ordering;

/// How large an item is.
pub(crate) const SLOT: u64 = size_of::<Slot>() as u64;

/// How many items there are.
#[inline]
pub(crate) fn len(node: &Node) -> u64 {
    node.body[LENGTH].load(Ordering::Relaxed)
}

#[inline]
pub(crate) fn slot_at<'a>(arena: &'a Arena, node: &Node, at: u64) -> Result<&'a Slot> {
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

/// The largest number of items for which even an empty store can have slots.
pub(crate) fn most(arena: &Arena) -> u64 {
    arena.header().max_size.load(Ordering::Relaxed) / SLOT
}

/// The error for more items than there is room for.
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

/// The slots of all items, of one block that is looked at once: a change of the node meanwhile makes no item appear
/// twice. A single error instead if there is no room for them.
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
    if len >= capacity(arena, node.body[BLOCK].load(Ordering::Relaxed))? / SLOT
        || node.body[LIMITS].load(Ordering::Relaxed) != 0
    {
        return Ok(false);
    }
    raw.store(slot_at(arena, node, len)?);
    node.body[LENGTH].store(len.wrapping_add(1), Ordering::Release);
    Ok(true)
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
