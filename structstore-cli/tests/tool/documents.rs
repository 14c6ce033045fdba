//! The contents of files and arguments that are written to a store: the tool accepts them, or refuses them with a reason, within
//! limits of time and memory.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use structstore::{Kind, StructStoreShared, Value};
use structstore_tests::damage::Random;
use structstore_tests::fuzz::snapshot::with_header;
use structstore_tests::{SegmentName, put_specimens};

use crate::command::{finish, finish_reading, limited, structstore};

/// How many brackets a string has that nests deeper than any value.
const DEEP: usize = 1_000_000;
/// The number of characters for which one argument has room.
const LONG: usize = 120_000;

/// Documents that nest or expand without bound.
fn bombs() -> Vec<(&'static str, String)> {
    let nine = |of: &str| [of; 9].join(",");
    let laughs = |from: u8| {
        format!("{}: &{} [{}]\n", from as char, from as char, nine(&format!("*{}", (from - 1) as char)))
    };
    vec![
        ("json", "[".repeat(DEEP)),
        ("json", "[".repeat(DEEP) + &"]".repeat(DEEP)),
        ("json", "{\"a\":".repeat(DEEP)),
        ("yaml", "[".repeat(DEEP)),
        ("yaml", "{a: ".repeat(DEEP)),
        ("yaml", "- ".repeat(DEEP)),
        ("yaml", (0..2000).map(|depth| " ".repeat(depth) + "a:\n").collect()),
        ("yaml", format!("a: &a [{}]\n", nine("1")) + &(b'b'..=b'z').map(laughs).collect::<String>()),
        ("yaml", "a: &a [*a]\n".to_owned()),
    ]
}

#[test]
fn documents_that_nest_without_end_are_refused() {
    let name = SegmentName::new("bombs");
    for (format, text) in bombs() {
        let loaded = finish_reading(limited(&["load", "-", &name, "--format", format]), text.as_bytes());
        let complaint = loaded.complaint(4);
        assert!(complaint.starts_with("structstore: cannot read standard input: "), "{complaint}");
        assert!(complaint.len() < 2000, "{} bytes", complaint.len());
        assert!(!name.path().exists());
    }
}

#[test]
fn snapshots_that_nest_without_end_are_refused() {
    let name = SegmentName::new("images");
    let list = [&[Kind::List as u8][..], &1_u64.to_le_bytes()].concat();
    let image = with_header(&list.repeat(DEEP));
    let complaint = finish_reading(limited(&["load", "-", &name]), &image).complaint(4);
    assert!(complaint.contains("nested deeper"), "{complaint}");
    assert!(!name.path().exists());
}

#[test]
fn documents_that_are_damaged_are_loaded_or_refused() {
    let (original, name) = (SegmentName::new("original"), SegmentName::new("copy"));
    let store = StructStoreShared::open(&original).unwrap();
    put_specimens(&store).unwrap();
    let mut random = Random::new(5);
    for format in ["snapshot", "json", "yaml"] {
        let document = structstore(&["dump", &original, "-", "--format", format]).out;
        for at in 0..150 {
            let mut damaged = document.clone();
            match at {
                0..50 => damaged.truncate(random.below(document.len())),
                _ => damaged[random.below(document.len())] ^= 1 << random.below(8),
            }
            // Otherwise the check of the hash would refuse almost all of them.
            if let (true, Some(body)) = (format == "snapshot" && at % 2 == 0, damaged.get(32..)) {
                damaged = with_header(body);
            }
            let loaded = finish_reading(limited(&["load", "-", &name, "--format", format]), &damaged);
            assert_eq!(loaded.fault(), None, "{format} {at}");
            assert_eq!(loaded.code() == 0, name.path().exists(), "{format} {at}: {loaded:?}");
            if loaded.code() == 0 {
                assert_eq!(structstore(&["check", &name]).code(), 0, "{format} {at}");
                fs::remove_file(name.path()).unwrap();
            }
        }
    }
}

#[test]
fn arguments_that_nest_without_end_are_refused() {
    let name = SegmentName::new("arguments");
    let store = StructStoreShared::open(&name).unwrap();
    put_specimens(&store).unwrap();
    let before = store.to_bytes().unwrap();
    for field in ["new", "list", "struct", "matrix", "none"] {
        for value in
            ["[".repeat(LONG), "{\"a\":".repeat(LONG / 5), "[".repeat(LONG / 2) + &"]".repeat(LONG / 2)]
        {
            let set = finish(limited(&["set", &name, field, &value]).spawn().unwrap());
            let complaint = set.complaint(2);
            assert!(complaint.len() < 1000, "{field}: {} bytes", complaint.len());
        }
    }
    for path in ["a".to_owned() + &".a".repeat(LONG / 2), "list".to_owned() + &"[0]".repeat(LONG / 3)] {
        for command in ["get", "show", "rm", "watch", "stat"] {
            let outcome = finish(limited(&[command, &name, &path]).spawn().unwrap());
            assert!(matches!(outcome.code(), 3 | 4), "{command}: {outcome:?}");
        }
    }
    assert_eq!(store.to_bytes().unwrap(), before);
}

/// A writer replaces one struct after the other, so that at each moment all numbers differ by less than one round.
#[test]
fn dump_of_a_busy_store_is_of_one_moment() {
    const STRUCTS: u64 = 3000;
    let name = SegmentName::new("dump_moment");
    let store = StructStoreShared::open(&name).unwrap();
    let put = |number: u64| {
        let part = Value::record([("n", Value::from(number)), ("text", format!("text {number}").into())]);
        store.set(&format!("k{}", number % STRUCTS), part).unwrap();
    };
    (0..STRUCTS).for_each(put);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let _stops = Stops(&stop);
        scope.spawn(|| (STRUCTS..).take_while(|_| !stop.load(Ordering::Relaxed)).for_each(put));
        for format in ["json", "yaml", "json"] {
            let dumped = structstore(&["dump", name.as_str(), "-", "--format", format]);
            let document: serde_json::Value = match format {
                "json" => serde_json::from_slice(&dumped.out).unwrap(),
                _ => serde_saphyr::from_slice(&dumped.out).unwrap(),
            };
            // The tool may name the lock holder that it waits for.
            assert!(
                dumped.code() == 0 && dumped.err.lines().all(|line| line.contains("waiting")),
                "{}",
                dumped.err
            );
            let fields = document.as_object().unwrap();
            let numbers: Vec<u64> = fields.values().map(|part| part["n"].as_u64().unwrap()).collect();
            assert_eq!(numbers.len() as u64, STRUCTS);
            let (first, last) = (numbers.iter().min().unwrap(), numbers.iter().max().unwrap());
            assert!(last - first < STRUCTS, "{first} to {last}");
            for part in fields.values() {
                assert_eq!(part["text"], format!("text {}", part["n"]));
            }
        }
    });
    assert!(store.valid(), "dumping removed the name");
}

/// Ends the threads of a test, also if the test fails.
struct Stops<'a>(&'a AtomicBool);

impl Drop for Stops<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
