//! Commands for recordings: `record`, `replay` and `info`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use structstore::binding_support::parse_duration;
use structstore::path::Path;

use super::parse::{arrays, looks, size, speed, streams};

/// Record a store into an MCAP file, until interrupted.
///
/// Every sample of each stream is recorded. Everything else is sampled up to --rate times a second when it changes; the whole state is written once a
/// minute. Foxglove, PlotJuggler, rerun and the `mcap` tool open the file; `replay` restores the store.
///
/// The recorder attaches as an observer and never makes a writer wait. If it is killed, the file is readable up to the last second; --repair writes the
/// index that other programs need.
///
/// With --when, or another option of the black box, the recording stays in memory. Whenever the condition becomes true, a file is written that covers the
/// time before and after. SIGUSR1 and the removal of the store trigger it, too. Without `{time}` in the name of the file, the command ends after
/// the first file. The condition is evaluated on each sample of the state and of the streams in it.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  structstore record robot run.mcap\n  structstore record robot run.mcap arm drive.gains --rate 1000 --arrays none\n  structstore record robot 'fault-{time}.mcap' --when 'fault == true' --last 60s --after 10s\n  structstore record --repair run.mcap\n\nExit status:\n  5  the disk is full; what was written until then is readable"
)]
pub(crate) struct Record {
    /// The name of the store
    #[arg(required_unless_present = "repair")]
    pub(crate) name: Option<OsString>,
    /// The file to write, which must not exist; `{time}` in its name stands for the time, with -2, -3 and so on behind it where that name exists
    #[arg(required_unless_present = "repair")]
    pub(crate) output: Option<PathBuf>,
    /// The parts to record; everything by default
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<Path>,
    /// NAME is the path of a file that holds the store
    #[arg(long)]
    pub(crate) file: bool,
    /// Open the store even if another user owns it. The owner can crash this program by truncating the store
    #[arg(long)]
    pub(crate) any_owner: bool,
    /// Sample changes at most this many times a second
    #[arg(long, value_name = "HZ", default_value = "200", value_parser = looks)]
    pub(crate) rate: f64,
    /// Which streams to record: all, none, or the paths of some
    #[arg(long, value_name = "all|none|PATH,…", default_value = "all", value_parser = streams)]
    pub(crate) streams: structstore_record::Streams,
    /// Which arrays to record: all, none, or every Nth change
    #[arg(long, value_name = "all|none|NUMBER", default_value = "all", value_parser = arrays)]
    pub(crate) arrays: structstore_record::Arrays,
    /// Start another file after this many bytes: 500MB, 2GiB. The second is run-2.mcap, or run-2-2.mcap where that name exists
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) split: Option<u64>,
    /// End after this many seconds
    #[arg(long, value_name = "SECONDS", value_parser = parse_duration)]
    pub(crate) duration: Option<Duration>,
    /// Cover at least this much of the time before an event [default: 60s]
    #[arg(long, value_name = "SECONDS", value_parser = parse_duration, help_heading = "Black box", conflicts_with = "split")]
    pub(crate) last: Option<Duration>,
    /// Continue recording for this long after an event [default: 10s]
    #[arg(long, value_name = "SECONDS", value_parser = parse_duration, help_heading = "Black box", conflicts_with = "split")]
    pub(crate) after: Option<Duration>,
    /// Write a file when this becomes true: `fault == true and drive.speed > 3`. Compares paths with JSON values; `and` and `or` join
    /// comparisons
    #[arg(long, value_name = "CONDITION", help_heading = "Black box", conflicts_with = "split")]
    pub(crate) when: Option<structstore_record::Condition>,
    /// Use at most this much memory, with room for two whole states; a file then covers less of the time before an event [default: 1GiB]
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = "Black box", conflicts_with = "split")]
    pub(crate) memory: Option<u64>,
    /// Write the index of a recording that was not finished, and nothing else. Chunks that are damaged are left out; the original then stays as FILE.damaged
    #[arg(long, value_name = "FILE", exclusive = true)]
    pub(crate) repair: Option<PathBuf>,
}

/// Play a recording into a store.
///
/// Changes that belong together are applied in one transaction; samples of streams are published. The store is created for the replay and remains until it is
/// unlinked. An existing store is refused without --overwrite, so that a recording does not drive a live robot by mistake. The replay continues into the
/// further files of a split recording.
///
/// In a terminal, the space bar pauses and resumes, n plays the next change, and q quits. SIGUSR1 pauses and resumes, too.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  structstore replay run.mcap\n  structstore replay run.mcap robot2 --speed 4 --start 30 --loop"
)]
pub(crate) struct Replay {
    /// The recording
    #[arg(value_name = "FILE")]
    pub(crate) input: PathBuf,
    /// The name of the store to play into; the recorded one if it is not given
    pub(crate) name: Option<OsString>,
    /// The playback speed, from 0.001 to 1000; 1 is real time
    #[arg(long, default_value = "1", value_parser = speed)]
    pub(crate) speed: f64,
    /// Start this many seconds into the recording
    #[arg(long, value_name = "SECONDS", value_parser = parse_duration, default_value = "0")]
    pub(crate) start: Duration,
    /// Start paused
    #[arg(long)]
    pub(crate) paused: bool,
    /// Repeat the recording endlessly
    #[arg(long = "loop")]
    pub(crate) again: bool,
    /// Play only topics that begin with this; can be given several times
    #[arg(long = "topic", value_name = "TOPIC")]
    pub(crate) topics: Vec<String>,
    /// Replace an existing store
    #[arg(long)]
    pub(crate) overwrite: bool,
}

/// Show what a recording contains.
#[derive(Args)]
#[command(after_help = "Examples:\n  structstore info run.mcap")]
pub(crate) struct Info {
    /// The recording
    #[arg(value_name = "FILE")]
    pub(crate) input: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}
