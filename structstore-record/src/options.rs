//! What is recorded, and how.

use std::time::Duration;

use structstore::path::Path;

use crate::condition::Condition;

/// How often the whole state is recorded, at least.
const STATES: Duration = Duration::from_secs(60);
/// How often at most, for the beginnings of a black box.
const SHORTEST: Duration = Duration::from_millis(250);

/// Which changes of arrays are recorded. (A stream of arrays is a stream.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrays {
    /// None. If the whole store is recorded, the whole states still contain the arrays.
    None,
    /// One in so many changes.
    Every(u32),
    /// All.
    All,
}

/// Which streams are recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Streams {
    /// None.
    None,
    /// The streams at these paths, and below.
    Below(Vec<Path>),
    /// All streams in the recorded fields.
    All,
}

impl Streams {
    fn paths(&self) -> &[Path] {
        match self {
            Streams::Below(paths) => paths,
            Streams::None | Streams::All => &[],
        }
    }
}

/// What is recorded.
///
/// ```
/// use structstore_record::{Arrays, Options};
///
/// let options = Options::new().rate(100.0).paths(["arm".parse()?]).arrays(Arrays::None);
/// # let _ = options;
/// # Ok::<(), structstore::Error>(())
/// ```
#[derive(Clone)]
pub struct Options {
    pub(crate) rate: f64,
    pub(crate) paths: Vec<Path>,
    pub(crate) streams: Streams,
    pub(crate) arrays: Arrays,
    pub(crate) split: Option<u64>,
    pub(crate) black_box: Option<BlackBox>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            rate: 200.0,
            paths: vec![Path::ROOT],
            streams: Streams::All,
            arrays: Arrays::All,
            split: None,
            black_box: None,
        }
    }
}

impl Options {
    /// Records all streams, and the changes of everything else, sampled up to 200 times a second.
    #[must_use]
    pub fn new() -> Options {
        Options::default()
    }

    /// Sets how many times a second changes are sampled, at most.
    #[must_use]
    pub fn rate(mut self, rate: f64) -> Options {
        self.rate = if rate.is_finite() { rate.clamp(0.01, 10_000.0) } else { self.rate };
        self
    }

    /// Records only these fields, and everything below them.
    #[must_use]
    pub fn paths(mut self, paths: impl IntoIterator<Item = Path>) -> Options {
        self.paths = paths.into_iter().collect();
        self
    }

    /// Selects the streams to record.
    #[must_use]
    pub fn streams(mut self, streams: Streams) -> Options {
        self.streams = streams;
        self
    }

    /// Selects which changes of arrays to record.
    #[must_use]
    pub fn arrays(mut self, arrays: Arrays) -> Options {
        self.arrays = arrays;
        self
    }

    /// Starts another file after so many bytes: `run.mcap`, `run-2.mcap`, `run-3.mcap`. A name that exists gets one more number: `run-2-2.mcap`.
    #[must_use]
    pub fn split(mut self, bytes: u64) -> Options {
        self.split = Some(bytes);
        self
    }

    /// Keeps the recording in memory, and writes a file when something happens.
    #[must_use]
    pub fn black_box(mut self, black_box: BlackBox) -> Options {
        self.black_box = Some(black_box);
        self
    }

    /// With the streams that are wanted, and the fields that the black box's condition is about.
    pub(crate) fn complete(mut self) -> Options {
        let condition = self.black_box.as_ref().and_then(|black_box| black_box.condition.as_ref());
        let condition = condition.into_iter().flat_map(Condition::paths);
        let wanted: Vec<Path> = condition.chain(self.streams.paths()).map(Path::field).collect();
        let missing = wanted.into_iter().filter(|path| !self.has(path)).collect::<Vec<Path>>();
        self.paths.extend(missing);
        self
    }

    /// How often the whole state is recorded.
    pub(crate) fn states(&self) -> Duration {
        let last = self.black_box.as_ref().map_or(Duration::MAX, |black_box| black_box.last);
        (last / 4).clamp(SHORTEST, STATES)
    }

    /// Whether all is recorded.
    pub(crate) fn is_whole(&self) -> bool {
        self.paths.iter().any(Path::is_root)
    }

    /// Whether a field is recorded.
    pub(crate) fn has(&self, path: &Path) -> bool {
        self.paths.iter().any(|wanted| path.starts_with(wanted))
    }

    /// Whether the samples of a stream are recorded.
    pub(crate) fn has_stream(&self, path: &Path) -> bool {
        self.has(path)
            && match &self.streams {
                Streams::All => true,
                Streams::None => false,
                Streams::Below(paths) => paths.iter().any(|wanted| path.starts_with(wanted)),
            }
    }

    /// What is recorded at a path, or below.
    pub(crate) fn within(&self, path: Path) -> Vec<Path> {
        match self.has(&path) {
            true => vec![path],
            false => self.paths.iter().filter(|wanted| wanted.starts_with(&path)).cloned().collect(),
        }
    }
}

/// A black box: the recording stays in memory until something happens; then the time before and after it is written to a file.
///
/// ```
/// use std::time::Duration;
/// use structstore_record::{BlackBox, Options};
///
/// let black_box = BlackBox::new().last(Duration::from_secs(60)).after(Duration::from_secs(10)).when("fault == true".parse()?);
/// let options = Options::new().black_box(black_box);
/// # let _ = options;
/// # Ok::<(), structstore_record::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct BlackBox {
    pub(crate) last: Duration,
    pub(crate) after: Duration,
    pub(crate) memory: u64,
    pub(crate) condition: Option<Condition>,
}

impl Default for BlackBox {
    fn default() -> BlackBox {
        BlackBox {
            last: Duration::from_secs(60),
            after: Duration::from_secs(10),
            memory: 1 << 30,
            condition: None,
        }
    }
}

impl BlackBox {
    /// Keeps the last 60 seconds in up to 1 GiB of memory, and records for 10 seconds more. [`save`](crate::Recording::save) and the removal of the
    /// store write a file.
    #[must_use]
    pub fn new() -> BlackBox {
        BlackBox::default()
    }

    /// Sets how much of the time before an event a file covers, at least. (A file starts with a whole state, so it covers up to a quarter more.)
    #[must_use]
    pub fn last(mut self, last: Duration) -> BlackBox {
        self.last = last;
        self
    }

    /// Sets how long to go on recording after an event.
    #[must_use]
    pub fn after(mut self, after: Duration) -> BlackBox {
        self.after = after;
        self
    }

    /// Writes a file whenever a condition becomes true. It is evaluated on each sample of the state, and on each sample of the streams in it.
    #[must_use]
    pub fn when(mut self, condition: Condition) -> BlackBox {
        self.condition = Some(condition);
        self
    }

    /// Limits the memory. If the recording takes more, a file covers less of the time before an event. Two whole states must have room when the
    /// recording begins. If the store grows, the newest whole state is kept nevertheless.
    #[must_use]
    pub fn memory(mut self, bytes: u64) -> BlackBox {
        self.memory = bytes;
        self
    }
}
