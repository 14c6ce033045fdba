//! `top`: what is going on in a store, once a second.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use structstore::binding_support::waiting_at_most;
use structstore::path::Path;
use structstore::stream::AnyStream;
use structstore::{ErrorKind, Item};

use crate::arguments::Top;
use crate::clock::Moment;
use crate::failure::{Failure, Result};
use crate::json;
use crate::list::program;
use crate::output::{BAD, FAINT, HEADING, NAME, NUMBER, Output, PLAIN, TYPE, Table};
use crate::path::{find, shown};
use crate::text::{bytes, plural};

/// How many paths are shown, those that change most.
const PATHS: usize = 20;
/// How often to look whether the store is still there.
const PAUSE: Duration = Duration::from_millis(200);
/// Moves to the upper left of a terminal, and clears it from there on.
const CLEAR: &str = "\x1b[H\x1b[J";

/// What a watch has seen of a path.
#[derive(Default)]
struct Seen {
    changes: u64,
    /// Of a stream: how many samples were published before.
    stream: Option<(AnyStream, u64)>,
}

pub(crate) fn run(options: &Top, output: &mut Output) -> Result<u8> {
    let store = options.store.observe_for_long()?;
    let mut watch = None;
    let mut left = options.count.unwrap_or(u64::MAX);
    let mut streams: BTreeMap<Path, Seen> = BTreeMap::new();
    while left > 0 {
        let (start, mut seen) = (Instant::now(), std::mem::take(&mut streams));
        if watch.is_none() {
            // Where everything is locked, that is what there is to be seen.
            watch = match waiting_at_most(PAUSE, || store.watch()) {
                Err(error) if error.kind() == ErrorKind::LockTimeout => None,
                watch => Some(watch?),
            };
        }
        while let remaining = options.interval.saturating_sub(start.elapsed())
            && !remaining.is_zero()
        {
            let Some(watch) = &mut watch else {
                thread::sleep(remaining.min(PAUSE));
                continue;
            };
            let told = match watch.wait(Some(remaining.min(PAUSE))) {
                Err(error) if error.kind() == ErrorKind::StaleHandle && !store.valid() => {
                    return Err(gone(options));
                }
                told => told?,
            };
            for path in told.iter().flatten().filter(|path| path.starts_with(&options.path)) {
                seen.entry(path.clone()).or_default().changes += 1;
            }
        }
        if !store.valid() {
            return Err(gone(options));
        }
        let elapsed = start.elapsed().as_secs_f64();
        let mut rates: Vec<(Path, f64, bool)> = Vec::new();
        for (path, seen) in seen {
            let Ok(Item::Stream(stream)) = find(&store, &path) else {
                if seen.changes > 0 {
                    rates.push((path, seen.changes as f64 / elapsed, false));
                }
                continue;
            };
            let published = stream.published();
            let before = match seen.stream {
                Some((former, before)) if former.is_same(&stream) => before,
                // What was published before is not known yet.
                _ => published.saturating_sub(seen.changes),
            };
            rates.push((path.clone(), published.saturating_sub(before) as f64 / elapsed, true));
            streams.insert(path, Seen { changes: 0, stream: Some((stream, published)) });
        }
        rates.sort_by(|(a, one, _), (b, other, _)| other.total_cmp(one).then_with(|| a.cmp(b)));
        match options.json {
            true => report(options, output, &store, &rates)?,
            false => print(options, output, &store, watch.is_some().then_some(&*rates))?,
        }
        output.finish()?;
        left -= 1;
    }
    Ok(0)
}

fn gone(options: &Top) -> Failure {
    Failure::Missing { what: format!("{}: the store is gone", options.store.shown()), near: None }
}

fn report(
    options: &Top,
    output: &mut Output,
    store: &structstore::StructStoreShared,
    rates: &[(Path, f64, bool)],
) -> Result<()> {
    let statistics = store.statistics();
    let changes =
        rates.iter().map(|(path, rate, stream)| json!({ "path": path, "rate": rate, "stream": stream }));
    let line = json!({
        "time": Moment::now().utc(),
        "name": options.store.shown(),
        "size": statistics.size,
        "allocated": statistics.allocated,
        "recoveries": statistics.recoveries,
        "changes": changes.collect::<Vec<_>>(),
        "participants": store.participants()?,
        "locks": store.locks()?,
    });
    json::line(&line, output)
}

fn print(
    options: &Top,
    output: &mut Output,
    store: &structstore::StructStoreShared,
    rates: Option<&[(Path, f64, bool)]>,
) -> Result<()> {
    if output.is_terminal() {
        output.print(CLEAR);
    }
    let statistics = store.statistics();
    output.styled(HEADING, &options.store.shown());
    let (allocated, size) = (bytes(statistics.allocated), bytes(statistics.size));
    let recovered = plural(statistics.recoveries, "time");
    output.print(&format!("  {}  {allocated} of {size}, repaired {recovered}\n", Moment::now().local()));
    for participant in
        store.participants()?.iter().filter(|participant| participant.pid != std::process::id())
    {
        output.print("  ");
        output.styled(if participant.alive { PLAIN } else { BAD }, &program(participant));
        let observes = if participant.observes { ", observes" } else { "" };
        output.print(&format!(": {}{observes}\n", plural(participant.threads as u64, "thread")));
    }
    for lock in store.locks()? {
        output.print("  ");
        output.styled(NAME, &shown(&lock.path));
        output.print(": ");
        output.styled(TYPE, &lock.mode.to_string());
        let awaited = if lock.awaited { ", others wait for it" } else { "" };
        output.print(&format!(", thread {} of process {}{awaited}\n", lock.thread, lock.pid));
    }
    let Some(rates) = rates else {
        output.styled(FAINT, "  the store is locked; changes cannot be shown\n");
        return Ok(());
    };
    if rates.is_empty() {
        output.styled(FAINT, "  nothing changes\n");
        return Ok(());
    }
    let mut table = Table::new(&["PER SECOND", "PATH"], &[0]);
    for (path, rate, stream) in rates.iter().take(PATHS) {
        let path = if path.is_root() { "(all)".to_owned() } else { shown(path).to_string() };
        let path = if *stream { format!("{path} (stream)") } else { path };
        table.add(vec![(NUMBER, format!("{rate:.0}")), (NAME, path)]);
    }
    table.print(output);
    if let Some(more) = rates.len().checked_sub(PATHS).filter(|more| *more > 0) {
        output.styled(FAINT, &format!("and {}\n", plural(more as u64, "more path")));
    }
    Ok(())
}
