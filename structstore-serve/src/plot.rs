//! Plots: lines of what a stream keeps, or of what is sampled.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use structstore::stream::AnyStream;
use structstore::typed::RecordField;
use structstore::watch::Found;
use structstore::{Error, Struct};

use crate::clock;
use crate::columns::columns;
use crate::message::{self, LineOf, Out, binary, numbers};
use crate::reduce;
use crate::sampler::{self, Ring, Sampler};
use crate::text::number;

/// The most lines of a plot.
const LINES: usize = 32;
/// The most pixels that a plot is wide.
const WIDEST: f64 = 10_000.0;
/// How often a field that is not there is looked for.
const AGAIN: Duration = Duration::from_millis(500);
/// Before all times.
const BEFORE: f64 = -1e300;

pub(crate) struct Plot {
    id: u64,
    from: Option<f64>,
    span: f64,
    step: f64,
    rate: f64,
    lines: Vec<Line>,
}

struct Line {
    of: LineOf,
    source: Source,
    /// How many points of the source were looked at, and where the last column that was sent begins.
    seen: u64,
    sent: f64,
    complaint: Option<String>,
    /// When it was looked for.
    looked: Option<Instant>,
}

enum Source {
    Unknown,
    Sampled(Arc<sampler::Line>),
    Stream(Box<Published>),
}

/// A number in each sample of a stream, of those that were published since the line is there or that the stream still had.
struct Published {
    stream: AnyStream,
    column: RecordField,
    next: u64,
    ring: Ring,
}

impl Plot {
    /// A plot of so many lines at most, with what one before it has of the same ones.
    pub(crate) fn new(asked: message::Plot, before: Option<Plot>, room: usize) -> Plot {
        let span = if asked.span.is_finite() { asked.span.clamp(1e-6, 1e6) } else { 1.0 };
        let width = if asked.width.is_finite() { asked.width.clamp(1.0, WIDEST) } else { 1.0 };
        let mut known = before.map(|plot| (plot.rate, plot.lines)).filter(|(rate, _)| *rate == asked.rate);
        let mut line = |of: LineOf| {
            let known = known.as_mut().and_then(|(_, lines)| {
                let at = lines.iter().position(|line| line.of == of)?;
                Some(lines.swap_remove(at).source)
            });
            let source = known.unwrap_or(Source::Unknown);
            Line { of, source, seen: 0, sent: BEFORE, complaint: None, looked: None }
        };
        let lines = asked.lines.into_iter().take(LINES.min(room)).map(&mut line).collect();
        Plot { id: asked.id, from: asked.from, span, step: span / width, rate: asked.rate, lines }
    }

    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    /// Forgets what is of a store that is not there any more. Sampled lines go on with the next one.
    pub(crate) fn forget_store(&mut self) {
        for line in &mut self.lines {
            if let Source::Stream(_) = line.source {
                (line.source, line.seen) = (Source::Unknown, 0);
            }
        }
    }

    /// Adds messages for all that is new.
    pub(crate) fn draw(&mut self, root: &Struct, sampler: &Arc<Sampler>, out: &mut Vec<Out>) {
        let (from, until) = match self.from {
            Some(from) => (from, from + self.span),
            None => (clock::wall_now() - self.span, f64::INFINITY),
        };
        for (index, line) in self.lines.iter_mut().enumerate() {
            let complaint = match line.update(root, sampler, self.rate) {
                Ok(()) => {
                    out.extend(line.series(self.id, index, from, until, self.step).map(Out::Binary));
                    None
                }
                Err(complaint) => Some(complaint),
            };
            if let (Some(error), true) = (&complaint, complaint != line.complaint) {
                out.push(Out::text(&missing(self.id, Some(index), error)));
            }
            line.complaint = complaint;
        }
    }
}

/// A message that says why nothing is shown.
pub(crate) fn missing(id: u64, line: Option<usize>, error: &str) -> Json {
    json!({ "type": "missing", "id": id, "line": line, "error": error })
}

