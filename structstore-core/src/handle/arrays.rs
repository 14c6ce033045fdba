//! Arrays: elements of one type, in one block.

use std::ops::Deref;

use super::view::{self, ArrayView};
use super::{CellElement, ElementCell};
use crate::access::{Borrowed, Handle, Hold, Located, Locked};
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::Result;
use crate::ops::{Get, arrays};
use crate::value::{ArrayValue, DType, Element, ToValue};

/// A handle to an array.
///
/// Assigning an array publishes a new block: readers see the complete old or new array, and existing views keep the old
/// one. A guard or a view changes the array in place. A [live](ArrayValue::live) array keeps its block: assigning changes
/// the elements that views see.
///
/// ```
/// use structstore::{Array, ArrayValue, StructStore};
///
/// let store = StructStore::new();
/// store.set("image", ArrayValue::from_slice(&[2, 3], &[1_u16, 2, 3, 4, 5, 6])?)?;
/// let image = store.get::<Array>("image")?;
/// assert_eq!(image.shape()?, [2, 3]);
///
/// image.write()?.as_mut_slice::<u16>()?[4] = 50;
/// let view = image.view()?;
/// store.delete("image")?;
/// // The view keeps its memory.
/// assert_eq!(view.to_vec::<u16>()?, [1, 2, 3, 4, 50, 6]);
/// # Ok::<(), structstore::Error>(())
/// ```
#[derive(Clone)]
pub struct Array {
    pub(crate) handle: Handle,
}

impl Array {
    pub(crate) fn from_handle(handle: Handle) -> Array {
        Array { handle }
    }

    /// The shape: the length of each dimension.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StaleHandle`] if the array was removed.
    pub fn shape(&self) -> Result<Vec<usize>> {
        Ok(arrays::header(&self.handle)?.shape)
    }

    /// The element type.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StaleHandle`] if the array was removed.
    pub fn dtype(&self) -> Result<DType> {
        Ok(arrays::header(&self.handle)?.dtype)
    }

    /// Whether it is a [live](ArrayValue::live) array.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StaleHandle`] if the array was removed.
    pub fn is_live(&self) -> Result<bool> {
        arrays::is_live(&self.handle)
    }

