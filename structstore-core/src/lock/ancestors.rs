//! The nodes above a node, by their parent links.

use super::{NodeHead, Space};
use crate::error::{Error, Result};
use crate::limits::MAX_DEPTH;
use crate::sync::Ordering;

/// Goes up from a node, which it leaves out, to its root; in damaged memory no further than nodes nest.
///
/// A link is read when the next node is asked for: after whatever was done with the last one.
pub(crate) struct Ancestors<'a, 'h, S> {
    space: &'a S,
    below: &'h NodeHead,
    left: usize,
}

impl<'a: 'h, 'h, S: Space> Ancestors<'a, 'h, S> {
    #[inline(always)]
    pub(crate) fn new(space: &'a S, head: &'h NodeHead) -> Ancestors<'a, 'h, S> {
        Ancestors { space, below: head, left: MAX_DEPTH }
    }

    #[inline(always)]
    fn above(&mut self, parent: u64) -> Result<(u32, &'a NodeHead)> {
        let index = u32::try_from(parent.wrapping_sub(1))
            .map_err(|_| Error::corrupt("a parent link", parent, "the index of a node, plus one"))?;
        self.left = self.left.checked_sub(1).ok_or_else(no_end)?;
        let head = self.space.head(index)?;
        self.below = head;
        Ok((index, head))
    }
}

#[cold]
fn no_end() -> Error {
    Error::corrupt("parent links", "a chain without an end", "a chain to the root")
}

impl<'a: 'h, 'h, S: Space> Iterator for Ancestors<'a, 'h, S> {
    type Item = Result<(u32, &'a NodeHead)>;

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        let parent = self.below.parent.load(Ordering::Acquire);
        (parent != 0).then(|| self.above(parent))
    }
}
