//! The server: a thread of this process that serves pages until it is stopped.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use structstore::binding_support::Thread;
use tokio::sync::oneshot;

use crate::connection::Connections;
use crate::gate::Gate;
use crate::settings::Options;
use crate::site::Site;
use crate::sockets::Guard;
use crate::source::Source;
use crate::token::Token;
use crate::viewer::Viewer;

/// How long to wait for sessions at the end, and for connections.
const PATIENCE: Duration = Duration::from_millis(400);

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
        let site = Site::new(gate, viewer, options);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(failed("start a server"))?;
        let (stop, stopped) = oneshot::channel();
        let serve = move || {
            let served = runtime.block_on(serve(guard, listener, &site, stopped));
            site.end(PATIENCE);
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

async fn serve(
    guard: Guard,
    listener: std::net::TcpListener,
    site: &Arc<Site>,
    stopped: oneshot::Receiver<()>,
) -> io::Result<()> {
    let connections = Connections::new(guard, listener)?;
    tokio::select! {
        served = axum::serve(connections, site.router()) => served,
        _ = stopped => Ok(()),
    }
}
