//! Arrays: one block each, which says what its elements are before they begin.

use super::{Raw, copy_bytes, write_bytes};
use crate::arena::Arena;
use crate::arena::layout::ArrayHead;
use crate::error::{Error, Result};
use crate::limits::MAX_DIMENSIONS;
use crate::sync::Ordering;
use crate::value::{ArrayValue, DType, Element, size_in_bytes, word_of};

/// The description of an array in its block; see [`ArrayHead`].
#[derive(Clone, Debug)]
pub(crate) struct ArrayBlock {
    pub(crate) dtype: DType,
    pub(crate) shape: Vec<usize>,
    /// Where the elements begin, from the start of the block's payload.
    pub(crate) data: u64,
    /// How many bytes of elements there are.
    pub(crate) bytes: u64,
}

const HEAD_WORDS: usize = size_of::<ArrayHead>() / 8;
const INLINE_DESCR: usize = 8;

/// How many words behind the extents a type's description of this many bytes takes.
fn long_words(descr: usize) -> usize {
    if descr > INLINE_DESCR { descr.div_ceil(8) } else { 0 }
}

/// The word of a head that says how large an element is, and how long the description of its type.
const fn sizes(itemsize: usize, descr: &str) -> u64 {
    itemsize as u64 | (descr.len() as u64) << 32
}

/// Whether the elements are of a type with a short name.
#[inline(always)]
fn is_of<const D: usize>(head: &ArrayHead<D>, typestr: &str, itemsize: usize) -> bool {
    head.sizes.load(Ordering::Relaxed) == sizes(itemsize, typestr)
        && word_of(typestr).is_some_and(|word| head.descr.load(Ordering::Relaxed) == word)
}

fn plural(indices: usize) -> String {
    format!("{indices} {}", if indices == 1 { "index" } else { "indices" })
}

impl ArrayBlock {
    pub(crate) fn new(dtype: DType, shape: &[usize]) -> Result<ArrayBlock> {
        ArrayBlock::of(dtype, shape.to_vec())
    }

    fn of(dtype: DType, shape: Vec<usize>) -> Result<ArrayBlock> {
        let bytes = size_in_bytes(&dtype, &shape)?;
        let mut block = ArrayBlock { dtype, shape, data: 0, bytes };
        block.data = block.data_offset();
        Ok(block)
    }

    fn data_offset(&self) -> u64 {
        let words = self.shape.len().saturating_add(long_words(self.dtype.descr().len()));
        (words as u64).saturating_mul(8).saturating_add(size_of::<ArrayHead>() as u64).next_multiple_of(64)
    }

    /// Whether only zeroes follow a short description, where [`ArrayBlock::locate`] compares words.
    pub(crate) fn is_padded(&self, arena: &Arena, payload: u64) -> Result<bool> {
        let Some(word) = word_of(self.dtype.descr()) else { return Ok(true) };
        let head = arena.at::<ArrayHead>(payload)?;
        Ok(head.descr.load(Ordering::Relaxed) == word)
    }

    /// How large the block's payload is.
    pub(crate) fn size(&self) -> u64 {
        self.data.saturating_add(self.bytes)
    }

    /// The address of the elements.
    #[inline(always)]
    pub(crate) fn elements(&self, arena: &Arena, payload: u64) -> Result<*mut u8> {
        arena.bytes(payload.saturating_add(self.data), self.bytes)
    }

    /// Where an element lies behind the first one, in bytes.
    pub(crate) fn offset(&self, indices: &[usize]) -> Result<u64> {
        if indices.len() != self.shape.len() {
            let expected = format!("as many as {}{:?} has dimensions", self.dtype, self.shape);
            return Err(Error::wrong_type(plural(indices.len()), expected));
        }
        let mut at = 0_usize;
        for (index, extent) in indices.iter().zip(&self.shape) {
            if index >= extent {
                return Err(Error::index_out_of_range(*index, *extent));
            }
            at = at.wrapping_mul(*extent).wrapping_add(*index);
        }
        Ok((at as u64).wrapping_mul(self.dtype.itemsize() as u64))
    }

    /// One element, as a slot would hold it.
    pub(crate) fn element(&self, arena: &Arena, payload: u64, indices: &[usize]) -> Result<Raw> {
        let (offset, size) = (self.offset(indices)?, self.dtype.itemsize());
        let source = arena.bytes(payload.saturating_add(self.data).wrapping_add(offset), size as u64)?;
        // SAFETY: in bounds (checked).
        let bytes = unsafe { copy_elements(source.cast_const(), size) };
        let number = ArrayValue::new(self.dtype.clone(), &[1], bytes)?.numbers();
        match number.as_deref() {
            Some([number]) => Ok(Raw { tag: number.kind() as u64, payload: number.payload() }),
            _ => Err(Error::wrong_type(format!("an element of {}", self.dtype), "a number")),
        }
    }

    /// Writes the header into a block that no other thread sees yet.
    pub(crate) fn write(&self, arena: &Arena, payload: u64) -> Result<()> {
        let words = arena.words(payload, self.data / 8)?;
        for word in words {
            word.store(0, Ordering::Relaxed);
        }
        let descr = self.dtype.descr().as_bytes();
        let head = arena.at::<ArrayHead>(payload)?;
        head.bytes.store(self.bytes, Ordering::Relaxed);
        head.sizes.store(sizes(self.dtype.itemsize(), self.dtype.descr()), Ordering::Relaxed);
        head.dimensions.store(self.shape.len() as u64, Ordering::Relaxed);
        let behind = words.get(HEAD_WORDS..).unwrap_or_default();
        for (word, extent) in behind.iter().zip(&self.shape) {
            word.store(*extent as u64, Ordering::Relaxed);
        }
        let long = behind.get(self.shape.len()..).unwrap_or_default();
        let place = if descr.len() > INLINE_DESCR { long } else { std::slice::from_ref(&head.descr) };
        write_bytes(place, descr);
        Ok(())
    }

