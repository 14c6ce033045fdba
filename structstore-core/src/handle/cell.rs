//! Elements of an array that others may write to at any time.

use std::convert::identity as same;
use std::fmt;
use std::sync::atomic::{
    AtomicI8, AtomicI16, AtomicI32, AtomicI64, AtomicIsize, AtomicU8, AtomicU16, AtomicU32, AtomicU64,
    AtomicUsize, Ordering,
};

use crate::value::Element;

/// A type of elements that can be read and written atomically: all number types of arrays in Rust.
pub trait CellElement: Element + sealed::Sealed {
    #[doc(hidden)]
    type Atomic: Send + Sync + 'static;
    #[doc(hidden)]
    fn into_atomic(self) -> Self::Atomic;
    #[doc(hidden)]
    fn load(atomic: &Self::Atomic) -> Self;
    #[doc(hidden)]
    fn store(self, atomic: &Self::Atomic);
}

/// Memory is lent as `Atomic`, so that nobody else may choose it.
mod sealed {
    pub trait Sealed {}
}

macro_rules! cell_elements {
    ($($type:ty, $atomic:ty, $to_bits:expr, $from_bits:expr;)*) => {$(
        impl sealed::Sealed for $type {}

        impl CellElement for $type {
            type Atomic = $atomic;

            fn into_atomic(self) -> $atomic {
                <$atomic>::new($to_bits(self))
            }

            #[inline]
            fn load(atomic: &$atomic) -> $type {
                $from_bits(atomic.load(Ordering::Relaxed))
            }

            #[inline]
            fn store(self, atomic: &$atomic) {
                atomic.store($to_bits(self), Ordering::Relaxed);
            }
        }
    )*};
}

cell_elements! {
    i8, AtomicI8, same, same;
    i16, AtomicI16, same, same;
    i32, AtomicI32, same, same;
    i64, AtomicI64, same, same;
    isize, AtomicIsize, same, same;
    u8, AtomicU8, same, same;
    u16, AtomicU16, same, same;
    u32, AtomicU32, same, same;
    u64, AtomicU64, same, same;
    usize, AtomicUsize, same, same;
    f32, AtomicU32, f32::to_bits, f32::from_bits;
    f64, AtomicU64, f64::to_bits, f64::from_bits;
}

/// An element that is read and written atomically; see [`ArrayView::cells`](crate::ArrayView::cells).
///
/// Writes to different elements are not ordered; use a lock for that. An assignment to a whole [live](crate::ArrayValue::live)
/// array copies bytes, so a cell that is read meanwhile may be torn.
///
/// ```
/// use structstore::typed::ElementCell;
///
/// let cell = ElementCell::new(1.5_f32);
/// cell.set(cell.get() * 2.0);
/// assert_eq!(cell.get(), 3.0);
/// ```
#[repr(transparent)]
pub struct ElementCell<T: CellElement>(T::Atomic);

impl<T: CellElement> ElementCell<T> {
    /// A cell in the memory of this process.
    pub fn new(value: T) -> ElementCell<T> {
        ElementCell(value.into_atomic())
    }

    /// The current value of the element.
    #[inline]
    pub fn get(&self) -> T {
        T::load(&self.0)
    }

    /// Assigns the element.
    #[inline]
    pub fn set(&self, value: T) {
        value.store(&self.0);
    }
}

impl<T: CellElement + fmt::Debug> fmt::Debug for ElementCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}
