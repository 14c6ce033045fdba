//! Limits of what is under test: a test ends whatever becomes of that, and does not fail because others have the processors.
//!
//! - What may go on without end is given processor time, of which a busy machine takes nothing away: a process dies of
//!   SIGXCPU when it has used that up ([`limit`]).
//! - What sleeps for ever uses none. It is given time on the clock, [`STUCK`], so much more than anything sound takes that
//!   only what is stuck comes there: a process dies of SIGALRM then, and a test that waits for something fails.
//! - No test has a process tried again, and none expects anything to have happened earlier.

use std::time::Duration;

/// How long a test waits for what must happen.
pub const STUCK: Duration = Duration::from_secs(300);
/// How much processor time a process has, in seconds.
const SECONDS: u64 = 5;
/// How much memory of its own a process may have: 512 MiB. What it maps of a segment does not count.
const MEMORY: libc::rlim_t = 512 << 20;

/// Limits this process, and what it becomes, to some seconds of processor time from now on, to [`STUCK`] on the clock, and in
/// memory. Does no more than may be done between fork and exec.
pub fn limit() {
    limit_to(SECONDS, STUCK);
    // SAFETY: limits of this process alone; the values are plain data.
    unsafe {
        let memory = libc::rlimit { rlim_cur: MEMORY, rlim_max: MEMORY };
        libc::setrlimit(libc::RLIMIT_DATA, &raw const memory);
    }
}

fn limit_to(seconds: u64, clock: Duration) {
    // SAFETY: limits of this process alone; the values are plain data.
    unsafe {
        let mut used: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &raw mut used);
        let used = (used.ru_utime.tv_sec + used.ru_stime.tv_sec) as u64;
        let mut time = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        libc::getrlimit(libc::RLIMIT_CPU, &raw mut time);
        time.rlim_cur = (used + seconds).min(time.rlim_max);
        libc::setrlimit(libc::RLIMIT_CPU, &raw const time);
        libc::alarm(clock.as_secs() as libc::c_uint);
        let core = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        libc::setrlimit(libc::RLIMIT_CORE, &raw const core);
    }
}

/// Gives signals that a shell has its background jobs ignore, or `nohup` a command, their default dispositions, which a
/// process under test would otherwise inherit. Does no more than may be done between fork and exec.
pub fn restore_signals() {
    for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGPIPE] {
        // SAFETY: the default disposition runs no code of this process.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    use std::process::Command;

    use super::*;

    fn signal_of(script: &str, seconds: u64, clock: u64) -> Option<i32> {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        // SAFETY: it does what may be done between fork and exec.
        unsafe {
            command.pre_exec(move || {
                limit_to(seconds, Duration::from_secs(clock));
                Ok(())
            });
        }
        command.status().unwrap().signal()
    }

    #[test]
    fn what_goes_on_without_end_uses_up_its_processor_time() {
        assert_eq!(signal_of("while :; do :; done", 1, 300), Some(libc::SIGXCPU));
    }

    #[test]
    fn what_sleeps_for_ever_uses_up_its_time_on_the_clock() {
        assert_eq!(signal_of("exec sleep 1000", 300, 1), Some(libc::SIGALRM));
    }
}
