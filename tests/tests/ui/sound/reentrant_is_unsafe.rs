//! Locks of one thread that nest would let it lend the same memory twice.

use structstore::{StructStore, StructStoreShared};

fn main() {
    let _ = StructStore::reentrant();
    let _ = StructStoreShared::options().reentrant();
}
