//! Attachments without write permission: the consistency of their reads, and their waits.

mod peer;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use structstore::{ErrorKind, StructStore, StructStoreShared, Value};
use structstore_tests::SegmentName;

use peer::Peer;

/// A struct whose parts all have the same number.
fn numbered(number: i64) -> Value<'static> {
    let part = || Value::record([("n", Value::from(number)), ("text", format!("text {number}").into())]);
    Value::record([("first", part()), ("second", part()), ("list", vec![part(), part()].into())])
}

/// All numbers in the value, or `None` if it contains anything else.
fn numbers(value: &Value<'_>, found: &mut Vec<i64>) -> Option<()> {
    match value {
        Value::Struct(fields) => fields.iter().try_for_each(|(_, value)| numbers(value, found)),
        Value::List(items) => items.iter().try_for_each(|item| numbers(item, found)),
        Value::Str(text) => text.strip_prefix("text ")?.parse().ok().map(|number| found.push(number)),
        Value::Scalar(scalar) => scalar.to_string().parse().ok().map(|number| found.push(number)),
        _ => None,
    }
}

#[test]
fn read_only_snapshot_is_of_one_moment_or_an_error() {
    let name = SegmentName::new("read_only_moment");
    let store = StructStoreShared::open(&name).unwrap();
    store.set("all", numbered(0)).unwrap();
    let reader = StructStoreShared::open_read_only(&name).unwrap();
    let stop = AtomicBool::new(false);
    let (mut whole, mut errors) = (0, 0);
    thread::scope(|scope| {
        let _stops = Stops(&stop);
        scope.spawn(|| {
            for number in 1.. {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                store.set("all", numbered(number)).unwrap();
            }
        });
        for _ in 0..3000 {
            let copy = reader.at("all").and_then(|all| all.to_value());
            match copy {
                Ok(copy) => {
                    let mut found = Vec::new();
                    numbers(&copy, &mut found).unwrap_or_else(|| panic!("{copy:?}"));
                    assert!(found.len() == 8 && found.iter().all(|n| *n == found[0]), "{copy:?}");
                    whole += 1;
                }
                Err(error) if matches!(error.kind(), ErrorKind::StaleHandle | ErrorKind::Contended) => {
                    errors += 1
                }
                Err(error) => panic!("{error}"),
            }
        }
    });
    assert!(whole > 0, "{errors} errors and nothing else");
}

/// The output may be of several moments, but contains no null that was never stored, and omits nothing.
#[test]
fn read_only_display_has_no_nulls_of_its_own() {
    let name = SegmentName::new("read_only_display");
    let store = StructStoreShared::open(&name).unwrap();
    for field in 0..50 {
        store.set(&format!("f{field}"), numbered(0)).unwrap();
    }
    let reader = StructStoreShared::open_read_only(&name).unwrap();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let _stops = Stops(&stop);
        scope.spawn(|| {
            for number in 1.. {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                store.set(&format!("f{}", number * 7 % 50), numbered(number)).unwrap();
            }
        });
        for _ in 0..300 {
            let shown = reader.to_string();
            assert!(!shown.contains("null"), "{shown}");
            assert_eq!(shown.matches("\"first\"").count(), 50, "{shown}");
        }
    });
}

