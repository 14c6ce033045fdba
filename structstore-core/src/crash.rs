//! Crash points: under the feature `crash-points`, every store to shared memory is a place at which a process can be
//! made to die, so that a test can try them all.

use std::sync::atomic::{AtomicU64 as Word, Ordering};

/// How many stores are still to be made before the process dies; 0 if it is to live.
static LEFT: Word = Word::new(0);
/// How many stores were made.
static MADE: Word = Word::new(0);

/// Lets this process die by SIGKILL in place of its `count`-th store to shared memory from now on.
pub fn arm(count: u64) {
    LEFT.store(count, Ordering::Relaxed);
}

/// Takes [`arm`] back.
pub fn disarm() {
    LEFT.store(0, Ordering::Relaxed);
}

/// How many stores to shared memory this process has made.
pub fn stores() -> u64 {
    MADE.load(Ordering::Relaxed)
}

/// Stands before each store.
pub(crate) fn step() {
    MADE.fetch_add(1, Ordering::Relaxed);
    if LEFT.load(Ordering::Relaxed) != 0 && LEFT.fetch_sub(1, Ordering::Relaxed) == 1 {
        // SAFETY: no memory is passed.
        unsafe {
            libc::kill(libc::getpid(), libc::SIGKILL);
            // The signal is delivered before `kill` returns, if not to this thread, then to the process.
            loop {
                libc::pause();
            }
        }
    }
}

/// A word of shared memory.
#[repr(transparent)]
pub(crate) struct AtomicU64(Word);

macro_rules! updates {
    ($($name:ident),*) => {$(
        #[inline]
        pub(crate) fn $name(&self, value: u64, order: Ordering) -> u64 {
            step();
            self.0.$name(value, order)
        }
    )*};
}

impl AtomicU64 {
    pub(crate) const fn new(value: u64) -> AtomicU64 {
        AtomicU64(Word::new(value))
    }

    #[inline]
    pub(crate) fn load(&self, order: Ordering) -> u64 {
        self.0.load(order)
    }

    #[inline]
    pub(crate) fn store(&self, value: u64, order: Ordering) {
        step();
        self.0.store(value, order);
    }

    updates!(swap, fetch_add, fetch_or, fetch_and, fetch_max);

    #[inline]
    pub(crate) fn compare_exchange(
        &self,
        current: u64,
        new: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64> {
        step();
        self.0.compare_exchange(current, new, success, failure)
    }

    #[inline]
    pub(crate) fn compare_exchange_weak(
        &self,
        current: u64,
        new: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64> {
        self.compare_exchange(current, new, success, failure)
    }

    #[inline]
    pub(crate) fn as_ptr(&self) -> *mut u64 {
        self.0.as_ptr()
    }
}
