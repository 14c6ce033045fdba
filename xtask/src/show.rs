//! How long the command-line tool takes to show a large store, as a whole process.

use std::fmt::Write as _;
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::step::{self, Result};
use crate::workspace::Workspace;

const FIELDS: usize = 10_000;
const RUNS: usize = 50;
const LIMIT: Duration = Duration::from_millis(50);

/// Shows a store of many fields many times, and prints the median.
///
/// # Errors
///
/// If the tool does not build or fails.
pub(crate) fn run(workspace: &Workspace) -> Result {
    step::run(workspace.cargo().args([
        "build",
        "--release",
        "--locked",
        "--quiet",
        "-p",
        "structstore-cli",
    ]))?;
    let tool = workspace.target.join("release/structstore");
    let document = workspace.target.join("show.json");
    let mut fields = String::new();
    for field in 0..FIELDS {
        write!(fields, "{}\"field {field}\": {field}", if field == 0 { "" } else { ", " })?;
    }
    fs::write(&document, format!("{{{fields}}}"))?;
    let store = workspace.target.join("show.store");
    step::run(Command::new(&tool).arg("load").arg(document).arg("--file").arg(&store))?;

    let mut times = Vec::new();
    for _ in 0..RUNS {
        let start = Instant::now();
        step::run(Command::new(&tool).args(["show", "--file"]).arg(&store).stdout(Stdio::null()))?;
        times.push(start.elapsed());
    }
    fs::remove_file(store)?;
    times.sort();
    let median = times[RUNS / 2];
    let remark = if median <= LIMIT { "" } else { "  over" };
    println!("\nstructstore show of {FIELDS} fields: {median:.1?}, at most {LIMIT:?}{remark}");
    Ok(())
}
