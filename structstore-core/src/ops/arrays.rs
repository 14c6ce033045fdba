//! Operations on arrays.

use crate::access::{Access, Located};
use crate::arena::Arena;
use crate::arena::layout::Node;
use crate::arena::lease::lease_count;
use crate::edit::{self, FixedType};
use crate::error::{Error, ErrorKind, Result};
use crate::node::{ArrayBlock, BLOCK};
use crate::sync::Ordering;
use crate::value::{ArrayValue, DType, Element, Value, shown_dtype, whole_elements, wrong_kind};

pub(crate) fn block_of(node: &Node) -> u64 {
    node.body[BLOCK].load(Ordering::Relaxed)
}

pub(crate) fn header(access: &impl Access) -> Result<ArrayBlock> {
    access.read(|arena, node| ArrayBlock::read(arena, block_of(node))).at(access)
}

pub(crate) fn to_value(access: &impl Access) -> Result<ArrayValue<'static>> {
    match super::to_value(access)? {
        Value::Array(array) => Ok(array),
        other => Err(wrong_kind(other.kind(), "array")),
    }
}

pub(crate) fn to_vec<T: Element>(access: &impl Access) -> Result<Vec<T>> {
    let array = to_value(access)?;
    array.to_vec().ok_or_else(|| wrong_dtype::<T>(array.dtype())).at(access)
}

pub(crate) fn set(access: &impl Access, array: &ArrayValue<'_>) -> Result<()> {
    publish(access, array).at(access)
}

/// Publishes a copy of an array, which is made before the lock is taken.
pub(super) fn publish(access: &impl Access, array: &ArrayValue<'_>) -> Result<()> {
    let borrowed = Value::Array(array.borrowed());
    let array = match access.read(FixedType::of)? {
        None => array.borrowed(),
        Some(fixed) => edit::convert_array(&borrowed, &fixed)?,
    };
    let array = Value::Array(array);
    access.change_prepared(|operation| edit::build_block(operation, &array), edit::replace_block)
}

#[cold]
pub(crate) fn wrong_dtype<T: Element>(found: &DType) -> Error {
    Error::wrong_type(format!("an array of {found}"), format!("an array of {}", shown_dtype(T::TYPESTR)))
}

/// The elements of a block, where they lie.
fn elements<T: Element>(arena: &Arena, block: u64) -> Result<(*mut T, usize)> {
    let header = ArrayBlock::read(arena, block)?;
    if header.dtype.descr() != T::TYPESTR {
        return Err(wrong_dtype::<T>(&header.dtype));
    }
    Ok((header.elements(arena, block)?.cast(), whole_elements::<T>(header.bytes as usize)))
}

/// The elements of an array that is held, if no view shares them.
pub(crate) fn slice<T: Element>(access: &impl Access) -> Result<&[T]> {
    let (arena, block) = (access.arena(), block_of(access.node()));
    let lent = lease_count(arena, block).and_then(|count| match count.load(Ordering::Acquire) {
        0 => elements::<T>(arena, block),
        _ => Err(Error::new(ErrorKind::Leased)),
    });
    let (start, count) = lent.at(access)?;
    // SAFETY: in bounds, aligned to 64 bytes, any bytes are elements; no view shares the block, and none can be taken while
    // the node is held, for whose guard this borrows.
    Ok(unsafe { std::slice::from_raw_parts(start, count) })
}

/// The elements of an array that is held exclusively, to be changed; a block that views share is left to them.
pub(crate) fn own_elements<T: Element>(access: &impl Access) -> Result<(*mut T, usize)> {
    let own = unshare(access).and_then(|()| elements::<T>(access.arena(), block_of(access.node())));
    own.at(access)
}

fn unshare(access: &impl Access) -> Result<()> {
    unshare_node(access.arena(), access.id().index, access.node())
}

/// Gives an array that is held exclusively a block of its own, if views share the one that it has.
pub(crate) fn unshare_node(arena: &std::sync::Arc<Arena>, index: u32, node: &Node) -> Result<()> {
    if lease_count(arena, block_of(node))?.load(Ordering::Acquire) == 0 {
        return Ok(());
    }
    crate::access::operate_below(arena, index, |operation| {
        edit::replace_block(operation, node, edit::copy_array(operation, block_of(node))?)
    })
}

/// A copy of elements that lie in bounds of the mapping.
///
/// # Safety
///
/// There are `count` elements at `start`, which any bytes are.
pub(crate) unsafe fn copy_elements<T: Element>(start: *const T, count: usize) -> Vec<T> {
    let mut elements = Vec::with_capacity(count);
    // SAFETY: the caller's promise; the vector has room for as many, and any bytes are elements.
    unsafe {
        std::ptr::copy_nonoverlapping(start, elements.as_mut_ptr(), count);
        elements.set_len(count);
    }
    elements
}
