//! Arrays, and the views of them that outlive any lock.

use std::sync::Arc;
use std::time::Duration;

use super::access::{Guard, Hold, Lent, at_most};
use super::{Access, CellElement, ElementCell, Handle, Near};
use crate::arena::Arena;
use crate::arena::layout::Node;
use crate::error::{Error, ErrorKind, Result};
use crate::lock::{Locker, Mode, Wait};
use crate::node::{self, BLOCK, FixedType};
use crate::sync::{Ordering, fence};
use crate::value::{ArrayBlock, ArrayValue, DType, Element, Value, lease_count, whole_elements};
use crate::view::Lease;

/// A handle to an array.
///
/// Assigning an array publishes a new block, so that readers see the old or the new one whole, and views taken
/// before keep the old one. A guard or a view changes it in place.
///
/// ```
/// use structstore::{ArrayValue, StructStore};
///
/// let store = StructStore::new();
/// store.set("image", ArrayValue::from_slice(&[2, 3], &[1_u16, 2, 3, 4, 5, 6])?)?;
/// let image = store.array("image")?;
/// assert_eq!(image.shape()?, [2, 3]);
///
/// image.write()?.as_mut_slice::<u16>()?[4] = 50;
/// let view = image.view()?;
/// store.remove("image")?;
/// // The view keeps its memory.
/// assert_eq!(view.to_vec::<u16>()?, [1, 2, 3, 4, 50, 6]);
/// # Ok::<(), structstore::Error>(())
/// ```
#[derive(Clone)]
pub struct Array {
    pub(crate) handle: Handle,
}

/// How often a lease of this process is looked for, before a new one is taken under a lock.
const LEASE_TRIES: usize = 10;

fn block_of(node: &Node) -> u64 {
    node.body[BLOCK].load(Ordering::Relaxed)
}

impl Array {
    pub(crate) fn from_handle(handle: Handle) -> Array {
        Array { handle }
    }

    fn header(&self) -> Result<ArrayBlock> {
        self.handle
            .read(|arena, node| ArrayBlock::read(arena, block_of(node)))
            .map_err(|error| self.handle.locate(error))
    }

    /// The extent of each dimension.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StaleHandle`] if the array was removed.
    pub fn shape(&self) -> Result<Vec<usize>> {
        Ok(self.header()?.shape)
    }

    /// The element type.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StaleHandle`] if the array was removed.
    pub fn dtype(&self) -> Result<DType> {
        Ok(self.header()?.dtype)
    }

