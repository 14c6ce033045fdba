//! A process overwrites words of a live segment while others work with it: these may get errors, and end in time.

use std::process::{Child, Command, Stdio};

use structstore::stream::Stream;
use structstore::{Array, ArrayValue, Cleanup, ErrorKind, Result, StructStore, StructStoreShared, Value};
use structstore_tests::sample;
use structstore_tests::words::Words;
use structstore_tests::{SegmentName, put_specimens};

/// How long each segment is used, in milliseconds.
const LIFE: u64 = 1500;

/// A process that is killed at the end of the test, also if the test fails.
struct Neighbour(Child);

impl Neighbour {
    fn start(task: &str, segment: &SegmentName, seed: u64) -> Neighbour {
        let mut command = Command::new(env!("CARGO_BIN_EXE_neighbour"));
        command.arg(task).arg(segment.path()).args([LIFE, seed].map(|number| number.to_string()));
        Neighbour(command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap())
    }

    /// The number that the process printed.
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

/// `STRUCTSTORE_SEGMENTS` is the number of segments, `STRUCTSTORE_SEED` the seed of the first one.
#[test]
fn scribbling_over_a_live_segment_ends_no_other_process() {
    let number = |name, otherwise| std::env::var(name).map_or(otherwise, |text| text.parse().unwrap());
    let (segments, first) =
        (number("STRUCTSTORE_SEGMENTS", sample::part(4, 20)), number("STRUCTSTORE_SEED", 1));
    let (mut changed, mut rounds) = (0, 0);
    for seed in first..first + segments {
        let segment = SegmentName::new("neighbour");
        let store = StructStoreShared::options().cleanup(Cleanup::Never).open(&segment).unwrap();
        put_specimens(&store).unwrap();
        store.ensure_stream::<[u64; 3]>("samples", Stream::depth(5)).unwrap().publish(&[seed; 3]).unwrap();
        let frames = store.ensure_stream::<[u8]>("frames", Stream::array([4200]).depth(2)).unwrap();
        frames.publish(&[1; 4200]).unwrap();
        drop(frames);
        store.close().unwrap();
        let mut workers: Vec<_> = (0..2).map(|_| Neighbour::start("work", &segment, seed)).collect();
        changed += Neighbour::start("scribble", &segment, seed).done(seed);
        rounds += workers.iter_mut().map(|worker| worker.done(seed)).sum::<u64>();
    }
    println!("{changed} words changed, {rounds} rounds of all operations");
    assert!(changed > 0 && rounds > 0);
}

/// A store whose nodes have different lengths: a list of 7 numbers, one of 5 strings, one of 6 nulls, a string of 11 bytes, a map of
/// 3 entries.
struct Lengths {
    store: StructStoreShared,
    binding: structstore::Binding<Bound>,
    words: Words,
    _name: SegmentName,
}

#[derive(StructStore)]
struct Bound {
    names: Vec<String>,
    optional: Vec<Option<f64>>,
    entries: std::collections::BTreeMap<String, Option<f64>>,
}

impl Lengths {
    fn new() -> Lengths {
        let name = SegmentName::new("lengths");
        let store = StructStoreShared::options().size(1 << 20).open(&name).unwrap();
        let binding = store.bind::<Bound>().unwrap();
        store.set("names", vec!["a", "b", "c", "d", "e"]).unwrap();
        store.set("optional", vec![Value::Null; 6]).unwrap();
        store.set("entries", Value::record(["x", "y", "z"].map(|name| (name, Value::Null)))).unwrap();
        store.set("numbers", Value::list([1_i64; 7])).unwrap();
        store.set("text", "eleven byte").unwrap();
        Lengths { store, binding, words: Words::of(&name), _name: name }
    }

