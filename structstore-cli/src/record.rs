//! `record`: a store over time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use structstore_record::{BlackBox, Error, Options, Recording, Status};

use crate::arguments::{Name, Record};
use crate::failure::{Failure, Result};
use crate::output::Output;
use crate::signals::Caught;
use crate::text::{bytes, line, plural};

/// How often to look whether it is over.
const TICK: Duration = Duration::from_millis(50);

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        match error {
            Error::Store(error) => error.into(),
            Error::File { file, source } => {
                Failure::File { action: "use", place: line(&file.display().to_string()), source }
            }
            Error::NotRecorded(_) => Failure::Missing { what: line(&error.to_string()), near: None },
            other => Failure::Other(line(&other.to_string())),
        }
    }
}

/// What signals have asked for.
pub(crate) struct Signals(Arc<Flags>);

#[derive(Default)]
struct Flags {
    over: AtomicBool,
    asked: AtomicBool,
}

impl Signals {
    pub(crate) fn catch() -> Result<Signals> {
        let mut signals = Caught::new(true).map_err(Failure::file("catch", "signals"))?;
        let flags = Arc::new(Flags::default());
        let seen = Arc::clone(&flags);
        let wait = move || {
            loop {
                match signals.next() {
                    Ok(Some(Signal::SIGUSR1)) => seen.asked.store(true, Ordering::SeqCst),
                    Err(_)
                    | Ok(Some(Signal::SIGHUP | Signal::SIGINT | Signal::SIGQUIT | Signal::SIGTERM)) => {
                        break;
                    }
                    Ok(_) => {}
                }
            }
            seen.over.store(true, Ordering::SeqCst);
        };
        thread::Builder::new().spawn(wait).map_err(Failure::file("start", "a thread"))?;
        Ok(Signals(flags))
    }

    /// Whether one has come that ends this process.
    pub(crate) fn is_over(&self) -> bool {
        self.0.over.load(Ordering::SeqCst)
    }

    /// Whether SIGUSR1 has come since this was called before.
    pub(crate) fn was_asked(&self) -> bool {
        self.0.asked.swap(false, Ordering::SeqCst)
    }
}

pub(crate) fn record(options: &Record, output: &mut Output) -> Result<u8> {
    if let Some(file) = &options.repair {
        let repaired = structstore_record::repair(file)?;
        let shown = line(&file.display().to_string());
        output.print(&format!("{shown}: {}\n", plural(repaired.messages, "message")));
        if let Some(original) = repaired.original {
            let (chunks, were) =
                (plural(repaired.chunks, "chunk"), if repaired.chunks == 1 { "was" } else { "were" });
            let (size, original) = (bytes(repaired.bytes), line(&original.display().to_string()));
            output.print(&format!(
                "{chunks} that could not be read {were} left out ({size}); the original is {original}\n"
            ));
        }
        return Ok(0);
    }
    let (Some(name), Some(file)) = (&options.name, &options.output) else {
        return Err(Failure::Usage("a store and a file are needed".to_owned()));
    };
    let name = Name { name: name.clone(), file: options.file, any_owner: options.any_owner };
    let store = name.observe_for_long()?;
    let streams = options.streams.clone();
    let mut recorded = Options::new().rate(options.rate).streams(streams).arrays(options.arrays);
    if !options.paths.is_empty() {
        recorded = recorded.paths(options.paths.iter().cloned());
    }
    if let Some(split) = options.split {
        recorded = recorded.split(split);
    }
    let black_box = black_box(options);
    if let Some(black_box) = black_box.clone() {
        recorded = recorded.black_box(black_box);
    }
    let signals = Signals::catch()?;
    let begun = Instant::now();
    let mut recording = Recording::start(&store, &name.shown(), file, recorded)?;
    let is_over = || options.duration.is_some_and(|duration| begun.elapsed() >= duration);
    let mut told = 0;
    while recording.is_running() && !signals.is_over() && !is_over() {
        if signals.was_asked() {
            // The recording goes on.
            if let Err(error) = recording.save("SIGUSR1") {
                output.print(&format!("{}\n", line(&error.to_string())));
                output.finish()?;
            }
        }
        if black_box.is_some() {
            tell(&recording, &mut told, output)?;
        }
        thread::sleep(TICK);
    }
    let Status { messages, bytes: size, missed, delayed, .. } = recording.stop()?;
    if black_box.is_some() {
        tell(&recording, &mut told, output)?;
    }
    output.print(&format!("{}, {} before compression", plural(messages, "message"), bytes(size)));
    if missed > 0 {
        output.print(&format!(", {} missed", plural(missed, "sample")));
    }
    if delayed > 0 {
        output.print(&format!(", {} delayed", plural(delayed, "look")));
    }
    output.print("\n");
    Ok(0)
}

/// What is kept in memory until something happens, if that is asked for.
fn black_box(options: &Record) -> Option<BlackBox> {
    let Record { last, after, memory, when, .. } = options;
    let is_wanted = last.is_some() || after.is_some() || memory.is_some() || when.is_some();
    let mut black_box = is_wanted.then(BlackBox::new)?;
    if let Some(last) = last {
        black_box = black_box.last(*last);
    }
    if let Some(after) = after {
        black_box = black_box.after(*after);
    }
    if let Some(memory) = memory {
        black_box = black_box.memory(*memory);
    }
    if let Some(when) = when {
        black_box = black_box.when(when.clone());
    }
    Some(black_box)
}

/// Names the files that were begun since it was called before.
fn tell(recording: &Recording, told: &mut usize, output: &mut Output) -> Result<()> {
    let files = recording.files();
    for file in files.iter().skip(*told) {
        output.print(&format!("{}\n", line(&file.display().to_string())));
        output.finish()?;
    }
    *told = files.len();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::MISSING;

    #[test]
    fn what_is_not_recorded_is_missing() {
        let failure = Failure::from(Error::NotRecorded("arm.angle".parse().unwrap()));
        assert_eq!(failure.status(), MISSING);
        assert_eq!(failure.to_string(), "arm.angle: not in this recording");
    }
}
