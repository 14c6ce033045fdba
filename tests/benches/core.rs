//! What the core costs, beside what it is measured against. `cargo xtask bench` prints the ratios.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier, RwLock};
use std::thread::JoinHandle;

use criterion::{Criterion, criterion_group, criterion_main};
use structstore::{ArrayValue, StructStore, StructStoreShared};
use structstore_tests::Memory;

/// Threads that have a seat in a store and do nothing.
struct Seats {
    end: Vec<Sender<()>>,
    threads: Vec<JoinHandle<()>>,
}

impl Seats {
    fn attach(store: &StructStoreShared, count: usize) -> Seats {
        let ready = Arc::new(Barrier::new(count + 1));
        let mut seats = Seats { end: Vec::new(), threads: Vec::new() };
        for _ in 0..count {
            let (end, wait): (Sender<()>, Receiver<()>) = channel();
            let (root, ready) = ((**store).clone(), Arc::clone(&ready));
            seats.end.push(end);
            seats.threads.push(std::thread::spawn(move || {
                drop(root.read().unwrap());
                ready.wait();
                let _ = wait.recv();
            }));
        }
        ready.wait();
        seats
    }
}

impl Drop for Seats {
    fn drop(&mut self) {
        self.end.clear();
        for thread in self.threads.drain(..) {
            thread.join().unwrap();
        }
    }
}

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

fn get_and_set(criterion: &mut Criterion) {
    let store = filled(100);
    let _seats = Seats::attach(&store, 7);
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
    group.bench_function("set", |bencher| {
        bencher.iter(|| store.set(black_box(next.next().unwrap().as_str()), black_box(5_i64)).unwrap());
    });
    group.bench_function("set_of_map", |bencher| {
        bencher.iter(|| {
            *map.write().unwrap().get_mut(black_box(next.next().unwrap().as_str())).unwrap() = black_box(5);
        });
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

/// A mutex as processes share it without this library: robust, so that a death is noticed.
struct RobustMutex(Box<std::cell::UnsafeCell<libc::pthread_mutex_t>>);

impl RobustMutex {
    fn new() -> RobustMutex {
        let mutex = RobustMutex(Box::new(libc::PTHREAD_MUTEX_INITIALIZER.into()));
        // SAFETY: initialised before use, never moved, for it is boxed.
        unsafe {
            let mut attributes: libc::pthread_mutexattr_t = std::mem::zeroed();
            assert_eq!(libc::pthread_mutexattr_init(&mut attributes), 0);
            assert_eq!(libc::pthread_mutexattr_setpshared(&mut attributes, libc::PTHREAD_PROCESS_SHARED), 0);
            assert_eq!(libc::pthread_mutexattr_setrobust(&mut attributes, libc::PTHREAD_MUTEX_ROBUST), 0);
            assert_eq!(libc::pthread_mutex_init(mutex.0.get(), &attributes), 0);
        }
        mutex
    }

    fn pair(&self) {
        // SAFETY: initialised; locked and unlocked by one thread.
        unsafe {
            libc::pthread_mutex_lock(self.0.get());
            libc::pthread_mutex_unlock(self.0.get());
        }
    }
}

/// Next to nothing to check and to lend: what is left is the lock.
#[derive(StructStore)]
struct One {
    number: i64,
}

#[derive(StructStore, Clone, Copy)]
struct Ten {
    a: i32,
    b: i64,
    c: f32,
    d: f64,
    e: bool,
    inner: Inner,
    other: Inner,
}

#[derive(StructStore, Clone, Copy)]
struct Flat {
    a: i32,
    b: i64,
    c: f32,
    d: f64,
    e: bool,
    f: u8,
    g: u16,
    h: u32,
    i: u64,
    j: f64,
}

#[derive(StructStore, Clone, Copy)]
struct Inner {
    x: f64,
    y: i32,
    z: u16,
}

fn locks(criterion: &mut Criterion) {
    let store = Memory::store();
    let handle = store.nested("part").unwrap();
    let binding = handle.bind::<One>().unwrap();
    let mutex = RobustMutex::new();
    let mut group = criterion.benchmark_group("locks");
    for seats in [8, 64] {
        let _seats = Seats::attach(&store, seats - 1);
        group.bench_function(format!("exclusive_{seats}"), |bencher| {
            bencher.iter(|| drop(binding.write().unwrap()));
        });
        group.bench_function(format!("exclusive_of_handle_{seats}"), |bencher| {
            bencher.iter(|| drop(handle.write().unwrap()));
        });
        group.bench_function(format!("shared_{seats}"), |bencher| {
            bencher.iter(|| drop(binding.read().unwrap()));
        });
    }
    group.bench_function("mutex", |bencher| bencher.iter(|| mutex.pair()));

    let _seats = Seats::attach(&store, 7);
    let ten = store.bind::<Ten>().unwrap();
    let mut value = 0;
    group.bench_function("write_ten", |bencher| {
        bencher.iter(|| {
            value += 1;
            *ten.write().unwrap().fields_mut().inner.y = value;
        });
    });
    group.bench_function("read_ten", |bencher| bencher.iter(|| *ten.read().unwrap().fields().inner.y));
    group.bench_function("load_ten", |bencher| bencher.iter(|| ten.load().unwrap()));
    let flat = store.nested("flat").unwrap().bind::<Flat>().unwrap();
    group.bench_function("load_flat", |bencher| bencher.iter(|| flat.load().unwrap()));
    let copied = parking_lot::RwLock::new(flat.load().unwrap());
    group.bench_function("copy_flat", |bencher| bencher.iter(|| *black_box(&copied).read()));
    let copied = parking_lot::RwLock::new(ten.load().unwrap());
    group.bench_function("copy_ten", |bencher| bencher.iter(|| *black_box(&copied).read()));
    let mut guard = ten.write().unwrap();
    let fields = guard.fields_mut();
    group.bench_function("store_in_guard", |bencher| {
        bencher.iter(|| *black_box(&mut *fields.a) = black_box(5));
    });
    let mut plain = 0;
    group.bench_function("store_plain", |bencher| {
        bencher.iter(|| *black_box(&mut plain) = black_box(5));
    });
    group.finish();
}

fn lists(criterion: &mut Criterion) {
    const COUNT: u64 = 10_000;
    let store = Memory::store();
    store.set("ballast", vec![0_u8; 4 << 20].as_slice()).unwrap();
    store.remove("ballast").unwrap();
    let mut list = store.list_mut("list").unwrap();
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
    let handle = store.array("array").unwrap();
    let target = Memory::store();
    target.set("array", array.clone()).unwrap();
    let target = target.array("array").unwrap();
    let mut group = criterion.benchmark_group("arrays");
    group.bench_function("assign_8mb", |bencher| bencher.iter(|| handle.assign(&array).unwrap()));
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
    targets = get_and_set, locks, lists, arrays, stores
}
criterion_main!(benches);