    /// A copy of the array, as of one moment.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StaleHandle`], [`ErrorKind::HeldByGuard`]; [`ErrorKind::Contended`] for a store that was opened read-only and is changed
    /// again and again meanwhile.
    pub fn to_value(&self) -> Result<ArrayValue<'static>> {
        match self.handle.to_value()? {
            Value::Array(array) => Ok(array),
            other => Err(super::wrong_kind(other.kind(), "array")),
        }
    }

    /// A copy of the elements.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::WrongType`] if they are of another type, and as [`Array::to_value`].
    ///
    /// ```
    /// use structstore::{ArrayValue, StructStore};
    ///
    /// let store = StructStore::new();
    /// store.set("gains", ArrayValue::from_slice(&[3], &[1.0, 0.5, 0.0])?)?;
    /// let gains = store.array("gains")?;
    /// assert_eq!(gains.to_vec::<f64>()?, [1.0, 0.5, 0.0]);
    /// assert!(gains.to_vec::<f32>().is_err());
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>> {
        let array = self.to_value()?;
        array.to_vec().ok_or_else(|| self.handle.locate(wrong_dtype::<T>(array.dtype())))
    }

    /// Replaces the array by another one, of any shape and type unless a binding fixed them.
    ///
    /// The elements are copied before any lock is taken.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::WrongType`] if a binding fixed another type or shape, [`ErrorKind::OutOfSpace`].
    ///
    /// ```
    /// use structstore::{ArrayValue, StructStore};
    ///
    /// let store = StructStore::new();
    /// store.set("gains", ArrayValue::from_slice(&[3], &[1.0, 0.5, 0.0])?)?;
    /// let gains = store.array("gains")?;
    /// gains.assign(&ArrayValue::from_slice(&[1, 2], &[3_u8, 4])?)?;
    /// assert_eq!((gains.shape()?, gains.to_vec::<u8>()?), (vec![1, 2], vec![3, 4]));
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn assign(&self, array: &ArrayValue<'_>) -> Result<()> {
        self.publish(array).map_err(|error| self.handle.locate(error))
    }

    pub(super) fn publish(&self, array: &ArrayValue<'_>) -> Result<()> {
        let node = self.handle.record();
        let borrowed = Value::Array(array.borrowed());
        let array = match self.handle.read(FixedType::of)? {
            None => array.borrowed(),
            Some(fixed) => node::convert_array(&borrowed, &fixed)?,
        };
        let array = Value::Array(array);
        self.handle.change_prepared(
            |operation| node::build_block(operation, &array),
            |operation, aside| node::replace_block(operation, node, aside),
        )
    }

    /// A view of the array's memory, which stays valid whatever becomes of the array and the store.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::HeldByGuard`] while a guard of this thread may lend the array as a slice,
    /// [`ErrorKind::ReadOnly`] for a store that was opened read-only.
    ///
    /// ```
    /// use structstore::{ArrayValue, StructStore};
    ///
    /// let store = StructStore::new();
    /// store.set("gains", ArrayValue::from_slice(&[3], &[1.0, 0.5, 0.0])?)?;
    /// let gains = store.array("gains")?;
    /// let before = gains.view()?;
    /// gains.assign(&ArrayValue::from_slice(&[3], &[2.0, 2.0, 2.0])?)?;
    /// assert_eq!(before.to_vec::<f64>()?, [1.0, 0.5, 0.0]);
    /// assert_eq!(gains.view()?.to_vec::<f64>()?, [2.0; 3]);
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn view(&self) -> Result<ArrayView> {
        self.handle.near().lease().map(|(view, _)| view).map_err(|error| self.handle.locate(error))
    }

    /// Locks the array for changing in place, for as long as the guard lives.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::HeldByGuard`] or [`ErrorKind::Deadlock`] if this thread holds it already.
    pub fn write(&self) -> Result<ArrayMut<'static, Guard>> {
        self.lock(None)
    }

    /// As [`Array::write`], but waits for at most `timeout`.
    ///
    /// # Errors
    ///
    /// In addition, [`ErrorKind::LockTimeout`].
    pub fn write_timeout(&self, timeout: Duration) -> Result<ArrayMut<'static, Guard>> {
        self.lock(Some(timeout))
    }

    fn lock(&self, timeout: Option<Duration>) -> Result<ArrayMut<'static, Guard>> {
        Access::lock(&self.handle, Mode::Tree, &at_most(timeout)).map(ArrayMut::new)
    }

    /// Locks the array against changes, for as long as the guard lives.
    ///
    /// # Errors
    ///
    /// As [`Array::write`].
    pub fn read(&self) -> Result<ArrayRef<'static, Guard>> {
        Access::lock(&self.handle, Mode::Shared, &Wait::FOREVER).map(ArrayRef::new)
    }
}

