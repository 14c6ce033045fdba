//! The one source of atomics, fences and futexes, so that loom can stand in for them.
//!
//! Shared memory is read and written through these types only. Under `--cfg loom` the words are loom's and a
//! futex is a condition variable; in every other build they are the standard library's and the kernel's.

#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{Ordering, fence};

#[cfg(not(any(loom, feature = "crash-points")))]
pub(crate) use std::sync::atomic::AtomicU64;

#[cfg(all(not(loom), feature = "crash-points"))]
pub(crate) use crate::crash::{AtomicU64, step};

#[cfg(loom)]
pub(crate) use {
    loom::sync::atomic::{Ordering, fence},
    model::{AtomicU64, mortal},
};

use std::time::Duration;

#[cfg(not(all(target_os = "linux", target_endian = "little", target_pointer_width = "64")))]
compile_error!(
    "structstore supports 64-bit little-endian Linux only: it needs futexes, fallocate and OFD locks"
);

/// Locks a table of this process. The standard library's mutex, for tables that are held across a fork: a child may unlock
/// its copy, which is a word and nothing else. One that a panicking thread has left is whole: nothing in the core runs code of
/// users while it holds one.
#[cfg(not(loom))]
pub(crate) fn lock<T: ?Sized>(table: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    table.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Sleeps while the low half of `word` equals the low half of `expected`, until woken or `timeout` has passed.
///
/// May return at any time for any reason; the caller looks at the word again.
#[cfg(not(loom))]
pub(crate) fn futex_wait(word: &AtomicU64, expected: u64, timeout: Duration) {
    let timeout = libc::timespec { tv_sec: timeout.as_secs() as _, tv_nsec: timeout.subsec_nanos().into() };
    // SAFETY: the low half of a little-endian u64 is at its address; the word outlives the call, which only
    // reads it. The timeout is a valid timespec. FUTEX_WAIT has no other obligations.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT,
            expected as u32,
            &raw const timeout,
            std::ptr::null::<u32>(),
            0u32,
        );
    }
}

/// As [`futex_wait`], for any of several words; for the first ones, if there are more than the kernel takes. A kernel older than 5.16 cannot:
/// then it sleeps for a moment.
#[cfg(not(loom))]
pub(crate) fn futex_wait_any(words: &[(&AtomicU64, u64)], timeout: Duration) {
    /// `struct futex_waitv` of `linux/futex.h`.
    #[repr(C)]
    struct Waiter {
        value: u64,
        address: u64,
        flags: u32,
        reserved: u32,
    }
    /// FUTEX2_SIZE_U32.
    const SIZE: u32 = 2;
    /// FUTEX_WAITV_MAX.
    const MOST: usize = 128;
    let waiter = |(word, expected): &(&AtomicU64, u64)| Waiter {
        value: u64::from(*expected as u32),
        address: word.as_ptr() as u64,
        flags: SIZE,
        reserved: 0,
    };
    let waiters: Vec<Waiter> = words.iter().take(MOST).map(waiter).collect();
    let mut until = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a valid place for the result.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut until) };
    let nanoseconds = i64::from(timeout.subsec_nanos()).saturating_add(until.tv_nsec);
    until.tv_sec =
        until.tv_sec.saturating_add(timeout.as_secs() as i64).saturating_add(nanoseconds / 1_000_000_000);
    until.tv_nsec = nanoseconds % 1_000_000_000;
    // SAFETY: as many valid waiters as said, whose words outlive the call, which only reads them; the time is valid.
    let failed = unsafe {
        libc::syscall(
            libc::SYS_futex_waitv,
            waiters.as_ptr(),
            waiters.len() as u32,
            0u32,
            &raw const until,
            libc::CLOCK_MONOTONIC,
        )
    };
    if failed == -1 && std::io::Error::last_os_error().raw_os_error() == Some(libc::ENOSYS) {
        std::thread::sleep(timeout.min(Duration::from_millis(1)));
    }
}

/// A SeqCst fence right behind a read-modify-write operation of this thread.
///
/// On x86-64 every locked instruction orders all loads and stores around it (Intel SDM, volume 3, section 9.2.3.9), so
/// that only the compiler has to be kept from moving anything; a second barrier would cost as much as the first.
#[inline]
pub(crate) fn fence_after_update() {
    #[cfg(all(target_arch = "x86_64", not(loom)))]
    std::sync::atomic::compiler_fence(Ordering::SeqCst);
    #[cfg(any(not(target_arch = "x86_64"), loom))]
    fence(Ordering::SeqCst);
}

/// A SeqCst fence between an Acquire load and a load behind it, where the memory model needs one.
///
/// It is needed for three threads: this one has seen the first one's store, loads the old value of another word, and the third
/// one, which stores to that word and fences, has to see the first one's store as well. Where a store becomes visible to all
/// other processors at once (x86-64, and ARM since v8), it does so without: what this thread's first load saw is in memory
/// before its second load, and that is before the third one's store.
#[inline(always)]
pub(crate) fn fence_between_loads() {
    #[cfg(not(any(
        all(loom, multi_copy),
        all(not(loom), any(target_arch = "x86_64", target_arch = "aarch64"))
    )))]
    fence(Ordering::SeqCst);
}

/// Wakes everyone who sleeps on the low half of `word`.
#[cfg(not(loom))]
#[cold]
pub(crate) fn futex_wake(word: &AtomicU64) {
    wake(word, i32::MAX);
}

