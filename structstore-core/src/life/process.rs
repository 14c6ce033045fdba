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

/// The version of this library, as it is in the records of participants.
pub(super) const LIBRARY: u64 = {
    const fn number(text: &str) -> u64 {
        match u64::from_str_radix(text, 10) {
            Ok(number) => number & 0xffff,
            Err(_) => 0,
        }
    }
    let (major, minor) = (number(env!("CARGO_PKG_VERSION_MAJOR")), number(env!("CARGO_PKG_VERSION_MINOR")));
    major << 32 | minor << 16 | number(env!("CARGO_PKG_VERSION_PATCH"))
};

/// A process, as it enters itself into stores.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Identity {
    pub(super) pid: u64,
    /// As [`start`] says; 0 if that cannot be known.
    pub(super) start: u64,
    pub(super) namespace: u64,
}

impl Identity {
    /// This process, of which the kernel is asked once: none of it changes while it runs.
    pub(super) fn own() -> Identity {
        OWN.get()
    }

    /// In a child: it is another process, even if it has the same pid, in a namespace of its own.
    pub(super) fn forget() {
        OWN.pid.store(0, Ordering::Relaxed);
    }
}

static OWN: Known = Known::new();

/// What is known of this process. It takes no lock, which a child might inherit locked.
struct Known {
    /// Written last: where it is this process's, so is the rest.
    pid: AtomicU64,
    start: AtomicU64,
    namespace: AtomicU64,
}

impl Known {
    const fn new() -> Known {
        Known { pid: AtomicU64::new(0), start: AtomicU64::new(0), namespace: AtomicU64::new(0) }
    }

    fn get(&self) -> Identity {
        let pid = std::process::id().into();
        if self.pid.load(Ordering::Acquire) == pid {
            let [start, namespace] = [&self.start, &self.namespace].map(|word| word.load(Ordering::Relaxed));
            return Identity { pid, start, namespace };
        }
        let own = Identity { pid, start: start(pid).unwrap_or(0), namespace: namespace() };
        // What could not be known, for want of descriptors perhaps, is asked for again.
        if own.start != 0 && own.namespace != 0 {
            self.start.store(own.start, Ordering::Relaxed);
            self.namespace.store(own.namespace, Ordering::Relaxed);
            self.pid.store(pid, Ordering::Release);
        }
        own
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_its_own_pid_alone() {
        let known = Known::new();
        let own = known.get();
        assert_eq!(Some(own.start), start(std::process::id().into()));
        assert_eq!(known.get(), own);
        // As a child finds it, of a parent with another pid.
        known.start.store(1, Ordering::Relaxed);
        known.pid.store(own.pid + 1, Ordering::Relaxed);
        assert_eq!(known.get(), own);
        // Asked once.
        known.start.store(1, Ordering::Relaxed);
        assert_eq!(known.get().start, 1);
    }
}
