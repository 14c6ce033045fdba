//! Arrays as fields: of fixed shape, lent as Rust arrays, and of free extents.

use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering as LocalOrdering};

use super::list::AsList;
use super::{
    Assignment, Binder, BoundNode, Field, Lender, Packer, SampleType, Schema, SlotRef, Unpacker, pack,
};
use crate::access::{Access, Located, Locked};
use crate::arena::Arena;
use crate::arena::layout::Node;
use crate::arena::lease::array_leases;
use crate::edit::{self, End, FixedType};
use crate::error::{Error, ErrorKind, Result};
use crate::journal::Operation;
use crate::lock::Mode;
use crate::node::meta::refuse_plain;
use crate::node::{ArrayBlock, BLOCK, FIXED, FIXED_RANK, LIVE, array_flags, copy_elements};
use crate::ops::arrays::unshare_node;
use crate::sync::Ordering;
use crate::value::{ArrayValue, DType, Element, FixedArray, Kind, ToValue, Value};

fn block_of(node: &Node) -> u64 {
    node.body[BLOCK].load(Ordering::Relaxed)
}

/// The header of an array.
pub(super) fn header(arena: &Arena, node: &Node) -> Result<ArrayBlock> {
    ArrayBlock::read(arena, block_of(node))
}

/// Shape and elements of an array of this type. Under the lock that the caller has, they stay what and where they are.
pub(super) fn locate<T: Element, const D: usize>(arena: &Arena, node: &Node) -> Result<([usize; D], *mut T)> {
    match ArrayBlock::locate::<D>(arena, block_of(node), T::TYPESTR, size_of::<T>())? {
        Some((shape, data)) => Ok((shape, data.cast())),
        None => Err(unlike(&header(arena, node)?, &fixed_type::<T>(&[None; D]))),
    }
}

fn fixed_type<T: Element>(shape: &[Option<usize>]) -> FixedType {
    FixedType { dtype: DType::of::<T>(), shape: shape.to_vec(), live: false }
}

#[cold]
fn unlike(found: &ArrayBlock, expected: &FixedType) -> Error {
    Error::wrong_type(format!("{}{:?}", found.dtype, found.shape), expected.to_string())
}

/// Makes sure that an array can be lent as a slice: no view may share its block.
fn claim(place: &BoundNode, lender: Lender<'_>, exclusive: bool) -> Result<()> {
    place.check()?;
    if exclusive {
        return unshare_node(lender.arena(), place.id.index, place.node());
    }
    match array_leases(lender.arena(), block_of(place.node()))?.load(Ordering::Acquire) {
        0 => Ok(()),
        _ => Err(Error::new(ErrorKind::Leased)),
    }
}

/// A Rust array, perhaps a live one, and where its elements were when it was last checked.
#[doc(hidden)]
pub struct FixedPlace<A, const LIVE: bool = false> {
    pub(super) node: BoundNode,
    pub(super) data: AtomicPtr<A>,
}

impl<A: FixedArray, const LIVE: bool> FixedPlace<A, LIVE> {
    pub(super) fn new(node: BoundNode) -> FixedPlace<A, LIVE> {
        FixedPlace { node, data: AtomicPtr::new(ptr::null_mut()) }
    }

    pub(super) fn resolve(binder: &Binder<'_, '_>, slot: SlotRef<'_>) -> Result<Self> {
        let (node, as_it_is) = binder.array(slot, &Self::wanted(), FIXED)?;
        let place = FixedPlace::new(node);
        if as_it_is {
            binder.lend(place.locate(binder.arena)?, size_of::<A>() as u64);
        }
        Ok(place)
    }

    pub(super) fn wanted() -> FixedType {
        let shape: Vec<_> = A::SHAPE.iter().copied().map(Some).collect();
        FixedType { live: LIVE, ..fixed_type::<A::Element>(&shape) }
    }

    pub(super) fn locate(&self, arena: &Arena) -> Result<*mut A> {
        self.node.check()?;
        let node = self.node.node();
        let found = match A::SHAPE.len() {
            1 => Self::located::<1>(arena, node)?,
            2 => Self::located::<2>(arena, node)?,
            _ => Self::located::<3>(arena, node)?,
        };
        match found {
            Some(data) => Ok(data.cast()),
            None => Err(unlike(&header(arena, node)?, &Self::wanted())),
        }
    }

