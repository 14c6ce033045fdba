//! Strings.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::RwLock;

use structstore::{StructStoreShared, key};

use crate::contest::Contest;
use crate::peer::{Lmdb, unique};
use crate::report::Report;

pub fn all(report: &mut Report) {
    let store = StructStoreShared::open(unique("texts")).unwrap();
    store.set("text", "hello world").unwrap();
    let lmdb_names = vec!["text".to_owned()];
    let lmdb = Lmdb::new(&lmdb_names);
    let map = RwLock::new(HashMap::from([("text".to_owned(), "hello world".to_owned())]));
    let name = key!("text");
    Contest::new("get a string of 11 bytes")
        .add("std RwLock<HashMap>, cloned", || map.read().unwrap().get(black_box("text")).unwrap().clone())
        .add("StructStore", || store.get::<String>(name).unwrap())
        .add("LMDB, a transaction each (8 bytes)", || lmdb.get(black_box("text")))
        .run(report);
    Contest::new("set a string of 11 bytes")
        .add("std RwLock<HashMap>", || {
            let mut map = map.write().unwrap();
            let text = map.get_mut(black_box("text")).unwrap();
            text.clear();
            text.push_str(black_box("hello peers"));
        })
        .add("StructStore", || store.set(name, black_box("hello peers")).unwrap())
        .at_most(3.0)
        .add("LMDB, a transaction each (8 bytes)", || lmdb.set(black_box("text"), 5))
        .run(report);
    lmdb.remove();
}
