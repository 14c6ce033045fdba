//! Locks of one thread that nest would let it lend the same memory twice.

use structstore::{StructStore, StructStoreShared};

fn main() {
    let _ = StructStore::nesting();
    let _ = StructStoreShared::options().nesting();
}