    fn located<const D: usize>(arena: &Arena, node: &Node) -> Result<Option<*mut u8>> {
        let typestr = A::Element::TYPESTR;
        let found = ArrayBlock::locate::<D>(arena, block_of(node), typestr, size_of::<A::Element>())?;
        Ok(found.and_then(|(shape, data)| (shape == *A::SHAPE).then_some(data)))
    }
}

pub(super) fn fixed_value<A: FixedArray>(array: &A) -> Result<ArrayValue<'_>> {
    let count = A::SHAPE.iter().product::<usize>();
    // SAFETY: a dense array of that many elements (`FixedArray`).
    let elements = unsafe { std::slice::from_raw_parts(ptr::from_ref(array).cast::<A::Element>(), count) };
    ArrayValue::from_slice(A::SHAPE, elements)
}

/// An array of this type, converted if need be.
pub(super) fn from_array<A: FixedArray>(value: &Value<'_>, wanted: &FixedType) -> Result<A> {
    let array = edit::convert_array(value, wanted)?;
    let data = array.data();
    if data.len() != size_of::<A>() {
        let found = format_args!("{} bytes", data.len()).to_string();
        return Err(Error::wrong_type(found, wanted.to_string()));
    }
    // SAFETY: as many bytes, of which any are elements (`FixedArray`); they need not be aligned.
    Ok(unsafe { data.as_ptr().cast::<A>().read_unaligned() })
}

/// The most bytes of an array that are changed in place, after all of them were logged.
const LOGGED: usize = 512;

/// Assigns a Rust array: a short one in place, unless views share it, and a longer one by another block.
fn put_fixed<A: FixedArray>(place: &FixedPlace<A>, operation: &Operation<'_>, value: &A) -> Result<()> {
    let (arena, node) = (operation.arena(), place.node.node());
    place.locate(arena)?;
    refuse_plain(arena, node)?;
    if array_flags(node) & LIVE != 0 {
        return Err(Error::stale());
    }
    let array = fixed_value(value)?;
    match size_of::<A>() <= LOGGED && array_leases(arena, block_of(node))?.load(Ordering::Acquire) == 0 {
        true => edit::overwrite(operation, node, &array, true),
        false => publish(operation, node, &array),
    }
}

