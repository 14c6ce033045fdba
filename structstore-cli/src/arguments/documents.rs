//! Commands for documents: `dump`, `load` and `diff`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use structstore::path::Path;

use super::Name;

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

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Snapshot,
    Json,
    Yaml,
}
