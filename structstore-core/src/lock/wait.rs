//! How long a thread waits, and what may interrupt the wait.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering as LocalOrdering};
use std::time::{Duration, Instant};

use super::{Space, WAITERS};
use crate::error::{Error, ErrorKind, Result};
use crate::sync::{AtomicU64, Ordering, futex_wait, spin};

/// The longest uninterrupted sleep: how soon an interrupt or a death is noticed.
pub(crate) const SLICE: Duration = Duration::from_millis(10);

/// How often a word is looked at before its reader goes to sleep.
const SPINS: usize = if cfg!(loom) { 0 } else { 100 };

/// Spins for a moment. Returns whether the word has changed.
pub(crate) fn spin_while(word: &AtomicU64, observed: u64) -> bool {
    (0..SPINS).any(|_| {
        spin();
        word.load(Ordering::Relaxed) != observed
    })
}

/// How often in a row a thread may find the owner of a word impossible before that counts.
const ANOMALIES: usize = 3;

/// How often in a row a waiting thread has found that the owner it waits for cannot exist. The word may have been
/// released and taken again meanwhile, and look the same; but not each time.
#[derive(Default)]
pub(crate) struct Doubt {
    anomalies: Cell<usize>,
}

impl Doubt {
    /// Looks whether an owner lives; buries it if it does not.
    ///
    /// # Errors
    ///
    /// What is wrong with the word, if it is wrong each time.
    pub(crate) fn look<S: Space>(&self, space: &S, owner: u32, word: &AtomicU64, seen: u64) -> Result<()> {
        let anomalies = match space.suspect(owner, word) {
            // The word was about to change.
            Err(_) if word.load(Ordering::Relaxed) | WAITERS != seen | WAITERS => 0,
            Err(error) if self.anomalies.get() >= ANOMALIES => {
                space.remember(word, seen);
                return Err(error);
            }
            Err(_) => self.anomalies.get().saturating_add(1),
            Ok(()) => 0,
        };
        self.anomalies.set(anomalies);
        Ok(())
    }
}

static HOOKS: OnceLock<WaitHooks> = OnceLock::new();

/// For how long the waits of this process may last together, and when the first one began.
static LIMIT: OnceLock<Duration> = OnceLock::new();
static WAITING: OnceLock<Instant> = OnceLock::new();

/// Bounds the time that this process waits for locks, counted from the first wait on: waits without a bound of their own then end with
/// [`ErrorKind::LockTimeout`]. It is for commands, which are all that their process does. The first call counts.
pub fn limit_waits(timeout: Duration) {
    let _ = LIMIT.set(timeout);
}

/// Runs `act`, in which waits of this thread for locks that have no bound of their own end with [`ErrorKind::LockTimeout`] after a while
/// in all: for threads that have something else to do.
pub fn waiting_at_most<T>(timeout: Duration, act: impl FnOnce() -> T) -> T {
    let before = DEADLINE.replace(Instant::now().checked_add(timeout).map(|end| (end, timeout)));
    let result = act();
    DEADLINE.set(before);
    result
}

thread_local! {
    /// Until when this thread waits, and for how long that is.
    static DEADLINE: Cell<Option<(Instant, Duration)>> = const { Cell::new(None) };
    static HOOKLESS: Cell<bool> = const { Cell::new(false) };
    /// Whether this is a child that was forked by a hook in the last wait.
    static FORKED: Cell<bool> = const { Cell::new(false) };
}

/// How often this process was forked from another one.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// Called in each forked child.
pub(crate) fn count_fork() {
    FORKS.fetch_add(1, LocalOrdering::Relaxed);
}

/// Whether the last wait of this thread ended because a signal handler forked, and this is the child. What the thread
/// has published then belongs to the parent, which goes on waiting.
pub(super) fn is_forked() -> bool {
    FORKED.get()
}

/// Runs `act`, in which no wait of this thread runs a hook: for threads that are none of the runtime's.
pub fn without_hooks<T>(act: impl FnOnce() -> T) -> T {
    let before = HOOKLESS.replace(true);
    let result = act();
    HOOKLESS.set(before);
    result
}

/// What a language runtime has to do when one of its threads waits for a lock.
#[derive(Clone, Copy, Debug)]
pub struct WaitHooks {
    /// Called now and then; when it returns `true`, the wait ends with [`ErrorKind::Interrupted`].
    pub interrupted: fn() -> bool,
    /// Runs the sleep that it is given, after giving up what other threads need meanwhile, such as an interpreter lock.
    pub asleep: fn(&mut dyn FnMut()),
}

impl WaitHooks {
    /// Installs the hooks for this process. The first call counts.
    pub fn install(self) {
        let _ = HOOKS.set(self);
    }
}

