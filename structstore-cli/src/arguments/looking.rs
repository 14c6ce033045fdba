//! Commands that look: `ls`, `show`, `watch`, `top`, `hz` and `stat`.

use std::time::Duration;

use clap::Args;
use structstore::binding_support::parse_duration;
use structstore::path::Path;

use super::Name;
use super::parse::period;

/// List the stores of this machine, who is attached to them, and what was left behind.
///
/// Other shared memory is not listed. A store that is damaged or cannot be read is listed with the reason.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  structstore ls\n  structstore ls --json | jq -r '.[] | select(.orphan) | .name'"
)]
pub(crate) struct List {
    /// Include the stores of other users. The owner of a store can crash this program by truncating it
    #[arg(long)]
    pub(crate) any_owner: bool,
    /// Print a list of objects in JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Show the contents of a store as a tree.
///
/// Long strings, lists and arrays are abbreviated. JSON and YAML are complete: bytes are hexadecimal digits, arrays are nested lists, and
/// NaN and infinities are null in JSON.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  structstore show robot\n  structstore show robot camera --depth 1\n  structstore show robot --yaml > robot.yaml"
)]
pub(crate) struct Show {
    #[command(flatten)]
    pub(crate) store: Name,
    /// The part to show, such as `camera.lenses[2]`
    #[arg(default_value = "", hide_default_value = true)]
    pub(crate) path: Path,
    /// Print JSON
    #[arg(long, conflicts_with_all = ["yaml", "types", "depth"])]
    pub(crate) json: bool,
    /// Print YAML
    #[arg(long, conflicts_with_all = ["types", "depth"])]
    pub(crate) yaml: bool,
    /// Show at most this many levels
    #[arg(long, value_name = "LEVELS")]
    pub(crate) depth: Option<usize>,
    /// Show types, shapes, limits and units without values
    #[arg(long)]
    pub(crate) types: bool,
}

/// Print changes in a store as they happen.
///
/// Each line shows the newest state of a field or item, or that it was removed. Changes that come faster than they can be printed are
/// reported once. Writes through a view of an array are not seen unless the writer calls notify.
///
/// In JSON, a change has its time in UTC. A sample has the time that its publisher gave it, in nanoseconds of the clock that starts when
/// the machine boots.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  structstore watch robot\n  structstore watch robot state --time --rate 5\n  structstore watch robot camera --json | jq -r .path\n  structstore watch robot state --count 1 --timeout 10 && echo changed\n  structstore watch robot imu --each --json"
)]
pub(crate) struct Watch {
    #[command(flatten)]
    pub(crate) store: Name,
    /// The part to watch
    #[arg(default_value = "", hide_default_value = true)]
    pub(crate) path: Path,
    /// Print an object in JSON for each change
    #[arg(long)]
    pub(crate) json: bool,
    /// Print each sample of the stream that PATH leads to
    #[arg(long, conflicts_with = "period")]
    pub(crate) each: bool,
    /// Print the time of day before each line
    #[arg(long)]
    pub(crate) time: bool,
    /// Report each field at most this many times a second, with its newest value
    #[arg(long = "rate", value_name = "HZ", value_parser = period)]
    pub(crate) period: Option<Duration>,
    /// End after this many changes
    #[arg(long, value_name = "CHANGES")]
    pub(crate) count: Option<u64>,
    /// End after this many seconds; with --count, the exit status is then 1
    #[arg(long, value_name = "SECONDS", value_parser = parse_duration)]
    pub(crate) timeout: Option<Duration>,
}

/// Print once a second what changes in a store and how often, which processes are attached, and which locks are held.
///
/// Changes are counted as a watch sees them: a field that changes several times between two looks counts once. All samples of streams are
/// counted.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  structstore top robot\n  structstore top robot drive --interval 5\n  structstore top robot --count 1 --json | jq '.changes[0]'"
)]
pub(crate) struct Top {
    #[command(flatten)]
    pub(crate) store: Name,
    /// The part to watch; everything by default
    #[arg(default_value = "")]
    pub(crate) path: Path,
    /// Print an object in JSON for each interval
    #[arg(long)]
    pub(crate) json: bool,
    /// Seconds between reports
    #[arg(long, value_name = "SECONDS", value_parser = parse_duration, default_value = "1")]
    pub(crate) interval: Duration,
    /// End after printing this many times
    #[arg(long, value_name = "TIMES")]
    pub(crate) count: Option<u64>,
}

/// Print the rate of a stream once a second: samples per second, the smallest and largest period, and the number of missed samples.
///
/// Periods are differences of the times that the publisher gave the samples.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  structstore hz robot imu\n  structstore hz robot imu --count 1 --json | jq .rate"
)]
pub(crate) struct Hz {
    #[command(flatten)]
    pub(crate) store: Name,
    /// The stream
    pub(crate) path: Path,
    /// Print an object in JSON for each line
    #[arg(long)]
    pub(crate) json: bool,
    /// Seconds between reports
    #[arg(long, value_name = "SECONDS", value_parser = parse_duration, default_value = "1")]
    pub(crate) window: Duration,
    /// End after this many lines
    #[arg(long, value_name = "LINES")]
    pub(crate) count: Option<u64>,
    /// End after this many seconds
    #[arg(long, value_name = "SECONDS", value_parser = parse_duration)]
    pub(crate) timeout: Option<Duration>,
}

/// Show what takes up memory, which processes are attached, and which threads hold locks.
#[derive(Args)]
#[command(after_help = "Examples:\n  structstore stat robot\n  structstore stat robot camera --json")]
pub(crate) struct Stat {
    #[command(flatten)]
    pub(crate) store: Name,
    /// The struct whose memory and locks to show
    #[arg(default_value = "", hide_default_value = true)]
    pub(crate) path: Path,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}
