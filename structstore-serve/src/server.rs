//! The server: the page, and a WebSocket for each that shows it.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use std::{fmt, io};

use axum::Router;
use axum::body::Body;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue,
    REFERRER_POLICY, SET_COOKIE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::serve::Listener;
use parking_lot::Mutex;
use serde_json::json;
use structstore::binding_support::Thread;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::{Instant, Sleep, interval, sleep, sleep_until, timeout};

use crate::gate::{Entry, Gate};
use crate::message::Out;
use crate::settings::Options;
use crate::sockets::Guard;
use crate::source::Source;
use crate::stores;
use crate::token::Token;
use crate::viewer::{Viewer, named};

/// The largest message of a page: a document that is loaded.
const LARGEST: usize = 32 << 20;
/// How many messages to a page may wait to be sent.
const WAITING: usize = 4;
/// How often a page is asked whether it is there, and how long it may take to answer.
const PING: Duration = Duration::from_secs(10);
const PONG: Duration = Duration::from_secs(30);
/// How many connections there are at a time, and how long the first request of one may take.
const CONNECTIONS: usize = 200;
const REQUEST: Duration = Duration::from_secs(5);
/// How long to wait for sessions at the end, and for connections.
const PATIENCE: Duration = Duration::from_millis(400);

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A file of the page.
struct Asset {
    name: &'static str,
    kind: &'static str,
    contents: &'static [u8],
}

static ASSETS: &[Asset] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// The script of the page for notebooks: a module for [anywidget](https://anywidget.dev). `None` if it was not built.
pub fn widget() -> Option<&'static [u8]> {
    ASSETS.iter().find(|asset| asset.name == "widget.js").map(|asset| asset.contents)
}

/// Why there is no server.
#[derive(Debug)]
#[non_exhaustive]
pub enum Failure {
    /// It was to listen beyond this machine, which [`Options::insecure`] has to allow.
    Insecure(SocketAddr),
    /// The system refused.
    Io(String, io::Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Insecure(address) => write!(
                f,
                "cannot listen on {address}: whoever reads the network between could look and change; listen on 127.0.0.1 and \
                 connect by `ssh -L {port}:127.0.0.1:{port}`, or allow it (insecure)",
                port = if address.port() == 0 { 8080 } else { address.port() },
            ),
            Failure::Io(what, error) => write!(f, "cannot {what}: {error}"),
        }
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Failure::Insecure(_) => None,
            Failure::Io(_, error) => Some(error),
        }
    }
}

/// Serves pages in a thread of this process, until it is stopped or dropped.
///
/// ```
/// use structstore::StructStore;
/// use structstore_serve::{Options, Server, Source};
///
/// let store = StructStore::new();
/// let source = Source::Store { part: structstore::Struct::clone(&store), name: "local".to_owned() };
/// let server = Server::start(Some(source), &Options::new().writable(["drive.gains".parse()?]))?;
/// assert!(server.url().starts_with("http://127.0.0.1:"));
/// server.stop();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Server {
    url: String,
    running: Option<Running>,
}

struct Running {
    stop: oneshot::Sender<()>,
    thread: Thread,
}

impl Server {
    /// Serves a store, or, without a source, each store of this machine that a page asks for.
    ///
    /// # Errors
    ///
    /// [`Failure::Insecure`] if it is to listen beyond this machine and may not, and [`Failure::Io`] of the system.
    pub fn start(source: Option<Source>, options: &Options) -> Result<Server, Failure> {
        let address = options.listen.unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let open = !address.ip().is_loopback();
        if open && !options.insecure {
            return Err(Failure::Insecure(address));
        }
        let failed = |what: &str| {
            let what = what.to_owned();
            move |error| Failure::Io(what, error)
        };
        let listener =
            std::net::TcpListener::bind(address).map_err(failed(&format!("listen on {address}")))?;
        // Before anybody who was told of the server forks.
        let guard = Guard::new(&listener);
        listener.set_nonblocking(true).map_err(failed("listen"))?;
        let address = listener.local_addr().map_err(failed("listen"))?;
        let gate = Gate { token: Token::new().map_err(failed("make a token"))?, port: address.port(), open };
        let url = format!("http://{address}/?token={}", gate.token.text());
        let viewer =
            source.map(|source| Viewer::new(source, options)).transpose().map_err(failed("make a token"))?;
        let only = viewer.is_some();
        let viewers = viewer.map(|viewer| (String::new(), viewer)).into_iter().collect();
        let site = Arc::new(Site { gate, only, viewers: Mutex::new(viewers), options: options.clone() });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(failed("start a server"))?;
        let (stop, stopped) = oneshot::channel();
        let serve = move || {
            let served = runtime.block_on(serve(guard, listener, &site, stopped));
            let viewers: Vec<Viewer> = site.viewers.lock().values().cloned().collect();
            viewers.iter().for_each(Viewer::end);
            let until = std::time::Instant::now() + PATIENCE;
            viewers.iter().for_each(|viewer| viewer.wait(until));
            runtime.shutdown_timeout(PATIENCE);
            // Whoever started it learns of it by pages that end.
            drop(served);
        };
        let thread = Thread::start("serve", serve).map_err(failed("start a thread"))?;
        Ok(Server { url, running: Some(Running { stop, thread }) })
    }

