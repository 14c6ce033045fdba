//! Connections: so many at a time, each with a request soon, and none in a forked child.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep};

use crate::sockets::Guard;

/// How many connections there are at a time, and how long the first request of one may take.
const CONNECTIONS: usize = 200;
const REQUEST: Duration = Duration::from_secs(5);

/// Accepts connections that a forked child closes.
pub(crate) struct Connections {
    _guard: Guard,
    listener: TcpListener,
    /// For so many connections at a time: whoever has no token must not use up the descriptors of this process.
    room: Arc<Semaphore>,
}

pub(crate) struct Connection {
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

impl Connections {
    /// Of a listener that does not block.
    pub(crate) fn new(guard: Guard, listener: std::net::TcpListener) -> io::Result<Connections> {
        let (listener, room) = (TcpListener::from_std(listener)?, Arc::new(Semaphore::new(CONNECTIONS)));
        Ok(Connections { _guard: guard, listener, room })
    }
}

impl Connection {
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

impl Listener for Connections {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let room = Arc::clone(&self.room).acquire_owned().await.ok();
        let (stream, address) = Listener::accept(&mut self.listener).await;
        // What is small is to be there at once.
        let _ = stream.set_nodelay(true);
        let due = Some(Box::pin(sleep(REQUEST)));
        (
            Connection { _guard: Guard::new(&stream), stream, due, begun: false, tail: [0; 4], _room: room },
            address,
        )
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl AsyncRead for Connection {
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

impl AsyncWrite for Connection {
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
