//! How a mirror is going.

use serde_json::{Value as Json, json};
use structstore::path::Path;

/// How a mirror is going.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Status {
    /// Each part that is owned or followed.
    pub parts: Vec<Part>,
}

/// The state of a part.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Part {
    /// Its path.
    pub path: Path,
    /// Whether this side owns it, as opposed to following it.
    pub owned: bool,
    /// Of an owned part: whether the store is there. Of another one: whether its owner is reachable and was heard within the last three
    /// seconds.
    pub connected: bool,
    /// Who owns it: host and process id.
    pub owner: Option<String>,
    /// How many deltas there were.
    pub seq: u64,
    /// How long the last delta took from the owner to this side, in seconds, if both clocks are right.
    pub lag: f64,
    /// How often the state was requested again because something was lost.
    pub resyncs: u64,
    /// How many samples of streams were lost.
    pub missed: u64,
    /// How many local changes were reverted to what the owner has.
    pub reverted: u64,
    /// How many changes that were made here the owner has refused.
    pub refused: u64,
    /// What cannot be mirrored, by path: the newest of each.
    pub errors: Vec<(Path, String)>,
}

/// How many errors are kept.
const ERRORS: usize = 100;

impl Status {
    /// Whether all parts are connected.
    pub fn connected(&self) -> bool {
        self.parts.iter().all(|part| part.connected)
    }

    /// The same in JSON.
    pub fn to_json(&self) -> Json {
        let part = |part: &Part| {
            let errors: serde_json::Map<String, Json> =
                part.errors.iter().map(|(path, error)| (path.to_string(), json!(error))).collect();
            json!({
                "path": part.path.to_string(), "role": if part.owned { "owner" } else { "follower" }, "connected": part.connected,
                "owner": part.owner, "seq": part.seq, "lag": part.lag, "resyncs": part.resyncs, "missed": part.missed,
                "reverted": part.reverted, "refused": part.refused, "errors": errors,
            })
        };
        json!({ "connected": self.connected(), "parts": self.parts.iter().map(part).collect::<Vec<_>>() })
    }
}

impl Part {
    /// Takes note of what is wrong with a field, or that nothing is.
    pub(crate) fn set_error(&mut self, path: &Path, error: Option<String>) {
        self.errors.retain(|(other, _)| other != path);
        if let Some(error) = error {
            self.errors.truncate(ERRORS - 1);
            self.errors.push((path.clone(), error));
        }
    }
}
