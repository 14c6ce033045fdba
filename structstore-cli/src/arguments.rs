//! What the command line may say.

use std::ffi::OsString;
#[cfg(feature = "serve")]
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use structstore::Scalar;
use structstore::path::Path;

const NAMES_AND_PATHS: &str = "\
Names and paths:
  NAME is that of a shared store, `/robot` or `robot`; with --file it is the
  path of a file that holds one.
  PATH leads to something in it: `camera.lenses[2].focus`. A name with dots,
  brackets, quotes or control characters in it is written in double quotes,
  with the escapes of JSON: `camera.\"f.number\"`.

Exit status:
  0  done
  1  `check` found damage, `diff` differences, or `watch` too few changes in time
  2  invalid arguments
  3  no such store, field or file
  4  anything else: no permission, a value of the wrong type, no space in the
     store, a lock that was not to be had within --timeout, ...
  5  no room on the disk
  `run` exits with the status of its command: 126 if it cannot be started, 127
  if it is not found, 128 and the signal's number if one ended it.

Examples:
  structstore ls
  structstore show robot camera
  structstore get robot camera.exposure
  structstore set robot camera.exposure 0.02
  structstore dump robot robot.snapshot && structstore load robot.snapshot copy";

/// Look into live stores, change them, and clean up after their programs.
///
/// A store is a tree of structs, lists, numbers, strings and arrays in memory that processes share. What only reads attaches
/// without write permission and without disturbing anybody.
#[derive(Parser)]
#[command(name = "structstore", version, after_help = NAMES_AND_PATHS, max_term_width = 100)]
pub(crate) struct Arguments {
    /// When to use colours; `auto` is on a terminal, unless NO_COLOR is set
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
    /// Give up waiting for locks after this many seconds, with exit status 4
    #[arg(long, global = true, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Arguments {
    /// For how long the command may wait for locks. What follows a store ends by itself at its timeout, unless it waits for a lock then.
    pub(crate) fn patience(&self) -> Option<Duration> {
        const GRACE: Duration = Duration::from_secs(1);
        match self.command {
            Command::Watch(_) | Command::Hz(_) => self.timeout.map(|timeout| timeout.saturating_add(GRACE)),
            _ => self.timeout,
        }
    }
}

#[derive(Subcommand)]
pub(crate) enum Command {
    Ls(List),
    Show(Show),
    Get(Get),
    Set(Set),
    Rm(Remove),
    Mv(Move),
    Push(Push),
    Describe(Describe),
    Declare(Declare),
    Undeclare(Undeclare),
    Reset(Reset),
    Schema(Schema),
    Watch(Watch),
    Hz(Hz),
    Top(Top),
    Stat(Stat),
    Check(Check),
    Doctor(Doctor),
    Clean(Clean),
    Unlink(Unlink),
    Dump(Dump),
    Load(Load),
    Diff(Diff),
    Run(Run),
    #[cfg(feature = "record")]
    Record(Record),
    #[cfg(feature = "record")]
    Replay(Replay),
    #[cfg(feature = "record")]
    Info(Info),
    #[cfg(feature = "serve")]
    Serve(Serve),
    Mirror(Mirror),
    Completions(Completions),
    Man(Man),
}

impl Command {
    /// The store that it is about.
    pub(crate) fn store(&self) -> Option<&Name> {
        match self {
            Command::Show(Show { store, .. })
            | Command::Get(Get { store, .. })
            | Command::Set(Set { store, .. })
            | Command::Rm(Remove { store, .. })
            | Command::Mv(Move { store, .. })
            | Command::Push(Push { store, .. })
            | Command::Describe(Describe { store, .. })
            | Command::Declare(Declare { store, .. })
            | Command::Undeclare(Undeclare { store, .. })
            | Command::Reset(Reset { store, .. })
            | Command::Schema(Schema { store, .. })
            | Command::Watch(Watch { store, .. })
            | Command::Hz(Hz { store, .. })
            | Command::Top(Top { store, .. })
            | Command::Stat(Stat { store, .. })
            | Command::Check(Check { store, .. })
            | Command::Unlink(Unlink { store, .. })
            | Command::Dump(Dump { store, .. })
            | Command::Load(Load { store, .. })
            | Command::Run(Run { store, .. }) => Some(store),
            #[cfg(feature = "record")]
            Command::Record(_) | Command::Replay(_) | Command::Info(_) => None,
            #[cfg(feature = "serve")]
            Command::Serve(_) => None,
            Command::Mirror(_) => None,
            Command::Ls(_)
            | Command::Doctor(_)
            | Command::Clean(_)
            | Command::Diff(_)
            | Command::Completions(_)
            | Command::Man(_) => None,
        }
    }
}

