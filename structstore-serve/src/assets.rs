//! The files of the page, which the build has put into this program.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse, Response};

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

/// The answer with a file, if there is one of this name.
pub(crate) fn answer(name: &str) -> Option<Response> {
    let asset = ASSETS.iter().find(|asset| asset.name == name)?;
    let kind = [(CONTENT_TYPE, HeaderValue::from_static(asset.kind))];
    Some((kind, Body::from(asset.contents)).into_response())
}
