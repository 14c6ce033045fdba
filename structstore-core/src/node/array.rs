//! Arrays of one dimension that grow and shrink at their end.

use super::{Aside, BLOCK, capacity, replace_block};
use crate::arena::BlockKind;
use crate::arena::layout::Node;
use crate::error::{BoxedResult as Result, Error};
use crate::journal::Operation;
use crate::sync::{Ordering, step};
use crate::value::ArrayBlock;

/// A change at the end of an array.
pub(crate) enum End<'a> {
    /// Only so many elements stay.
    Truncate(usize),
    /// The bytes of more elements come.
    Append(&'a [u8]),
}

/// Changes the end of an array of one dimension, which is held exclusively, and whose block no view shares.
///
/// With room behind the end, and unless `anew`, this happens in place: what lies there belongs to nobody until the
/// length says so. In a transaction it may have belonged to the array, so that it is done anew there.
pub(crate) fn change_end(operation: &Operation<'_>, node: &Node, end: End<'_>, anew: bool) -> Result<()> {
    let (keep, more) = match end {
        End::Truncate(keep) => (keep, &[][..]),
        End::Append(more) => (usize::MAX, more),
    };
    let arena = operation.arena();
    let block = node.body[BLOCK].load(Ordering::Relaxed);
    let old = ArrayBlock::read(arena, block)?;
    let [len] = *old.shape else {
        return Err(Error::corrupt("an array", format_args!("{:?}", old.shape), "one dimension"));
    };
    let itemsize = old.dtype.itemsize();
    let Some(added) = more.len().checked_div(itemsize).filter(|_| more.len().is_multiple_of(itemsize)) else {
        return Err(Error::corrupt(
            "an array",
            format_args!("elements of {itemsize} bytes"),
            "those of its field",
        ));
    };
    let keep = keep.min(len);
    let kept = keep.saturating_mul(itemsize);
    let new = ArrayBlock::new(old.dtype.clone(), &[keep.saturating_add(added)])?;
    if !anew && new.size() <= capacity(arena, block)? {
        if !more.is_empty() {
            let end = block.saturating_add(old.data).saturating_add(kept as u64);
            let target = arena.bytes(end, more.len() as u64)?;
            step();
            // SAFETY: in bounds (checked), and nobody else's: this operation holds the array, and the caller's memory is
            // private or another part of the store.
            unsafe { std::ptr::copy(more.as_ptr(), target, more.len()) };
        }
        return new.set_length(operation, block);
    }
    // Room for as much again, so that appending one by one copies each element a few times at most.
    let room = if new.bytes > old.bytes { new.bytes.max(old.bytes.saturating_mul(2)) } else { new.bytes };
    let aside = operation.allocate(new.data.saturating_add(room), BlockKind::Array)?;
    new.write(arena, aside)?;
    let (source, target) = (old.elements(arena, block)?, new.elements(arena, aside)?);
    step();
    // SAFETY: both are in bounds (checked; `kept` is no more than there was, and with `more` as many as there will be)
    // and the target is new, and nobody else's; in a damaged heap they may overlap.
    unsafe {
        std::ptr::copy(source, target, kept);
        std::ptr::copy(more.as_ptr(), target.add(kept), more.len());
    }
    replace_block(operation, node, Aside { block: aside, length: 0 })
}
