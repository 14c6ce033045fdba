//! The last samples of a stream.

use std::marker::PhantomData;

use super::Publish;
#[cfg(doc)]
use super::Stream;
use crate::error::{Error, ErrorKind, Result};
use crate::handle::stream::AnyHistory;
use crate::value::{ArrayValue, DType, Element};

/// Samples in a row, copied out of a [`Stream`] at once.
///
/// ```
/// use structstore::stream::Stream;
///
/// #[derive(structstore::StructStore, Debug, PartialEq)]
/// struct Pose {
///     x: f64,
///     q: [f32; 2],
/// }
///
/// let store = structstore::StructStore::new();
/// let poses = store.ensure_stream::<Pose>("poses", Stream::depth(100))?;
/// for at in 0..5_u8 {
///     poses.publish(&Pose { x: at.into(), q: [at.into(), 0.0] })?;
/// }
/// let last = poses.history(3)?;
/// assert_eq!((last.len(), last.seqs(), last.missed()), (3, vec![2, 3, 4], 0));
/// assert_eq!(last.rows()?[2], Pose { x: 4.0, q: [4.0, 0.0] });
/// assert_eq!(last.column::<f64>("x")?, [2.0, 3.0, 4.0]);
/// assert_eq!(last.column::<f32>("q")?, [2.0, 0.0, 3.0, 0.0, 4.0, 0.0]);
/// # Ok::<(), structstore::Error>(())
/// ```
pub struct History<T: ?Sized> {
    raw: AnyHistory,
    samples: PhantomData<fn(&T)>,
}

impl<T: Publish + ?Sized> History<T> {
    pub(super) fn new(raw: AnyHistory) -> History<T> {
        History { raw, samples: PhantomData }
    }

    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.raw.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// The sequence number of each sample.
    pub fn seqs(&self) -> Vec<u64> {
        self.raw.seqs()
    }

    /// When each sample was taken, in nanoseconds of CLOCK_MONOTONIC.
    pub fn times(&self) -> Vec<u64> {
        self.raw.times()
    }

    /// How many of the requested samples the stream no longer keeps.
    pub fn missed(&self) -> u64 {
        self.raw.missed
    }

    /// The samples, the oldest first.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] or [`ErrorKind::WrongType`] for bytes that are not a value of the type.
    pub fn rows(&self) -> Result<Vec<T::Value>> {
        self.raw.samples().map(T::unpack_from).collect()
    }

    /// The elements of one field of records, of all samples one after the other. A path leads to fields of nested structs: `"pose.x"`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] if samples have no such field, [`ErrorKind::WrongType`] if it is of another type.
    pub fn column<E: Element>(&self, field: &str) -> Result<Vec<E>> {
        let (offset, size) = self.place::<E>(field)?;
        let mut column = Vec::new();
        for sample in self.raw.samples() {
            let field = sample.get(offset..offset.saturating_add(size)).unwrap_or_default();
            let elements = field.chunks_exact(size_of::<E>().max(1));
            // SAFETY: as many bytes, of which any are an element (`Element`); they need not be aligned.
            column.extend(elements.map(|bytes| unsafe { bytes.as_ptr().cast::<E>().read_unaligned() }));
        }
        Ok(column)
    }

    /// Where a field begins in a sample, and how many bytes it has.
    fn place<E: Element>(&self, path: &str) -> Result<(usize, usize)> {
        let missing = || Error::new(ErrorKind::NotFound).under(path);
        let field = self.raw.dtype().find(path).ok_or_else(missing)?;
        if field.dtype.descr() != E::TYPESTR {
            let found = format!("{}{:?}", field.dtype, field.shape);
            return Err(Error::wrong_type(found, DType::of::<E>().to_string()).under(path));
        }
        Ok((field.offset, field.size()))
    }

    /// The samples as an array, whose first dimension counts them.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidArgument`] if the array would have too many dimensions.
    pub fn into_array(self) -> Result<ArrayValue<'static>> {
        self.raw.into_array()
    }
}
