//! `diff`: how two stores or documents differ.

use std::ffi::OsStr;

use structstore::Value;
use structstore::path::Path;

use crate::arguments::Diff;
use crate::difference::{Comparison, Difference};
use crate::failure::{Failure, NO, Result};
use crate::item::brief;
use crate::json;
use crate::output::{FAINT, NAME, Output, PLAIN, TYPE};
use crate::path::shown;
use crate::source::Source;
use crate::text;

pub(crate) fn run(options: &Diff, output: &mut Output) -> Result<u8> {
    if options.old == "-" && options.new == "-" {
        return Err(Failure::Usage("only one of A and B can be standard input".to_owned()));
    }
    let read = |argument| Source::new(argument).value(&options.path, options.any_owner);
    let (old, new) = (read(&options.old)?, read(&options.new)?);
    if old.is_none() && new.is_none() {
        let what = format!("{}: no such field in either", shown(&options.path));
        return Err(Failure::Missing { what, near: None });
    }
    let differences = Comparison::of(&options.path, old.as_ref(), new.as_ref(), options.types);
    if options.json {
        let all: Vec<_> = differences.iter().map(report).collect();
        json::print(&all.into(), output)?;
    } else {
        differences.iter().try_for_each(|difference| print(difference, options, output))?;
    }
    Ok(if differences.is_empty() { 0 } else { NO })
}

fn print(difference: &Difference<'_>, options: &Diff, output: &mut Output) -> Result<()> {
    output.styled(NAME, &shown(&difference.path));
    output.styled(PLAIN, ": ");
    let only = |side: &OsStr| format!("only in {}", text::line(&side.to_string_lossy()));
    match (&difference.old, &difference.new, difference.elements) {
        (Some(_), None, _) => output.styled(FAINT, &only(&options.old)),
        (None, _, _) => output.styled(FAINT, &only(&options.new)),
        (Some(_), Some(_), Some((count, all))) => {
            output.styled(FAINT, &format!("{count} of {all} elements differ"));
        }
        (Some(old), Some(new), None) => {
            for (nth, value) in [old, new].into_iter().enumerate() {
                if nth > 0 {
                    output.styled(PLAIN, " -> ");
                }
                if options.types || old.kind() != new.kind() && brief(old)? == brief(new)? {
                    output.styled(TYPE, &format!("{} ", type_of(value)));
                }
                output.styled(PLAIN, &brief(value)?);
            }
        }
    }
    output.print("\n");
    Ok(())
}

fn type_of(value: &Value<'_>) -> String {
    match value {
        Value::Array(array) => text::line(&format!("{}{:?}", array.dtype(), array.shape())),
        other => other.kind().name().to_owned(),
    }
}

fn report(difference: &Difference<'_>) -> serde_json::Value {
    let mut report = serde_json::json!({ "path": difference.path.to_string() });
    for (side, value) in [("old", &difference.old), ("new", &difference.new)] {
        if let Some(value) = value {
            // What JSON has not, by name.
            let document = json::document(value, &Path::ROOT).unwrap_or_else(|_| value.to_string().into());
            report[side] = document;
            report[format!("{side}_type")] = type_of(value).into();
        }
    }
    report
}