/// Which store.
#[derive(Args)]
pub(crate) struct Name {
    /// The name of the store
    pub(crate) name: OsString,
    /// NAME is the path of a file that holds the store
    #[arg(long)]
    pub(crate) file: bool,
    /// Open the store even if another user owns it. The owner can crash this program by truncating the store
    #[arg(long)]
    pub(crate) any_owner: bool,
}

/// List the stores of this machine, who is attached to them, and what was left behind.
///
/// Other shared memory is left out. A store that is damaged, or that may not be read, is listed with the reason.
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

/// Show what is in a store, as a tree.
///
/// Long strings, lists and arrays are cut; in JSON and YAML they are not. There, bytes are hexadecimal digits, arrays are nested
/// lists, and NaN and infinities are null in JSON.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  structstore show robot\n  structstore show robot camera --depth 1\n  structstore show robot --yaml > robot.yaml"
)]
pub(crate) struct Show {
    #[command(flatten)]
    pub(crate) store: Name,
    /// What to show of it, such as `camera.lenses[2]`
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

/// Print a value, or export an array.
///
/// Strings and bytes are printed as they are, to a terminal with escapes for what controls it; structs, lists and arrays as JSON.
///
/// A picture is made of an array of u8 or bool of the shape [h, w], [h, w, 1] (grey), [h, w, 3] (RGB) or [h, w, 4] (RGBA), of u16 in 16 bits, and of floats
/// of the shape [h, w]: the least of them is black, the greatest white.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  structstore get robot camera.exposure\n  structstore get robot log[0]\n  structstore get robot --json camera | jq .exposure\n  structstore get robot imu --last 1000 --csv > imu.csv\n  structstore get robot camera.frame --npy frame.npy\n  structstore get robot camera.frame --png - | feh -"
)]
pub(crate) struct Get {
    #[command(flatten)]
    pub(crate) store: Name,
    /// What to print
    pub(crate) path: Path,
    /// Print JSON, strings too
    #[arg(long)]
    pub(crate) json: bool,
    /// Print this many of a stream's last samples, as JSON
    #[arg(long, value_name = "SAMPLES")]
    pub(crate) last: Option<u64>,
    /// Print the samples as CSV, with a column for each number
    #[arg(long, requires = "last", conflicts_with = "json")]
    pub(crate) csv: bool,
    /// Write the array to a file in the format of NumPy, for `numpy.load`; `-` is standard output
    #[arg(long, value_name = "FILE", conflicts_with_all = ["json", "last", "png"])]
    pub(crate) npy: Option<PathBuf>,
    /// Write the array to a file as a picture; `-` is standard output
    #[arg(long, value_name = "FILE", conflicts_with_all = ["json", "last"])]
    pub(crate) png: Option<PathBuf>,
}

/// Change a value, or add a field.
///
/// VALUE is read as what is there: a number of the same type, a string as it is, bytes as hexadecimal digits, lists, structs and
/// arrays as JSON. If nothing is there, it is JSON. What leads to it has to exist, unless --parents is given.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  structstore set robot camera.exposure 0.02\n  structstore set -p robot drive.left.gain 1.5\n  structstore set robot label 'the left one'\n  structstore set robot limits '{\"low\": 0, \"high\": 5}'\n  structstore set robot label --json null"
)]
pub(crate) struct Set {
    #[command(flatten)]
    pub(crate) store: Name,
    /// What to change
    pub(crate) path: Path,
    /// Its new value
    #[arg(allow_hyphen_values = true)]
    pub(crate) value: String,
    /// VALUE is JSON, whatever is there now
    #[arg(long)]
    pub(crate) json: bool,
    /// Create structs that are missing on the way
    #[arg(long, short)]
    pub(crate) parents: bool,
}

/// Rename a field, or move a field or an item elsewhere in the store.
///
/// A field that is renamed in its struct keeps its place in the order, and what programs have of it. What is moved elsewhere is a copy, with the
/// metadata of the fields in it; programs that have the original find it removed. Declared fields stay where they are.
///
/// Nothing is replaced: NEWPATH leads to a field that does not exist yet, or to the place in a list before which the item is inserted. Its indices
/// count without what is moved.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  structstore mv robot vel velocity\n  structstore mv robot camera.log archive.log\n  structstore mv robot waypoints[3] waypoints[0]"
)]
pub(crate) struct Move {
    #[command(flatten)]
    pub(crate) store: Name,
    /// What to move
    pub(crate) path: Path,
    /// Where to
    #[arg(value_name = "NEWPATH")]
    pub(crate) target: Path,
}

