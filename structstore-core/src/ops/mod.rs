//! What operations do, each written once, on whatever [`Access`](crate::access::Access) leads to the node.

pub(crate) mod arrays;
pub(crate) mod leaves;
pub(crate) mod lists;
pub(crate) mod metas;
pub(crate) mod paths;
mod slot;
pub(crate) mod structs;

pub(crate) use slot::scalar_of;
pub use slot::{Get, Slot};

use crate::access::{Access, Located};
use crate::error::Result;
use crate::node;
use crate::value::{Extras, SnapshotWriter, Value};

/// The node with all below it, detached, as of one moment.
pub(crate) fn to_value(access: &impl Access) -> Result<Value<'static>> {
    access.whole(|arena, node, extent| node::read_value(arena, node, 0, extent)).at(access)
}

/// The same, as a snapshot.
pub(crate) fn snapshot(access: &impl Access, extras: Extras) -> Result<SnapshotWriter> {
    let snapshot = access.whole(|arena, node, extent| {
        let mut snapshot = SnapshotWriter::new(extras);
        node::write_snapshot(arena, node, 0, extent, &mut snapshot).map(|()| snapshot)
    });
    snapshot.at(access)
}
