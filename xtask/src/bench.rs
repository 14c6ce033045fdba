use std::process::Command;
use std::time::SystemTime;

use crate::step::{self, Result};
use crate::venv::{PYTHON_FOR_TESTS, Venv};
use crate::workspace::Workspace;
use crate::{compile, peers, ratios, show};

/// Runs the Rust benchmarks, then those of Python. `args` are cargo's: filters, then `--` and what only the
/// Rust harness understands.
///
/// # Errors
///
/// If the wheel cannot be built or a benchmark fails.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result {
    match args {
        [only] if only == "derive" => return compile::run(workspace),
        [only] if only == "show" => return show::run(workspace),
        [first, rest @ ..] if first == "peers" => return peers::run(workspace, rest),
        [first, ..] if first == "--check" => return peers::run(workspace, args),
        _ => {}
    }
    let venv = Venv::for_benchmarks(workspace);
    let python = venv.python_with_wheel()?;
    let mut bench = workspace.cargo();
    bench.args(["bench", "--locked", "-p", "structstore-tests"]).args(args);
    let start = SystemTime::now();
    step::run(bench.env(PYTHON_FOR_TESTS, python))?;
    ratios::print(&workspace.target, start);

    if args.is_empty() {
        compile::run(workspace)?;
        show::run(workspace)?;
    }
    let script = workspace.root.join("tests/python/bench.py");
    if !script.exists() {
        return Ok(());
    }
    let filters = args.iter().take_while(|arg| *arg != "--");
    step::run(Command::new(python).arg(script).args(filters).current_dir(&workspace.root))
}
