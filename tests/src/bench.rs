//! What benchmarks share: another process, how long something took each time, and how many instructions.

use std::env;
use std::fmt;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The same program once more, with other arguments. It says so when it is [`ready`], and runs [`until_the_end`].
pub struct Other(Child);

impl Other {
    /// Starts it, and waits until it is ready.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn start(arguments: &[&str]) -> Other {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut String::new()).unwrap();
        Other(child)
    }

    /// Ends it. What it has to say.
    ///
    /// # Panics
    ///
    /// If it cannot be read.
    pub fn end(mut self) -> String {
        drop(self.0.stdin.take());
        let mut said = String::new();
        BufReader::new(self.0.stdout.take().unwrap()).read_line(&mut said).unwrap();
        self.0.wait().unwrap();
        said.trim().to_owned()
    }

    /// Stops it where it is, until it is woken.
    pub fn freeze(&self) {
        self.signal(libc::SIGSTOP);
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal(libc::SIGCONT);
    }

    fn signal(&self, signal: i32) {
        // SAFETY: it is a child that was not waited for, so the id is still its own.
        unsafe { libc::kill(self.0.id() as i32, signal) };
    }

    /// How much processor time it has taken.
    ///
    /// # Panics
    ///
    /// If it has ended.
    pub fn processor_time(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        // SAFETY: it only asks.
        let ticks = unsafe { libc::sysconf(libc::_SC_CLK_TCK) } as u64;
        let spent: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        Duration::from_secs_f64(spent as f64 / ticks as f64)
    }
}

/// Says so to the process that has started this one.
pub fn ready() {
    println!("ready");
    let _ = io::stdout().flush();
}

/// Whether the process that has started this one wants it to end.
pub fn until_the_end() -> impl FnMut() -> bool {
    let waiting = thread::spawn(|| io::stdin().read_line(&mut String::new()));
    move || waiting.is_finished()
}

/// How many instructions the same program takes with other arguments in what is [`counted`]; nothing without valgrind.
pub fn instructions(arguments: &[&str]) -> Option<u64> {
    let mut callgrind = Command::new("valgrind");
    callgrind.args([
        "--tool=callgrind",
        "--callgrind-out-file=/dev/null",
        "--toggle-collect=*bench*counted*",
    ]);
    let output = callgrind.arg(env::current_exe().ok()?).args(arguments).output().ok()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let collected = said.lines().find_map(|line| line.split_once("Collected :"))?.1;
    collected.trim().parse().ok()
}

/// Does something whose [`instructions`] are counted.
#[inline(never)]
pub fn counted<T>(work: impl FnOnce() -> T) -> T {
    std::hint::black_box(work())
}

/// How long something took each time, the shortest first.
pub struct Times(Vec<Duration>);

impl Times {
    /// Does something once in a period, for some time.
    pub fn of(time: Duration, period: Duration, mut act: impl FnMut()) -> Times {
        let mut times = Vec::new();
        let start = Instant::now();
        let mut next = start;
        while start.elapsed() < time {
            let before = Instant::now();
            act();
            times.push(before.elapsed());
            next += period;
            thread::sleep(next.saturating_duration_since(Instant::now()));
        }
        Times::sorted(times)
    }

    /// Of what was measured otherwise.
    pub fn sorted(mut times: Vec<Duration>) -> Times {
        times.sort_unstable();
        Times(times)
    }
}

/// The median, and what one in a hundred and one in a thousand took, in columns.
impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |part: f64| self.0.get((self.0.len() as f64 * part) as usize).copied().unwrap_or_default();
        for part in [0.5, 0.99, 0.999] {
            write!(f, " {:>7.2} us", at(part).as_secs_f64() * 1e6)?;
        }
        Ok(())
    }
}