    /// The address of the page, with the token that lets one in.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Ends the server, and waits until it has let go of the stores: for less than a second. Its pages notice.
    pub fn stop(mut self) {
        if let Some(thread) = self.end() {
            thread.join();
        }
    }

    fn end(&mut self) -> Option<Thread> {
        let running = self.running.take()?;
        if !running.thread.is_here() {
            // The child's copy leads to the parent's thread.
            std::mem::forget(running);
            return None;
        }
        let _ = running.stop.send(());
        Some(running.thread)
    }
}

/// Ends the server without waiting for it.
impl Drop for Server {
    fn drop(&mut self) {
        drop(self.end());
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the token.
        f.debug_struct("Server").field("running", &self.running.is_some()).finish_non_exhaustive()
    }
}

/// What the server serves.
struct Site {
    gate: Gate,
    /// Whether there is one store, whose viewer has no name.
    only: bool,
    /// By the names of stores.
    viewers: Mutex<HashMap<String, Viewer>>,
    options: Options,
}

type Shared = Arc<Site>;

async fn serve(
    guard: Guard,
    listener: std::net::TcpListener,
    site: &Shared,
    stopped: oneshot::Receiver<()>,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let listener = Sockets { _guard: guard, listener, room };
    let app = Router::new()
        .route("/", get(index))
        .route("/about", get(about))
        .route("/stores", get(stores))
        .route("/socket", any(socket))
        .route("/{asset}", get(asset))
        .layer(from_fn_with_state(Arc::clone(site), admit))
        .with_state(Arc::clone(site));
    tokio::select! {
        served = axum::serve(listener, app) => served,
        _ = stopped => Ok(()),
    }
}