/// Append to a list, which is created if the field is missing.
///
/// VALUE takes the type of the last item, as with `set`. If the list is empty, VALUE is JSON.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  structstore push robot waypoints '{\"x\": 1.5, \"y\": 0.0}'\n  structstore push robot log 'battery is low'"
)]
pub(crate) struct Push {
    #[command(flatten)]
    pub(crate) store: Name,
    /// The list
    pub(crate) path: Path,
    /// The new item
    #[arg(allow_hyphen_values = true)]
    pub(crate) value: String,
    /// VALUE is JSON, whatever the last item is
    #[arg(long)]
    pub(crate) json: bool,
}

/// Remove a field, or an item of a list.
///
/// Declared fields, and structs that a running program uses, are removed only with --force.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  structstore rm robot camera.lenses[0]\n  structstore rm robot camera --force"
)]
pub(crate) struct Remove {
    #[command(flatten)]
    pub(crate) store: Name,
    /// What to remove
    pub(crate) path: Path,
    /// Remove it even if it is declared or in use; programs that use it get an error. A declared field of a struct in use is removed only
    /// together with the struct
    #[arg(long, short)]
    pub(crate) force: bool,
}

/// Print the type, limits, unit, description and default of a field, or of all fields.
#[derive(Args)]
#[command(after_help = "Examples:\n  structstore describe robot drive.kp\n  structstore describe robot")]
pub(crate) struct Describe {
    #[command(flatten)]
    pub(crate) store: Name,
    /// What to describe
    #[arg(default_value = "", hide_default_value = true)]
    pub(crate) path: Path,
    /// Print JSON Schema
    #[arg(long)]
    pub(crate) json: bool,
}

/// Declare the limits, unit, description and default of a field.
///
/// From then on every program keeps the limits, and the field keeps its type. Options that are not given keep their declared values. Limits
/// of numbers, and choices, also apply to the elements of an array and to the items of a list.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  structstore declare robot drive.kp --ge 0 --le 10 --unit 1/s --default 1.5\n  structstore declare robot mode --choice idle --choice running\n  structstore declare robot drive.kp --clear"
)]
pub(crate) struct Declare {
    #[command(flatten)]
    pub(crate) store: Name,
    /// The field
    pub(crate) path: Path,
    /// The smallest number
    #[arg(long, value_name = "NUMBER", value_parser = number, allow_hyphen_values = true, conflicts_with = "gt")]
    pub(crate) ge: Option<Scalar>,
    /// Numbers are greater than this one
    #[arg(long, value_name = "NUMBER", value_parser = number, allow_hyphen_values = true)]
    pub(crate) gt: Option<Scalar>,
    /// The largest number
    #[arg(long, value_name = "NUMBER", value_parser = number, allow_hyphen_values = true, conflicts_with = "lt")]
    pub(crate) le: Option<Scalar>,
    /// Numbers are less than this one
    #[arg(long, value_name = "NUMBER", value_parser = number, allow_hyphen_values = true)]
    pub(crate) lt: Option<Scalar>,
    /// Integers are multiples of this one
    #[arg(long, value_name = "FACTOR")]
    pub(crate) multiple_of: Option<u64>,
    /// Floats are finite: neither infinite nor NaN
    #[arg(long)]
    pub(crate) finite: bool,
    /// The smallest length: bytes of a string, items of a list, the first dimension of an array
    #[arg(long, value_name = "LENGTH")]
    pub(crate) min_length: Option<u64>,
    /// The largest length
    #[arg(long, value_name = "LENGTH")]
    pub(crate) max_length: Option<u64>,
    /// An allowed string or integer; repeat for each
    #[arg(long = "choice", value_name = "TEXT")]
    pub(crate) choices: Vec<String>,
    /// The step by which user interfaces change the number
    #[arg(long)]
    pub(crate) step: Option<f64>,
    /// The unit of the number
    #[arg(long)]
    pub(crate) unit: Option<String>,
    /// The description
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<String>,
    /// Advise user interfaces that only the declaring program assigns the field
    #[arg(long)]
    pub(crate) read_only: bool,
    /// The value that `reset` assigns; a missing field is created with it
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    pub(crate) default: Option<String>,
    /// Another name of the field, such as an earlier one; repeat for each
    #[arg(long = "alias", value_name = "NAME")]
    pub(crate) aliases: Vec<String>,
    /// Let programs of other versions have an array of another length
    #[arg(long)]
    pub(crate) growable: bool,
    /// Discard the earlier declaration first
    #[arg(long)]
    pub(crate) clear: bool,
}

