//! Damaged segments cause errors, not crashes: every word of small stores is changed to a dozen values, and there is worse damage.
//! By default, one word in 61 is changed; in the whole form one in two, by the number in `STRUCTSTORE_EXHAUSTIVE`.

use std::fs;
use std::process::{Command, Stdio};

use structstore::StructStoreShared;
use structstore_tests::SegmentName;
use structstore_tests::deaths::{cases, options};
use structstore_tests::sample;

/// The stores: each was left by a process that died in an operation. The operation, and the point of death as a fraction of its
/// stores to memory.
const STORES: &[(&str, f64)] = &[
    ("bind", 1.0),
    ("import", 0.5),
    ("clear", 0.7),
    ("remove an item", 0.9),
    ("replace a leased array", 0.6),
    ("assign a live array", 0.7),
    ("watch, be told, and go", 0.5),
];

/// The bytes of a store that a process left by dying in an operation.
fn image(name: &str, part: f64) -> Vec<u8> {
    let cases = cases();
    let case = cases.iter().find(|case| case.name == name).unwrap();
    let run = |at: u64| {
        let segment = SegmentName::new("hostile");
        let store: StructStoreShared = options().open(&segment).unwrap();
        case.prepare(&store).unwrap();
        drop(store);
        let died = !Command::new(env!("CARGO_BIN_EXE_mortal"))
            .args([segment.as_str(), &case.name, &at.to_string()])
            .stdin(Stdio::null())
            .status()
            .unwrap()
            .success();
        (died, fs::read(segment.path()).unwrap())
    };
    let mut last = 1;
    while run(last).0 {
        last *= 2;
    }
    let (mut low, mut high) = (last / 2, last);
    while low + 1 < high {
        let middle = low.midpoint(high);
        if run(middle).0 { low = middle } else { high = middle }
    }
    run(((low as f64 * part) as u64).max(1)).1
}

/// The reports of the children.
#[derive(Default)]
struct Outcome {
    tried: u64,
    failures: Vec<String>,
}

/// Runs the program that tries segments, once with each of these lists of arguments.
fn try_all(name: &str, arguments: Vec<Vec<String>>) -> Outcome {
    let children: Vec<_> = arguments
        .into_iter()
        .map(|arguments| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_hostile"));
            command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    let mut outcome = Outcome::default();
    for child in children {
        let output = child.wait_with_output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        for line in printed.lines() {
            if let Some(count) = line.strip_prefix("tried ") {
                outcome.tried += count.parse::<u64>().unwrap();
            } else if line.starts_with("slowest ") {
                println!("{name}: {line}");
            } else {
                outcome.failures.push(line.to_owned());
            }
        }
        if !output.status.success() && outcome.failures.is_empty() {
            outcome.failures.push(String::from_utf8_lossy(&output.stderr).into_owned());
        }
    }
    println!("{name}: {} segments", outcome.tried);
    outcome
}

impl Outcome {
    fn assert_well(&self) {
        let Outcome { tried, failures } = self;
        let some = &failures[..failures.len().min(50)];
        assert!(failures.is_empty(), "{} of {tried} segments: {some:#?}", failures.len());
    }
}

/// The number of processes: more than cores, because some segments make them wait.
fn processes() -> usize {
    2 * std::thread::available_parallelism().map_or(2, usize::from)
}

/// `STRUCTSTORE_CASE` chooses one of the stores.
#[test]
fn operations_on_damaged_segments_neither_crash_nor_hang() {
    let chosen = std::env::var("STRUCTSTORE_CASE").ok();
    let folder = tempfile::tempdir().unwrap();
    let mut paths = Vec::new();
    for (number, (name, part)) in STORES.iter().enumerate() {
        let path = folder.path().join(number.to_string()).to_str().unwrap().to_owned();
        fs::write(&path, image(name, *part)).unwrap();
        paths.push(path);
    }
    // Without this, one of the next processes may start in the same clock tick as a dead one, with the next pid: then a pid that is
    // changed by one would name a live process.
    std::thread::sleep(std::time::Duration::from_millis(50));
    let (processes, slices) = (processes(), sample::part(251, 2));
    for (number, (name, _)) in STORES.iter().enumerate() {
        if chosen.as_ref().is_none_or(|chosen| name.contains(chosen.as_str())) {
            let arguments = (0..processes).map(|child| {
                let (first, step) = (slices * child + sample::slice(slices), slices * processes);
                let numbers = [first, step, 12345 + 1000 * number + child].map(|number| number.to_string());
                ["flip".to_owned(), paths[number].clone()].into_iter().chain(numbers).collect()
            });
            try_all(name, arguments.collect()).assert_well();
        }
    }
    let seeds = (0..sample::part(2, processes)).map(|seed| {
        ["mix".to_owned(), (777 + seed).to_string()].into_iter().chain(paths.iter().cloned()).collect()
    });
    try_all("damaged in several places", seeds.collect()).assert_well();
}