/// Wakes one of those who sleep on the low half of `word`. Returns how many there were: one, or none.
#[cfg(not(loom))]
#[cold]
pub(crate) fn futex_wake_one(word: &AtomicU64) -> i64 {
    wake(word, 1)
}

#[cfg(not(loom))]
fn wake(word: &AtomicU64, most: i32) -> i64 {
    // SAFETY: FUTEX_WAKE uses the address as a key and neither reads nor writes there.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, most) }
}

/// Stands before a store to shared memory that is not one of a word; see `crash.rs`.
#[cfg(not(any(loom, feature = "crash-points")))]
#[inline(always)]
pub(crate) fn step() {}

/// A hint to the processor that this thread will soon want what lies here; nothing where Rust has no such hint.
#[cfg(not(loom))]
#[inline(always)]
pub(crate) fn prefetch<T>(place: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: prefetching faults nowhere and changes nothing; every x86-64 has the instruction.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(
            std::ptr::from_ref(place).cast(),
        );
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}

/// A hint to the processor that this thread spins.
#[cfg(not(loom))]
pub(crate) fn spin() {
    std::hint::spin_loop();
}

#[cfg(loom)]
pub(crate) use model::{futex_wait, futex_wake, futex_wake_one, spin};

#[cfg(loom)]
mod model {
    use std::cell::Cell;
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

    use loom::sync::atomic::AtomicU64 as Word;
    use loom::sync::{Condvar, Mutex};

    use super::*;

    loom::lazy_static! {
        /// How many threads sleep.
        static ref SLEEPERS: (Mutex<usize>, Condvar) = (Mutex::new(0), Condvar::new());
    }

    loom::thread_local! {
        /// How many stores the thread has left to live, if it is to die; 0 when it is dead.
        static LEFT: Cell<Option<u64>> = Cell::new(None);
    }

    struct Died;

    /// Runs something that dies in place of its `death`-th store, or when it falls asleep instead. Says whether it lived
    /// on.
    pub(crate) fn mortal(death: u64, run: impl FnOnce()) -> bool {
        LEFT.with(|left| left.set(Some(death)));
        let lived = catch_unwind(AssertUnwindSafe(run)).map_err(|cause| match cause.downcast::<Died>() {
            Ok(_) => {}
            Err(other) => resume_unwind(other),
        });
        LEFT.with(|left| left.set(None));
        lived.is_ok()
    }

    /// Stands before each store. `false` if the thread is dead: what it does as it unwinds never happened.
    fn step() -> bool {
        match LEFT.with(Cell::get) {
            None => true,
            Some(0) => false,
            Some(left) => {
                LEFT.with(|cell| cell.set(Some(left - 1)));
                if left == 1 {
                    resume_unwind(Box::new(Died));
                }
                true
            }
        }
    }

    /// A word whose stores can be a thread's last.
    pub(crate) struct AtomicU64(Word);

    macro_rules! updates {
        ($($name:ident),*) => {$(
            pub(crate) fn $name(&self, value: u64, order: Ordering) -> u64 {
                if step() { self.0.$name(value, order) } else { self.0.load(Ordering::Relaxed) }
            }
        )*};
    }

    impl AtomicU64 {
        pub(crate) fn new(value: u64) -> AtomicU64 {
            AtomicU64(Word::new(value))
        }

        pub(crate) fn load(&self, order: Ordering) -> u64 {
            self.0.load(order)
        }

        pub(crate) fn store(&self, value: u64, order: Ordering) {
            if step() {
                self.0.store(value, order);
            }
        }

        updates!(swap, fetch_add, fetch_or, fetch_and);

        pub(crate) fn compare_exchange(
            &self,
            current: u64,
            new: u64,
            success: Ordering,
            failure: Ordering,
        ) -> Result<u64, u64> {
            if step() { self.0.compare_exchange(current, new, success, failure) } else { Err(current) }
        }

        pub(crate) fn compare_exchange_weak(
            &self,
            current: u64,
            new: u64,
            success: Ordering,
            failure: Ordering,
        ) -> Result<u64, u64> {
            if step() { self.0.compare_exchange_weak(current, new, success, failure) } else { Err(current) }
        }
    }

    /// The kernel compares and sleeps in one step with respect to wakers; the mutex models that step.
    pub(crate) fn futex_wait(word: &AtomicU64, expected: u64, _timeout: Duration) {
        // Who is to die may do so asleep.
        step();
        let mut asleep = SLEEPERS.0.lock().unwrap();
        if word.load(Ordering::Relaxed) as u32 == expected as u32 {
            *asleep += 1;
            drop(SLEEPERS.1.wait(asleep).unwrap());
        }
    }

    pub(crate) fn futex_wake(_word: &AtomicU64) {
        let mut asleep = SLEEPERS.0.lock().unwrap();
        *asleep = 0;
        SLEEPERS.1.notify_all();
    }

    /// For models in which all sleepers sleep on the same word. A wake is a step at which a thread may die as well.
    pub(crate) fn futex_wake_one(_word: &AtomicU64) -> i64 {
        if !step() {
            return 0;
        }
        let mut asleep = SLEEPERS.0.lock().unwrap();
        let woken = (*asleep).min(1);
        *asleep -= woken;
        SLEEPERS.1.notify_one();
        woken as i64
    }

    pub(crate) fn spin() {
        loom::thread::yield_now();
    }
}
