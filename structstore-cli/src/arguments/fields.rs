//! Commands for the declarations of fields: `describe`, `declare`, `undeclare`, `reset` and `schema`.

use clap::Args;
use structstore::Scalar;
use structstore::path::Path;

use super::Name;
use super::parse::number;

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