    /// Shape and elements of a block, if it is an array of a type with a short name and `D` dimensions. Takes a fraction
    /// of the time of [`ArrayBlock::read`], which describes any array.
    pub(crate) fn locate<const D: usize>(
        arena: &Arena,
        payload: u64,
        typestr: &str,
        itemsize: usize,
    ) -> Result<Option<([usize; D], *mut u8)>> {
        let head = arena.at::<ArrayHead<D>>(payload)?;
        if !is_of(head, typestr, itemsize) || head.dimensions.load(Ordering::Relaxed) != D as u64 {
            return Ok(None);
        }
        let shape = head.extents.each_ref().map(|extent| extent.load(Ordering::Relaxed) as usize);
        let found = head.bytes.load(Ordering::Relaxed);
        if bytes_of(itemsize, shape.iter().copied()).is_none_or(|bytes| bytes as u64 != found) {
            return Ok(None);
        }
        let data = const { size_of::<ArrayHead<D>>().next_multiple_of(64) as u64 };
        Ok(Some((shape, arena.bytes(payload.saturating_add(data), found)?)))
    }

    /// Where the elements of a block are, and how many bytes, if it is an array of a type with a short name, in any dimensions.
    pub(crate) fn locate_elements(
        arena: &Arena,
        payload: u64,
        typestr: &str,
        itemsize: usize,
    ) -> Result<Option<(*mut u8, usize)>> {
        let head = arena.at::<ArrayHead>(payload)?;
        let dimensions = head.dimensions.load(Ordering::Relaxed);
        if !is_of(head, typestr, itemsize) || dimensions > MAX_DIMENSIONS as u64 {
            return Ok(None);
        }
        let words = HEAD_WORDS.saturating_add(dimensions as usize) as u64;
        let extents = arena.words(payload, words)?.get(HEAD_WORDS..).unwrap_or_default();
        let extents = extents.iter().map(|extent| extent.load(Ordering::Relaxed) as usize);
        let bytes = bytes_of(itemsize, extents);
        let Some(bytes) = bytes.filter(|bytes| *bytes as u64 == head.bytes.load(Ordering::Relaxed)) else {
            return Ok(None);
        };
        let data = words.wrapping_mul(8).next_multiple_of(64);
        Ok(Some((arena.bytes(payload.saturating_add(data), bytes as u64)?, bytes)))
    }

    /// Reads the header of a block; every number in it is checked.
    pub(crate) fn read(arena: &Arena, payload: u64) -> Result<ArrayBlock> {
        let broken =
            |found: String| Error::corrupt(format_args!("the array at {payload:#x}"), found, "an array");
        let head = arena.at::<ArrayHead>(payload)?;
        let (bytes, word) = (head.bytes.load(Ordering::Relaxed), head.sizes.load(Ordering::Relaxed));
        let dimensions = head.dimensions.load(Ordering::Relaxed);
        let (itemsize, descr) = (word as u32, (word >> 32) as usize);
        if dimensions > MAX_DIMENSIONS as u64 || descr > 1 << 16 {
            return Err(broken(format!("{dimensions} dimensions and a type name of {descr} bytes")));
        }
        let count = HEAD_WORDS.saturating_add(dimensions as usize).saturating_add(long_words(descr));
        let behind = arena.words(payload, count as u64)?.get(HEAD_WORDS..).unwrap_or_default();
        let (extents, long) = behind.split_at_checked(dimensions as usize).unwrap_or_default();
        let shape: Vec<usize> =
            extents.iter().map(|extent| extent.load(Ordering::Relaxed) as usize).collect();
        let dtype = match DType::of_word(head.descr.load(Ordering::Relaxed)) {
            Some(dtype) if word == sizes(dtype.itemsize(), dtype.descr()) => dtype,
            _ => {
                let place = if descr > INLINE_DESCR { long } else { std::slice::from_ref(&head.descr) };
                let descr = copy_bytes(place, descr);
                let descr = str::from_utf8(descr.bytes())
                    .map_err(|_| broken("a type name that is not UTF-8".to_owned()))?;
                DType::parse(descr, itemsize)?
            }
        };
        let block = ArrayBlock::of(dtype, shape).map_err(|error| broken(error.to_string()))?;
        if block.bytes != bytes {
            let shape = &block.shape;
            return Err(broken(format!("{bytes} bytes of elements for the shape {shape:?}")));
        }
        arena.bytes(payload, block.size())?;
        Ok(block)
    }
}

/// A copy of elements. Views may write to them during the copy: an element may then be a mixture of old and new bytes, which is still a
/// valid element.
///
/// # Safety
///
/// There are `count` elements at `start`, in bounds of the mapping.
pub(crate) unsafe fn copy_elements<T: Element>(start: *const T, count: usize) -> Vec<T> {
    let mut elements = Vec::with_capacity(count);
    // SAFETY: the caller's promise; the vector has room for as many, and any bytes are elements.
    unsafe {
        std::ptr::copy_nonoverlapping(start, elements.as_mut_ptr(), count);
        elements.set_len(count);
    }
    elements
}
/// How many bytes elements take. `None` if the other dimensions of an empty array make no sense either.
#[inline(always)]
fn bytes_of(itemsize: usize, lengths: impl Iterator<Item = usize>) -> Option<usize> {
    let (mut bytes, mut is_empty) = (itemsize, false);
    for length in lengths {
        is_empty |= length == 0;
        bytes = bytes.checked_mul(length.max(1))?;
    }
    Some(if is_empty { 0 } else { bytes })
}