    /// A copy of the array, as of one moment.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StaleHandle`], [`ErrorKind::HeldByGuard`]; [`ErrorKind::Contended`] for a store that was opened read-only and
    /// changes again and again meanwhile.
    pub fn to_value(&self) -> Result<ArrayValue<'static>> {
        arrays::to_value(&self.handle)
    }

    /// A copy of the elements.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::WrongType`] if they are of another type, and as [`Array::to_value`].
    ///
    /// ```
    /// use structstore::{Array, ArrayValue, StructStore};
    ///
    /// let store = StructStore::new();
    /// store.set("gains", ArrayValue::from_slice(&[3], &[1.0, 0.5, 0.0])?)?;
    /// let gains = store.get::<Array>("gains")?;
    /// assert_eq!(gains.to_vec::<f64>()?, [1.0, 0.5, 0.0]);
    /// assert!(gains.to_vec::<f32>().is_err());
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>> {
        arrays::to_vec(&self.handle)
    }

    /// A copy of one element, converted as [`Struct::get`](crate::Struct::get) does.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::IndexOutOfRange`]; [`ErrorKind::WrongType`] if there are more or fewer indices than dimensions, or the elements are
    /// not numbers.
    ///
    /// ```
    /// use structstore::{Array, ArrayValue, StructStore};
    ///
    /// let store = StructStore::new();
    /// store.set("frame", ArrayValue::from_slice(&[2, 2], &[0_u8, 10, 20, 30])?)?;
    /// assert_eq!(store.get::<Array>("frame")?.element::<u8>(&[1, 0])?, 20);
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn element<T: Get>(&self, indices: &[usize]) -> Result<T> {
        arrays::element(&self.handle, indices)
    }

    /// Assigns one element, converted as [`Struct::set`](crate::Struct::set) does. If views of a published array exist, they keep
    /// their elements, and the array gets a copy.
    ///
    /// # Errors
    ///
    /// As [`Array::element`]; [`ErrorKind::OutOfRange`], [`ErrorKind::OutOfSpace`] if a copy finds no room.
    ///
    /// ```
    /// use structstore::{Array, StructStore};
    ///
    /// let store = StructStore::new();
    /// store.set("gains", [1.0, 2.0])?;
    /// store.get::<Array>("gains")?.set_element(&[1], 5)?;
    /// assert_eq!(store.get_at::<f64>("gains[1]")?, 5.0);
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn set_element(&self, indices: &[usize], value: impl ToValue) -> Result<()> {
        value.with_value(|value| arrays::set_element(&self.handle, indices, value))
    }

    /// Replaces the array with another one, of any shape and type unless a binding fixed them or the array is live.
    ///
    /// The elements are copied before any lock is taken.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::WrongType`] if its type or shape is fixed and differs; [`ErrorKind::OutOfSpace`].
    ///
    /// ```
    /// use structstore::{Array, ArrayValue, StructStore};
    ///
    /// let store = StructStore::new();
    /// store.set("gains", ArrayValue::from_slice(&[3], &[1.0, 0.5, 0.0])?)?;
    /// let gains = store.get::<Array>("gains")?;
    /// gains.set(&ArrayValue::from_slice(&[1, 2], &[3_u8, 4])?)?;
    /// assert_eq!((gains.shape()?, gains.to_vec::<u8>()?), (vec![1, 2], vec![3, 4]));
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn set(&self, array: &ArrayValue<'_>) -> Result<()> {
        arrays::set(&self.handle, array)
    }

    /// A view of the array's memory. It stays valid whatever happens to the array and the store.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::HeldByGuard`] while a guard of this thread may lend the array as a slice,
    /// [`ErrorKind::ReadOnly`] for a store that was opened read-only.
    ///
    /// ```
    /// use structstore::{Array, ArrayValue, StructStore};
    ///
    /// let store = StructStore::new();
    /// store.set("gains", ArrayValue::from_slice(&[3], &[1.0, 0.5, 0.0])?)?;
    /// let gains = store.get::<Array>("gains")?;
    /// let before = gains.view()?;
    /// gains.set(&ArrayValue::from_slice(&[3], &[2.0, 2.0, 2.0])?)?;
    /// assert_eq!(before.to_vec::<f64>()?, [1.0, 0.5, 0.0]);
    /// assert_eq!(gains.view()?.to_vec::<f64>()?, [2.0; 3]);
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn view(&self) -> Result<ArrayView> {
        view::lease(&self.handle.near()).at(&self.handle)
    }
}

/// An array that is held exclusively.
///
/// ```
/// use structstore::{Array, ArrayValue, StructStore};
///
/// let store = StructStore::new();
/// store.set("gains", ArrayValue::from_slice(&[3], &[1.0, 0.5, 0.0])?)?;
/// let mut gains = store.get::<Array>("gains")?.write()?;
/// gains.as_mut_slice::<f64>()?[2] = 0.25;
/// assert!(gains.as_mut_slice::<f32>().is_err(), "they are of 64 bits");
/// gains.set(&ArrayValue::from_slice(&[2, 1], &[1_u8, 2])?)?;
/// assert_eq!(gains.shape()?, [2, 1]);
/// # Ok::<(), structstore::Error>(())
/// ```
pub struct ArrayMut<'s, H = Borrowed<'s>> {
    reading: ArrayRef<'s, H>,
}

impl<'s, H> Deref for ArrayMut<'s, H> {
    type Target = ArrayRef<'s, H>;

    #[inline(always)]
    fn deref(&self) -> &ArrayRef<'s, H> {
        &self.reading
    }
}

