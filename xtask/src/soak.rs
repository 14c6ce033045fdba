use crate::step::{self, Result};
use crate::venv::{PYTHON_FOR_TESTS, Venv};
use crate::workspace::Workspace;

/// For how long the soak runs, in seconds, as its test is told.
const SECONDS: &str = "STRUCTSTORE_SOAK";

/// Runs four processes, in Rust and Python, that change one store and are killed at random. `--seconds N` says for how
/// long; a minute unless given.
///
/// # Errors
///
/// If an argument is not understood, the wheel cannot be built, or a fault is found.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result {
    let seconds = match args {
        [] => 60,
        [option, seconds] if option == "--seconds" => {
            seconds.parse().map_err(|_| format!("expected a number of seconds, found {seconds:?}"))?
        }
        other => return Err(format!("expected `--seconds N`, found {other:?}").into()),
    };
    let venv = Venv::new(workspace);
    let python = venv.python_with_wheel()?;
    let mut soak = workspace.cargo();
    soak.args([
        "test",
        "--locked",
        "--release",
        "-p",
        "structstore-tests",
        "--test",
        "soak",
        "--",
        "--nocapture",
    ]);
    step::run(soak.env(PYTHON_FOR_TESTS, python).env(SECONDS, u64::to_string(&seconds)))
}