/// Make a field an ordinary one, with all below it.
///
/// It keeps its value and loses its limits, unit, description and other names. Then it can be removed, or assigned another type. Fails
/// while a running program has bound it.
#[derive(Args)]
#[command(after_help = "Examples:\n  structstore undeclare robot state.q && structstore rm robot state.q")]
pub(crate) struct Undeclare {
    #[command(flatten)]
    pub(crate) store: Name,
    /// The field
    pub(crate) path: Path,
}

/// Assign the declared default to a field.
#[derive(Args)]
#[command(after_help = "Examples:\n  structstore reset robot drive.kp")]
pub(crate) struct Reset {
    #[command(flatten)]
    pub(crate) store: Name,
    /// The field
    pub(crate) path: Path,
}

/// Print the schema of a store: types, limits, units and descriptions.
///
/// The JSON Schema describes the JSON documents that `dump` writes and `load` reads; the keywords `x-kind`, `x-unit` and `x-step` carry what
/// JSON Schema cannot express. The Markdown is a table of all fields.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  structstore schema robot --json > robot.schema.json\n  structstore schema robot drive --markdown >> README.md\n  structstore schema robot --cpp > robot.hpp"
)]
pub(crate) struct Schema {
    #[command(flatten)]
    pub(crate) store: Name,
    /// A part of it
    #[arg(default_value = "", hide_default_value = true)]
    pub(crate) path: Path,
    /// Print JSON Schema
    #[arg(long, group = "format", required_unless_present = "format")]
    pub(crate) json: bool,
    /// Print Markdown
    #[arg(long, group = "format")]
    pub(crate) markdown: bool,
    /// Print a header for C++ with a struct for each struct
    #[arg(long, group = "format")]
    pub(crate) cpp: bool,
}

fn number(text: &str) -> Result<Scalar, String> {
    let integer = text.parse().map(Scalar::I64).or_else(|_| text.parse().map(Scalar::U64));
    integer.or_else(|_| text.parse().map(Scalar::F64)).map_err(|_| "a number is expected".to_owned())
}

/// Print what changes in a store, as it changes.
///
/// Each line is the newest state of a field or item, or says that it was removed. Changes that come faster than they are
/// printed are reported once. Writes through a view of an array are not seen unless the writer calls notify.
///
/// In JSON, each change has its time in UTC; each sample has the time that its publisher gave it, in nanoseconds of the clock that counts from the
/// start of the machine.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  structstore watch robot\n  structstore watch robot state --time --rate 5\n  structstore watch robot camera --json | jq -r .path\n  structstore watch robot state --count 1 --timeout 10 && echo changed\n  structstore watch robot imu --each --json"
)]
pub(crate) struct Watch {
    #[command(flatten)]
    pub(crate) store: Name,
    /// What to watch of it
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
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,
}

/// Print what changes in a store, how often, who is attached, and which locks are held, once a second.
///
/// Changes are counted as a watch sees them: what changes several times between two looks counts once. Samples of streams are all counted.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  structstore top robot\n  structstore top robot drive --interval 5\n  structstore top robot --count 1 --json | jq '.changes[0]'"
)]
pub(crate) struct Top {
    #[command(flatten)]
    pub(crate) store: Name,
    /// What to watch of it; everything if nothing is given
    #[arg(default_value = "")]
    pub(crate) path: Path,
    /// Print an object in JSON for each interval
    #[arg(long)]
    pub(crate) json: bool,
    /// Print after this many seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "1")]
    pub(crate) interval: Duration,
    /// End after having printed this many times
    #[arg(long, value_name = "TIMES")]
    pub(crate) count: Option<u64>,
}

/// Look for what can keep programs from sharing stores on this machine, and say what to do about it.
///
/// Checks the kernel, /dev/shm, containers, systemd's RemoveIPC, limits, huge pages, swap, and the stores; with NAME one store, thoroughly. Changes nothing.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  structstore doctor\n  structstore doctor robot\n  structstore doctor --json | jq '.[] | select(.level != \"ok\")'\n\nExit status:\n  0  all stores can be used; there may be advice\n  1  something is in the way\n  3  there is no store NAME"
)]
pub(crate) struct Doctor {
    /// The name of a store
    pub(crate) name: Option<OsString>,
    /// NAME is the path of a file that holds the store
    #[arg(long)]
    pub(crate) file: bool,
    /// Include the stores of other users. The owner of a store can crash this program by truncating it
    #[arg(long)]
    pub(crate) any_owner: bool,
    /// Print a list of objects in JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Print the rate of a stream, once a second: samples per second, the least and the largest period, and how many samples were missed.
///
/// Periods are the differences of the times that the publisher gave the samples.
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
    /// Print after this many seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "1")]
    pub(crate) window: Duration,
    /// End after this many lines
    #[arg(long, value_name = "LINES")]
    pub(crate) count: Option<u64>,
    /// End after this many seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,
}

