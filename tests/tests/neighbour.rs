//! A process scribbles over a live segment while others work with it: they may get errors, and end in time.

use std::process::{Child, Command, Stdio};

use structstore::{Cleanup, StructStoreShared};
use structstore_tests::{SegmentName, put_specimens};

/// How long each segment lives, in milliseconds.
const LIFE: u64 = 1500;

/// A process that is ended with the test, whatever becomes of it.
struct Neighbour(Child);

impl Neighbour {
    fn start(task: &str, segment: &SegmentName, seed: u64) -> Neighbour {
        let mut command = Command::new(env!("CARGO_BIN_EXE_neighbour"));
        command.arg(task).arg(segment.path()).args([LIFE, seed].map(|number| number.to_string()));
        Neighbour(command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap())
    }

    /// What it says it has done.
    fn done(&mut self, seed: u64) -> u64 {
        let status = self.0.wait().unwrap();
        let said = std::io::read_to_string(self.0.stdout.take().unwrap()).unwrap();
        assert!(status.success(), "seed {seed}: {status}");
        said.split(' ').next().unwrap().parse().unwrap()
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `STRUCTSTORE_SEGMENTS` says how many segments are scribbled over, and `STRUCTSTORE_SEED` which is the first.
#[test]
fn whoever_scribbles_over_a_live_segment_ends_nobody_else() {
    let number = |name, otherwise| std::env::var(name).map_or(otherwise, |text| text.parse().unwrap());
    let (segments, first) = (number("STRUCTSTORE_SEGMENTS", 10), number("STRUCTSTORE_SEED", 1));
    let (mut changed, mut rounds) = (0, 0);
    for seed in first..first + segments {
        let segment = SegmentName::new("neighbour");
        let store = StructStoreShared::options().cleanup(Cleanup::Never).open(&segment).unwrap();
        put_specimens(&store).unwrap();
        store.close().unwrap();
        let mut workers: Vec<_> = (0..2).map(|_| Neighbour::start("work", &segment, seed)).collect();
        changed += Neighbour::start("scribble", &segment, seed).done(seed);
        rounds += workers.iter_mut().map(|worker| worker.done(seed)).sum::<u64>();
    }
    println!("{changed} words changed, {rounds} rounds of all operations");
    assert!(changed > 0 && rounds > 0);
}
