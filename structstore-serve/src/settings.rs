//! What whoever starts a viewer decides.

use std::sync::Arc;

use structstore::path::Path;
use structstore::{Struct, Value};

use crate::edit::Rights;
use crate::timeline::Timeline;

/// How many turns a second, at least and at most.
const RATES: (f64, f64) = (0.1, 240.0);

/// What pages may do, and how often they are told.
///
/// ```
/// use structstore_serve::Options;
///
/// let options = Options::new().rate(60.0).writable(["drive.gains".parse()?]);
/// # let _ = options;
/// # Ok::<(), structstore::Error>(())
/// ```
#[derive(Clone)]
pub struct Options {
    pub(crate) rate: f64,
    pub(crate) rights: Rights,
    pub(crate) formats: Option<Formats>,
    pub(crate) listen: Option<std::net::SocketAddr>,
    pub(crate) insecure: bool,
    pub(crate) any_owner: bool,
    pub(crate) timeline: Option<Arc<dyn Timeline>>,
}

impl Default for Options {
    fn default() -> Options {
        let (rights, formats, listen, timeline) = Default::default();
        Options { rate: 30.0, rights, formats, listen, insecure: false, any_owner: false, timeline }
    }
}

impl Options {
    /// Pages that may change nothing, and are told of changes up to thirty times a second.
    #[must_use]
    pub fn new() -> Options {
        Options::default()
    }

    /// How many times a second pages are told of changes, at most.
    #[must_use]
    pub fn rate(mut self, rate: f64) -> Options {
        self.rate = if rate.is_finite() { rate.clamp(RATES.0, RATES.1) } else { self.rate };
        self
    }

    /// What pages may change: these fields, and all that is below. The root stands for everything.
    #[must_use]
    pub fn writable(mut self, paths: impl IntoIterator<Item = Path>) -> Options {
        self.rights = Rights::new(paths.into_iter().collect());
        self
    }

    /// How parts are copied as YAML and JSON, and loaded.
    #[must_use]
    pub fn formats(mut self, formats: Formats) -> Options {
        self.formats = Some(formats);
        self
    }

    /// Where the [server](crate::Server) listens. The default is a free port of 127.0.0.1.
    #[must_use]
    pub fn listen(mut self, address: std::net::SocketAddr) -> Options {
        self.listen = Some(address);
        self
    }

    /// Whether the server may listen beyond this machine, where everybody on the way can read the token, and with it all that is served.
    #[must_use]
    pub fn insecure(mut self, insecure: bool) -> Options {
        self.insecure = insecure;
        self
    }

    /// What plays a recording into the store: pages show where it is, and move it.
    #[must_use]
    pub fn timeline(mut self, timeline: Arc<dyn Timeline>) -> Options {
        self.timeline = Some(timeline);
        self
    }

    /// Whether stores of other users are served, where all stores of the machine are.
    #[must_use]
    pub fn any_owner(mut self, any_owner: bool) -> Options {
        self.any_owner = any_owner;
        self
    }
}

/// How values become documents, and documents values: of the tool, which reads and writes them everywhere.
#[derive(Clone, Copy)]
pub struct Formats {
    /// Writes a value as YAML.
    pub yaml: fn(&Value<'_>) -> Result<String, String>,
    /// Writes a value as JSON.
    pub json: fn(&Value<'_>) -> Result<String, String>,
    /// Reads a document, YAML or JSON.
    pub parse: fn(&str) -> Result<Value<'static>, String>,
    /// Merges what a document says into what a path leads to, in one operation.
    pub fill: fn(&Struct, &Path, Value<'static>) -> Result<(), String>,
}

/// What all sessions of a viewer go by.
pub(crate) struct Settings {
    pub(crate) rights: Rights,
    pub(crate) formats: Option<Formats>,
    pub(crate) timeline: Option<Arc<dyn Timeline>>,
    /// Differs after each start.
    pub(crate) session: String,
}
