//! Samples as they are read.

use std::time::Duration;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyTuple};
use pyo3::{IntoPyObjectExt, intern};
use structstore::Kind;
use structstore::binding_support::for_each_number;
use structstore::stream::{AnySample, SampleBytes, now};

use super::StructStoreStream;
use crate::error::Result;

/// A sample of a stream.
#[pyclass(frozen, module = "structstore")]
pub(crate) struct Sample {
    stream: Py<StructStoreStream>,
    data: Data,
    /// Made when it is asked for.
    array: PyOnceLock<Py<PyAny>>,
    /// Its sequence number, counted from 0.
    #[pyo3(get)]
    seq: u64,
    /// When it was taken, in nanoseconds of time.monotonic_ns().
    #[pyo3(get)]
    time: u64,
    /// How many samples this follower lost between the previous one and this one.
    #[pyo3(get)]
    missed: u64,
}

impl Sample {
    pub(super) fn of(stream: &Bound<'_, StructStoreStream>, sample: AnySample) -> Result<Py<Sample>> {
        let AnySample { seq, time, missed, data } = sample;
        let (py, stream, data) = (stream.py(), stream.clone().unbind(), Data::Bytes(data));
        Ok(Py::new(py, Sample { stream, data, array: PyOnceLock::new(), seq, time, missed })?)
    }

    /// The newest sample of a stream of numbers.
    pub(super) fn latest_word(stream: &Bound<'_, StructStoreStream>) -> Result<Py<Sample>> {
        let (word, seq, time) = stream.get().raw.latest_word()?;
        let (py, stream, data) = (stream.py(), stream.clone().unbind(), Data::Word(word));
        Ok(Py::new(py, Sample { stream, data, array: PyOnceLock::new(), seq, time, missed: 0 })?)
    }
}

enum Data {
    /// A number.
    Word(u64),
    Bytes(SampleBytes),
}

impl Data {
    /// The bytes of a number, in a word.
    fn word(&self) -> u64 {
        match self {
            Data::Word(word) => *word,
            Data::Bytes(bytes) => {
                let mut word = [0; 8];
                word.iter_mut().zip(bytes.as_slice()).for_each(|(to, byte)| *to = *byte);
                u64::from_le_bytes(word)
            }
        }
    }
}

#[pymethods]
impl Sample {
    /// The sample as an array, without dimensions if it is a number or a record.
    #[getter]
    fn array<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        if let Some(array) = self.array.get(py) {
            return Ok(array.bind(py).clone());
        }
        let stream = self.stream.get();
        let array = match &self.data {
            Data::Bytes(bytes) => stream.array(py, bytes)?,
            Data::Word(word) => {
                let bytes = &word.to_le_bytes()[..stream.raw.sample_size()];
                stream.array(py, &SampleBytes::Copied(bytes.into()))?
            }
        };
        let _ = self.array.set(py, array.unbind());
        Ok(self.array.get(py).expect("set just now, or before").bind(py).clone())
    }

    /// The sample as a number, a record or an array.
    #[getter]
    fn value<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        let raw = &self.stream.get().raw;
        if !raw.shape().is_empty() {
            return self.array(py);
        }
        if let Some(kind) = raw.dtype().kind() {
            return number(py, kind, self.data.word());
        }
        let array = self.array(py)?;
        match raw.dtype().is_structured() {
            true => Ok(array.get_item(PyTuple::empty(py))?),
            false => Ok(array.call_method0(intern!(py, "item"))?),
        }
    }

    /// How long ago it was taken, in seconds.
    #[getter]
    fn age(&self) -> f64 {
        Duration::from_nanos(now().saturating_sub(self.time)).as_secs_f64()
    }

    fn __repr__(&self, py: Python<'_>) -> Result<String> {
        Ok(format!("<structstore.Sample {}: {}>", self.seq, self.value(py)?.repr()?))
    }
}

/// A number, by its bytes.
fn number<'py>(py: Python<'py>, kind: Kind, word: u64) -> Result<Bound<'py, PyAny>> {
    macro_rules! number {
        ($($kind:ident $type:ident $typestr:literal $class:ident;)*) => {
            match kind {
                $(Kind::$kind => {
                    let bytes = word.to_le_bytes();
                    let (bytes, _) = bytes.split_first_chunk().expect("at most eight bytes");
                    $type::from_le_bytes(*bytes).into_bound_py_any(py)?
                })*
                _ => PyBool::new(py, word & 0xff != 0).to_owned().into_any(),
            }
        };
    }
    Ok(for_each_number!(number))
}
