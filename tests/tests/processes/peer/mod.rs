//! The other process of a test.
#![allow(dead_code, reason = "each test that includes this needs a part of it")]

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use structstore_tests::SegmentName;
use structstore_tests::limits::STUCK;

/// How long anything here may take before it counts as stuck.
pub(crate) const LIMIT: Duration = STUCK;

/// A process that is ended with the test, whatever becomes of it.
pub(crate) struct Peer(Child);

impl Peer {
    /// Starts the helper program on a segment, with what it is to do.
    pub(crate) fn start(name: &SegmentName, arguments: &[&str]) -> Peer {
        let mut command = Command::new(env!("CARGO_BIN_EXE_peer"));
        Peer::spawn(command.arg(name.as_str()).args(arguments))
    }

    /// Starts any program, with pipes to it.
    pub(crate) fn spawn(command: &mut Command) -> Peer {
        Peer(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap())
    }

    /// Waits for the line that says that the peer is where it should be.
    pub(crate) fn ready(mut self) -> Peer {
        let mut line = String::new();
        BufReader::new(self.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "the peer ended early");
        self
    }

    /// Writes a line to it.
    pub(crate) fn tell(&self, line: &str) {
        writeln!(self.0.stdin.as_ref().unwrap(), "{line}").unwrap();
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Kills it, without any chance to clean up, and returns at once.
    pub(crate) fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Whether it ends well, of its own accord.
    pub(crate) fn succeeds(mut self) -> bool {
        drop(self.0.stdin.take());
        self.0.wait().unwrap().success()
    }

    /// Lets it end, and waits for it to do so.
    pub(crate) fn finish(mut self) {
        drop(self.0.stdin.take());
        let start = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                assert!(status.success(), "the peer failed: {status}");
                return;
            }
            assert!(start.elapsed() < LIMIT, "the peer is stuck");
            thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
