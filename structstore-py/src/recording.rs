//! Recordings: made of a store while it is used, and read.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use pyo3::exceptions::PyOSError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use structstore::binding_support::Snapshot;
use structstore::path::Path;
use structstore::{ArrayValue, Value};
use structstore_record::{Arrays, BlackBox, Condition, Error, Go, Options, Playing, Status, Streams};

use crate::error::{Exception, Failure, Result};
use crate::store::StructStore;
use crate::value_out::{Structs, detached};

/// How often a replay lets Python handle signals.
const SIGNALS: Duration = Duration::from_millis(50);

fn raised(py: Python<'_>, error: Error) -> Failure {
    match error {
        Error::Store(error) => error.into(),
        Error::File { file, source } => match source.raw_os_error() {
            Some(code) => PyOSError::new_err((code, plain(&source), file)).into(),
            None => PyErr::from(source).into(),
        },
        Error::NotRecorded(ref path) => {
            Exception::NotFoundError.raised(py, &error.to_string(), Some(path)).into()
        }
        Error::Invalid(message) => Exception::InvalidArgumentError.raised(py, &message, None).into(),
        _ => Exception::CorruptError.raised(py, &error.to_string(), None).into(),
    }
}

/// What the system says, without the number.
fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

/// Records a store, or a part of one, as an MCAP file until the recording is closed. Foxglove, PlotJuggler and other programs open
/// the file; read() reads it.
///
///     >>> store = structstore.StructStore()
///     >>> store.pose = {"x": 0.5}
///     >>> with structstore.record(store, folder / "run.mcap") as recording:
///     ...     store.pose.x = 1.5
///     ...     recording.mark("moved")
///     >>> run = structstore.read(folder / "run.mcap")
///     >>> print(run.at(run.duration))
///     {"pose": {"x": 1.5}}
///
/// Every sample of each stream is recorded; `streams` can be False, or a list of paths. Everything else is sampled up to `rate`
/// times a second when it changes: arrays always, one in ten changes (`arrays=10`), or never (`arrays=False`). `paths` lists the
/// fields to record; the default is all. `split` starts another file after this many bytes: run-2.mcap. `{time}` in the name of
/// the file is replaced by the time. If such a name exists, or that of a further file, a number is added: run-2-2.mcap. Threads
/// of this process do the recording, and no writer waits for them. A forked child does not record.
///
/// `when`, `last`, `after` and `memory` make it a black box, which keeps the recording in memory. Whenever the condition `when`
/// becomes true, for example `"fault == true and drive.speed > 3"`, a file is written that covers at least the `last` seconds
/// before (60 by default) and the `after` seconds after it (10). save() and the removal of the store write a file, too. Without
/// `{time}` in the name, the recording ends after the first file. `memory` limits the bytes in memory (1 GiB); a file then
/// covers less of the time before. It must have room for two whole states of the store.
///
/// Raises FileExistsError if the file exists, and OSError if it cannot be written.
#[pyfunction]
#[pyo3(signature = (store, file, /, *, rate=200.0, paths=None, streams=None, arrays=None, split=None, when=None, last=None, after=None, memory=None))]
#[expect(clippy::too_many_arguments, reason = "they have names in Python")]
pub(crate) fn record(
    py: Python<'_>,
    store: &Bound<'_, StructStore>,
    file: PathBuf,
    rate: f64,
    paths: Option<Vec<String>>,
    streams: Option<&Bound<'_, PyAny>>,
    arrays: Option<&Bound<'_, PyAny>>,
    split: Option<u64>,
    when: Option<&str>,
    last: Option<f64>,
    after: Option<f64>,
    memory: Option<u64>,
) -> Result<Recording> {
    let invalid = |message: String| Failure::from(Exception::InvalidArgumentError.raised(py, &message, None));
    if !(0.01..=10_000.0).contains(&rate) {
        return Err(invalid(format!("rate: found {rate}, expected a number from 0.01 to 10000")));
    }
    let arrays = match arrays {
        None => Arrays::All,
        Some(found) => match (found.extract::<bool>(), found.extract::<u32>()) {
            (Ok(all), _) => [Arrays::None, Arrays::All][usize::from(all)],
            (_, Ok(many @ 1..)) => Arrays::Every(many),
            _ => return Err(invalid(format!("arrays: found {found}, expected a bool or a number from 1"))),
        },
    };
    let parsed = |paths: Vec<String>| {
        paths.iter().map(|path| path.parse()).collect::<structstore::Result<Vec<Path>>>()
    };
    let streams = match streams {
        None => Streams::All,
        Some(found) => match (found.extract::<bool>(), found.extract::<Vec<String>>()) {
            (Ok(all), _) => [Streams::None, Streams::All][usize::from(all)].clone(),
            (_, Ok(paths)) => Streams::Below(parsed(paths)?),
            _ => return Err(invalid(format!("streams: found {found}, expected a bool or a list of paths"))),
        },
    };
    let mut options = Options::new().rate(rate).streams(streams).arrays(arrays);
    if let Some(paths) = paths {
        options = options.paths(parsed(paths)?);
    }
    if when.is_some() || last.is_some() || after.is_some() || memory.is_some() {
        let seconds = |name: &str, seconds: f64| {
            Duration::try_from_secs_f64(seconds)
                .map_err(|_| invalid(format!("{name}: found {seconds}, expected a number of seconds")))
        };
        let mut black_box = BlackBox::new();
        if let Some(when) = when {
            black_box = black_box.when(when.parse::<Condition>().map_err(|error| raised(py, error))?);
        }
        if let Some(last) = last {
            black_box = black_box.last(seconds("last", last)?);
        }
        if let Some(after) = after {
            black_box = black_box.after(seconds("after", after)?);
        }
        if let Some(memory) = memory {
            black_box = black_box.memory(memory);
        }
        options = options.black_box(black_box);
    }
    if let Some(split) = split {
        if split == 0 {
            return Err(invalid("split: found 0, expected a number of bytes from 1".to_owned()));
        }
        options = options.split(split);
    }
    let shared = store.get().shared().and_then(|shared| shared.by_name());
    let name = shared.map_or_else(String::new, |(place, ..)| place.display().to_string());
    let root = store.get().root()?.into_owned();
    let started = py.detach(|| structstore_record::Recording::start(&root, &name, &file, options));
    let recording = Mutex::new(Some(started.map_err(|error| raised(py, error))?));
    Ok(Recording { recording, last: Mutex::new(Status::default()), files: Mutex::default() })
}