impl<'s, H: Hold> ArrayMut<'s, H> {
    pub(crate) fn new(locked: Locked<'s, H>) -> ArrayMut<'s, H> {
        ArrayMut { reading: ArrayRef { locked } }
    }

    /// The elements in C order.
    ///
    /// If views of the array exist, they keep their elements, and the array gets a copy.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::WrongType`] if they are of another type or the array is live, [`ErrorKind::OutOfSpace`] if a copy finds no room.
    pub fn as_mut_slice<T: Element>(&mut self) -> Result<&mut [T]> {
        let (start, count) = arrays::own_elements(&self.locked)?;
        // SAFETY: in bounds, aligned to 64 bytes, any bytes are elements; no view shares the block and none can be taken
        // while the node is held; `&mut self` keeps this guard from lending it twice.
        Ok(unsafe { std::slice::from_raw_parts_mut(start, count) })
    }

    /// The elements as cells. Views of a live array see them, too.
    ///
    /// If views of a published array exist, they keep their elements, and the array gets a copy.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::WrongType`] if they are of another type, [`ErrorKind::OutOfSpace`] if a copy finds no room.
    ///
    /// ```
    /// use structstore::{Array, ArrayValue, StructStore};
    ///
    /// let store = StructStore::new();
    /// store.set("q", ArrayValue::from_slice(&[3], &[0.0; 3])?.live())?;
    /// let view = store.get::<Array>("q")?.view()?;
    /// let mut q = store.get::<Array>("q")?.write()?;
    /// for cell in q.cells::<f64>()? {
    ///     cell.set(1.5);
    /// }
    /// assert_eq!(view.to_vec::<f64>()?, [1.5; 3]);
    /// assert!(q.as_mut_slice::<f64>().is_err());
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn cells<T: CellElement>(&mut self) -> Result<&[ElementCell<T>]> {
        let (start, count) = arrays::cells::<T>(&self.locked)?;
        // SAFETY: in bounds and aligned, and the array keeps the block while it is held; atomics take any bytes.
        Ok(unsafe { std::slice::from_raw_parts(start.cast(), count) })
    }

    /// Assigns one element: see [`Array::set_element`].
    ///
    /// # Errors
    ///
    /// As [`Array::set_element`].
    pub fn set_element(&mut self, indices: &[usize], value: impl ToValue) -> Result<()> {
        value.with_value(|value| arrays::set_element(&self.locked, indices, value))
    }

    /// Replaces the array. A binding may have fixed its type.
    ///
    /// # Errors
    ///
    /// As [`Array::set`].
    pub fn set(&mut self, array: &ArrayValue<'_>) -> Result<()> {
        arrays::set(&self.locked, array)
    }

    /// Reborrows the guard for a shorter time, to pass it on.
    pub fn reborrow(&mut self) -> ArrayMut<'_> {
        ArrayMut::new(self.locked.reborrow())
    }
}

/// An array that is held for reading.
///
/// ```
/// use structstore::{Array, ArrayValue, ErrorKind, StructStore};
///
/// let store = StructStore::new();
/// store.set("gains", ArrayValue::from_slice(&[3], &[1.0, 0.5, 0.0])?)?;
/// let gains = store.get::<Array>("gains")?;
/// assert_eq!(gains.read()?.as_slice::<f64>()?[1], 0.5);
///
/// let view = gains.view()?;
/// assert!(matches!(gains.read()?.as_slice::<f64>(), Err(error) if error.kind() == ErrorKind::Leased));
/// assert_eq!(gains.read()?.to_vec::<f64>()?, view.to_vec::<f64>()?);
/// # Ok::<(), structstore::Error>(())
/// ```
pub struct ArrayRef<'s, H = Borrowed<'s>> {
    pub(crate) locked: Locked<'s, H>,
}

impl<'s, H: Hold> ArrayRef<'s, H> {
    pub(crate) fn new(locked: Locked<'s, H>) -> ArrayRef<'s, H> {
        ArrayRef { locked }
    }

    /// The shape: the length of each dimension.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] if the memory is damaged.
    pub fn shape(&self) -> Result<Vec<usize>> {
        Ok(arrays::header(&self.locked)?.shape)
    }

    /// The element type.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] if the memory is damaged.
    pub fn dtype(&self) -> Result<DType> {
        Ok(arrays::header(&self.locked)?.dtype)
    }

    /// Whether it is a [live](ArrayValue::live) array.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] if the memory is damaged.
    pub fn is_live(&self) -> Result<bool> {
        arrays::is_live(&self.locked)
    }

    /// The elements in C order, in place.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Leased`] if views of the array exist, because it may change through them at any time; copy it then.
    /// [`ErrorKind::WrongType`] if the elements are of another type or the array is live.
    pub fn as_slice<T: Element>(&self) -> Result<&[T]> {
        arrays::slice(&self.locked)
    }

    /// A copy of the elements.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::WrongType`] if they are of another type.
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>> {
        arrays::to_vec(&self.locked)
    }

    /// One element: see [`Array::element`].
    ///
    /// # Errors
    ///
    /// As [`Array::element`].
    pub fn element<T: Get>(&self, indices: &[usize]) -> Result<T> {
        arrays::element(&self.locked, indices)
    }

    /// A copy of the array.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] if the memory is damaged.
    pub fn to_value(&self) -> Result<ArrayValue<'static>> {
        arrays::to_value(&self.locked)
    }
}
