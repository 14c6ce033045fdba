use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::docs;
use crate::install;
use crate::order;
use crate::page::Page;
use crate::programs;
use crate::release;
use crate::step::{self, Result, Steps};
use crate::venv::{PYTHON_FOR_TESTS, Venv};
use crate::workspace::Workspace;

/// The variable that has suites run whole; see `tests/src/sample.rs`.
const EXHAUSTIVE: &str = "STRUCTSTORE_EXHAUSTIVE";

/// Runs every step in order, or the ones named by `--only`, up to the first that fails. With `--exhaustive`, the whole of those
/// suites of which only a part runs without.
///
/// # Errors
///
/// If an argument is not understood or a step fails.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result {
    let Wanted { names, extent } = wanted(args)?;
    let venv = Venv::new(workspace);
    let mut steps = Steps::new();
    let runs = |step: &&Step| match extent {
        Extent::Sample => !step.slow,
        Extent::Whole => step.slow || step.suites.is_some(),
    };
    let outcome = STEPS
        .iter()
        .filter(|step| if names.is_empty() { runs(step) } else { names.contains(&step.name) })
        .try_for_each(|step| steps.run(step.name, step.title, || (step.check)(workspace, &venv, extent)));
    eprintln!("{}", steps.summary());
    match extent {
        Extent::Sample => {
            let suites: Vec<_> = STEPS.iter().filter_map(|step| step.suites).collect();
            eprintln!("sampled: {}; `cargo xtask test --exhaustive` runs them whole", suites.join(", "));
        }
        Extent::Whole => eprintln!("slices were chosen by {EXHAUSTIVE}={}", number_of_the_day()),
    }
    outcome
}

/// The names that `--only` takes.
pub(crate) fn step_names() -> String {
    STEPS.map(|step| step.name).join(", ")
}

/// How much of a suite runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Extent {
    /// A part of each of the large ones, and all others.
    Sample,
    /// All of the large ones, but for slices of the largest, which differ from day to day.
    Whole,
}

impl Extent {
    /// Tells tests.
    fn tell(self, command: &mut Command) -> &mut Command {
        match self {
            Extent::Sample => command.env_remove(EXHAUSTIVE),
            Extent::Whole => command.env(EXHAUSTIVE, number_of_the_day()),
        }
    }
}

fn number_of_the_day() -> String {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (time.as_secs() / (24 * 60 * 60)).to_string()
}

/// What is tested of the library beyond its default.
const FEATURES: &str = "structstore-core/serde,structstore-core/ndarray,structstore-core/stream";

#[derive(Clone, Copy)]
struct Step {
    name: &'static str,
    title: &'static str,
    /// Whether it runs in the exhaustive half only, or by its name: it takes minutes to build.
    slow: bool,
    /// What of it is sampled.
    suites: Option<&'static str>,
    check: fn(&Workspace, &Venv<'_>, Extent) -> Result,
}

impl Step {
    const fn new(
        name: &'static str,
        title: &'static str,
        check: fn(&Workspace, &Venv<'_>, Extent) -> Result,
    ) -> Step {
        Step { name, title, slow: false, suites: None, check }
    }

    const fn slow(self) -> Step {
        Step { slow: true, ..self }
    }

    const fn sampled(self, suites: &'static str) -> Step {
        Step { suites: Some(suites), ..self }
    }
}

const STEPS: [Step; 17] = [
    Step::new("fmt", "formatting", fmt),
    Step::new("order", "which modules use which", order),
    Step::new("page", "the page of the live viewer, and its unit tests", page),
    Step::new("clippy", "lints, in every target", clippy),
    Step::new("python", "the wheel, built and installed", python),
    Step::new("rust", "tests in Rust, and across languages", rust).sampled(
        "damage that check finds, damage beside others, damage and the tool, what must not compile, the soak",
    ),
    Step::new("deaths", "a death at stores to shared memory", deaths).sampled("deaths"),
    Step::new("hostile", "stores with words changed", hostile).sampled("hostile bytes"),
    Step::new("doc", "documentation", doc),
    Step::new("loom", "the lock protocol, model-checked", loom).sampled("loom's interleavings"),
    Step::new("pytest", "tests in Python", pytest).sampled("hostile bytes and killed recorders in Python"),
    Step::new("types", "type stubs", types),
    Step::new("browser", "the live viewer in a browser", browser),
    Step::new("mirror", "mirrors, through Zenoh", mirror).slow(),
    Step::new("c", "the library for C and C++, installed", c).slow(),
    Step::new("docs", "the documentation site", docs).slow(),
    Step::new("release", "what a release publishes", release).slow(),
];

/// What arguments ask for.
struct Wanted<'a> {
    names: Vec<&'a str>,
    extent: Extent,
}

fn wanted(args: &[String]) -> Result<Wanted<'_>> {
    let mut wanted = Wanted { names: Vec::new(), extent: Extent::Sample };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        if arg == "--exhaustive" {
            wanted.extent = Extent::Whole;
            continue;
        }
        let name = match arg.strip_prefix("--only") {
            Some("") => args.next().map(String::as_str),
            Some(rest) => rest.strip_prefix('='),
            None => None,
        };
        match name {
            Some(name) if STEPS.iter().any(|step| step.name == name) => wanted.names.push(name),
            Some(name) => return Err(format!("no step named {name:?}; they are {}", step_names()).into()),
            None => return Err(format!("expected `--only STEP` or `--exhaustive`, found {arg:?}").into()),
        }
    }
    Ok(wanted)
}

