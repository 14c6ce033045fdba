//! Arrays of one dimension that grow and shrink at their end.

use super::{Aside, replace_block};
use crate::arena::BlockKind;
use crate::arena::layout::{ArrayHead, Node};
use crate::error::{Error, Result};
use crate::journal::Operation;
use crate::node::{ArrayBlock, BLOCK, capacity};
use crate::sync::{Ordering, step};

/// A change at the end of an array.
pub(crate) enum End<'a> {
    /// Only this many elements stay.
    Truncate(usize),
    /// The bytes of more elements are appended, this many times.
    Append(&'a [u8], usize),
}

/// Changes the end of an array of one dimension, which is held exclusively, and whose block no view shares.
///
/// With room behind the end, and unless `anew`, this happens in place: the memory there is unused until the length
/// covers it. In a transaction it may have belonged to the array, so that a new block is made there.
pub(crate) fn change_end(operation: &Operation<'_>, node: &Node, end: End<'_>, anew: bool) -> Result<()> {
    let (keep, piece, times) = match end {
        End::Truncate(keep) => (keep, &[][..], 0),
        End::Append(more, times) => (usize::MAX, more, times),
    };
    let arena = operation.arena();
    let block = node.body[BLOCK].load(Ordering::Relaxed);
    let old = ArrayBlock::read(arena, block)?;
    let [len] = *old.shape else {
        return Err(Error::corrupt("an array", format_args!("{:?}", old.shape), "one dimension"));
    };
    let itemsize = old.dtype.itemsize();
    let Some(added) = piece.len().checked_div(itemsize).filter(|_| piece.len().is_multiple_of(itemsize))
    else {
        return Err(Error::corrupt(
            "an array",
            format_args!("elements of {itemsize} bytes"),
            "elements of the size that its field declares",
        ));
    };
    let keep = keep.min(len);
    let kept = keep.saturating_mul(itemsize);
    let more = piece.len().checked_mul(times);
    let Some(more) = more.filter(|more| kept.saturating_add(*more) <= isize::MAX as usize) else {
        return Err(arena.segment().full(u64::MAX, "no segment can be so large".to_owned()));
    };
    let new = ArrayBlock::new(old.dtype.clone(), &[keep.saturating_add(added.saturating_mul(times))])?;
    if !anew && new.size() <= capacity(arena, block)? {
        if more != 0 {
            let end = block.saturating_add(old.data).saturating_add(kept as u64);
            let target = arena.bytes(end, more as u64)?;
            step();
            // SAFETY: in bounds (checked), and nothing else refers to it: this operation holds the array, and the
            // caller's memory is private or another part of the store.
            unsafe { fill(target, piece, more) };
        }
        return set_length(operation, block, &new);
    }
    // Room for as much again, so that appending one by one copies each element a few times at most.
    let room = if new.bytes > old.bytes { new.bytes.max(old.bytes.saturating_mul(2)) } else { new.bytes };
    let aside = operation.allocate(new.data.saturating_add(room), BlockKind::Array)?;
    new.write(arena, aside)?;
    let (source, target) = (old.elements(arena, block)?, new.elements(arena, aside)?);
    step();
    // SAFETY: both are in bounds (checked; `kept` is no more than there was, and with `more` as many as there will be)
    // and the target is new, and nothing else refers to it; in a damaged heap they may overlap.
    unsafe {
        std::ptr::copy(source, target, kept);
        fill(target.add(kept), piece, more);
    }
    replace_block(operation, node, Aside { block: aside, length: 0 })
}

/// Fills `bytes` bytes with a piece, again and again.
///
/// # Safety
///
/// There are as many bytes at `target`, and nothing else refers to them.
unsafe fn fill(target: *mut u8, piece: &[u8], bytes: usize) {
    let mut filled = piece.len().min(bytes);
    // SAFETY: no more than there are (the caller).
    unsafe { std::ptr::copy(piece.as_ptr(), target, filled) };
    while filled != 0 && filled < bytes {
        let next = filled.min(bytes.saturating_sub(filled));
        // SAFETY: no more than there are, as counted.
        unsafe { std::ptr::copy(target, target.add(filled), next) };
        filled = filled.saturating_add(next);
    }
}

/// Changes the length in a block of one dimension that others may see, and that has room for it.
fn set_length(operation: &Operation<'_>, payload: u64, new: &ArrayBlock) -> Result<()> {
    let [length] = *new.shape else {
        return Err(Error::corrupt("an array", format_args!("{:?}", new.shape), "one dimension"));
    };
    let head = operation.arena().at::<ArrayHead<1>>(payload)?;
    operation.set(&head.bytes, new.bytes)?;
    operation.set(&head.extents[0], length as u64)
}