/// A running recording; see record().
#[pyclass(frozen, module = "structstore")]
pub(crate) struct Recording {
    recording: Mutex<Option<structstore_record::Recording>>,
    /// How it was when it was closed.
    last: Mutex<Status>,
    files: Mutex<Vec<PathBuf>>,
}

impl Recording {
    fn status(&self) -> Status {
        let recording = self.recording.lock().unwrap_or_else(PoisonError::into_inner);
        match &*recording {
            Some(recording) => recording.status(),
            None => *self.last.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }
}

#[pymethods]
impl Recording {
    /// Writes a remark into the recording, with the time. Raises BlockingIOError if the disk is so slow that there is no room for it.
    fn mark(&self, py: Python<'_>, text: &str) -> Result<()> {
        match &*self.recording.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(recording) => recording.mark(text).map_err(|error| raised(py, error)),
            None => Ok(()),
        }
    }

    /// Makes a black box write a file now, with a remark. Other recordings only get the remark. Raises BlockingIOError as mark() does.
    fn save(&self, py: Python<'_>, text: &str) -> Result<()> {
        match &*self.recording.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(recording) => recording.save(text).map_err(|error| raised(py, error)),
            None => Ok(()),
        }
    }

    /// The files written so far, the oldest first.
    #[getter]
    fn files(&self) -> Vec<PathBuf> {
        match &*self.recording.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(recording) => recording.files(),
            None => self.files.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    /// Ends the recording, with all changes until now. If it ended earlier, raises the reason: OSError if the disk was full.
    fn close(&self, py: Python<'_>) -> Result<()> {
        let recording = self.recording.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut recording) = recording else { return Ok(()) };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = recording.status();
        let stopped = py.detach(|| recording.stop());
        *self.files.lock().unwrap_or_else(PoisonError::into_inner) = recording.files();
        let status = stopped.map_err(|error| raised(py, error))?;
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = status;
        Ok(())
    }

    /// Whether it is still running. It ends by itself if the disk is full, or if the store is removed.
    #[getter]
    fn running(&self) -> bool {
        let recording = self.recording.lock().unwrap_or_else(PoisonError::into_inner);
        recording.as_ref().is_some_and(structstore_record::Recording::is_running)
    }

    /// How many messages were written.
    #[getter]
    fn messages(&self) -> u64 {
        self.status().messages
    }

    /// How many samples of streams were lost, because they were published faster than they were read or could be written.
    #[getter]
    fn missed(&self) -> u64 {
        self.status().missed
    }

    fn __enter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    #[pyo3(signature = (_type=None, _value=None, _traceback=None))]
    fn __exit__(
        &self,
        py: Python<'_>,
        _type: Option<&Bound<'_, PyAny>>,
        _value: Option<&Bound<'_, PyAny>>,
        _traceback: Option<&Bound<'_, PyAny>>,
    ) -> Result<()> {
        self.close(py)
    }

    fn __repr__(&self) -> String {
        let state = if self.running() { "running" } else { "closed" };
        format!("<structstore.Recording, {state}, {} messages>", self.status().messages)
    }
}

