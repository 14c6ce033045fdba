//! What operations answer where memory is damaged in ways that no healthy process brings about.

use std::sync::mpsc;
use std::time::Duration;

use super::store;
use crate::access::Access as _;
use crate::arena::layout::{ArrayHead, Slot};
use crate::binding_support::StructExt as _;
use crate::edit::{End, change_end};
use crate::error::ErrorKind;
use crate::journal::Operation;
use crate::key::Key;
use crate::node::{BLOCK, Raw, resolve, structure};
use crate::sync::Ordering;
use crate::{Array, ArrayValue, Error, Struct, StructStoreShared, Value};

/// The slot of a field.
fn slot<'a>(of: &'a Struct, name: &str) -> &'a Slot {
    &structure::find(of.handle.arena(), of.handle.node(), &Key::new(name)).unwrap().unwrap().field.slot
}

/// Makes the name in a slot that of an earlier or later life of the node.
fn misname(slot: &Slot) {
    slot.payload.store(slot.payload.load(Ordering::Relaxed) + (1 << 32), Ordering::Relaxed);
}

/// Fails where `run` does not return: only what is stuck takes so long, however busy the machine is.
fn bounded(run: impl FnOnce() + Send + 'static) {
    let (done, wait) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        run();
        let _ = done.send(());
    });
    // Disconnected: it panicked, which `join` passes on.
    assert_ne!(wait.recv_timeout(Duration::from_secs(300)), Err(mpsc::RecvTimeoutError::Timeout), "it hangs");
    thread.join().unwrap();
}

fn assert_corrupt<T>(result: Result<T, Error>) {
    assert!(matches!(&result, Err(error) if error.kind() == ErrorKind::Corrupt), "{:?}", result.err());
}

