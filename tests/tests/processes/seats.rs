//! Threads give their seats back.

use std::cell::RefCell;

use structstore::{Struct, StructStore};

/// More threads than a store has seats.
const THREADS: usize = 17_000;

struct UsesAtTheEnd(Option<(Struct, Struct)>);

impl Drop for UsesAtTheEnd {
    fn drop(&mut self) {
        let Some((first, second)) = &self.0 else { return };
        for number in 0..3 {
            first.set("number", number).unwrap();
            second.set("list", vec![number, number]).unwrap();
        }
    }
}

thread_local! {
    static LAST: RefCell<UsesAtTheEnd> = const { RefCell::new(UsesAtTheEnd(None)) };
}

#[test]
fn seats_of_destructors_of_thread_locals_are_given_back() {
    let (first, second) = (StructStore::new(), StructStore::new());
    for _ in 0..THREADS {
        let (first, second) = ((*first).clone(), (*second).clone());
        std::thread::spawn(move || {
            // Initialised before the thread's table of claimed seats, and so dropped after it.
            LAST.with(|last| last.borrow_mut().0 = Some((first.clone(), second)));
            first.set("number", 0).unwrap();
        })
        .join()
        .unwrap();
    }
    std::thread::scope(|scope| scope.spawn(|| first.set("number", 1)).join().unwrap()).unwrap();
    first.check().unwrap();
}
