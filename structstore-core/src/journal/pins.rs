//! What living processes rely on: structs that are pinned, which no operation removes or replaces in passing, and fields that are lent for good.
//!
//! Invariant: a pin is taken with its struct held, and who removes a node holds that, or something above it, tree-exclusively. So neither
//! misses the other.
//!
//! A pin is an entry among a participant's leases that names a node, not a block. The header counts them, so that who removes something
//! looks no further while there are none. A pin of a dead process counts no longer, whether it was repaired or not.

use crate::arena::Arena;
use crate::arena::layout::{LeaseBlock, Participant, Slot};
use crate::arena::lease::{endless, is_pin, most_blocks, pinned};
use crate::error::{Error, Result};
use crate::limits::MAX_DEPTH;
use crate::lock::NodeId;
use crate::node;
use crate::sync::Ordering;

/// Which nodes are looked for among the pinned ones.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Among {
    /// It, and what lies below it.
    All,
    /// What lies below it.
    Contents,
    /// It, and what it lies in.
    Above,
}

/// Fails if a living process has pinned any of these nodes.
#[inline]
pub(crate) fn refuse_pinned(arena: &Arena, index: u32, among: Among) -> Result<()> {
    match arena.header().pins.load(Ordering::Relaxed) {
        0 => Ok(()),
        _ => refuse(arena, index, among),
    }
}

#[cold]
#[inline(never)]
fn refuse(arena: &Arena, index: u32, among: Among) -> Result<()> {
    match pinned_by(arena, index, among)? {
        Some((pin, holder)) => {
            let error = Error::bound(holder, "removed or replaced unless forced");
            Err(error.below(node::path_of(arena, pin)).located())
        }
        None => Ok(()),
    }
}

/// The first of these nodes that a living process has pinned, and the name of that process.
pub(crate) fn pinned_by(arena: &Arena, index: u32, among: Among) -> Result<Option<(NodeId, String)>> {
    user(arena, |entry| pinned(arena, entry).filter(|pin| is_among(arena, *pin, index, among)))
}

/// The name of a living process to which the chunk is lent in which a field's slot lies, if there is one.
pub(crate) fn lent_to(arena: &Arena, slot: &Slot) -> Result<Option<String>> {
    let at = arena.segment().offset_of(&slot.tag);
    let covers = |entry: u64| {
        let inside = !is_pin(entry) && entry <= at && entry != 0;
        (inside && node::capacity(arena, entry).is_ok_and(|size| at < entry.wrapping_add(size))).then_some(())
    };
    Ok(user(arena, covers)?.map(|((), holder)| holder))
}

/// The first entry among the leases of living processes in which something is found, and the name of that process.
fn user<T>(arena: &Arena, find: impl Fn(u64) -> Option<T>) -> Result<Option<(T, String)>> {
    for participant in 0..arena.used::<Participant>() {
        let record = arena.record::<Participant>(participant)?;
        let mut at = record.leases.load(Ordering::Acquire);
        let mut left = most_blocks(arena);
        while at != 0 {
            left = left.checked_sub(1).ok_or_else(endless)?;
            let leases = arena.at::<LeaseBlock>(at)?;
            if let Some(found) = leases.entries.iter().find_map(|entry| find(entry.load(Ordering::Acquire)))
                && arena.is_alive(participant)
            {
                return Ok(Some((found, name_of(arena, participant, record))));
            }
            at = leases.next.load(Ordering::Acquire);
        }
    }
    Ok(None)
}

fn name_of(arena: &Arena, participant: u32, record: &Participant) -> String {
    match arena.writable() && participant == arena.participant_index() {
        true => "this process".to_owned(),
        false => format!("process {}", record.pid.load(Ordering::Relaxed)),
    }
}

fn is_among(arena: &Arena, pin: NodeId, index: u32, among: Among) -> bool {
    match among {
        Among::All => pin.index == index || lies_in(arena, pin.index, index),
        Among::Contents => lies_in(arena, pin.index, index),
        Among::Above => pin.index == index || lies_in(arena, index, pin.index),
    }
}

/// Whether a node lies somewhere below another one.
fn lies_in(arena: &Arena, mut node: u32, other: u32) -> bool {
    for _ in 0..MAX_DEPTH {
        let parent = arena.node(node).map_or(0, |node| node.head.parent.load(Ordering::Relaxed));
        match parent.checked_sub(1).and_then(|parent| u32::try_from(parent).ok()) {
            Some(parent) if parent == other => return true,
            Some(parent) => node = parent,
            None => return false,
        }
    }
    false
}
