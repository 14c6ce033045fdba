//! `record`, `replay` and `info`: recordings.

use std::ffi::OsString;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::json;
use structstore::{Cleanup, StructStoreShared};
use structstore_record::{Error, Options, Playing, Recording, Run, Source, Status};

use crate::arguments::{Info, Name, Record, Replay};
use crate::failure::{Failure, Result};
use crate::output::{FAINT, HEADING, NAME, NUMBER, Output, PLAIN, Table};
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
            other => Failure::Other(line(&other.to_string())),
        }
    }
}

/// Whether a signal has come that ends this process.
fn interruption() -> Result<Arc<AtomicBool>> {
    let mut signals = Caught::new(true).map_err(Failure::file("catch", "signals"))?;
    let interrupted = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&interrupted);
    let wait = move || {
        while !matches!(
            signals.next(),
            Err(_) | Ok(Some(Signal::SIGHUP | Signal::SIGINT | Signal::SIGQUIT | Signal::SIGTERM))
        ) {}
        seen.store(true, Ordering::SeqCst);
    };
    thread::Builder::new().spawn(wait).map_err(Failure::file("start", "a thread"))?;
    Ok(interrupted)
}

pub(crate) fn record(options: &Record, output: &mut Output) -> Result<u8> {
    if let Some(file) = &options.repair {
        let messages = structstore_record::repair(file)?;
        output.print(&format!("{}: {}\n", line(&file.display().to_string()), plural(messages, "message")));
        return Ok(0);
    }
    let (Some(name), Some(file)) = (&options.name, &options.output) else {
        return Err(Failure::Usage("a store and a file are needed".to_owned()));
    };
    let name = Name { name: name.clone(), file: options.file, any_owner: options.any_owner };
    let store = name.observe_for_long()?;
    let mut recorded = Options::new().rate(options.rate).streams(!options.no_streams).arrays(options.arrays);
    if !options.paths.is_empty() {
        recorded = recorded.paths(options.paths.iter().cloned());
    }
    if let Some(split) = options.split {
        recorded = recorded.split(split);
    }
    let interrupted = interruption()?;
    let begun = Instant::now();
    let recording = Recording::start(&store, &name.shown(), file, recorded)?;
    let is_over = || options.duration.is_some_and(|duration| begun.elapsed() >= duration);
    while recording.is_running() && !interrupted.load(Ordering::SeqCst) && !is_over() {
        thread::sleep(TICK);
    }
    let Status { messages, bytes: size, missed, delayed, .. } = recording.stop()?;
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

pub(crate) fn replay(options: &Replay, output: &mut Output) -> Result<u8> {
    let run = Run::open(&options.input)?;
    let name = options.name.clone().or_else(|| run.store().map(OsString::from));
    let name =
        name.ok_or_else(|| Failure::Usage("the recording names no store: NAME is needed".to_owned()))?;
    let name = Name { name, file: false, any_owner: false };
    if !options.overwrite && name.observe().is_ok() {
        return Err(Failure::Other(format!(
            "{}: store already exists; --overwrite replaces it",
            name.shown()
        )));
    }
    let making = StructStoreShared::options().cleanup(Cleanup::Never).reinit(options.overwrite);
    let store = name.open(making)?;
    let interrupted = interruption()?;
    let mut playing = Playing::default();
    (playing.speed, playing.start) = (options.speed, options.start.as_secs_f64());
    playing.topics.clone_from(&options.topics);
    output.print(&format!("{}: {:.1} s\n", name.shown(), run.duration()));
    output.finish()?;
    loop {
        run.replay(&store, &playing, &mut || !interrupted.load(Ordering::SeqCst))?;
        if !options.again || interrupted.load(Ordering::SeqCst) {
            break;
        }
    }
    store.close()?;
    Ok(0)
}

pub(crate) fn info(options: &Info, output: &mut Output) -> Result<u8> {
    let run = Run::open(&options.input)?;
    let source = |source: Source| match source {
        Source::Struct => "struct",
        Source::Array => "array",
        Source::Stream => "stream",
        Source::Marks => "marks",
    };
    if options.json {
        let topics = run.topics().into_iter().map(|topic| {
            json!({
                "name": topic.name, "path": topic.path.to_string(), "source": source(topic.source),
                "messages": topic.messages,
            })
        });
        let report = json!({
            "store": run.store(), "start": run.start(), "duration": run.duration(), "finished": run.is_finished(),
            "topics": topics.collect::<Vec<_>>(),
        });
        crate::json::print(&report, output)?;
        return Ok(0);
    }
    output.styled(HEADING, &line(run.store().unwrap_or("a part of a store")));
    output.print(&format!(": {:.1} s\n", run.duration()));
    if !run.is_finished() {
        output.styled(FAINT, "not finished: `structstore record --repair` writes its index\n");
    }
    let mut table = Table::new(&["MESSAGES", "SOURCE", "TOPIC"], &[0]);
    for topic in run.topics() {
        table.add(vec![
            (NUMBER, topic.messages.to_string()),
            (PLAIN, source(topic.source).to_owned()),
            (NAME, line(&topic.name)),
        ]);
    }
    table.print(output);
    Ok(0)
}
