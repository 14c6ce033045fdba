//! Arrays: detached values, and the block in which one lies in an arena.

use std::borrow::Cow;
use std::fmt;

use super::{DType, Value};
use crate::arena::Arena;
use crate::arena::layout::ArrayHead;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::{Error, Result};
use crate::journal::Operation;
use crate::sync::{AtomicU64, Ordering};

/// How many dimensions an array may have, as in NumPy before 2.0.
pub(crate) const MAX_DIMENSIONS: usize = 32;

/// A dense array in C order, detached from any store.
///
/// ```
/// use structstore::{Array, ArrayValue, StructStore};
///
/// let store = StructStore::new();
/// store.set("scan", ArrayValue::from_slice(&[2, 2], &[1.0_f32, 2.0, 3.0, 4.0])?)?;
/// assert_eq!(store.get::<Array>("scan")?.to_vec::<f32>()?, [1.0, 2.0, 3.0, 4.0]);
/// # Ok::<(), structstore::Error>(())
/// ```
#[derive(Clone)]
pub struct ArrayValue<'a>(Box<Contents<'a>>);

/// In a box, so that a [`Value`] that is no array takes 32 bytes.
#[derive(Clone)]
struct Contents<'a> {
    dtype: DType,
    shape: Vec<usize>,
    data: Cow<'a, [u8]>,
}

impl<'a> ArrayValue<'a> {
    /// An array over bytes in C order.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidArgument`] if there are too many dimensions, or more or fewer bytes than they ask for.
    pub fn new(dtype: DType, shape: &[usize], data: impl Into<Cow<'a, [u8]>>) -> Result<ArrayValue<'a>> {
        let data = data.into();
        let wanted = size_in_bytes(&dtype, shape)?;
        if wanted != data.len() as u64 {
            return Err(Error::invalid(
                "data",
                format!("{} bytes", data.len()),
                format!("{wanted} bytes for the shape {shape:?} of {dtype}"),
            ));
        }
        Ok(ArrayValue(Box::new(Contents { dtype, shape: shape.to_vec(), data })))
    }

    /// An array over elements in C order.
    ///
    /// # Errors
    ///
    /// As [`ArrayValue::new`].
    ///
    /// ```
    /// use structstore::ArrayValue;
    ///
    /// let image = ArrayValue::from_slice(&[2, 3], &[1_u8, 2, 3, 4, 5, 6])?;
    /// assert_eq!((image.shape(), image.dtype().descr()), (&[2, 3][..], "|u1"));
    /// assert!(ArrayValue::from_slice(&[2, 2], &[1_u8, 2, 3]).is_err());
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn from_slice<T: Element>(shape: &[usize], elements: &'a [T]) -> Result<ArrayValue<'a>> {
        // SAFETY: elements are plain data without padding (`Element`), so that their bytes can be read; the
        // length is that of the slice.
        let data =
            unsafe { std::slice::from_raw_parts(elements.as_ptr().cast::<u8>(), size_of_val(elements)) };
        ArrayValue::new(DType::of::<T>(), shape, data)
    }

    /// The element type.
    pub fn dtype(&self) -> &DType {
        &self.0.dtype
    }

    /// The extent of each dimension.
    pub fn shape(&self) -> &[usize] {
        &self.0.shape
    }

    /// The elements' bytes in C order.
    pub fn data(&self) -> &[u8] {
        &self.0.data
    }

    /// The elements, if they are of this type.
    pub fn to_vec<T: Element>(&self) -> Option<Vec<T>> {
        (self.0.dtype == DType::of::<T>()).then(|| {
            let count = whole_elements::<T>(self.0.data.len());
            let mut elements: Vec<T> = Vec::with_capacity(count);
            // SAFETY: the capacity is as many bytes as are copied; they are valid elements, and so initialised.
            unsafe {
                std::ptr::copy_nonoverlapping(
                    self.0.data.as_ptr(),
                    elements.as_mut_ptr().cast::<u8>(),
                    count.saturating_mul(size_of::<T>()),
                );
                elements.set_len(count);
            }
            elements
        })
    }

    pub(crate) fn into_owned(self) -> ArrayValue<'static> {
        let Contents { dtype, shape, data } = *self.0;
        ArrayValue(Box::new(Contents { dtype, shape, data: Cow::Owned(data.into_owned()) }))
    }

    pub(crate) fn borrowed(&self) -> ArrayValue<'_> {
        let Contents { dtype, shape, data } = &*self.0;
        ArrayValue(Box::new(Contents {
            dtype: dtype.clone(),
            shape: shape.clone(),
            data: Cow::Borrowed(data),
        }))
    }

