//! The stores of this machine.

use std::time::Duration;

use serde_json::{Value as Json, json};
use structstore::StructStoreShared;

/// How long to wait for somebody who is making a store.
const PATIENCE: Duration = Duration::from_millis(100);

/// All stores, with those who are attached.
pub(crate) fn list(any_owner: bool) -> structstore::Result<Json> {
    let entries = structstore::stores()?.into_iter().map(|name| {
        look(&name, any_owner).unwrap_or_else(|error| {
            json!({
                "name": name, "size": null, "fields": null, "orphan": false, "lifetime": null, "processes": [],
                "error": error.to_string(),
            })
        })
    });
    Ok(entries.collect())
}

fn look(name: &str, any_owner: bool) -> structstore::Result<Json> {
    let options = StructStoreShared::options().observe(true).read_only(true).any_owner(any_owner);
    let store = options.timeout(PATIENCE).open(name)?;
    Ok(json!({
        "name": name, "size": store.statistics().size, "fields": store.len()?, "orphan": store.is_orphan()?,
        "lifetime": store.lifetime(), "processes": store.participants()?, "error": null,
    }))
}
