//! Streams: published to and read without a lock.

mod declaration;
mod follow;
mod loan;
mod sample;

pub(crate) use declaration::Stream;
pub(crate) use follow::{Follow, wait};
pub(crate) use loan::Loan;
pub(crate) use sample::Sample;

use std::time::Instant;

use numpy::{PyArrayDescr, PyArrayDescrMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::PyOverflowError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyFloat, PyInt, PyTuple};
use structstore::binding_support::Slot;
use structstore::stream::{AnyHistory, AnyStream, PinnedFrame, SampleBytes, now};
use structstore::{ArrayValue, Kind};

use crate::array;
use crate::error::{Exception, Failure, Result};
use crate::gil::LONG_COPY;
use crate::timeout::duration;
use declaration::metas_of;
use follow::wait_until;

/// A stream of samples in a store. One process at a time publishes, and readers never delay it. Readers get the newest sample,
/// follow all samples, or copy the last ones.
///
///     >>> store = structstore.StructStore()
///     >>> store.imu = structstore.Stream(dtype=[("t", "f8"), ("acc", "f4", 3)], depth=100)
///     >>> imu = store.imu
///     >>> for step in range(3):
///     ...     _ = imu.publish((step / 100, (0, 0, 9.81)))
///     >>> float(imu.latest().value["t"]), imu.latest().seq
///     (0.02, 2)
///     >>> imu.history(2)["t"]
///     array([0.01, 0.02])
///
/// A lock or a transaction on a structure that contains the stream covers the existence of the stream, not its samples. watch()
/// reports that there are new samples.
#[pyclass(frozen, module = "structstore")]
pub(crate) struct StructStoreStream {
    raw: AnyStream,
}

/// A field that is a stream.
pub(crate) fn of_slot<'py>(py: Python<'py>, slot: Slot<'_>) -> Result<Bound<'py, PyAny>> {
    Ok(Bound::new(py, StructStoreStream { raw: slot.get()? })?.into_any())
}

impl StructStoreStream {
    /// What is to be published, as an array of the stream's type and shape.
    fn input<'py>(&self, py: Python<'py>, value: &Bound<'py, PyAny>) -> Result<Bound<'py, PyUntypedArray>> {
        static SAMPLE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let descr = array::descr(py, self.raw.dtype())?;
        let numpy = py.import(intern!(py, "numpy"))?;
        let is_number = self.raw.dtype().kind().is_some();
        let given = match value.cast::<PyUntypedArray>() {
            Ok(array) if array.dtype().is_equiv_to(&descr) => value.clone(),
            _ if !is_number => {
                let sample = SAMPLE.import(py, "structstore._streaming", "sample")?;
                let value = sample.call1((value, &descr, PyTuple::new(py, self.raw.shape())?))?;
                numpy.call_method1(intern!(py, "asarray"), (value, &descr))?
            }
            _ => {
                let given = numpy.call_method1(intern!(py, "asarray"), (value,))?;
                let given = given.cast_into::<PyUntypedArray>().map_err(PyErr::from)?;
                let fits =
                    numpy.call_method1(intern!(py, "can_cast"), (given.dtype(), &descr, "same_kind"))?;
                if !fits.is_truthy()? && !is_python_int(value) {
                    let found = given.dtype().to_string();
                    return Err(self.refused(py, &format!("found {found}, expected {}", self.raw.dtype())));
                }
                let given = numpy.call_method1(intern!(py, "asarray"), (value, &descr))?;
                // Before version 2, NumPy takes the lowest bits of an int that does not fit.
                if is_python_int(value) && descr.kind() != b'f' && given.call_method0("item")?.ne(value)? {
                    let message = format!("a sample: {value} does not fit {}", self.raw.dtype());
                    return Err(Failure::Raised(PyOverflowError::new_err(message)));
                }
                given
            }
        };
        let given = numpy.call_method1(intern!(py, "ascontiguousarray"), (given,))?;
        let given = given.cast_into::<PyUntypedArray>().map_err(PyErr::from)?;
        // `ascontiguousarray` makes arrays of at least one dimension.
        let scalar = self.raw.shape().is_empty() && given.shape() == [1];
        if !scalar && given.shape() != self.raw.shape() {
            let (found, expected) = (given.shape(), self.raw.shape());
            return Err(self.refused(py, &format!("found the shape {found:?}, expected {expected:?}")));
        }
        Ok(given)
    }

    fn refused(&self, py: Python<'_>, message: &str) -> Failure {
        Exception::WrongTypeError.raised(py, &format!("a sample: {message}"), None).into()
    }

