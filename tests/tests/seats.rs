//! What threads take in a store, they give back.

use std::cell::RefCell;

use structstore::{Struct, StructStore};

/// More threads than a store has room for at a time.
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
            // Made before the thread's claims are, and so dropped after them.
            LAST.with(|last| last.borrow_mut().0 = Some((first.clone(), second)));
            first.set("number", 0).unwrap();
        })
        .join()
        .unwrap();
    }
    std::thread::scope(|scope| scope.spawn(|| first.set("number", 1)).join().unwrap()).unwrap();
    first.check().unwrap();
}