    /// The offset of a word of a node's body: in the only node whose word is `length`.
    fn place(&self, word: u64, length: u64) -> u64 {
        let places = (0..16).map(|node| self.words.body(node) + 8 * word);
        let found: Vec<_> = places.filter(|place| self.words.get(*place) == length).collect();
        assert_eq!(found.len(), 1, "one node with {length} in word {word}");
        found[0]
    }
}

#[test]
fn guards_refuse_lengths_beyond_the_segment() {
    const LIE: u64 = 1 << 40;
    let all = Lengths::new();
    let refused = |len: structstore::Result<usize>| assert_eq!(len.unwrap_err().kind(), ErrorKind::Corrupt);
    let (list, bound) = (all.store.ensure_list("numbers").unwrap(), &all.binding);
    let place = all.place(1, 7);
    let mut guard = list.write().unwrap();
    all.words.set(place, LIE);
    refused(guard.len());
    assert!(
        matches!(&guard.iter_mut::<i64>().collect::<Vec<_>>()[..], [Err(error)] if error.kind() == ErrorKind::Corrupt)
    );
    drop(guard);
    assert!(matches!(list.len(), Err(error) if error.kind() == ErrorKind::Corrupt));
    let guard = list.read().unwrap();
    refused(guard.len());
    assert!(
        matches!(&guard.iter::<i64>().collect::<Vec<_>>()[..], [Err(error)] if error.kind() == ErrorKind::Corrupt)
    );
    drop(guard);

    all.words.set(all.place(1, 5), LIE);
    all.words.set(all.place(1, 6), LIE);
    all.words.set(all.place(2, 3), LIE);
    assert!(matches!(bound.load(), Err(error) if error.kind() == ErrorKind::Corrupt));
    let guard = bound.read().unwrap();
    let fields = guard.fields();
    refused(fields.names.len());
    refused(fields.entries.len());
    assert_eq!(fields.names.iter().count(), 1);
    assert_eq!(fields.optional.iter().count(), 1);
    drop(guard);
    let entries = all.store.at("entries").unwrap();
    assert!(matches!(entries.len(), Err(error) if error.kind() == ErrorKind::Corrupt));
    refused(entries.write().unwrap().len());
    refused(entries.read().unwrap().len());

    all.words.set(all.place(1, 11), LIE);
    assert!(
        matches!(all.store.ensure_str("text").unwrap().len(), Err(error) if error.kind() == ErrorKind::Corrupt)
    );
}

/// Damage moves the block of a list between two items, so that the second one lies where the first one did.
#[test]
fn moving_a_list_during_iter_mut_lends_no_item_twice() {
    let all = Lengths::new();
    let mut guard = all.store.ensure_list("numbers").unwrap().write().unwrap();
    let mut items = guard.iter_mut::<i64>();
    let first = items.next().unwrap().unwrap();
    let block = all.place(1, 7) - 8;
    all.words.set(block, all.words.get(block) - 16);
    let second = items.next().unwrap().unwrap();
    assert_ne!(std::ptr::from_mut(first), std::ptr::from_mut(second));
}

/// Damage puts a part of an array into a free list, so that the next block overlaps with the array.
#[test]
fn array_is_copied_to_an_overlapping_block() {
    const MARK: u64 = 0x5eed_5eed_5eed_5eed;
    let elements: Vec<u64> = std::iter::once(MARK).chain(0..2047).collect();
    let changes: [fn(&StructStoreShared) -> Result<()>; 2] = [
        // Copied, because there is a view of it.
        |store| {
            let array = store.get::<Array>("array")?;
            let view = array.view()?;
            array.write()?.as_mut_slice::<u64>()?;
            drop(view);
            Ok(())
        },
        // Copied, because there is no free room behind it.
        |store| store.bind::<Trail>()?.with_mut(|mut fields| (0..100).try_for_each(|n| fields.array.push(n))),
    ];
    for change in changes {
        let name = SegmentName::new("twice");
        let store = StructStoreShared::options().size(1 << 20).open(&name).unwrap();
        // The field first, so that nothing lies behind the array.
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
        let copied = store.get::<Array>("array").unwrap().read().unwrap().to_vec::<u64>().unwrap();
        assert_eq!(copied[0], MARK);
    }
}

#[derive(StructStore)]
struct Trail {
    array: Vec<u64>,
}