/// The time between reports at this rate.
fn period(text: &str) -> Result<Duration, String> {
    let rate: f64 = text.parse().map_err(|_| "a number of reports a second is expected".to_owned())?;
    Duration::try_from_secs_f64(1.0 / rate).map_err(|_| format!("found {rate}, expected a number above 0"))
}

/// A number of seconds, or another one with its unit: 90, 500ms, 60s, 5min, 1h.
fn seconds(text: &str) -> Result<Duration, String> {
    let number = text.trim_end_matches(|character: char| character.is_ascii_lowercase());
    let unit = match text.strip_prefix(number).unwrap_or_default() {
        "" | "s" => 1.0,
        "ms" => 1e-3,
        "min" => 60.0,
        "h" => 3600.0,
        other => return Err(format!("found the unit {other:?}, expected ms, s, min or h")),
    };
    let seconds: f64 = number.parse().map_err(|_| "a number of seconds is expected".to_owned())?;
    Duration::try_from_secs_f64(seconds * unit).map_err(|error| error.to_string())
}

/// Say what takes up memory, who is attached, and who holds locks.
#[derive(Args)]
#[command(after_help = "Examples:\n  structstore stat robot\n  structstore stat robot camera --json")]
pub(crate) struct Stat {
    #[command(flatten)]
    pub(crate) store: Name,
    /// The struct whose memory and locks are wanted
    #[arg(default_value = "", hide_default_value = true)]
    pub(crate) path: Path,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Verify every invariant of a store.
///
/// It takes no locks, and tries for a second to read the store between two changes. If the store changes all the
/// time, or a process died in the middle of a change, the exit status is 4; use --lock then.
#[derive(Args)]
#[command(after_help = "Examples:\n  structstore check robot && echo sound")]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) store: Name,
    /// Repair what dead processes have left, and lock the store meanwhile; needs write permission
    #[arg(long)]
    pub(crate) lock: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Remove the stores that killed programs have left behind.
///
/// These are orphans, as `ls` calls them: transient stores that no living process has open. Persistent stores, and stores of other
/// users, are left alone. It asks before it removes anything; where there is no terminal to ask at, it needs --yes.
#[derive(Args)]
#[command(after_help = "Examples:\n  structstore clean\n  structstore clean robot --yes")]
pub(crate) struct Clean {
    /// Remove only these
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<OsString>,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Print the names of what was removed as a list in JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Remove a store, transient or persistent.
///
/// A store that a process has open is removed only with --force: processes that have it keep its memory, and are told.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  structstore unlink settings\n  structstore unlink --file ./settings.store"
)]
pub(crate) struct Unlink {
    #[command(flatten)]
    pub(crate) store: Name,
    /// Remove it even if processes have it open, or it is damaged
    #[arg(long, short)]
    pub(crate) force: bool,
}

/// Write what is in a store, or in a part of it, to a file.
///
/// A snapshot keeps types, arrays, order and the metadata of fields exactly; `load` makes the same of it on any machine. It is of a struct.
///
/// JSON and YAML keep all values. What they have no form for has a tag: an array is `{"$array": [1.5, 2], "dtype": "f32"}`, bytes
/// are `{"$bytes": "00ff"}`, and in JSON NaN is `{"$float": "NaN"}`. Integers and floats are loaded as 64-bit ones of the same
/// value, unless the field has another type already. With --plain nothing is tagged:
/// arrays are lists, bytes strings of hexadecimal digits, and a value that the format lacks is an error.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  structstore dump robot robot.snapshot\n  structstore dump robot gains.yaml drive.gains\n  structstore dump robot - --format json | jq .camera"
)]
pub(crate) struct Dump {
    #[command(flatten)]
    pub(crate) store: Name,
    /// Where to; `-` is standard output
    pub(crate) target: PathBuf,
    /// What to write of it, such as `camera.lenses[2]`
    #[arg(default_value = "", hide_default_value = true)]
    pub(crate) path: Path,
    /// What to write; otherwise the file's ending tells: .json, .yaml, .yml, and anything else is a snapshot
    #[arg(long)]
    pub(crate) format: Option<Format>,
    /// Write arrays as lists and bytes as strings, for programs that do not know the tags
    #[arg(long)]
    pub(crate) plain: bool,
    /// Write all samples that streams keep into a snapshot, instead of the newest ones
    #[arg(long)]
    pub(crate) samples: bool,
}

