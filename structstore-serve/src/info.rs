//! What a store takes, which processes are attached, and which locks are held.

use serde_json::{Value as Json, json};
use structstore::Error;
use structstore::inspect::{LockMode, Participant};

use crate::source::Opened;

/// The message for a panel.
pub(crate) fn message(id: u64, opened: &Opened) -> Result<Json, Error> {
    let root = opened.root();
    let statistics = root.statistics();
    let locks = root.locks()?.into_iter().map(|lock| {
        let mode = match lock.mode {
            LockMode::Shared => "shared",
            LockMode::Node => "exclusive, of its own fields",
            _ => "exclusive",
        };
        json!({
            "path": lock.path.to_string(), "mode": mode, "pid": lock.pid, "thread": lock.thread, "granted": lock.granted,
            "awaited": lock.awaited,
        })
    });
    let (lifetime, processes) = match opened {
        Opened::Part(_) => (None, Vec::new()),
        Opened::Shared(store) => (Some(store.lifetime().to_string()), store.participants()?),
    };
    Ok(json!({
        "type": "info", "id": id, "size": statistics.size, "max_size": statistics.max_size,
        "allocated": statistics.allocated, "blocks": statistics.blocks, "nodes": statistics.nodes,
        "recoveries": statistics.recoveries, "watchers": statistics.watchers, "lifetime": lifetime,
        "processes": processes.iter().map(process).collect::<Vec<_>>(), "locks": locks.collect::<Vec<_>>(),
    }))
}

pub(crate) fn process(participant: &Participant) -> Json {
    json!({
        "pid": participant.pid, "program": participant.program, "alive": participant.alive, "threads": participant.threads,
        "observes": participant.observes,
    })
}
