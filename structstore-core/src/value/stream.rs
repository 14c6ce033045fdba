//! Streams as detached values.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::OnceLock;

use super::record::{Shown, find};
use super::{ArrayValue, DType, Meta, Value, size_in_bytes};
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::{Error, Result};
use crate::limits::MAX_STREAM_DEPTH;

/// A stream as a value: the type of its samples, how many it keeps, and the newest sample or all kept samples.
///
/// Assigning it creates the stream. If the field is a stream of the same type and depth, assigning changes nothing.
///
/// ```
/// use structstore::{DType, Stream, StreamValue, StructStore};
///
/// let store = StructStore::new();
/// let imu = DType::structured("[('t', '<f8'), ('acc', '<f4', (3,))]", 20)?;
/// store.set("imu", StreamValue::new(imu, &[], 1024)?)?;
/// assert_eq!(store.kind("imu")?, structstore::Kind::Stream);
/// # Ok::<(), structstore::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct StreamValue<'a>(Box<Contents<'a>>);

#[derive(Clone, Debug)]
struct Contents<'a> {
    dtype: DType,
    shape: Vec<usize>,
    depth: u64,
    /// The oldest first.
    samples: Vec<SampleValue<'a>>,
    /// Metadata of fields of records, by their paths.
    metas: Vec<(String, Meta)>,
    /// The value of the newest sample, computed on first use.
    value: OnceLock<Value<'static>>,
}

impl PartialEq for Contents<'_> {
    fn eq(&self, other: &Self) -> bool {
        (&self.dtype, &self.shape, self.depth, &self.samples, &self.metas)
            == (&other.dtype, &other.shape, other.depth, &other.samples, &other.metas)
    }
}

/// A sample, detached from its stream.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleValue<'a> {
    /// When it was taken, in nanoseconds of CLOCK_MONOTONIC.
    pub time: u64,
    /// Its bytes.
    pub data: Cow<'a, [u8]>,
}

