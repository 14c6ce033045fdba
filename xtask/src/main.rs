//! The chores of this repository: `cargo xtask help`.
//!
//! Needs the standard library only, so that it builds in a second and before anything else does.

mod aarch64;
mod bench;
mod compile;
mod demo;
mod docs;
mod fuzz;
mod install;
mod licences;
mod order;
mod page;
mod peers;
mod programs;
mod py;
mod ratios;
mod release;
mod sanitize;
mod show;
mod soak;
mod step;
mod test;
mod venv;
mod wheel;
mod workspace;

use std::env;
use std::process::ExitCode;

use step::Result;
use workspace::Workspace;

const HELP: &str = "\
usage: cargo xtask <command>

  test [--only STEP]...             check everything, or some steps of: {steps}
       [--exhaustive]               the whole of what is sampled otherwise
  demo [--seconds N] [--plot FILE]  a Rust process shares its telemetry with a Python process
       [--serve]                    leaves it running, and shows it in the browser
       [--cpp]                      a control loop in C++ instead, which a Python process tunes
  bench [FILTER]... [-- ARG...]     run benchmarks of its own; only: `derive` (compiling), `show` (the tool), `serve` (the viewer), `record`, `mirror`
  bench peers [PART [FILTER]]       compare it with what one would use instead; PART `python`: in Python only
  bench --check                     the same, and fail where a ratio is over its limit by more than a tenth
  sanitize                          run tests under AddressSanitizer and valgrind, where those are installed
  fuzz [TARGET] [--seconds N]       run all fuzzers, or one of: {targets}
  aarch64 [wheel | COMMAND...]       run tests on emulated ARM, build and test the wheel for it, or run a command; takes root
  soak [--seconds N]                change a store in four processes that are killed at random
  install-c --prefix FOLDER         install headers and libraries for C and C++
  page                              build the page of the live viewer, by npm
  docs                              build the documentation site into target/docs
  release [--dry-run]               publish crates and packages; or everything but that
          [--with FOLDER]           with the wheels in a folder
  py [ARG]...                       start a Python that can import structstore
  help                              print this

$PYTHON names the Python (3.10 or later) to work with; `python3` otherwise.";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result {
    let mut args: Vec<String> = Vec::new();
    for arg in env::args_os().skip(1) {
        args.push(arg.into_string().map_err(|arg| format!("argument {arg:?} is not UTF-8"))?);
    }
    let workspace = Workspace::locate()?;
    match args.split_first() {
        Some((command, rest)) => match command.as_str() {
            "test" => test::run(&workspace, rest),
            "demo" => demo::run(&workspace, rest),
            "bench" => bench::run(&workspace, rest),
            "sanitize" => sanitize::run(&workspace, rest),
            "fuzz" => fuzz::run(&workspace, rest),
            "aarch64" => aarch64::run(&workspace, rest),
            "soak" => soak::run(&workspace, rest),
            "install-c" => install::run(&workspace, rest),
            "docs" => docs::run(&workspace),
            "release" => release::run(&workspace, rest),
            "page" => page::Page::new(&workspace).build(),
            "py" => py::run(&workspace, rest),
            // What Cargo runs tests by.
            "defer" => programs::defer(rest),
            "help" | "-h" | "--help" => {
                println!("{}", help());
                Ok(())
            }
            unknown => Err(format!("no command named {unknown:?}\n\n{}", help()).into()),
        },
        None => Err(format!("no command given\n\n{}", help()).into()),
    }
}

fn help() -> String {
    HELP.replace("{steps}", &test::step_names()).replace("{targets}", &fuzz::TARGETS.join(", "))
}
