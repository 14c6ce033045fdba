//! Arrays, and views of their memory.

use std::ffi::{c_char, c_void};

use structstore::{Array, ArrayValue, ArrayView, DType, Error, Result};

use crate::object::{Object, elements, object, text, write};
use crate::place::{Place, stst_place};
use crate::status::{status, stst_status};

/// An array in memory, in C order.
#[repr(C)]
pub struct stst_array {
    /// The type of its elements as NumPy writes it, such as "<f8" or "|u1"; of records `[('t', '<f8'), ('n', '<i4')]`.
    pub dtype: *const c_char,
    /// The length of that.
    pub dtype_length: usize,
    /// How many elements there are along each dimension.
    pub shape: *const usize,
    /// How many dimensions there are.
    pub dimensions: usize,
    /// The elements.
    pub data: *mut c_void,
    /// How many bytes they have.
    pub size: usize,
    /// For a view: whether it may be written to.
    pub writable: bool,
}

/// The type and the shape of an array that C has described. Of records, the size has to be said.
///
/// # Safety
///
/// As the crate says.
pub(crate) unsafe fn described<'a>(
    (dtype, length): (*const c_char, usize),
    (shape, dimensions): (*const usize, usize),
    itemsize: impl FnOnce(&[usize]) -> usize,
) -> Result<(DType, &'a [usize])> {
    // SAFETY: the caller's promise.
    let (dtype, shape) = unsafe { (text(dtype, length, "dtype")?, elements(shape, dimensions, "shape")?) };
    let size = itemsize(shape);
    let dtype = DType::from_descr(dtype, u32::try_from(size).unwrap_or(u32::MAX))?;
    if dtype.is_structured() && dtype.fields().is_none() {
        let expected = format!("fields of {size} bytes together, as NumPy writes them");
        return Err(Error::invalid("dtype", dtype.descr().to_owned(), expected));
    }
    Ok((dtype, shape))
}

/// Assigns an array. `live`: assigning it again changes the elements in place, and views show it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_set_array(
    place: *const stst_place,
    array: *const stst_array,
    live: bool,
) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe {
        let place = Place::of(place)?;
        if array.is_null() {
            return Err(Error::invalid("array", "null", "an array"));
        }
        let array = &*array;
        let itemsize = |shape: &[usize]| {
            array.size / shape.iter().fold(1, |count: usize, length| count.saturating_mul(*length)).max(1)
        };
        let (dtype, shape) =
            described((array.dtype, array.dtype_length), (array.shape, array.dimensions), itemsize)?;
        let data = elements(array.data.cast_const().cast::<u8>(), array.size, "data")?;
        let value = ArrayValue::new(dtype, shape, data)?;
        place.set(if live { value.live() } else { value })
    })
}

/// A view of an array's elements. Their memory stays valid until the view is freed, even if the array is replaced or removed. A view takes no lock.
pub struct stst_view {
    view: ArrayView,
    dtype: String,
}

object!(stst_view, "view", b"ststview");

/// A view of the array at a place.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_get_view(place: *const stst_place, view: *mut *mut stst_view) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe {
        let found = Place::of(place)?.get::<Array>()?.view()?;
        let dtype = found.dtype().descr().to_owned();
        stst_view { view: found, dtype }.give(view)
    })
}

/// Describes what a view shows. The pointers are valid until the view is freed. Other processes may change the elements at any time, unless every writer
/// takes a lock on the struct first.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_view_array(view: *const stst_view, array: *mut stst_array) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe {
        let of = stst_view::of(view)?;
        let shape = of.view.shape();
        let found = stst_array {
            dtype: of.dtype.as_ptr().cast(),
            dtype_length: of.dtype.len(),
            shape: shape.as_ptr(),
            dimensions: shape.len(),
            data: of.view.as_ptr().cast(),
            size: of.view.byte_len(),
            writable: of.view.is_writable(),
        };
        write(array, found)
    })
}

/// Whether the elements are still those of the array, which may have been replaced or removed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_view_is_current(view: *const stst_view, current: *mut bool) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe { write(current, stst_view::of(view)?.view.is_current()) })
}

/// Frees a view. A null pointer is ignored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_view_free(view: *mut stst_view) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe { stst_view::take(view).map(drop) })
}

/// Tells watchers that elements of the array at a place were changed through a view.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_notify(place: *const stst_place) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe { Place::of(place)?.get::<Array>()?.notify() })
}
