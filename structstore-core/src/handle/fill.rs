//! Arrays that are filled in the store's memory before they are assigned.

use std::marker::PhantomData;

use super::{ArrayView, List, Struct, view};
use crate::access::Handle;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::Result;
use crate::key::Key;
use crate::ops::{lists, structs};
use crate::value::{ArrayValue, DType, Element, Value, whole_elements};

/// An array in the store's memory that is not in the store yet. It is filled in place and then published, without a copy.
///
/// Only this process sees the elements before [`publish`](Filling::publish). If it is dropped unpublished, or if the process dies, the
/// store does not change. The elements are arbitrary at first.
///
/// ```
/// use structstore::{Array, StructStore};
///
/// let store = StructStore::new();
/// let mut frame = store.fill::<u8>("frame", &[2, 3])?;
/// frame.as_mut_slice().copy_from_slice(&[1, 2, 3, 4, 5, 6]);
/// assert!(!store.contains("frame")?);
/// frame.publish()?;
/// assert_eq!(store.get::<Array>("frame")?.to_vec::<u8>()?, [1, 2, 3, 4, 5, 6]);
/// # Ok::<(), structstore::Error>(())
/// ```
#[must_use = "it is dropped unless it is published"]
pub struct Filling<T> {
    view: ArrayView,
    target: Target,
    element: PhantomData<T>,
}

enum Target {
    Field(Handle, String),
    Item(Handle, usize),
    End(Handle),
}

impl<T: Element> Filling<T> {
    fn new(handle: &Handle, shape: &[usize], target: impl FnOnce(Handle) -> Target) -> Result<Filling<T>> {
        let view = view::unpublished(handle, DType::of::<T>(), shape)?;
        Ok(Filling { view, target: target(handle.clone()), element: PhantomData })
    }

    /// The shape: the length of each dimension.
    pub fn shape(&self) -> &[usize] {
        self.view.shape()
    }

    /// The elements in C order.
    pub fn as_slice(&self) -> &[T] {
        // SAFETY: in bounds and aligned to 64 bytes, any bytes are elements; the lease keeps the block, which no array in the store has.
        unsafe {
            std::slice::from_raw_parts(self.view.as_ptr().cast(), whole_elements::<T>(self.view.byte_len()))
        }
    }

    /// The elements in C order.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        let count = whole_elements::<T>(self.view.byte_len());
        // SAFETY: as above, and `&mut self` keeps this from lending them twice.
        unsafe { std::slice::from_raw_parts_mut(self.view.as_ptr().cast(), count) }
    }

    /// Assigns the array, as [`Struct::set`] or [`List::push`] would. A live array in that place takes a copy of the elements.
    ///
    /// # Errors
    ///
    /// Those of the assignment. After an error, the array is dropped.
    pub fn publish(self) -> Result<()> {
        match &self.target {
            Target::Field(handle, name) => structs::set(handle, &Key::new(name), &value(&self.view)?),
            Target::Item(handle, index) => lists::set(handle, *index, &value(&self.view)?),
            Target::End(handle) => lists::push(handle, &value(&self.view)?),
        }
    }
}

/// The value that has an array take over the memory of a view, which nothing in the store leads to.
pub(crate) fn value(view: &ArrayView) -> Result<Value<'_>> {
    // SAFETY: in bounds; the lease keeps them. Whoever fills them does so no longer, or gets torn elements if they are copied.
    let data = unsafe { std::slice::from_raw_parts(view.as_ptr(), view.byte_len()) };
    Ok(ArrayValue::new(view.dtype().clone(), view.shape(), data)?.placed(view.block()).into())
}

impl Struct {
    /// An array in the store's memory, to be filled in place and published as this field, without a copy.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidArgument`] for a shape that no memory could hold, [`ErrorKind::OutOfSpace`], [`ErrorKind::ReadOnly`].
    ///
    /// See [`Filling`](crate::typed::Filling) for an example.
    pub fn fill<'k, T: Element>(&self, key: impl Into<Key<'k>>, shape: &[usize]) -> Result<Filling<T>> {
        let name = key.into().name().to_owned();
        Filling::new(&self.handle, shape, |handle| Target::Field(handle, name))
    }
}

impl List {
    /// An array in the store's memory, to be filled in place and published as this item, without a copy.
    ///
    /// # Errors
    ///
    /// As [`Struct::fill`].
    pub fn fill<T: Element>(&self, index: usize, shape: &[usize]) -> Result<Filling<T>> {
        Filling::new(&self.handle, shape, |handle| Target::Item(handle, index))
    }

    /// An array in the store's memory, to be filled in place and appended when it is published, without a copy.
    ///
    /// # Errors
    ///
    /// As [`Struct::fill`].
    ///
    /// ```
    /// use structstore::StructStore;
    ///
    /// let store = StructStore::new();
    /// let queue = store.ensure_list("queue")?;
    /// let mut frame = queue.fill_push::<f32>(&[2])?;
    /// frame.as_mut_slice()[0] = 0.5;
    /// frame.as_mut_slice()[1] = 1.5;
    /// frame.publish()?;
    /// assert_eq!(queue.remove_array(0)?.to_vec::<f32>()?, [0.5, 1.5]);
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn fill_push<T: Element>(&self, shape: &[usize]) -> Result<Filling<T>> {
        Filling::new(&self.handle, shape, Target::End)
    }
}