impl<'a> StreamValue<'a> {
    /// A stream of arrays of this element type and shape; an empty shape means a single element. It keeps the last `depth` samples.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidArgument`] for samples without bytes or too large for memory, and a depth of 0 or more than 2^26.
    pub fn new(dtype: DType, shape: &[usize], depth: u64) -> Result<StreamValue<'a>> {
        if !(1..=MAX_STREAM_DEPTH).contains(&depth) {
            return Err(Error::invalid("depth", depth.to_string(), "1 to 2^26 samples"));
        }
        if size_in_bytes(&dtype, shape)? == 0 {
            return Err(Error::invalid("shape", format!("{dtype}{shape:?}"), "samples of at least one byte"));
        }
        Ok(StreamValue::of(dtype, shape.to_vec(), depth, Vec::new()))
    }

    fn of(dtype: DType, shape: Vec<usize>, depth: u64, samples: Vec<SampleValue<'a>>) -> StreamValue<'a> {
        StreamValue(Box::new(Contents {
            dtype,
            shape,
            depth,
            samples,
            metas: Vec::new(),
            value: OnceLock::new(),
        }))
    }

    /// The same stream with a newest sample.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidArgument`] if there are more or fewer bytes than a sample has.
    pub fn with_newest(self, time: u64, data: impl Into<Cow<'a, [u8]>>) -> Result<StreamValue<'a>> {
        self.with_samples(vec![SampleValue { time, data: data.into() }])
    }

    /// The same stream with samples, the oldest first. A stream that is created from it numbers them from 0.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidArgument`] if one has more or fewer bytes than a sample has, or if there are more than the stream keeps.
    pub fn with_samples(mut self, samples: Vec<SampleValue<'a>>) -> Result<StreamValue<'a>> {
        let wanted = self.sample_size();
        if let Some(wrong) = samples.iter().find(|sample| sample.data.len() != wanted) {
            let found = format!("{} bytes", wrong.data.len());
            return Err(Error::invalid("data", found, format!("{wanted} bytes")));
        }
        if samples.len() as u64 > self.depth() {
            let expected = format!("at most {}", self.depth());
            return Err(Error::invalid("samples", samples.len().to_string(), expected));
        }
        self.0.samples = samples;
        self.0.value = OnceLock::new();
        Ok(self)
    }

    /// The same stream with metadata of fields of its samples, by their paths: units, descriptions, and the ranges that they are meant to be
    /// in. Metadata of samples is for readers; publishing does not check it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidArgument`] for a path that does not lead to a field.
    pub fn with_metas(mut self, metas: Vec<(String, Meta)>) -> Result<StreamValue<'a>> {
        let fields = if metas.is_empty() { None } else { self.0.dtype.fields() };
        let mut known = HashSet::new();
        for (path, _) in &metas {
            if !known.insert(path.as_str()) || find(fields.as_deref().unwrap_or_default(), path).is_none() {
                let expected = format!("a field of {}, once", self.0.dtype);
                return Err(Error::invalid("metas", path.clone(), expected));
            }
        }
        self.0.metas = metas;
        Ok(self)
    }

    /// Metadata of fields of its samples, by their paths.
    pub fn metas(&self) -> &[(String, Meta)] {
        &self.0.metas
    }

    /// The metadata as a value, for the block and for snapshots.
    pub(crate) fn metas_value(&self) -> Value<'_> {
        Value::record(self.0.metas.iter().map(|(path, meta)| (path.as_str(), meta.to_value())))
    }

    /// Takes metadata from such a value.
    pub(crate) fn with_metas_of(self, value: Value<'_>) -> Result<StreamValue<'a>> {
        let Value::Struct(metas) = value else {
            return Err(Error::corrupt("metadata of a stream", value.kind().name(), "a struct"));
        };
        let metas = metas.into_iter().map(|(path, meta)| Ok((path.into_owned(), Meta::from_value(meta)?)));
        let metas = metas.collect::<Result<_>>()?;
        self.with_metas(metas)
            .map_err(|error| Error::corrupt("metadata of a stream", error, "paths of fields"))
    }

    /// The element type of a sample.
    pub fn dtype(&self) -> &DType {
        &self.0.dtype
    }

    /// The shape of a sample.
    pub fn shape(&self) -> &[usize] {
        &self.0.shape
    }

    /// How many samples it keeps.
    pub fn depth(&self) -> u64 {
        self.0.depth
    }

    /// The bytes of a sample.
    pub fn sample_size(&self) -> usize {
        size_in_bytes(&self.0.dtype, &self.0.shape).unwrap_or(0) as usize
    }

    /// The newest sample, if one was published.
    pub fn newest(&self) -> Option<&SampleValue<'a>> {
        self.0.samples.last()
    }

    /// Its samples, the oldest first: the newest one only, unless it was read with [all of them](crate::handle::Struct::to_bytes_with_samples).
    pub fn samples(&self) -> &[SampleValue<'a>] {
        &self.0.samples
    }

    /// The value of the newest sample, or null.
    pub fn newest_value(&self) -> &Value<'_> {
        self.0.value.get_or_init(|| match self.newest() {
            Some(sample) => self.sample(&sample.data).into_owned(),
            None => Value::Null,
        })
    }

    /// The value of a sample of this stream, given its bytes.
    pub fn sample<'b>(&self, data: &'b [u8]) -> Value<'b> {
        super::record::sample_value(&self.0.dtype, &self.0.shape, data)
    }

    /// The same stream, borrowing nothing.
    pub(crate) fn into_owned(self) -> StreamValue<'static> {
        let Contents { dtype, shape, depth, samples, metas, .. } = *self.0;
        let owned = |sample: SampleValue<'_>| SampleValue {
            time: sample.time,
            data: Cow::Owned(sample.data.into_owned()),
        };
        let samples = samples.into_iter().map(owned).collect();
        let mut owned = StreamValue::of(dtype, shape, depth, samples);
        owned.0.metas = metas;
        owned
    }

    pub(crate) fn borrowed(&self) -> StreamValue<'_> {
        let samples = self
            .0
            .samples
            .iter()
            .map(|sample| SampleValue { time: sample.time, data: Cow::Borrowed(sample.data.as_ref()) });
        let samples = samples.collect();
        let Contents { dtype, shape, depth, .. } = &*self.0;
        let mut borrowed = StreamValue::of(dtype.clone(), shape.clone(), *depth, samples);
        borrowed.0.metas.clone_from(&self.0.metas);
        borrowed
    }
}

/// What it is, without samples: `stream of {t: f64, acc: f32[3]}, depth 100`.
impl std::fmt::Display for StreamValue<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "stream of {}, depth {}", Shown(&self.0.dtype, &self.0.shape), self.0.depth)
    }
}

impl<'a> From<StreamValue<'a>> for Value<'a> {
    fn from(stream: StreamValue<'a>) -> Self {
        Value::Stream(stream)
    }
}

impl super::ToValue for StreamValue<'_> {
    fn to_value(&self) -> Result<Value<'_>> {
        Ok(Value::Stream(self.borrowed()))
    }
}

/// The array of some samples side by side.
pub(crate) fn samples_array<'a>(
    dtype: &DType,
    shape: &[usize],
    count: usize,
    data: impl Into<Cow<'a, [u8]>>,
) -> Result<ArrayValue<'a>> {
    let shape: Vec<usize> = std::iter::once(count).chain(shape.iter().copied()).collect();
    ArrayValue::new(dtype.clone(), &shape, data)
}
