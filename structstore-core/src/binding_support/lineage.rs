//! What a node lies in.

use std::sync::Arc;

use crate::access::{Access, Handle};
use crate::error::Result;
use crate::lock::Ancestors;

/// A node with all that it lies in, as that was at some moment.
pub struct Lineage {
    /// Which mapping it is of.
    arena: usize,
    /// The node, and what contains it, up to the root.
    nodes: Vec<u32>,
}

impl Lineage {
    pub(super) fn of(handle: &Handle) -> Lineage {
        let arena = handle.arena();
        let above = Ancestors::new(&**arena, &handle.node().head).map_while(Result::ok).map(|(node, _)| node);
        let nodes = std::iter::once(handle.id().index).chain(above).collect();
        Lineage { arena: Arc::as_ptr(arena).addr(), nodes }
    }

    /// Whether one of both contains the other, so that a lock on one covers it.
    pub fn overlaps(&self, other: &Lineage) -> bool {
        let within = |inner: &Lineage, outer: &Lineage| {
            outer.nodes.first().is_some_and(|node| inner.nodes.contains(node))
        };
        self.arena == other.arena && (within(self, other) || within(other, self))
    }
}
