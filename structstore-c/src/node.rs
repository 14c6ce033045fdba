//! Structs and lists.

use structstore::binding_support::ListExt;
use structstore::{Error, List, Result, Struct};

use crate::object::{Object, object, write};
use crate::status::{status, stst_status};
use crate::strings::stst_strings;

/// A handle to a struct or a list in a store. Free it with `stst_node_free`; the struct or list stays in the store.
pub struct stst_node {
    pub(crate) node: Node,
}

object!(stst_node, "node", b"ststnode");

#[derive(Clone)]
pub(crate) enum Node {
    Struct(Struct),
    List(List),
}

impl stst_node {
    pub(crate) fn new(node: Node) -> stst_node {
        stst_node { node }
    }

    pub(crate) fn structure(&self) -> Result<&Struct> {
        match &self.node {
            Node::Struct(node) => Ok(node),
            Node::List(_) => Err(Error::wrong_type("list", "struct")),
        }
    }
}

/// Another handle to the same struct or list.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_node_copy(node: *const stst_node, copy: *mut *mut stst_node) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe { stst_node::new(stst_node::of(node)?.node.clone()).give(copy) })
}

/// Frees a handle. A null pointer is ignored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_node_free(node: *mut stst_node) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe { stst_node::take(node).map(drop) })
}

/// Whether it is a list; otherwise it is a struct.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_node_is_list(node: *const stst_node, is_list: *mut bool) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe { write(is_list, matches!(stst_node::of(node)?.node, Node::List(_))) })
}

/// How many fields or items there are.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_size(node: *const stst_node, size: *mut usize) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe {
        let count = match &stst_node::of(node)?.node {
            Node::Struct(node) => node.len()?,
            Node::List(node) => node.len()?,
        };
        write(size, count)
    })
}

/// Makes sure that a block of this many bytes is free in the store of a struct, which grows if necessary. Later allocations from it take no system call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_reserve(node: *const stst_node, bytes: u64) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe { stst_node::of(node)?.structure()?.reserve(bytes) })
}

/// The names of the fields of a struct, in order.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_names(node: *const stst_node, names: *mut *mut stst_strings) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe { stst_strings::of_all(stst_node::of(node)?.structure()?.names()?, names) })
}

/// Whether the items of a list have limits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_has_limits(list: *const stst_node, limits: *mut bool) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe {
        match &stst_node::of(list)?.node {
            Node::List(list) => write(limits, list.has_limits()?),
            Node::Struct(_) => Err(Error::wrong_type("struct", "list")),
        }
    })
}

/// Removes all fields or items.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_clear(node: *const stst_node) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe {
        match &stst_node::of(node)?.node {
            Node::Struct(node) => node.clear(),
            Node::List(node) => node.clear(),
        }
    })
}

/// Whether two structs or two lists are equal, whatever store they are in.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_equal(
    one: *const stst_node,
    other: *const stst_node,
    equal: *mut bool,
) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe {
        let is_equal = match (&stst_node::of(one)?.node, &stst_node::of(other)?.node) {
            (Node::Struct(one), Node::Struct(other)) => one.equals(other)?,
            (Node::List(one), Node::List(other)) => one.to_value()? == other.to_value()?,
            _ => false,
        };
        write(equal, is_equal)
    })
}

/// Makes the contents of one struct or list those of another, in one operation.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_assign(node: *const stst_node, from: *const stst_node) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe {
        match (&stst_node::of(node)?.node, &stst_node::of(from)?.node) {
            (Node::Struct(node), Node::Struct(from)) => node.replace(from.to_value()?),
            (Node::List(node), Node::List(from)) => node.replace(from.iter()?),
            (Node::Struct(_), Node::List(_)) => Err(Error::wrong_type("list", "struct")),
            (Node::List(_), Node::Struct(_)) => Err(Error::wrong_type("struct", "list")),
        }
    })
}