macro_rules! fixed_fields {
    ($(($type:ty, $($extent:ident),+)),*) => {$(
        impl<T: Element, $(const $extent: usize),+> Field for $type {
            type Ref<'s> = &'s $type;
            type Mut<'s> = &'s mut $type;
            type Place = FixedPlace<$type>;
            type Repeated = AsList;
            const KIND: Kind = Kind::Array;

            fn initial() -> $type {
                // SAFETY: any bytes are elements (`Element`), so zeroes are.
                unsafe { std::mem::zeroed() }
            }

            fn schema() -> Schema {
                let shape = <$type as FixedArray>::SHAPE.iter().copied().map(Some).collect();
                Schema::Array { dtype: T::TYPESTR.into(), shape, live: false }
            }

            fn field_value(&self) -> Result<Value<'_>> {
                ToValue::to_value(self)
            }

            fn from_value(value: Value<'_>) -> Result<Self> {
                from_array(&value, &Self::Place::wanted())
            }

            fn sample_type() -> Result<SampleType> {
                Ok(pack::array_type::<$type>())
            }

            #[inline(always)]
            fn pack(&self, to: &mut Packer<'_>) {
                to.elements(self);
            }

            #[inline(always)]
            fn unpack(from: &mut Unpacker<'_>) -> Result<$type> {
                from.elements()
            }

            fn resolve(binder: &Binder<'_, '_>, slot: SlotRef<'_>) -> Result<Self::Place> {
                FixedPlace::resolve(binder, slot)
            }

            fn check(place: &Self::Place, lender: Lender<'_>, exclusive: bool) -> Result<()> {
                claim(&place.node, lender, exclusive)?;
                place.data.store(place.locate(lender.arena())?, LocalOrdering::Relaxed);
                Ok(())
            }

            fn log(place: &Self::Place, binder: &Binder<'_, '_>) -> Result<()> {
                // Changes go to a copy, which is dropped if they are undone.
                let Some(operation) = binder.operation() else { return Ok(()) };
                let node = place.node.node();
                edit::replace_block(operation, node, edit::copy_array(operation, block_of(node))?)
            }

            const IN_PLACE: bool = true;

            fn put(place: &Self::Place, to: &Assignment<'_, '_>, value: &$type) -> Result<()> {
                put_fixed(place, to.0, value)
            }

            #[inline]
            fn load(place: &Self::Place, lender: Lender<'_>) -> Result<Self> {
                let data = place.locate(lender.arena())?;
                // SAFETY: in bounds and aligned (checked); any bytes are elements.
                Ok(unsafe { data.read() })
            }

            #[inline]
            unsafe fn load_to(place: &Self::Place, lender: Lender<'_>, to: *mut Self) -> Result<()> {
                let data = place.locate(lender.arena())?;
                // SAFETY: as above; the caller's memory is not in the store.
                unsafe { ptr::copy_nonoverlapping(data, to, 1) };
                Ok(())
            }

            fn assign(lent: &mut &mut $type, value: &$type) -> Result<()> {
                **lent = *value;
                Ok(())
            }

            fn reborrow<'a, 's: 'a>(lent: &'a mut &'s mut $type) -> &'a mut $type {
                lent
            }

            unsafe fn lend<'s>(place: &Self::Place, _: Lender<'s>) -> &'s $type {
                // SAFETY: the caller's check found it under the lock that it has, and no view shares it.
                unsafe { &*place.data.load(LocalOrdering::Relaxed) }
            }

            unsafe fn lend_mut<'s>(place: &Self::Place, _: Lender<'s>) -> &'s mut $type {
                // SAFETY: as above, and it is this caller's alone for 's.
                unsafe { &mut *place.data.load(LocalOrdering::Relaxed) }
            }
        }
    )*};
}
fixed_fields!(([T; N], N), ([[T; M]; N], N, M), ([[[T; L]; M]; N], N, M, L));

fn publish(operation: &Operation<'_>, node: &Node, array: &ArrayValue<'_>) -> Result<()> {
    edit::publish_array(operation, node, array, edit::build_array(operation, array)?)
}

/// An array of numbers with `D` dimensions whose shape may change: a field of a bound struct.
///
/// ```
/// use structstore::StructStore;
/// use structstore::typed::NdArray;
///
/// #[derive(StructStore)]
/// struct Scan {
///     ranges: Vec<f32>,
///     image: NdArray<u8, 2>,
/// }
///
/// let store = StructStore::new();
/// let scan = store.bind::<Scan>()?;
/// scan.with_mut(|mut scan| {
///     scan.ranges.push(0.5)?;
///     scan.image.set([2, 3], &[0, 1, 2, 3, 4, 5])?;
///     scan.image.as_mut_slice()?[4] = 40;
///     Ok::<_, structstore::Error>(())
/// })?;
/// assert_eq!(scan.load()?.image, NdArray::new([2, 3], vec![0, 1, 2, 3, 40, 5])?);
/// # Ok::<(), structstore::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct NdArray<T, const D: usize> {
    shape: [usize; D],
    elements: Vec<T>,
}

impl<T: Element, const D: usize> NdArray<T, D> {
    /// An array over elements in C order.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidArgument`] if there are more or fewer elements than the shape requires, or too many dimensions.
    pub fn new(shape: [usize; D], elements: Vec<T>) -> Result<NdArray<T, D>> {
        ArrayValue::from_slice(&shape, &elements)?;
        Ok(NdArray { shape, elements })
    }

    /// The shape: the length of each dimension.
    pub fn shape(&self) -> [usize; D] {
        self.shape
    }

    /// The elements in C order.
    pub fn as_slice(&self) -> &[T] {
        &self.elements
    }

    /// The elements in C order.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        &mut self.elements
    }

    /// The elements in C order.
    pub fn into_vec(self) -> Vec<T> {
        self.elements
    }
}

/// Without elements.
impl<T, const D: usize> Default for NdArray<T, D> {
    fn default() -> NdArray<T, D> {
        NdArray { shape: [0; D], elements: Vec::new() }
    }
}

