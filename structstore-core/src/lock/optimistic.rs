//! Reading without writing: look at the lock words, read, and look again.
//!
//! The reader's side of a sequence lock whose writer's side is in `protocol.rs`: an exclusive owner first takes the
//! word, fences, changes things and releases the word with a higher version.

use std::cell::{Cell, RefCell};
use std::mem::MaybeUninit;

use super::{Ancestors, NodeHead, NodeId, Space, generation, word};
use crate::error::{Error, Result};
use crate::limits::MAX_DEPTH;
use crate::sync::{AtomicU64, Ordering, fence};

/// The word whose owner disturbed a read, and the value of it that said so.
pub(crate) type Busy<'a> = (&'a AtomicU64, u64);

/// Runs `read` once; `Ok(Ok(..))` if no exclusive owner can have disturbed it.
///
/// `read` loads shared words with Relaxed atomics, may see any mixture of values, and must tolerate them; its result,
/// errors included, is discarded if it was disturbed. `me` is the seat whose own locks do not count.
#[inline(always)]
pub(crate) fn optimistic<'a, S: Space, T>(
    space: &'a S,
    head: &'a NodeHead,
    id: NodeId,
    me: Option<u32>,
    read: impl FnOnce() -> Result<T>,
) -> Result<Result<T, Busy<'a>>> {
    let me = me.map_or(0, word::owner_of);
    // Acquire: pairs with the release swap of the word, so that the data loads below see what that owner wrote.
    let seen = head.word.load(Ordering::Acquire);
    if word::foreign(seen, me) {
        return Ok(Err((&head.word, seen)));
    }
    let mut above: [MaybeUninit<(&AtomicU64, u64)>; MAX_DEPTH] = [const { MaybeUninit::uninit() }; MAX_DEPTH];
    let mut depth = 0_usize;
    for ancestor in Ancestors::new(space, head) {
        let (Ok((_, ancestor)), Some(place)) = (&ancestor, above.get_mut(depth)) else {
            // Links of a reused record may lead nowhere, or anywhere.
            if generation(head.identity.load(Ordering::Acquire)) != id.generation {
                return Err(Error::stale());
            }
            return Err(ancestor.err().unwrap_or_else(Error::too_deep));
        };
        let seen = ancestor.word.load(Ordering::Acquire);
        if word::foreign_tree(seen, me) {
            return Ok(Err((&ancestor.word, seen)));
        }
        place.write((&ancestor.word, seen));
        depth = depth.wrapping_add(1);
    }
    if generation(head.identity.load(Ordering::Acquire)) != id.generation {
        return Err(Error::stale());
    }
    let result = read();
    // Pairs with the SeqCst fence of an exclusive owner: if a data load above saw one of its stores, then the
    // loads below see its word.
    fence(Ordering::Acquire);
    let now = head.word.load(Ordering::Relaxed);
    if !word::same(seen, now) {
        return Ok(Err((&head.word, now)));
    }
    for entry in above.get(..depth).unwrap_or(&above) {
        // SAFETY: the first `depth` entries were written by the loop above.
        let (ancestor, seen) = unsafe { entry.assume_init() };
        let now = ancestor.load(Ordering::Relaxed);
        if !word::same_tree(seen, now, me) {
            return Ok(Err((ancestor, now)));
        }
    }
    result.map(Ok)
}

/// The lock words of many nodes, for reading all of them as of one moment.
///
/// Each word is looked at before its node is read, and all of them again after the last node was. If none has an owner
/// or another version then, no node was changed between the two looks at its word, and all of these spans share the
/// time between the last read and the first second look. Nodes above the first one are left to [`optimistic`], within
/// which this is used: their owners change nodes below without taking the words of those.
#[derive(Default)]
pub(crate) struct Moment<'a> {
    words: RefCell<Vec<(&'a AtomicU64, u64)>>,
    busy: Cell<Option<Busy<'a>>>,
}

impl<'a> Moment<'a> {
    /// Looks at a node that is about to be read. An error, of no meaning, if a writer owns it.
    pub(crate) fn enter(&self, head: &'a NodeHead) -> Result<()> {
        // Acquire: as the first look of an optimistic read.
        let seen = head.word.load(Ordering::Acquire);
        if word::owner(seen) != 0 {
            self.busy.set(Some((&head.word, seen)));
            return Err(Error::stale());
        }
        self.words.borrow_mut().push((&head.word, seen));
        Ok(())
    }

    /// What has disturbed the reading, if anything did.
    pub(crate) fn disturbed(&self) -> Option<Busy<'a>> {
        if let Some(busy) = self.busy.get() {
            return Some(busy);
        }
        // Pairs with the SeqCst fence of an exclusive owner, as in an optimistic read.
        fence(Ordering::Acquire);
        self.words.borrow().iter().find_map(|(word, seen)| {
            let now = word.load(Ordering::Relaxed);
            (!word::same(*seen, now)).then_some((*word, now))
        })
    }
}