fn fmt(workspace: &Workspace, _: &Venv<'_>, _: Extent) -> Result {
    step::run(workspace.cargo().args(["fmt", "--all", "--check"]))
}

fn order(workspace: &Workspace, _: &Venv<'_>, _: Extent) -> Result {
    order::check(workspace)
}

fn page(workspace: &Workspace, _: &Venv<'_>, _: Extent) -> Result {
    Page::new(workspace).check()
}

fn clippy(workspace: &Workspace, venv: &Venv<'_>, _: Extent) -> Result {
    let mut all = workspace.cargo();
    all.args([
        "clippy",
        "--workspace",
        "--exclude",
        "structstore-mirror",
        "--all-targets",
        "--all-features",
        "--locked",
    ]);
    step::run(all.args(["--", "-D", "warnings"]).env("PYO3_PYTHON", venv.python()?))?;
    // And the library as it is without its features.
    let mut bare = workspace.cargo();
    bare.args(["clippy", "--locked", "-p", "structstore-core", "--no-default-features"]);
    step::run(bare.args(["--", "-D", "warnings"]))
}

fn python(_: &Workspace, venv: &Venv<'_>, _: Extent) -> Result {
    venv.python_with_wheel().map(drop)
}

fn rust(workspace: &Workspace, venv: &Venv<'_>, extent: Extent) -> Result {
    let python = venv.python_with_wheel()?;
    let cargo = |args: &[&str]| {
        let mut tests = workspace.cargo();
        extent.tell(tests.args(["test", "--locked"]).args(args)).env(PYTHON_FOR_TESTS, python);
        tests
    };
    match extent {
        Extent::Sample => {
            // All that is to be built, examples included.
            step::run(&mut cargo(&["--features", FEATURES, "--no-run", "--quiet"]))?;
            programs::run(workspace, &mut cargo(&["--features", FEATURES, "--lib", "--bins", "--tests"]))?;
            step::run(&mut cargo(&["--features", FEATURES, "--doc"]))
        }
        Extent::Whole => {
            step::run(&mut cargo(&[
                "-p",
                "structstore-tests",
                "--test",
                "check",
                "--test",
                "neighbour",
                "--test",
                "soak",
            ]))?;
            step::run(&mut cargo(&["-p", "structstore-derive", "--test", "ui"]))?;
            step::run(&mut cargo(&["-p", "structstore-cli", "--test", "damaged"]))
        }
    }
}

fn deaths(workspace: &Workspace, _: &Venv<'_>, extent: Extent) -> Result {
    with_crash_points(workspace, "deaths", extent)
}

fn hostile(workspace: &Workspace, _: &Venv<'_>, extent: Extent) -> Result {
    with_crash_points(workspace, "hostile", extent)
}

/// A test in which processes die in the middle.
fn with_crash_points(workspace: &Workspace, test: &str, extent: Extent) -> Result {
    let mut tests = workspace.cargo();
    // Of the same packages as the other tests, so that what they depend on is not built once more.
    tests.args(["test", "--locked", "--features", &format!("{FEATURES},structstore-tests/crash-points")]);
    step::run(extent.tell(tests.args(["--test", test, "--", "--nocapture"])))
}

fn doc(workspace: &Workspace, _: &Venv<'_>, _: Extent) -> Result {
    let mut doc = workspace.cargo();
    doc.args([
        "doc",
        "--no-deps",
        "--locked",
        "-p",
        "structstore-core",
        "-p",
        "structstore-derive",
        "-p",
        "structstore-serve",
        "-p",
        "structstore-record",
        "-p",
        "structstore-c",
    ]);
    doc.args(["--features", FEATURES]);
    step::run(doc.env("RUSTDOCFLAGS", "-D warnings"))
}

/// Once for any processor; and, of the whole, the hints of locks once more without the fence that x86-64 and ARM do without, for
/// it would hide that another one is missing.
fn loom(workspace: &Workspace, _: &Venv<'_>, extent: Extent) -> Result {
    let all = ("--cfg loom", "loom", "model");
    let hints =
        (extent == Extent::Whole).then_some(("--cfg loom --cfg multi_copy", "loom-multi-copy", "hint"));
    for (flags, target, filter) in std::iter::once(all).chain(hints) {
        let mut models = workspace.cargo();
        models.args(["test", "--locked", "-p", "structstore-core", "--lib", "--profile", "tested", filter]);
        // A directory of its own, because the flags would otherwise rebuild everything here and in the next step.
        extent.tell(models.env("RUSTFLAGS", flags).env("CARGO_TARGET_DIR", workspace.target.join(target)));
        step::run(&mut models)?;
    }
    Ok(())
}

