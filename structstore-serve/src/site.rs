//! What requests are answered with: the files of the page, what stores there are, and a WebSocket for each page.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
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
use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::{Instant, interval, sleep_until, timeout};

use crate::gate::{Entry, Gate};
use crate::message::Out;
use crate::settings::Options;
use crate::viewer::{Viewer, named};
use crate::{assets, stores};

/// The largest message of a page: a document that is loaded.
const LARGEST: usize = 32 << 20;
/// How many messages to a page may wait to be sent.
const WAITING: usize = 4;
/// How often a page is asked whether it is there, and how long it may take to answer.
const PING: Duration = Duration::from_secs(10);
const PONG: Duration = Duration::from_secs(30);

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What a server serves, and to whom.
pub(crate) struct Site {
    gate: Gate,
    /// Whether there is one store, whose viewer has no name.
    only: bool,
    /// By the names of stores.
    viewers: Mutex<HashMap<String, Viewer>>,
    options: Options,
}

type Shared = Arc<Site>;

impl Site {
    /// With the viewer of one store, or of each store that a page asks for.
    pub(crate) fn new(gate: Gate, viewer: Option<Viewer>, options: &Options) -> Arc<Site> {
        let only = viewer.is_some();
        let viewers = viewer.map(|viewer| (String::new(), viewer)).into_iter().collect();
        Arc::new(Site { gate, only, viewers: Mutex::new(viewers), options: options.clone() })
    }

    /// What answers requests.
    pub(crate) fn router(self: &Arc<Site>) -> Router {
        Router::new()
            .route("/", get(index))
            .route("/about", get(about))
            .route("/stores", get(stores))
            .route("/socket", any(socket))
            .route("/{asset}", get(asset))
            .layer(from_fn_with_state(Arc::clone(self), admit))
            .with_state(Arc::clone(self))
    }

    /// Ends all pages, and waits for so long at most until they have let go of the stores.
    pub(crate) fn end(&self, patience: Duration) {
        let viewers: Vec<Viewer> = self.viewers.lock().values().cloned().collect();
        viewers.iter().for_each(Viewer::end);
        let until = std::time::Instant::now() + patience;
        viewers.iter().for_each(|viewer| viewer.wait(until));
    }

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
    assets::answer("index.html").unwrap_or_else(|| {
        let text = "The page was not built into this program: run `cargo xtask page`, and build it again.\n";
        (StatusCode::NOT_FOUND, text).into_response()
    })
}

async fn asset(uri: Uri) -> Response {
    assets::answer(uri.path().trim_start_matches('/'))
        .unwrap_or_else(|| StatusCode::NOT_FOUND.into_response())
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
