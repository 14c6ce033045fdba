//! Notifying watchers of changes, across threads and processes.
//!
//! A watcher registers, which marks its node WATCHED and all nodes above it BELOW. A writer that changes something
//! under an exclusive lock, and finds such marks on the way to the root, counts the change, releases the lock, and then
//! wakes the sleepers. Watchers never keep a writer waiting: what they have not looked at yet is one number, however
//! often it grew. The protocol is written against [`Notices`], so that `model.rs` checks the very code that runs.
//!
//! Invariants:
//! - A writer that takes an exclusive lock either sees a watcher's marks, or releases it before the watcher first
//!   looks: a watcher takes a shared lock between its marks and its first look.
//! - A watcher that sees that a node's `below` has grown sees everything that was counted under it: counting goes from
//!   the node that was changed towards the root (Release), looking from the watched node down (Acquire).
//! - Between counting and looking for sleepers there is a fence, and between marking a node SLEEPING and looking at
//!   `below` for the last time. So the one sees the count, or the other the mark.
//! - Changes are counted before the lock is released, so that the repairer of a dead writer counts those that it did
//!   not. A writer that dies between releasing and waking costs a sleeper its slice, and no more.

#[cfg(all(test, loom))]
mod model;

use std::collections::HashMap;
use std::time::Duration;

use crate::error::Result;
use crate::lock::{Ancestors, Mode, NodeHead, Space, is_below};
use crate::sync::{AtomicU64, Ordering, fence, fence_after_update, futex_wait, futex_wake};

/// The longest that a watcher sleeps without looking whether there is something for which no thread could wake it.
pub(crate) const SLICE: Duration = Duration::from_millis(100);

/// In `watch`: this node is watched.
const WATCHED: u64 = 1;
/// A node below this one is watched.
const BELOW: u64 = 1 << 1;
/// A watcher sleeps until something changes here or below.
const SLEEPING: u64 = 1 << 2;
/// How often sleepers were woken, in the remaining bits, of which a futex compares those of the low half: a watcher
/// that has not fallen asleep yet finds another number.
const WAKES: u64 = 1 << 3;

/// In `changed`: changes that may have been made anywhere in the node and below it. The bits below count changes of its
/// own slots.
const ANYWHERE: u64 = 1 << 32;

/// The part of a node record that notifying watchers needs.
#[repr(C)]
pub(crate) struct NoticeWords {
    /// Marks, and what sleepers sleep on.
    watch: AtomicU64,
    /// How often the node was changed while it was watched, or something above it.
    changed: AtomicU64,
    /// How often it was changed, or something below it. Its version, for watchers.
    below: AtomicU64,
}

/// What a node had counted when a watcher looked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) changed: u64,
    pub(crate) below: u64,
}

impl Counts {
    /// Whether any part of the node may have been changed in between, and not just its own slots.
    pub(crate) fn anywhere(self, before: Counts) -> bool {
        self.changed / ANYWHERE != before.changed / ANYWHERE
    }
}

impl NoticeWords {
    #[cfg(all(test, loom))]
    pub(crate) fn new() -> NoticeWords {
        NoticeWords { watch: AtomicU64::new(0), changed: AtomicU64::new(0), below: AtomicU64::new(0) }
    }

    /// What has been counted. To be called on a node before it is called on those below.
    pub(crate) fn counts(&self) -> Counts {
        let below = self.below.load(Ordering::Acquire);
        Counts { changed: self.changed.load(Ordering::Acquire), below }
    }

    pub(crate) fn below(&self) -> u64 {
        self.below.load(Ordering::Acquire)
    }

    /// Whether the node is marked as a watched one.
    pub(crate) fn is_watched(&self) -> bool {
        self.watch.load(Ordering::Acquire) & WATCHED != 0
    }

    /// Sleeps while `still` holds, for a while. The thread that ends it calls [`NoticeWords::wake`] then, with a fence
    /// in between.
    pub(crate) fn sleep(
        &self,
        slice: Duration,
        still: impl FnOnce() -> bool,
        asleep: impl FnOnce(&mut dyn FnMut()),
    ) {
        let mut watch = self.watch.load(Ordering::Relaxed);
        while watch & SLEEPING == 0 {
            match self.watch.compare_exchange(watch, watch | SLEEPING, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => watch |= SLEEPING,
                Err(now) => watch = now,
            }
        }
        fence(Ordering::SeqCst);
        if still() {
            asleep(&mut || futex_wait(&self.watch, watch, slice));
        }
    }

    /// Wakes the sleepers.
    pub(crate) fn wake(&self) {
        let mut watch = self.watch.load(Ordering::Relaxed);
        while watch & SLEEPING != 0 {
            let awake = (watch & !SLEEPING).wrapping_add(WAKES);
            match self.watch.compare_exchange(watch, awake, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => {
                    futex_wake(&self.watch);
                    return;
                }
                Err(now) => watch = now,
            }
        }
    }
}

/// The memory in which watchers are registered.
pub(crate) trait Notices: Space {
    /// Visits the watched nodes. Marks follow what is registered under a lock of the registry's own.
    fn watched(&self, visit: impl FnMut(u32));
}

/// Marks a node that a watcher has just registered for, and those above it.
pub(crate) fn mark<S: Space>(space: &S, index: u32) -> Result<()> {
    climb(space, index, |at, head| {
        head.notice.watch.fetch_or(if at == index { WATCHED } else { BELOW }, Ordering::AcqRel);
        true
    })
}

