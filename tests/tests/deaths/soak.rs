//! Four processes change one store at random while they are killed one after the other, and no value or memory is lost.
//!
//! `STRUCTSTORE_SOAK` is the time in seconds: 5 by default, 60 in the whole form; `cargo xtask soak --seconds N` sets it.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use structstore::{Cleanup, StructStoreShared};
use structstore_tests::sample;
use structstore_tests::soak::{Random, open_accounts, total};
use structstore_tests::{SegmentName, python};

const PROCESSES: u64 = 4;

struct Worker(Child);

impl Worker {
    /// Half of the workers are in Python, if `python` is given.
    fn start(segment: &SegmentName, number: u64, seed: u64, python: Option<&Path>) -> Worker {
        let mut command = match python.filter(|_| number % 2 == 1) {
            Some(python) => {
                let mut command = Command::new(python);
                command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/python/soak_worker.py"));
                command
            }
            None => Command::new(env!("CARGO_BIN_EXE_soak_worker")),
        };
        command.args([segment.as_str(), &seed.to_string()]).stdin(Stdio::null());
        Worker(command.spawn().unwrap())
    }

    fn assert_running(&mut self) {
        let ended = self.0.try_wait().unwrap();
        assert!(ended.is_none(), "a worker has found a fault: {ended:?}");
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn processes_that_are_killed_at_random_leave_a_whole_store() {
    let python = python("the half of the soak that is in Python");
    let seconds = std::env::var("STRUCTSTORE_SOAK").ok().and_then(|seconds| seconds.parse().ok());
    let seconds = seconds.unwrap_or(sample::part(5, 60));
    let segment = SegmentName::new("soak");
    let store = StructStoreShared::options().cleanup(Cleanup::Never).open(&segment).unwrap();
    open_accounts(&store).unwrap();
    let seed = std::process::id().into();
    println!("seed {seed}");
    let mut random = Random::new(seed);
    let start = |number, random: &mut Random| {
        Worker::start(&segment, number, random.below(1 << 32), python.as_deref())
    };
    let mut workers: Vec<Worker> = (0..PROCESSES).map(|number| start(number, &mut random)).collect();
    let (end, mut kills) = (Instant::now() + Duration::from_secs(seconds), 0);
    while Instant::now() < end {
        std::thread::sleep(Duration::from_millis(20 + random.below(300)));
        workers.iter_mut().for_each(Worker::assert_running);
        let number = random.below(PROCESSES);
        // The assignment drops the old worker, which kills it.
        workers[number as usize] = start(number, &mut random);
        kills += 1;
        store.check().unwrap();
        assert_eq!(total(&store).unwrap(), structstore_tests::soak::TOTAL);
    }
    drop(workers);
    drop(store);
    let store = StructStoreShared::options().cleanup(Cleanup::Always).open(&segment).unwrap();
    store.check().unwrap();
    assert_eq!(total(&store).unwrap(), structstore_tests::soak::TOTAL);
    let statistics = store.statistics();
    println!("{kills} of {PROCESSES} processes were killed in {seconds} s, {statistics:?}");
    // All allocated memory can be reached: removing the contents frees it.
    store.clear().unwrap();
    store.check().unwrap();
    assert_eq!(store.statistics().nodes, 1);
}
