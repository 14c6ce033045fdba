//! Streams: published to and read without a lock.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use numpy::{PyArrayDescr, PyArrayDescrMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::{PyOverflowError, PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyTuple, PyType};
use pyo3::{IntoPyObjectExt, intern};
use structstore::binding_support::{Slot, for_each_number};
use structstore::stream::{
    AnyCursor, AnyHistory, AnyLoan, AnySample, AnyStream, PinnedFrame, SampleBytes, StreamValue, now,
    wait_any,
};
use structstore::{ArrayValue, DType, Kind, Meta};

use crate::array;
use crate::error::{Exception, Failure, Result, type_name};
use crate::gil::LONG_COPY;
use crate::meta::{meta_of, told};
use crate::timeout::duration;
use crate::value_in::Inputs;

/// Assigned to a field, creates a stream: `store.imu = structstore.Stream(...)`. The field is then a StructStoreStream.
///
/// It keeps the last `depth` samples. Each is an array of this `shape` and `dtype`; without a shape, a single number or record.
/// `dtype` is anything that NumPy accepts, or a dataclass of floats, ints, bools, NumPy's scalar types, tuples of one of these,
/// literals and enums of strings, and further such dataclasses. Metadata in its annotations, such as units, is stored with the
/// stream, but limits are not enforced.
///
///     >>> store = structstore.StructStore()
///     >>> store.imu = structstore.Stream(dtype=[("t", "f8"), ("acc", "f4", 3)], depth=4096)
///     >>> store.left = structstore.Stream(dtype=np.uint8, shape=(480, 640, 3), depth=8)
///     >>> store.imu
///     <structstore.StructStoreStream, 0 samples, depth 4096>
///
/// Assigning an equal stream again keeps the samples; a stream of another type or depth replaces it.
#[pyclass(frozen, module = "structstore")]
pub(crate) struct Stream {
    value: StreamValue<'static>,
}

impl Stream {
    pub(crate) fn value(&self) -> StreamValue<'static> {
        self.value.clone()
    }
}

type Metas = Vec<(String, Meta)>;

/// The element type that an argument says, a shape that comes with it, and the metadata of a dataclass.
fn element_type(dtype: &Bound<'_, PyAny>) -> Result<(DType, Vec<usize>, Metas)> {
    let py = dtype.py();
    let (mut fields, mut metas) = (dtype.clone(), Vec::new());
    if dtype.is_instance_of::<PyType>() && dtype.hasattr(intern!(py, "__dataclass_fields__"))? {
        let found = streaming(py)?.call_method1(intern!(py, "fields_of"), (dtype,))?;
        let of_fields: Bound<'_, PyDict>;
        (fields, of_fields) = found.extract()?;
        for (path, told) in of_fields {
            let told = told.cast_into::<PyDict>().map_err(PyErr::from)?;
            metas.push((path.extract()?, meta_of(&Inputs::default(), &told)?));
        }
    }
    let descr = PyArrayDescr::new(py, fields)?;
    let shape = descr.shape();
    Ok((array::dtype(&descr.base())?, shape, metas))
}

fn streaming(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
    py.import(intern!(py, "structstore._streaming"))
}

/// The metadata of fields of samples, by their paths.
fn metas_of<'py>(py: Python<'py>, value: &StreamValue<'_>) -> Result<Bound<'py, PyAny>> {
    let found = PyDict::new(py);
    for (path, meta) in value.metas() {
        found.set_item(path, told(py, meta, false)?)?;
    }
    Ok(streaming(py)?.call_method1(intern!(py, "metas"), (found,))?)
}

#[pymethods]
impl Stream {
    #[new]
    #[pyo3(signature = (dtype=None, shape=None, *, depth), text_signature = "(dtype=float, shape=(), *, depth)")]
    fn new(
        py: Python<'_>,
        dtype: Option<&Bound<'_, PyAny>>,
        shape: Option<&Bound<'_, PyAny>>,
        depth: u64,
    ) -> Result<Stream> {
        let (dtype, inner, metas) = match dtype {
            Some(dtype) => element_type(dtype)?,
            None => (array::dtype(&numpy::dtype::<f64>(py))?, Vec::new(), Vec::new()),
        };
        let mut extents = match shape {
            None => Vec::new(),
            Some(shape) => array::extents(shape)?,
        };
        extents.extend(inner);
        Ok(Stream { value: StreamValue::new(dtype, &extents, depth)?.with_metas(metas)? })
    }

    /// How many samples it keeps.
    #[getter]
    fn depth(&self) -> u64 {
        self.value.depth()
    }

    /// The shape of a sample.
    #[getter]
    fn shape<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyTuple>> {
        Ok(PyTuple::new(py, self.value.shape())?)
    }

