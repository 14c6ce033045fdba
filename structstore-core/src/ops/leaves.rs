//! Operations on strings and bytes: one block each, replaced whole.

use crate::access::{Access, Located};
use crate::arena::Arena;
use crate::arena::layout::Node;
use crate::edit;
use crate::error::Result;
use crate::lock::Mode;
use crate::node::meta::limits_of;
use crate::node::{self, BLOCK, LENGTH};
use crate::sync::Ordering;
use crate::value::Value;

pub(crate) fn len(access: &impl Access) -> Result<usize> {
    access.read(|arena, node| Ok(node::checked_length(arena, node)? as usize)).at(access)
}

pub(crate) fn get_str(access: &impl Access) -> Result<String> {
    access.read(node::read_text_node).at(access)
}

pub(crate) fn get_bytes(access: &impl Access) -> Result<Vec<u8>> {
    access.read(node::read_bytes_node).at(access)
}

pub(crate) fn set(access: &impl Access, contents: &Value<'_>) -> Result<()> {
    let set = access.change(Mode::Node, |operation, node| {
        if let Some(limits) = limits_of(operation.arena(), node)? {
            limits.check(contents)?;
        }
        let aside = edit::build_block(operation, contents)?;
        edit::replace_block(operation, node, aside)
    });
    set.at(access)
}

/// The bytes of a node that is held, where they lie.
pub(crate) fn bytes(access: &impl Access) -> Result<&[u8]> {
    bytes_of(access.arena(), access.node())
}

/// The same, for as long as the node is lent.
pub(crate) fn bytes_of<'a>(arena: &'a Arena, node: &'a Node) -> Result<&'a [u8]> {
    let length = node.body[LENGTH].load(Ordering::Relaxed);
    if length == 0 {
        return Ok(&[]);
    }
    let start = arena.bytes(node.body[BLOCK].load(Ordering::Relaxed), length)?;
    // SAFETY: in bounds (checked); while the node is held, nobody but its guard changes the block, and that takes the guard
    // by `&mut`, while this borrows it.
    Ok(unsafe { std::slice::from_raw_parts(start, length as usize) })
}
