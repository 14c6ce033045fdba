//! How to get to a node from its root, for messages.

use super::{Raw, kind_of, list, structure};
use crate::arena::Arena;
use crate::error::{BoxedResult as Result, join};
use crate::lock::{MAX_DEPTH, NodeId};
use crate::sync::Ordering;
use crate::value::Kind;

/// The path of a node, as far as it can be found: nobody is kept from changing it meanwhile.
#[cold]
pub(crate) fn path_of(arena: &Arena, id: NodeId) -> String {
    let mut path = String::new();
    let mut index = id.index;
    for _ in 0..MAX_DEPTH {
        let Ok(node) = arena.node(index) else { break };
        let parent = node.head.parent.load(Ordering::Acquire);
        let Some(parent) = parent.checked_sub(1).and_then(|parent| u32::try_from(parent).ok()) else {
            break;
        };
        match step(arena, parent, index) {
            Ok(Some(step)) => path = join(&step, &path),
            _ => break,
        }
        index = parent;
    }
    path
}

/// The name or index by which a node has a child.
fn step(arena: &Arena, parent: u32, child: u32) -> Result<Option<String>> {
    let node = arena.node(parent)?;
    let names_child = |raw: Raw| raw.id().is_some_and(|id| id.index == child);
    if kind_of(node)? == Kind::List {
        let position = list::items(arena, node)?.iter().position(|raw| names_child(*raw));
        return Ok(position.map(|position| format!("[{position}]")));
    }
    for found in structure::fields(arena, node) {
        let field = found?.field;
        if names_child(Raw::load(&field.slot)) {
            return structure::name(arena, field).map(Some);
        }
    }
    Ok(None)
}
