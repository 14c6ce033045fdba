//! Operations that work in a full store: those that only remove.

use structstore::{Cleanup, Error, ErrorKind, List, Options, Result, StructStore, StructStoreShared, Value};
use structstore_tests::{SegmentName, fill};

fn options() -> Options {
    StructStoreShared::options().max_size(512 << 10).cleanup(Cleanup::Never)
}

/// Values of more parts than the journal of a seat can log.
fn parts() -> [Value<'static>; 3] {
    let text = || Value::from("a text in a block of its own");
    let deep = || Value::record([("list", vec![text(), text()].into()), ("text", text())]);
    let names = (0..300).map(|at| (format!("a name that does not fit into the field {at}").into(), text()));
    [
        (0..300).map(|_| text()).collect::<Vec<_>>().into(),
        Value::Struct(names.collect()),
        (0..100).map(|_| deep()).collect::<Vec<_>>().into(),
    ]
}

/// Runs a test on full stores, with each of the `parts`.
fn in_full_stores(test: impl Fn(&StructStoreShared, &SegmentName) -> Result<()>) -> Result<()> {
    for part in parts() {
        let segment = SegmentName::new("full");
        let store = options().open(&segment)?;
        store.set("number", 5)?;
        store.set("part", part)?;
        fill(&store, 600)?;
        assert!(matches!(store.ensure_struct("more"), Err(error) if error.kind() == ErrorKind::OutOfSpace));
        test(&store, &segment)?;
    }
    Ok(())
}

