use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::step::{Result, shown};
use crate::venv::Venv;
use crate::workspace::Workspace;

/// Becomes a Python that can import structstore, in the caller's directory and with its input.
///
/// # Errors
///
/// Returns only if that fails.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result {
    let venv = Venv::new(workspace);
    let mut python = Command::new(venv.python_with_wheel()?);
    python.args(args);
    let error = python.exec();
    Err(format!("cannot start `{}`: {error}", shown(&python)).into())
}