impl Near<'_> {
    /// A view of the array that the node is, and whether this thread may write to it: not under a lock of its own for
    /// reading.
    ///
    /// A block is leased only while no guard of any process lends it as a slice: under an exclusive lock, or, where this
    /// thread has a shared one already, if no other thread has one, too. A guard that is taken later sees the lease.
    pub(super) fn lease(self) -> Result<(ArrayView, bool)> {
        let arena = &self.store.arena;
        let shared = self.store.nesting && self.own()?.shared;
        for _ in 0..LEASE_TRIES {
            let block = self.read(|_, node| Ok(block_of(node)))?;
            let Some(lease) = Lease::existing(arena, block) else { break };
            // The lease keeps the block from being used anew; but before it was found, that may have happened already.
            if self.read(|_, node| Ok(block_of(node)))? == block {
                return Ok((ArrayView::new(arena, lease)?, !shared));
            }
        }
        let held = self.acquire(if shared { Mode::Shared } else { Mode::Node }, &Wait::FOREVER)?;
        let alone = || {
            // Between the lease and the look at holds; its counterpart is the fence behind the publication of a hold, whose
            // thread looks at the leases before it lends a slice.
            fence(Ordering::SeqCst);
            Ok(!shared || !self.is_shared_by_others()?)
        };
        let lease = Lease::take(arena, block_of(self.record), alone);
        held.release_unchanged(arena);
        match lease? {
            Some(lease) => Ok((ArrayView::new(arena, lease)?, !shared)),
            None => Err(Error::new(ErrorKind::Deadlock)),
        }
    }

    /// Whether other threads hold the node, for reading.
    fn is_shared_by_others(self) -> Result<bool> {
        let arena = &self.store.arena;
        Locker::new(&**arena, arena.seat(&Wait::FOREVER)?.own).is_shared_by_others(self.id.index)
    }
}

fn wrong_dtype<T: Element>(found: &DType) -> Error {
    Error::wrong_type(format!("an array of {found}"), format!("an array of {}", T::TYPESTR))
}

/// The elements of a block, if they are of this type.
fn elements<T: Element>(arena: &Arena, block: u64) -> Result<(*mut T, usize)> {
    let header = ArrayBlock::read(arena, block)?;
    if header.dtype.descr() != T::TYPESTR {
        return Err(wrong_dtype::<T>(&header.dtype));
    }
    Ok((header.elements(arena, block)?.cast(), whole_elements::<T>(header.bytes as usize)))
}

/// Gives an array that is held exclusively a block of its own if views share the one it has.
pub(crate) fn unshare(arena: &Arc<Arena>, index: u32, node: &Node) -> Result<()> {
    if lease_count(arena, block_of(node))?.load(Ordering::Acquire) == 0 {
        return Ok(());
    }
    super::operate_below(arena, index, |operation| {
        node::replace_block(operation, node, node::copy_array(operation, block_of(node))?)
    })
}

/// An array that is held exclusively.
///
/// ```
/// use structstore::{ArrayValue, StructStore};
///
/// let store = StructStore::new();
/// store.set("gains", ArrayValue::from_slice(&[3], &[1.0, 0.5, 0.0])?)?;
/// let mut gains = store.array("gains")?.write()?;
/// gains.as_mut_slice::<f64>()?[2] = 0.25;
/// assert!(gains.as_mut_slice::<f32>().is_err(), "they are of 64 bits");
/// gains.assign(&ArrayValue::from_slice(&[2, 1], &[1_u8, 2])?)?;
/// assert_eq!(gains.shape()?, [2, 1]);
/// # Ok::<(), structstore::Error>(())
/// ```
pub struct ArrayMut<'s, H = Lent<'s>> {
    pub(super) access: Access<'s, H>,
}

