//! Models of the lock protocol: loom runs the code of this module through the interleavings of a few threads.
//!
//! The tree has a root with two children, A and B. Each node has a cell that stands for its own slots, which loom
//! watches for accesses that conflict, and a pair of words that optimistic readers must never see torn. A lost
//! wake-up or a deadlock ends a model, for loom notices when no thread can go on.

use loom::cell::UnsafeCell;
use loom::sync::{Arc, Mutex};
use loom::thread;

use super::hint::Hint;
use super::{Locker, Mode, NodeHead, NodeId, OwnSeat, SeatLine, Space, Wait, bury, generation, optimistic};
use crate::error::{Error, ErrorKind, Result};
use crate::notice::NoticeWords;
use crate::sync::{AtomicU64, Ordering, fence, mortal};

pub(crate) const ROOT: u32 = 0;
pub(crate) const A: u32 = 1;
pub(crate) const B: u32 = 2;

pub(crate) struct Tree {
    heads: Vec<NodeHead>,
    lines: Vec<SeatLine>,
    slots: Vec<UnsafeCell<u64>>,
    pub(crate) pairs: Vec<[AtomicU64; 2]>,
    /// What a seat was changing, as a journal would say: which pair, plus one, and its old value. Empty where no thread
    /// dies, which leaves less to explore.
    journals: Vec<[AtomicU64; 2]>,
    /// Whether the seat of a thread that died has been repaired; the thread that holds the mutex repairs.
    repaired: Mutex<bool>,
    dead: loom::sync::atomic::AtomicBool,
    /// The nodes that seats watch, plus one, and how many there are.
    pub(crate) watched: Vec<AtomicU64>,
    pub(crate) watching: AtomicU64,
}

// SAFETY: the cells are what the locks under test protect; loom reports conflicting accesses.
unsafe impl Sync for Tree {}

impl Space for Tree {
    fn head(&self, index: u32) -> Result<&NodeHead> {
        Ok(&self.heads[index as usize])
    }

    fn suspect(&self, _seat: u32, _word: &AtomicU64) -> Result<()> {
        Ok(())
    }

    fn remember(&self, _word: &AtomicU64, _seen: u64) {}

    fn recall(&self, _seat: u32, _word: &AtomicU64, _seen: u64) -> Result<()> {
        Ok(())
    }