    fn array<'py>(&self, py: Python<'py>, data: &SampleBytes) -> Result<Bound<'py, PyAny>> {
        let (dtype, shape) = (self.raw.dtype(), self.raw.shape());
        match data {
            SampleBytes::Copied(bytes) => {
                array::copy(py, &ArrayValue::new(dtype.clone(), shape, bytes.as_ref())?)
            }
            SampleBytes::Pinned(frame) => {
                let start = frame.as_slice().as_ptr().cast_mut();
                let owner = Bound::new(py, Pinned { _frame: frame.clone() })?.into_any();
                // SAFETY: as many bytes as items of this type and shape take, aligned to 64 bytes and in C order, which the owner keeps.
                let array = unsafe { array::over_memory(py, dtype, shape, start, &owner) }?;
                array.call_method1(intern!(py, "setflags"), (false,))?;
                Ok(array)
            }
        }
    }

    fn time(time: Option<u64>) -> u64 {
        time.unwrap_or_else(now)
    }
}

/// The bytes of a number of Python's own, if it is one of the stream's type: without a detour by NumPy.
fn plain_number(kind: Kind, value: &Bound<'_, PyAny>) -> Option<[u8; 8]> {
    match kind {
        Kind::F64 if value.is_exact_instance_of::<PyFloat>() || value.is_exact_instance_of::<PyInt>() => {
            Some(value.extract::<f64>().ok()?.to_le_bytes())
        }
        Kind::I64 if value.is_exact_instance_of::<PyInt>() => {
            Some(value.extract::<i64>().ok()?.to_le_bytes())
        }
        Kind::Bool if value.is_exact_instance_of::<PyBool>() => {
            Some(u64::from(value.extract::<bool>().ok()?).to_le_bytes())
        }
        _ => None,
    }
}

/// Ints take part in no casting rule: a value that does not fit is an error of NumPy's.
fn is_python_int(value: &Bound<'_, PyAny>) -> bool {
    value.is_instance_of::<pyo3::types::PyInt>()
}

/// What keeps a frame: the `base` of the array over it.
#[pyclass(frozen, module = "structstore")]
struct Pinned {
    _frame: std::sync::Arc<PinnedFrame>,
}

#[pymethods]
impl StructStoreStream {
    /// Publishes a sample and returns its sequence number, counted from 0. A sample is a number, an array, or for records a tuple, a
    /// dict or a dataclass. `time` is when it was taken, in nanoseconds of time.monotonic_ns(); by default, now.
    ///
    /// The first call makes this process the publisher until it calls release(), closes the store, or ends. Raises PublisherError
    /// while another process publishes, and FramesPinnedError if samples are larger than 4 KiB and readers keep all of them but the
    /// newest in use.
    #[pyo3(signature = (value, time=None))]
    fn publish(&self, py: Python<'_>, value: &Bound<'_, PyAny>, time: Option<u64>) -> Result<u64> {
        let time = Self::time(time);
        if let Some(kind) = self.raw.dtype().kind().filter(|_| self.raw.shape().is_empty())
            && let Some(bytes) = plain_number(kind, value)
        {
            return Ok(self.raw.publish(time, |sample| {
                sample.iter_mut().zip(bytes).for_each(|(to, byte)| *to = byte);
                Ok(())
            })?);
        }
        let array = self.input(py, value)?;
        let memory = array::Memory::of(&array);
        let size = self.raw.sample_size();
        // SAFETY: dense, and as long as said (checked when it was made); the array lives on. Another thread may write to an array of the
        // user's, and then publishes a mix.
        let bytes = unsafe { std::slice::from_raw_parts(memory.start, memory.length.min(size)) };
        let publish = || {
            self.raw.publish(time, |sample| {
                sample.iter_mut().zip(bytes).for_each(|(to, byte)| *to = *byte);
                Ok(())
            })
        };
        Ok(if size > LONG_COPY { py.detach(publish)? } else { publish()? })
    }

    /// A frame in the store's memory, to be filled in place within a `with` statement and published at its end without a copy. If the
    /// body raises, nothing is published. Samples of up to 4 KiB have no frames: publish() copies them.
    ///
    ///     >>> store = structstore.StructStore()
    ///     >>> store.left = structstore.Stream(dtype=np.uint8, shape=(480, 640), depth=4)
    ///     >>> with store.left.loan() as pixels:
    ///     ...     pixels[:] = 7
    ///     >>> int(store.left.latest().array[0, 0])
    ///     7
    ///
    /// The elements are arbitrary at first. Do not keep the array after the statement, because readers use it then. Do not write to
    /// it in a forked child: the frame belongs to its parent.
    #[pyo3(signature = (time=None))]
    fn loan(slf: &Bound<'_, Self>, time: Option<u64>) -> Loan {
        Loan::new(slf.clone().unbind(), time)
    }

