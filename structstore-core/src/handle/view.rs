//! Views of arrays, which outlive any lock.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64 as LocalWord, Ordering as LocalOrdering};

use super::{CellElement, ElementCell};
use crate::access::{Access, Handle, Near};
use crate::arena::layout::Node;
use crate::arena::lease::Lease;
use crate::arena::{Arena, BlockKind};
use crate::error::{Error, ErrorKind, Result};
use crate::journal::Operation;
use crate::lock::{Locker, Mode, NodeId, Wait, generation};
use crate::node::meta::{limited, refuse_plain};
use crate::node::{ArrayBlock, LIVE, Raw, array_flags, copy_elements, resolve};
use crate::ops::arrays::{block_of, wrong_dtype};
use crate::sync::{Ordering, fence};
use crate::value::{DType, Element, Kind, whole_elements, wrong_kind};

/// An array's memory, kept by a lease: it stays valid when the array is removed or replaced, and when the store is
/// closed.
///
/// Others may write to it at any time, so it lends no slices: elements are read and written one by one, or copied. A
/// NumPy array over the store holds one.
///
/// ```
/// use structstore::{Array, ArrayValue, StructStore};
///
/// let store = StructStore::new();
/// store.set("history", ArrayValue::from_slice(&[2, 2], &[1.0, 2.0, 3.0, 4.0])?)?;
/// let view = store.get::<Array>("history")?.view()?;
/// view.cells::<f64>()?[3].set(5.0);
/// assert_eq!(store.get::<Array>("history")?.to_vec::<f64>()?, [1.0, 2.0, 3.0, 5.0]);
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
    writes: Writes,
    /// The array that it is of: index 32 | generation 32. No array's before a block that was filled is published.
    array: LocalWord,
    /// Keeps the block and the mapping.
    lease: Arc<Lease>,
}

/// Whether the owner of a view may write to the elements.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Writes {
    Allowed,
    /// The elements have limits, which nothing would keep.
    Limited,
    /// This thread had locked the array for reading.
    ReadLocked,
    /// The store is for reading.
    Refused,
}

// SAFETY: the memory is kept by the lease and accessed through raw pointers and atomics only.
unsafe impl Send for ArrayView {}
// SAFETY: as above.
unsafe impl Sync for ArrayView {}

impl ArrayView {
    fn new(arena: &Arena, array: NodeId, lease: Arc<Lease>, writes: Writes) -> Result<ArrayView> {
        let header = ArrayBlock::read(arena, lease.block())?;
        let data = header.elements(arena, lease.block())?;
        let view = ArrayView {
            dtype: header.dtype,
            shape: header.shape,
            bytes: header.bytes as usize,
            data,
            writes,
            array: LocalWord::new(0),
            lease,
        };
        view.is_of(array);
        Ok(view)
    }

    /// The shape: the length of each dimension.
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

    /// Where the elements begin. They stay there for as long as the view lives; others may write to
    /// them at any time.
    pub fn as_ptr(&self) -> *mut u8 {
        self.data
    }

    /// A copy of the elements. It may be torn if another thread or process writes to them meanwhile.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::WrongType`] if they are of another type.
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>> {
        if self.dtype.descr() != T::TYPESTR {
            return Err(wrong_dtype::<T>(&self.dtype));
        }
        // SAFETY: in bounds and aligned; the lease keeps the memory.
        Ok(unsafe { copy_elements(self.data.cast(), whole_elements::<T>(self.bytes)) })
    }

    /// A copy of a range of the elements' bytes, up to their end. It may be torn if another thread or process writes to them
    /// meanwhile.
    ///
    /// ```
    /// use structstore::{Array, ArrayValue, StructStore};
    ///
    /// let store = StructStore::new();
    /// store.set("image", ArrayValue::from_slice(&[2, 2], &[0_u8, 10, 20, 30])?)?;
    /// let view = store.get::<Array>("image")?.view()?;
    /// assert_eq!(view.copy_bytes(1..3), [10, 20]);
    /// assert_eq!(view.copy_bytes(3..9), [30]);
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn copy_bytes(&self, range: Range<usize>) -> Vec<u8> {
        let end = range.end.min(self.bytes);
        let start = range.start.min(end);
        // SAFETY: in bounds; the lease keeps the memory.
        unsafe { copy_elements(self.data.wrapping_add(start), end.wrapping_sub(start)) }
    }