/// Opens a recording. If its recorder was killed, it ends where the recorder had written to.
///
///     run = structstore.read("run.mcap")
///     times, x = run["pose.x"]
///     state = run.at(12.5)
///
/// Raises CorruptError if it is not a recording of a store, and OSError if it cannot be read.
#[pyfunction]
#[pyo3(signature = (file, /))]
pub(crate) fn read(py: Python<'_>, file: PathBuf) -> Result<Run> {
    let run = py.detach(|| structstore_record::Run::open(&file)).map_err(|error| raised(py, error))?;
    Ok(Run { run })
}

/// A recording in a file; see read(). Times are in seconds since its start.
#[pyclass(frozen, mapping, module = "structstore")]
pub(crate) struct Run {
    run: structstore_record::Run,
}

impl Run {
    fn table<'py>(&self, py: Python<'py>, path: &str, make: &str) -> Result<Bound<'py, PyAny>> {
        let parsed: Path = path.parse()?;
        let table = py.detach(|| self.run.table(&parsed)).map_err(|error| raised(py, error))?;
        let columns = PyDict::new(py);
        for (name, values) in table.columns {
            columns.set_item(name, column(py, values)?)?;
        }
        let module = py.import(intern!(py, "structstore._recorded"))?;
        Ok(module.call_method1(make, (times(py, &table.times)?, columns))?)
    }
}

fn times<'py>(py: Python<'py>, times: &[f64]) -> Result<Bound<'py, PyAny>> {
    let times = ArrayValue::from_slice(&[times.len()], times)?;
    detached(py, &Snapshot::of(&Value::Array(times)), Structs::Dicts)
}

/// Values as an array, if they have one type, else as a list.
fn column<'py>(py: Python<'py>, values: Vec<Value<'static>>) -> Result<Bound<'py, PyAny>> {
    let values = structstore_record::stacked(&values).map_or(Value::List(values), Value::Array);
    detached(py, &Snapshot::of(&values), Structs::Dicts)
}

#[pymethods]
impl Run {
    /// Its length in seconds.
    #[getter]
    fn duration(&self) -> f64 {
        self.run.duration()
    }

    /// When it begins, in seconds since 1970.
    #[getter]
    fn start(&self) -> f64 {
        self.run.start() as f64 / 1e9
    }

    /// The name of the recorded store; None for a local store.
    #[getter]
    fn store(&self) -> Option<&str> {
        self.run.store().filter(|name| !name.is_empty())
    }

    /// Whether it was finished. An unfinished recording lacks the index that other programs need: `structstore record --repair`
    /// writes it.
    #[getter]
    fn finished(&self) -> bool {
        self.run.is_finished()
    }

