//! What a store takes, which processes are attached, and which locks are held.

use serde_json::{Value as Json, json};
use structstore::Error;

use crate::source::Opened;

/// The message for a panel.
pub(crate) fn message(id: u64, opened: &Opened) -> Result<Json, Error> {
    let root = opened.root();
    let statistics = root.statistics();
    let (lifetime, processes) = match opened {
        Opened::Part(_) => (None, Vec::new()),
        Opened::Shared(store) => (Some(store.lifetime()), store.participants()?),
    };
    Ok(json!({
        "type": "info", "id": id, "size": statistics.size, "max_size": statistics.max_size,
        "allocated": statistics.allocated, "blocks": statistics.blocks, "nodes": statistics.nodes,
        "recoveries": statistics.recoveries, "watchers": statistics.watchers, "lifetime": lifetime,
        "processes": processes, "locks": root.locks()?,
    }))
}
