//! Streams: `hz`, `get --last` and `watch --each`, and what `show` says of one.

use std::time::{Duration, Instant};

use serde_json::Value as Json;
use structstore::binding_support::elements;
use structstore::path::Path;
use structstore::stream::{AnyCursor, AnySample, AnyStream, now, wait_any};
use structstore::typed::RecordField;
use structstore::{ErrorKind, Item, Value};

use crate::arguments::{Get, Hz, Name, Watch};
use crate::clock::Moment;
use crate::failure::{Failure, NO, Result};
use crate::item::brief;
use crate::json;
use crate::output::{FAINT, NAME, Output, PLAIN};
use crate::path;
use crate::text::{line, plural};

/// How many samples tell the rate.
const RECENT: u64 = 100;
/// The most columns of a table.
const COLUMNS: usize = 1 << 20;
/// How often to look whether the store is still there.
const PAUSE: Duration = Duration::from_millis(200);

/// The stream that a path leads to.
fn find(store: &structstore::Struct, path: &Path) -> Result<AnyStream> {
    match path::find(store, path)? {
        Item::Stream(stream) => Ok(stream),
        other => {
            let found = other.kind().name();
            Err(Failure::Other(format!("{}: found {found}, expected a stream", path::shown(path))))
        }
    }
}

/// What `show` says behind the type of a stream.
pub(crate) fn summary(stream: &AnyStream) -> Result<String> {
    let published = stream.published();
    let recent = stream.recent_times(RECENT)?;
    let mut parts = vec![plural(published, "sample")];
    if let Some(rate) = rate(&recent) {
        parts.push(format!("{rate:.1} Hz"));
    }
    if let Some(last) = recent.last() {
        parts.push(format!("{} ago", span(now().saturating_sub(*last) as f64 / 1e9)));
    }
    Ok(parts.join(", "))
}

/// Samples per second, of their times in nanoseconds.
fn rate(times: &[u64]) -> Option<f64> {
    let span = times.last()?.checked_sub(*times.first()?).filter(|span| *span > 0)?;
    Some((times.len() - 1) as f64 * 1e9 / span as f64)
}

/// `get --last`.
pub(crate) fn last(options: &Get, count: u64, output: &mut Output) -> Result<u8> {
    let store = options.store.observe()?;
    let stream = find(&store, &options.path)?;
    let history = stream.history(count)?;
    let rows = history.seqs().into_iter().zip(history.times()).zip(history.samples());
    if options.csv {
        return csv(&stream, rows, output);
    }
    let value = stream.value()?;
    let samples = rows.map(|((seq, time), sample)| {
        let value = ("value", value.sample(sample));
        Value::record([("seq", Value::from(seq)), ("time", time.into()), value])
    });
    output.write(&json::text(&Value::list(samples), &options.path, output.is_terminal())?);
    Ok(0)
}

/// A table of samples, with a column for each number, truth value and string.
fn csv<'s>(
    stream: &AnyStream,
    rows: impl Iterator<Item = ((u64, u64), &'s [u8])>,
    output: &mut Output,
) -> Result<u8> {
    let columns = stream.dtype().columns(stream.shape(), COLUMNS).ok_or_else(|| {
        Failure::Other(format!("samples of more than {COLUMNS} numbers are too wide for a table"))
    })?;
    output.print("seq,time");
    for RecordField { name, .. } in &columns {
        output.print(&format!(",{}", quoted(if name.is_empty() { "value" } else { name })));
    }
    output.print("\n");
    for ((seq, time), sample) in rows {
        output.print(&format!("{seq},{time}"));
        for column in &columns {
            let cell = match column.value(sample) {
                Value::Scalar(scalar) => scalar.to_string(),
                Value::Str(text) => text.into_owned(),
                // Such as a time, which no slot holds.
                Value::Array(array) => match elements(&array) {
                    Some(Value::Str(text)) => text.into_owned(),
                    _ => array.dtype().to_string(),
                },
                other => other.to_string(),
            };
            output.print(&format!(",{}", quoted(&cell)));
        }
        output.print("\n");
    }
    Ok(0)
}

/// A cell of CSV, after RFC 4180.
fn quoted(cell: &str) -> String {
    let cell = line(cell);
    match cell.contains([',', '"']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell,
    }
}

/// Follows a stream until `visit` has seen enough, or so long.
struct Follow<'a> {
    options: &'a Name,
    store: structstore::StructStoreShared,
    stream: AnyStream,
    cursor: AnyCursor,
    deadline: Option<Instant>,
}