/// Lets requests in, and says on all answers what a page may do.
async fn admit(State(site): State<Shared>, request: Request, next: Next) -> Response {
    let mut response = match site.gate.admit(request.uri(), request.headers()) {
        Err(reason) => {
            let mut response = (StatusCode::FORBIDDEN, format!("{reason}\n")).into_response();
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            response
        }
        Ok(entry) => {
            let mut response = next.run(request).await;
            if entry == Entry::Token
                && let Ok(cookie) = HeaderValue::from_str(&site.gate.cookie())
            {
                response.headers_mut().insert(SET_COOKIE, cookie);
            }
            response
        }
    };
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn index() -> Response {
    file("index.html").unwrap_or_else(|| {
        let text = "The page was not built into this program: run `cargo xtask page`, and build it again.\n";
        (StatusCode::NOT_FOUND, text).into_response()
    })
}

async fn asset(uri: Uri) -> Response {
    file(uri.path().trim_start_matches('/')).unwrap_or_else(|| StatusCode::NOT_FOUND.into_response())
}

fn file(name: &str) -> Option<Response> {
    let asset = ASSETS.iter().find(|asset| asset.name == name)?;
    let kind = [(CONTENT_TYPE, HeaderValue::from_static(asset.kind))];
    Some((kind, Body::from(asset.contents)).into_response())
}

fn document(document: &serde_json::Value) -> Response {
    let kind = [(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    (kind, document.to_string()).into_response()
}

async fn about(State(site): State<Shared>) -> Response {
    let store = site.viewers.lock().get("").map(Viewer::name);
    document(&json!({ "store": store }))
}

async fn stores(State(site): State<Shared>) -> Response {
    let any_owner = site.options.any_owner;
    // It may have to wait for somebody who is making one.
    match tokio::task::spawn_blocking(move || stores::list(any_owner)).await {
        Ok(Ok(stores)) => document(&stores),
        Ok(Err(error)) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn socket(State(site): State<Shared>, uri: Uri, upgrade: WebSocketUpgrade) -> Response {
    match site.viewer(&uri) {
        Some(viewer) => upgrade.max_message_size(LARGEST).on_upgrade(move |socket| converse(socket, viewer)),
        None => (StatusCode::NOT_FOUND, "no store of that name is served\n").into_response(),
    }
}

impl Site {
    /// The viewer of the store that a page asks for.
    fn viewer(&self, uri: &Uri) -> Option<Viewer> {
        let mut viewers = self.viewers.lock();
        if self.only {
            return viewers.get("").cloned();
        }
        let query = uri.query().unwrap_or_default().split('&');
        let name = query.filter_map(|part| part.strip_prefix("store=")).next().and_then(decoded)?;
        if let Some(viewer) = viewers.get(&name) {
            return Some(viewer.clone());
        }
        // Only stores: no file of this machine can be asked for.
        if !structstore::stores().ok()?.contains(&name) {
            return None;
        }
        let viewer = Viewer::new(named(&name, self.options.any_owner), &self.options).ok()?;
        Some(viewers.entry(name).or_insert(viewer).clone())
    }
}

/// A text without the escapes of addresses.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                (digit()? << 4 | digit()?) as u8
            }
            b'+' => b' ',
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

/// Carries the messages of one page.
async fn converse(mut socket: WebSocket, viewer: Viewer) {
    let (send, mut receive) = mpsc::channel::<Out>(WAITING);
    let Ok(inbox) = viewer.page_with(move |out| send.blocking_send(out).is_ok()) else { return };
    let (mut ping, mut heard) = (interval(PING), Instant::now());
    loop {
        tokio::select! {
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) => inbox.message(text.as_str().to_owned()),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Binary(_) | Message::Close(_)) | Err(_)) | None => break,
            },
            out = receive.recv() => {
                let message = match out {
                    Some(Out::Text(text)) => Message::Text(text.into()),
                    Some(Out::Binary(bytes)) => Message::Binary(bytes.into()),
                    None => break,
                };
                // A page that reads nothing for so long is not there.
                match timeout(PONG, socket.send(message)).await {
                    Ok(Ok(())) => continue,
                    _ => break,
                }
            }
            _ = ping.tick() => match timeout(PONG, socket.send(Message::Ping(Vec::new().into()))).await {
                Ok(Ok(())) => continue,
                _ => break,
            },
            () = sleep_until(heard + PONG) => break,
        }
        heard = Instant::now();
    }
    inbox.tell(|letters| letters.closed = true);
}

/// Accepts connections that a forked child closes.
struct Sockets {
    _guard: Guard,
    listener: TcpListener,
    /// For so many connections at a time: whoever has no token must not use up the descriptors of this process.
    room: Arc<Semaphore>,
}

struct Socket {
    _guard: Guard,
    stream: TcpStream,
    /// Until the first request is there, when it has to be.
    due: Option<Pin<Box<Sleep>>>,
    /// Whether the request has begun: empty lines before it are none.
    begun: bool,
    /// The last bytes of the request as far as it has come.
    tail: [u8; 4],
    _room: Option<OwnedSemaphorePermit>,
}

impl Socket {
    /// Looks for the end of the first request.
    fn received(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.begun |= !matches!(byte, b'\r' | b'\n');
            if !self.begun {
                continue;
            }
            self.tail.rotate_left(1);
            self.tail[3] = *byte;
            if self.tail == *b"\r\n\r\n" {
                self.due = None;
                return;
            }
        }
    }
}

impl Listener for Sockets {
    type Io = Socket;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Socket, SocketAddr) {
        let room = Arc::clone(&self.room).acquire_owned().await.ok();
        let (stream, address) = Listener::accept(&mut self.listener).await;
        // What is small is to be there at once.
        let _ = stream.set_nodelay(true);
        let due = Some(Box::pin(sleep(REQUEST)));
        (
            Socket { _guard: Guard::new(&stream), stream, due, begun: false, tail: [0; 4], _room: room },
            address,
        )
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if self.due.is_some() {
            self.received(buffer.filled().get(before..).unwrap_or_default());
        }
        let is_late =
            read.is_pending() && self.due.as_mut().is_some_and(|due| due.as_mut().poll(context).is_ready());
        if is_late { Poll::Ready(Err(io::ErrorKind::TimedOut.into())) } else { read }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_addresses_are_decoded() {
        assert_eq!(decoded("%2Frobot+1%C3%A9").as_deref(), Some("/robot 1é"));
        for text in ["%2", "%zz", "%ff"] {
            assert_eq!(decoded(text), None, "{text}");
        }
    }
}