/// Load a file into a store, or into a part of it.
///
/// What the file names is replaced, and all else stays: structs are merged field by field, and lists, arrays, numbers and strings are replaced
/// as a whole. With --replace, the fields that the file does not name are removed; those that a program has declared stay. Either is done in
/// one step: after an error, nothing has changed.
///
/// The store is created if it does not exist, and so are structs that are missing on the way to PATH. A snapshot brings the metadata of its
/// fields to fields that have none. Streams that exist keep their samples. Integers of JSON and YAML that do not fit 64 bits are an error.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  structstore load gains.json robot drive.gains\n  structstore load robot.snapshot robot --replace\n  echo '{\"rate\": 50}' | structstore load - robot\n  ssh other structstore dump robot - | structstore load - robot"
)]
pub(crate) struct Load {
    /// Where from; `-` is standard input
    #[arg(value_name = "FILE")]
    pub(crate) source: PathBuf,
    #[command(flatten)]
    pub(crate) store: Name,
    /// Where in the store
    #[arg(default_value = "", hide_default_value = true)]
    pub(crate) path: Path,
    /// Remove the fields that the file does not name
    #[arg(long)]
    pub(crate) replace: bool,
    /// What to read; otherwise the file's ending tells (.json, .yaml, .yml, .snapshot), or else its first bytes: those of a snapshot, `{`, `[` or
    /// `"` for JSON, and anything else for YAML
    #[arg(long)]
    pub(crate) format: Option<Format>,
}

/// Print how two stores, or files of `dump`, differ: one line for each difference.
///
/// A and B are names of stores, or paths of files. A path is what has a slash elsewhere than at its beginning, or an ending of `dump`: .json,
/// .yaml, .yml, .snapshot; put `./` in front of any other file. `-` is standard input. A file may also hold a store.
///
/// Numbers are compared by value, and arrays with lists of the same numbers, for JSON and YAML have no other. Of streams, the newest samples
/// are compared. The exit status is 0 if there is no difference, and 1 if there are some.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  structstore diff robot robot.snapshot\n  structstore diff yesterday.yaml robot drive.gains\n  structstore diff robot simulation --json | jq -r '.[].path'\n  structstore dump robot - | ssh other structstore diff robot -"
)]
pub(crate) struct Diff {
    /// A store or a file
    #[arg(value_name = "A")]
    pub(crate) old: OsString,
    /// Another one
    #[arg(value_name = "B")]
    pub(crate) new: OsString,
    /// The part to compare
    #[arg(default_value = "", hide_default_value = true)]
    pub(crate) path: Path,
    /// Numbers of other types differ, and arrays differ from lists
    #[arg(long)]
    pub(crate) types: bool,
    /// Print a list of objects in JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Open stores even if another user owns them. The owner can crash this program by truncating a store
    #[arg(long)]
    pub(crate) any_owner: bool,
}

/// Create a store, run a command, and remove the store when the command ends.
///
/// The command finds the name in the environment as STRUCTSTORE_NAME. Signals are passed on to it.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  structstore run robot -- python simulate.py\n  structstore run test -- sh -c 'structstore set $STRUCTSTORE_NAME rate 50; ./robot'"
)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) store: Name,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

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
#[cfg(feature = "record")]
#[derive(Args)]
#[command(
    after_help = "Examples:\n  structstore record robot run.mcap\n  structstore record robot run.mcap arm drive.gains --rate 1000 --arrays none\n  structstore record robot 'fault-{time}.mcap' --when 'fault == true' --last 60s --after 10s\n  structstore record --repair run.mcap\n\nExit status:\n  5  the disk is full; what was written until then is readable"
)]
pub(crate) struct Record {
    /// The name of the store
    #[arg(required_unless_present = "repair")]
    pub(crate) name: Option<OsString>,
    /// The file to write, which must not exist; `{time}` in its name stands for the time
    #[arg(required_unless_present = "repair")]
    pub(crate) output: Option<PathBuf>,
    /// What to record of it; everything if nothing is given
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
    /// Start another file after this many bytes: 500MB, 2GiB
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) split: Option<u64>,
    /// End after this many seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) duration: Option<Duration>,
    /// Cover at least this much of the time before an event [default: 60s]
    #[arg(long, value_name = "SECONDS", value_parser = seconds, help_heading = "Black box", conflicts_with = "split")]
    pub(crate) last: Option<Duration>,
    /// Go on recording for this long after an event [default: 10s]
    #[arg(long, value_name = "SECONDS", value_parser = seconds, help_heading = "Black box", conflicts_with = "split")]
    pub(crate) after: Option<Duration>,
    /// Write a file when this becomes true: `fault == true and drive.speed > 3`. Comparisons of a path with a JSON value, joined by `and` and `or`
    #[arg(long, value_name = "CONDITION", help_heading = "Black box", conflicts_with = "split")]
    pub(crate) when: Option<structstore_record::Condition>,
    /// Use at most this much memory; a file then covers less of the time before an event [default: 1GiB]
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = "Black box", conflicts_with = "split")]
    pub(crate) memory: Option<u64>,
    /// Write the index of a recording that was not finished, and nothing else
    #[arg(long, value_name = "FILE", exclusive = true)]
    pub(crate) repair: Option<PathBuf>,
}

