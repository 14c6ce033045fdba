//! Replays the inputs that fuzzers start with, and those for which they have found faults.

use std::fs;
use std::path::Path;

use structstore_tests::fuzz::{operations, schema, segment, snapshot};

/// Runs a target on all its stored inputs.
fn replay(target: &str, run: impl Fn(&[u8])) {
    let mut count = 0;
    for folder in ["corpus", "regressions"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz").join(folder).join(target);
        // A target need not have inputs in both folders.
        let Ok(inputs) = fs::read_dir(folder) else { continue };
        for input in inputs {
            let path = input.unwrap().path();
            println!("{}", path.display());
            run(&fs::read(path).unwrap());
            count += 1;
        }
    }
    assert!(count > 0, "no inputs for {target}");
}

#[test]
fn snapshots() {
    replay("snapshot", snapshot::run);
}

#[test]
fn segments() {
    replay("segment", segment::run);
}

#[test]
fn operations_agree_with_the_model() {
    replay("operations", operations::run);
}

#[test]
fn schemas() {
    replay("schema", schema::run);
}
