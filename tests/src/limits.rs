//! Limits of the code under test: every test ends, and no test fails because other programs use the processors.
//!
//! - A process under test gets processor time, which a busy machine does not reduce. A process that loops without end dies of SIGXCPU
//!   when it has used that up ([`limit`]).
//! - A process that sleeps for ever uses no processor time. It gets time on the clock, [`STUCK`], far more than a sound process needs.
//!   After that a process dies of SIGALRM, and a test that waits fails.
//! - No test runs a process again after a failure, and no test requires that an event happens within a shorter time.

use std::time::Duration;

/// How long a test waits for an event that must happen.
pub const STUCK: Duration = Duration::from_secs(300);
/// The processor time of a process, in seconds.
const SECONDS: u64 = 5;
/// The private memory of a process: 512 MiB. Mapped segments do not count.
const MEMORY: libc::rlim_t = 512 << 20;

/// Limits this process, also after exec, to some seconds of processor time from now on, to [`STUCK`] on the clock, and in memory.
/// It makes only calls that are allowed between fork and exec.
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

/// Restores the default dispositions of signals that a shell ignores in background jobs, or `nohup` in a command: a process under
/// test would inherit that. It makes only calls that are allowed between fork and exec.
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
        // SAFETY: the closure makes only calls that are allowed between fork and exec.
        unsafe {
            command.pre_exec(move || {
                limit_to(seconds, Duration::from_secs(clock));
                Ok(())
            });
        }
        command.status().unwrap().signal()
    }

    #[test]
    fn endless_loop_dies_of_the_cpu_limit() {
        assert_eq!(signal_of("while :; do :; done", 1, 300), Some(libc::SIGXCPU));
    }

    #[test]
    fn endless_sleep_dies_of_the_clock_limit() {
        assert_eq!(signal_of("exec sleep 1000", 300, 1), Some(libc::SIGALRM));
    }
}