#[cfg(feature = "record")]
fn looks(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "a number of times a second is expected".to_owned())?;
    match rate {
        0.01..=10_000.0 => Ok(rate),
        _ => Err(format!("found {rate}, expected a number from 0.01 to 10000")),
    }
}

#[cfg(feature = "record")]
fn streams(text: &str) -> Result<structstore_record::Streams, String> {
    use structstore_record::Streams;
    match text {
        "all" => Ok(Streams::All),
        "none" => Ok(Streams::None),
        paths => {
            let paths = paths.split(',').map(str::parse).collect::<Result<_, structstore::Error>>();
            paths.map(Streams::Below).map_err(|error| error.to_string())
        }
    }
}

#[cfg(feature = "record")]
fn arrays(text: &str) -> Result<structstore_record::Arrays, String> {
    use structstore_record::Arrays;
    match text {
        "all" => Ok(Arrays::All),
        "none" => Ok(Arrays::None),
        number => match number.parse() {
            Ok(many @ 1..) => Ok(Arrays::Every(many)),
            _ => Err("`all`, `none` or a number of changes is expected".to_owned()),
        },
    }
}

/// A number of bytes, with a unit or without.
#[cfg(feature = "record")]
fn size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|character: char| character.is_ascii_alphabetic());
    let unit: u64 = match text.strip_prefix(digits).unwrap_or_default() {
        "" | "B" => 1,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" | "K" => 1 << 10,
        "MiB" | "M" => 1 << 20,
        "GiB" | "G" => 1 << 30,
        other => return Err(format!("found the unit {other:?}, expected kB, MB, GB, KiB, MiB or GiB")),
    };
    match digits.parse::<u64>().ok().and_then(|number| number.checked_mul(unit)) {
        Some(bytes @ 1..) => Ok(bytes),
        _ => Err("a number of bytes is expected, such as 500MB".to_owned()),
    }
}

/// Play a recording into a store.
///
/// Changes that belong together are applied in one transaction; samples of streams are published. The store is created for the replay and remains until it is
/// unlinked. An existing store is refused without --overwrite, so that a recording does not drive a live robot by mistake. The replay continues into the
/// further files of a split recording.
///
/// In a terminal, the space bar pauses and resumes, n plays the next change, and q quits. SIGUSR1 pauses and resumes, too.
#[cfg(feature = "record")]
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
    /// How many times as fast as it was
    #[arg(long, default_value = "1", value_parser = speed)]
    pub(crate) speed: f64,
    /// Start this many seconds into the recording
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "0")]
    pub(crate) start: Duration,
    /// Start paused
    #[arg(long)]
    pub(crate) paused: bool,
    /// Play it again and again
    #[arg(long = "loop")]
    pub(crate) again: bool,
    /// Play only topics that begin so; can be given several times
    #[arg(long = "topic", alias = "topics", value_name = "TOPIC")]
    pub(crate) topics: Vec<String>,
    /// Replace a store that exists
    #[arg(long)]
    pub(crate) overwrite: bool,
}

#[cfg(feature = "record")]
fn speed(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(speed) if speed > 0.0 && f64::is_finite(speed) => Ok(speed),
        _ => Err("a number above 0 is expected".to_owned()),
    }
}

/// Say what is in a recording.
#[cfg(feature = "record")]
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

