//! What serves pages, however they are connected.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::feed::Feed;
use crate::inbox::Inbox;
use crate::message::Out;
use crate::session::Session;
use crate::settings::{Options, Settings};
use crate::source::Source;
use crate::token::Token;

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
        self.receive.lock().recv_timeout(timeout).ok()
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
