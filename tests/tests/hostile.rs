//! Whatever a segment holds, an error and not a crash: every word of small stores, changed to a dozen values each.

use std::fs;
use std::process::{Command, Stdio};

use structstore::StructStoreShared;
use structstore_tests::SegmentName;
use structstore_tests::deaths::{cases, options};

/// The stores: in the middle of an operation, with what else there is to be found in them. The operation, and the store at
/// which it dies, as a part of all there are.
const STORES: &[(&str, f64)] = &[
    ("bind", 1.0),
    ("import", 0.5),
    ("remove an item", 0.9),
    ("replace a leased array", 0.6),
    ("watch, be told, and go", 0.5),
];

/// The bytes of a store that somebody left by dying in an operation.
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

fn flip_every_word(name: &str, part: f64, seed: usize) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image");
    fs::write(&path, image(name, part)).unwrap();
    // Else one of the next processes may have started in the same tick as the one that died, and have the pid next to its:
    // with its pid changed by one, the dead one would live.
    std::thread::sleep(std::time::Duration::from_millis(50));
    // More than there are cores, for some images have it wait.
    let step = 2 * std::thread::available_parallelism().map_or(2, usize::from);
    let children: Vec<_> = (0..step)
        .map(|first| {
            Command::new(env!("CARGO_BIN_EXE_hostile"))
                .arg(&path)
                .args([first, step, seed + first].map(|number| number.to_string()))
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let (mut tried, mut failures) = (0_u64, Vec::new());
    for child in children {
        let output = child.wait_with_output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        for line in printed.lines() {
            if let Some(count) = line.strip_prefix("tried ") {
                tried += count.parse::<u64>().unwrap();
            } else if line.starts_with("slowest ") {
                println!("{name}: {line}");
            } else {
                failures.push(line.to_owned());
            }
        }
        if !output.status.success() && failures.is_empty() {
            failures.push(String::from_utf8_lossy(&output.stderr).into_owned());
        }
    }
    println!("{name}: {tried} images");
    assert!(
        failures.is_empty(),
        "{} of {tried} images: {:#?}",
        failures.len(),
        &failures[..failures.len().min(50)]
    );
}

#[test]
fn whatever_a_word_holds_nothing_crashes_or_hangs() {
    let chosen = std::env::var("STRUCTSTORE_CASE").ok();
    for (seed, (name, part)) in (12345..).step_by(1000).zip(STORES) {
        if chosen.as_ref().is_none_or(|chosen| name.contains(chosen.as_str())) {
            flip_every_word(name, *part, seed);
        }
    }
}