/// What arrays of free extents have in common as fields.
pub(super) mod free {
    use super::*;

    pub(crate) fn schema<T: Element, const D: usize>() -> Schema {
        Schema::Array { dtype: T::TYPESTR.into(), shape: vec![None; D], live: false }
    }

    pub(crate) fn resolve<T: Element, const D: usize>(
        binder: &Binder<'_, '_>,
        slot: SlotRef<'_>,
    ) -> Result<BoundNode> {
        Ok(binder.array(slot, &fixed_type::<T>(&[None; D]), FIXED_RANK)?.0)
    }

    pub(crate) fn from_value<T: Element, const D: usize>(value: &Value<'_>) -> Result<([usize; D], Vec<T>)> {
        let wanted = fixed_type::<T>(&[None; D]);
        let array = edit::convert_array(value, &wanted)?;
        match (array.shape().try_into(), array.to_vec()) {
            (Ok(shape), Some(elements)) => Ok((shape, elements)),
            _ => Err(Error::wrong_type(format!("{}{:?}", array.dtype(), array.shape()), wanted.to_string())),
        }
    }

    pub(crate) fn check<T: Element, const D: usize>(
        place: &BoundNode,
        lender: Lender<'_>,
        exclusive: bool,
    ) -> Result<()> {
        claim(place, lender, exclusive)?;
        locate::<T, D>(lender.arena(), place.node()).map(drop)
    }

    pub(crate) fn load<T: Element, const D: usize>(
        place: &BoundNode,
        lender: Lender<'_>,
    ) -> Result<([usize; D], Vec<T>)> {
        place.check()?;
        let (shape, start) = locate::<T, D>(lender.arena(), place.node())?;
        // SAFETY: in bounds and aligned (checked).
        let elements = unsafe { copy_elements(start.cast_const(), shape.iter().product()) };
        Ok((shape, elements))
    }
}

impl<T: Element, const D: usize> ToValue for NdArray<T, D> {
    fn to_value(&self) -> Result<Value<'_>> {
        Ok(ArrayValue::from_slice(&self.shape, &self.elements)?.into())
    }
}

impl<T: Element, const D: usize> Field for NdArray<T, D> {
    type Ref<'s> = TypedArrayRef<'s, T, D>;
    type Mut<'s> = TypedArrayMut<'s, T, D>;
    type Place = BoundNode;
    type Repeated = AsList;
    const KIND: Kind = Kind::Array;

    fn initial() -> Self {
        NdArray::default()
    }

    fn schema() -> Schema {
        free::schema::<T, D>()
    }

    fn field_value(&self) -> Result<Value<'_>> {
        ToValue::to_value(self)
    }

    fn from_value(value: Value<'_>) -> Result<Self> {
        let (shape, elements) = free::from_value(&value)?;
        Ok(NdArray { shape, elements })
    }

    fn resolve(binder: &Binder<'_, '_>, slot: SlotRef<'_>) -> Result<BoundNode> {
        free::resolve::<T, D>(binder, slot)
    }

    fn check(place: &BoundNode, lender: Lender<'_>, exclusive: bool) -> Result<()> {
        free::check::<T, D>(place, lender, exclusive)
    }

    fn load(place: &BoundNode, lender: Lender<'_>) -> Result<Self> {
        let (shape, elements) = free::load(place, lender)?;
        Ok(NdArray { shape, elements })
    }

    fn assign(lent: &mut TypedArrayMut<'_, T, D>, value: &Self) -> Result<()> {
        lent.set(value.shape, &value.elements)
    }

    fn reborrow<'a, 's: 'a>(lent: &'a mut TypedArrayMut<'s, T, D>) -> TypedArrayMut<'a, T, D> {
        lent.reborrow()
    }

    unsafe fn lend<'s>(place: &BoundNode, lender: Lender<'s>) -> TypedArrayRef<'s, T, D> {
        TypedArrayRef::new(place, lender)
    }

    unsafe fn lend_mut<'s>(place: &BoundNode, lender: Lender<'s>) -> TypedArrayMut<'s, T, D> {
        TypedArrayMut::new(place, lender)
    }
}

