//! The comparison with what one would use instead: the package in `benches/peers`.

use std::fs;
use std::process::Command;

use crate::step::{self, Result};
use crate::venv::Venv;
use crate::workspace::Workspace;

/// Runs the comparison. `args` are `--check`, which fails where a ratio is over its limit by more than a tenth, and a
/// part with a filter; the part `python` is the Python half.
///
/// # Errors
///
/// If something cannot be built, or a limit is missed and `--check` was given.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result {
    let package = workspace.root.join("benches/peers");
    let (options, words): (Vec<_>, Vec<_>) = args.iter().partition(|arg| arg.starts_with('-'));
    if let Some(unknown) = options.iter().find(|option| **option != "--check") {
        return Err(format!("expected `[--check] [PART [FILTER]]`, found {unknown:?}").into());
    }
    let python_only = words.first().is_some_and(|part| *part == "python");
    let mut missed = Vec::new();
    if !python_only {
        let mut native = workspace.cargo();
        native.args(["run", "--locked", "--release", "--manifest-path"]).arg(package.join("Cargo.toml"));
        native.env("CARGO_TARGET_DIR", workspace.target.join("peers")).arg("--").args(&options).args(&words);
        missed.extend(step::run(&mut native).err());
    }
    if python_only || words.is_empty() {
        let venv = Venv::for_benchmarks(workspace);
        let python = venv.python_with_wheel()?;
        for requirement in fs::read_to_string(package.join("requirements.txt"))?.lines() {
            // What has no wheel for this interpreter is left out.
            let requirement = requirement.split('#').next().unwrap_or_default().trim();
            if !requirement.is_empty() && venv.pip_install(["--only-binary", ":all:", requirement]).is_err() {
                eprintln!("{requirement} is left out");
            }
        }
        let mut compared = Command::new(python);
        compared.arg(package.join("peers.py")).args(&options).args(words.iter().skip(1));
        // It has the same name, and is compiled here: README.md says what that takes.
        let original = venv.another("venv-original");
        match original.pip_install(["structstore==0.6.1", "numpy"]) {
            Ok(()) => drop(compared.arg("--original").arg(original.python()?)),
            Err(_) => eprintln!("the C++ original is left out"),
        }
        missed.extend(step::run(compared.current_dir(&workspace.root)).err());
    }
    match missed.pop() {
        Some(error) => Err(error),
        None => Ok(()),
    }
}
