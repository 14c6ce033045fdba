//! The tests under tools that watch every access to memory.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use crate::step::{self, Result, Steps, shown};
use crate::venv::PYTHON_FOR_TESTS;
use crate::workspace::Workspace;

/// How long one build, or the tests of one program, may take.
const LIMIT: Duration = Duration::from_secs(20 * 60);

const POLL: Duration = Duration::from_millis(20);

/// Runs both halves, or the one whose tool is installed.
///
/// # Errors
///
/// If an argument is given, a half fails, or neither can run.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result {
    if let Some(arg) = args.first() {
        return Err(format!("expected no argument, found {arg:?}").into());
    }
    let scratch = workspace.target.join("sanitize");
    fs::create_dir_all(&scratch)?;
    let mut steps = Steps::new();
    let (mut skipped, mut failures) = (0, Vec::new());
    for half in &HALVES {
        match (half.tool)(&scratch) {
            Ok(tool) => {
                let outcome = steps.run(half.name, half.title, || (half.check)(workspace, &scratch, &tool));
                failures.extend(outcome.err().map(|error| error.to_string()));
            }
            Err(error) => {
                eprintln!("== {}: skipped, because {error}; to install it: {}", half.name, half.install);
                skipped += 1;
            }
        }
    }
    eprintln!("{}", steps.summary());
    match failures.is_empty() {
        true if skipped < HALVES.len() => Ok(()),
        true => Err("nothing ran".into()),
        false => Err(failures.join("\n").into()),
    }
}

struct Half {
    name: &'static str,
    title: &'static str,
    /// What the tool says of itself, if it is installed.
    tool: fn(&Path) -> Result<String>,
    install: &'static str,
    check: fn(&Workspace, &Path, &str) -> Result,
}

const HALVES: [Half; 2] = [
    Half {
        name: "asan",
        title: "tests within a process, under AddressSanitizer",
        tool: nightly,
        install: "rustup, then `rustup toolchain install nightly`",
        check: asan,
    },
    Half {
        name: "memcheck",
        title: "tests across processes, under valgrind",
        tool: valgrind,
        install: "the package `valgrind` of the distribution",
        check: memcheck,
    },
];

pub(crate) fn nightly(scratch: &Path) -> Result<String> {
    output(scratch, Command::new("rustup").args(["run", "nightly", "rustc", "-vV"]))
}

fn valgrind(scratch: &Path) -> Result<String> {
    output(scratch, Command::new("valgrind").arg("--version"))
}

/// Leaks are looked for as well, since no test means to leak anything.
fn asan(workspace: &Workspace, scratch: &Path, nightly: &str) -> Result {
    let host = host(nightly).ok_or("rustc does not name its host")?;
    // The cargo that runs us belongs to another toolchain.
    let mut build = Command::new("rustup");
    build.args(["run", "nightly", "cargo", "test", "--locked", "-p", "structstore-core", "--lib"]);
    build.args(["-p", "structstore-tests", "--test", "values", "--test", "errors", "--test", "model"]);
    build
        .args(["--test", "derive", "--test", "fields", "--test", "serde", "--test", "transactions"])
        .current_dir(&workspace.root);
    // With a target named, the flag does not reach what runs in the compiler: derive macros and build scripts.
    build.args(["--target", host]).env("RUSTFLAGS", "-Zsanitizer=address");
    build.env("CARGO_TARGET_DIR", workspace.target.join("asan"));
    for program in test_programs(scratch, &mut build)? {
        run_test(workspace, &mut Command::new(program))?;
    }
    Ok(())
}

/// The peers that the tests start are watched too. 64 GiB of address space are more than valgrind grants, so that
/// this also tests doing with less.
fn memcheck(workspace: &Workspace, scratch: &Path, _: &str) -> Result {
    let mut build = workspace.cargo();
    build.args(["test", "--locked", "-p", "structstore-tests", "--test", "processes"]);
    for program in test_programs(scratch, &mut build)? {
        let mut tests = Command::new("valgrind");
        tests.args(["-q", "--error-exitcode=1", "--trace-children=yes"]);
        // Else a thread that waits for another by looking may keep the only turn there is.
        tests.arg("--fair-sched=yes");
        // The search for leaks reads all address space of a store that is open at the end, which takes hours.
        tests.arg("--leak-check=no");
        tests.arg(program).arg("--test-threads=1");
        // One copies a gigabyte, one runs `mount`, which valgrind may not, and one starts processes by the hundred.
        tests.args(["--skip", "readers_go_on_while_the_segment_grows"]);
        tests.args(["--skip", "a_full_file_system_is_an_error"]);
        tests.args(["--skip", "who_opens_while_the_last_one_closes_has_what_others_see"]);
        run_test(workspace, tests.env_remove(PYTHON_FOR_TESTS))?;
    }
    Ok(())
}

/// The target triple in what `rustc -vV` prints.
pub(crate) fn host(version: &str) -> Option<&str> {
    version.lines().find_map(|line| line.strip_prefix("host: "))
}

/// Builds what a `cargo test` would run.
///
/// They are not run by cargo because the names of segments have the process id of the test in them, and cargo does
/// not tell it.
fn test_programs(scratch: &Path, build: &mut Command) -> Result<Vec<PathBuf>> {
    let messages = output(scratch, build.args(["--no-run", "--message-format=json-render-diagnostics"]))?;
    let programs: Vec<_> = messages.lines().filter_map(test_program).collect();
    match programs.is_empty() {
        true => Err(format!("`{}` built no test", shown(build)).into()),
        false => Ok(programs),
    }
}