/// Takes off some nodes and those above them the marks that none of the watched nodes explains. Each node is looked at
/// once, however many watchers there are below it.
pub(crate) fn unmark<S: Notices>(space: &S, indices: &[u32]) {
    // In the order in which they were found, which is the same in every run of a model.
    let (mut places, mut found) = (HashMap::new(), Vec::new());
    for index in indices {
        // Above a node that is gone there is nothing to be found; its marks cost the next user of the record a look.
        let _ = climb(space, *index, |at, _| {
            let new = !places.contains_key(&at);
            if new {
                places.insert(at, found.len());
                found.push((at, 0));
            }
            new
        });
    }
    space.watched(|other| {
        let _ = climb(space, other, |at, _| {
            let mark = if at == other { WATCHED } else { BELOW };
            match places.get(&at).and_then(|place| found.get_mut(*place)) {
                // Another watched node led here before, and the walk went on from here.
                Some((_, kept)) if *kept & mark != 0 => return false,
                Some((_, kept)) => *kept |= mark,
                None => {}
            }
            true
        });
    });
    for (at, kept) in found {
        if let Ok(head) = space.head(at) {
            head.notice.watch.fetch_and(!(WATCHED | BELOW) | kept, Ordering::AcqRel);
        }
    }
}

/// Whether all nodes above a watched one are marked.
pub(crate) fn is_announced<S: Space>(space: &S, index: u32) -> Result<bool> {
    let mut announced = true;
    climb(space, index, |at, head| {
        announced &= at == index || head.notice.watch.load(Ordering::Acquire) & BELOW != 0;
        announced
    })?;
    Ok(announced)
}

/// How many nodes are remembered until the lock is released; watchers of a node beyond that are woken before.
const MANY: usize = 32;

/// The watched nodes that a change concerns, whose sleepers are to be woken when the lock has been released.
#[must_use]
pub(crate) struct Concerned<'a, S> {
    space: &'a S,
    nodes: [u32; MANY],
    count: usize,
}

/// Whether a node is watched, or what it is a part of or, if it is changed as a whole, a part of it.
#[inline]
pub(crate) fn concerns<S: Space>(space: &S, head: &NodeHead, mode: Mode) -> bool {
    let wanted = if mode == Mode::Tree { WATCHED | BELOW } else { WATCHED };
    let asks = |head: &NodeHead, wanted| head.notice.watch.load(Ordering::Relaxed) & wanted != 0;
    asks(head, wanted)
        || Ancestors::new(space, head).map_while(Result::ok).any(|(_, head)| asks(head, WATCHED))
}

/// Counts a change of a node of which the caller holds the lock, in this mode.
#[cold]
pub(crate) fn count<S: Notices>(space: &S, index: u32, mode: Mode) -> Concerned<'_, S> {
    let mut concerned = Concerned { space, nodes: [0; MANY], count: 0 };
    // Where links lead nowhere, as in a damaged segment, no watcher further up is notified.
    let _ = concerned.count(index, mode);
    concerned
}

impl<S: Notices> Concerned<'_, S> {
    fn count(&mut self, index: u32, mode: Mode) -> Result<()> {
        let space = self.space;
        let changed = space.head(index)?;
        let mut top = None;
        climb(space, index, |at, head| {
            if head.notice.watch.load(Ordering::Relaxed) & WATCHED != 0 {
                self.add(at);
                top = Some(at);
            }
            true
        })?;
        if let Some(top) = top {
            let change = if mode == Mode::Tree { ANYWHERE } else { 1 };
            changed.notice.changed.fetch_add(change, Ordering::Release);
            climb(space, index, |at, head| {
                head.notice.below.fetch_add(1, Ordering::Release);
                at != top
            })?;
        }
        if mode == Mode::Tree && changed.notice.watch.load(Ordering::Relaxed) & BELOW != 0 {
            space.watched(|at| {
                if let Ok(head) = space.head(at)
                    && is_below(space, at, index).unwrap_or(false)
                {
                    head.notice.changed.fetch_add(ANYWHERE, Ordering::Release);
                    head.notice.below.fetch_add(1, Ordering::Release);
                    self.add(at);
                }
            });
        }
        Ok(())
    }

    fn add(&mut self, node: u32) {
        match self.nodes.get_mut(self.count) {
            Some(place) => {
                *place = node;
                self.count = self.count.wrapping_add(1);
            }
            None => wake(self.space, node),
        }
    }

    /// Wakes the sleepers. The lock has been released, by updates of its words.
    pub(crate) fn wake(self) {
        fence_after_update();
        for node in self.nodes.iter().take(self.count) {
            wake(self.space, *node);
        }
    }
}

fn wake<S: Space>(space: &S, node: u32) {
    if let Ok(head) = space.head(node) {
        head.notice.wake();
    }
}

/// Visits a node and those above it, for as long as `visit` wants to go on.
fn climb<S: Space>(space: &S, index: u32, mut visit: impl FnMut(u32, &NodeHead) -> bool) -> Result<()> {
    let head = space.head(index)?;
    for node in std::iter::once(Ok((index, head))).chain(Ancestors::new(space, head)) {
        let (at, head) = node?;
        if !visit(at, head) {
            break;
        }
    }
    Ok(())
}