fn pytest(workspace: &Workspace, venv: &Venv<'_>, extent: Extent) -> Result {
    let mut pytest = Command::new(venv.python_with_wheel()?);
    let tests: &[&str] = match extent {
        Extent::Sample => &["tests/python"],
        Extent::Whole => &[
            "tests/python/test_hostile.py",
            "tests/python/test_recording.py::test_what_a_killed_recorder_leaves_is_whole",
        ],
    };
    pytest
        .args(["-m", "pytest", "--quiet", "--numprocesses", "auto"])
        .args(tests)
        .current_dir(&workspace.root);
    step::run(extent.tell(&mut pytest))?;
    if extent == Extent::Sample {
        return Ok(());
    }
    let (oldest, numpy) = venv.with_oldest_numpy()?;
    println!("the same with NumPy {numpy}");
    let mut pytest = Command::new(oldest.python()?);
    pytest.args(["-m", "pytest", "--quiet", "--numprocesses", "auto", "tests/python"]);
    step::run(pytest.current_dir(&workspace.root))
}

fn types(workspace: &Workspace, venv: &Venv<'_>, _: Extent) -> Result {
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

/// Lints, documentation and tests of a crate that nothing else here needs.
fn mirror(workspace: &Workspace, venv: &Venv<'_>, extent: Extent) -> Result {
    let of_crate = |command: &str, more: &[&str]| {
        let mut cargo = workspace.cargo();
        step::run(
            extent
                .tell(cargo.args([command, "--locked", "-p", "structstore-mirror"]).args(more))
                .env("RUSTDOCFLAGS", "-D warnings"),
        )
    };
    of_crate("clippy", &["--all-targets", "--", "-D", "warnings"])?;
    of_crate("doc", &["--no-deps"])?;
    of_crate("test", &[])?;
    let mut pytest = Command::new(venv.python_with_wheel()?);
    pytest.args(["-m", "pytest", "--quiet", "tests/mirror"]).current_dir(&workspace.root);
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(workspace.target.join("debug")).chain(env::split_paths(&path));
    step::run(extent.tell(pytest.env("PATH", env::join_paths(folders)?)))
}

fn c(workspace: &Workspace, _: &Venv<'_>, _: Extent) -> Result {
    install::check(workspace)
}

fn docs(workspace: &Workspace, _: &Venv<'_>, _: Extent) -> Result {
    docs::run(workspace)
}

fn release(workspace: &Workspace, _: &Venv<'_>, _: Extent) -> Result {
    release::run(workspace, &["--dry-run".to_owned()])
}

/// Where browsers are that the viewer is tested in, unless $CHROMIUM says so.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

fn browser(workspace: &Workspace, venv: &Venv<'_>, _: Extent) -> Result {
    let Some(browser) = find_browser() else {
        let names = BROWSERS.join(", ");
        println!("NOT RUN: tests of the live viewer need one of {names} in $PATH, or a path in $CHROMIUM");
        return Ok(());
    };
    let python = venv.python_with_wheel()?;
    let requirements = workspace.root.join("tests/browser/requirements.txt");
    venv.pip_install([OsStr::new("--requirement"), requirements.as_os_str()])?;
    let mut pytest = Command::new(python);
    pytest.args(["-m", "pytest", "--quiet", "tests/browser"]).current_dir(&workspace.root);
    pytest.env("CHROMIUM", browser).env("STRUCTSTORE_SHOTS", workspace.target.join("screenshots"));
    step::run(&mut pytest)
}

fn find_browser() -> Option<PathBuf> {
    let named = env::var_os("CHROMIUM").map(PathBuf::from);
    let folders: Vec<PathBuf> = env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect();
    let found = BROWSERS.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    named.or_else(|| found.into_iter().find(|path| path.exists()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted_of(args: &[&str]) -> std::result::Result<Vec<String>, String> {
        let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
        let wanted = wanted(&args).map_err(|error| error.to_string())?;
        Ok(wanted.names.into_iter().map(str::to_owned).collect())
    }

    #[test]
    fn only_names_known_steps() {
        assert_eq!(wanted_of(&[]).unwrap(), [""; 0]);
        assert_eq!(wanted_of(&["--only", "doc", "--only=fmt"]).unwrap(), ["doc", "fmt"]);
        assert!(wanted_of(&["--only", "dogs"]).unwrap_err().contains("they are fmt, order, page, clippy"));
        for args in [&["--only"][..], &["doc"], &["--onlydoc"]] {
            assert!(
                wanted_of(args).unwrap_err().contains("expected `--only STEP` or `--exhaustive`"),
                "{args:?}"
            );
        }
    }
}