impl<'s, H: Hold> ArrayMut<'s, H> {
    pub(crate) fn new(access: Access<'s, H>) -> ArrayMut<'s, H> {
        ArrayMut { access }
    }

    /// The extent of each dimension.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] if the memory is damaged.
    pub fn shape(&self) -> Result<Vec<usize>> {
        Ok(ArrayBlock::read(self.access.arena(), block_of(self.access.node()))?.shape)
    }

    /// The element type.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] if the memory is damaged.
    pub fn dtype(&self) -> Result<DType> {
        Ok(ArrayBlock::read(self.access.arena(), block_of(self.access.node()))?.dtype)
    }

    /// The elements in C order.
    ///
    /// If views of the array exist, they keep what they have, and the array gets a copy.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::WrongType`] if they are of another type, [`ErrorKind::OutOfSpace`] if a copy finds no room.
    pub fn as_mut_slice<T: Element>(&mut self) -> Result<&mut [T]> {
        let lent = unshare(self.access.arena(), self.access.id().index, self.access.node())
            .and_then(|()| elements::<T>(self.access.arena(), block_of(self.access.node())));
        match lent {
            // SAFETY: in bounds, aligned to 64 bytes, any bytes are elements; no view shares the block and none
            // can be taken while the node is held; `&mut self` keeps this guard from lending it twice.
            Ok((start, count)) => Ok(unsafe { std::slice::from_raw_parts_mut(start, count) }),
            Err(error) => Err(self.access.locate(error)),
        }
    }

    /// Replaces the array by another one.
    ///
    /// # Errors
    ///
    /// As [`Array::assign`].
    pub fn assign(&mut self, array: &ArrayValue<'_>) -> Result<()> {
        let record: *const Node = self.access.node();
        let value = Value::Array(array.borrowed());
        let assigned = self.access.operate(|operation| {
            // SAFETY: the record lies in the mapping that the access keeps.
            let node = unsafe { &*record };
            let array = match FixedType::of(operation.arena(), node)? {
                None => array.borrowed(),
                Some(fixed) => node::convert_array(&value, &fixed)?,
            };
            node::replace_block(operation, node, node::build_block(operation, &Value::Array(array))?)
        });
        assigned.map_err(|error| self.access.locate(error))
    }
}

/// An array that is held for reading.
///
/// ```
/// use structstore::{ArrayValue, ErrorKind, StructStore};
///
/// let store = StructStore::new();
/// store.set("gains", ArrayValue::from_slice(&[3], &[1.0, 0.5, 0.0])?)?;
/// let gains = store.array("gains")?;
/// assert_eq!(gains.read()?.as_slice::<f64>()?[1], 0.5);
///
/// let view = gains.view()?;
/// assert!(matches!(gains.read()?.as_slice::<f64>(), Err(error) if error.kind() == ErrorKind::Leased));
/// assert_eq!(gains.read()?.to_vec::<f64>()?, view.to_vec::<f64>()?);
/// # Ok::<(), structstore::Error>(())
/// ```
pub struct ArrayRef<'s, H = Lent<'s>> {
    pub(super) access: Access<'s, H>,
}

impl<'s, H: Hold> ArrayRef<'s, H> {
    pub(crate) fn new(access: Access<'s, H>) -> ArrayRef<'s, H> {
        ArrayRef { access }
    }

    /// The extent of each dimension.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] if the memory is damaged.
    pub fn shape(&self) -> Result<Vec<usize>> {
        Ok(ArrayBlock::read(self.access.arena(), block_of(self.access.node()))?.shape)
    }

    /// The elements in C order.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Leased`] if views of the array exist, through which it may change at any time; copy it then.
    /// [`ErrorKind::WrongType`] if the elements are of another type.
    pub fn as_slice<T: Element>(&self) -> Result<&[T]> {
        let (arena, block) = (self.access.arena(), block_of(self.access.node()));
        let lent = lease_count(arena, block).and_then(|count| match count.load(Ordering::Acquire) {
            0 => Ok(elements::<T>(arena, block)?),
            _ => Err(Error::new(ErrorKind::Leased)),
        });
        match lent {
            // SAFETY: in bounds, aligned to 64 bytes, any bytes are elements; no view shares the block, and none
            // can be taken while the node is held.
            Ok((start, count)) => Ok(unsafe { std::slice::from_raw_parts(start, count) }),
            Err(error) => Err(self.access.locate(error)),
        }
    }

    /// A copy of the elements.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::WrongType`] if they are of another type.
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>> {
        let (start, count) = elements::<T>(self.access.arena(), block_of(self.access.node()))
            .map_err(|error| self.access.locate(error))?;
        Ok(copy_elements(start, count))
    }
}

fn copy_elements<T: Element>(start: *const T, count: usize) -> Vec<T> {
    let mut elements = Vec::with_capacity(count);
    // SAFETY: the caller's start and count are in bounds of the mapping, the vector has room for as many, and any
    // bytes are elements.
    unsafe {
        std::ptr::copy_nonoverlapping(start, elements.as_mut_ptr(), count);
        elements.set_len(count);
    }
    elements
}

/// An array's memory, kept by a lease: it stays valid when the array is removed or replaced, and when the store is
/// closed.
///
/// Others may write to it at any time, so that it lends no slices: elements are read and written one by one, or
/// copied. It is what a NumPy array over the store holds.
///
/// ```
/// use structstore::{ArrayValue, StructStore};
///
/// let store = StructStore::new();
/// store.set("history", ArrayValue::from_slice(&[2, 2], &[1.0, 2.0, 3.0, 4.0])?)?;
/// let view = store.array("history")?.view()?;
/// view.cells::<f64>()?[3].set(5.0);
/// assert_eq!(store.array("history")?.to_vec::<f64>()?, [1.0, 2.0, 3.0, 5.0]);
///
/// drop(store);
/// assert_eq!((view.shape(), view.to_vec::<f64>()?[3]), (&[2, 2][..], 5.0));
/// # Ok::<(), structstore::Error>(())
/// ```
pub struct ArrayView {
    dtype: DType,
    shape: Vec<usize>,
    bytes: usize,
    data: *mut u8,
    lease: Arc<Lease>,
}

// SAFETY: the memory is kept by the lease and accessed through raw pointers and atomics only.
unsafe impl Send for ArrayView {}
// SAFETY: as above.
unsafe impl Sync for ArrayView {}

impl ArrayView {
    fn new(arena: &Arena, lease: Arc<Lease>) -> Result<ArrayView> {
        let header = ArrayBlock::read(arena, lease.block())?;
        let data = header.elements(arena, lease.block())?;
        Ok(ArrayView { dtype: header.dtype, shape: header.shape, bytes: header.bytes as usize, data, lease })
    }

