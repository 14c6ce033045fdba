//! Random operations against a plain Rust model. After each, the store equals the model, order included, and every
//! invariant holds; an operation that fails has changed nothing, and uses no more memory than before.

use std::cell::Cell;
use std::ops::Range;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use structstore::{ArrayValue, Error, Result, Struct, StructStoreShared, Value};
use structstore_tests::Memory;

/// A change of the struct that `path` leads to; names are drawn from few, so that operations meet.
#[derive(Clone, Debug)]
enum Change {
    Set(String, Value<'static>),
    Extend(Vec<(String, Value<'static>)>),
    Remove(String),
    Rename(String, String),
    Clear,
    Nested(String),
    Push(String, Value<'static>),
    Insert(String, usize, Value<'static>),
    SetItem(String, usize, Value<'static>),
    RemoveItem(String, usize),
    Splice(String, Range<usize>, Vec<Value<'static>>),
    /// Of the items at even indices.
    ReplaceSome(String, Vec<Value<'static>>),
    ClearList(String),
}

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

type Fields = Vec<(std::borrow::Cow<'static, str>, Value<'static>)>;

fn field<'f>(fields: &'f mut Fields, name: &str) -> Option<&'f mut Value<'static>> {
    fields.iter_mut().find(|(other, _)| other == name).map(|(_, value)| value)
}

fn list<'f>(fields: &'f mut Fields, name: &str) -> Option<&'f mut Vec<Value<'static>>> {
    if field(fields, name).is_none() {
        fields.push((name.to_owned().into(), Value::List(Vec::new())));
    }
    match field(fields, name) {
        Some(Value::List(items)) => Some(items),
        _ => None,
    }
}

fn set(fields: &mut Fields, name: &str, value: &Value<'static>) {
    match field(fields, name) {
        Some(old) => *old = value.clone(),
        None => fields.push((name.to_owned().into(), value.clone())),
    }
}

/// The even indices of a list.
fn some(len: usize) -> Vec<usize> {
    (0..len).step_by(2).collect()
}

/// What the change does to a plain value. `None` where the store has to refuse it.
fn apply_to_model(fields: &mut Fields, change: &Change) -> Option<()> {
    match change {
        Change::Set(name, value) => set(fields, name, value),
        Change::Extend(new) => new.iter().for_each(|(name, value)| set(fields, name, value)),
        Change::Remove(name) => {
            let at = fields.iter().position(|(other, _)| other == name)?;
            fields.remove(at);
        }
        Change::Rename(from, to) => {
            field(fields, from)?;
            if from != to && field(fields, to).is_some() {
                return None;
            }
            let (name, _) = fields.iter_mut().find(|(other, _)| other == from)?;
            *name = to.clone().into();
        }
        Change::Clear => fields.clear(),
        Change::Nested(name) => match field(fields, name) {
            Some(Value::Struct(_)) => {}
            Some(_) => return None,
            None => fields.push((name.clone().into(), Value::Struct(Vec::new()))),
        },
        Change::Push(name, value) => list(fields, name)?.push(value.clone()),
        Change::Insert(name, at, value) => {
            let items = list(fields, name)?;
            (*at <= items.len()).then(|| items.insert(*at, value.clone()))?;
        }
        Change::SetItem(name, at, value) => *list(fields, name)?.get_mut(*at)? = value.clone(),
        Change::RemoveItem(name, at) => {
            let items = list(fields, name)?;
            (*at < items.len()).then(|| items.remove(*at))?;
        }
        Change::Splice(name, range, new) => {
            let items = list(fields, name)?;
            items.get(range.clone())?;
            items.splice(range.clone(), new.clone());
        }
        Change::ReplaceSome(name, new) => {
            let items = list(fields, name)?;
            let mut new = new.iter().cloned();
            for at in some(items.len()) {
                items[at] = new.next().unwrap_or_else(|| "to be removed".into());
            }
            items.retain(|item| *item != "to be removed".into());
        }
        Change::ClearList(name) => list(fields, name)?.clear(),
    }
    Some(())
}

fn apply_to_store(store: &Struct, change: &Change) -> Result<()> {
    match change {
        Change::Set(name, value) => store.set(name, value),
        Change::Extend(new) => store.extend(new.iter().map(|(name, value)| (name, value))),
        Change::Remove(name) => store.remove(name),
        Change::Rename(from, to) => store.rename(from, to),
        Change::Clear => store.clear(),
        Change::Nested(name) => store.nested(name).map(drop),
        Change::Push(name, value) => store.list(name)?.push(value),
        Change::Insert(name, at, value) => store.list(name)?.insert(*at, value),
        Change::SetItem(name, at, value) => store.list(name)?.set(*at, value),
        Change::RemoveItem(name, at) => store.list(name)?.remove(*at).map(drop),
        Change::Splice(name, range, new) => store.list(name)?.splice(range.clone(), new),
        Change::ReplaceSome(name, new) => {
            let list = store.list(name)?;
            list.replace_at(&some(list.len()?), new)
        }
        Change::ClearList(name) => store.list(name)?.clear(),
    }
}

/// The same through a guard.
fn apply_to_guard(store: &Struct, change: &Change) -> Result<()> {
    if let Change::Nested(_) | Change::ReplaceSome(..) = change {
        return apply_to_store(store, change);
    }
    let mut owner = store.write()?;
    let mut guard = owner.reborrow();
    let list = |name: &str, guard: &mut structstore::StructMut<'_>| -> Result<()> {
        if guard.contains(name)? { Ok(()) } else { guard.set(name, Value::List(Vec::new())) }
    };
    match change {
        Change::Set(name, value) => guard.set(name, value),
        Change::Extend(new) => guard.extend(new.iter().map(|(name, value)| (name, value))),
        Change::Remove(name) => guard.remove(name),
        Change::Rename(from, to) => guard.rename(from, to),
        Change::Clear => guard.clear(),
        Change::Push(name, value) => list(name, &mut guard).and_then(|()| guard.list(name)?.push(value)),
        Change::Insert(name, at, value) => {
            list(name, &mut guard).and_then(|()| guard.list(name)?.insert(*at, value))
        }
        Change::SetItem(name, at, value) => {
            list(name, &mut guard).and_then(|()| guard.list(name)?.set(*at, value))
        }
        Change::RemoveItem(name, at) => {
            list(name, &mut guard).and_then(|()| guard.list(name)?.remove(*at).map(drop))
        }
        Change::Splice(name, range, new) => {
            list(name, &mut guard).and_then(|()| guard.list(name)?.splice(range.clone(), new))
        }
        Change::ClearList(name) => list(name, &mut guard).and_then(|()| guard.list(name)?.clear()),
        Change::Nested(_) | Change::ReplaceSome(..) => Ok(()),
    }
}

fn run(
    store: &StructStoreShared,
    changes: &[Change],
    apply: impl Fn(&Struct, &Change) -> Result<()>,
) -> Result<(), TestCaseError> {
    let empty = store.statistics();
    let mut model: Fields = Vec::new();
    for change in changes {
        let before = store.statistics();
        let mut next = model.clone();
        let possible = apply_to_model(&mut next, change).is_some();
        match apply(store, change) {
            Ok(()) => {
                prop_assert!(possible, "{change:?} should have been refused");
                model = next;
            }
            Err(Error::OutOfSpace { .. }) => {
                let after = store.statistics();
                // A list that the change was to create on its way may have been created.
                let created = store.len().unwrap() > model.len();
                prop_assert!(
                    created
                        || (after.allocated, after.blocks, after.nodes)
                            == (before.allocated, before.blocks, before.nodes)
                );
                list_created(store, &mut model, change);
            }
            Err(error) => {
                prop_assert!(!possible, "{change:?} was refused: {error}");
                list_created(store, &mut model, change);
            }
        }
        store.check().map_err(|error| TestCaseError::fail(format!("{change:?}: {error}")))?;
        prop_assert_eq!(store.to_string(), Value::Struct(model.clone()).to_string());
        prop_assert_eq!(store.to_value().unwrap(), Value::Struct(model.clone()));
    }
    store.clear().unwrap();
    store.check().unwrap();
    prop_assert_eq!(store.statistics().nodes, empty.nodes);
    Ok(())
}

/// Asking for a list creates it, also where what is then to be done with it fails.
fn list_created(store: &StructStoreShared, model: &mut Fields, change: &Change) {
    if let Change::Push(name, _)
    | Change::Insert(name, ..)
    | Change::SetItem(name, ..)
    | Change::RemoveItem(name, _)
    | Change::Splice(name, ..)
    | Change::ReplaceSome(name, _)
    | Change::ClearList(name) = change
        && store.contains(name).unwrap()
    {
        list(model, name);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn handles_agree_with_the_model(changes in prop::collection::vec(change(), 1..60)) {
        run(&Memory::store(), &changes, apply_to_store)?;
    }

    #[test]
    fn guards_agree_with_the_model(changes in prop::collection::vec(change(), 1..60)) {
        run(&Memory::store(), &changes, apply_to_guard)?;
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
        // Leaves about 1 KiB at first.
        let ballast = |bytes: usize| Value::Bytes(vec![7; bytes].into());
        let room =
            (0..32 << 10).rev().step_by(512).find(|bytes| store.set("ballast", ballast(*bytes)).is_ok());
        store.clear().unwrap();
        changes.retain(|change| !matches!(change, Change::Clear));
        changes.insert(0, Change::Set("ballast".to_owned(), ballast(room.unwrap() - 1024)));
        run(&store, &changes, |store, change| {
            let result = apply_to_store(store, change);
            if let Err(Error::OutOfSpace { .. }) = result {
                refused.set(refused.get() + 1);
            }
            result
        })
    });
    outcome.unwrap();
    assert!(refused.get() > 20, "the segment was full {} times only", refused.get());
}