/// The program that a message of cargo is about, if it is a test.
fn test_program(message: &str) -> Option<PathBuf> {
    // What is before says whether it could be built as a test.
    let (_, built) = message.split_once("\"profile\":")?;
    let (_, path) = built.split_once("\"executable\":\"").filter(|_| built.contains("\"test\":true"))?;
    Some(path.split_once('"')?.0.into())
}

fn run_test(workspace: &Workspace, test: &mut Command) -> Result {
    eprintln!("$ {}", shown(test));
    run_within(LIMIT, test.current_dir(&workspace.root))
}

/// Runs a command to its end and returns what it printed. A file takes that in, which cannot fill up like a pipe.
fn output(scratch: &Path, command: &mut Command) -> Result<String> {
    let path = scratch.join("output");
    run_within(LIMIT, command.stdout(File::create(&path)?))?;
    Ok(fs::read_to_string(path)?)
}

/// Runs a command to its end, with no input, and ends what it has started itself and left running. If it is a test,
/// none of its segments remain.
fn run_within(limit: Duration, command: &mut Command) -> Result {
    let mut child = step::spawn(command.process_group(0))?;
    let outcome = wait(limit, command, &mut child);
    // The group keeps the number of the child for as long as anybody is in it. Fails if nobody is.
    let mut kill = Command::new("sh");
    let _ = step::run(kill.args(["-c", "kill -KILL -$0 2>/dev/null"]).arg(child.id().to_string()));
    child.wait()?;
    outcome.and(remove_left_over(child.id()))
}

fn wait(limit: Duration, command: &Command, child: &mut Child) -> Result {
    let started = Instant::now();
    loop {
        match child.try_wait()? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(format!("`{}` ended with {status}", shown(command)).into()),
            None if started.elapsed() > limit => {
                return Err(format!("killed `{}`: still running after {limit:?}", shown(command)).into());
            }
            None => thread::sleep(POLL),
        }
    }
}

/// Removes the segments of a test that was killed or crashed.
fn remove_left_over(test: u32) -> Result {
    let mut removed = Vec::new();
    for entry in fs::read_dir("/dev/shm")? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_str().and_then(owner) == Some(test) {
            fs::remove_file(entry.path())?;
            removed.push(name);
        }
    }
    match removed.is_empty() {
        true => Ok(()),
        false => Err(format!("left behind in /dev/shm, and removed now: {removed:?}").into()),
    }
}

/// The process that a segment belongs to, by the name that `SegmentName` in `tests/src/lib.rs` gave it.
fn owner(segment: &str) -> Option<u32> {
    segment.strip_prefix("structstore_test_")?.rsplit('_').nth(2)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn only_tests_are_test_programs() {
        let message = |test, executable| {
            format!(r#"{{"target":{{"test":true}},"profile":{{"test":{test}}},"executable":{executable}}}"#)
        };
        assert_eq!(test_program(&message(true, r#""/deps/values-1""#)), Some("/deps/values-1".into()));
        assert_eq!(test_program(&message(false, r#""/debug/peer""#)), None);
        assert_eq!(test_program(&message(true, "null")), None);
        assert_eq!(test_program(r#"{"reason":"build-finished","success":true}"#), None);
    }

    #[test]
    fn host_is_found() {
        assert_eq!(host("rustc 1.97.0\nhost: x86_64-unknown-linux-gnu\n"), Some("x86_64-unknown-linux-gnu"));
        assert_eq!(host("rustc 1.97.0\n"), None);
    }

    #[test]
    fn segments_tell_their_owner() {
        assert_eq!(owner("structstore_test_two_words_4711_0_18ea7c91a825f9d7"), Some(4711));
        assert_eq!(owner("structstore_demo_4711"), None);
        assert_eq!(owner("structstore_test_short"), None);
    }

    #[test]
    fn nothing_is_left_of_a_command_that_takes_too_long() {
        let script = "touch /dev/shm/structstore_test_left_$$_0_0; sleep 60 & sleep 60";
        let (reader, writer) = io::pipe().unwrap();
        let started = Instant::now();
        let limit = Duration::from_millis(500);
        let error = run_within(limit, Command::new("sh").args(["-c", script]).stdout(writer)).unwrap_err();
        assert!(error.to_string().starts_with("killed `sh -c "), "{error}");
        // Whoever is left has the other end.
        assert_eq!(io::read_to_string(reader).unwrap(), "");
        assert!(started.elapsed() < Duration::from_secs(30));
        let mut segments = fs::read_dir("/dev/shm").unwrap().map(|entry| entry.unwrap().file_name());
        assert!(!segments.any(|name| name.to_string_lossy().contains("structstore_test_left_")));
    }

    #[test]
    fn a_segment_that_is_left_is_an_error() {
        let script = "touch /dev/shm/structstore_test_forgotten_$$_0_0";
        let error = run_within(LIMIT, Command::new("sh").args(["-c", script])).unwrap_err().to_string();
        assert!(error.starts_with("left behind in /dev/shm"), "{error}");
    }
}