    /// The element type of a sample.
    #[getter]
    fn dtype<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyArrayDescr>> {
        array::descr(py, self.value.dtype())
    }

    /// The metadata of fields of samples, by their paths.
    #[getter]
    fn metas<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        metas_of(py, &self.value)
    }

    fn __repr__(&self) -> String {
        format!("<structstore.Stream, {}>", self.value)
    }
}

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

    fn sample(slf: &Bound<'_, Self>, sample: AnySample) -> Result<Py<Sample>> {
        let AnySample { seq, time, missed, data } = sample;
        let (stream, data) = (slf.clone().unbind(), Data::Bytes(data));
        Ok(Py::new(slf.py(), Sample { stream, data, array: PyOnceLock::new(), seq, time, missed })?)
    }

    /// The newest sample of a stream of numbers.
    fn latest_word(slf: &Bound<'_, Self>) -> Result<Py<Sample>> {
        let (word, seq, time) = slf.get().raw.latest_word()?;
        let (stream, data) = (slf.clone().unbind(), Data::Word(word));
        Ok(Py::new(slf.py(), Sample { stream, data, array: PyOnceLock::new(), seq, time, missed: 0 })?)
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
        Loan { stream: slf.clone().unbind(), time, lent: Mutex::default() }
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
            true => Self::latest_word(slf),
            false => Self::sample(slf, raw.latest()?),
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
        let stream = slf.clone().unbind();
        Ok(Follow { stream, cursor: Mutex::new(AnyCursor::at(seq)), closed: AtomicBool::new(false) })
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

/// Waits until a stream has news. Returns `false` if it does not in time, or when `ended`.
fn wait_until(
    streams: &[(&AnyStream, u64)],
    deadline: Option<Instant>,
    ended: impl Fn() -> bool,
) -> structstore::Result<bool> {
    loop {
        if streams.iter().any(|(stream, seen)| stream.published() > *seen) {
            return Ok(true);
        }
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if ended() || !wait_any(streams, left)? {
            return Ok(false);
        }
    }
}

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

/// A frame that is filled in place: see `StructStoreStream.loan`.
#[pyclass(frozen, module = "structstore")]
pub(crate) struct Loan {
    stream: Py<StructStoreStream>,
    time: Option<u64>,
    lent: Mutex<Option<(AnyLoan, Py<PyAny>)>>,
}

impl Loan {
    fn lent(&self) -> std::sync::MutexGuard<'_, Option<(AnyLoan, Py<PyAny>)>> {
        self.lent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        let lent = self.lent.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some((loan, array)) = lent.take() {
            // Without its end: the next loan may be of the same frame.
            Python::attach(|py| {
                let _ = array.bind(py).call_method1(intern!(py, "setflags"), (false,));
            });
            drop(loan);
        }
    }
}

#[pymethods]
impl Loan {
    /// Returns the frame as an array. What its elements are is arbitrary.
    fn __enter__<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        let filled = || {
            let message = "this frame is being filled already; call `loan` for another one";
            Failure::Raised(PyRuntimeError::new_err(message))
        };
        if self.lent().is_some() {
            return Err(filled());
        }
        let stream = self.stream.bind(py);
        let mut loan = stream.get().raw.loan()?;
        let start = loan.as_mut_slice().as_mut_ptr();
        let value = &stream.get().raw;
        // SAFETY: as many bytes as items of this type and shape take, aligned to 64 bytes and in C order, in a mapping that the stream keeps.
        let array = unsafe { array::over_memory(py, value.dtype(), value.shape(), start, stream.as_any()) }?;
        let mut lent = self.lent();
        if lent.is_some() {
            // Another thread entered it meanwhile.
            drop(lent);
            array.call_method1(intern!(py, "setflags"), (false,))?;
            return Err(filled());
        }
        *lent = Some((loan, array.clone().unbind()));
        drop(lent);
        Ok(array)
    }

    /// Publishes the frame, unless the body raised: then nothing happened.
    #[pyo3(signature = (exc_type, exc_value, traceback, /))]
    fn __exit__(
        &self,
        py: Python<'_>,
        exc_type: &Bound<'_, PyAny>,
        exc_value: &Bound<'_, PyAny>,
        traceback: &Bound<'_, PyAny>,
    ) -> Result<bool> {
        let _ = (exc_value, traceback);
        let lent = self.lent().take();
        if let Some((loan, array)) = lent {
            // Readers have it from now on, or the next loan.
            array.bind(py).call_method1(intern!(py, "setflags"), (false,))?;
            if exc_type.is_none() {
                loan.publish(StructStoreStream::time(self.time))?;
            }
        }
        Ok(false)
    }
}

