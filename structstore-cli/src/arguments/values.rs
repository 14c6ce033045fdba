//! Commands for one value: `get`, `set`, `mv`, `push` and `rm`.

use std::path::PathBuf;

use clap::Args;
use structstore::path::Path;

use super::Name;

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
