//! What the kernel says of processes; see proc(5).

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicU64, Ordering};

/// When a process started, in clock ticks since boot, if it lives: fields 22 and 3 of its `stat`.
pub(super) fn start(pid: u64) -> Option<u64> {
    let (state, start) = stat(pid)?;
    // Ended, and not yet waited for by its parent.
    (!matches!(state, 'Z' | 'X')).then_some(start)
}

/// Whether a process is stopped, by a signal or a debugger.
pub(super) fn is_stopped(pid: u64) -> bool {
    stat(pid).is_some_and(|(state, _)| matches!(state, 'T' | 't'))
}

fn stat(pid: u64) -> Option<(char, u64)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.chars().next()?, fields.nth(18)?.parse().ok()?))
}

/// The inode of this process's PID namespace.
pub(super) fn namespace() -> u64 {
    fs::metadata("/proc/self/ns/pid").map_or(0, |found| found.ino())
}

/// A process, as it enters itself into stores.
#[derive(Clone, Copy)]
pub(super) struct Identity {
    pub(super) pid: u64,
    /// As [`start`] says; 0 if that cannot be known.
    pub(super) start: u64,
    pub(super) namespace: u64,
}

impl Identity {
    /// This process, of which the kernel is asked once: none of it changes while it runs.
    pub(super) fn own() -> Identity {
        // No lock, which a child might inherit locked. The pid is written last: where it is this process's, so is the rest.
        static PID: AtomicU64 = AtomicU64::new(0);
        static START: AtomicU64 = AtomicU64::new(0);
        static NAMESPACE: AtomicU64 = AtomicU64::new(0);
        let pid = std::process::id().into();
        if PID.load(Ordering::Acquire) != pid {
            START.store(start(pid).unwrap_or(0), Ordering::Relaxed);
            NAMESPACE.store(namespace(), Ordering::Relaxed);
            PID.store(pid, Ordering::Release);
        }
        let [start, namespace] = [&START, &NAMESPACE].map(|word| word.load(Ordering::Relaxed));
        Identity { pid, start, namespace }
    }
}
