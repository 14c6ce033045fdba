//! The lock word of a node.
//!
//! | bits | meaning |
//! |---|---|
//! | 0 | WAITERS: a thread sleeps on the word's low half |
//! | 1 | NODE: the owner holds the node's own slots only |
//! | 2..16 | owner: seat + 1, or 0 when free |
//! | 16..40 | node version: grows by one with each release of a node-exclusive hold |
//! | 40..64 | tree version: grows by one with each release of a tree-exclusive hold |
//!
//! Two versions, because with one every change of a node's own slots would fail all optimistic reads below it.

use super::{Mode, WAITERS};

pub(crate) const NODE: u64 = 1 << 1;
const OWNER_SHIFT: u32 = 2;
const OWNER_BITS: u32 = 14;
const OWNER: u64 = ((1 << OWNER_BITS) - 1) << OWNER_SHIFT;
const NODE_VERSION_SHIFT: u32 = 16;
const TREE_VERSION_SHIFT: u32 = 40;
const NODE_VERSION: u64 = (1 << TREE_VERSION_SHIFT) - (1 << NODE_VERSION_SHIFT);
const VERSIONS: u64 = !((1 << NODE_VERSION_SHIFT) - 1);

/// How many seats the owner field can name.
pub(crate) const MAX_SEATS: usize = (1 << OWNER_BITS) - 1;

/// The owner field for a seat.
#[inline]
pub(super) fn owner_of(seat: u32) -> u64 {
    (u64::from(seat) + 1) << OWNER_SHIFT
}

/// The owner field of a word, in place; 0 when free.
#[inline]
pub(super) fn owner(word: u64) -> u64 {
    word & OWNER
}

/// The seat that owns a word that is not free.
#[inline]
pub(super) fn seat(word: u64) -> u32 {
    ((owner(word) >> OWNER_SHIFT) as u32).wrapping_sub(1)
}

/// The seat that owns a word; `None` if the word is free.
pub(crate) fn owner_seat(word: u64) -> Option<u32> {
    (owner(word) != 0).then(|| seat(word))
}

/// Whether a word without an owner has a bit set that only an owner sets.
pub(crate) fn is_free_but_held(word: u64) -> bool {
    owner(word) == 0 && word & NODE != 0
}

/// Whether a thread sleeps until the word changes.
pub(crate) fn is_awaited(word: u64) -> bool {
    word & WAITERS != 0
}

/// How the owner of a word holds its node.
#[inline]
pub(super) fn mode(word: u64) -> Mode {
    if word & NODE == 0 { Mode::Tree } else { Mode::Node }
}

/// Whether a seat other than `me` (an owner field) owns the node, in either mode.
#[inline]
pub(super) fn foreign(word: u64, me: u64) -> bool {
    let owner = owner(word);
    owner != 0 && owner != me
}

/// Whether a seat other than `me` owns the node and everything below it.
#[inline]
pub(super) fn foreign_tree(word: u64, me: u64) -> bool {
    word & NODE == 0 && foreign(word, me)
}

/// A free word after its owner took it. In a damaged word, NODE may be set already; it must not stay.
#[inline]
pub(super) fn taken(word: u64, me: u64, mode: Mode) -> u64 {
    word & !NODE | me | if mode == Mode::Node { NODE } else { 0 }
}

/// The word after its owner released a granted hold.
#[inline]
pub(super) fn released(word: u64, mode: Mode) -> u64 {
    if mode == Mode::Node {
        let version = word.wrapping_add(1 << NODE_VERSION_SHIFT) & NODE_VERSION;
        (word & VERSIONS & !NODE_VERSION) | version
    } else {
        (word & VERSIONS).wrapping_add(1 << TREE_VERSION_SHIFT)
    }
}

/// The word with the same owner, changed in the half that sleepers compare; no thread sleeps on it any more.
pub(super) fn stirred(word: u64) -> u64 {
    let version = word.wrapping_add(1 << NODE_VERSION_SHIFT) & NODE_VERSION;
    word & !NODE_VERSION & !WAITERS | version
}

/// What to keep when a hold that was not granted is taken back: the versions, since nothing was changed.
pub(super) const UNGRANTED: u64 = VERSIONS;

/// Whether an optimistic reader of the node itself saw the same word twice.
#[inline]
pub(super) fn same(before: u64, after: u64) -> bool {
    before | WAITERS == after | WAITERS
}

/// Whether an optimistic reader of something below the node was left undisturbed from here.
#[inline]
pub(super) fn same_tree(before: u64, after: u64, me: u64) -> bool {
    before >> TREE_VERSION_SHIFT == after >> TREE_VERSION_SHIFT && !foreign_tree(after, me)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn versions_wrap_within_their_fields() {
        let word = NODE_VERSION | owner_of(5) | NODE | WAITERS | (7 << TREE_VERSION_SHIFT);
        assert_eq!(released(word, Mode::Node), 7 << TREE_VERSION_SHIFT);
        let word = !0 << TREE_VERSION_SHIFT | (3 << NODE_VERSION_SHIFT) | owner_of(1);
        assert_eq!(released(word, Mode::Tree), 3 << NODE_VERSION_SHIFT);
    }

    #[test]
    fn a_word_that_is_taken_says_how_whatever_it_said_before() {
        for before in [0, NODE, NODE | WAITERS] {
            assert_eq!(mode(taken(before, owner_of(5), Mode::Tree)), Mode::Tree);
            assert_eq!(mode(taken(before, owner_of(5), Mode::Node)), Mode::Node);
        }
    }

    #[test]
    fn the_highest_seat_fits_the_owner_field() {
        assert_eq!(owner_of(MAX_SEATS as u32 - 1) & !OWNER, 0);
        assert_eq!(owner(owner_of(MAX_SEATS as u32 - 1)), OWNER);
    }
}
