//! What the kernel says of processes; see proc(5).

use std::fs;
use std::os::unix::fs::MetadataExt;

/// When a process started, in clock ticks since boot, if it lives: fields 22 and 3 of its `stat`.
pub(super) fn start(pid: u64) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    match fields.next()? {
        // Ended, and not yet waited for by its parent.
        "Z" | "X" => None,
        _ => fields.nth(18)?.parse().ok(),
    }
}

/// The inode of this process's PID namespace.
pub(super) fn namespace() -> u64 {
    fs::metadata("/proc/self/ns/pid").map_or(0, |found| found.ino())
}
