//! Pins: structs that live bindings use, which no operation removes or replaces in passing.
//!
//! Invariant: a pin is taken with its struct held, and who removes a node holds that, or something above it, tree-exclusively. So neither
//! misses the other.
//!
//! A pin is an entry among a participant's leases that names a node, not a block. The header counts them, so that who removes something
//! looks no further while there are none. A pin of a dead process counts no longer, whether it was repaired or not.

use crate::arena::Arena;
use crate::arena::layout::{LeaseBlock, Participant};
use crate::arena::lease::{endless, most_blocks, pinned};
use crate::error::{Error, Result};
use crate::limits::MAX_DEPTH;
use crate::lock::NodeId;
use crate::node;
use crate::sync::{AtomicU64, Ordering};

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
    for participant in 0..arena.used::<Participant>() {
        let record = arena.record::<Participant>(participant)?;
        let mut at = record.leases.load(Ordering::Acquire);
        let mut left = most_blocks(arena);
        while at != 0 {
            left = left.checked_sub(1).ok_or_else(endless)?;
            let leases = arena.at::<LeaseBlock>(at)?;
            let held = |entry: &AtomicU64| pinned(arena, entry.load(Ordering::Acquire));
            let mut pins = leases.entries.iter().filter_map(held);
            if let Some(pin) = pins.find(|pin| is_among(arena, *pin, index, among))
                && arena.is_alive(participant)
            {
                return Ok(Some((pin, name_of(arena, participant, record))));
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