    /// How many chunks of a recording that was not finished could not be read so far, and were left out. In a finished recording, reading a damaged
    /// chunk raises CorruptError.
    #[getter]
    fn damaged_chunks(&self) -> u64 {
        self.run.damaged_chunks()
    }

    /// The topics, one for each struct, array and stream, with their numbers of messages.
    #[getter]
    fn topics<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyDict>> {
        let topics = PyDict::new(py);
        for topic in self.run.topics() {
            // Of a field that has changed its kind, there are several of the same name.
            let before = topics.get_item(&topic.name)?.map_or(Ok(0), |count| count.extract::<u64>())?;
            topics.set_item(&topic.name, before + topic.messages)?;
        }
        Ok(topics)
    }

    /// The remarks, as pairs of a time and a text.
    #[getter]
    fn marks(&self, py: Python<'_>) -> Result<Vec<(f64, String)>> {
        py.detach(|| self.run.marks()).map_err(|error| raised(py, error))
    }

    /// The state at a time, in seconds after the start, as a local store: everything except the samples of streams.
    fn at(&self, py: Python<'_>, seconds: f64) -> Result<StructStore> {
        let store = py.detach(|| self.run.store_at(seconds)).map_err(|error| raised(py, error))?;
        Ok(StructStore::from((*store).clone()))
    }

    /// The times and values of a field, an array or a stream, or of a part of one: `run["imu.acc"]`. The values are an array if all have one
    /// type, else a list; None where the field was not there. Raises NotFoundError if nothing is recorded of it.
    fn __getitem__<'py>(
        &self,
        py: Python<'py>,
        path: &str,
    ) -> Result<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let parsed: Path = path.parse()?;
        let series = py.detach(|| self.run.series(&parsed)).map_err(|error| raised(py, error))?;
        Ok((times(py, &series.times)?, column(py, series.values)?))
    }

    /// The fields of a struct, or of the records of a stream, as a pandas.DataFrame. It has a row for each change of the struct, or
    /// for each sample, indexed by the time in seconds. Nested structs, arrays and streams have separate tables. Arrays, and vectors
    /// in records, have a column for each element, up to 64. Any other path gives one column. Raises NotFoundError if the path was
    /// not recorded, and ImportError without pandas.
    fn to_pandas<'py>(&self, py: Python<'py>, path: &str) -> Result<Bound<'py, PyAny>> {
        self.table(py, path, "to_pandas")
    }

    /// The same as a pyarrow.Table, with `time` as the first column. A column with values of several types contains JSON strings.
    fn to_arrow<'py>(&self, py: Python<'py>, path: &str) -> Result<Bound<'py, PyAny>> {
        self.table(py, path, "to_arrow")
    }

    /// Puts the state at `start` into a store, and then plays the rest, `speed` times as fast as it was recorded. Changes of one
    /// transaction are applied in one transaction, and every sample is published. `speed` is a number from 0.001 to 1000. `topics` are
    /// prefixes of the topics to play; by default, all are played.
    #[pyo3(signature = (store, /, *, speed=1.0, start=0.0, topics=Vec::new()))]
    fn replay(
        &self,
        py: Python<'_>,
        store: &Bound<'_, StructStore>,
        speed: f64,
        start: f64,
        topics: Vec<String>,
    ) -> Result<()> {
        let store = store.get().root()?.into_owned();
        let playing = Playing { speed, start, topics };
        let (mut looked, mut interrupted) = (Instant::now(), None);
        let played = py.detach(|| {
            self.run.replay(&store, &playing, &mut || {
                if looked.elapsed() >= SIGNALS {
                    looked = Instant::now();
                    interrupted = Python::attach(|py| py.check_signals()).err();
                }
                if interrupted.is_none() { Go::On } else { Go::Stop }
            })
        });
        match interrupted {
            Some(error) => Err(error.into()),
            None => played.map_err(|error| raised(py, error)),
        }
    }

    fn __repr__(&self) -> String {
        format!("<structstore.Run, {:.1} s, {} topics>", self.run.duration(), self.run.topics().len())
    }
}
