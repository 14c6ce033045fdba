//! Random operations against a plain Rust model. After each, the store equals the model, order included, and every
//! invariant holds; an operation that fails has changed nothing, and uses no more memory than before.

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use structstore::{ArrayValue, ErrorKind, StructStoreShared, Value};
use structstore_tests::Memory;
use structstore_tests::model::{Change, apply_to_guard, apply_to_store, run};

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec!["a", "b", "c", "list", "sub"]).prop_map(str::to_owned),
        1 => Just("a name that does not fit the field itself".to_owned()),
    ]
}

fn value() -> impl Strategy<Value = Value<'static>> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u8>().prop_map(Value::from),
        (-1e9..1e9_f64).prop_map(Value::from),
        "[a-zé]{0,60}".prop_map(Value::from),
        prop::collection::vec(any::<u8>(), 0..100).prop_map(|bytes| Value::Bytes(bytes.into())),
        prop::collection::vec(any::<u16>(), 0..50).prop_map(|items| {
            let array = ArrayValue::from_slice(&[items.len()], &items).unwrap();
            Value::from(array).into_owned()
        }),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::List),
            prop::collection::btree_map(name(), inner, 0..5).prop_map(Value::record),
        ]
    })
}

fn items() -> impl Strategy<Value = Vec<Value<'static>>> {
    prop::collection::vec(value(), 0..4)
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        6 => (name(), value()).prop_map(|(name, value)| Change::Set(name, value)),
        2 => prop::collection::vec((name(), value()), 0..6).prop_map(Change::Extend),
        2 => name().prop_map(Change::Remove),
        1 => (name(), name()).prop_map(|(from, to)| Change::Rename(from, to)),
        1 => Just(Change::Clear),
        2 => name().prop_map(Change::Nested),
        4 => (name(), value()).prop_map(|(name, value)| Change::Push(name, value)),
        2 => (name(), 0..6_usize, value()).prop_map(|(name, at, value)| Change::Insert(name, at, value)),
        2 => (name(), 0..6_usize, value()).prop_map(|(name, at, value)| Change::SetItem(name, at, value)),
        2 => (name(), 0..6_usize).prop_map(|(name, at)| Change::RemoveItem(name, at)),
        4 => (name(), 0..6_usize, 0..6_usize, items())
            .prop_map(|(name, start, end, new)| Change::Splice(name, start..end, new)),
        2 => (name(), items()).prop_map(|(name, new)| Change::ReplaceSome(name, new)),
        1 => name().prop_map(Change::ClearList),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn handles_agree_with_the_model(changes in prop::collection::vec(change(), 1..60)) {
        run(&Memory::store(), &changes, apply_to_store);
    }

    #[test]
    fn guards_agree_with_the_model(changes in prop::collection::vec(change(), 1..60)) {
        run(&Memory::store(), &changes, apply_to_guard);
    }
}

#[test]
fn a_full_segment_refuses_and_stays_whole() {
    let refused = Cell::new(0);
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 32, failure_persistence: None, ..Default::default() });
    let changes = prop::collection::vec(change(), 1..120);
    let outcome = runner.run(&changes, |mut changes| {
        let store = Memory::options(StructStoreShared::options().max_size(64 << 10));
        // Leaves about 1 KiB free at first.
        let ballast = |bytes: usize| Value::Bytes(vec![7; bytes].into());
        let room =
            (0..32 << 10).rev().step_by(512).find(|bytes| store.set("ballast", ballast(*bytes)).is_ok());
        store.clear().unwrap();
        changes.retain(|change| !matches!(change, Change::Clear));
        changes.insert(0, Change::Set("ballast".to_owned(), ballast(room.unwrap() - 1024)));
        run(&store, &changes, |store, change| {
            let result = apply_to_store(store, change);
            if matches!(&result, Err(error) if error.kind() == ErrorKind::OutOfSpace) {
                refused.set(refused.get() + 1);
            }
            result
        });
        Ok(())
    });
    outcome.unwrap();
    assert!(refused.get() > 20, "the segment was full {} times only", refused.get());
}