/// Follows a stream: see `StructStoreStream.follow`. Iterating waits for samples, and ends when it or the store is closed.
#[pyclass(frozen, module = "structstore")]
pub(crate) struct Follow {
    stream: Py<StructStoreStream>,
    /// Held by a thread that waits.
    cursor: Mutex<AnyCursor>,
    closed: AtomicBool,
}

impl Follow {
    /// The next sample, for which it waits until a deadline, or for ever.
    fn next_until(&self, py: Python<'_>, deadline: Option<Instant>) -> Result<Option<Py<Sample>>> {
        let mut cursor = match self.cursor.try_lock() {
            Ok(cursor) => cursor,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                let message = "another thread is using this follower; each needs one of its own";
                return Err(Failure::Raised(PyRuntimeError::new_err(message)));
            }
        };
        let stream = self.stream.get();
        let ended = || self.closed.load(Ordering::Relaxed);
        while !ended() {
            if let Some(sample) = stream.raw.try_next(&mut cursor)? {
                return StructStoreStream::sample(self.stream.bind(py), sample).map(Some);
            }
            let awaited = [(&stream.raw, cursor.next())];
            // There may be samples, none of which stays until it is read.
            let late = deadline.is_some_and(|deadline| deadline <= Instant::now());
            if !py.detach(|| wait_until(&awaited, deadline, ended))? || late {
                return Ok(None);
            }
        }
        Ok(None)
    }
}

#[pymethods]
impl Follow {
    /// The next sample, after waiting at most `timeout` seconds for it, or None. With 0, it does not wait.
    #[pyo3(signature = (timeout=None))]
    fn next(&self, py: Python<'_>, timeout: Option<f64>) -> Result<Option<Py<Sample>>> {
        let timeout = timeout.map(|seconds| duration(py, seconds)).transpose()?;
        self.next_until(py, timeout.and_then(|timeout| Instant::now().checked_add(timeout)))
    }

    /// Closes it, and ends the loops over it; any thread may do this.
    fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    fn __iter__<'py>(slf: &Bound<'py, Self>) -> Bound<'py, Self> {
        slf.clone()
    }

    fn __next__(&self, py: Python<'_>) -> Result<Option<Py<Sample>>> {
        self.next_until(py, None)
    }

    fn __aiter__<'py>(slf: &Bound<'py, Self>) -> Result<Bound<'py, PyAny>> {
        let watching = PyModule::import(slf.py(), "structstore._watching")?;
        Ok(watching.getattr("iterate")?.call1((slf,))?)
    }

    fn __repr__(&self) -> &'static str {
        "<structstore.Follow>"
    }
}

/// Waits at most `timeout` seconds until one of several streams or followers has a new sample, and returns whether one has. For
/// a stream, this is a sample that is published after the call; for a follower, one that it has not returned yet.
///
///     >>> store = structstore.StructStore()
///     >>> store.left, store.right = structstore.Stream(depth=8), structstore.Stream(depth=8)
///     >>> left, right = store.left.follow(), store.right.follow()
///     >>> structstore.wait(left, right, timeout=0.001)
///     False
///     >>> _ = store.right.publish(0.5)
///     >>> structstore.wait(left, right)
///     True
#[pyfunction]
#[pyo3(signature = (*streams, timeout=None), text_signature = "(*streams, timeout=None)")]
pub(crate) fn wait(py: Python<'_>, streams: &Bound<'_, PyTuple>, timeout: Option<f64>) -> Result<bool> {
    if streams.is_empty() {
        let message = "streams: found none, expected at least one StructStoreStream or Follow";
        return Err(Failure::Raised(PyTypeError::new_err(message)));
    }
    let mut awaited = Vec::with_capacity(streams.len());
    for stream in streams {
        if let Ok(stream) = stream.cast::<StructStoreStream>() {
            awaited.push((stream.get().raw.clone(), stream.get().raw.published()));
        } else if let Ok(follow) = stream.cast::<Follow>() {
            let follow = follow.get();
            let next = follow.cursor.try_lock().map(|cursor| cursor.next());
            let stream = follow.stream.get();
            awaited.push((stream.raw.clone(), next.unwrap_or_else(|_| stream.raw.published())));
        } else {
            let found = type_name(&stream);
            let message = format!("streams: found {found}, expected a StructStoreStream or Follow");
            return Err(Failure::Raised(PyTypeError::new_err(message)));
        }
    }
    let timeout = timeout.map(|seconds| duration(py, seconds)).transpose()?;
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let awaited: Vec<_> = awaited.iter().map(|(stream, seen)| (stream, *seen)).collect();
    Ok(py.detach(|| wait_until(&awaited, deadline, || false))?)
}
