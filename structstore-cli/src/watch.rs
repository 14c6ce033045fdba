//! `watch`: what changes, as it changes.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use structstore::path::Path;
use structstore::{ErrorKind, Item, Struct, Watch as Changes};

use crate::arguments::Watch;
use crate::clock::Moment;
use crate::failure::{Failure, NO, Result};
use crate::output::{FAINT, NAME, Output};
use crate::path;
use crate::{item, json, show};

/// How often to look whether the store is still there.
const PAUSE: Duration = Duration::from_millis(200);

pub(crate) fn run(options: &Watch, output: &mut Output) -> Result<u8> {
    let store = options.store.observe_for_long()?;
    let (mut changes, base) = changes(&store, &options.path)?;
    let deadline = options.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let mut left = options.count.unwrap_or(u64::MAX);
    let is_over = || deadline.is_some_and(|deadline| Instant::now() >= deadline);
    while left > 0 {
        let remaining = deadline.map_or(PAUSE, |deadline| deadline.saturating_duration_since(Instant::now()));
        let gone = || {
            let what = format!("{}: the store is gone", options.store.shown());
            Failure::Missing { what, near: None }
        };
        let told = match changes.wait(Some(remaining.min(PAUSE))) {
            Err(error) if error.kind() == ErrorKind::StaleHandle && !store.valid() => return Err(gone()),
            told => told?,
        };
        let seen = Instant::now();
        for path in told.iter().flatten() {
            let path = base.join(path);
            if left > 0 && path.starts_with(&options.path) {
                report(options, output, &store, &path)?;
                left -= 1;
            }
        }
        output.finish()?;
        if left > 0 && is_over() {
            return Ok(if options.count.is_some() { NO } else { 0 });
        }
        match (&told, options.period) {
            // What changes meanwhile is told once, at the end of it.
            (Some(_), Some(period)) => rest(seen, period, deadline, || store.valid()),
            (Some(_), None) => {}
            (None, _) if left > 0 && !store.valid() => return Err(gone()),
            (None, _) => {}
        }
    }
    Ok(0)
}

/// Sleeps until so long after a time, or to the deadline, or until the store is gone.
fn rest(since: Instant, period: Duration, deadline: Option<Instant>, valid: impl Fn() -> bool) {
    let left = || {
        let left = period.saturating_sub(since.elapsed());
        deadline.map_or(left, |deadline| left.min(deadline.saturating_duration_since(Instant::now())))
    };
    while let left = left()
        && !left.is_zero()
        && valid()
    {
        thread::sleep(left.min(PAUSE));
    }
}

/// What tells of changes at a path, and where its own paths begin: a number or a string is watched by what has it.
fn changes(root: &Struct, path: &Path) -> Result<(Changes, Path)> {
    let (part, base) = match path::find(root, path)? {
        part @ (Item::Struct(_) | Item::List(_) | Item::Array(_)) => (part, path.clone()),
        _ => {
            let parent = path.parent().unwrap_or_default();
            (path::find(root, &parent)?, parent)
        }
    };
    let changes = match &part {
        Item::Struct(part) => part.watch()?,
        Item::List(part) => part.watch()?,
        Item::Array(part) => part.watch()?,
        other => return Err(Failure::Other(format!("{path}: its type changed to {}", other.kind().name()))),
    };
    Ok((changes, base))
}

fn report(options: &Watch, output: &mut Output, root: &Struct, path: &Path) -> Result<()> {
    let found = match path::find(root, path) {
        Ok(found) => Some(found),
        Err(Failure::Missing { .. }) => None,
        Err(Failure::Store(error))
            if matches!(
                error.kind(),
                ErrorKind::StaleHandle | ErrorKind::IndexOutOfRange | ErrorKind::WrongType
            ) =>
        {
            None
        }
        Err(failure) => return Err(failure),
    };
    let (name, now) = (path.to_string(), Moment::now());
    if options.time && !options.json {
        output.styled(FAINT, &format!("{} ", now.local()));
    }
    match found {
        Some(item) if options.json => {
            let kind = item.kind().name();
            // What JSON has not is no reason to stop watching.
            let report = match json::document(&item::value(&item)?, path) {
                Ok(value) => json!({ "time": now.utc(), "path": name, "type": kind, "value": value }),
                Err(failure) => {
                    json!({ "time": now.utc(), "path": name, "type": kind, "error": failure.to_string() })
                }
            };
            json::line(&report, output)
        }
        None if options.json => {
            json::line(&json!({ "time": now.utc(), "path": name, "removed": true }), output)
        }
        Some(item) => show::print_line(if path.is_root() { "(all)" } else { &name }, &item, output),
        None => {
            output.styled(NAME, &name);
            output.styled(FAINT, ": removed\n");
            Ok(())
        }
    }
}
