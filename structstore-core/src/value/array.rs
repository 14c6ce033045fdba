//! Arrays as detached values.

use std::borrow::Cow;
use std::fmt;

use super::{DType, Kind, Scalar, ToValue, Value};
use crate::error::{Error, Path, Result};
use crate::for_each_number;
use crate::limits::MAX_DIMENSIONS;
#[cfg(doc)]
use crate::{Struct, error::ErrorKind};

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
    live: bool,
    /// The block of a store that has the data already, to be taken over instead of being copied; 0 for none.
    block: u64,
}

impl<'a> ArrayValue<'a> {
    /// An array over bytes in C order.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidArgument`] if there are too many dimensions, or more or fewer bytes than the shape requires.
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
        Ok(ArrayValue(Box::new(Contents { dtype, shape: shape.to_vec(), data, live: false, block: 0 })))
    }

    /// The same array, to be stored as a *live* array, which keeps its memory for as long as it is in the store: assigning an array of
    /// the same type and shape changes its elements in place, so views of it never become stale. An array of another type or shape is
    /// refused; remove the array first.
    ///
    /// Up to 4 KiB of elements are changed completely or not at all, even if the process dies. A process that is killed while it assigns
    /// more may leave a part of them changed; in a [transaction](crate::Struct::transaction), any number of elements is changed completely
    /// or not at all.
    ///
    /// The log of old elements takes memory: more than 320 bytes of a live array cannot be assigned in a full store, unless they are more
    /// than 4 KiB. A struct or list that is assigned as a whole replaces the live arrays in it.
    ///
    /// Copies of a live array are not live ([`Array::is_live`](crate::Array::is_live) asks the store), except in snapshots, whose live
    /// arrays are live again after loading.
    ///
    /// ```
    /// use structstore::{Array, ArrayValue, StructStore};
    ///
    /// let store = StructStore::new();
    /// store.set("q", ArrayValue::from_slice(&[3], &[0.0; 3])?.live())?;
    /// let view = store.get::<Array>("q")?.view()?;
    /// store.set("q", [1.0, 2.0, 3.0])?;
    /// assert_eq!(view.to_vec::<f64>()?, [1.0, 2.0, 3.0]);
    /// assert!(view.is_current());
    ///
    /// let error = store.set("q", [1.0, 2.0]).unwrap_err();
    /// assert!(error.to_string().starts_with("q: found f64[2], expected live f64[3]"));
    /// # Ok::<(), structstore::Error>(())
    /// ```
    #[must_use]
    pub fn live(mut self) -> ArrayValue<'a> {
        self.0.live = true;
        self
    }

    /// Whether it is to be stored as a live array.
    pub fn is_live(&self) -> bool {
        self.0.live
    }

    /// The same array, whose data a block of the store has that it will be assigned to.
    pub(crate) fn placed(mut self, block: u64) -> ArrayValue<'a> {
        self.0.block = block;
        self
    }

    /// The same array, whose data are copied wherever it is assigned to.
    pub(crate) fn unplaced(self) -> ArrayValue<'a> {
        self.placed(0)
    }

    /// The block of a store that has the data, if one has.
    pub(crate) fn block(&self) -> Option<u64> {
        Some(self.0.block).filter(|block| *block != 0)
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

    /// The length of each dimension.
    pub fn shape(&self) -> &[usize] {
        &self.0.shape
    }

    /// The elements' bytes in C order.
    pub fn data(&self) -> &[u8] {
        &self.0.data
    }

    /// The same, if this value borrows them.
    #[cfg(feature = "serde")]
    pub(crate) fn lent_data(&self) -> Option<&'a [u8]> {
        match &self.0.data {
            Cow::Borrowed(data) => Some(data),
            Cow::Owned(_) => None,
        }
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
        let Contents { dtype, shape, data, live, .. } = *self.0;
        ArrayValue(Box::new(Contents { dtype, shape, data: Cow::Owned(data.into_owned()), live, block: 0 }))
    }

    pub(crate) fn borrowed(&self) -> ArrayValue<'_> {
        let Contents { dtype, shape, data, live, block } = &*self.0;
        ArrayValue(Box::new(Contents {
            dtype: dtype.clone(),
            shape: shape.clone(),
            data: Cow::Borrowed(data),
            live: *live,
            block: *block,
        }))
    }

    /// The elements as numbers and bools, if the type is one of Rust's.
    ///
    /// ```
    /// use structstore::{ArrayValue, Scalar};
    ///
    /// let array = ArrayValue::from_slice(&[2], &[1_u8, 2])?;
    /// assert_eq!(array.numbers(), Some(vec![Scalar::U8(1), Scalar::U8(2)]));
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn numbers(&self) -> Option<Vec<Scalar>> {
        macro_rules! numbers {
            ($($kind:ident $type:ident $typestr:literal $class:ident;)*) => {
                match self.0.dtype.kind()? {
                    Kind::Bool => Some(self.0.data.iter().map(|byte| (*byte != 0).into()).collect()),
                    $(Kind::$kind => {
                        let (items, _) = self.0.data.as_chunks::<{ size_of::<$type>() }>();
                        Some(items.iter().map(|bytes| <$type>::from_le_bytes(*bytes).into()).collect())
                    })*
                    _ => None,
                }
            };
        }
        for_each_number!(numbers)
    }

    /// The first element of which `test` says something, with its place in the order of memory. Nothing, if the elements are no numbers.
    pub(crate) fn find<T>(&self, mut test: impl FnMut(Scalar) -> Option<T>) -> Option<(usize, T)> {
        macro_rules! find {
            ($($kind:ident $type:ident $typestr:literal $class:ident;)*) => {
                match self.0.dtype.kind()? {
                    $(Kind::$kind => {
                        let (items, _) = self.0.data.as_chunks::<{ size_of::<$type>() }>();
                        let numbers = items.iter().map(|bytes| <$type>::from_le_bytes(*bytes).into());
                        numbers.enumerate().find_map(|(at, number)| Some((at, test(number)?)))
                    })*
                    _ => None,
                }
            };
        }
        for_each_number!(find)
    }

    /// The array of this type that nested lists of numbers describe, each number converted as [`Struct::set`] converts it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::WrongType`] if the lists of a dimension have different lengths, or contain anything but numbers, or the type
    /// is not a number type of Rust; [`ErrorKind::OutOfRange`] for a number that does not fit the type.
    ///
    /// ```
    /// use structstore::{ArrayValue, DType, Value};
    ///
    /// let lists = Value::list([Value::list([1, 2]), Value::list([3, 4])]);
    /// let array = ArrayValue::from_lists(&DType::of::<f32>(), &lists)?;
    /// assert_eq!(array.to_vec::<f32>(), Some(vec![1.0, 2.0, 3.0, 4.0]));
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn from_lists(dtype: &DType, lists: &Value<'_>) -> Result<ArrayValue<'static>> {
        if !matches!(lists, Value::List(_)) {
            return Err(Error::wrong_type(lists.kind().name(), "a list of numbers"));
        }
        let (mut shape, mut numbers) = (Vec::new(), Vec::new());
        flatten(lists, 0, &mut shape, &mut numbers)?;
        ArrayValue::from_numbers(dtype, &shape, &numbers)
    }

    /// The array of this type with these numbers, in C order, as its elements.
    pub(crate) fn from_numbers(
        dtype: &DType,
        shape: &[usize],
        numbers: &[Scalar],
    ) -> Result<ArrayValue<'static>> {
        let kind = dtype.number().ok_or_else(|| Error::wrong_type("numbers", format!("{dtype}{shape:?}")))?;
        let mut data = Vec::with_capacity(numbers.len().saturating_mul(dtype.itemsize()));
        for (at, number) in numbers.iter().enumerate() {
            let converted = number.to_kind(kind).map_err(|error| error.below(element_path(at, shape)))?;
            let bytes = converted.to_le_bytes();
            data.extend_from_slice(bytes.get(..dtype.itemsize()).unwrap_or(&bytes));
        }
        ArrayValue::new(dtype.clone(), shape, data)
    }
}

