//! What operations do, each written once, on whatever [`Access`](crate::access::Access) leads to the node.

pub(crate) mod arrays;
pub(crate) mod leaves;
pub(crate) mod lists;
pub(crate) mod metas;
pub(crate) mod paths;
mod slot;
pub(crate) mod structs;

pub use slot::{Get, Slot};
pub(crate) use slot::{exact_scalar, scalar_of};

use crate::access::{Access, Located, Locked, Near};
use crate::error::{ErrorKind, Result};
use crate::node::{self, Raw};
use crate::value::{Extras, Kind, SnapshotWriter, Value};

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

/// Assigns a string, bytes or an array where a slot names one, for which only that is locked. Returns whether it was possible.
fn assign_child<A: Access>(access: &A, raw: Option<Raw>, value: &Value<'_>) -> Result<bool> {
    let Some(raw) = raw else { return Ok(false) };
    let kind = raw.kind()?;
    if kind != value.kind() || !matches!(kind, Kind::Str | Kind::Bytes | Kind::Array) {
        return Ok(false);
    }
    let assigned = match A::LOCKS {
        true => Near::new(access.store(), raw).and_then(|child| assign_leaf(&child, value)),
        false => node::resolve(access.arena(), raw)
            .and_then(|(id, node)| assign_leaf(&Locked::lend(access.store(), id, node), value)),
    };
    match assigned {
        Err(error) if A::LOCKS && error.kind() == ErrorKind::StaleHandle => Ok(false),
        other => other.map(|()| true),
    }
}

fn assign_leaf(access: &impl Access, value: &Value<'_>) -> Result<()> {
    match value {
        Value::Array(array) => arrays::publish(access, array),
        contents => leaves::replace(access, contents),
    }
}
