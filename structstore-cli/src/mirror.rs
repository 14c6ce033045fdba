//! `mirror`: a program of its own, which is large. It is run in place of this one.

use std::env;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use crate::arguments::Mirror;
use crate::failure::{Failure, Result};

const PROGRAM: &str = "structstore-mirror";

pub(crate) fn run(options: &Mirror) -> Result<u8> {
    let error = Command::new(program()).args(&options.arguments).exec();
    match error.kind() {
        std::io::ErrorKind::NotFound => Err(Failure::Other(format!(
            "{PROGRAM} is not installed: `pip install structstore-rs[mirror]`, or `cargo install structstore-mirror`"
        ))),
        _ => Err(Failure::File { action: "run", place: PROGRAM.to_owned(), source: error }),
    }
}

/// Beside this program, or wherever programs are found.
fn program() -> PathBuf {
    let beside = env::current_exe().ok().and_then(|program| Some(program.parent()?.join(PROGRAM)));
    beside.filter(|program| program.is_file()).unwrap_or_else(|| PathBuf::from(PROGRAM))
}
