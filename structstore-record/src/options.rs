//! What is recorded, and how.

use std::time::Duration;

use structstore::path::Path;

use crate::condition::Condition;
use crate::topic;

/// How often the whole state is recorded, at least.
const STATES: Duration = Duration::from_secs(60);
/// How often at most, for the beginnings of a black box.
const SHORTEST: Duration = Duration::from_millis(250);

/// Which arrays are recorded when they change. (Streams of arrays are streams.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrays {
    /// None but those of the whole states, once a minute, if all fields are recorded.
    None,
    /// Each so many changes.
    Every(u32),
    /// At each look.
    All,
}

/// Which streams are recorded, each of their samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Streams {
    /// None.
    None,
    /// These, and those below.
    Below(Vec<Path>),
    /// All of those below the recorded fields.
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
    /// All streams, and the changes of everything else, looked at up to 200 times a second.
    #[must_use]
    pub fn new() -> Options {
        Options::default()
    }

    /// How many times a second changes are looked at, at most. What changes more often is recorded with its newest state.
    #[must_use]
    pub fn rate(mut self, rate: f64) -> Options {
        self.rate = if rate.is_finite() { rate.clamp(0.01, 10_000.0) } else { self.rate };
        self
    }

    /// Only these fields, and all that is below.
    #[must_use]
    pub fn paths(mut self, paths: impl IntoIterator<Item = Path>) -> Options {
        self.paths = paths.into_iter().collect();
        self
    }

    /// Of which streams each sample is recorded.
    #[must_use]
    pub fn streams(mut self, streams: Streams) -> Options {
        self.streams = streams;
        self
    }

    /// Which arrays are recorded.
    #[must_use]
    pub fn arrays(mut self, arrays: Arrays) -> Options {
        self.arrays = arrays;
        self
    }

    /// Begins another file after so many bytes: `run.mcap`, `run-2.mcap`, `run-3.mcap`.
    #[must_use]
    pub fn split(mut self, bytes: u64) -> Options {
        self.split = Some(bytes);
        self
    }

    /// Keeps what it records in memory, and writes a file when something has happened.
    #[must_use]
    pub fn black_box(mut self, black_box: BlackBox) -> Options {
        self.black_box = Some(black_box);
        self
    }

    /// With the streams that are wanted, and the fields that the black box's condition is about.
    pub(crate) fn complete(mut self) -> Options {
        let condition = self.black_box.as_ref().and_then(|black_box| black_box.condition.as_ref());
        let condition = condition.into_iter().flat_map(Condition::paths);
        let wanted: Vec<Path> = condition.chain(self.streams.paths()).map(topic::leaf).collect();
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

/// What is kept in memory until something happens, and then written into a file: the time before and the time after.
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
    /// The last 60 seconds, and 10 seconds more, in up to 1 GiB of memory; saved by [`save`](crate::Recording::save), and when the store goes.
    #[must_use]
    pub fn new() -> BlackBox {
        BlackBox::default()
    }

    /// How much of the time before is kept, at least. (It begins with a whole state, and so is up to a quarter longer.)
    #[must_use]
    pub fn last(mut self, last: Duration) -> BlackBox {
        self.last = last;
        self
    }

    /// For how long recording goes on after the condition has begun to hold.
    #[must_use]
    pub fn after(mut self, after: Duration) -> BlackBox {
        self.after = after;
        self
    }

    /// When to save: each time that the condition begins to hold, at a look or with a sample of a stream.
    #[must_use]
    pub fn when(mut self, condition: Condition) -> BlackBox {
        self.condition = Some(condition);
        self
    }

    /// How many bytes may be kept. If the last seconds take more, fewer of them are.
    #[must_use]
    pub fn memory(mut self, bytes: u64) -> BlackBox {
        self.memory = bytes;
        self
    }
}
