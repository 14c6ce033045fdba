//! What operations answer where memory is damaged in ways that no healthy process brings about.

use std::sync::mpsc;
use std::time::Duration;

use crate::arena::layout::Slot;
use crate::key::Key;
use crate::node::structure;
use crate::sync::Ordering;
use crate::{Error, Struct, StructStoreShared, Value};

/// A store in memory of its own, which the damage does not leave.
fn store() -> StructStoreShared {
    let memory = nix::sys::memfd::memfd_create(c"damaged", nix::sys::memfd::MFdFlags::MFD_CLOEXEC).unwrap();
    StructStoreShared::options().open_fd(memory).unwrap()
}

/// The slot of a field.
fn slot<'a>(of: &'a Struct, name: &str) -> &'a Slot {
    &structure::find(of.handle.arena(), of.handle.record(), &Key::new(name)).unwrap().unwrap().field.slot
}

/// Makes the name in a slot that of an earlier or later life of the node.
fn misname(slot: &Slot) {
    slot.payload.store(slot.payload.load(Ordering::Relaxed) + (1 << 32), Ordering::Relaxed);
}

/// Fails where `run` has not returned in time.
fn bounded(run: impl FnOnce() + Send + 'static) {
    let (done, wait) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        run();
        let _ = done.send(());
    });
    // Disconnected: it panicked, which `join` passes on.
    assert_ne!(wait.recv_timeout(Duration::from_secs(20)), Err(mpsc::RecvTimeoutError::Timeout), "it hangs");
    thread.join().unwrap();
}

fn assert_corrupt<T>(result: Result<T, Error>) {
    assert!(matches!(result, Err(Error::Corrupt { .. })), "{:?}", result.err());
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
        assert_corrupt(store.remove("child"));
        assert_corrupt(store.take("child"));
        assert_corrupt(store.check());
    });
}

#[test]
fn an_item_that_names_a_node_that_is_gone_is_an_error() {
    bounded(|| {
        let store = store();
        let list = store.list("list").unwrap();
        list.push("text").unwrap();
        let node = list.handle.record();
        misname(crate::node::list::slot(list.handle.arena(), node, 0).unwrap());
        assert_corrupt(list.get::<String>(0));
        assert_corrupt(list.set(0, 5));
        assert_corrupt(list.remove(0));
        assert_corrupt(list.pop());
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
