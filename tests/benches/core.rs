//! The costs of the core, and of the things it is compared with. `cargo xtask bench` prints the ratios.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::RwLock;

use criterion::{Criterion, criterion_group, criterion_main};
use structstore::{Array, ArrayValue, StructStore, StructStoreShared};
use structstore_tests::Memory;

fn names(count: usize) -> Vec<String> {
    (0..count).map(|at| format!("field_{at}")).collect()
}

/// A random order that is the same in every run.
fn shuffled<T: Clone>(items: &[T], count: usize) -> Vec<T> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            items[(state >> 33) as usize % items.len()].clone()
        })
        .collect()
}

fn filled(count: usize) -> StructStoreShared {
    let store = Memory::store();
    for (at, name) in names(count).iter().enumerate() {
        store.set(name, at as i64).unwrap();
    }
    store
}

fn gets(criterion: &mut Criterion) {
    let store = filled(100);
    let names = names(100);
    let map: RwLock<HashMap<String, i64>> =
        RwLock::new(names.iter().enumerate().map(|(at, name)| (name.clone(), at as i64)).collect());
    let order = shuffled(&names, 1024);
    let mut group = criterion.benchmark_group("fields");
    let mut next = order.iter().cycle();
    group.bench_function("get", |bencher| {
        bencher.iter(|| store.get::<i64>(black_box(next.next().unwrap().as_str())).unwrap());
    });
    group.bench_function("get_of_map", |bencher| {
        bencher.iter(|| *map.read().unwrap().get(black_box(next.next().unwrap().as_str())).unwrap());
    });
    for count in [10, 100_000] {
        let store = filled(count);
        let keys = self::names(count);
        let order = shuffled(&keys, 1 << 16);
        let mut next = order.iter().cycle();
        group.bench_function(format!("get_of_{count}"), |bencher| {
            bencher.iter(|| store.get::<i64>(black_box(next.next().unwrap().as_str())).unwrap());
        });
    }
    group.finish();
}

fn lists(criterion: &mut Criterion) {
    const COUNT: u64 = 10_000;
    let store = Memory::store();
    store.set("ballast", vec![0_u8; 4 << 20].as_slice()).unwrap();
    store.delete("ballast").unwrap();
    let mut list = store.ensure_list("list").unwrap().write().unwrap();
    let mut group = criterion.benchmark_group("lists");
    group.bench_function("push", |bencher| {
        bencher.iter(|| {
            list.clear().unwrap();
            for item in 0..COUNT {
                list.push(black_box(item)).unwrap();
            }
        });
    });
    group.bench_function("push_of_vec", |bencher| {
        bencher.iter(|| {
            let mut list: Vec<(u64, u64)> = Vec::new();
            for item in 0..COUNT {
                list.push(black_box((item, item)));
            }
            list
        });
    });
    group.finish();
}

fn arrays(criterion: &mut Criterion) {
    const COUNT: usize = 1 << 20;
    let elements = vec![1.5_f64; COUNT];
    let array = ArrayValue::from_slice(&[COUNT], &elements).unwrap();
    let store = Memory::store();
    store.set("array", array.clone()).unwrap();
    let handle = store.get::<Array>("array").unwrap();
    let target = Memory::store();
    target.set("array", array.clone()).unwrap();
    let target = target.get::<Array>("array").unwrap();
    let mut group = criterion.benchmark_group("arrays");
    group.bench_function("assign_8mb", |bencher| bencher.iter(|| handle.set(&array).unwrap()));
    let mut guard = target.write().unwrap();
    let slice = guard.as_mut_slice::<f64>().unwrap();
    group.bench_function("memcpy_8mb", |bencher| {
        bencher.iter(|| black_box(&mut *slice).copy_from_slice(black_box(&elements)));
    });
    group.finish();
}

fn stores(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("stores");
    group.bench_function("local", |bencher| bencher.iter(StructStore::new));
    let store = Memory::store();
    let empty = store.statistics().allocated;
    let count = 100;
    for name in names(count) {
        store.set(&name, 1_i64).unwrap();
    }
    println!(
        "memory per scalar field of {count}: {} bytes",
        (store.statistics().allocated - empty) / count as u64
    );
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(60).without_plots();
    targets = gets, lists, arrays, stores
}
criterion_main!(benches);
