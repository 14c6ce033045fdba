//! `ls`: the stores of this machine.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use structstore::StructStoreShared;
use structstore::binding_support::StructExt;
use structstore::inspect::{Lifetime, Participant};

use crate::arguments::List;
use crate::failure::Result;
use crate::output::{BAD, FAINT, NAME, NUMBER, Output, PLAIN, Table};
use crate::{json, text};

/// How long to wait for somebody who is initialising a store.
const TIMEOUT: Duration = Duration::from_millis(100);

pub(crate) fn run(options: &List, output: &mut Output) -> Result<u8> {
    let entries: Vec<Entry> =
        structstore::stores()?.into_iter().map(|name| Entry::of(name, options.any_owner)).collect();
    if options.json {
        let list = Value::Array(entries.iter().map(Entry::to_json).collect());
        json::print(&list, output)?;
        return Ok(0);
    }
    if entries.is_empty() {
        return Ok(0);
    }
    let mut table =
        Table::new(&["NAME", "SIZE", "ALLOCATED", "FIELDS", "AGE", "LIFETIME", "ATTACHED"], &[1, 2, 3, 4]);
    for entry in &entries {
        table.add(entry.cells());
    }
    table.print(output);
    Ok(0)
}

/// A store, or what keeps it from being looked at.
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) age: Option<Duration>,
    pub(crate) found: structstore::Result<Found>,
}

pub(crate) struct Found {
    pub(crate) size: u64,
    allocated: u64,
    fields: u64,
    participants: Vec<Participant>,
    readers: bool,
    lifetime: Lifetime,
    orphan: bool,
}

impl Entry {
    pub(crate) fn of(name: String, any_owner: bool) -> Entry {
        let found = look(&name, any_owner);
        Entry { age: age(&name), name, found }
    }

    fn to_json(&self) -> Value {
        let age = self.age.map(|age| age.as_secs());
        match &self.found {
            Ok(found) => json!({
                "name": self.name,
                "size": found.size,
                "allocated": found.allocated,
                "fields": found.fields,
                "age": age,
                "participants": found.participants,
                "readers": found.readers,
                "lifetime": found.lifetime,
                "orphan": found.orphan,
            }),
            Err(error) => json!({ "name": self.name, "age": age, "error": error.to_string() }),
        }
    }

    fn cells(&self) -> Vec<(anstyle::Style, String)> {
        let name = (NAME, text::line(&self.name));
        let age = (PLAIN, self.age.map_or("?".to_owned(), text::duration));
        let unknown = || (FAINT, "?".to_owned());
        match &self.found {
            Ok(found) => vec![
                name,
                (NUMBER, text::bytes(found.size)),
                (NUMBER, text::bytes(found.allocated)),
                (NUMBER, found.fields.to_string()),
                age,
                (PLAIN, found.lifetime.to_string()),
                found.attached(),
            ],
            Err(error) => {
                vec![
                    name,
                    unknown(),
                    unknown(),
                    unknown(),
                    age,
                    unknown(),
                    (BAD, text::line(&error.to_string())),
                ]
            }
        }
    }
}

impl Found {
    fn attached(&self) -> (anstyle::Style, String) {
        if self.orphan {
            let pids: Vec<String> = self.participants.iter().map(|dead| dead.pid.to_string()).collect();
            return (
                BAD,
                if pids.is_empty() { "orphan".to_owned() } else { format!("orphan of {}", pids.join(", ")) },
            );
        }
        let mut attached: Vec<String> = self.participants.iter().map(program).collect();
        if self.readers {
            attached.push("readers".to_owned());
        }
        match attached.is_empty() {
            true => (FAINT, "no process".to_owned()),
            false => (PLAIN, attached.join(", ")),
        }
    }
}

/// The process id of a participant, and its program as far as it is known.
pub(crate) fn program(participant: &Participant) -> String {
    match (&participant.program, participant.alive) {
        (Some(program), _) => format!("{} {}", participant.pid, text::line(program)),
        (None, true) => format!("{} elsewhere", participant.pid),
        (None, false) => format!("{} dead", participant.pid),
    }
}

fn look(name: &str, any_owner: bool) -> structstore::Result<Found> {
    let options = StructStoreShared::options().observe(true).read_only(true).any_owner(any_owner);
    let store = options.timeout(TIMEOUT).open(name)?;
    let statistics = store.statistics();
    Ok(Found {
        size: statistics.size,
        allocated: statistics.allocated,
        fields: store.len_now(),
        participants: store.participants()?,
        readers: store.has_readers(),
        lifetime: store.lifetime(),
        orphan: store.is_orphan()?,
    })
}

/// For how long there has been something of that name, as far as the file system knows.
fn age(name: &str) -> Option<Duration> {
    let file = fs::metadata(Path::new("/dev/shm").join(name.trim_start_matches('/'))).ok()?;
    let since = file.created().or_else(|_| file.modified()).ok()?;
    SystemTime::now().duration_since(since).ok()
}
