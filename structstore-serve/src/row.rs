//! A row of the tree, as the page gets it.

use std::collections::HashMap;
use std::ops::Bound;

use serde_json::{Map, Value as Json, json};
use structstore::path::{Path, Step};
use structstore::stream::{AnyStream, now};
use structstore::watch::Found;
use structstore::{Meta, Scalar, Struct, Value};

use crate::columns::columns;
use crate::text;
use crate::tree::Place;

/// How many samples tell the rate of a stream.
const RECENT: u64 = 100;

/// The text of what was found, and whether that is only the beginning.
pub(crate) fn text(found: &Found) -> (String, bool) {
    match found {
        Found::Value(value) => text::of_value(value, true),
        Found::Array(large) => {
            (text::of_elements(&large.dtype, large.shape.iter().product(), &large.first), true)
        }
        Found::Stream(stream) => (summary(stream), false),
        Found::Struct(count) | Found::List(count) => (count.to_string(), false),
    }
}

/// How many samples were published, how fast, and how long ago.
pub(crate) fn summary(stream: &AnyStream) -> String {
    let times = stream.recent_times(RECENT).unwrap_or_default();
    let mut text = format!("{} samples", stream.published());
    if let (Some(first), Some(last)) = (times.first(), times.last()) {
        let span = last.saturating_sub(*first) as f64 / 1e9;
        let age = now().saturating_sub(*last) as f64 / 1e9;
        let rate = (times.len() - 1) as f64 / span;
        if age >= 1.0 && age * rate >= 10.0 {
            text += &format!(", {age:.0} s ago");
        } else if rate.is_finite() {
            text += &format!(", {rate:.1} Hz");
        }
    }
    text
}

/// What a row says beside the text.
pub(crate) fn row(place: &Place, found: &Found, meta: &Meta, writable: bool) -> Json {
    let (text, cut) = text(found);
    let mut row = json!({
        "path": place.path.to_string(), "name": name(&place.path), "level": place.level, "kind": found.kind().name(), "text": text,
        "writable": writable,
    });
    let mut say = |name: &str, value: Json| row.as_object_mut().map(|row| row.insert(name.to_owned(), value));
    if cut {
        say("cut", true.into());
    }
    match found {
        Found::Struct(count) | Found::List(count) => {
            say("count", (*count).into());
            say("open", place.open.into());
        }
        Found::Value(Value::Array(array)) => {
            say("dtype", array.dtype().to_string().into());
            say("shape", array.shape().into());
        }
        Found::Array(large) => {
            say("dtype", large.dtype.to_string().into());
            say("shape", large.shape.as_slice().into());
        }
        Found::Stream(stream) => {
            say("dtype", stream.dtype().to_string().into());
            say("shape", stream.shape().into());
            say("history", stream.depth().into());
            let names: Vec<String> = columns(stream).into_iter().map(|column| column.name).collect();
            say("columns", names.into_iter().filter(|name| !name.is_empty()).collect::<Vec<_>>().into());
        }
        Found::Value(_) => {}
    }
    if !meta.is_empty() {
        say("meta", described(meta));
    }
    row
}

/// The text of what cannot be read now.
pub(crate) const UNREADABLE: &str = "held by a lock";

/// A row of what cannot be read now.
pub(crate) fn unreadable(place: &Place) -> Json {
    json!({
        "path": place.path.to_string(), "name": name(&place.path), "level": place.level, "kind": "null", "text": UNREADABLE,
        "writable": false,
    })
}

/// The name of a row.
fn name(path: &Path) -> String {
    match path.steps().last() {
        Some(Step::Name(name)) => name.to_string(),
        Some(Step::Index(index)) => format!("[{index}]"),
        None => String::new(),
    }
}

/// Metadata, as far as there is any.
fn described(meta: &Meta) -> Json {
    let mut said = Map::new();
    let mut say = |name: &str, value: Json| said.insert(name.to_owned(), value);
    for (bound, name, exclusive) in [(&meta.min, "min", "above"), (&meta.max, "max", "below")] {
        match bound {
            Bound::Included(limit) => drop(say(name, limit.to_string().into())),
            Bound::Excluded(limit) => {
                say(name, limit.to_string().into());
                say(exclusive, true.into());
            }
            Bound::Unbounded => {}
        }
    }
    let step = meta.step.map(Scalar::F64).and_then(|step| step.to_string().parse::<f64>().ok());
    let default = meta.default.as_ref().map(|value| text::of_value(value, false).0);
    for (name, value) in [
        ("multiple_of", meta.multiple_of.map(Json::from)),
        ("step", step.map(Json::from)),
        ("min_len", meta.min_len.map(Json::from)),
        ("max_len", meta.max_len.map(Json::from)),
        ("default", default.map(Json::from)),
        ("finite", meta.finite.then_some(true.into())),
        ("read_only", meta.read_only.then_some(true.into())),
        ("choices", (!meta.choices.is_empty()).then(|| meta.choices.clone().into())),
        ("unit", (!meta.unit.is_empty()).then(|| meta.unit.as_ref().into())),
        ("description", (!meta.description.is_empty()).then(|| meta.description.as_ref().into())),
    ] {
        if let Some(value) = value {
            say(name, value);
        }
    }
    Json::Object(said)
}

/// The metadata of fields; none for items, and for what is gone.
pub(crate) fn meta(root: &Struct, parents: &mut HashMap<Path, Option<Struct>>, path: &Path) -> Meta {
    let (Some(parent), Some(Step::Name(name))) = (path.parent(), path.steps().last()) else {
        return Meta::new();
    };
    let find = || root.at(&parent).ok();
    let parent = parents.entry(parent.clone()).or_insert_with(find);
    parent.as_ref().and_then(|parent| parent.meta(&**name).ok()).unwrap_or_default()
}
