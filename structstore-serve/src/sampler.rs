//! Lines of plots that are no streams: fields and elements, looked at so often a second.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use structstore::binding_support::waiting_at_most;
use structstore::path::Path;
use structstore::watch::Found;
use structstore::{ErrorKind, Struct};

use crate::clock;
use crate::reduce::Point;
use crate::text::number_of;
use crate::threads::Threads;

/// The most points that a line keeps: a hundred seconds at a thousand a second.
pub(crate) const KEPT: usize = 100_000;
/// How long to wait for a lock that somebody holds, before a point is left out.
const PATIENCE: Duration = Duration::from_millis(20);
/// How often a line is looked at, at least and at most, in times per second.
const RATES: (f64, f64) = (0.1, 1000.0);

/// Points of a line, the newest last.
pub(crate) struct Ring {
    pub(crate) points: VecDeque<Point>,
    /// How many points have gone.
    pub(crate) dropped: u64,
}

impl Ring {
    pub(crate) fn new() -> Ring {
        Ring { points: VecDeque::new(), dropped: 0 }
    }

    pub(crate) fn push(&mut self, point: Point) {
        if self.points.len() >= KEPT {
            self.points.pop_front();
            self.dropped += 1;
        }
        self.points.push_back(point);
    }
}

/// A field that is looked at. It ends when nobody has it any more.
pub(crate) struct Line {
    pub(crate) path: Path,
    period: Duration,
    pub(crate) ring: Mutex<Ring>,
    /// Whether somebody held it the last time.
    held: AtomicBool,
}

pub(crate) struct Sampler {
    threads: Threads,
    state: Mutex<State>,
    bell: Condvar,
}

#[derive(Default)]
struct State {
    root: Option<Struct>,
    /// Each with the time at which it is looked at next.
    lines: Vec<(Weak<Line>, Instant)>,
    runs: bool,
    stopped: bool,
}

impl Sampler {
    pub(crate) fn new(threads: Threads) -> Arc<Sampler> {
        Arc::new(Sampler { threads, state: Mutex::default(), bell: Condvar::new() })
    }

    /// Looks at nothing any more.
    pub(crate) fn stop(&self) {
        self.state.lock().stopped = true;
        self.bell.notify_all();
    }

    /// Looks at another store, or at none.
    pub(crate) fn follow(&self, root: Option<Struct>) {
        self.state.lock().root = root;
        self.bell.notify_all();
    }

    /// Looks at a field so often a second from now on.
    pub(crate) fn line(self: &Arc<Sampler>, path: &Path, rate: f64) -> Arc<Line> {
        let rate = if rate.is_finite() { rate.clamp(RATES.0, RATES.1) } else { RATES.0 };
        let period = Duration::from_secs_f64(1.0 / rate);
        let mut state = self.state.lock();
        let known = state.lines.iter().filter_map(|(line, _)| line.upgrade());
        if let Some(line) = known.into_iter().find(|line| line.path == *path && line.period == period) {
            return line;
        }
        let line = Arc::new(Line {
            path: path.clone(),
            period,
            ring: Mutex::new(Ring::new()),
            held: AtomicBool::new(false),
        });
        state.lines.push((Arc::downgrade(&line), Instant::now()));
        if !state.runs {
            let sampler = Arc::clone(self);
            state.runs = self.threads.spawn("sampler", move || sampler.run()).is_ok();
        }
        self.bell.notify_all();
        line
    }

    /// Looks at what is due, until there are no lines.
    fn run(&self) {
        let mut state = self.state.lock();
        loop {
            state.lines.retain(|(line, _)| line.strong_count() > 0);
            if state.lines.is_empty() || state.stopped {
                state.runs = false;
                return;
            }
            let now = Instant::now();
            let next = state.lines.iter().map(|(_, due)| *due).min().unwrap_or(now);
            let root = state.root.clone();
            if next > now || root.is_none() {
                let pause = if root.is_none() { Duration::from_millis(100) } else { next - now };
                self.bell.wait_for(&mut state, pause);
                continue;
            }
            let mut due = Vec::new();
            for (line, next) in state.lines.iter_mut().filter(|(_, next)| *next <= now) {
                if let Some(line) = line.upgrade() {
                    // A thread that was late does not make up for it.
                    *next = (*next + line.period).max(now);
                    due.push(line);
                }
            }
            drop(state);
            if let Some(root) = root {
                look(&root, &due);
            }
            drop(due);
            state = self.state.lock();
        }
    }
}

/// Adds a point to each line. What is held, is not there, or is no number, makes a gap. A line that was held the last time is read by
/// itself, at once: it makes no gaps in others.
fn look(root: &Struct, lines: &[Arc<Line>]) {
    let (alone, mut together): (Vec<_>, Vec<_>) =
        lines.iter().partition(|line| line.held.load(Ordering::Relaxed));
    let time = clock::wall_now();
    let read = |lines: &[&Arc<Line>], patience: Duration| {
        let paths = lines.iter().map(|line| line.path.clone()).collect();
        let batch = waiting_at_most(patience, || root.read_together(paths));
        let is_held = matches!(&batch, Err(error) if error.kind() == ErrorKind::LockTimeout);
        let values = batch.map(|batch| batch.values).unwrap_or_default();
        for (at, line) in lines.iter().enumerate() {
            line.held.store(is_held, Ordering::Relaxed);
            let value = match values.get(at) {
                Some((_, Some(Found::Value(value)))) => number_of(value),
                _ => None,
            };
            // Of several that could not be read together, each is read once more.
            if !is_held || lines.len() == 1 {
                line.ring.lock().push((time, value.unwrap_or(f64::NAN)));
            }
        }
        is_held
    };
    if read(&together, PATIENCE) && together.len() > 1 {
        together.drain(..).for_each(|line| _ = read(&[line], Duration::ZERO));
    }
    alone.into_iter().for_each(|line| _ = read(&[line], Duration::ZERO));
}
