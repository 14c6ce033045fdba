//! Arrays of 8 MB, beside copies of as many bytes.

use std::hint::black_box;

use structstore::{Array, ArrayValue, StructStoreShared, key};

use crate::contest::Contest;
use crate::peer::{shared_memory, unique};
use crate::report::Report;

const COUNT: usize = 1 << 20;

pub fn all(report: &mut Report) {
    let elements = vec![1.5_f64; COUNT];
    let array = ArrayValue::from_slice(&[COUNT], &elements).unwrap();
    let store = StructStoreShared::open(unique("arrays")).unwrap();
    store.set("array", array.clone()).unwrap();
    store.set("guarded", array.clone()).unwrap();
    let [handle, guarded] = ["array", "guarded"].map(|name| store.get::<Array>(name).unwrap());
    let source: &[u8] = array.data();
    let target = shared_memory(source.len());
    let mut in_turn = [shared_memory(source.len()), shared_memory(source.len())];
    let mut turn = 0;
    let name = key!("array");
    // An assignment makes a new block, and frees the old one for the next: two in turn.
    Contest::new("assign an array of 8 MB")
        .add("memcpy into two blocks of shared memory in turn", || {
            turn ^= 1;
            black_box(&mut *in_turn[turn]).copy_from_slice(source)
        })
        .add("StructStore, handle", || handle.set(&array).unwrap())
        .at_most(1.1)
        .run(report);
    // In a contest of their own, so that as many blocks as there are here fit into a cache.
    Contest::new("assign an array of 8 MB otherwise")
        .add("memcpy into one block of shared memory", || black_box(&mut *target).copy_from_slice(source))
        .add("StructStore, by name, which has two in turn", || store.set(name, array.clone()).unwrap())
        .add("StructStore, in place by a guard", || {
            guarded.write().unwrap().as_mut_slice::<f64>().unwrap().copy_from_slice(&elements)
        })
        .run(report);
    let mut copy = vec![0_u8; source.len()];
    Contest::new("read an array of 8 MB")
        .add("[u8]::to_vec of shared memory", || target.to_vec())
        .add("StructStore, to_vec", || handle.to_vec::<f64>().unwrap())
        .at_most(1.1)
        .add("memcpy into memory that was touched before", || black_box(&mut copy).copy_from_slice(target))
        .run(report);
    Contest::new("view of an array")
        .add("StructStore, read guard and slice", || guarded.read().unwrap().as_slice::<f64>().unwrap()[5])
        .add("StructStore, view", || handle.view().unwrap())
        .run(report);
}