    /// Whether the array still has this memory. It does not after it was assigned, was changed by a guard while the view existed, or was
    /// removed: the view then keeps the old elements. A [live](crate::ArrayValue::live) array keeps its memory until it is removed.
    ///
    /// ```
    /// use structstore::{Array, ArrayValue, StructStore};
    ///
    /// let store = StructStore::new();
    /// store.set("scan", [1.0, 2.0])?;
    /// let view = store.get::<Array>("scan")?.view()?;
    /// assert!(view.is_current());
    /// store.set("scan", [3.0, 4.0])?;
    /// assert!(!view.is_current());
    /// assert_eq!(view.to_vec::<f64>()?, [1.0, 2.0]);
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn is_current(&self) -> bool {
        let array = self.array();
        let Ok(node) = self.lease.arena().node(array.index) else { return false };
        let lives = || generation(node.head.identity.load(Ordering::Acquire)) == array.generation;
        lives() && block_of(node) == self.lease.block() && lives()
    }

    /// Whether the array is a [live](crate::ArrayValue::live) one, which keeps this memory for as long as it is in the store.
    pub fn is_live(&self) -> bool {
        let node = self.lease.arena().node(self.array().index);
        self.is_current() && node.is_ok_and(|node| array_flags(node) & LIVE != 0)
    }

    fn array(&self) -> NodeId {
        let array = self.array.load(LocalOrdering::Relaxed);
        NodeId { index: array as u32, generation: (array >> 32) as u32 }
    }

    /// Says which array has the block.
    pub(crate) fn is_of(&self, array: NodeId) {
        let word = u64::from(array.generation) << 32 | u64::from(array.index);
        self.array.store(word, LocalOrdering::Relaxed);
    }

    /// Where the block that it keeps is.
    pub(crate) fn block(&self) -> u64 {
        self.lease.block()
    }

    /// Whether its elements had limits when the view was taken. Such a view is read-only; [`Struct::set_at`](crate::Struct::set_at)
    /// assigns an element.
    pub fn is_limited(&self) -> bool {
        self.writes == Writes::Limited
    }

    /// Whether elements may be written: not through an [observer](crate::Options::observe).
    pub fn is_writable(&self) -> bool {
        self.writes == Writes::Allowed
    }

    /// The elements as cells, each of which is read and written atomically.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::WrongType`] if they are of another type, [`ErrorKind::ReadOnly`] if they cannot be written.
    ///
    /// ```
    /// use structstore::{Array, ArrayValue, StructStore};
    ///
    /// let store = StructStore::new();
    /// store.set("image", ArrayValue::from_slice(&[2, 2], &[0_u8, 10, 20, 30])?)?;
    /// let view = store.get::<Array>("image")?.view()?;
    /// let pixels = view.cells::<u8>()?;
    /// pixels[1].set(pixels[3].get());
    /// assert_eq!(store.get::<Array>("image")?.to_vec::<u8>()?, [0, 30, 20, 30]);
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn cells<T: CellElement>(&self) -> Result<&[ElementCell<T>]> {
        if self.dtype.descr() != T::TYPESTR {
            return Err(wrong_dtype::<T>(&self.dtype));
        }
        match self.writes {
            Writes::Allowed => {}
            Writes::Limited => return Err(limited()),
            Writes::ReadLocked => {
                let place = self.lease.arena().place();
                return Err(Error::new(ErrorKind::ReadOnly).of(place).finding("viewed under a read lock"));
            }
            Writes::Refused => return Err(self.lease.arena().refusal()),
        }
        // SAFETY: in bounds and aligned; the lease keeps the memory for as long as self; atomics take any bytes.
        Ok(unsafe { std::slice::from_raw_parts(self.data.cast(), whole_elements::<T>(self.bytes)) })
    }
}

