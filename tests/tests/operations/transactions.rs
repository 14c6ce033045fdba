//! Transactions: all their changes happen, or none.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use structstore::guard::StructMut;
use structstore::inspect::Statistics;
use structstore::{ArrayValue, Error, ErrorKind, Result, StructStore, StructStoreShared, Value};
use structstore_tests::{Memory, put_specimens};

/// A store with a value of each kind.
fn filled() -> StructStoreShared {
    let store = Memory::store();
    put_specimens(&store).unwrap();
    store.set("numbers", (0..50_i64).map(Value::from).collect::<Vec<_>>()).unwrap();
    store
}

/// The state that an undone transaction must restore.
fn state(store: &StructStoreShared) -> (Value<'static>, u64, u64, u64) {
    store.check().unwrap();
    let Statistics { allocated, blocks, nodes, .. } = store.statistics();
    (store.to_value().unwrap(), allocated, blocks, nodes)
}

#[derive(Clone, Debug)]
enum Change {
    Set(usize, usize),
    Remove(usize),
    Rename(usize, usize),
    Push(usize),
    Insert(usize, usize),
    RemoveItem(usize),
    Double,
    Clear,
    Nested(usize, usize),
}

fn change() -> impl Strategy<Value = Change> {
    let (name, value) = (0..12_usize, 0..8_usize);
    prop_oneof![
        4 => (name.clone(), value.clone()).prop_map(|(name, value)| Change::Set(name, value)),
        2 => name.clone().prop_map(Change::Remove),
        1 => (name.clone(), name).prop_map(|(from, to)| Change::Rename(from, to)),
        2 => value.clone().prop_map(Change::Push),
        1 => (0..60_usize, value.clone()).prop_map(|(at, value)| Change::Insert(at, value)),
        1 => (0..60_usize).prop_map(Change::RemoveItem),
        1 => Just(Change::Double),
        1 => Just(Change::Clear),
        2 => (0..3_usize, value).prop_map(|(name, value)| Change::Nested(name, value)),
    ]
}

/// Names of fields that exist, and of some that do not.
fn name(at: usize) -> String {
    let names = ["int", "text", "list", "struct", "matrix", "none", "bytes"];
    names.get(at).map_or_else(|| format!("new field {at}"), ToString::to_string)
}

fn value(at: usize) -> Value<'static> {
    match at {
        0 => Value::Null,
        1 => 5_i64.into(),
        2 => 0.5.into(),
        3 => "some text, which is long enough for a block".into(),
        4 => vec![Value::from(1_i64), "two".into()].into(),
        5 => Value::record([("x", 1_i64.into()), ("y", vec!["deep"].into())]),
        6 => ArrayValue::from_slice(&[3], &[1.0, 2.0, 3.0]).unwrap().into(),
        _ => true.into(),
    }
}

/// Applies a change, which may fail, and must then have changed nothing.
fn apply(store: &mut StructMut<'_>, change: &Change) -> Result<()> {
    match change {
        Change::Set(at, new) => store.set(&name(*at), value(*new)),
        Change::Remove(at) => store.delete(&name(*at)),
        Change::Rename(from, to) => store.rename(&name(*from), &name(*to)),
        Change::Push(new) => store.ensure_list("numbers")?.push(value(*new)),
        Change::Insert(at, new) => store.ensure_list("numbers")?.insert(*at, value(*new)),
        Change::RemoveItem(at) => store.ensure_list("numbers")?.remove(*at).map(drop),
        Change::Double => {
            store
                .ensure_list("numbers")?
                .iter_mut::<i64>()
                .flatten()
                .for_each(|item| *item = item.wrapping_mul(2));
            Ok(())
        }
        Change::Clear => store.ensure_list("numbers")?.clear(),
        Change::Nested(at, new) => store.at("struct")?.set(&name(*at), value(*new)),
    }
}

