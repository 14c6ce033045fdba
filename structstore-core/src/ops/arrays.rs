//! Operations on arrays.

use super::{Get, Slot};
use crate::access::{Access, Located, Part};
use crate::arena::Arena;
use crate::arena::layout::Node;
use crate::arena::lease::array_leases;
use crate::edit::{self, FixedType};
use crate::error::{Error, ErrorKind, Result};
use crate::lock::Mode;
use crate::node::meta::{limits_of, refuse_plain};
use crate::node::{ArrayBlock, BLOCK, LIMITS, LIVE, array_flags, copy_elements};
use crate::sync::Ordering;
use crate::value::{ArrayValue, DType, Element, Value, shown_dtype, whole_elements, wrong_kind};

pub(crate) fn block_of(node: &Node) -> u64 {
    node.body[BLOCK].load(Ordering::Relaxed)
}

pub(crate) fn header(access: &impl Access) -> Result<ArrayBlock> {
    access.read(|arena, node| ArrayBlock::read(arena, block_of(node))).at(access)
}

pub(crate) fn is_live(access: &impl Access) -> Result<bool> {
    access.read(|_, node| Ok(array_flags(node) & LIVE != 0)).at(access)
}

pub(crate) fn to_value(access: &impl Access) -> Result<ArrayValue<'static>> {
    match super::to_value(access)? {
        Value::Array(array) => Ok(array),
        other => Err(wrong_kind(other.kind(), "array")),
    }
}

pub(crate) fn to_vec<T: Element>(access: &impl Access) -> Result<Vec<T>> {
    let copy = access.whole(|arena, node, _| {
        let (start, count) = elements::<T>(arena, block_of(node))?;
        // SAFETY: in bounds and aligned (checked).
        Ok(unsafe { copy_elements(start.cast_const(), count) })
    });
    copy.at(access)
}

pub(crate) fn element<T: Get>(access: &impl Access, indices: &[usize]) -> Result<T> {
    let found = access.read(|arena, node| {
        let block = block_of(node);
        ArrayBlock::read(arena, block)?.element(arena, block, indices)
    });
    let part = Part::Index(indices.first().copied().unwrap_or(0));
    found.and_then(|raw| T::get(Slot::new(access, raw, part))).at(access)
}

pub(crate) fn set_element(access: &impl Access, indices: &[usize], value: &Value<'_>) -> Result<()> {
    let number = match value {
        Value::Scalar(number) => *number,
        other => return Err(wrong_kind(other.kind(), "a number")).at(access),
    };
    let set = access.change(Mode::Node, |operation, node| {
        if let Some(limits) = limits_of(operation.arena(), node)? {
            limits
                .check_number(number)
                .map_err(|error| error.below(indices.iter().map(|index| (*index).into()).collect()))?;
        }
        if array_flags(node) & LIVE == 0 {
            // As for a guard: views keep what they were taken of.
            edit::unshare(operation, node)?;
        }
        edit::set_element(operation, node, indices, number, access.in_transaction())
    });
    set.at(access)
}

pub(crate) fn set(access: &impl Access, array: &ArrayValue<'_>) -> Result<()> {
    publish(access, array).at(access)
}