/// What a thread's runtime may do while it waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Hooks {
    /// Run signal handlers, which may use the store, and give up what other threads of the runtime need.
    All,
    /// Only give that up: an operation is under way, which a handler must not meet.
    Asleep,
    /// Nothing: the runtime itself is in the middle of something.
    None,
}

/// A bound on the time that a lock may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wait {
    bound: Option<(Instant, Duration)>,
    hooks: Hooks,
}

impl Wait {
    /// Wait without bound.
    pub(crate) const FOREVER: Wait = Wait { bound: None, hooks: Hooks::All };

    /// Wait without bound, and run no signal handlers.
    pub(crate) const QUIET: Wait = Wait { bound: None, hooks: Hooks::Asleep };

    /// Wait for something brief, which is worth no hooks.
    pub(crate) const BRIEF: Wait = Wait { bound: None, hooks: Hooks::None };

    /// Give up after `timeout`; at once if it is zero. A timeout too long to be a point in time is no bound.
    pub(crate) fn at_most(timeout: Duration) -> Wait {
        Wait::FOREVER.within(timeout)
    }

    /// This wait, but for at most `timeout`.
    pub(crate) fn within(self, timeout: Duration) -> Wait {
        let now = Instant::now();
        Wait { bound: now.checked_add(timeout).map(|_| (now, timeout)), ..self }
    }

    /// Whether this is no wait at all: what is not available at once is given up.
    pub(crate) fn is_none(&self) -> bool {
        self.bound.is_some_and(|(_, timeout)| timeout.is_zero())
    }

    /// Fails if the time is over, or an interrupt came in.
    pub(crate) fn check(&self) -> Result<()> {
        if let Some((start, timeout)) = self.bound {
            let waited = start.elapsed();
            if waited >= timeout {
                return Err(Error::new(ErrorKind::LockTimeout).after(waited));
            }
        }
        if self.hooks == Hooks::All
            && let Some((end, timeout)) = DEADLINE.get()
            && Instant::now() >= end
        {
            return Err(Error::new(ErrorKind::LockTimeout).after(timeout));
        }
        if self.hooks == Hooks::All
            && let Some(limit) = LIMIT.get()
        {
            let waited = WAITING.get_or_init(Instant::now).elapsed();
            if waited >= *limit {
                return Err(Error::new(ErrorKind::LockTimeout).after(waited));
            }
        }
        if self.hooks == Hooks::All
            && !HOOKLESS.get()
            && let Some(hooks) = HOOKS.get()
        {
            let forks = FORKS.load(LocalOrdering::Relaxed);
            let interrupted = (hooks.interrupted)();
            FORKED.set(FORKS.load(LocalOrdering::Relaxed) != forks);
            if interrupted || FORKED.get() {
                return Err(Error::new(ErrorKind::Interrupted));
            }
        }
        Ok(())
    }

    /// Runs a sleep as the runtime wants it.
    pub(crate) fn asleep(sleep: &mut dyn FnMut()) {
        match HOOKS.get().filter(|_| !HOOKLESS.get()) {
            Some(hooks) => (hooks.asleep)(sleep),
            None => sleep(),
        }
    }

    /// Sleeps until `word` may have changed from `observed`. `before_sleeping` runs if spinning did not help.
    ///
    /// WAITERS is set by compare-and-swap on the exact value observed, so that a change in between is never
    /// slept through: a thread that changes the word sees either no WAITERS, and then the swap fails, or WAITERS, and
    /// then wakes the sleepers. `suspect` runs when no thread has woken this one for a while, so that it may be needed;
    /// its error counts if the word is still the same then.
    #[cold]
    pub(crate) fn sleep(
        &self,
        word: &AtomicU64,
        observed: u64,
        before_sleeping: impl FnOnce(),
        suspect: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        FORKED.set(false);
        if self.is_none() {
            return self.check();
        }
        if spin_while(word, observed) {
            return Ok(());
        }
        before_sleeping();
        let armed = observed | WAITERS;
        if armed != observed
            && word.compare_exchange(observed, armed, Ordering::Relaxed, Ordering::Relaxed).is_err()
        {
            return Ok(());
        }
        let slice = match self.bound {
            Some((start, timeout)) => timeout.saturating_sub(start.elapsed()).min(SLICE),
            None => SLICE,
        };
        let mut sleep = || futex_wait(word, armed, slice);
        match self.hooks {
            Hooks::None => sleep(),
            Hooks::All | Hooks::Asleep => Wait::asleep(&mut sleep),
        }
        if word.load(Ordering::Relaxed) == armed {
            // A word that looks strange may have been about to change: then it has changed.
            suspect()
                .or_else(|error| if word.load(Ordering::Relaxed) == armed { Err(error) } else { Ok(()) })?;
        }
        self.check()
    }
}
