//! The arguments of the command.

use std::ffi::OsString;
#[cfg(feature = "serve")]
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use structstore::Scalar;
use structstore::binding_support::parse_duration;
use structstore::path::Path;

const NAMES_AND_PATHS: &str = "\
Names and paths:
  NAME is that of a shared store, `/robot` or `robot`; with --file it is the
  path of a file that holds one.
  PATH leads to a value in the store: `camera.lenses[2].focus`. Put a name that
  contains dots, brackets, quotes or control characters in double quotes, with
  the escapes of JSON: `camera.\"f.number\"`.

Exit status:
  0  done
  1  `check` found damage, `diff` differences, or `watch` too few changes in time
  2  invalid arguments
  3  no such store, field or file
  4  anything else: no permission, a value of the wrong type, no space in the
     store, a lock that was not granted within --timeout, ...
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
/// A store is a tree of structs, lists, numbers, strings and arrays in memory that processes share. Commands that only read attach
/// without write permission and never disturb other processes.
#[derive(Parser)]
#[command(name = "structstore", version, after_help = NAMES_AND_PATHS, max_term_width = 100)]
pub(crate) struct Arguments {
    /// When to use colours; `auto` means on a terminal, unless NO_COLOR is set
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
    /// Give up waiting for locks after this many seconds, with exit status 4
    #[arg(long, global = true, value_name = "SECONDS", value_parser = parse_duration)]
    pub(crate) timeout: Option<Duration>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Arguments {
    /// How long the command may wait for locks. `watch` and `hz` end by themselves at their timeout, unless they wait for a lock then.
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
    /// The store that the command uses.
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

/// Print a value, or export an array.
///
/// Strings and bytes are printed unchanged; on a terminal, control characters are escaped. Structs, lists and arrays are printed as JSON.
///
/// A picture is an array of u8, bool or u16 (16 bits) of the shape [h, w], [h, w, 1] (grey), [h, w, 3] (RGB) or [h, w, 4] (RGBA), or of
/// floats of the shape [h, w], where the smallest is black and the largest white.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  structstore get robot camera.exposure\n  structstore get robot log[0]\n  structstore get robot --json camera | jq .exposure\n  structstore get robot imu --last 1000 --csv > imu.csv\n  structstore get robot camera.frame --npy frame.npy\n  structstore get robot camera.frame --png - | feh -"
)]
pub(crate) struct Get {
    #[command(flatten)]
    pub(crate) store: Name,
    /// The value to print
    pub(crate) path: Path,
    /// Print JSON, also for strings
    #[arg(long)]
    pub(crate) json: bool,
    /// Print the last SAMPLES samples of a stream as JSON
    #[arg(long, value_name = "SAMPLES")]
    pub(crate) last: Option<u64>,
    /// Print the samples as CSV, with a column for each number
    #[arg(long, requires = "last", conflicts_with = "json")]
    pub(crate) csv: bool,
    /// Write the array to a file in NumPy's format, for `numpy.load`; `-` is standard output
    #[arg(long, value_name = "FILE", conflicts_with_all = ["json", "last", "png"])]
    pub(crate) npy: Option<PathBuf>,
    /// Write the array to a file as a picture; `-` is standard output
    #[arg(long, value_name = "FILE", conflicts_with_all = ["json", "last"])]
    pub(crate) png: Option<PathBuf>,
}

/// Change a value, or add a field.
///
/// VALUE takes the type of the current value: a number of the same type, a string literally, bytes as hexadecimal digits, lists, structs
/// and arrays as JSON. VALUE of a new field is JSON. The structs on the way to it must exist, unless --parents is given.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  structstore set robot camera.exposure 0.02\n  structstore set -p robot drive.left.gain 1.5\n  structstore set robot label 'the left one'\n  structstore set robot limits '{\"low\": 0, \"high\": 5}'\n  structstore set robot label --json null"
)]
pub(crate) struct Set {
    #[command(flatten)]
    pub(crate) store: Name,
    /// The value to change
    pub(crate) path: Path,
    /// Its new value
    #[arg(allow_hyphen_values = true)]
    pub(crate) value: String,
    /// Read VALUE as JSON, whatever the current value is
    #[arg(long)]
    pub(crate) json: bool,
    /// Create missing structs on the way
    #[arg(long, short)]
    pub(crate) parents: bool,
}