proptest! {
    #[test]
    fn transaction_is_undone_on_error_and_done_on_ok(changes in prop::collection::vec(change(), 0..120)) {
        let (store, twin) = (filled(), filled());
        let before = state(&store);
        let undone = store.transaction(|store| {
            for change in &changes {
                let _ = apply(store, change);
            }
            Err::<(), _>(Error::rejected("undone"))
        });
        prop_assert!(matches!(&undone, Err(error) if error.kind() == ErrorKind::Rejected));
        prop_assert_eq!(&state(&store), &before);

        store.transaction(|store| {
            for change in &changes {
                let _ = apply(store, change);
            }
            Ok::<(), Error>(())
        }).unwrap();
        let mut guard = twin.write().unwrap();
        for change in &changes {
            let _ = apply(&mut guard.reborrow(), change);
        }
        drop(guard);
        prop_assert_eq!(state(&store).0, state(&twin).0);
    }
}

#[test]
fn panic_in_a_transaction_undoes_it_and_releases_the_lock() {
    let store = filled();
    let before = state(&store);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        store.transaction(|store| -> Result<()> {
            store.set("int", 7)?;
            panic!("on purpose");
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(state(&store), before);
    store.transaction(|store| store.set("int", 8)).unwrap();
    assert_eq!(store.get::<i64>("int").unwrap(), 8);
}

#[test]
fn readers_see_no_partial_transaction() {
    let store = Arc::new(filled());
    store.set("left", 0).unwrap();
    store.set("right", 0).unwrap();
    let reader = Arc::clone(&store);
    let reading = std::thread::spawn(move || {
        for _ in 0..2000 {
            let both = reader.to_value().unwrap();
            assert_eq!(both.get("left"), both.get("right"));
        }
    });
    let mut count = 0;
    while !reading.is_finished() {
        count += 1;
        let changed = store.transaction(|store| {
            store.set("left", count)?;
            store.set("right", count)?;
            if count % 2 == 0 { Err(Error::rejected("undone")) } else { Ok(()) }
        });
        assert_eq!(changed.is_ok(), count % 2 != 0);
    }
    reading.join().unwrap();
}

#[test]
fn changes_outside_of_a_transaction_are_not_undone() {
    let store = filled();
    let (part, other, local) = (store.at("struct").unwrap(), Memory::store(), StructStore::new());
    let undone = part.transaction(|part| {
        part.set("x", 5)?;
        store.set("int", 77)?;
        other.set("x", 1)?;
        local.set("x", 2)?;
        Err::<(), _>(Error::rejected("undone"))
    });
    assert!(matches!(&undone, Err(error) if error.kind() == ErrorKind::Rejected));
    assert_eq!(part.get::<i64>("x").unwrap(), 1);
    assert_eq!(store.get::<i64>("int").unwrap(), 77);
    assert_eq!((other.get::<i32>("x").unwrap(), local.get::<i32>("x").unwrap()), (1, 2));
    store.check().unwrap();
}

#[test]
fn removing_the_node_of_a_transaction_is_refused() {
    let store = filled();
    let part = store.at("struct").unwrap();
    part.transaction(|part| {
        part.set("x", 5)?;
        assert!(matches!(store.delete("struct"), Err(error) if error.kind() == ErrorKind::InTransaction));
        assert!(matches!(store.set("struct", 5), Err(error) if error.kind() == ErrorKind::InTransaction));
        assert!(matches!(store.clear(), Err(error) if error.kind() == ErrorKind::InTransaction));
        let other = StructStore::new();
        let nested = other.transaction(|other| other.set("x", 1));
        assert!(matches!(&nested, Err(error) if error.kind() == ErrorKind::InTransaction));
        Ok::<(), Error>(())
    })
    .unwrap();
    assert_eq!(part.get::<i32>("x").unwrap(), 5);
    store.delete("struct").unwrap();
    store.check().unwrap();
}

#[test]
fn begin_of_a_transaction_times_out() {
    let store = Arc::new(filled());
    let held = store.write().unwrap();
    let other = Arc::clone(&store);
    let refused = std::thread::spawn(move || {
        other.within(Duration::from_millis(5)).transaction(|store| store.set("x", 1))
    });
    assert!(matches!(refused.join().unwrap(), Err(error) if error.kind() == ErrorKind::LockTimeout));
    drop(held);
    assert!(!store.contains("x").unwrap());
}
