//! The elements of an array, or of the newest sample of a stream, wherever they are.

use std::borrow::Cow;
use std::ops::Range;

use structstore::stream::SampleBytes;
use structstore::watch::{self, Found};
use structstore::{ArrayValue, DType, ErrorKind, Value};

use crate::clock;

pub(crate) struct Elements<'f> {
    pub(crate) dtype: DType,
    /// The lengths of the dimensions that no index was chosen in.
    pub(crate) shape: Vec<usize>,
    /// When it was taken, if it is a sample.
    pub(crate) time: Option<f64>,
    bytes: Bytes<'f>,
    /// Where they begin, in bytes from the first element of all.
    start: usize,
}

enum Bytes<'f> {
    Copied(&'f ArrayValue<'static>),
    Large(watch::Elements),
    Sample(SampleBytes),
}

impl<'f> Elements<'f> {
    /// The elements of what was found, or why there are none.
    pub(crate) fn of(found: &'f Found) -> Result<Elements<'f>, String> {
        let (dtype, shape, time, bytes) = match found {
            Found::Value(Value::Array(array)) => {
                (array.dtype().clone(), array.shape().to_vec(), None, Bytes::Copied(array))
            }
            Found::Array(large) => {
                let elements = large.view().map_err(|error| error.to_string())?;
                (elements.dtype().clone(), elements.shape().to_vec(), None, Bytes::Large(elements))
            }
            Found::Stream(stream) => match stream.latest() {
                Ok(sample) => {
                    let time = Some(clock::wall(sample.time));
                    (stream.dtype().clone(), stream.shape().to_vec(), time, Bytes::Sample(sample.data))
                }
                Err(error) if error.kind() == ErrorKind::NoSample => return Err("no sample yet".to_owned()),
                Err(error) => return Err(error.to_string()),
            },
            _ => return Err("no array".to_owned()),
        };
        Ok(Elements { dtype, shape, time, bytes, start: 0 })
    }

    /// What is left after these indices of the first dimensions, which are reduced to what is there.
    pub(crate) fn at(mut self, index: &[usize]) -> Elements<'f> {
        for at in index {
            let Some((length, rest)) = self.shape.split_first() else { break };
            let item = self.dtype.itemsize() * rest.iter().product::<usize>();
            self.start += item * (*at).min(length.saturating_sub(1));
            self.shape = rest.to_vec();
        }
        self
    }

    /// Some of the elements, counted in bytes.
    pub(crate) fn bytes(&self, range: Range<usize>) -> Cow<'_, [u8]> {
        let range = self.start + range.start..self.start + range.end;
        match &self.bytes {
            Bytes::Copied(array) => array.data().get(range).unwrap_or_default().into(),
            Bytes::Large(watch::Elements::Viewed(view)) => view.copy_bytes(range).into(),
            Bytes::Large(watch::Elements::Copied(array)) => {
                array.data().get(range).unwrap_or_default().into()
            }
            Bytes::Sample(data) => data.as_slice().get(range).unwrap_or_default().into(),
        }
    }

    /// How many bytes an element has.
    pub(crate) fn size(&self) -> usize {
        self.dtype.itemsize()
    }
}
