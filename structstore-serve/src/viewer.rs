//! What serves pages, however they are connected.

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use structstore::path::Path;
use structstore::{Struct, Value};

use crate::edit::Rights;
use crate::feed::Feed;
use crate::inbox::{Inbox, lock};
use crate::session::{Out, Session};
use crate::source::Source;
use crate::timeline::Timeline;
use crate::token::Token;

/// The version of the protocol.
pub(crate) const VERSION: u32 = 1;
/// How many turns a second, at least and at most.
const RATES: (f64, f64) = (0.1, 240.0);

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

pub(crate) struct Settings {
    pub(crate) rights: Rights,
    pub(crate) formats: Option<Formats>,
    pub(crate) timeline: Option<Arc<dyn Timeline>>,
    /// Differs after each start.
    pub(crate) session: String,
}

/// Serves pages of one store, over whatever carries their messages; a [`Server`](crate::Server) does so over WebSockets.
#[derive(Clone)]
pub struct Viewer {
    feed: Arc<Feed>,
    settings: Arc<Settings>,
}

impl Viewer {
    /// A viewer of a store.
    ///
    /// # Errors
    ///
    /// If the system has no random numbers.
    pub fn new(source: Source, options: &Options) -> io::Result<Viewer> {
        let session = Token::new()?.text();
        let (rights, timeline) = (options.rights.clone(), options.timeline.clone());
        let settings = Settings { rights, formats: options.formats, timeline, session };
        let feed = Feed::new(source, options.rate);
        Ok(Viewer { feed, settings: Arc::new(settings) })
    }

    /// What the page shows as the name of the store.
    pub(crate) fn name(&self) -> String {
        self.feed.source.name()
    }

    /// Serves one more page, in a thread of its own. `send` passes messages on, and returns `false` if the page is gone.
    pub(crate) fn page_with(&self, send: impl FnMut(Out) -> bool + Send + 'static) -> io::Result<Arc<Inbox>> {
        let inbox = Arc::<Inbox>::default();
        let session =
            Session::new(Arc::clone(&self.feed), Arc::clone(&inbox), Arc::clone(&self.settings), send);
        self.feed.threads.spawn("page", move || session.run())?;
        Ok(inbox)
    }

    /// Serves one more page.
    ///
    /// # Errors
    ///
    /// If the system has no thread left.
    pub fn page(&self) -> io::Result<Page> {
        let (send, receive) = sync_channel(4);
        let inbox = self.page_with(move |out| send.send(out).is_ok())?;
        Ok(Page { inbox, receive: Mutex::new(receive) })
    }

    /// Ends all pages, and waits for so long at most until they have let go of the store.
    pub fn stop(&self, patience: Duration) {
        self.end();
        self.wait(Instant::now() + patience);
    }

    /// Ends all pages.
    pub(crate) fn end(&self) {
        self.feed.stop();
    }

    /// Waits until they have let go of the store, but not longer.
    pub(crate) fn wait(&self, until: Instant) {
        self.feed.threads.wait(until);
    }
}

/// A page whose messages the caller carries; see [`protocol`](crate::protocol). It ends when it is dropped.
///
/// ```
/// use std::time::Duration;
/// use structstore::StructStore;
/// use structstore_serve::{Options, Out, Source, Viewer};
///
/// let store = StructStore::new();
/// store.set("speed", 1.5)?;
/// let source = Source::Store { part: structstore::Struct::clone(&store), name: "local".to_owned() };
/// let viewer = Viewer::new(source, &Options::new())?;
/// let page = viewer.page()?;
/// page.send(r#"{"type": "view", "open": [], "from": 0, "count": 10}"#.to_owned());
/// let rows = loop {
///     match page.receive(Duration::from_secs(10)) {
///         Some(Out::Text(text)) if text.contains("rows") => break text,
///         Some(_) => {}
///         None => panic!("no answer"),
///     }
/// };
/// assert!(rows.contains(r#""name":"speed""#) && rows.contains(r#""text":"1.5""#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Page {
    inbox: Arc<Inbox>,
    receive: Mutex<Receiver<Out>>,
}

impl Page {
    /// Passes on a message of the page.
    pub fn send(&self, text: String) {
        self.inbox.message(text);
    }

    /// The next message for the page; `None` after a timeout, or if the viewer has ended.
    pub fn receive(&self, timeout: Duration) -> Option<Out> {
        lock(&self.receive).recv_timeout(timeout).ok()
    }

    /// Ends the page.
    pub fn close(&self) {
        self.inbox.tell(|letters| letters.closed = true);
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.close();
    }
}

/// The store of a name on this machine, as the viewer of all stores serves it.
pub(crate) fn named(name: &str, any_owner: bool) -> Source {
    Source::Shared { place: PathBuf::from(name), file: false, any_owner }
}