/// Rename a field, or move a field or an item elsewhere in the store.
///
/// A field that is renamed within its struct keeps its place in the order, and programs keep their handles to it. A move elsewhere makes a
/// copy, with the metadata of the fields in it, and removes the original; handles to it become stale. Declared fields cannot be moved.
///
/// A move never replaces a value: NEWPATH is a field that does not exist yet, or the place in a list before which the item is inserted.
/// Its indices count as if the moved item were already removed.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  structstore mv robot vel velocity\n  structstore mv robot camera.log archive.log\n  structstore mv robot waypoints[3] waypoints[0]"
)]
pub(crate) struct Move {
    #[command(flatten)]
    pub(crate) store: Name,
    /// The field or item to move
    pub(crate) path: Path,
    /// Its new path
    #[arg(value_name = "NEWPATH")]
    pub(crate) target: Path,
}

/// Append to a list; a missing list is created.
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
    /// Read VALUE as JSON, whatever the last item is
    #[arg(long)]
    pub(crate) json: bool,
}

/// Remove a field, or an item of a list.
///
/// Declared fields, and structs that a running program has bound, need --force.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  structstore rm robot camera.lenses[0]\n  structstore rm robot camera --force"
)]
pub(crate) struct Remove {
    #[command(flatten)]
    pub(crate) store: Name,
    /// The field or item to remove
    pub(crate) path: Path,
    /// Remove it even if it is declared or in use; programs that use it get an error. A declared field of a struct in use can only be
    /// removed together with the struct
    #[arg(long, short)]
    pub(crate) force: bool,
}

/// Print the type, limits, unit, description and default of a field, or of all fields.
#[derive(Args)]
#[command(after_help = "Examples:\n  structstore describe robot drive.kp\n  structstore describe robot")]
pub(crate) struct Describe {
    #[command(flatten)]
    pub(crate) store: Name,
    /// The field to describe; without one, all fields
    #[arg(default_value = "", hide_default_value = true)]
    pub(crate) path: Path,
    /// Print JSON Schema
    #[arg(long)]
    pub(crate) json: bool,
}

/// Declare the limits, unit, description and default of a field.
///
/// From then on, the limits apply to every program, and the field keeps its type. Options that are not given keep their declared values.
/// Limits of numbers, and choices, also apply to the elements of an array and to the items of a list.
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
    /// Tell user interfaces that only the declaring program assigns the field
    #[arg(long)]
    pub(crate) read_only: bool,
    /// The value that `reset` assigns; a missing field is created with it
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    pub(crate) default: Option<String>,
    /// Another name of the field, such as an earlier one; repeat for each
    #[arg(long = "alias", value_name = "NAME")]
    pub(crate) aliases: Vec<String>,
    /// Let programs of other versions use another length for the array
    #[arg(long)]
    pub(crate) growable: bool,
    /// Discard the earlier declaration first
    #[arg(long)]
    pub(crate) clear: bool,
}

/// Make a field, and everything below it, ordinary again.
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
    /// The part to describe
    #[arg(default_value = "", hide_default_value = true)]
    pub(crate) path: Path,
    /// Print JSON Schema
    #[arg(long, group = "format", required_unless_present = "format")]
    pub(crate) json: bool,
    /// Print Markdown
    #[arg(long, group = "format")]
    pub(crate) markdown: bool,
    /// Print a C++ header with a struct for each struct
    #[arg(long, group = "format")]
    pub(crate) cpp: bool,
}