    /// The newest sample. If none was published yet, waits at most `timeout` seconds for the first one, and then raises
    /// NoSampleError.
    ///
    /// The array of a sample of more than 4 KiB is a read-only view of the store's memory. It does not change for as long as it
    /// lives.
    #[pyo3(signature = (timeout=None))]
    fn latest(slf: &Bound<'_, Self>, timeout: Option<f64>) -> Result<Py<Sample>> {
        let (py, raw) = (slf.py(), &slf.get().raw);
        if let Some(timeout) = timeout
            && raw.published() == 0
        {
            let deadline = Instant::now().checked_add(duration(py, timeout)?);
            py.detach(|| wait_until(&[(raw, 0)], deadline, || false))?;
        }
        match raw.shape().is_empty() && raw.dtype().kind().is_some() {
            true => Sample::latest_word(slf),
            false => Sample::of(slf, raw.latest()?),
        }
    }

    /// Follows the samples: an iterator that waits for the next one, in a `for` loop or, under asyncio, in an `async for` loop. It
    /// begins with the next sample, or with `start`: "newest", "oldest" or a sequence number.
    ///
    ///     >>> store = structstore.StructStore()
    ///     >>> store.speed = structstore.Stream(depth=3)
    ///     >>> follow = store.speed.follow()
    ///     >>> for step in range(10):
    ///     ...     _ = store.speed.publish(step)
    ///     >>> sample = follow.next(timeout=1)
    ///     >>> sample.value, sample.missed
    ///     (7.0, 7)
    #[pyo3(signature = (start=None), text_signature = "($self, start='next')")]
    fn follow(slf: &Bound<'_, Self>, start: Option<&Bound<'_, PyAny>>) -> Result<Follow> {
        let stream = slf.get();
        let head = stream.raw.published();
        let name = start.and_then(|start| start.extract::<String>().ok());
        let seq = match (start, name.as_deref()) {
            (None, _) | (_, Some("next")) => head,
            (_, Some("newest")) => head.saturating_sub(1),
            (_, Some("oldest")) => head.saturating_sub(stream.raw.depth()),
            (Some(start), _) => match start.extract::<u64>() {
                Ok(seq) => seq.min(head),
                Err(_) => {
                    let message = format!(
                        "start: found {}, expected 'next', 'newest', 'oldest' or a sequence number",
                        start.repr()?
                    );
                    return Err(Exception::InvalidArgumentError.raised(slf.py(), &message, None).into());
                }
            },
        };
        Ok(Follow::new(slf.clone().unbind(), seq))
    }

    /// The last `count` samples, or as many as there are, as one array whose first dimension counts them. With `index`, a tuple of
    /// their sequence numbers, their times in nanoseconds, and that array.
    #[pyo3(signature = (count, *, index=false), text_signature = "($self, count, *, index=False)")]
    fn history<'py>(&self, py: Python<'py>, count: u64, index: bool) -> Result<Bound<'py, PyAny>> {
        rows(py, py.detach(|| self.raw.history(count))?, index)
    }

    /// The samples from a sequence number on, as far as the stream keeps them: see history().
    #[pyo3(signature = (seq, *, index=false), text_signature = "($self, seq, *, index=False)")]
    fn since<'py>(&self, py: Python<'py>, seq: u64, index: bool) -> Result<Bound<'py, PyAny>> {
        rows(py, py.detach(|| self.raw.since(seq))?, index)
    }

    /// Releases the right to publish, so that another process can publish. Raises FramesPinnedError while this process fills a
    /// frame.
    fn release(&self) -> Result<()> {
        Ok(self.raw.release()?)
    }

    /// How many samples were published: the sequence number of the next one.
    #[getter]
    fn published(&self) -> u64 {
        self.raw.published()
    }

    /// The process id of the publisher, or None.
    #[getter]
    fn publisher(&self) -> Option<u64> {
        self.raw.publisher()
    }

    /// How many samples it keeps.
    #[getter]
    fn depth(&self) -> u64 {
        self.raw.depth()
    }

    /// The shape of a sample.
    #[getter]
    fn shape<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyTuple>> {
        Ok(PyTuple::new(py, self.raw.shape())?)
    }

    /// The element type of a sample.
    #[getter]
    fn dtype<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyArrayDescr>> {
        array::descr(py, self.raw.dtype())
    }

    /// The metadata of fields of samples, by their paths.
    #[getter]
    fn metas<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        metas_of(py, &self.raw.value()?)
    }

    fn __repr__(&self) -> String {
        let (published, depth) = (self.raw.published(), self.raw.depth());
        format!("<structstore.StructStoreStream, {published} samples, depth {depth}>")
    }
}

/// Copied samples as an array, if asked for with their numbers and times.
fn rows(py: Python<'_>, history: AnyHistory, index: bool) -> Result<Bound<'_, PyAny>> {
    let numbers = |numbers: &[u64]| array::copy(py, &ArrayValue::from_slice(&[numbers.len()], numbers)?);
    let index = index.then(|| Ok::<_, Failure>((numbers(&history.seqs())?, numbers(&history.times())?)));
    let index = index.transpose()?;
    let rows = array::copy(py, &history.into_array()?)?;
    match index {
        Some((seqs, times)) => Ok((seqs, times, rows).into_pyobject(py)?.into_any()),
        None => Ok(rows),
    }
}