impl<'a> Follow<'a> {
    fn new(options: &'a Name, path: &Path, timeout: Option<Duration>) -> Result<Follow<'a>> {
        let store = options.observe_for_long()?;
        let stream = find(&store, path)?;
        let cursor = AnyCursor::at(stream.published());
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        Ok(Follow { options, store, stream, cursor, deadline })
    }

    /// The next sample; `None` after `pause` without one, or at the deadline.
    fn next(&mut self, pause: Duration) -> Result<Option<AnySample>> {
        let gone = |error: structstore::Error| match error.kind() {
            ErrorKind::StaleHandle if !self.store.valid() => {
                Failure::Missing { what: format!("{}: the store is gone", self.options.shown()), near: None }
            }
            _ => error.into(),
        };
        let until = Instant::now() + pause;
        let until = self.deadline.map_or(until, |deadline| deadline.min(until));
        loop {
            if let Some(sample) = self.stream.try_next(&mut self.cursor).map_err(gone)? {
                return Ok(Some(sample));
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || !wait_any(&[(&self.stream, self.cursor.next())], Some(left)).map_err(gone)? {
                return Ok(None);
            }
        }
    }

    fn is_over(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }
}

/// `watch --each`.
pub(crate) fn each(options: &Watch, output: &mut Output) -> Result<u8> {
    let mut follow = Follow::new(&options.store, &options.path, options.timeout)?;
    let (value, name) = (follow.stream.value()?, options.path.to_string());
    let mut left = options.count.unwrap_or(u64::MAX);
    while left > 0 {
        let Some(sample) = follow.next(PAUSE)? else {
            output.finish()?;
            match follow.is_over() {
                true => return Ok(if options.count.is_some() { NO } else { 0 }),
                false => continue,
            }
        };
        left -= 1;
        let found = value.sample(sample.data.as_slice());
        if options.json {
            let report = |of: &'static str, said: Value<'_>| {
                let numbers = [("seq", sample.seq), ("time", sample.time), ("missed", sample.missed)];
                let path = ("path", Value::from(&*name));
                let fields = numbers.map(|(name, number)| (name, Value::from(number)));
                let fields = std::iter::once(path).chain(fields).chain([(of, said.into_owned())]);
                json::text(&Value::record(fields), &options.path, false)
            };
            // What JSON has not is no reason to stop.
            let line = match report("value", found) {
                Ok(line) => line,
                Err(failure) => report("error", failure.to_string().into())?,
            };
            output.write(&line);
        } else {
            if options.time {
                let age = Duration::from_nanos(now().saturating_sub(sample.time));
                output.styled(FAINT, &format!("{} ", Moment::ago(age).local()));
            }
            output.styled(NAME, &name);
            output.styled(FAINT, &format!(" {}", sample.seq));
            if sample.missed > 0 {
                output.styled(FAINT, &format!(" ({} missed)", sample.missed));
            }
            output.styled(PLAIN, &format!(": {}\n", brief(&found)?));
        }
        if follow.stream.published() == follow.cursor.next() {
            output.finish()?;
        }
    }
    Ok(0)
}

/// What was seen of a stream in a while.
#[derive(Default)]
struct Seen {
    got: u64,
    missed: u64,
    /// The time of the last sample before.
    last: Option<u64>,
    first: Option<u64>,
    periods: Vec<f64>,
}

impl Seen {
    fn add(&mut self, sample: &AnySample) {
        self.got += 1;
        self.missed += sample.missed;
        self.first.get_or_insert(sample.time);
        if let (Some(last), 0) = (self.last, sample.missed) {
            self.periods.push(sample.time.saturating_sub(last) as f64 / 1e9);
        }
        self.last = Some(sample.time);
    }

    /// Begins another while.
    fn again(&mut self) {
        *self = Seen { last: self.last, first: self.last, ..Seen::default() };
    }

    /// Samples per second, those included that were missed.
    fn rate(&self, elapsed: Duration) -> f64 {
        (self.got + self.missed) as f64 / elapsed.as_secs_f64()
    }

    fn report(&self, elapsed: Duration) -> Json {
        let mean = self.periods.iter().sum::<f64>() / self.periods.len().max(1) as f64;
        let variance = self.periods.iter().map(|period| (period - mean).powi(2)).sum::<f64>();
        let deviation = (variance / self.periods.len().max(1) as f64).sqrt();
        let least = self.periods.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self.periods.iter().copied().fold(0.0, f64::max);
        let known = |number: f64| if self.periods.is_empty() { Json::Null } else { number.into() };
        serde_json::json!({
            "rate": self.rate(elapsed),
            "got": self.got,
            "missed": self.missed,
            "period": known(mean),
            "least": known(least),
            "most": known(most),
            "deviation": known(deviation),
        })
    }
}

/// `hz`.
pub(crate) fn hz(options: &Hz, output: &mut Output) -> Result<u8> {
    let mut follow = Follow::new(&options.store, &options.path, options.timeout)?;
    let mut left = options.count.unwrap_or(u64::MAX);
    let mut seen = Seen::default();
    while left > 0 && !follow.is_over() {
        let start = Instant::now();
        let end = start + options.window;
        while let Some(pause) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            match follow.next(pause)? {
                Some(sample) => seen.add(&sample),
                None if follow.is_over() => break,
                None => {}
            }
        }
        let report = seen.report(start.elapsed());
        if options.json {
            json::line(&report, output)?;
        } else {
            output.print(&shown(&report));
        }
        output.finish()?;
        seen.again();
        left -= 1;
    }
    Ok(0)
}

/// A span of time, in the unit that suits it.
fn span(seconds: f64) -> String {
    match seconds {
        _ if seconds < 1e-3 => format!("{:.1} us", seconds * 1e6),
        _ if seconds < 1.0 => format!("{:.1} ms", seconds * 1e3),
        _ => format!("{seconds:.1} s"),
    }
}

fn shown(report: &Json) -> String {
    let number = |name: &str| report.get(name).and_then(Json::as_f64);
    let mut text = format!("{:.1} Hz", number("rate").unwrap_or(0.0));
    if let (Some(least), Some(most), Some(deviation)) = (number("least"), number("most"), number("deviation"))
    {
        text += &format!(", period {} to {}, deviation {}", span(least), span(most), span(deviation));
    }
    let missed = number("missed").unwrap_or(0.0) as u64;
    text += &format!(", {missed} missed\n");
    text
}
