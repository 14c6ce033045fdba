//! What can be published: types of fixed size, and slices as arrays of a stream's shape.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use super::StreamOptions;
#[cfg(doc)]
use super::{Loan, Stream};
use crate::bind::{Field, Packer, Unpacker};
use crate::error::{Error, Result};
use crate::handle::stream::{PinnedFrame, SampleBytes};
use crate::value::{DType, Element, StreamValue};

/// A type of samples: numbers, bools, arrays `[T; N]` of numbers, enums, and structs with the derive whose fields are such types; and
/// slices of numbers, for arrays of the stream's shape.
///
/// In the stream, a struct is a record as NumPy lays it out: one field behind the other. The name of an enum's variant is a string of fixed
/// length.
pub trait Publish {
    /// The type that is read: the type itself, or a [`Frame`] for slices.
    type Value;

    #[doc(hidden)]
    fn stream_value(options: &StreamOptions) -> Result<StreamValue<'static>>;

    /// Fails for a stream of other samples.
    #[doc(hidden)]
    fn check_type(found: &StreamValue<'_>) -> Result<()>;

    #[doc(hidden)]
    fn pack_into(&self, sample: &mut [u8]) -> Result<()>;

    #[doc(hidden)]
    fn unpack_from(sample: &[u8]) -> Result<Self::Value>;

    #[doc(hidden)]
    fn of_bytes(data: SampleBytes) -> Result<Self::Value> {
        Self::unpack_from(data.as_slice())
    }
}

impl<T: Field> Publish for T {
    type Value = T;

    fn stream_value(options: &StreamOptions) -> Result<StreamValue<'static>> {
        let sample = T::sample_type()?;
        if !options.shape.is_empty() {
            let expected = "none: the type says it; a stream of slices `[T]` has a shape";
            return Err(Error::invalid("shape", format!("{:?}", options.shape), expected));
        }
        StreamValue::new(sample.dtype, &sample.shape, options.depth)?.with_metas(sample.metas)
    }

    fn check_type(found: &StreamValue<'_>) -> Result<()> {
        let expected = T::sample_type()?;
        if (found.dtype(), found.shape()) == (&expected.dtype, expected.shape.as_slice()) {
            return Ok(());
        }
        let expected = StreamValue::new(expected.dtype, &expected.shape, found.depth())?;
        Err(Error::wrong_type(found.to_string(), expected.to_string()))
    }

    #[inline(always)]
    fn pack_into(&self, sample: &mut [u8]) -> Result<()> {
        self.pack(&mut Packer::new(sample));
        Ok(())
    }

    #[inline(always)]
    fn unpack_from(sample: &[u8]) -> Result<T> {
        T::unpack(&mut Unpacker::new(sample))
    }
}

impl<E: Element> Publish for [E] {
    type Value = Frame<E>;

    fn stream_value(options: &StreamOptions) -> Result<StreamValue<'static>> {
        if options.shape.is_empty() {
            return Err(Error::invalid("shape", "none", "one, as in `Stream::array([480, 640])`"));
        }
        StreamValue::new(DType::of::<E>(), &options.shape, options.depth)
    }

    fn check_type(found: &StreamValue<'_>) -> Result<()> {
        if found.dtype().descr() == E::TYPESTR {
            return Ok(());
        }
        Err(Error::wrong_type(found.to_string(), format!("a stream of {} arrays", DType::of::<E>())))
    }

    #[inline]
    fn pack_into(&self, sample: &mut [u8]) -> Result<()> {
        if size_of_val(self) != sample.len() {
            let wanted = sample.len().checked_div(size_of::<E>()).unwrap_or(0);
            let found = format!("{} elements", self.len());
            return Err(Error::invalid("sample", found, format!("{wanted} elements")));
        }
        // SAFETY: elements have no padding (`Element`).
        let bytes = unsafe { std::slice::from_raw_parts(self.as_ptr().cast::<u8>(), size_of_val(self)) };
        sample.copy_from_slice(bytes);
        Ok(())
    }

    fn unpack_from(sample: &[u8]) -> Result<Frame<E>> {
        let size = size_of::<E>().max(1);
        // SAFETY: as many bytes, of which any are an element (`Element`); they need not be aligned.
        let elements =
            sample.chunks_exact(size).map(|item| unsafe { item.as_ptr().cast::<E>().read_unaligned() });
        Ok(Frame(Elements::Owned(elements.collect())))
    }

    fn of_bytes(data: SampleBytes) -> Result<Frame<E>> {
        match data {
            SampleBytes::Pinned(frame) if frame.as_slice().as_ptr().cast::<E>().is_aligned() => {
                Ok(Frame(Elements::Pinned(frame)))
            }
            other => Self::unpack_from(other.as_slice()),
        }
    }
}

/// The elements of a published array, in C order. Those of a large array are in the store, where they are not overwritten while this
/// lives.
///
/// ```
/// use structstore::stream::Stream;
///
/// let store = structstore::StructStore::new();
/// let left = store.ensure_stream::<[u8]>("left", Stream::array([100, 100]).depth(2))?;
/// left.publish(&[7; 10_000])?;
/// let frame = left.latest()?;
/// for _ in 0..10 {
///     left.publish(&[8; 10_000])?;
/// }
/// assert_eq!(frame.value[123], 7);
/// assert_eq!(left.latest()?.value[123], 8);
/// # Ok::<(), structstore::Error>(())
/// ```
#[derive(Clone)]
pub struct Frame<E>(Elements<E>);

#[derive(Clone)]
enum Elements<E> {
    Owned(Vec<E>),
    Pinned(Arc<PinnedFrame>),
}

impl<E: Element> Deref for Frame<E> {
    type Target = [E];

    fn deref(&self) -> &[E] {
        match &self.0 {
            Elements::Owned(elements) => elements,
            Elements::Pinned(frame) => {
                let bytes = frame.as_slice();
                let count = bytes.len().checked_div(size_of::<E>()).unwrap_or(0);
                // SAFETY: in bounds, aligned (checked when it was made), any bytes are elements, and nobody writes there.
                unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast::<E>(), count) }
            }
        }
    }
}

impl<E: Element + fmt::Debug> fmt::Debug for Frame<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<E: Element + PartialEq> PartialEq for Frame<E> {
    fn eq(&self, other: &Frame<E>) -> bool {
        **self == **other
    }
}