/// An array of numbers with `D` dimensions in a store that is held exclusively.
///
/// A transaction does not cover elements that are changed in place, as opposed to elements that are added, removed or
/// assigned.
///
/// ```
/// use structstore::StructStore;
/// use structstore::typed::NdArray;
///
/// #[derive(StructStore)]
/// struct Robot {
///     trail: Vec<f64>,
///     image: NdArray<u8, 2>,
/// }
///
/// let robot = StructStore::new().bind::<Robot>()?;
/// robot.with_mut(|mut robot| {
///     robot.trail.extend_from_slice(&[1.0, 2.0])?;
///     robot.trail.push(3.0)?;
///     robot.trail.as_mut_slice()?[0] = 0.5;
///     robot.image.set([1, 2], &[7, 8])
/// })?;
/// assert_eq!(robot.load()?.trail, [0.5, 2.0, 3.0]);
/// # Ok::<(), structstore::Error>(())
/// ```
pub struct TypedArrayMut<'s, T, const D: usize = 1> {
    reading: TypedArrayRef<'s, T, D>,
}

impl<'s, T: Element, const D: usize> TypedArrayMut<'s, T, D> {
    pub(super) fn new(place: &BoundNode, lender: Lender<'s>) -> TypedArrayMut<'s, T, D> {
        TypedArrayMut { reading: TypedArrayRef::new(place, lender) }
    }
}

impl<'s, T, const D: usize> Deref for TypedArrayMut<'s, T, D> {
    type Target = TypedArrayRef<'s, T, D>;

    #[inline(always)]
    fn deref(&self) -> &TypedArrayRef<'s, T, D> {
        &self.reading
    }
}

/// An array of numbers with `D` dimensions in a store that is held for reading.
///
/// ```
/// use structstore::StructStore;
/// use structstore::typed::NdArray;
///
/// #[derive(StructStore)]
/// struct Robot {
///     trail: Vec<f64>,
///     image: NdArray<u8, 2>,
/// }
///
/// let robot = StructStore::new().bind::<Robot>()?;
/// robot.replace(&Robot { trail: vec![0.5; 3], image: NdArray::new([1, 2], vec![7, 8])? })?;
/// let guard = robot.read()?;
/// assert_eq!(guard.fields().trail.as_slice()?, [0.5; 3]);
/// assert_eq!(guard.fields().image.shape()?, [1, 2]);
/// # Ok::<(), structstore::Error>(())
/// ```
pub struct TypedArrayRef<'s, T, const D: usize = 1> {
    locked: Locked<'s>,
    element: PhantomData<fn() -> T>,
}

impl<'s, T: Element, const D: usize> TypedArrayRef<'s, T, D> {
    pub(super) fn new(place: &BoundNode, lender: Lender<'s>) -> TypedArrayRef<'s, T, D> {
        TypedArrayRef { locked: Locked::lend(lender.store, place.id, place.record), element: PhantomData }
    }

    fn locate(&self) -> Result<([usize; D], *mut T)> {
        locate(self.locked.arena(), self.locked.node()).at(&self.locked)
    }

    /// The shape: the length of each dimension.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] if the memory is damaged.
    pub fn shape(&self) -> Result<[usize; D]> {
        Ok(self.locate()?.0)
    }

    /// How many elements there are.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] if the memory is damaged.
    pub fn len(&self) -> Result<usize> {
        Ok(self.shape()?.iter().product())
    }

    /// Whether there are no elements.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] if the memory is damaged.
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// The elements in C order.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] if the memory is damaged.
    pub fn as_slice(&self) -> Result<&[T]> {
        let (shape, start) = self.locate()?;
        // SAFETY: in bounds and aligned (checked), any bytes are elements; no view shares the block (checked when
        // it was lent) and none can be taken while the node is held; what changes it takes `&mut self`.
        Ok(unsafe { std::slice::from_raw_parts(start, shape.iter().product()) })
    }
}

#[cfg(feature = "ndarray")]
impl<T: Element, const D: usize> TypedArrayRef<'_, T, D>
where
    [usize; D]: ndarray::IntoDimension<Dim = ndarray::Dim<[usize; D]>>,
    ndarray::Dim<[usize; D]>: ndarray::Dimension,
{
    /// The array as one of the `ndarray` crate.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] if the memory is damaged.
    pub fn view(&self) -> Result<ndarray::ArrayView<'_, T, ndarray::Dim<[usize; D]>>> {
        let shape = self.shape()?;
        ndarray::ArrayView::from_shape(shape, self.as_slice()?).map_err(super::ndarray::refused)
    }
}

