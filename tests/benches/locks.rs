//! The costs of guards over several fields, and of locks that two threads take at once, compared with those of the standard library.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use criterion::{Bencher, Criterion, criterion_group, criterion_main};
use structstore::{Key, StructStore, StructStoreShared};
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

/// Almost nothing to check and to lend, so that the lock dominates.
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

#[derive(StructStore)]
struct Pair {
    x: i64,
    y: i64,
}

/// Guards that lend ten fields, and loads of these fields.
fn fields(criterion: &mut Criterion) {
    let store = Memory::store();
    let mut group = criterion.benchmark_group("locks");
    let one = store.ensure_struct("one").unwrap().bind::<One>().unwrap();
    group.bench_function("write_one", |bencher| bencher.iter(|| drop(one.write().unwrap())));
    group.bench_function("read_one", |bencher| bencher.iter(|| drop(one.read().unwrap())));
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
    let flat = store.ensure_struct("flat").unwrap().bind::<Flat>().unwrap();
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

/// Two threads that do the same at once, or one alone: the time until all are done.
fn at_once(bencher: &mut Bencher<'_>, threads: usize, work: impl Fn(usize) + Sync) {
    bencher.iter_custom(|count| {
        let (begin, end) = (Barrier::new(threads + 1), Barrier::new(threads + 1));
        std::thread::scope(|scope| {
            for thread in 0..threads {
                let (begin, end, work) = (&begin, &end, &work);
                scope.spawn(move || {
                    // Takes the thread's seat.
                    work(thread);
                    begin.wait();
                    for _ in 0..count {
                        work(thread);
                    }
                    end.wait();
                });
            }
            begin.wait();
            let start = Instant::now();
            end.wait();
            start.elapsed()
        })
    });
}

/// Two threads on two cores.
fn cores(criterion: &mut Criterion) {
    let store = Memory::store();
    let parts = ["a", "b"].map(|name| store.ensure_struct(name).unwrap());
    let [one, other] = &parts;
    let fields = ["x", "y"].map(Key::new);
    for (part, field) in parts.iter().flat_map(|part| fields.map(|field| (part, field))) {
        part.set(field, 0_i64).unwrap();
    }
    let map = RwLock::new(HashMap::from(["x", "y"].map(|name| (name, 0_i64))));
    let _seats = Seats::attach(&store, 62);
    let mut group = criterion.benchmark_group("cores");
    group.measurement_time(Duration::from_secs(3)).sample_size(40);
    let part = |thread| if thread == 0 { one } else { other };
    for (what, threads) in [("alone", 1), ("both", 2)] {
        group.bench_function(format!("set_{what}"), |bencher| {
            at_once(bencher, threads, |thread| part(thread).set(fields[0], black_box(5_i64)).unwrap());
        });
        group.bench_function(format!("set_in_one_struct_{what}"), |bencher| {
            at_once(bencher, threads, |thread| one.set(fields[thread], black_box(5_i64)).unwrap());
        });
        group.bench_function(format!("set_in_one_map_{what}"), |bencher| {
            at_once(bencher, threads, |thread| {
                *map.write().unwrap().get_mut(["x", "y"][thread]).unwrap() = black_box(5);
            });
        });
        group.bench_function(format!("read_{what}"), |bencher| {
            at_once(bencher, threads, |_| drop(one.read().unwrap()));
        });
    }
    let binding = [other.bind::<Pair>().unwrap(), other.bind::<Pair>().unwrap()];
    for (what, threads) in [("alone", 1), ("both", 2)] {
        group.bench_function(format!("read_fields_{what}"), |bencher| {
            at_once(bencher, threads, |thread| {
                black_box(*binding[thread].read().unwrap().fields().x);
            });
        });
    }
    group.finish();
}

/// The time for which fairness is measured.
const LOOK: Duration = Duration::from_secs(1);

/// How often one thread gets a lock that two others ask for all the time, its longest wait, and the same for the two others.
fn beside<'a>(one: impl Fn() + Sync + 'a, others: impl Fn() + Sync + 'a) -> [(u64, Duration); 2] {
    let ready = Barrier::new(3);
    let work = |lock: &(dyn Fn() + Sync)| {
        lock();
        ready.wait();
        let (start, mut count, mut worst) = (Instant::now(), 0, Duration::ZERO);
        let mut before = start;
        while before - start < LOOK {
            lock();
            let now = Instant::now();
            worst = worst.max(now - before);
            (before, count) = (now, count + 1);
        }
        (count, worst)
    };
    std::thread::scope(|scope| {
        let threads = [0, 1].map(|_| scope.spawn(|| work(&others)));
        let mine = work(&one);
        let [first, second] = threads.map(|thread| thread.join().unwrap());
        [mine, (first.0 + second.0, first.1.max(second.1))]
    })
}

/// One writer with two steady readers, and the other way round; one second each, without samples.
fn fairness(_: &mut Criterion) {
    let store = Memory::store();
    let handle = store.ensure_struct("part").unwrap();
    handle.set("number", 0_i64).unwrap();
    let lock = RwLock::new(0_i64);
    let (write, read) = (|| drop(handle.write().unwrap()), || drop(handle.read().unwrap()));
    let (lock_write, lock_read) = (|| drop(lock.write().unwrap()), || drop(lock.read().unwrap()));
    let rows = [
        ("one writer, two readers", beside(write, read)),
        ("the same of std's RwLock", beside(lock_write, lock_read)),
        ("one reader, two writers", beside(read, write)),
        ("the same of std's RwLock", beside(lock_read, lock_write)),
    ];
    println!(
        "{:26} {:>12} {:>14} {:>12} {:>14}",
        "locked in a second by", "the one", "its worst", "the two", "their worst"
    );
    for (what, [(one, worst), (two, theirs)]) in rows {
        println!("{what:26} {one:12} {worst:14.1?} {two:12} {theirs:14.1?}");
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(60).without_plots();
    targets = fields, cores, fairness
}
criterion_main!(benches);