fn assert_empty(store: &StructStoreShared) -> Result<()> {
    store.check()?;
    assert_eq!((store.len()?, store.statistics().nodes, store.statistics().blocks), (0, 1, 0));
    store.set("new", vec!["contents"])?;
    assert_eq!(store.to_string(), r#"{"new": ["contents"]}"#);
    Ok(())
}

#[test]
fn clear_works_on_a_full_store() -> Result<()> {
    in_full_stores(|store, _| {
        store.clear()?;
        assert_empty(store)
    })?;
    in_full_stores(|store, _| {
        store.write()?.clear()?;
        assert_empty(store)
    })
}

#[test]
fn reinit_works_on_a_full_store() -> Result<()> {
    in_full_stores(|store, segment| {
        let filling = store.get::<List>("filling")?;
        let new = options().reinit(true).open(segment)?;
        assert!(!store.valid() && new.valid());
        assert!(matches!(store.get::<i32>("number"), Err(error) if error.kind() == ErrorKind::StaleHandle));
        assert!(matches!(filling.len(), Err(error) if error.kind() == ErrorKind::StaleHandle));
        assert_empty(&new)?;
        let newer = options().reinit(true).open(segment)?;
        assert!(!new.valid() && newer.valid());
        assert!(matches!(new.len(), Err(error) if error.kind() == ErrorKind::StaleHandle));
        newer.check()
    })
}

#[test]
fn reinit_forgets_declarations_and_deaths() -> Result<()> {
    let segment = SegmentName::new("renewed");
    let store = options().open(&segment)?;
    store.bind::<Bound>()?;
    let new = options().reinit(true).open(&segment)?;
    new.set("items", 5)?;
    new.delete("items")?;
    assert!(!new.write()?.recovered());
    new.check()
}

#[derive(StructStore)]
struct Bound {
    items: Vec<String>,
}

#[test]
fn replacing_by_nothing_works_on_a_full_store() -> Result<()> {
    in_full_stores(|store, _| {
        store.set("part", Value::Null)?;
        store.check()
    })?;
    in_full_stores(|store, _| {
        store.delete("part")?;
        store.check()
    })?;
    in_full_stores(|store, _| {
        store.restore(&StructStore::new().to_bytes()?)?;
        assert_empty(store)
    })?;
    in_full_stores(|store, _| {
        store.replace(Value::Struct(Vec::new()))?;
        assert_empty(store)
    })
}

/// Empties lists of many strings in full stores.
fn with_full_list(empty: impl Fn(List) -> Result<()>) -> Result<()> {
    let segment = SegmentName::new("full_list");
    let store = options().open(&segment)?;
    store.bind::<Bound>()?;
    let [texts, ..] = parts();
    store.set("items", texts)?;
    fill(&store, 600)?;
    empty(store.get("items")?)?;
    store.check()?;
    assert_eq!(store.get::<List>("items")?.len()?, 0);
    store.set("new", "contents")
}

#[test]
fn emptying_a_list_works_on_a_full_store() -> Result<()> {
    with_full_list(|list| list.clear())?;
    with_full_list(|list| list.write()?.clear())?;
    with_full_list(|list| list.replace([0; 0]))?;
    with_full_list(|list| list.splice(.., [0; 0]))?;
    with_full_list(|list| list.write()?.splice(.., [0; 0]))?;
    with_full_list(|list| {
        while list.pop()?.is_some() {}
        Ok(())
    })
}

#[test]
fn assigning_an_empty_list_to_a_declared_one_works_on_a_full_store() -> Result<()> {
    let segment = SegmentName::new("full_declared");
    let store = options().open(&segment)?;
    let bound = store.bind::<Bound>()?;
    let [texts, ..] = parts();
    store.set("items", texts)?;
    fill(&store, 600)?;
    store.set("items", Value::List(Vec::new()))?;
    store.check()?;
    bound.with_mut(|mut bound| bound.items.push(&"new".to_owned()))
}

#[test]
fn removing_items_of_a_short_list_works_on_a_full_store() -> Result<()> {
    let segment = SegmentName::new("short_list");
    let store = options().open(&segment)?;
    store
        .set("list", vec![Value::from("a"), 1.into(), "b".into(), Value::list([2]), 3.into(), "c".into()])?;
    fill(&store, 600)?;
    let list = store.get::<List>("list")?;
    assert_eq!(list.remove(1)?, 1.into());
    assert_eq!(list.remove(0)?, "a".into());
    assert_eq!(list.to_string(), r#"["b", [2], 3, "c"]"#);
    store.check()?;
    list.splice(1..3, [0; 0])?;
    assert_eq!(list.to_string(), r#"["b", "c"]"#);
    store.check()
}

#[test]
fn clear_in_a_transaction_frees_at_its_end() -> Result<()> {
    let store = StructStoreShared::options().cleanup(Cleanup::Never).open(SegmentName::new("cleared"))?;
    let [list, fields, deep] = parts();
    let fill = |store: &mut structstore::guard::StructMut<'_>| {
        store.set("list", list.clone())?;
        store.set("fields", fields.clone())?;
        store.set("deep", deep.clone())
    };
    let clear_twice = |store: &mut structstore::guard::StructMut<'_>| {
        fill(store)?;
        store.ensure_list("list")?.clear()?;
        store.ensure_list("list")?.push("item")?;
        store.clear()?;
        fill(store)?;
        store.at("fields")?.clear()?;
        store.clear()?;
        store.set("only", vec!["this"])
    };
    store.transaction(fill)?;
    let (before, statistics) = (store.to_value()?, store.statistics());
    let undone = store.transaction(|store| {
        clear_twice(store)?;
        Err::<(), _>(Error::rejected("undone"))
    });
    assert!(matches!(&undone, Err(error) if error.kind() == ErrorKind::Rejected));
    assert_eq!((store.to_value()?, store.statistics().blocks), (before, statistics.blocks));
    store.check()?;
    store.transaction(clear_twice)?;
    assert_eq!(store.to_string(), r#"{"only": ["this"]}"#);
    assert_eq!(store.statistics().nodes, 3);
    store.check()
}

#[test]
fn more_elements_than_a_store_can_hold_are_refused() -> Result<()> {
    #[derive(StructStore)]
    struct Trail {
        trail: Vec<f64>,
    }
    let segment = SegmentName::new("resize");
    let store = options().open(&segment)?;
    let bound = store.bind::<Trail>()?;
    let full = |done: Result<()>| {
        assert!(matches!(&done, Err(error) if error.kind() == ErrorKind::OutOfSpace), "{done:?}")
    };
    for len in [1 << 17, 1 << 40, 1 << 60, 1 << 61, usize::MAX] {
        bound.with_mut(|mut fields| {
            full(fields.trail.resize(len, 0.5));
            assert!(fields.trail.is_empty()?);
            fields.trail.push(1.0)?;
            full(fields.trail.resize(len, 0.5));
            fields.trail.clear()
        })?;
    }
    bound.with_mut(|mut fields| {
        fields.trail.push(1.0)?;
        fields.trail.resize(7, 0.5)?;
        assert_eq!(fields.trail.as_slice()?, [1.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]);
        fields.trail.resize(8, 2.0)?;
        fields.trail.resize(8, 3.0)?;
        assert_eq!(fields.trail.as_slice()?[6..], [0.5, 2.0]);
        fields.trail.resize(30_000, 0.25)?;
        assert!(fields.trail.as_slice()?[8..].iter().all(|element| *element == 0.25));
        fields.trail.resize(1, 0.0)
    })?;
    store.check()
}

#[test]
fn more_items_than_a_store_can_hold_are_refused() -> Result<()> {
    let segment = SegmentName::new("items");
    let store = options().open(&segment)?;
    let list = store.ensure_list("list")?;
    let many = || (0..usize::MAX).map(|_| Value::Null);
    let full = |done: Result<()>| {
        assert!(matches!(&done, Err(error) if error.kind() == ErrorKind::OutOfSpace), "{done:?}")
    };
    full(list.extend(many()));
    full(list.replace(many().take(1 << 40)));
    full(list.splice(.., many()));
    full(list.write()?.extend(many()));
    full(list.write()?.splice(.., many().take(1 << 33)));
    full(store.update(many().map(|value| ("name", value))));
    full(store.write()?.update(many().map(|value| ("name", value))));
    assert!(list.is_empty()?);
    store.check()
}

/// There is no room for a pin, which is a courtesy to the binding and no need of it.
#[test]
fn a_full_store_is_bound_all_the_same() -> Result<()> {
    #[derive(StructStore)]
    struct Number {
        number: i32,
    }
    let without_room = std::cell::Cell::new(0);
    in_full_stores(|store, _| {
        if matches!(store.pin(), Err(error) if error.kind() == ErrorKind::OutOfSpace) {
            without_room.set(without_room.get() + 1);
        }
        let bound = store.bind::<Number>()?;
        bound.with_mut(|fields| *fields.number += 1)?;
        assert_eq!(bound.load()?.number, 6);
        store.check()
    })?;
    assert_ne!(without_room.get(), 0, "every store had room for a pin");
    Ok(())
}