    /// The elements as numbers and truth values, if the type is one of Rust's.
    ///
    /// ```
    /// use structstore::{ArrayValue, Scalar};
    ///
    /// let array = ArrayValue::from_slice(&[2], &[1_u8, 2])?;
    /// assert_eq!(array.numbers(), Some(vec![Scalar::U8(1), Scalar::U8(2)]));
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn numbers(&self) -> Option<Vec<super::Scalar>> {
        macro_rules! read {
            ($($typestr:literal, $type:ty;)*) => {
                match self.0.dtype.descr() {
                    "|b1" => Some(self.0.data.iter().map(|byte| (*byte != 0).into()).collect()),
                    $($typestr => {
                        let (items, _) = self.0.data.as_chunks::<{ size_of::<$type>() }>();
                        Some(items.iter().map(|bytes| <$type>::from_le_bytes(*bytes).into()).collect())
                    })*
                    _ => None,
                }
            };
        }
        read! {
            "|i1", i8; "<i2", i16; "<i4", i32; "<i8", i64; "|u1", u8; "<u2", u16; "<u4", u32; "<u8", u64;
            "<f4", f32; "<f8", f64;
        }
    }
}

impl std::fmt::Debug for ArrayValue<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Contents { dtype, shape, data } = &*self.0;
        f.debug_struct("ArrayValue").field("dtype", dtype).field("shape", shape).field("data", data).finish()
    }
}

/// By shape and elements: numbers by value, other types by type and bytes.
impl PartialEq for ArrayValue<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0.shape == other.0.shape
            && match (self.numbers(), other.numbers()) {
                (Some(a), Some(b)) => a == b,
                (None, None) => self.0.dtype == other.0.dtype && self.0.data == other.0.data,
                _ => false,
            }
    }
}

impl<'a> From<ArrayValue<'a>> for Value<'a> {
    fn from(array: ArrayValue<'a>) -> Self {
        Value::Array(array)
    }
}

/// How many elements there are in so many bytes.
#[inline(always)]
pub(crate) fn whole_elements<T: Element>(bytes: usize) -> usize {
    bytes.checked_div(size_of::<T>()).unwrap_or(0)
}

/// How many bytes an array takes; an error if it has too many dimensions or no memory could hold it.
pub(crate) fn size_in_bytes(dtype: &DType, shape: &[usize]) -> Result<u64> {
    let invalid = |expected: &str| Error::invalid("shape", format!("{shape:?}"), expected.to_owned());
    if shape.len() > MAX_DIMENSIONS {
        return Err(invalid("at most 32 dimensions"));
    }
    // A dimension of 0 makes the array empty, whatever the others; these must make sense all the same.
    let nonzero = shape.iter().filter(|extent| **extent != 0);
    let bytes = nonzero
        .clone()
        .try_fold(dtype.itemsize() as u64, |bytes, extent| bytes.checked_mul(*extent as u64))
        .filter(|bytes| *bytes <= i64::MAX as u64)
        .ok_or_else(|| invalid("a size that memory can hold"))?;
    Ok(if shape.contains(&0) { 0 } else { bytes })
}

/// The extents of an array's dimensions, `_` where they are free.
pub(crate) struct Extents<'a>(pub(crate) &'a [Option<usize>]);

impl fmt::Display for Extents<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, extent) in self.0.iter().enumerate() {
            f.write_str(if at == 0 { "" } else { ", " })?;
            match extent {
                Some(extent) => write!(f, "{extent}")?,
                None => f.write_str("_")?,
            }
        }
        Ok(())
    }
}

/// A type of array elements: plain data, any bytes of which are a value.
///
/// ```
/// use structstore::{Array, ArrayValue, DType, Result, Struct, StructStore};
/// use structstore::traits::Element;
///
/// fn publish<T: Element>(store: &Struct, samples: &[T]) -> Result<()> {
///     store.set("samples", ArrayValue::from_slice(&[samples.len()], samples)?)
/// }
///
/// let store = StructStore::new();
/// publish(&store, &[1_u16, 2, 3])?;
/// assert_eq!(store.get::<Array>("samples")?.dtype()?, DType::of::<u16>());
/// # Ok::<(), structstore::Error>(())
/// ```
///
/// # Safety
///
/// No padding, no invalid bit patterns, alignment of at most 64, and `TYPESTR` is NumPy's name for it.
pub unsafe trait Element: Copy + Send + Sync + 'static {
    /// NumPy's type string.
    const TYPESTR: &'static str;
}