/// Publishes a copy of an array, which is made before the lock is taken.
pub(super) fn publish(access: &impl Access, array: &ArrayValue<'_>) -> Result<()> {
    let borrowed = Value::Array(array.borrowed());
    loop {
        let (flags, limits, fixed) = access.read(|arena, node| {
            let limits = node.body[LIMITS].load(Ordering::Relaxed);
            Ok((array_flags(node), limits, FixedType::of(arena, node)?))
        })?;
        // With the array held: the limits may be others by then.
        let check = |arena: &Arena, node: &Node| match limits_of(arena, node)? {
            Some(record) => record.check(&borrowed),
            None => Ok(()),
        };
        let array = match &fixed {
            None => array.borrowed(),
            Some(fixed) => edit::fit_array(&borrowed, fixed)?,
        };
        // Whoever has filled a block may have views of it, by which it could be changed later.
        let array = if limits == 0 { array } else { array.unplaced() };
        // Otherwise it was fixed or limited since it was looked at.
        let is_such =
            |node: &Node| array_flags(node) == flags && node.body[LIMITS].load(Ordering::Relaxed) == limits;
        let done = match fixed.is_some_and(|fixed| fixed.live) {
            true => {
                let logged = array.data().len() <= LOGGED || access.in_transaction();
                access.change(Mode::Node, |operation, node| {
                    let is_such = is_such(node);
                    if is_such {
                        check(operation.arena(), node)?;
                        edit::overwrite(operation, node, &array, logged)?;
                    }
                    Ok(is_such)
                })
            }
            false => access.change_prepared(
                |operation| edit::build_array(operation, &array),
                |operation, node, aside| {
                    let is_such = is_such(node);
                    if is_such {
                        check(operation.arena(), node)?;
                        edit::publish_array(operation, node, &array, aside)?;
                    }
                    Ok(is_such)
                },
            ),
        };
        if done? {
            return Ok(());
        }
    }
}

/// The most bytes of a live array that an assignment changes wholly or not at all, also if the process dies.
const LOGGED: usize = 4096;

/// The refusal to lend the elements of a live array as a slice: others may write to them at any time.
#[cold]
fn not_lent() -> Error {
    Error::wrong_type("a live array", "a published array; use `cells`, or copy the elements")
}

#[cold]
pub(crate) fn wrong_dtype<T: Element>(found: &DType) -> Error {
    Error::wrong_type(format!("an array of {found}"), format!("an array of {}", shown_dtype(T::TYPESTR)))
}

/// The elements of a block, where they lie.
fn elements<T: Element>(arena: &Arena, block: u64) -> Result<(*mut T, usize)> {
    if let Some((start, bytes)) = ArrayBlock::locate_elements(arena, block, T::TYPESTR, size_of::<T>())? {
        return Ok((start.cast(), whole_elements::<T>(bytes)));
    }
    let header = ArrayBlock::read(arena, block)?;
    if header.dtype.descr() != T::TYPESTR {
        return Err(wrong_dtype::<T>(&header.dtype));
    }
    Ok((header.elements(arena, block)?.cast(), whole_elements::<T>(header.bytes as usize)))
}

/// The elements of an array that is held, if no view shares them.
pub(crate) fn slice<T: Element>(access: &impl Access) -> Result<&[T]> {
    let (arena, block) = (access.arena(), block_of(access.node()));
    let live = array_flags(access.node()) & LIVE != 0;
    let lent = array_leases(arena, block).and_then(|count| match count.load(Ordering::Acquire) {
        _ if live => Err(not_lent()),
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

/// The elements of an array that is held exclusively, which others may see meanwhile if it is live.
pub(crate) fn cells<T: Element>(access: &impl Access) -> Result<(*mut T, usize)> {
    match is_live(access)? {
        true => elements::<T>(access.arena(), block_of(access.node())).at(access),
        false => own_elements(access),
    }
}

fn unshare(access: &impl Access) -> Result<()> {
    unshare_node(access.arena(), access.id().index, access.node())
}

/// Gives an array that is held exclusively a block of its own, if views share the one that it has.
pub(crate) fn unshare_node(arena: &std::sync::Arc<Arena>, index: u32, node: &Node) -> Result<()> {
    if array_flags(node) & LIVE != 0 {
        return Err(not_lent());
    }
    refuse_plain(arena, node)?;
    unshare_limited(arena, index, node)
}

/// As [`unshare_node`], of an array whose elements may have limits.
pub(crate) fn unshare_limited(arena: &std::sync::Arc<Arena>, index: u32, node: &Node) -> Result<()> {
    if array_leases(arena, block_of(node))?.load(Ordering::Acquire) == 0 {
        return Ok(());
    }
    crate::access::operate_below(arena, index, |operation| edit::unshare(operation, node))
}
