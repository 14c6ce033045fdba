//! Operations on strings and bytes, which are assigned whole.

use crate::access::{Access, Located};
use crate::arena::Arena;
use crate::arena::layout::Node;
use crate::edit;
use crate::error::Result;
use crate::journal::Operation;
use crate::lock::Mode;
use crate::node;
use crate::node::meta::limits_of;
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
    replace(access, contents).at(access)
}

pub(super) fn replace(access: &impl Access, contents: &Value<'_>) -> Result<()> {
    access.change(Mode::Node, |operation, node| set_within(operation, node, contents))
}

/// Assigns to a string or bytes node that is held exclusively, in an operation, within its limits.
pub(crate) fn set_within(operation: &Operation<'_>, node: &Node, contents: &Value<'_>) -> Result<()> {
    if let Some(limits) = limits_of(operation.arena(), node)? {
        limits.check(contents)?;
    }
    edit::set_contents(operation, node, contents)
}

/// The bytes of a node that is held, where they lie.
pub(crate) fn bytes(access: &impl Access) -> Result<&[u8]> {
    bytes_of(access.arena(), access.node())
}

/// The same, for as long as the node is lent.
pub(crate) fn bytes_of<'a>(arena: &'a Arena, node: &'a Node) -> Result<&'a [u8]> {
    let (words, length) = node::contents(arena, node)?;
    let length = length.min(size_of_val(words));
    // SAFETY: within the words; while the node is held, nobody but its guard changes them, and that takes the guard by `&mut`,
    // while this borrows it.
    Ok(unsafe { std::slice::from_raw_parts(words.as_ptr().cast::<u8>(), length) })
}
