use std::fs;
use std::process::Command;

use crate::soak;
use crate::step::{self, Result, Steps};
use crate::venv::{PYTHON_FOR_TESTS, Venv};
use crate::workspace::Workspace;

/// Runs every step in order, or the ones named by `--only`, up to the first that fails.
///
/// # Errors
///
/// If an argument is not understood or a step fails.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result {
    let wanted = wanted(args)?;
    let venv = Venv::new(workspace);
    let mut steps = Steps::new();
    let outcome = STEPS
        .iter()
        .filter(|step| wanted.is_empty() || wanted.contains(&step.name))
        .try_for_each(|step| steps.run(step.name, step.title, || (step.check)(workspace, &venv)));
    eprintln!("{}", steps.summary());
    outcome
}

/// The names that `--only` takes.
pub(crate) fn step_names() -> String {
    STEPS.map(|step| step.name).join(", ")
}

#[derive(Clone, Copy)]
struct Step {
    name: &'static str,
    title: &'static str,
    check: fn(&Workspace, &Venv<'_>) -> Result,
}

const STEPS: [Step; 10] = [
    Step { name: "fmt", title: "formatting", check: fmt },
    Step { name: "clippy", title: "lints, in every target", check: clippy },
    Step { name: "python", title: "the wheel, built and installed", check: python },
    Step { name: "rust", title: "tests in Rust, and across languages", check: rust },
    Step { name: "deaths", title: "a death at every store to shared memory", check: deaths },
    Step { name: "hostile", title: "stores with any word changed", check: hostile },
    Step { name: "doc", title: "documentation", check: doc },
    Step { name: "loom", title: "the lock protocol, model-checked", check: loom },
    Step { name: "pytest", title: "tests in Python", check: pytest },
    Step { name: "types", title: "type stubs", check: types },
];

fn wanted(args: &[String]) -> Result<Vec<&str>> {
    let mut names = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let name = match arg.strip_prefix("--only") {
            Some("") => args.next().map(String::as_str),
            Some(rest) => rest.strip_prefix('='),
            None => None,
        };
        match name {
            Some(name) if STEPS.iter().any(|step| step.name == name) => names.push(name),
            Some(name) => return Err(format!("no step named {name:?}; they are {}", step_names()).into()),
            None => return Err(format!("expected `--only STEP`, found {arg:?}").into()),
        }
    }
    Ok(names)
}

fn fmt(workspace: &Workspace, _: &Venv<'_>) -> Result {
    step::run(workspace.cargo().args(["fmt", "--all", "--check"]))
}

fn clippy(workspace: &Workspace, venv: &Venv<'_>) -> Result {
    let mut all = workspace.cargo();
    all.args(["clippy", "--workspace", "--all-targets", "--all-features", "--locked"]);
    step::run(all.args(["--", "-D", "warnings"]).env("PYO3_PYTHON", venv.python()?))?;
    // And the library as it is without its features.
    let mut bare = workspace.cargo();
    bare.args(["clippy", "--locked", "-p", "structstore-core", "--no-default-features"]);
    step::run(bare.args(["--", "-D", "warnings"]))
}

fn python(_: &Workspace, venv: &Venv<'_>) -> Result {
    venv.python_with_wheel().map(drop)
}

fn rust(workspace: &Workspace, venv: &Venv<'_>) -> Result {
    let python = venv.python_with_wheel()?;
    let mut tests = workspace.cargo();
    tests.args([
        "test",
        "--locked",
        "--features",
        "structstore-core/serde,structstore-core/ndarray,structstore-core/stream",
    ]);
    step::run(tests.env(PYTHON_FOR_TESTS, python).env(soak::SECONDS, "60"))
}

fn deaths(workspace: &Workspace, _: &Venv<'_>) -> Result {
    let mut tests = workspace.cargo();
    tests.args(["test", "--locked", "-p", "structstore-tests", "--features", "crash-points"]);
    step::run(tests.args(["--test", "deaths", "--", "--nocapture"]))
}

fn hostile(workspace: &Workspace, _: &Venv<'_>) -> Result {
    let mut tests = workspace.cargo();
    tests.args(["test", "--locked", "-p", "structstore-tests", "--features", "crash-points"]);
    step::run(tests.args(["--test", "hostile", "--", "--nocapture"]))
}

fn doc(workspace: &Workspace, _: &Venv<'_>) -> Result {
    let mut doc = workspace.cargo();
    doc.args(["doc", "--no-deps", "--locked", "-p", "structstore-core", "-p", "structstore-derive"]);
    doc.args(["--features", "structstore-core/serde,structstore-core/ndarray,structstore-core/stream"]);
    step::run(doc.env("RUSTDOCFLAGS", "-D warnings"))
}

/// Once for any processor, and the hints of locks once more without the fence that x86-64 and ARM do without, for it would hide
/// that another one is missing.
fn loom(workspace: &Workspace, _: &Venv<'_>) -> Result {
    for (flags, target, filter) in
        [("--cfg loom", "loom", "model"), ("--cfg loom --cfg multi_copy", "loom-multi-copy", "hint")]
    {
        let mut models = workspace.cargo();
        models.args(["test", "--locked", "-p", "structstore-core", "--lib", "--release", filter]);
        // A directory of its own, because the flags would otherwise rebuild everything here and in the next step.
        step::run(models.env("RUSTFLAGS", flags).env("CARGO_TARGET_DIR", workspace.target.join(target)))?;
    }
    Ok(())
}

fn pytest(workspace: &Workspace, venv: &Venv<'_>) -> Result {
    let mut pytest = Command::new(venv.python_with_wheel()?);
    step::run(pytest.args(["-m", "pytest", "--quiet", "tests/python"]).current_dir(&workspace.root))
}

fn types(workspace: &Workspace, venv: &Venv<'_>) -> Result {
    let python = venv.python_with_wheel()?;
    let mut stubtest = Command::new(python);
    stubtest.args(["-m", "mypy.stubtest", "structstore"]).current_dir(&workspace.root);
    let allowlist = workspace.root.join("tests/python/stubtest-allowlist.txt");
    if fs::metadata(&allowlist).is_ok_and(|file| file.len() > 0) {
        stubtest.arg("--allowlist").arg(allowlist);
    }
    step::run(&mut stubtest)?;

    let mut mypy = Command::new(python);
    mypy.args(["-m", "mypy", "--strict", "tests/python/typed_sample.py"]).current_dir(&workspace.root);
    step::run(&mut mypy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted_of(args: &[&str]) -> std::result::Result<Vec<String>, String> {
        let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
        let names = wanted(&args).map_err(|error| error.to_string())?;
        Ok(names.into_iter().map(str::to_owned).collect())
    }

    #[test]
    fn only_names_known_steps() {
        assert_eq!(wanted_of(&[]).unwrap(), [""; 0]);
        assert_eq!(wanted_of(&["--only", "doc", "--only=fmt"]).unwrap(), ["doc", "fmt"]);
        assert!(wanted_of(&["--only", "docs"]).unwrap_err().contains("they are fmt, clippy"));
        for args in [&["--only"][..], &["doc"], &["--onlydoc"]] {
            assert!(wanted_of(args).unwrap_err().contains("expected `--only STEP`"), "{args:?}");
        }
    }
}