#[test]
fn a_field_that_names_a_node_that_is_gone_is_an_error() {
    bounded(|| {
        let store = store();
        store.set("child", Value::Struct(Vec::new())).unwrap();
        misname(slot(&store, "child"));
        assert_corrupt(store.at("child"));
        assert_corrupt(store.get::<Value<'static>>("child"));
        assert_corrupt(store.find::<Struct>("child"));
        assert_corrupt(store.set("child", "text"));
        assert_corrupt(store.delete("child"));
        assert_corrupt(store.remove("child"));
        assert_corrupt(store.check());
    });
}

/// As bindings of other languages read: they look again where what a slot names is gone, but not for ever.
#[test]
fn who_looks_at_a_name_of_nothing_looks_twice() {
    let store = store();
    store.set("child", "text").unwrap();
    misname(slot(&store, "child"));
    let (key, mut before) = (Key::new("child"), None);
    let look = || store.look(&key).unwrap().unwrap();
    assert!(matches!(look().text(100, str::len), Err(error) if error.kind() == ErrorKind::StaleHandle));
    look().gone(&mut before).unwrap();
    assert_corrupt(look().gone(&mut before));
    // Another name is another chance.
    misname(slot(&store, "child"));
    look().gone(&mut before).unwrap();
}

#[test]
fn an_item_that_names_a_node_that_is_gone_is_an_error() {
    bounded(|| {
        let store = store();
        let list = store.ensure_list("list").unwrap();
        list.push("text").unwrap();
        let node = list.handle.node();
        misname(crate::node::list::slot(list.handle.arena(), node, 0).unwrap());
        assert_corrupt(list.get::<String>(0));
        assert_corrupt(list.set(0, 5));
        assert_corrupt(list.remove(0));
        assert_corrupt(list.pop());
    });
}

/// A journal whose log claims so many overflow blocks that finding each entry by walking along them would take for ever.
#[test]
fn a_log_longer_than_there_is_room_for_is_an_error() {
    bounded(|| {
        let store = store();
        store.set("bytes", Value::Bytes(vec![0; 16 << 20].into())).unwrap();
        let arena = store.handle.arena();
        let node = slot(&store, "bytes").payload.load(Ordering::Relaxed) as u32;
        let block = arena.node(node).unwrap().body[crate::node::BLOCK].load(Ordering::Relaxed);
        // Blocks that overlap: each is but a head, behind the one before it.
        let words = arena.words(block, 2 << 20).unwrap();
        for (at, head) in words.chunks(2).enumerate() {
            head[0].store((block + 16 * at as u64).saturating_sub(16), Ordering::Relaxed);
            head[1].store(at as u64 + 1, Ordering::Relaxed);
        }
        let seat = arena.seat(&crate::lock::Wait::FOREVER).unwrap().body;
        seat.log_block.store(block + 16 * (words.len() as u64 / 2 - 1), Ordering::Relaxed);
        seat.log_count.store(252 << 20, Ordering::Relaxed);
        assert_corrupt(store.set("other", "text"));
        assert_corrupt(crate::journal::repair(arena, arena.owner(), seat));
        assert_corrupt(store.check());
    });
}

/// Each of them would otherwise be compared with each other one, at each level.
#[test]
fn the_marks_of_many_watchers_are_taken_off_at_once() {
    bounded(|| {
        let store = store();
        let mut at = (*store).clone();
        for _ in 0..100 {
            at = at.ensure_struct("sub").unwrap();
        }
        let arena = store.handle.arena();
        for _ in 0..3000 {
            arena.watch(at.handle.id()).unwrap();
        }
        let watch = store.at("sub").unwrap().watch().unwrap();
        arena.check_watchers().unwrap();
        // All but that one, as if they were those of a process that died.
        let places = 0..3000;
        places.for_each(|place| arena.unwatch(place).unwrap());
        arena.check_watchers().unwrap();
        assert_eq!(store.statistics().watchers, 1);
        drop(watch);
        arena.check_watchers().unwrap();
        assert_eq!(store.statistics().watchers, 0);
    });
}

#[test]
fn a_list_that_seems_longer_than_the_segment_has_no_length() {
    let store = store();
    let list = store.ensure_list("list").unwrap();
    list.extend([1, 2, 3]).unwrap();
    let length = &list.handle.node().body[crate::node::LENGTH];
    for lie in [1 << 20, 1 << 60, 1 << 63, u64::MAX] {
        length.store(lie, Ordering::Relaxed);
        assert_corrupt(list.len());
        assert_corrupt(list.is_empty());
        assert_corrupt(list.to_value());
    }
    length.store(3, Ordering::Relaxed);
    assert_eq!(list.len().unwrap(), 3);
}

#[test]
fn a_tree_whose_nodes_are_named_many_times_is_an_error() {
    bounded(|| {
        let store = store();
        let mut value = Value::from(vec!["leaf"]);
        for _ in 0..100 {
            value = Value::List(vec![value, Value::from("other")]);
        }
        store.set("list", value).unwrap();
        // Each list gets its first item a second time, which makes 2^100 leaves.
        let mut at = store.ensure_list("list").unwrap();
        while let Ok(inner) = at.get::<crate::List>(0) {
            let slot = |index| crate::node::list::slot(at.handle.arena(), at.handle.node(), index).unwrap();
            slot(1).payload.store(slot(0).payload.load(Ordering::Relaxed), Ordering::Relaxed);
            slot(1).tag.store(slot(0).tag.load(Ordering::Relaxed), Ordering::Relaxed);
            at = inner;
        }
        assert_corrupt(store.to_value());
        assert_corrupt(store.get::<Value<'static>>("list"));
        assert_corrupt(store.to_bytes());
        assert_corrupt(store.watch());
        assert_corrupt(store.usage());
        assert_corrupt(store.usage_by_field());
        assert_corrupt(store.check());
        let guard = store.read().unwrap();
        assert_corrupt(guard.to_value());
        drop(guard);
        let reader = StructStoreShared::options().observe(true);
        let backing = store.handle.arena().segment().backing();
        let file = backing.file().unwrap().unwrap().try_clone_to_owned().unwrap();
        let reader = reader.open_fd(file).unwrap();
        assert_corrupt(reader.to_value());
        assert_corrupt(reader.to_bytes());
        assert_corrupt(reader.watch());
        assert_corrupt(reader.check());
    });
}

#[cfg(feature = "derive")]
#[test]
fn fields_that_share_a_node_are_not_lent() {
    #[derive(crate::StructStore)]
    struct Twins {
        first: [f64; 2],
        second: [f64; 2],
    }

    let store = store();
    let twins = store.bind::<Twins>().unwrap();
    twins.with_mut(|twins| (twins.first[0], twins.second[0]) = (1.0, 2.0)).unwrap();
    let other = slot(&store, "first").payload.load(Ordering::Relaxed);
    slot(&store, "second").payload.store(other, Ordering::Relaxed);
    assert_corrupt(store.bind::<Twins>());
    assert_corrupt(store.check());
}

#[cfg(feature = "derive")]
#[test]
fn values_that_are_none_are_not_lent() {
    #[derive(crate::StructStore)]
    struct Flags {
        plain: bool,
        optional: Option<bool>,
        each: Vec<bool>,
        mode: Mode,
        trail: Vec<f64>,
    }

    #[derive(crate::StructStore)]
    enum Mode {
        On,
    }

    let store = store();
    let flags = store.bind::<Flags>().unwrap();
    flags.with_mut(|mut flags| flags.optional.set(Some(true)).and(flags.each.push(&true))).unwrap();
    let spoil = |slot: &Slot, value: u64| {
        let was = slot.payload.swap(value, Ordering::Relaxed);
        assert_corrupt(flags.read().map(drop));
        assert_corrupt(flags.write().map(drop));
        assert_corrupt(flags.load());
        slot.payload.store(was, Ordering::Relaxed);
        flags.load().unwrap();
    };
    spoil(slot(&store, "plain"), 7);
    spoil(slot(&store, "optional"), 7);

    let list = store.ensure_list("each").unwrap();
    let item = crate::node::list::slot(list.handle.arena(), list.handle.node(), 0).unwrap();
    item.payload.store(7, Ordering::Relaxed);
    assert_corrupt(flags.load());
    assert_corrupt(flags.with(|flags| flags.each.get(0).map(drop)).unwrap());
    assert_corrupt(flags.with_mut(|mut flags| flags.each.get_mut(0).map(drop)));
    item.payload.store(1, Ordering::Relaxed);

    let text = store.ensure_str("mode").unwrap();
    // By a process that has taken the choices away, or whose memory is damaged.
    store.declare("mode", &crate::Meta::new()).unwrap();
    text.set("Off").unwrap();
    let nonsense = |result: crate::Result<()>| assert_eq!(result.unwrap_err().kind(), ErrorKind::WrongType);
    nonsense(flags.load().map(drop));
    nonsense(flags.with(|flags| flags.mode.get().map(drop)).unwrap());
    flags.with_mut(|mut flags| flags.optional.set(Some(true))).unwrap();
    text.set("On").unwrap();

    // An array that has become one of something else, behind the back of its field.
    let array = store.get::<Array>("trail").unwrap();
    let block = array.handle.node().body[crate::node::BLOCK].load(Ordering::Relaxed);
    let words = array.handle.arena().words(block, 6).unwrap();
    words[2].store(0, Ordering::Relaxed);
    assert!(flags.read().is_err());
    words[2].store(1, Ordering::Relaxed);
    words[5].store(u64::MAX / 2, Ordering::Relaxed);
    assert!(flags.write().is_err());
}

#[cfg(feature = "derive")]
#[test]
fn a_node_that_lies_in_two_lists_is_lent_by_one() {
    #[derive(crate::StructStore)]
    struct Lists {
        first: Vec<[f64; 2]>,
        second: Vec<[f64; 2]>,
        option: Option<String>,
    }

    let store = store();
    let lists = store.bind::<Lists>().unwrap();
    lists
        .with_mut(|mut lists| {
            lists.first.push(&[1.0, 2.0])?;
            lists.option.set(Some("text".to_owned()))?;
            lists.second.push(&[3.0, 4.0])
        })
        .unwrap();
    let item = |name: &str| {
        let list = store.ensure_list(name).unwrap();
        let slot = crate::node::list::slot(list.handle.arena(), list.handle.node(), 0).unwrap();
        // The mapping outlives both lists.
        std::ptr::from_ref(slot)
    };
    // SAFETY: the slots lie in the mapping, which `store` keeps.
    let (first, second) = unsafe { (&*item("first"), &*item("second")) };
    second.payload.store(first.payload.load(Ordering::Relaxed), Ordering::Relaxed);
    let mut guard = lists.write().unwrap();
    let mut fields = guard.fields_mut();
    fields.first.get_mut(0).unwrap()[0] = 5.0;
    assert_corrupt(fields.second.get_mut(0).map(drop));
    drop(guard);
    assert_corrupt(store.check());
}

/// Its elements take no bytes, so that any number of them fits into the block, and more would be written far behind it.
#[test]
fn an_array_of_elements_without_size_does_not_grow() {
    let store = store();
    store.set("array", ArrayValue::from_slice(&[4], &[0.5_f64; 4]).unwrap()).unwrap();
    let arena = store.handle.arena();
    let (_, node) = resolve(arena, Raw::load(slot(&store, "array"))).unwrap();
    let head = arena.at::<ArrayHead<1>>(node.body[BLOCK].load(Ordering::Relaxed)).unwrap();
    let lies =
        [(&head.bytes, 0), (&head.sizes, 3 << 32), (&head.descr, u64::from_le_bytes(*b"|V0\0\0\0\0\0"))];
    for (word, lie) in lies.into_iter().chain([(&head.extents[0], 1 << 12)]) {
        word.store(lie, Ordering::Relaxed);
    }
    for end in [End::Append(&[1; 8], 1), End::Truncate(1 << 11)] {
        let changed =
            Operation::begin(arena).unwrap().conclude(|operation| change_end(operation, node, end, false));
        assert_corrupt(changed);
    }
}

/// It would be made for good, and stay where the transaction is undone.
#[test]
fn a_change_that_a_broken_link_parts_from_its_transaction_is_refused() {
    let store = store();
    store.ensure_struct("sub").unwrap().set("x", 1).unwrap();
    let sub = store.at("sub").unwrap();
    let parent = &sub.handle.node().head.parent;
    let link = parent.load(Ordering::Relaxed);
    let undone = store.transaction(|store| {
        let mut sub = store.at("sub")?;
        parent.store(1 << 40, Ordering::Relaxed);
        let changed = sub.delete("x");
        parent.store(link, Ordering::Relaxed);
        assert_corrupt(changed);
        Err::<(), _>(Error::rejected("undone"))
    });
    assert!(matches!(&undone, Err(error) if error.kind() == ErrorKind::Rejected));
    assert_eq!(sub.get::<i32>("x").unwrap(), 1);
    store.check().unwrap();
}
