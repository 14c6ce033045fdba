//! The command under test, bounded in time.
#![allow(dead_code, reason = "each test that includes this needs a part of it")]

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use structstore_tests::limits;

/// How long anything here may take before it counts as stuck.
pub(crate) const LIMIT: Duration = limits::STUCK;

/// What the command did.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) status: ExitStatus,
    pub(crate) out: Vec<u8>,
    pub(crate) err: String,
}

impl Outcome {
    pub(crate) fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| 128 + self.status.signal().unwrap_or(0))
    }

    /// The output of a command that did what it should, and had nothing to complain about.
    pub(crate) fn text(self) -> String {
        assert_eq!((self.code(), self.err.as_str()), (0, ""), "{}", String::from_utf8_lossy(&self.out));
        String::from_utf8(self.out).unwrap()
    }

    pub(crate) fn json(self) -> Value {
        serde_json::from_str(&self.text()).unwrap()
    }

    /// What a command does in no case: ends otherwise than with a status that it documents, or panics.
    pub(crate) fn fault(&self) -> Option<String> {
        let documented = self.status.code().is_some_and(|code| (0..=5).contains(&code));
        (!documented || self.err.contains("panicked")).then(|| format!("{}: {}", self.status, self.err))
    }

    /// The complaint of a command that ended with this status.
    pub(crate) fn complaint(self, code: i32) -> String {
        assert_eq!(self.code(), code, "{self:?}");
        assert!(self.err.starts_with("structstore: ") || self.err.starts_with("error: "), "{}", self.err);
        self.err
    }
}

/// The command, in an environment in which nothing changes what it does.
pub(crate) fn command<A: AsRef<OsStr>>(arguments: &[A]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_structstore"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(variable);
    }
    // SAFETY: it does what may be done between fork and exec.
    unsafe {
        command.pre_exec(|| {
            limits::restore_signals();
            Ok(())
        });
    }
    command
}

/// The same under limits of time and memory, which end it by a signal.
pub(crate) fn limited<A: AsRef<OsStr>>(arguments: &[A]) -> Command {
    let mut command = command(arguments);
    // SAFETY: it does what may be done between fork and exec.
    unsafe {
        command.pre_exec(|| {
            limits::limit();
            Ok(())
        });
    }
    command
}

/// Runs it to its end.
pub(crate) fn structstore<A: AsRef<OsStr>>(arguments: &[A]) -> Outcome {
    finish(command(arguments).spawn().unwrap())
}

/// Runs it with something to read.
pub(crate) fn structstore_reading<A: AsRef<OsStr>>(arguments: &[A], input: &[u8]) -> Outcome {
    finish_reading(command(arguments), input)
}

/// The same for a command that was prepared otherwise.
pub(crate) fn finish_reading(mut command: Command, input: &[u8]) -> Outcome {
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    finish(child)
}

/// Waits for a command, which is killed if it does not end.
pub(crate) fn finish(mut child: Child) -> Outcome {
    fn reader(source: Option<impl Read + Send + 'static>) -> thread::JoinHandle<Vec<u8>> {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = source.map(|mut source| source.read_to_end(&mut bytes));
            bytes
        })
    }
    let (out, err) = (reader(child.stdout.take()), reader(child.stderr.take()));
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if start.elapsed() > LIMIT {
            child.kill().unwrap();
            panic!("the command is stuck");
        }
        thread::sleep(Duration::from_millis(1));
    };
    let err = String::from_utf8(err.join().unwrap()).unwrap();
    Outcome { status, out: out.join().unwrap(), err }
}

/// Tries something until it is true.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < LIMIT, "not in time: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}