fn number(text: &str) -> Result<Scalar, String> {
    let integer = text.parse().map(Scalar::I64).or_else(|_| text.parse().map(Scalar::U64));
    integer.or_else(|_| text.parse().map(Scalar::F64)).map_err(|_| "expected a number".to_owned())
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

/// Find what can keep programs from sharing stores on this machine, and say what to do about it.
///
/// Checks the kernel, /dev/shm, containers, systemd's RemoveIPC, limits, huge pages, swap, and the stores; with NAME, checks one store
/// thoroughly. It changes nothing.
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

/// The time between reports at this rate.
fn period(text: &str) -> Result<Duration, String> {
    let rate: f64 = text.parse().map_err(|_| "expected a number of reports per second".to_owned())?;
    Duration::try_from_secs_f64(1.0 / rate).map_err(|_| format!("found {rate}, expected a number above 0"))
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

/// Verify every invariant of a store.
///
/// It takes no locks, and tries for a second to read the store between two changes. If the store changes all the time, or a process died in
/// the middle of a change, the exit status is 4. Use --lock then.
#[derive(Args)]
#[command(after_help = "Examples:\n  structstore check robot && echo sound")]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) store: Name,
    /// Lock the store during the check, and repair what dead processes left; needs write permission
    #[arg(long)]
    pub(crate) lock: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Remove the stores that killed programs left behind.
///
/// These are the orphans that `ls` shows: transient stores that no living process has open. Persistent stores and stores of other users
/// stay. The command asks before it removes anything; without a terminal, it needs --yes.
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
/// A store that a process has open needs --force. Processes that have it open keep its memory and learn that it was removed.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  structstore unlink settings\n  structstore unlink --file ./settings.store"
)]
pub(crate) struct Unlink {
    #[command(flatten)]
    pub(crate) store: Name,
    /// Remove it even if processes have it open, or if it is damaged
    #[arg(long, short)]
    pub(crate) force: bool,
}

/// Write the contents of a store, or of a part of it, to a file.
///
/// A snapshot keeps types, arrays, order and the metadata of fields exactly, and `load` restores them on any machine. A snapshot is always
/// of a struct.
///
/// JSON and YAML keep all values. Values that they cannot express have a tag: an array is `{"$array": [1.5, 2], "dtype": "f32"}`, bytes are
/// `{"$bytes": "00ff"}`, and in JSON NaN is `{"$float": "NaN"}`. Integers and floats are loaded as 64-bit numbers, unless the field already
/// has another type. With --plain there are no tags: arrays are lists, bytes are strings of hexadecimal digits, and a value that the format
/// cannot express is an error.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  structstore dump robot robot.snapshot\n  structstore dump robot gains.yaml drive.gains\n  structstore dump robot - --format json | jq .camera"
)]
pub(crate) struct Dump {
    #[command(flatten)]
    pub(crate) store: Name,
    /// The file to write; `-` is standard output
    pub(crate) target: PathBuf,
    /// The part to write, such as `camera.lenses[2]`
    #[arg(default_value = "", hide_default_value = true)]
    pub(crate) path: Path,
    /// The format; by default, that of the file's ending: .json, .yaml or .yml, and a snapshot for any other
    #[arg(long)]
    pub(crate) format: Option<Format>,
    /// Write arrays as lists and bytes as strings, for programs that do not know the tags
    #[arg(long)]
    pub(crate) plain: bool,
    /// Include all samples that streams keep in a snapshot, instead of the newest ones
    #[arg(long)]
    pub(crate) samples: bool,
}

/// Load a file into a store, or into a part of it.
///
/// The fields in the file are assigned, and all others stay: structs are merged field by field, and lists, arrays, numbers and strings are
/// replaced as a whole. With --replace, fields that are not in the file are removed, except those that a program has declared. Either
/// happens in one step: after an error, nothing has changed.
///
/// A missing store is created, and so are missing structs on the way to PATH. A snapshot adds the metadata of its fields to fields without
/// metadata. Existing streams keep their samples. Integers of JSON and YAML that do not fit 64 bits are an error.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  structstore load gains.json robot drive.gains\n  structstore load robot.snapshot robot --replace\n  echo '{\"rate\": 50}' | structstore load - robot\n  ssh other structstore dump robot - | structstore load - robot"
)]
pub(crate) struct Load {
    /// The file to read; `-` is standard input
    #[arg(value_name = "FILE")]
    pub(crate) source: PathBuf,
    #[command(flatten)]
    pub(crate) store: Name,
    /// The part to load into
    #[arg(default_value = "", hide_default_value = true)]
    pub(crate) path: Path,
    /// Remove the fields that are not in the file
    #[arg(long)]
    pub(crate) replace: bool,
    /// The format; by default, that of the file's ending (.json, .yaml, .yml, .snapshot), or else of its first bytes: those of a snapshot,
    /// `{`, `[` or `"` for JSON, and anything else for YAML
    #[arg(long)]
    pub(crate) format: Option<Format>,
}