    fn find_other<'a, T>(
        &'a self,
        me: u32,
        mut visit: impl FnMut(u32, &'a SeatLine) -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        for (seat, line) in (0..).zip(&self.lines) {
            if seat != me
                && !line.idle()
                && let Some(found) = visit(seat, line)?
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

impl Tree {
    pub(crate) fn new(seats: usize) -> Tree {
        let head = |parent| NodeHead {
            word: AtomicU64::new(0),
            identity: AtomicU64::new(1 << 32),
            parent: AtomicU64::new(parent),
            hints: AtomicU64::new(0),
            notice: NoticeWords::new(),
        };
        let line = || SeatLine { high: AtomicU64::new(0), slots: std::array::from_fn(|_| AtomicU64::new(0)) };
        Tree {
            heads: vec![head(0), head(1), head(1)],
            lines: (0..seats).map(|_| line()).collect(),
            slots: (0..3).map(|_| UnsafeCell::new(0)).collect(),
            pairs: (0..3).map(|_| [AtomicU64::new(0), AtomicU64::new(0)]).collect(),
            journals: Vec::new(),
            repaired: Mutex::new(false),
            dead: loom::sync::atomic::AtomicBool::new(false),
            watched: (0..seats).map(|_| AtomicU64::new(0)).collect(),
            watching: AtomicU64::new(0),
        }
    }

    /// For two threads, one of which may die.
    fn with_journals() -> Tree {
        let journals = (0..2).map(|_| [AtomicU64::new(0), AtomicU64::new(0)]).collect();
        Tree { journals, ..Tree::new(2) }
    }

    fn id(&self, index: u32) -> NodeId {
        NodeId { index, generation: generation(self.heads[index as usize].identity.load(Ordering::Relaxed)) }
    }

    /// What a lock on a node covers.
    fn covered(index: u32, mode: Mode) -> &'static [usize] {
        match (index, mode) {
            (ROOT, Mode::Node) => &[0],
            (ROOT, _) => &[0, 1, 2],
            (A, _) => &[1],
            _ => &[2],
        }
    }

    pub(crate) fn touch(&self, seat: u32, index: u32, mode: Mode) {
        let journal = self.journals.get(seat as usize);
        for covered in Tree::covered(index, mode) {
            match mode {
                Mode::Shared => self.slots[*covered].with(|slot| {
                    // SAFETY: the lock under test allows reading.
                    unsafe { slot.read() };
                }),
                _ => {
                    self.slots[*covered].with_mut(|slot| {
                        // SAFETY: the lock under test allows writing.
                        unsafe { *slot += 1 };
                    });
                    let [first, second] = &self.pairs[*covered];
                    let before = first.load(Ordering::Relaxed);
                    if let Some([place, old]) = journal {
                        old.store(before, Ordering::Relaxed);
                        place.store(*covered as u64 + 1, Ordering::Relaxed);
                    }
                    first.store(before + 1, Ordering::Relaxed);
                    second.store(before + 1, Ordering::Relaxed);
                    if let Some([place, _]) = journal {
                        place.store(0, Ordering::Relaxed);
                    }
                }
            }
        }
    }

    pub(crate) fn lock(&self, seat: u32, index: u32, mode: Mode) -> Result<usize> {
        self.lock_as(seat, self.id(index), mode)
    }

    fn lock_as(&self, seat: u32, id: NodeId, mode: Mode) -> Result<usize> {
        let head = self.head(id.index)?;
        self.locker(seat).lock(head, id, mode, &Wait::FOREVER)
    }

    fn locker(&self, seat: u32) -> Locker<'_, Tree> {
        Locker::new(self, OwnSeat { index: seat, line: &self.lines[seat as usize] })
    }

    pub(crate) fn release(&self, seat: u32, index: u32, mode: Mode, slot: usize) {
        self.locker(seat).release(&self.heads[index as usize], mode, slot);
        self.lines[seat as usize].settle(slot);
    }

    /// One whole use of a lock.
    fn hold(&self, seat: u32, (index, mode): (u32, Mode)) {
        let slot = self.lock(seat, index, mode).unwrap();
        self.touch(seat, index, mode);
        self.release(seat, index, mode, slot);
    }

    /// Repairs what the dead thread of a seat has left, if that is still to be done: first what it was changing, under its
    /// locks, then these.
    fn repair(&self, seat: u32) {
        self.repair_alone(seat, &mut self.repaired.lock().unwrap());
    }

    fn repair_alone(&self, seat: u32, repaired: &mut bool) {
        if *repaired || !self.dead.load(Ordering::Acquire) {
            return;
        }
        let [place, old] = &self.journals[seat as usize];
        if let Some(pair) = place.load(Ordering::Acquire).checked_sub(1) {
            self.pairs[pair as usize].iter().for_each(|word| {
                word.store(old.load(Ordering::Relaxed), Ordering::Release);
            });
            place.store(0, Ordering::Release);
        }
        bury(self, seat, &self.lines[seat as usize], |_, _| ());
        *repaired = true;
    }

    /// What a node's cell holds, for a thread that has a lock on it.
    pub(crate) fn value(&self, index: u32) -> u64 {
        self.slots[index as usize].with(|slot| {
            // SAFETY: the lock under test allows reading.
            unsafe { *slot }
        })
    }

    /// Reads a pair without locking. Disturbed reads are discarded.
    fn read(&self, seat: Option<u32>, index: u32) {
        let head = self.head(index).unwrap();
        let seen = optimistic(self, head, self.id(index), seat, || {
            let [first, second] = &self.pairs[index as usize];
            Ok((first.load(Ordering::Relaxed), second.load(Ordering::Relaxed)))
        });
        if let Ok(Ok((first, second))) = seen {
            assert_eq!(first, second, "a torn pair was accepted");
        }
    }
}

