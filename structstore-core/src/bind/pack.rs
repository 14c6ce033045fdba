//! Fields as samples of streams store them: one behind the other, without padding, as NumPy lays out a structured type by default.

use super::{Field, Schema};
use crate::error::{Error, Result};
use crate::value::{DType, FixedArray, Kind, Meta, Scalar, ScalarType};

/// The type of a sample, or of a part of one.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct SampleType {
    pub dtype: DType,
    pub shape: Vec<usize>,
    /// Metadata of the fields of a record that have any, by their paths.
    pub metas: Vec<(String, Meta)>,
}

impl SampleType {
    /// A single element or an array of them.
    pub fn of(dtype: DType, shape: &[usize]) -> SampleType {
        SampleType { dtype, shape: shape.to_vec(), metas: Vec::new() }
    }
}

/// The error for a type whose values differ in size.
#[cold]
pub(super) fn variable<T: Field>() -> Error {
    let found = match T::schema() {
        Schema::Str | Schema::Bytes => "a string, which has no fixed size",
        Schema::Optional(_) => "an optional value",
        Schema::List(_) | Schema::Map(_) => "a collection, which has no fixed size",
        _ => "a type without a fixed size",
    };
    Error::unsupported(
        format!("{found}, in samples of a stream"),
        "use numbers, bools, enums, arrays `[T; N]` of numbers, and structs of these",
    )
}

/// The type of scalars of a kind.
pub(super) fn scalar_type(kind: Kind) -> Result<SampleType> {
    let dtype = DType::of_kind(kind).ok_or_else(|| Error::wrong_type(kind.name(), "a number or bool"))?;
    Ok(SampleType::of(dtype, &[]))
}

/// The type of arrays of these extents.
pub(super) fn array_type<A: FixedArray>() -> SampleType {
    SampleType::of(DType::of::<A::Element>(), A::SHAPE)
}

/// A field of a packed struct: its name (empty if it is flattened), its type, and its metadata.
type Part = (&'static str, Result<SampleType>, Meta);

/// The type of samples that are structs with these fields.
#[doc(hidden)]
pub fn packed_struct<const N: usize>(parts: [Part; N]) -> Result<SampleType> {
    let mut fields = Vec::with_capacity(N);
    let mut metas = Vec::new();
    for (name, part, meta) in parts {
        let part = super::named(part, name)?;
        if name.is_empty() {
            // A flattened struct: its fields are fields of this one.
            let flattened = part.dtype.fields().unwrap_or_default();
            fields.extend(flattened.into_iter().map(|field| (field.name.into(), field.dtype, field.shape)));
            metas.extend(part.metas);
            continue;
        }
        if !meta.is_empty() {
            metas.push((name.to_owned(), meta));
        }
        metas.extend(part.metas.into_iter().map(|(path, meta)| (format!("{name}.{path}"), meta)));
        fields.push((name.into(), part.dtype, part.shape));
    }
    Ok(SampleType { dtype: DType::of_fields(&fields)?, shape: Vec::new(), metas })
}

/// Where the next field of a sample is written.
#[doc(hidden)]
pub struct Packer<'a>(&'a mut [u8]);

impl<'a> Packer<'a> {
    /// Fills a sample from its start.
    #[inline(always)]
    pub fn new(sample: &'a mut [u8]) -> Packer<'a> {
        Packer(sample)
    }

    /// Writes a scalar.
    #[inline(always)]
    pub(super) fn scalar<T: ScalarType>(&mut self, value: T) {
        let bytes = Into::<Scalar>::into(value).payload().to_le_bytes();
        self.put(bytes.get(..size_of::<T>()).unwrap_or_default());
    }

    /// Writes the elements of an array.
    #[inline(always)]
    pub(super) fn elements<A: FixedArray>(&mut self, array: &A) {
        // SAFETY: a dense array of elements without padding (`FixedArray`).
        self.put(unsafe {
            std::slice::from_raw_parts(std::ptr::from_ref(array).cast::<u8>(), size_of::<A>())
        });
    }

    /// Writes the next bytes.
    #[inline(always)]
    pub fn put(&mut self, bytes: &[u8]) {
        if let Some((place, rest)) = std::mem::take(&mut self.0).split_at_mut_checked(bytes.len()) {
            place.copy_from_slice(bytes);
            self.0 = rest;
        }
    }
}

/// Where the next field of a sample is read.
#[doc(hidden)]
pub struct Unpacker<'a>(&'a [u8]);

impl<'a> Unpacker<'a> {
    /// Reads a sample from its start.
    #[inline(always)]
    pub fn new(sample: &'a [u8]) -> Unpacker<'a> {
        Unpacker(sample)
    }

    /// Reads the next bytes.
    #[inline(always)]
    pub fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or_else(cut)?;
        self.0 = rest;
        Ok(taken)
    }

    /// Reads a scalar.
    #[inline(always)]
    pub(super) fn scalar<T: ScalarType>(&mut self) -> Result<T> {
        let mut payload = [0; 8];
        payload.iter_mut().zip(self.take(size_of::<T>())?).for_each(|(to, byte)| *to = *byte);
        T::from_payload(u64::from_le_bytes(payload)).ok_or_else(cut)
    }

    /// Reads an array.
    #[inline(always)]
    pub(super) fn elements<A: FixedArray>(&mut self) -> Result<A> {
        let bytes = self.take(size_of::<A>())?;
        // SAFETY: as many bytes, of which any are elements (`FixedArray`); they need not be aligned.
        Ok(unsafe { bytes.as_ptr().cast::<A>().read_unaligned() })
    }
}

#[cold]
fn cut() -> Error {
    Error::corrupt("a sample", "bytes that are no value of its type", "a value of its type")
}