/// Print the differences between two stores or files of `dump`, one per line.
///
/// A and B are names of stores or paths of files. An argument is a path if it contains a slash after its first character, or has an ending
/// of `dump`: .json, .yaml, .yml or .snapshot. Put `./` in front of any other file. `-` is standard input. A file may also hold a store.
///
/// Numbers are compared by value, and arrays equal lists of the same numbers, because JSON and YAML have no arrays. Of a stream, the newest
/// samples are compared. The exit status is 0 if there is no difference, and 1 otherwise.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  structstore diff robot robot.snapshot\n  structstore diff yesterday.yaml robot drive.gains\n  structstore diff robot simulation --json | jq -r '.[].path'\n  structstore dump robot - | ssh other structstore diff robot -"
)]
pub(crate) struct Diff {
    /// A store or a file
    #[arg(value_name = "A")]
    pub(crate) old: OsString,
    /// A store or a file to compare it with
    #[arg(value_name = "B")]
    pub(crate) new: OsString,
    /// The part to compare
    #[arg(default_value = "", hide_default_value = true)]
    pub(crate) path: Path,
    /// Report numbers of different types, and arrays and lists, as different
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
/// The environment variable STRUCTSTORE_NAME tells the command the name. Signals are forwarded to it.
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

#[cfg(feature = "record")]
fn looks(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "expected a number of times per second".to_owned())?;
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
            _ => Err("expected `all`, `none` or a number of changes".to_owned()),
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
        _ => Err("expected a number of bytes, such as 500MB".to_owned()),
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
    #[arg(long = "topic", alias = "topics", value_name = "TOPIC")]
    pub(crate) topics: Vec<String>,
    /// Replace an existing store
    #[arg(long)]
    pub(crate) overwrite: bool,
}

#[cfg(feature = "record")]
fn speed(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(speed) if structstore_record::SPEEDS.contains(&speed) => Ok(speed),
        _ => Err("expected a number from 0.001 to 1000".to_owned()),
    }
}

/// Show what a recording contains.
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

/// Show a live store in the browser: a tree, plots, pictures, and sliders for the fields that pages may change.
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
    /// Let pages change PATH and everything below it; can be given several times
    #[arg(long = "write", value_name = "PATH")]
    pub(crate) writable: Vec<Path>,
    /// Let pages change everything
    #[arg(long, conflicts_with = "writable")]
    pub(crate) write_all: bool,
    /// Send changes to pages at most this many times a second
    #[arg(long, value_name = "HZ", value_parser = rate, default_value = "30")]
    pub(crate) rate: f64,
    /// Listen on this address and port; the default is a free port of 127.0.0.1
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
    let rate: f64 = text.parse().map_err(|_| "expected a number of times per second".to_owned())?;
    match rate {
        0.1..=240.0 => Ok(rate),
        _ => Err(format!("found {rate}, expected a number from 0.1 to 240")),
    }
}

/// An address with a port, or without one.
#[cfg(feature = "serve")]
fn address(text: &str) -> Result<SocketAddr, String> {
    let expected = "expected an address such as 127.0.0.1:8080 or [::1]:8080";
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
    /// The arguments of that program
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
    pub(crate) arguments: Vec<OsString>,
}

/// Print a shell completion script for this command.
///
/// It completes subcommands, options, names of stores, paths in them, and the declared choices of a field. For the last three, the shell
/// runs this command, which reads the store without leaving a trace and gives up after a fifth of a second.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  structstore completions bash > ~/.local/share/bash-completion/completions/structstore\n  source <(structstore completions zsh)   # in ~/.zshrc, after compinit\n  structstore completions fish > ~/.config/fish/completions/structstore.fish"
)]
pub(crate) struct Completions {
    /// The shell
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