/// If a writer never pauses, the copy fails with `Contended`, and is not a copy of several moments.
#[test]
fn read_only_snapshot_gives_up_on_a_busy_store() {
    let name = SegmentName::new("read_only_busy");
    let store = StructStoreShared::open(&name).unwrap();
    store.set("x", 0_u64).unwrap();
    // Reading it takes so long that each try is disturbed.
    for field in 0..20_000 {
        store.set(&format!("f{field}"), Value::list([field, field])).unwrap();
    }
    let reader = StructStoreShared::open_read_only(&name).unwrap();
    let writer = Peer::start(&name, &["set forever", "x"]).ready();
    for _ in 0..2 {
        match reader.to_value() {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Contended => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert!(reader.to_bytes().err().is_none_or(|error| error.kind() == ErrorKind::Contended));
    // Parts of it can still be read.
    assert_eq!(reader.ensure_list("f19999").unwrap().to_value().unwrap(), Value::list([19999, 19999]));
    drop(writer);
    // This repairs the operation in which the writer was killed.
    store.set("x", 0_u64).unwrap();
    reader.to_value().unwrap();
}

/// The thread would wait for itself.
#[test]
fn read_only_attachment_does_not_wait_for_its_own_thread() {
    let name = SegmentName::new("read_only_self");
    let store = StructStoreShared::open(&name).unwrap();
    store.set("x", 1).unwrap();
    let reader = StructStoreShared::open_read_only(&name).unwrap();
    let guard = store.write().unwrap();
    assert!(matches!(reader.get::<i32>("x"), Err(error) if error.kind() == ErrorKind::HeldByGuard));
    assert!(matches!(reader.to_value(), Err(error) if error.kind() == ErrorKind::HeldByGuard));
    drop(guard);
    let undone = store.transaction(|tx| {
        tx.set("x", 2)?;
        reader.get::<i32>("x").map(drop)
    });
    assert!(matches!(&undone, Err(error) if error.kind() == ErrorKind::HeldByGuard));
    let guard = store.read().unwrap();
    assert_eq!(reader.get::<i32>("x").unwrap(), 1);
    drop(guard);
}

/// Preparing a child writes to the segment, which this attachment may not.
#[test]
fn fork_with_a_read_only_attachment_lives() {
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    let name = SegmentName::new("read_only_fork");
    let store = StructStoreShared::options().cleanup(structstore::Cleanup::Never).open(&name).unwrap();
    store.set("x", 1).unwrap();
    store.close().unwrap();
    let reader = StructStoreShared::open_read_only(&name).unwrap();
    let mut command = Command::new("true");
    // SAFETY: does nothing, but keeps the library from starting the program without a fork.
    unsafe { command.pre_exec(|| Ok(())) };
    assert!(command.status().unwrap().success());
    assert_eq!(reader.get::<i32>("x").unwrap(), 1);
}

/// Parts that are read repeatedly count once in the bound on the size of a tree.
#[test]
fn read_only_display_of_a_busy_store_is_not_taken_for_damage() {
    let name = SegmentName::new("read_only_again");
    let store = StructStoreShared::options().size(64 << 10).open(&name).unwrap();
    for field in 0..100 {
        store.set(&format!("f{field}"), Value::record([("n", Value::from(0))])).unwrap();
    }
    let reader = StructStoreShared::open_read_only(&name).unwrap();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let _stops = Stops(&stop);
        scope.spawn(|| {
            for number in 1.. {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let part = Value::record([("n", Value::from(number))]);
                store.set(&format!("f{}", number % 100), part).unwrap();
            }
        });
        for _ in 0..3000 {
            let shown = reader.to_string();
            assert!(shown.starts_with('{') && !shown.contains("corrupt"), "{shown}");
        }
    });
}

/// Ends the threads of a test, also if the test fails.
struct Stops<'a>(&'a AtomicBool);

impl Drop for Stops<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn read_only_bindings_load_structs_of_any_fields() {
    #[derive(StructStore, Debug, PartialEq)]
    struct Inner {
        trail: Vec<f32>,
        limit: Option<f64>,
    }
    #[derive(StructStore, Debug, PartialEq)]
    struct Arm {
        name: String,
        #[structstore(live)]
        q: [f64; 3],
        inner: Inner,
    }
    let name = SegmentName::new("read_only_load");
    let store = StructStoreShared::open(&name).unwrap();
    let value = || Arm {
        name: "left".into(),
        q: [0.5, 1.5, 2.5],
        inner: Inner { trail: vec![1.0; 100], limit: Some(0.5) },
    };
    store.bind::<Arm>().unwrap().replace(&value()).unwrap();
    let reader = StructStoreShared::open_read_only(&name).unwrap();
    let arm = reader.bind::<Arm>().unwrap();
    assert_eq!(arm.load().unwrap(), value());
    assert_eq!(arm.read().map(drop).unwrap_err().kind(), ErrorKind::ReadOnly);
    assert_eq!(reader.get_at::<f64>("q[2]").unwrap(), 2.5);
    assert_eq!(reader.get::<Inner>("inner").unwrap(), value().inner);
}
