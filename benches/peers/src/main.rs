//! StructStore beside what one would use instead: contestants take turns in one process; minima and medians are
//! printed. `structstore-peers [--check] [PART [FILTER]]`; see README.md.

mod contest;
mod operations;
mod peer;
mod report;
mod sample;
mod scaling;
mod wake;

use std::process::ExitCode;

use report::Report;

type Part = fn(&mut Report);

/// The parts in their order. Those that fork come first, while this process has one thread.
const PARTS: [(&str, Part); 8] = [
    ("crowd", scaling::crowd),
    ("wake", wake::latencies),
    ("operations", operations::all),
    ("attached", scaling::attached),
    ("fields", scaling::fields),
    ("depth", scaling::depth),
    ("sizes", scaling::sizes),
    ("stores", scaling::stores),
];

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "answer") {
        wake::answer(&arguments[1], &arguments[2]);
    }
    let check = arguments.iter().position(|argument| argument == "--check").map(|at| arguments.remove(at));
    let part = arguments.first().map(String::as_str);
    if let Some(unknown) = part.filter(|part| PARTS.iter().all(|(name, _)| name != part)) {
        let names: Vec<&str> = PARTS.iter().map(|(name, _)| *name).collect();
        eprintln!("no part {unknown:?}; there are {}", names.join(", "));
        return ExitCode::FAILURE;
    }
    let mut report = Report::new(arguments.get(1).map_or("", String::as_str));
    for (_, run) in PARTS.iter().filter(|(name, _)| part.is_none_or(|part| part == *name)) {
        run(&mut report);
    }
    if report.missed().is_empty() || check.is_none() {
        return ExitCode::SUCCESS;
    }
    eprintln!("\nover their limits by more than a tenth:");
    report.missed().iter().for_each(|missed| eprintln!("  {missed}"));
    ExitCode::FAILURE
}
