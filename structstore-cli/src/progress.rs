//! A bar that shows how far something long has got: on a terminal, and only if it is long.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::text;

/// How long something takes before it counts as long.
const PATIENCE: Duration = Duration::from_millis(500);
const PAUSE: Duration = Duration::from_millis(100);
const WIDTH: usize = 30;

pub(crate) struct Progress {
    what: &'static str,
    done: u64,
    /// 0 if it is not known.
    total: u64,
    next: Option<Instant>,
    shown: bool,
}

impl Progress {
    pub(crate) fn new(what: &'static str, total: u64) -> Progress {
        let next = io::stderr().is_terminal().then(|| Instant::now() + PATIENCE);
        Progress { what, done: 0, total, next, shown: false }
    }

    pub(crate) fn advance(&mut self, bytes: u64) {
        self.done += bytes;
        let now = Instant::now();
        if self.next.is_some_and(|next| now >= next) {
            self.next = Some(now + PAUSE);
            self.shown = true;
            let _ = write!(io::stderr(), "\r{}\u{1b}[K", self.line());
        }
    }

    fn line(&self) -> String {
        let done = text::bytes(self.done);
        if self.total == 0 {
            return format!("{} {done}", self.what);
        }
        let part = (self.done as f64 / self.total as f64).min(1.0);
        let filled = (part * WIDTH as f64) as usize;
        let bar = "#".repeat(filled) + &".".repeat(WIDTH - filled);
        format!("{} [{bar}] {:3.0} % of {}", self.what, part * 100.0, text::bytes(self.total))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(io::stderr(), "\r\u{1b}[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_fills_up() {
        let mut progress = Progress { what: "reading", done: 0, total: 2048, next: None, shown: false };
        progress.advance(1024);
        assert_eq!(progress.line(), "reading [###############...............]  50 % of 2 KiB");
        progress.advance(9000);
        assert!(progress.line().contains("100 %"));
        progress.total = 0;
        assert_eq!(progress.line(), "reading 9.8 KiB");
    }
}
