//! Fields by name.

use std::hint::black_box;
use std::sync::RwLock;

use iceoryx2::prelude::*;
use parking_lot::Mutex;
use structstore::Key;

use crate::contest::Contest;
use crate::peer::Lmdb;
use crate::report::Report;
use crate::sample::{map_of, names, shuffled, store_of, turns};

pub fn all(report: &mut Report) {
    let names = names(100);
    let order = shuffled(&names, 1024);
    let keys: Vec<Key<'_>> = order.iter().map(Key::from).collect();
    let numbers = shuffled(&(0..100).collect::<Vec<u64>>(), 1024);
    let store = store_of(&names);
    let lmdb = Lmdb::new(&names);
    let map = RwLock::new(map_of(&names));
    let mutex = Mutex::new(map_of(&names));

    let node = NodeBuilder::new().create::<ipc::Service>().unwrap();
    let mut maker = node.service_builder(&"peers_fields".try_into().unwrap()).blackboard_creator::<u64>();
    for number in 0..100 {
        maker = maker.add::<i64>(number, number as i64);
    }
    let service = maker.create().unwrap();
    let writer = service.writer_builder().create().unwrap();
    let reader = service.reader_builder().create().unwrap();

    let lmdb_kept = Lmdb::new(&names);
    let mut snapshot = lmdb_kept.snapshot();
    let guard = store.read().unwrap();
    let [mut a, mut c, mut d, mut e, mut f, mut h] = std::array::from_fn(|_| turns(&order));
    let (mut b, mut g) = (turns(&keys), turns(&numbers));
    Contest::new("get by name of 100")
        .add("std RwLock<HashMap>, in process", || *map.read().unwrap().get(c().as_str()).unwrap())
        .add("StructStore, &str", || store.get::<i64>(a()).unwrap())
        .at_most(0.8)
        .add("StructStore, hashed before", || store.get::<i64>(*b()).unwrap())
        .add("StructStore, in a shared guard", || guard.get::<i64>(h()).unwrap())
        .add("parking_lot Mutex<HashMap>, in process", || *mutex.lock().get(d().as_str()).unwrap())
        .add("LMDB, a transaction each", || lmdb.get(e()))
        .add("LMDB, within one transaction", || snapshot(f()))
        .add("iceoryx2 blackboard, entry by key", || *reader.entry::<i64>(g()).unwrap().get())
        .run(report);
    drop(guard);
    drop(snapshot);
    lmdb_kept.remove();

    let [mut a, mut c, mut d, mut e, mut h] = std::array::from_fn(|_| turns(&order));
    let (mut b, mut g) = (turns(&keys), turns(&numbers));
    let other = store_of(&names);
    let mut guard = other.write().unwrap();
    Contest::new("set by name of 100")
        .add("std RwLock<HashMap>, in process", || {
            *map.write().unwrap().get_mut(c().as_str()).unwrap() = black_box(5)
        })
        .add("StructStore, &str", || store.set(a(), black_box(5_i64)).unwrap())
        .add("StructStore, hashed before", || store.set(*b(), black_box(5_i64)).unwrap())
        .at_most(1.5)
        .add("StructStore, in an exclusive guard", || guard.set(h(), black_box(5_i64)).unwrap())
        .add("parking_lot Mutex<HashMap>, in process", || {
            *mutex.lock().get_mut(d().as_str()).unwrap() = black_box(5)
        })
        .add("LMDB, a transaction each", || lmdb.set(e(), black_box(5)))
        .add("iceoryx2 blackboard, entry by key", || {
            writer.entry::<i64>(g()).unwrap().update_with_copy(black_box(5))
        })
        .run(report);
    drop(guard);
    lmdb.remove();
}