/// Show a store in the browser, live: tree, plots and pictures, and sliders for what may be changed.
///
/// It prints the address of the page and serves it until it is interrupted. The address has a token that grants access. Keep it like a
/// password. Pages can change only what --write names. Without NAME, all stores of this machine are served.
///
/// It attaches as an observer while a page is open. What is shown costs a writer what one watch costs, however many pages there are.
#[cfg(feature = "serve")]
#[derive(Args)]
#[command(
    after_help = "Examples:\n  structstore serve robot\n  structstore serve robot --write drive.gains --write mode\n  structstore serve run.mcap\n  ssh -L 8080:127.0.0.1:8080 robot structstore serve robot --listen 127.0.0.1:8080 --no-open"
)]
pub(crate) struct Serve {
    /// The name of the store, or a recording (*.mcap); without one, all stores of this machine
    pub(crate) name: Option<OsString>,
    /// NAME is the path of a file that holds the store
    #[arg(long, requires = "name")]
    pub(crate) file: bool,
    /// Open stores even if another user owns them. The owner can crash this program by truncating a store
    #[arg(long)]
    pub(crate) any_owner: bool,
    /// Let pages change what PATH leads to, and all below; can be given several times
    #[arg(long = "write", value_name = "PATH")]
    pub(crate) writable: Vec<Path>,
    /// Let pages change everything
    #[arg(long, conflicts_with = "writable")]
    pub(crate) write_all: bool,
    /// Tell pages of changes at most this many times a second
    #[arg(long, value_name = "HZ", value_parser = rate, default_value = "30")]
    pub(crate) rate: f64,
    /// Listen on this address, and port; the default is a free port of 127.0.0.1
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub(crate) listen: Option<SocketAddr>,
    /// Allow --listen on addresses that other machines reach; the token crosses the network unencrypted
    #[arg(long)]
    pub(crate) insecure: bool,
    /// Do not open a browser
    #[arg(long)]
    pub(crate) no_open: bool,
}

#[cfg(feature = "serve")]
fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "a number of times a second is expected".to_owned())?;
    match rate {
        0.1..=240.0 => Ok(rate),
        _ => Err(format!("found {rate}, expected a number from 0.1 to 240")),
    }
}

/// An address with a port, or without one.
#[cfg(feature = "serve")]
fn address(text: &str) -> Result<SocketAddr, String> {
    let expected = "an address such as 127.0.0.1:8080 or [::1]:8080 is expected";
    let plain = || text.parse::<IpAddr>().map(|address| SocketAddr::new(address, 0));
    text.parse().or_else(|_| plain()).map_err(|_| expected.to_owned())
}

/// Mirror parts of a store to and from other machines.
///
/// One side owns a part and publishes its changes; others follow it and hold a live copy. This command runs the program structstore-mirror, which is
/// installed separately; `structstore mirror --help` shows its options.
#[derive(Args)]
#[command(
    disable_help_flag = true,
    after_help = "Examples:\n  structstore mirror keygen keys robot desk\n  structstore mirror /robot --listen tls/0.0.0.0:7447 --own arm,camera --ca keys/ca.pem --cert keys/robot.pem --key-file keys/robot.key\n  structstore mirror /robot --connect tls/robot:7447 --follow arm,camera --ca keys/ca.pem --cert keys/desk.pem --key-file keys/desk.key"
)]
pub(crate) struct Mirror {
    /// What that program takes
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
    pub(crate) arguments: Vec<OsString>,
}

/// Print a shell completion script for this command.
///
/// It completes subcommands and options, names of stores, paths in them, and the choices that a field was declared with. For that the shell
/// asks this command, which looks into the store, leaves no trace, and says nothing if it takes longer than a fifth of a second.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  structstore completions bash > ~/.local/share/bash-completion/completions/structstore\n  source <(structstore completions zsh)   # in ~/.zshrc, after compinit\n  structstore completions fish > ~/.config/fish/completions/structstore.fish"
)]
pub(crate) struct Completions {
    /// For which shell
    pub(crate) shell: Shell,
}

/// Print the manual page of this command, or of one of its subcommands.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  structstore man | man -l -\n  structstore man show > structstore-show.1"
)]
pub(crate) struct Man {
    /// The subcommand
    pub(crate) subcommand: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Snapshot,
    Json,
    Yaml,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

impl Color {
    pub(crate) fn write_global(self) {
        match self {
            Color::Auto => anstream::ColorChoice::Auto,
            Color::Always => anstream::ColorChoice::AlwaysAnsi,
            Color::Never => anstream::ColorChoice::Never,
        }
        .write_global();
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        super::Arguments::command().debug_assert();
    }
}
