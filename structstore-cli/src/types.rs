//! What is said of the type of a field, and of its metadata, on the line of the field.

use structstore::Meta;
use structstore::typed::Schema;

use crate::output::{FAINT, Output, PLAIN};
use crate::text::{self, quoted};

/// The type, without what is in a struct.
pub(crate) fn type_of(schema: &Schema) -> String {
    match schema {
        Schema::Struct { .. } => "struct".to_owned(),
        Schema::Optional(inner) => format!("null or {}", type_of(inner)),
        Schema::List(Some(item)) => format!("list of {}", type_of(item)),
        Schema::Map(Some(value)) => format!("struct of {}", type_of(value)),
        Schema::Stream { sample, depth } => format!("stream of {depth} samples, each {}", type_of(sample)),
        other => other.to_string(),
    }
}

/// Prints limits, unit and summary of a field on the rest of a line.
pub(crate) fn tell(meta: &Meta, output: &mut Output) {
    let limits = meta.to_string();
    let word = |set: bool, word: &str| set.then(|| word.to_owned());
    let parts = [
        (!limits.is_empty()).then_some(limits),
        unit(meta),
        word(meta.read_only, "read-only"),
        word(meta.growable, "growable"),
        word(meta.widened, "widened"),
    ];
    for part in parts.into_iter().flatten() {
        output.styled(PLAIN, ", ");
        output.styled(PLAIN, &text::line(&part));
    }
    if let Some(summary) = meta.description.lines().map(str::trim).find(|line| !line.is_empty()) {
        output.styled(FAINT, &format!("  -- {}", text::line(summary)));
    }
    output.print("\n");
}

/// The other names of a field, as they are shown behind its own.
pub(crate) fn also(meta: &Meta) -> String {
    let names: Vec<String> = meta.aliases.iter().map(|alias| quoted(alias).to_string()).collect();
    if names.is_empty() { String::new() } else { format!(" (also {})", names.join(", ")) }
}

fn unit(meta: &Meta) -> Option<String> {
    (!meta.unit.is_empty()).then(|| format!("in {}", meta.unit))
}
