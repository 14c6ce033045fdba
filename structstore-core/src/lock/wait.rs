//! For how long a thread is ready to wait, and what may interrupt it.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::WAITERS;
use crate::error::{BoxedResult as Result, Error};
use crate::sync::{AtomicU64, Ordering, futex_wait, spin};

/// The longest uninterrupted sleep: how soon an interrupt or a death is noticed.
pub(crate) const SLICE: Duration = Duration::from_millis(10);

/// How often a word is looked at before its reader goes to sleep.
const SPINS: usize = if cfg!(loom) { 0 } else { 100 };

static HOOKS: OnceLock<WaitHooks> = OnceLock::new();

/// What a language runtime has to do when one of its threads waits for a lock.
#[derive(Clone, Copy, Debug)]
pub struct WaitHooks {
    /// Called now and then; when it returns `true`, the wait ends with [`Error::Interrupted`].
    pub interrupted: fn() -> bool,
    /// Runs the sleep that it is given, after giving up what others need meanwhile, such as an interpreter lock.
    pub asleep: fn(&mut dyn FnMut()),
}

impl WaitHooks {
    /// Installs the hooks for this process. The first call counts.
    pub fn install(self) {
        let _ = HOOKS.set(self);
    }
}

/// A bound on the time that a lock may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wait {
    bound: Option<(Instant, Duration)>,
    /// For what is held for some microseconds only, and by threads that may have to go on for this one's runtime to
    /// go on: no hooks.
    brief: bool,
}

impl Wait {
    /// Wait without bound.
    pub(crate) const FOREVER: Wait = Wait { bound: None, brief: false };

    /// Wait without bound for something brief.
    pub(crate) const BRIEF: Wait = Wait { bound: None, brief: true };

    /// Give up after `timeout`; at once if it is zero. A timeout too long to be a point in time is none.
    pub(crate) fn at_most(timeout: Duration) -> Wait {
        let now = Instant::now();
        Wait { bound: now.checked_add(timeout).map(|_| (now, timeout)), brief: false }
    }

    /// Whether the time is over, or an interrupt came in.
    pub(crate) fn check(&self) -> Result<()> {
        if let Some((start, timeout)) = self.bound {
            let waited = start.elapsed();
            if waited >= timeout {
                return Err(Error::LockTimeout { path: String::new(), waited }.into());
            }
        }
        if !self.brief && HOOKS.get().is_some_and(|hooks| (hooks.interrupted)()) {
            return Err(Error::Interrupted.into());
        }
        Ok(())
    }

    /// Runs a sleep as the runtime wants it.
    pub(crate) fn asleep(sleep: &mut dyn FnMut()) {
        match HOOKS.get() {
            Some(hooks) => (hooks.asleep)(sleep),
            None => sleep(),
        }
    }

    /// Sleeps until `word` may have changed from `observed`. `before_sleeping` runs if spinning did not help.
    ///
    /// WAITERS is set by compare-and-swap on the exact value observed, so that a change in between is never
    /// slept through: whoever changes the word sees either no WAITERS, and then the swap fails, or WAITERS, and
    /// then wakes. `suspect` runs when nobody has woken this thread for a while, and so may come to be needed.
    #[cold]
    pub(crate) fn sleep(
        &self,
        word: &AtomicU64,
        observed: u64,
        before_sleeping: impl FnOnce(),
        suspect: impl FnOnce(),
    ) -> Result<()> {
        if self.bound.is_some_and(|(_, timeout)| timeout.is_zero()) {
            return self.check();
        }
        for _ in 0..SPINS {
            if word.load(Ordering::Relaxed) != observed {
                return Ok(());
            }
            spin();
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
        if self.brief {
            sleep()
        } else {
            Wait::asleep(&mut sleep)
        }
        if word.load(Ordering::Relaxed) == armed {
            suspect();
        }
        self.check()
    }
}
