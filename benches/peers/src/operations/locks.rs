//! Locks, taken and released by one thread.

use std::hint::black_box;
use std::sync::RwLock;

use parking_lot::Mutex;
use structstore::StructStoreShared;

use crate::contest::Contest;
use crate::peer::{RobustMutex, SharedRwLock, unique};
use crate::report::Report;
use crate::sample::One;

pub fn all(report: &mut Report) {
    let store = StructStoreShared::open(unique("locks")).unwrap();
    let handle = store.ensure_struct("part").unwrap();
    let binding = handle.bind::<One>().unwrap();
    let robust = RobustMutex::new();
    let shared = SharedRwLock::new();
    let (mutex, rwlock) = (Mutex::new(5_i64), RwLock::new(5_i64));
    Contest::new("exclusive lock and unlock")
        .add("robust pthread mutex, shared", || robust.pair())
        .add("StructStore, binding", || drop(binding.write().unwrap()))
        .at_most(1.3)
        .add("StructStore, handle, with_mut", || handle.with_mut(|_| ()).unwrap())
        .at_most(1.5)
        .add("StructStore, handle, write", || drop(handle.write().unwrap()))
        .add("parking_lot Mutex, in process", || drop(black_box(&mutex).lock()))
        .add("std RwLock write, in process", || drop(black_box(&rwlock).write().unwrap()))
        .run(report);
    Contest::new("shared lock and unlock")
        .add("pthread rwlock, shared, not robust", || shared.read_pair())
        .add("StructStore, binding", || drop(binding.read().unwrap()))
        .at_most(1.5)
        .add("StructStore, handle, with", || handle.with(|_| ()).unwrap())
        .at_most(1.5)
        .add("StructStore, handle, read", || drop(handle.read().unwrap()))
        .add("std RwLock read, in process", || drop(black_box(&rwlock).read().unwrap()))
        .run(report);
}
