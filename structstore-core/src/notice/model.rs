//! Models of watching: loom runs the code of this module, and of the locks, through the interleavings of a few threads.
//!
//! A writer adds one to a cell under a lock, and notifies watchers if it finds any. A watcher either finds the cell
//! changed when it looks for the first time, or is to be notified; loom notices when it sleeps forever.

use loom::sync::Arc;
use loom::thread;

use super::{Notices, SLICE, count, mark, unmark};
use crate::lock::model::{A, B, ROOT, Tree, model};
use crate::lock::{Mode, Space};
use crate::sync::Ordering;

impl Notices for Tree {
    fn watched(&self, mut visit: impl FnMut(u32)) {
        for watched in &self.watched {
            let node = watched.load(Ordering::Acquire);
            if node != 0 {
                visit(node as u32 - 1);
            }
        }
    }
}

impl Tree {
    /// Changes a node under a lock, as `Held::release` does it.
    fn change(&self, seat: u32, index: u32, mode: Mode) {
        let slot = self.lock(seat, index, mode).unwrap();
        self.touch(seat, index, mode);
        if self.watching.load(Ordering::Relaxed) != 0 {
            let concerned = count(self, index, mode);
            self.release(seat, index, mode, slot);
            concerned.wake();
        } else {
            self.release(seat, index, mode, slot);
        }
    }

    /// Registers a watcher, as `Registration` does it.
    fn watch(&self, seat: u32, index: u32) {
        self.watched[seat as usize].store(u64::from(index) + 1, Ordering::Release);
        self.watching.fetch_add(1, Ordering::AcqRel);
        mark(self, index).unwrap();
    }

    /// What a watcher sees of some cells, all of which the node covers.
    fn look(&self, seat: u32, index: u32, cells: &[u32]) -> u64 {
        let slot = self.lock(seat, index, Mode::Shared).unwrap();
        let seen = cells.iter().map(|cell| self.value(*cell)).sum();
        self.release(seat, index, Mode::Shared, slot);
        seen
    }

    /// Watches a node until some cells have been changed this many times.
    fn watch_until(&self, seat: u32, index: u32, cells: &[u32], changes: u64) {
        self.watch(seat, index);
        self.be_told_until(seat, index, cells, changes);
    }

    fn be_told_until(&self, seat: u32, index: u32, cells: &[u32], changes: u64) {
        let notice = &self.head(index).unwrap().notice;
        loop {
            let seen = notice.counts();
            if self.look(seat, index, cells) == changes {
                return;
            }
            notice.sleep(SLICE, || notice.below() == seen.below, |sleep| sleep());
        }
    }
}

/// A watcher of one node, while another one is changed.
fn watch_while_changed(watched: u32, changed: u32, mode: Mode) {
    model(4, move || {
        let tree = Arc::new(Tree::new(2));
        let other = tree.clone();
        let writer = thread::spawn(move || other.change(1, changed, mode));
        tree.watch_until(0, watched, &[if watched == ROOT { changed } else { watched }], 1);
        writer.join().unwrap();
    });
}

#[test]
fn a_change_of_the_node_is_told() {
    watch_while_changed(A, A, Mode::Node);
}

#[test]
fn a_change_below_is_told() {
    watch_while_changed(ROOT, A, Mode::Node);
}

#[test]
fn a_change_of_all_that_is_below_is_told() {
    watch_while_changed(ROOT, A, Mode::Tree);
}

#[test]
fn a_change_of_all_that_is_above_is_told() {
    watch_while_changed(A, ROOT, Mode::Tree);
}

#[test]
fn the_second_change_is_told() {
    model(3, || {
        let tree = Arc::new(Tree::new(2));
        let other = tree.clone();
        let writer = thread::spawn(move || {
            other.change(1, A, Mode::Node);
            other.change(1, A, Mode::Node);
        });
        tree.watch_until(0, ROOT, &[A], 2);
        writer.join().unwrap();
    });
}

#[test]
fn changes_of_two_writers_are_told() {
    model(2, || {
        let tree = Arc::new(Tree::new(3));
        let writers = [(1, A), (2, B)].map(|(seat, index)| {
            let other = tree.clone();
            thread::spawn(move || other.change(seat, index, Mode::Node))
        });
        tree.watch_until(0, ROOT, &[A, B], 2);
        for writer in writers {
            writer.join().unwrap();
        }
    });
}

#[test]
fn two_watchers_are_told() {
    model(2, || {
        let tree = Arc::new(Tree::new(3));
        let other = tree.clone();
        let watcher = thread::spawn(move || other.watch_until(2, ROOT, &[A], 1));
        let other = tree.clone();
        let writer = thread::spawn(move || other.change(1, A, Mode::Node));
        tree.watch_until(0, A, &[A], 1);
        watcher.join().unwrap();
        writer.join().unwrap();
    });
}

#[test]
fn a_watcher_that_goes_leaves_the_marks_of_another() {
    model(3, || {
        let tree = Arc::new(Tree::new(2));
        tree.watch(1, A);
        let other = tree.clone();
        let writer = thread::spawn(move || other.change(1, A, Mode::Node));
        tree.watch(0, ROOT);
        tree.watched[1].store(0, Ordering::Release);
        unmark(&*tree, &[A]);
        tree.be_told_until(0, ROOT, &[A], 1);
        writer.join().unwrap();
    });
}