macro_rules! elements {
    ($($type:ty, $typestr:literal;)*) => {$(
        // SAFETY: a primitive number; the type string has its size, kind and little-endian order.
        unsafe impl Element for $type {
            const TYPESTR: &'static str = $typestr;
        }

        impl<'a, const N: usize> From<[$type; N]> for Value<'a> {
            fn from(elements: [$type; N]) -> Self {
                ArrayValue::from_slice(&[N], &elements).map_or(Value::Null, |array| Value::Array(array.into_owned()))
            }
        }
    )*};
}

elements! {
    i8, "|i1"; i16, "<i2"; i32, "<i4"; i64, "<i8"; isize, "<i8";
    u8, "|u1"; u16, "<u2"; u32, "<u4"; u64, "<u8"; usize, "<u8";
    f32, "<f4"; f64, "<f8";
}

/// A Rust array of fixed extents, nested up to three deep, as a field of a bound struct.
///
/// ```
/// use structstore::traits::FixedArray;
///
/// assert_eq!(<[[f64; 3]; 2] as FixedArray>::SHAPE, [2, 3]);
/// ```
///
/// # Safety
///
/// Plain data like its elements, in C order, with the extents of `SHAPE`.
pub unsafe trait FixedArray: Copy + Send + Sync + 'static {
    /// The type of the innermost elements.
    type Element: Element;
    /// The extent of each dimension.
    const SHAPE: &'static [usize];
}

// SAFETY: Rust arrays are dense and in C order.
unsafe impl<T: Element, const N: usize> FixedArray for [T; N] {
    type Element = T;
    const SHAPE: &'static [usize] = &[N];
}

// SAFETY: as above.
unsafe impl<T: Element, const M: usize, const N: usize> FixedArray for [[T; M]; N] {
    type Element = T;
    const SHAPE: &'static [usize] = &[N, M];
}

// SAFETY: as above.
unsafe impl<T: Element, const L: usize, const M: usize, const N: usize> FixedArray for [[[T; L]; M]; N] {
    type Element = T;
    const SHAPE: &'static [usize] = &[N, M, L];
}

/// What the block of an array says of it; see [`ArrayHead`].
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

/// The count of participants that lease an array block.
pub(crate) fn lease_count(arena: &Arena, payload: u64) -> Result<&AtomicU64> {
    Ok(&arena.at::<ArrayHead>(payload)?.leases)
}

