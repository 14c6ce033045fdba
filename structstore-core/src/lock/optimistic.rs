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

/// The lock words of a node and of those above it, as an optimistic read has seen them before it reads.
///
/// What is read between the two looks is loaded with Relaxed atomics, may be any mixture of values, and is discarded, errors
/// included, if an exclusive owner can have disturbed it.
pub(crate) struct Look<'a> {
    head: &'a NodeHead,
    me: u64,
    seen: u64,
    depth: usize,
}

/// The words of the nodes above, of which a [`Look`] knows how many were seen. Apart from it, so that the compiler can keep that in
/// registers.
pub(crate) struct Above<'a>([MaybeUninit<(&'a AtomicU64, u64)>; MAX_DEPTH]);

impl Above<'_> {
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Above([const { MaybeUninit::uninit() }; MAX_DEPTH])
    }
}

impl<'a> Look<'a> {
    /// A look that is yet to be taken. `me` is the seat whose own locks do not count.
    #[inline(always)]
    pub(crate) fn new(head: &'a NodeHead, me: Option<u32>) -> Look<'a> {
        let me = me.map_or(0, word::owner_of);
        Look { head, me, seen: 0, depth: 0 }
    }

    /// The first look: whether an exclusive owner is at work.
    #[inline(always)]
    pub(crate) fn first<S: Space>(
        &mut self,
        space: &'a S,
        id: NodeId,
        above: &mut Above<'a>,
    ) -> Result<Option<Busy<'a>>> {
        let head = self.head;
        // Acquire: pairs with the release swap of the word, so that the data loads below see what that owner wrote.
        self.seen = head.word.load(Ordering::Acquire);
        if word::foreign(self.seen, self.me) {
            return Ok(Some((&head.word, self.seen)));
        }
        self.depth = 0;
        for ancestor in Ancestors::new(space, head) {
            let (Ok((_, ancestor)), Some(place)) = (&ancestor, above.0.get_mut(self.depth)) else {
                // Links of a reused record may lead nowhere, or anywhere.
                if generation(head.identity.load(Ordering::Acquire)) != id.generation {
                    return Err(Error::stale());
                }
                return Err(ancestor.err().unwrap_or_else(Error::too_deep));
            };
            let seen = ancestor.word.load(Ordering::Acquire);
            if word::foreign_tree(seen, self.me) {
                return Ok(Some((&ancestor.word, seen)));
            }
            place.write((&ancestor.word, seen));
            self.depth = self.depth.wrapping_add(1);
        }
        if generation(head.identity.load(Ordering::Acquire)) != id.generation {
            return Err(Error::stale());
        }
        Ok(None)
    }

    /// The second look, after reading: the word of an owner that can have disturbed it.
    ///
    /// # Safety
    ///
    /// The last first look was taken with the same `above`.
    #[inline(always)]
    pub(crate) unsafe fn second(&self, above: &Above<'a>) -> Option<Busy<'a>> {
        // Pairs with the SeqCst fence of an exclusive owner: if a data load above saw one of its stores, then the
        // loads below see its word.
        fence(Ordering::Acquire);
        let now = self.head.word.load(Ordering::Relaxed);
        if !word::same(self.seen, now) {
            return Some((&self.head.word, now));
        }
        for entry in above.0.get(..self.depth).unwrap_or(&above.0) {
            // SAFETY: the first look, which the caller took with this, has written as many entries as `depth` says.
            let (ancestor, seen) = unsafe { entry.assume_init() };
            let now = ancestor.load(Ordering::Relaxed);
            if !word::same_tree(seen, now, self.me) {
                return Some((ancestor, now));
            }
        }
        None
    }
}

/// Runs `read` once between the two looks; `Ok(Ok(..))` if nothing can have disturbed it.
#[inline(always)]
pub(crate) fn optimistic<'a, S: Space, T>(
    space: &'a S,
    head: &'a NodeHead,
    id: NodeId,
    me: Option<u32>,
    read: impl FnOnce() -> Result<T>,
) -> Result<Result<T, Busy<'a>>> {
    let (mut look, mut above) = (Look::new(head, me), Above::new());
    if let Some(busy) = look.first(space, id, &mut above)? {
        return Ok(Err(busy));
    }
    let result = read();
    // SAFETY: the first look was taken with it.
    match unsafe { look.second(&above) } {
        Some(busy) => Ok(Err(busy)),
        None => result.map(Ok),
    }
}

/// How many words a [`Moment`] has room for before it allocates again.
const FEW: usize = 32;

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
    #[inline(always)]
    pub(crate) fn enter(&self, head: &'a NodeHead) -> Result<()> {
        // Acquire: as the first look of an optimistic read.
        let seen = head.word.load(Ordering::Acquire);
        if word::owner(seen) != 0 {
            self.busy.set(Some((&head.word, seen)));
            return Err(Error::stale());
        }
        let mut words = self.words.borrow_mut();
        if words.capacity() == 0 {
            words.reserve(FEW);
        }
        words.push((&head.word, seen));
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
