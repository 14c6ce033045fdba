//! What changes in one store, for all pages that show it: one watch, and one reading of what any of them has in view.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use structstore::binding_support::waiting_at_most;
use structstore::path::Path;
use structstore::watch::{Batch, Batches};
use structstore::{Error, ErrorKind};

use crate::inbox::{Inbox, State};
use crate::sampler::Sampler;
use crate::source::{Opened, Source};
use crate::threads::Threads;

/// How often to look whether the store is there, and whether anybody looks.
const TICK: Duration = Duration::from_millis(50);
/// How long to wait for a lock before it is looked at again whether there is anything else to do.
const PATIENCE: Duration = Duration::from_millis(250);
/// How long to wait before a store that is not there is looked for again.
const RETRY: Duration = Duration::from_millis(300);

pub(crate) struct Feed {
    pub(crate) source: Source,
    pub(crate) period: Duration,
    pub(crate) sampler: Arc<Sampler>,
    pub(crate) threads: Threads,
    audience: Mutex<Audience>,
    bell: Condvar,
}

#[derive(Default)]
struct Audience {
    inboxes: Vec<Arc<Inbox>>,
    state: Option<State>,
    stopped: bool,
    /// Whether the thread runs.
    runs: bool,
}

impl Feed {
    pub(crate) fn new(source: Source, rate: f64) -> Arc<Feed> {
        let period = Duration::from_secs_f64(1.0 / rate);
        let (threads, audience, bell) = <(Threads, _, _)>::default();
        let sampler = Sampler::new(threads.clone());
        Arc::new(Feed { source, period, sampler, threads, audience, bell })
    }

    /// Tells an inbox from now on.
    pub(crate) fn join(self: &Arc<Feed>, inbox: &Arc<Inbox>) {
        let mut audience = self.audience.lock();
        if let Some(state) = audience.state.clone() {
            inbox.tell(|letters| letters.state = Some(state));
        }
        audience.inboxes.push(Arc::clone(inbox));
        if audience.stopped {
            inbox.tell(|letters| letters.closed = true);
        } else if !audience.runs {
            let feed = Arc::clone(self);
            audience.runs = self.threads.spawn("feed", move || feed.run()).is_ok();
        }
    }

    pub(crate) fn leave(&self, inbox: &Arc<Inbox>) {
        self.audience.lock().inboxes.retain(|other| !Arc::ptr_eq(other, inbox));
        self.bell.notify_all();
    }

    /// Ends all sessions.
    pub(crate) fn stop(&self) {
        let mut audience = self.audience.lock();
        audience.stopped = true;
        self.sampler.stop();
        audience.inboxes.iter().for_each(|inbox| inbox.tell(|letters| letters.closed = true));
        self.bell.notify_all();
    }

    /// Follows the store for as long as somebody looks. Nothing of it is open after that.
    fn run(&self) {
        while self.has_audience() {
            let gone = match self.source.observe() {
                Ok(opened) => self.follow(&Arc::new(opened)).err(),
                Err(error) => Some(error),
            };
            if let Some(error) = gone {
                self.set(State::Gone(error.to_string()));
                self.rest(RETRY);
            }
        }
    }

    /// Whether the thread has anything to do; if not, it is over.
    fn has_audience(&self) -> bool {
        let mut audience = self.audience.lock();
        let goes_on = !audience.stopped && !audience.inboxes.is_empty();
        if !goes_on {
            (audience.runs, audience.state) = (false, None);
            self.sampler.follow(None);
        }
        goes_on
    }

    /// Whether it was stopped.
    pub(crate) fn is_stopped(&self) -> bool {
        self.audience.lock().stopped
    }

    fn is_over(&self) -> bool {
        let audience = self.audience.lock();
        audience.stopped || audience.inboxes.is_empty()
    }

    /// Sleeps for so long, or until there is nothing to do.
    fn rest(&self, time: Duration) {
        let idle = |audience: &mut Audience| !audience.stopped && !audience.inboxes.is_empty();
        self.bell.wait_while_for(&mut self.audience.lock(), idle, time);
    }

    fn set(&self, state: State) {
        let mut audience = self.audience.lock();
        if let (State::Gone(now), Some(State::Gone(before))) = (&state, &audience.state)
            && now == before
        {
            return;
        }
        self.sampler.follow(match &state {
            State::Live(opened) => Some(opened.root().clone()),
            State::Gone(_) => None,
        });
        audience.inboxes.iter().for_each(|inbox| inbox.tell(|letters| letters.state = Some(state.clone())));
        audience.state = Some(state);
    }

    fn follow(&self, opened: &Arc<Opened>) -> Result<(), Error> {
        self.set(State::Live(Arc::clone(opened)));
        // What sessions have read themselves, and the feed has not read yet.
        let (mut batches, mut fresh) = (None, BTreeSet::new());
        while !self.is_over() {
            let start = Instant::now();
            let look = || {
                let batches = match &mut batches {
                    Some(batches) => batches,
                    none => none.insert(Batches::new(opened.root())?),
                };
                fresh.extend(self.fresh());
                if fresh.is_empty() {
                    return batches.wait(Some(TICK), |changed| self.wanted(changed).into_iter().collect());
                }
                let wanted = |changed: &[Path]| {
                    let mut wanted = self.wanted(changed);
                    wanted.extend(fresh.iter().cloned());
                    wanted.into_iter().collect()
                };
                let batch = batches.read_free(wanted)?;
                fresh.clear();
                Ok(Some(batch))
            };
            match waiting_at_most(PATIENCE, look) {
                Ok(Some(batch)) => {
                    self.distribute(batch);
                    // What takes long is done less often.
                    let spent = start.elapsed();
                    self.rest(self.period.saturating_sub(spent).max(spent * 2));
                }
                Ok(None) => {}
                // Somebody holds a lock for long: what is told meanwhile is what it was.
                Err(error) if matches!(error.kind(), ErrorKind::Contended | ErrorKind::LockTimeout) => {}
                Err(error) => return Err(error),
            }
            if !opened.valid() {
                return Err(Error::rejected(match opened.as_ref() {
                    Opened::Part(_) => "the store was closed",
                    Opened::Shared(_) => "the store was removed",
                }));
            }
        }
        Ok(())
    }

    /// What any page has in view of what has changed.
    fn wanted(&self, changed: &[Path]) -> BTreeSet<Path> {
        let mut wanted = BTreeSet::new();
        for inbox in &self.audience.lock().inboxes {
            let interest = inbox.interest();
            let mut add = |path: &Path| _ = wanted.insert(path.clone());
            changed.iter().for_each(|path| interest.affected(path, &mut add));
        }
        wanted
    }

    /// What sessions have read themselves since the last time.
    fn fresh(&self) -> BTreeSet<Path> {
        let audience = self.audience.lock();
        audience.inboxes.iter().flat_map(|inbox| std::mem::take(&mut inbox.interest().fresh)).collect()
    }

    fn distribute(&self, batch: Batch) {
        let values: Vec<_> = batch.values.into_iter().map(|(path, found)| (path, Arc::new(found))).collect();
        for inbox in &self.audience.lock().inboxes {
            let mut interest = inbox.interest();
            let own = values.iter().filter(|(path, _)| interest.paths.contains(path));
            let own: Vec<_> =
                own.map(|(path, found)| (path.clone(), (batch.time, Arc::clone(found)))).collect();
            let rows = interest.rows_changed(&batch.changed);
            drop(interest);
            if rows || !own.is_empty() {
                inbox.tell(|letters| {
                    letters.values.extend(own);
                    letters.rows |= rows;
                });
            }
        }
    }
}