impl Line {
    /// Looks for what is new.
    fn update(&mut self, root: &Struct, sampler: &Arc<Sampler>, rate: f64) -> Result<(), String> {
        // What is sampled and is no number may have become a stream.
        let is_no_number = |line: &Arc<sampler::Line>| {
            line.ring.lock().points.back().is_some_and(|(_, value)| value.is_nan())
        };
        let is_lost = match &self.source {
            Source::Unknown => true,
            Source::Sampled(line) => is_no_number(line),
            Source::Stream(_) => false,
        };
        if is_lost && self.looked.is_none_or(|looked| looked.elapsed() >= AGAIN) {
            self.looked = Some(Instant::now());
            match self.find(root, sampler, rate)? {
                found @ Source::Stream(_) => (self.source, self.seen) = (found, 0),
                found if matches!(self.source, Source::Unknown) => self.source = found,
                _ => {}
            }
        } else if let (Source::Unknown, Some(complaint)) = (&self.source, &self.complaint) {
            return Err(complaint.clone());
        }
        if let Source::Stream(published) = &mut self.source
            && let Err(error) = published.update()
        {
            (self.source, self.seen) = (Source::Unknown, 0);
            return Err(error.to_string());
        }
        Ok(())
    }

    fn find(&self, root: &Struct, sampler: &Arc<Sampler>, rate: f64) -> Result<Source, String> {
        let path = &self.of.path.0;
        let read = root.read_together(vec![path.clone()]).map_err(|error| error.to_string())?;
        match (read.values.into_iter().next().and_then(|(_, found)| found), &self.of.column) {
            (None, _) => Err(format!("{path} is not there")),
            (Some(Found::Stream(stream)), column) => {
                let wanted = column.as_deref().unwrap_or_default();
                let column = columns(&stream).into_iter().find(|column| column.name == wanted);
                let column = column.ok_or_else(|| format!("{path}: samples have no number {wanted:?}"))?;
                Ok(Source::Stream(Box::new(Published { stream, column, next: 0, ring: Ring::new() })))
            }
            (Some(Found::Value(value)), None) if crate::text::number_of(&value).is_some() => {
                Ok(Source::Sampled(sampler.line(path, rate)))
            }
            (Some(found), _) => Err(format!("{path}: {} is not a number", found.kind().name())),
        }
    }

    /// A message with the points from the last column that was sent on, if there are new ones.
    fn series(&mut self, id: u64, index: usize, from: f64, until: f64, step: f64) -> Option<Vec<u8>> {
        let sampled;
        let (ring, is_sampled) = match &self.source {
            Source::Unknown => return None,
            Source::Sampled(line) => {
                sampled = line.ring.lock();
                (&*sampled, true)
            }
            Source::Stream(published) => (&published.ring, false),
        };
        let count = ring.dropped + ring.points.len() as u64;
        if count == self.seen {
            return None;
        }
        let start = ring.points.partition_point(|point| point.0 < self.sent.max(from));
        let points = ring.points.range(start..).copied().take_while(|point| point.0 <= until);
        let points = reduce::columns(points, step);
        let data = numbers(points.iter().map(|(x, _)| x).chain(points.iter().map(|(_, y)| y)));
        let header = json!({
            "type": "series", "id": id, "line": index, "after": self.sent, "count": points.len(), "sampled": is_sampled,
        });
        self.seen = count;
        if let Some((last, _)) = points.last() {
            self.sent = (last / step).floor() * step;
        }
        Some(binary(&header, &data))
    }
}

impl Published {
    /// Reads the samples since the last time. Where some were lost, there is a gap.
    fn update(&mut self) -> Result<(), Error> {
        // Also if nothing is new, for the stream may have gone.
        let history = self.stream.since(self.next)?;
        let (kind, offset) = (self.column.dtype.kind(), self.column.offset);
        for ((at, time), bytes) in history.times().into_iter().enumerate().zip(history.samples()) {
            let time = clock::wall(time);
            if at == 0
                && history.missed > 0
                && let Some((before, _)) = self.ring.points.back()
            {
                self.ring.push((before.midpoint(time), f64::NAN));
            }
            self.ring.push((time, number(kind, bytes.get(offset..).unwrap_or_default())));
        }
        self.next = history.seqs().last().map_or(self.next, |last| last + 1);
        Ok(())
    }
}
