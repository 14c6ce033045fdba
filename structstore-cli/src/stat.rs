//! `stat`: what takes up memory, who is attached, who holds locks.

use std::time::UNIX_EPOCH;

use serde_json::json;
use structstore::inspect::{FreeMemory, LockHolder, Usage};
use structstore::path::Path;
use structstore::{Error, Item, StructStoreShared, Value};

use crate::arguments::Stat;
use crate::failure::{Failure, Result};
use crate::list::program;
use crate::output::{BAD, FAINT, HEADING, NAME, NUMBER, Output, PLAIN, TYPE, Table};
use crate::path::{self, shown};
use crate::patience::Watched;
use crate::text::{bytes, plural};

/// The struct in which a mirror says how it is going.
const MIRROR: &str = "@mirror";

pub(crate) fn run(options: &Stat, output: &mut Output) -> Result<u8> {
    let store = options.store.observe()?;
    let Item::Struct(part) = path::find(&store, &options.path)? else {
        let found = path::find(&store, &options.path)?.kind().name();
        return Err(Error::wrong_type(found, "struct").below(options.path.clone()).into());
    };
    let parts = part.usage_by_field()?.into_iter().map(|(name, usage)| {
        let path = options.path.then(&name);
        (path, usage)
    });
    let report = Report {
        name: options.store.shown(),
        path: &options.path,
        locks: locks(&store, &options.path)?,
        free: store.free_memory()?,
        usage: part.usage()?,
        parts: parts.collect(),
        store,
    };
    if options.json {
        report.print_json(output)?
    } else {
        report.print(output)?
    }
    Ok(0)
}

struct Report<'r> {
    name: String,
    path: &'r Path,
    locks: Vec<LockHolder>,
    free: Option<FreeMemory>,
    usage: Usage,
    parts: Vec<(Path, Usage)>,
    store: Watched,
}

impl Report<'_> {
    fn print_json(&self, output: &mut Output) -> Result<()> {
        let statistics = self.store.statistics();
        let report = json!({
            "name": self.name,
            "size": statistics.size,
            "max_size": statistics.max_size,
            "allocated": statistics.allocated,
            "blocks": statistics.blocks,
            "nodes": statistics.nodes,
            "recoveries": statistics.recoveries,
            "watchers": statistics.watchers,
            "lifetime": self.store.lifetime(),
            "orphaned": statistics.orphaned,
            "free": self.free,
            "participants": self.store.participants()?,
            "readers": self.store.has_readers(),
            "orphan": self.store.is_orphan()?,
            "locks": self.locks,
            "mirror": self.mirror(),
            "path": self.path,
            "memory": self.usage,
            "parts": self.parts.iter().map(|(path, part)| {
                let mut part = json!(part);
                part["path"] = json!(path);
                part
            }).collect::<Vec<_>>(),
        });
        crate::json::print(&report, output)
    }

    fn print(&self, output: &mut Output) -> Result<()> {
        let statistics = self.store.statistics();
        output.styled(HEADING, &self.name);
        output.print("\n");
        let mut line = |what: &str, value: String| output.print(&format!("  {what:<11} {value}\n"));
        line("size", format!("{} of at most {}", bytes(statistics.size), bytes(statistics.max_size)));
        let (blocks, nodes) = (plural(statistics.blocks, "block"), plural(statistics.nodes, "node"));
        line("allocated", format!("{} in {blocks}, {nodes}", bytes(statistics.allocated)));
        line(
            "free",
            match self.free {
                Some(free) => {
                    let blocks = plural(free.blocks, "block");
                    format!("{} in {blocks}, the largest {}", bytes(free.bytes), bytes(free.largest))
                }
                None => "changing all the time".to_owned(),
            },
        );
        line("lifetime", self.store.lifetime().to_string());
        line("recoveries", statistics.recoveries.to_string());
        line("watchers", statistics.watchers.to_string());
        line("orphaned", plural(statistics.orphaned, "time"));
        if let Some(mirror) = self.mirror() {
            line("mirror", mirror);
        }
        self.print_participants(output)?;
        self.print_locks(output);
        self.print_memory(output);
        Ok(())
    }

    /// How a mirror says that it is going, if one does.
    fn mirror(&self) -> Option<String> {
        let mirror = self.store.get_at::<Value<'static>>(MIRROR).ok()?;
        let number = |name: &str| f64::try_from(mirror.get(name)?).ok();
        let state = match bool::try_from(mirror.get("connected")?).ok()? {
            true => "connected",
            false => "not connected",
        };
        let since = UNIX_EPOCH.elapsed().ok()?.as_secs_f64() - number("time")?;
        let lag = number("lag")? * 1e3;
        Some(format!("{state}, {lag:.1} ms behind, as of {:.0} s ago", since.max(0.0)))
    }

    fn print_participants(&self, output: &mut Output) -> Result<()> {
        output.styled(HEADING, "attached");
        output.print("\n");
        let participants = self.store.participants()?;
        for participant in &participants {
            let style = if participant.alive { PLAIN } else { BAD };
            output.print("  ");
            output.styled(style, &program(participant));
            let (threads, leases) =
                (plural(participant.threads as u64, "thread"), plural(participant.leases as u64, "lease"));
            output.print(&format!(": {threads}, {leases}\n"));
        }
        match (self.store.is_orphan()?, self.store.has_readers()) {
            (true, _) => output.print("  no process: an orphan, which `structstore clean` removes\n"),
            (_, true) => output.print("  readers\n"),
            _ if participants.is_empty() => output.styled(FAINT, "  no process\n"),
            _ => {}
        }
        Ok(())
    }

    fn print_locks(&self, output: &mut Output) {
        if self.locks.is_empty() {
            return;
        }
        output.styled(HEADING, "locks");
        output.print("\n");
        for lock in &self.locks {
            output.print("  ");
            output.styled(NAME, &shown(&lock.path));
            output.print(": ");
            output.styled(TYPE, &lock.mode.to_string());
            let by = if lock.granted { "held by" } else { "requested by" };
            output.print(&format!(", {by} thread {} of process {}", lock.thread, lock.pid));
            output.print(if lock.awaited { ", others wait for it" } else { "" });
            output.print(if lock.waiting { ", which waits for another lock\n" } else { "\n" });
        }
    }

    fn print_memory(&self, output: &mut Output) {
        let mut table = Table::new(&["MEMORY", "BLOCKS", "NODES", "PATH"], &[0, 1, 2]);
        let whole = (self.path.clone(), self.usage);
        for (path, usage) in std::iter::once(&whole).chain(&self.parts) {
            let path = if path.is_root() { "(all)".to_owned() } else { path.to_string() };
            table.add(vec![
                (NUMBER, bytes(usage.bytes)),
                (NUMBER, usage.blocks.to_string()),
                (NUMBER, usage.nodes.to_string()),
                (NAME, path),
            ]);
        }
        table.print(output);
    }
}

/// The locks that cover the path, or something below it.
fn locks(store: &StructStoreShared, path: &Path) -> Result<Vec<LockHolder>> {
    let mut locks = store.locks().map_err(Failure::from)?;
    locks.retain(|lock| lock.path.starts_with(path) || path.starts_with(&lock.path));
    Ok(locks)
}