impl<T: Element, const D: usize> TypedArrayMut<'_, T, D> {
    /// The elements in C order.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] if the memory is damaged.
    pub fn as_mut_slice(&mut self) -> Result<&mut [T]> {
        let (shape, start) = self.locate()?;
        // SAFETY: as in `as_slice`, and `&mut self` keeps this from lending it twice.
        Ok(unsafe { std::slice::from_raw_parts_mut(start, shape.iter().product()) })
    }

    /// Replaces shape and elements, which are in C order.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidArgument`] if the shape requires more or fewer elements, [`ErrorKind::OutOfSpace`].
    pub fn set(&mut self, shape: [usize; D], elements: &[T]) -> Result<()> {
        let array = ArrayValue::from_slice(&shape, elements)?;
        let published = self.locked.change(Mode::Tree, |operation, node| {
            publish(operation, node, &array)?;
            edit::check_extent(operation, node)
        });
        published.at(&self.locked)
    }

    /// Reborrows the access for a shorter time, to pass it on.
    pub fn reborrow(&mut self) -> TypedArrayMut<'_, T, D> {
        TypedArrayMut { reading: TypedArrayRef { locked: self.locked.reborrow(), element: PhantomData } }
    }
}

impl<T: Element> TypedArrayMut<'_, T, 1> {
    /// Appends an element.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::OutOfSpace`]
    pub fn push(&mut self, element: T) -> Result<()> {
        self.extend_from_slice(&[element])
    }

    /// Appends elements. After an error, none is appended.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::OutOfSpace`]
    pub fn extend_from_slice(&mut self, elements: &[T]) -> Result<()> {
        self.append(elements, 1)
    }

    fn append(&mut self, elements: &[T], times: usize) -> Result<()> {
        // SAFETY: elements are plain data without padding (`Element`).
        let bytes =
            unsafe { std::slice::from_raw_parts(elements.as_ptr().cast::<u8>(), size_of_val(elements)) };
        self.change_end(End::Append(bytes, times))
    }

    /// Removes the elements from `len` on.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::OutOfSpace`] in a transaction, which keeps the removed elements until its end.
    pub fn truncate(&mut self, len: usize) -> Result<()> {
        if len >= self.len()? { Ok(()) } else { self.change_end(End::Truncate(len)) }
    }

    /// Removes all elements.
    ///
    /// # Errors
    ///
    /// As [`TypedArrayMut::truncate`].
    pub fn clear(&mut self) -> Result<()> {
        self.truncate(0)
    }

    /// Removes elements from the end, or appends copies of `element`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::OutOfSpace`]
    pub fn resize(&mut self, len: usize, element: T) -> Result<()> {
        match len.checked_sub(self.len()?) {
            Some(more) => self.append(&[element], more),
            None => self.truncate(len),
        }
    }

    fn change_end(&mut self, end: End<'_>) -> Result<()> {
        let anew = self.locked.in_transaction();
        let changed = self.locked.change(Mode::Tree, |operation, node| {
            edit::change_end(operation, node, end, anew)?;
            edit::check_extent(operation, node)
        });
        changed.at(&self.locked)
    }
}

#[cfg(feature = "ndarray")]
impl<T: Element, const D: usize> TypedArrayMut<'_, T, D>
where
    [usize; D]: ndarray::IntoDimension<Dim = ndarray::Dim<[usize; D]>>,
    ndarray::Dim<[usize; D]>: ndarray::Dimension,
{
    /// The array as one of the `ndarray` crate.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] if the memory is damaged.
    pub fn view_mut(&mut self) -> Result<ndarray::ArrayViewMut<'_, T, ndarray::Dim<[usize; D]>>> {
        let shape = self.shape()?;
        ndarray::ArrayViewMut::from_shape(shape, self.as_mut_slice()?).map_err(super::ndarray::refused)
    }
}