/// The indices of an element in each dimension, as a path has them.
///
/// ```
/// use structstore::binding_support::element_path;
///
/// assert_eq!(element_path(5, &[2, 3]).to_string(), "[1][2]");
/// ```
pub fn element_path(at: usize, shape: &[usize]) -> Path {
    let mut rest = at;
    shape.iter().rev().fold(Path::ROOT, |path, length| {
        let index = rest.checked_rem(*length).unwrap_or(0);
        rest = rest.checked_div(*length).unwrap_or(0);
        path.under(index)
    })
}

/// Shape and numbers of nested lists.
///
/// # Errors
///
/// [`ErrorKind::WrongType`] if the lists of a dimension have different lengths, or hold anything but numbers.
pub(crate) fn flatten(
    value: &Value<'_>,
    depth: usize,
    shape: &mut Vec<usize>,
    numbers: &mut Vec<Scalar>,
) -> Result<()> {
    let uneven = |found: &'static str| Err(Error::wrong_type(found, "lists of equal lengths"));
    match value {
        Value::List(_) if depth == MAX_DIMENSIONS => {
            Err(Error::wrong_type("lists in 33 dimensions", "at most 32 dimensions"))
        }
        Value::List(items) => {
            if depth == shape.len() {
                // A new dimension may only be found on the way to the first number.
                if !numbers.is_empty() {
                    return uneven("an uneven list");
                }
                shape.push(items.len());
            }
            if shape.get(depth) != Some(&items.len()) {
                return uneven("an uneven list");
            }
            items.iter().enumerate().try_for_each(|(index, item)| {
                flatten(item, depth.saturating_add(1), shape, numbers).map_err(|error| error.under(index))
            })
        }
        Value::Scalar(scalar) if depth == shape.len() => {
            numbers.push(*scalar);
            Ok(())
        }
        Value::Scalar(_) => uneven("an uneven list"),
        other => Err(Error::wrong_type(other.kind().name(), "a number")),
    }
}