    /// The extent of each dimension.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The element type.
    pub fn dtype(&self) -> &DType {
        &self.dtype
    }

    /// How many bytes of elements there are.
    pub fn byte_len(&self) -> usize {
        self.bytes
    }

    /// Where the elements begin. They are there for as long as the view or a clone of its lease lives; others may
    /// write to them at any time.
    pub fn as_ptr(&self) -> *mut u8 {
        self.data
    }

    /// A copy of the elements, which may be torn if somebody writes to them meanwhile.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::WrongType`] if they are of another type.
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>> {
        if self.dtype.descr() != T::TYPESTR {
            return Err(wrong_dtype::<T>(&self.dtype));
        }
        Ok(copy_elements(self.data.cast(), whole_elements::<T>(self.bytes)))
    }

    /// The elements as cells, each of which is read and written atomically.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::WrongType`] if they are of another type.
    ///
    /// ```
    /// use structstore::{ArrayValue, StructStore};
    ///
    /// let store = StructStore::new();
    /// store.set("image", ArrayValue::from_slice(&[2, 2], &[0_u8, 10, 20, 30])?)?;
    /// let view = store.array("image")?.view()?;
    /// let pixels = view.cells::<u8>()?;
    /// pixels[1].set(pixels[3].get());
    /// assert_eq!(store.array("image")?.to_vec::<u8>()?, [0, 30, 20, 30]);
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn cells<T: CellElement>(&self) -> Result<&[ElementCell<T>]> {
        if self.dtype.descr() != T::TYPESTR {
            return Err(wrong_dtype::<T>(&self.dtype));
        }
        // SAFETY: in bounds and aligned; the lease keeps the memory for as long as self; atomics take any bytes.
        Ok(unsafe { std::slice::from_raw_parts(self.data.cast(), whole_elements::<T>(self.bytes)) })
    }

    /// How many views of this process share the block, this one included.
    pub fn sharers(&self) -> usize {
        Arc::strong_count(&self.lease)
    }
}
