//! The fuzzers: libFuzzer with AddressSanitizer.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::sanitize::{host, nightly};
use crate::step::{self, Result, Steps};
use crate::workspace::Workspace;

/// The binaries of the package in `fuzz`.
pub(crate) const TARGETS: [&str; 7] =
    ["snapshot", "segment", "operations", "schema", "command", "recording", "message"];

/// What `cargo fuzz` would pass: inputs are chosen by what code they reach, and comparisons are told to libFuzzer.
const FLAGS: &str = "-Zsanitizer=address -Cpasses=sancov-module \
                     -Cllvm-args=-sanitizer-coverage-level=4 \
                     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
                     -Cllvm-args=-sanitizer-coverage-pc-table \
                     -Cllvm-args=-sanitizer-coverage-trace-compares";

/// Runs every fuzzer for so many seconds, or the one that is named; a minute unless given.
///
/// New inputs are kept in `target/fuzz/corpus`, and start the next run; what fails is put into `target/fuzz/found`.
///
/// # Errors
///
/// If an argument is not understood, there is no nightly toolchain, or a fault is found.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result {
    let (targets, seconds) = wanted(args)?;
    let scratch = workspace.target.join("fuzz");
    fs::create_dir_all(&scratch)?;
    let nightly =
        nightly(&scratch).map_err(|error| format!("{error}; `rustup toolchain install nightly`"))?;
    let host = host(&nightly).ok_or("rustc does not name its host")?;
    let mut build = Command::new("rustup");
    build.args(["run", "nightly", "cargo", "build", "--locked", "--release", "--target", host]);
    build.current_dir(workspace.root.join("fuzz"));
    step::run(build.env("RUSTFLAGS", FLAGS).env("CARGO_TARGET_DIR", &scratch))?;
    let programs = scratch.join(host).join("release");
    let mut steps = Steps::new();
    // One that has found something is no reason not to run the others.
    let failures: Vec<_> = targets
        .iter()
        .filter_map(|target| {
            steps.run(target, "fuzzing", || fuzz(workspace, &programs.join(target), target, seconds)).err()
        })
        .map(|error| error.to_string())
        .collect();
    eprintln!("{}", steps.summary());
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n").into()) }
}

fn wanted(args: &[String]) -> Result<(Vec<&'static str>, u64)> {
    let (target, rest) = match args {
        [first, rest @ ..] if !first.starts_with('-') => (Some(first), rest),
        all => (None, all),
    };
    let seconds = match rest {
        [] => 60,
        [option, seconds] if option == "--seconds" => {
            seconds.parse().map_err(|_| format!("expected a number of seconds, found {seconds:?}"))?
        }
        other => return Err(format!("expected `[TARGET] [--seconds N]`, found {other:?}").into()),
    };
    let known = |wanted: &String| {
        let found = TARGETS.into_iter().find(|target| target == wanted);
        found.ok_or_else(|| format!("no target named {wanted:?}; they are {}", TARGETS.join(", ")))
    };
    Ok((target.map_or(Ok(TARGETS.to_vec()), |target| known(target).map(|target| vec![target]))?, seconds))
}

fn fuzz(workspace: &Workspace, program: &Path, target: &str, seconds: u64) -> Result {
    let scratch = workspace.target.join("fuzz");
    let (corpus, found) = (scratch.join("corpus").join(target), scratch.join("found").join(target));
    fs::create_dir_all(&corpus)?;
    fs::create_dir_all(&found)?;
    let mut fuzzer = Command::new(program);
    fuzzer.arg(format!("-max_total_time={seconds}")).arg(format!("-artifact_prefix={}/", found.display()));
    // A run that takes longer than this hangs.
    fuzzer.args(["-timeout=20", "-rss_limit_mb=4096", "-max_len=4096", "-print_final_stats=1"]);
    fuzzer.arg(&corpus);
    for inputs in ["corpus", "regressions"] {
        let folder = workspace.root.join("fuzz").join(inputs).join(target);
        if folder.is_dir() {
            fuzzer.arg(folder);
        }
    }
    step::run(&mut fuzzer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted_of(args: &[&str]) -> std::result::Result<(Vec<&'static str>, u64), String> {
        let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
        wanted(&args).map_err(|error| error.to_string())
    }

    #[test]
    fn a_target_and_a_time_may_be_named() {
        assert_eq!(wanted_of(&[]), Ok((TARGETS.to_vec(), 60)));
        assert_eq!(wanted_of(&["--seconds", "5"]), Ok((TARGETS.to_vec(), 5)));
        assert_eq!(wanted_of(&["schema", "--seconds", "5"]), Ok((vec!["schema"], 5)));
        assert!(wanted_of(&["schemata"]).unwrap_err().contains(&TARGETS.join(", ")));
        for args in [&["--seconds"][..], &["snapshot", "schema"], &["--second", "5"]] {
            assert!(wanted_of(args).unwrap_err().contains("expected `[TARGET] [--seconds N]`"), "{args:?}");
        }
        assert!(wanted_of(&["--seconds", "x"]).unwrap_err().contains("a number of seconds"));
    }
}