impl std::fmt::Debug for ArrayValue<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Contents { dtype, shape, data, .. } = &*self.0;
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

/// A type of array elements: plain data, for which any bytes are a value.
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
pub unsafe trait Element: ToValue + Copy + Send + Sync + 'static {
    /// NumPy's type string.
    const TYPESTR: &'static str;
}

macro_rules! element {
    ($type:ty, $typestr:literal) => {
        // SAFETY: a primitive number; the type string has its size, kind and little-endian order.
        unsafe impl Element for $type {
            const TYPESTR: &'static str = $typestr;
        }

        impl<'a> From<Vec<$type>> for Value<'a> {
            fn from(elements: Vec<$type>) -> Self {
                ArrayValue::from_slice(&[elements.len()], &elements)
                    .map_or(Value::Null, |array| Value::Array(array.into_owned()))
            }
        }

        impl<'a, const N: usize> From<[$type; N]> for Value<'a> {
            fn from(elements: [$type; N]) -> Self {
                ArrayValue::from_slice(&[N], &elements)
                    .map_or(Value::Null, |array| Value::Array(array.into_owned()))
            }
        }
    };
}

macro_rules! elements {
    ($($kind:ident $type:ident $typestr:literal $class:ident;)*) => {
        $(element!($type, $typestr);)*
    };
}

for_each_number!(elements);
element!(isize, "<i8");
element!(usize, "<u8");

/// A Rust array of fixed shape, nested up to three deep, as a field of a bound struct.
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
    /// The length of each dimension.
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