/// How often a lease of this process is looked for, before a new one is taken under a lock.
const LEASE_TRIES: usize = 10;

/// A view of an array that is about to be removed, under an exclusive lock: what keeps its elements.
pub(crate) fn moved_out(arena: &Arc<Arena>, raw: Raw) -> Result<ArrayView> {
    if raw.kind()? != Kind::Array {
        return Err(wrong_kind(raw.kind()?, Kind::Array.name()));
    }
    let (id, node) = resolve(arena, raw)?;
    match Lease::take(arena, block_of(node), || Ok(true))? {
        Some(lease) => ArrayView::new(arena, id, lease, Writes::Allowed),
        None => Err(Error::new(ErrorKind::Deadlock)),
    }
}

/// A view of a new block for an array of this type, which nothing in the store leads to. What its elements are is arbitrary.
pub(crate) fn unpublished(handle: &Handle, dtype: DType, shape: &[usize]) -> Result<ArrayView> {
    let arena = handle.arena();
    if handle.store().asks() {
        handle.store().ask()?;
    }
    let header = ArrayBlock::new(dtype, shape)?;
    let operation = Operation::begin(arena)?;
    let block = operation.allocate(header.size(), BlockKind::Array)?;
    header.write(arena, block)?;
    let lease = Lease::take(arena, block, || Ok(true))?;
    // What was allocated and not used becomes an orphan, which the lease keeps.
    drop(operation);
    match lease {
        Some(lease) => ArrayView::new(arena, NodeId { index: 0, generation: 0 }, lease, Writes::Allowed),
        None => Err(Error::new(ErrorKind::Deadlock)),
    }
}

/// A view of the array that a node is. Not to be written to by an observer, nor under a lock of this thread's own for reading.
///
/// A block is leased only while no guard of any process lends it as a slice: under an exclusive lock, or, where this thread has
/// a shared one already, if no other thread has one, too. A guard that is taken later sees the lease.
pub(crate) fn lease(array: &Near<'_>) -> Result<ArrayView> {
    let arena = array.arena();
    let shared = array.store().reentrant && array.own()?.shared;
    // Read when the block is leased: limits that are declared later come with another block.
    let writes = |node: &Node| match refuse_plain(arena, node) {
        _ if array.store().observes() => Writes::Refused,
        _ if shared => Writes::ReadLocked,
        Ok(()) => Writes::Allowed,
        Err(_) => Writes::Limited,
    };
    for _ in 0..LEASE_TRIES {
        let block = array.read(|_, node| Ok(block_of(node)))?;
        let Some(lease) = Lease::existing(arena, block) else { break };
        // The lease keeps the block from being used anew; but before it was found, that may have happened already.
        let (found, writes) = array.read(|_, node| Ok((block_of(node), writes(node))))?;
        if found == block {
            return ArrayView::new(arena, array.id(), lease, writes);
        }
    }
    let held = array.lock_to_lease(if shared { Mode::Shared } else { Mode::Node })?;
    let alone = || {
        // Between the lease and the look at holds; its counterpart is the fence behind the publication of a hold, whose
        // thread looks at the leases before it lends a slice.
        fence(Ordering::SeqCst);
        Ok(!shared || !is_shared_by_others(array)?)
    };
    let lease = Lease::take(arena, block_of(array.node()), alone);
    let writes = writes(array.node());
    held.end_unchanged();
    match lease? {
        Some(lease) => ArrayView::new(arena, array.id(), lease, writes),
        None => Err(Error::new(ErrorKind::Deadlock)),
    }
}

/// Whether other threads hold the node, for reading.
fn is_shared_by_others(array: &Near<'_>) -> Result<bool> {
    let arena = array.arena();
    Locker::new(&**arena, arena.seat(&Wait::FOREVER)?.own).is_shared_by_others(array.id().index)
}