pub(crate) fn model(preemptions: usize, run: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    // A part of the interleavings unless all are asked for.
    let bound =
        if std::env::var_os("STRUCTSTORE_EXHAUSTIVE").is_some() { preemptions } else { preemptions.min(1) };
    builder.preemption_bound = Some(bound);
    builder.max_branches = 100_000;
    builder.check(run);
}

/// Two or three threads, each with one use of a lock.
fn together(preemptions: usize, uses: &'static [(u32, Mode)]) {
    model(preemptions, move || {
        let tree = Arc::new(Tree::new(uses.len()));
        let others: Vec<_> = (1..uses.len())
            .map(|seat| {
                let tree = tree.clone();
                thread::spawn(move || tree.hold(seat as u32, uses[seat]))
            })
            .collect();
        tree.hold(0, uses[0]);
        for other in others {
            other.join().unwrap();
        }
        for slot in tree.lines.iter().flat_map(|line| &line.slots) {
            assert_eq!(slot.load(Ordering::Relaxed), 0, "a hold was left behind");
        }
        // No thread owns anything any more.
        for index in [ROOT, A, B] {
            tree.hold(0, (index, Mode::Tree));
        }
    });
}

/// Threads with some uses of locks each, in a tree where others have been used before, so that hints are given.
fn after(preemptions: usize, before: &'static [(u32, Mode)], uses: &'static [&'static [(u32, Mode)]]) {
    model(preemptions, move || {
        let tree = Arc::new(Tree::new(uses.len()));
        for used in before {
            tree.hold(0, *used);
        }
        let others: Vec<_> = (1..uses.len())
            .map(|seat| {
                let tree = tree.clone();
                thread::spawn(move || uses[seat].iter().for_each(|used| tree.hold(seat as u32, *used)))
            })
            .collect();
        uses[0].iter().for_each(|used| tree.hold(0, *used));
        for other in others {
            other.join().unwrap();
        }
        for slot in tree.lines.iter().flat_map(|line| &line.slots) {
            assert_eq!(slot.load(Ordering::Relaxed), 0, "a hold was left behind");
        }
        for index in [ROOT, A, B] {
            tree.hold(0, (index, Mode::Tree));
        }
    });
}

/// One thread gives a hint, a second relies on it, and a third asks for the whole: what the second has seen, the third
/// must see. Without a fence between the second thread's loads, that holds where stores become visible to all threads
/// at once, which this model does not assume.
#[test]
#[cfg(not(multi_copy))]
fn a_hint_of_another_one_is_relied_on() {
    model(2, || {
        let tree = Arc::new(Tree::new(3));
        let uses = [(A, Mode::Node), (B, Mode::Node), (ROOT, Mode::Tree)];
        let threads = (0..).zip(uses).map(|(seat, used)| {
            let tree = tree.clone();
            thread::spawn(move || tree.hold(seat, used))
        });
        let threads: Vec<_> = threads.collect();
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

/// Two threads that doubt a hint, and a third that relies on it from then on.
#[test]
fn a_hint_stays_for_who_relies_on_it() {
    model(4, || {
        let words = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
        Hint::Readers.ensure(&words[0]);
        let others: Vec<_> = (0..2)
            .map(|seat| {
                let words = words.clone();
                thread::spawn(move || {
                    let [hints, hold] = &*words;
                    if Hint::Readers.doubt(hints, seat) && hold.load(Ordering::Acquire) == 0 {
                        Hint::Readers.clear(hints, seat);
                    }
                })
            })
            .collect();
        let [hints, hold] = &*words;
        hold.store(1, Ordering::Release);
        fence(Ordering::SeqCst);
        Hint::Readers.ensure(hints);
        for other in others {
            other.join().unwrap();
        }
        assert!(Hint::Readers.given(hints.load(Ordering::Relaxed)));
    });
}

macro_rules! hints {
    ($($name:ident: $preemptions:literal, $before:expr, $($uses:expr),*;)*) => {$(
        #[test]
        fn $name() {
            after($preemptions, &$before, &[$(&$uses),*]);
        }
    )*};
}

hints! {
    a_hint_of_readers_goes_while_one_comes: 3, [(A, Mode::Shared)],
        [(A, Mode::Node), (A, Mode::Node)], [(A, Mode::Shared)];
    a_hint_of_readers_above_goes_while_one_comes: 3, [(ROOT, Mode::Shared)],
        [(A, Mode::Node), (A, Mode::Tree)], [(ROOT, Mode::Shared)];
    a_hint_of_what_is_below_goes_while_a_writer_comes: 3, [(A, Mode::Node)],
        [(ROOT, Mode::Tree), (ROOT, Mode::Tree)], [(A, Mode::Node)];
    a_hint_of_what_is_below_goes_while_a_reader_comes: 3, [(A, Mode::Node)],
        [(ROOT, Mode::Tree), (ROOT, Mode::Tree)], [(A, Mode::Shared)];
    a_reader_takes_a_hint_of_what_is_below_back: 3, [(A, Mode::Node)],
        [(ROOT, Mode::Shared), (ROOT, Mode::Shared)], [(A, Mode::Tree)];
    both_hints_go_while_a_reader_comes: 2, [(ROOT, Mode::Shared), (A, Mode::Node)],
        [(ROOT, Mode::Tree), (ROOT, Mode::Tree)], [(A, Mode::Tree), (ROOT, Mode::Shared)];
    one_takes_a_hint_back_that_another_one_relies_on: 2, [(ROOT, Mode::Shared)],
        [(A, Mode::Node)], [(B, Mode::Node)], [(ROOT, Mode::Shared)];
    a_reader_leaves_the_hint_of_another_one_below: 3, [(A, Mode::Node)],
        [(ROOT, Mode::Shared), (ROOT, Mode::Node), (ROOT, Mode::Tree)], [(A, Mode::Shared)];
    two_readers_take_the_same_hint_back: 2, [(A, Mode::Node)],
        [(ROOT, Mode::Shared)], [(ROOT, Mode::Shared)], [(A, Mode::Tree)];
}

macro_rules! pairs {
    ($($name:ident: $first:expr, $second:expr;)*) => {$(
        #[test]
        fn $name() {
            together(3, &[$first, $second]);
        }
    )*};
}

pairs! {
    tree_and_tree_on_the_same_node: (A, Mode::Tree), (A, Mode::Tree);
    tree_and_tree_above: (A, Mode::Tree), (ROOT, Mode::Tree);
    tree_and_tree_beside: (A, Mode::Tree), (B, Mode::Tree);
    tree_and_node_on_the_same_node: (ROOT, Mode::Tree), (ROOT, Mode::Node);
    tree_and_node_above: (A, Mode::Tree), (ROOT, Mode::Node);
    tree_and_node_below: (ROOT, Mode::Tree), (A, Mode::Node);
    node_and_node_on_the_same_node: (A, Mode::Node), (A, Mode::Node);
    node_and_node_above: (A, Mode::Node), (ROOT, Mode::Node);
    shared_and_shared: (A, Mode::Shared), (ROOT, Mode::Shared);
    shared_and_tree_on_the_same_node: (A, Mode::Shared), (A, Mode::Tree);
    shared_and_tree_above: (A, Mode::Shared), (ROOT, Mode::Tree);
    shared_and_tree_below: (ROOT, Mode::Shared), (A, Mode::Tree);
    shared_and_tree_beside: (A, Mode::Shared), (B, Mode::Tree);
    shared_and_node_on_the_same_node: (A, Mode::Shared), (A, Mode::Node);
    shared_and_node_above: (A, Mode::Shared), (ROOT, Mode::Node);
    shared_and_node_below: (ROOT, Mode::Shared), (A, Mode::Node);
}

#[test]
fn three_threads_above_below_and_beside() {
    together(2, &[(ROOT, Mode::Tree), (A, Mode::Tree), (B, Mode::Shared)]);
}

#[test]
fn three_threads_with_a_reader_of_the_whole() {
    together(2, &[(ROOT, Mode::Shared), (A, Mode::Tree), (ROOT, Mode::Node)]);
}

#[test]
fn three_threads_two_for_a_part_and_one_for_the_whole() {
    together(2, &[(A, Mode::Tree), (A, Mode::Tree), (ROOT, Mode::Tree)]);
}

#[test]
fn three_threads_two_for_a_part_and_one_that_reads_the_whole() {
    together(2, &[(A, Mode::Tree), (A, Mode::Node), (ROOT, Mode::Shared)]);
}

#[test]
fn three_threads_on_one_node() {
    together(2, &[(A, Mode::Tree), (A, Mode::Shared), (A, Mode::Node)]);
}

fn optimistic_against(reader: u32, writer: (u32, Mode)) {
    model(3, move || {
        let tree = Arc::new(Tree::new(1));
        let other = tree.clone();
        let writer = thread::spawn(move || other.hold(0, writer));
        tree.read(None, reader);
        tree.read(None, reader);
        writer.join().unwrap();
    });
}

#[test]
fn optimistic_read_and_tree_on_the_same_node() {
    optimistic_against(A, (A, Mode::Tree));
}

#[test]
fn optimistic_read_and_tree_above() {
    optimistic_against(A, (ROOT, Mode::Tree));
}

#[test]
fn optimistic_read_and_node_on_the_same_node() {
    optimistic_against(A, (A, Mode::Node));
}

#[test]
fn optimistic_read_and_two_writers() {
    model(2, || {
        let tree = Arc::new(Tree::new(2));
        let writers: Vec<_> = [(A, Mode::Node), (ROOT, Mode::Tree)]
            .into_iter()
            .enumerate()
            .map(|(seat, writer)| {
                let tree = tree.clone();
                thread::spawn(move || tree.hold(seat as u32, writer))
            })
            .collect();
        tree.read(None, A);
        for writer in writers {
            writer.join().unwrap();
        }
    });
}

/// A child is removed and its record reused beside, while another thread locks it by its old name.
fn reuse_against(mode: Mode) {
    model(3, move || {
        let tree = Arc::new(Tree::new(2));
        let old = tree.id(A);
        let other = tree.clone();
        let remover = thread::spawn(move || {
            let child = other.lock(1, A, Mode::Tree).unwrap();
            let parent = other.lock(1, ROOT, Mode::Node).unwrap();
            let head = other.head(A).unwrap();
            head.identity.store(2 << 32, Ordering::Release);
            head.parent.store(0, Ordering::Release);
            other.release(1, ROOT, Mode::Node, parent);
            // The record's next life: below B, and its word goes on.
            head.parent.store(u64::from(B) + 1, Ordering::Release);
            other.release(1, A, Mode::Tree, child);
            let new_parent = other.lock(1, B, Mode::Tree).unwrap();
            other.touch(1, A, Mode::Tree);
            other.release(1, B, Mode::Tree, new_parent);
        });
        match tree.lock_as(0, old, mode) {
            Ok(slot) => {
                assert_eq!(tree.id(A), old, "a lock on a node that is gone was granted");
                tree.touch(0, A, mode);
                tree.release(0, A, mode, slot);
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::StaleHandle),
        }
        remover.join().unwrap();
    });
}

#[test]
fn a_node_reused_while_a_locker_is_on_its_way() {
    reuse_against(Mode::Tree);
}

#[test]
fn a_node_reused_while_a_reader_is_on_its_way() {
    reuse_against(Mode::Shared);
}

/// A thread that holds a part asks for another, while another thread wants the whole.
fn part_and_other_part(held: Mode, asked: (u32, Mode), whole: Mode) {
    model(3, move || {
        let tree = Arc::new(Tree::new(2));
        let other = tree.clone();
        let holder = thread::spawn(move || {
            let first = other.lock(1, A, held).unwrap();
            let (index, mode) = asked;
            let second = other.lock(1, index, mode).unwrap();
            other.touch(1, A, held);
            other.touch(1, index, mode);
            other.release(1, index, mode, second);
            other.release(1, A, held, first);
        });
        tree.hold(0, (ROOT, whole));
        holder.join().unwrap();
    });
}

#[test]
fn a_holder_of_a_part_asks_for_another_while_the_whole_is_wanted() {
    part_and_other_part(Mode::Tree, (B, Mode::Tree), Mode::Tree);
}

#[test]
fn a_reader_of_a_part_asks_for_another_while_the_whole_is_wanted() {
    part_and_other_part(Mode::Shared, (B, Mode::Tree), Mode::Tree);
}

#[test]
fn a_holder_of_a_part_asks_to_read_another_while_the_whole_is_wanted() {
    part_and_other_part(Mode::Tree, (B, Mode::Shared), Mode::Tree);
}

#[test]
fn a_holder_of_a_part_asks_for_another_while_the_whole_is_to_be_read() {
    part_and_other_part(Mode::Tree, (B, Mode::Tree), Mode::Shared);
}

#[test]
fn a_holder_of_a_part_changes_its_parent_while_the_whole_is_wanted() {
    part_and_other_part(Mode::Tree, (ROOT, Mode::Node), Mode::Tree);
}

/// A remover against a thread that holds the child and changes the parent: the child is asked for first.
#[test]
fn a_child_is_removed_while_its_holder_changes_the_parent() {
    model(3, || {
        let tree = Arc::new(Tree::new(2));
        let other = tree.clone();
        let remover = thread::spawn(move || {
            let child = other.lock(1, A, Mode::Tree).unwrap();
            let parent = other.lock(1, ROOT, Mode::Node).unwrap();
            other.touch(1, ROOT, Mode::Node);
            other.release(1, ROOT, Mode::Node, parent);
            other.release(1, A, Mode::Tree, child);
        });
        let child = tree.lock(0, A, Mode::Tree).unwrap();
        tree.hold(0, (ROOT, Mode::Node));
        tree.release(0, A, Mode::Tree, child);
        remover.join().unwrap();
    });
}

fn death_against(preemptions: usize, dying: (u32, Mode), other: (u32, Mode)) {
    death_after(preemptions, &[], dying, other);
}

/// A thread dies at any of its stores, or asleep, while another one uses a lock. Both others come to repair it, and its
/// seat is used again at once. Others have used locks before, so that hints are given.
fn death_after(preemptions: usize, before: &'static [(u32, Mode)], dying: (u32, Mode), other: (u32, Mode)) {
    for death in 1.. {
        let lived = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
        let saw = lived.clone();
        model(preemptions, move || {
            let tree = Arc::new(Tree::with_journals());
            for used in before {
                tree.hold(0, *used);
            }
            let user = {
                let tree = tree.clone();
                thread::spawn(move || {
                    tree.repair(1);
                    tree.hold(0, other);
                    tree.read(Some(0), A);
                })
            };
            let dies = {
                let tree = tree.clone();
                thread::spawn(move || mortal(death, || tree.hold(1, dying)))
            };
            if !dies.join().unwrap() {
                saw.store(false, std::sync::atomic::Ordering::Relaxed);
                tree.dead.store(true, Ordering::Release);
                tree.repair(1);
                // The next thread of the seat.
                tree.hold(1, dying);
            }
            user.join().unwrap();
            for index in [ROOT, A, B] {
                tree.hold(0, (index, Mode::Tree));
            }
            tree.read(None, A);
        });
        if lived.load(std::sync::atomic::Ordering::Relaxed) {
            assert!(death > 3, "nothing was stored");
            return;
        }
    }
}

macro_rules! deaths {
    ($($name:ident: $preemptions:literal, $dying:expr, $other:expr;)*) => {$(
        #[test]
        fn $name() {
            death_against($preemptions, $dying, $other);
        }
    )*};
}

deaths! {
    a_tree_holder_dies_against_one_on_the_same_node: 1, (A, Mode::Tree), (A, Mode::Tree);
    a_tree_holder_dies_against_one_above: 1, (A, Mode::Tree), (ROOT, Mode::Tree);
    a_tree_holder_dies_against_one_below: 1, (ROOT, Mode::Tree), (A, Mode::Tree);
    a_node_holder_dies_against_one_on_the_same_node: 1, (A, Mode::Node), (A, Mode::Tree);
    a_tree_holder_dies_against_a_reader: 2, (A, Mode::Tree), (A, Mode::Shared);
    a_tree_holder_dies_against_a_reader_above: 1, (A, Mode::Tree), (ROOT, Mode::Shared);
    a_reader_dies_against_a_tree_holder: 2, (A, Mode::Shared), (A, Mode::Tree);
    a_reader_dies_against_a_tree_holder_above: 2, (A, Mode::Shared), (ROOT, Mode::Tree);
    a_reader_dies_against_a_tree_holder_below: 2, (ROOT, Mode::Shared), (A, Mode::Tree);
}

#[test]
fn one_dies_who_takes_a_hint_of_readers_back() {
    death_after(1, &[(A, Mode::Shared)], (A, Mode::Tree), (A, Mode::Shared));
}

#[test]
fn one_dies_who_takes_a_hint_of_readers_above_back() {
    death_after(1, &[(ROOT, Mode::Shared)], (A, Mode::Tree), (ROOT, Mode::Shared));
}

#[test]
fn one_dies_who_takes_a_hint_of_what_is_below_back() {
    death_after(1, &[(A, Mode::Shared)], (ROOT, Mode::Tree), (A, Mode::Tree));
}

#[test]
fn a_writer_dies_whom_a_hint_is_taken_back_behind() {
    death_after(1, &[(A, Mode::Shared)], (A, Mode::Tree), (ROOT, Mode::Tree));
}

/// A thread has died at any of its stores; its repairer dies at any of its own, while another thread waits for the lock
/// or takes it. The next repairer finishes.
fn repairer_dies_against(dying: (u32, Mode), other: (u32, Mode)) {
    for death in 1.. {
        for repairer_death in 1.. {
            let lived = std::sync::Arc::new([true, true].map(std::sync::atomic::AtomicBool::new));
            let saw = lived.clone();
            model(2, move || {
                let tree = Arc::new(Tree::with_journals());
                if mortal(death, || tree.hold(1, dying)) {
                    return;
                }
                saw[0].store(false, std::sync::atomic::Ordering::Relaxed);
                tree.dead.store(true, Ordering::Release);
                let user = {
                    let tree = tree.clone();
                    thread::spawn(move || {
                        tree.hold(0, other);
                        tree.read(Some(0), A);
                    })
                };
                // The mutex outlives the thread that dies, as loom requires. The kernel's lock does not; the next
                // repairer gets it then.
                let mut repaired = tree.repaired.lock().unwrap();
                let ended = mortal(repairer_death, || tree.repair_alone(1, &mut repaired));
                drop(repaired);
                if !ended {
                    saw[1].store(false, std::sync::atomic::Ordering::Relaxed);
                    tree.repair(1);
                }
                // The next thread of the seat.
                tree.hold(1, dying);
                user.join().unwrap();
                tree.hold(0, (ROOT, Mode::Tree));
                tree.read(None, A);
            });
            let [thread, repairer] = &*lived;
            if thread.load(std::sync::atomic::Ordering::Relaxed) {
                assert!(death > 3, "nothing was stored");
                return;
            }
            if repairer.load(std::sync::atomic::Ordering::Relaxed) {
                break;
            }
        }
    }
}

#[test]
fn a_repairer_dies_whom_a_tree_holder_waits_for() {
    repairer_dies_against((A, Mode::Tree), (A, Mode::Tree));
}

#[test]
fn a_repairer_dies_whom_one_above_waits_for() {
    repairer_dies_against((A, Mode::Tree), (ROOT, Mode::Tree));
}

#[test]
fn a_repairer_of_a_reader_dies() {
    repairer_dies_against((A, Mode::Shared), (A, Mode::Tree));
}
