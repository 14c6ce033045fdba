//! `check` finds damage that changes results: if it finds nothing in a segment with one changed word, all operations return the same
//! results as on the sound segment, or the change has replaced a value by another one.

use std::process::{Command, Stdio};

use structstore_tests::sample;
use structstore_tests::segments::segments;

/// The number of segments at rest, which come first. In the segments of dead processes, unfinished work has no expected result.
const AT_REST: usize = 4;

#[test]
fn check_finds_damage_that_changes_results() {
    let folder = tempfile::tempdir().unwrap();
    let children = std::thread::available_parallelism().map_or(2, usize::from);
    // One in `slices` words is changed.
    let slices = sample::part(11, 1);
    for (number, segment) in segments().unwrap().iter().take(AT_REST).enumerate() {
        let path = folder.path().join("segment");
        std::fs::write(&path, segment).unwrap();
        let children: Vec<_> = (0..children)
            .map(|child| {
                let (first, step) = (slices * child, slices * children);
                let mut command = Command::new(env!("CARGO_BIN_EXE_consequences"));
                command.arg(&path).args([first, step].map(|number| number.to_string()));
                command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
            })
            .collect();
        let (mut counts, mut missed) = ([0_u64; 5], Vec::new());
        for child in children {
            let output = child.wait_with_output().unwrap();
            let printed = String::from_utf8_lossy(&output.stdout).into_owned();
            for line in printed.lines() {
                match line.strip_prefix("tried ") {
                    Some(rest) => {
                        for (count, more) in counts.iter_mut().zip(rest.split(' ')) {
                            *count += more.parse::<u64>().unwrap();
                        }
                    }
                    None => missed.push(line.to_owned()),
                }
            }
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() || !missed.is_empty(), "{errors}");
        }
        let [tried, found, idle, values, _] = counts;
        println!(
            "segment {number}: {tried} changes, {found} found, {idle} without effect, {values} of values"
        );
        assert!(missed.is_empty(), "{} of {tried}: {:#?}", missed.len(), &missed[..missed.len().min(20)]);
        // Each outcome occurs, or the comparison proves nothing.
        assert!(found > 0 && idle > 0 && values > 0);
    }
}
