//! Locks of one thread that nest would let it lend the same memory twice.

use structstore::binding_support::OptionsExt;
use structstore::StructStoreShared;

fn main() {
    let _ = structstore::binding_support::reentrant_store();
    let _ = StructStoreShared::options().reentrant();
}