/// How many words behind the extents a type's description takes, which has so many bytes.
fn long_words(descr: usize) -> usize {
    if descr > INLINE_DESCR { descr.div_ceil(8) } else { 0 }
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

    /// Whether nothing stands behind a short name, where [`ArrayBlock::locate`] compares words.
    pub(crate) fn is_padded(&self, arena: &Arena, payload: u64) -> Result<bool, Error> {
        let mut descr = [0; INLINE_DESCR];
        let Some(target) = descr.get_mut(..self.dtype.descr().len()) else { return Ok(true) };
        target.copy_from_slice(self.dtype.descr().as_bytes());
        let head = arena.at::<ArrayHead>(payload)?;
        Ok(head.descr.load(Ordering::Relaxed) == u64::from_le_bytes(descr))
    }

    /// How large the block's payload is.
    pub(crate) fn size(&self) -> u64 {
        self.data.saturating_add(self.bytes)
    }

    /// The address of the elements.
    #[inline(always)]
    pub(crate) fn elements(&self, arena: &Arena, payload: u64) -> Result<*mut u8, Error> {
        arena.bytes(payload.saturating_add(self.data), self.bytes)
    }

    /// Writes the header into a block that nobody else sees yet.
    pub(crate) fn write(&self, arena: &Arena, payload: u64) -> Result<()> {
        let words = arena.words(payload, self.data / 8)?;
        for word in words {
            word.store(0, Ordering::Relaxed);
        }
        let descr = self.dtype.descr().as_bytes();
        let head = arena.at::<ArrayHead>(payload)?;
        head.bytes.store(self.bytes, Ordering::Relaxed);
        head.sizes.store(self.dtype.itemsize() as u64 | (descr.len() as u64) << 32, Ordering::Relaxed);
        head.dimensions.store(self.shape.len() as u64, Ordering::Relaxed);
        let behind = words.get(HEAD_WORDS..).unwrap_or_default();
        for (word, extent) in behind.iter().zip(&self.shape) {
            word.store(*extent as u64, Ordering::Relaxed);
        }
        let long = behind.get(self.shape.len()..).unwrap_or_default();
        let place = if descr.len() > INLINE_DESCR { long } else { std::slice::from_ref(&head.descr) };
        crate::node::write_bytes(place, descr);
        Ok(())
    }

    /// Gives a block of one dimension that others may see another length. It has room for it.
    pub(crate) fn set_length(&self, operation: &Operation<'_>, payload: u64) -> Result<(), Error> {
        let [length] = *self.shape else {
            return Err(Error::corrupt("an array", format_args!("{:?}", self.shape), "one dimension"));
        };
        let head = operation.arena().at::<ArrayHead<1>>(payload)?;
        operation.set(&head.bytes, self.bytes)?;
        operation.set(&head.extents[0], length as u64)
    }

    /// Shape and elements of a block, if it is an array of a type with a short name and `D` dimensions. Takes a fraction
    /// of the time of [`ArrayBlock::read`], which describes whatever it is.
    pub(crate) fn locate<const D: usize>(
        arena: &Arena,
        payload: u64,
        typestr: &str,
        itemsize: usize,
    ) -> Result<Option<([usize; D], *mut u8)>, Error> {
        let head = arena.at::<ArrayHead<D>>(payload)?;
        let mut descr = [0; INLINE_DESCR];
        let Some(target) = descr.get_mut(..typestr.len()) else { return Ok(None) };
        target.copy_from_slice(typestr.as_bytes());
        let is_this = head.sizes.load(Ordering::Relaxed) == itemsize as u64 | (typestr.len() as u64) << 32
            && head.dimensions.load(Ordering::Relaxed) == D as u64
            && head.descr.load(Ordering::Relaxed) == u64::from_le_bytes(descr);
        if !is_this {
            return Ok(None);
        }
        let shape = head.extents.each_ref().map(|extent| extent.load(Ordering::Relaxed) as usize);
        let found = head.bytes.load(Ordering::Relaxed);
        let bytes = shape.iter().try_fold(itemsize, |bytes, extent| bytes.checked_mul(*extent));
        if bytes.is_none_or(|bytes| bytes as u64 != found) {
            return Ok(None);
        }
        let data = const { size_of::<ArrayHead<D>>().next_multiple_of(64) as u64 };
        Ok(Some((shape, arena.bytes(payload.saturating_add(data), found)?)))
    }

    /// Reads the header of a block; every number in it is checked.
    pub(crate) fn read(arena: &Arena, payload: u64) -> Result<ArrayBlock> {
        let broken =
            |found: String| Error::corrupt(format_args!("the array at {payload:#x}"), found, "an array");
        let head = arena.at::<ArrayHead>(payload)?;
        let (bytes, sizes) = (head.bytes.load(Ordering::Relaxed), head.sizes.load(Ordering::Relaxed));
        let dimensions = head.dimensions.load(Ordering::Relaxed);
        let (itemsize, descr) = (sizes as u32, (sizes >> 32) as usize);
        if dimensions > MAX_DIMENSIONS as u64 || descr > 1 << 16 {
            return Err(broken(format!("{dimensions} dimensions, {descr} bytes of type")));
        }
        let count = HEAD_WORDS.saturating_add(dimensions as usize).saturating_add(long_words(descr));
        let behind = arena.words(payload, count as u64)?.get(HEAD_WORDS..).unwrap_or_default();
        let (extents, long) = behind.split_at_checked(dimensions as usize).unwrap_or_default();
        let shape: Vec<usize> =
            extents.iter().map(|extent| extent.load(Ordering::Relaxed) as usize).collect();
        let place = if descr > INLINE_DESCR { long } else { std::slice::from_ref(&head.descr) };
        let descr = crate::node::copy_bytes(place, descr);
        let descr =
            str::from_utf8(descr.bytes()).map_err(|_| broken("a type that is not text".to_owned()))?;
        let dtype = DType::parse(descr, itemsize)?;
        let block = ArrayBlock::of(dtype, shape).map_err(|error| broken(error.to_string()))?;
        if block.bytes != bytes {
            let shape = &block.shape;
            return Err(broken(format!("{bytes} bytes of elements for the shape {shape:?}")));
        }
        arena.bytes(payload, block.size())?;
        Ok(block)
    }
}
