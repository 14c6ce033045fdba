//! A process scribbles over a live segment while others work with it: they may get errors, and end in time.

use std::process::{Child, Command, Stdio};

use structstore::{ArrayValue, Cleanup, Result, StructStore, StructStoreShared};
use structstore_tests::words::Words;
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

/// Somebody has put into a free list what is part of an array, so that the next block overlaps with that.
#[test]
fn memory_that_is_handed_out_twice_can_still_be_copied() {
    const MARK: u64 = 0x5eed_5eed_5eed_5eed;
    let elements: Vec<u64> = std::iter::once(MARK).chain(0..2047).collect();
    let changes: [fn(&StructStoreShared) -> Result<()>; 2] = [
        // Copied, for there is a view of it.
        |store| {
            let array = store.array("array")?;
            let view = array.view()?;
            array.write()?.as_mut_slice::<u64>()?;
            drop(view);
            Ok(())
        },
        // Copied, for there is no more room behind it.
        |store| {
            store.bind::<Trail>()?.with_mut(|mut fields| (0..100).try_for_each(|n| fields.array.push(n)))?
        },
    ];
    for change in changes {
        let name = SegmentName::new("twice");
        let store = StructStoreShared::options().size(1 << 20).open(&name).unwrap();
        // A field first, so that nothing lies behind the array.
        store.set("array", 0).unwrap();
        store.set("array", ArrayValue::from_slice(&[2048], &elements).unwrap()).unwrap();
        let words = Words::of(&name);
        // The largest of the free blocks, and the first one of its list.
        let lists = words.free_lists().filter(|list| words.get(*list) != 0);
        let list = lists.max_by_key(|list| words.get(words.get(*list))).unwrap();
        let free = words.get(list);
        let within = (0..free).step_by(8).find(|at| words.get(*at) == MARK).unwrap();
        let within = within.next_multiple_of(64) + 1024 - 16;
        for (at, word) in [(0, words.get(free)), (8, 0), (16, 0)] {
            words.set(within + at, word);
        }
        words.set(list, within);
        let outcome = change(&store);
        assert_ne!(words.get(list), within, "{outcome:?}");
        let copied = store.array("array").unwrap().read().unwrap().to_vec::<u64>().unwrap();
        assert_eq!(copied[0], MARK);
    }
}

#[derive(StructStore)]
struct Trail {
    array: Vec<u64>,
}
