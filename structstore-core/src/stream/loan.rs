//! Frames that the publisher fills in place.

use std::fmt;
use std::marker::PhantomData;

use super::{Stream, now};
use crate::error::{Error, Result};
use crate::handle::stream::AnyLoan;
use crate::value::Element;
#[cfg(doc)]
use crate::{error::ErrorKind, stream::Publish};

/// A frame in the store's memory that no reader sees, to be filled and published without a copy.
///
/// If it is dropped unpublished, or if the process dies, the stream does not change. The elements are arbitrary at first.
///
/// ```
/// use structstore::stream::Stream;
///
/// let store = structstore::StructStore::new();
/// let left = store.ensure_stream::<[f32]>("left", Stream::array([64, 64]).depth(4))?;
/// let mut frame = left.loan()?;
/// frame.as_mut_slice().fill(0.5);
/// assert_eq!(left.published(), 0);
/// let seq = frame.publish()?;
/// assert_eq!((seq, left.latest()?.value[0]), (0, 0.5));
/// # Ok::<(), structstore::Error>(())
/// ```
#[must_use = "it is dropped unless it is published"]
pub struct Loan<E> {
    raw: AnyLoan,
    elements: PhantomData<E>,
}

impl<E: Element> Stream<[E]> {
    /// A frame to be filled in place. Streams with samples of up to 4 KiB have no frames.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::FramesPinned`] if readers have pinned all frames but the newest; a stream of depth `n` allows `n` frames in use.
    /// [`ErrorKind::WrongType`] for a stream of small samples, and as [`Stream::publish`].
    pub fn loan(&self) -> Result<Loan<E>> {
        let raw = self.raw.loan()?;
        if !raw.as_slice().as_ptr().cast::<E>().is_aligned() {
            return Err(Error::unsupported("elements with a large alignment", "use numbers"));
        }
        Ok(Loan { raw, elements: PhantomData })
    }
}

impl<E: Element> Loan<E> {
    fn count(&self) -> usize {
        self.raw.stream().sample_size().checked_div(size_of::<E>()).unwrap_or(0)
    }

    /// The elements in C order.
    pub fn as_slice(&self) -> &[E] {
        // SAFETY: in bounds and aligned (checked), any bytes are elements, and the frame is this loan's alone.
        unsafe { std::slice::from_raw_parts(self.raw.as_slice().as_ptr().cast(), self.count()) }
    }

    /// The elements in C order.
    pub fn as_mut_slice(&mut self) -> &mut [E] {
        let count = self.count();
        // SAFETY: as above, and `&mut self` keeps this from lending them twice.
        unsafe { std::slice::from_raw_parts_mut(self.raw.as_mut_slice().as_mut_ptr().cast(), count) }
    }

    /// Publishes the frame as one that is taken now. Returns its sequence number.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StaleHandle`] if the stream was removed; [`ErrorKind::HasPublisher`] in a forked child.
    pub fn publish(self) -> Result<u64> {
        self.publish_at(now())
    }

    /// Publishes the frame as one that was taken at a time, in nanoseconds of CLOCK_MONOTONIC.
    ///
    /// # Errors
    ///
    /// As [`Loan::publish`].
    pub fn publish_at(self, time: u64) -> Result<u64> {
        self.raw.publish(time)
    }
}

impl<E> fmt::Debug for Loan<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loan").finish_non_exhaustive()
    }
}
