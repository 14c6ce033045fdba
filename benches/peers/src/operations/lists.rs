//! Items of lists, beside Vec.

use std::hint::black_box;

use structstore::{List, Scalar, StructStoreShared};

use crate::contest::Contest;
use crate::peer::unique;
use crate::report::Report;

const COUNT: u64 = 10_000;

pub fn all(report: &mut Report) {
    let store = StructStoreShared::open(unique("lists")).unwrap();
    // Memory that the list then grows into without asking the kernel.
    store.set("ballast", vec![0_u8; 4 << 20].as_slice()).unwrap();
    store.delete("ballast").unwrap();
    let list = store.ensure_list("list").unwrap();
    let mut guard = list.write().unwrap();
    let mut kept: Vec<(u64, u64)> = Vec::new();
    Contest::new("push 10,000 in a guard")
        .add("Vec::new() of (u64, u64)", || {
            let mut list = Vec::new();
            (0..COUNT).for_each(|item| list.push(black_box((item, item))));
            list
        })
        .add("StructStore, clear and push", || {
            guard.clear().unwrap();
            (0..COUNT).for_each(|item| guard.push(black_box(item)).unwrap());
        })
        .at_most(2.0)
        .add("Vec, clear and push", || {
            kept.clear();
            (0..COUNT).for_each(|item| kept.push(black_box((item, item))));
        })
        .run(report);
    guard.clear().unwrap();
    (0..COUNT).for_each(|item| guard.push(item).unwrap());
    drop(guard);
    let guard = store.get::<List>("list").unwrap().read().unwrap();
    let vec: Vec<(u64, u64)> = (0..COUNT).map(|item| (item, item)).collect();
    // What an item that may be of any kind costs at least: a comparison of each, so that nothing can be vectorised.
    let values: Vec<Scalar> = (0..COUNT).map(Scalar::U64).collect();
    Contest::new("sum 10,000 items in a guard")
        .add("Vec of (u64, u64)", || black_box(&vec).iter().map(|item| item.0).sum::<u64>())
        .add("StructStore, get of each", || {
            (0..COUNT as usize).map(|at| guard.get::<u64>(at).unwrap()).sum::<u64>()
        })
        .at_most(3.0)
        .add("StructStore, iter", || guard.iter::<u64>().map(Result::unwrap).sum::<u64>())
        .at_most(3.0)
        .add("Vec of Scalar, matched", || {
            let number = |item: &Scalar| match item {
                Scalar::U64(item) => *item,
                _ => panic!("not a number"),
            };
            black_box(&values).iter().map(number).sum::<u64>()
        })
        .run(report);
}
