//! Several threads or processes at once, on two processors.

use std::collections::HashMap;
use std::fs;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use structstore::{Cleanup, StructStoreShared, Value, key};

use crate::contest::{Times, processor_time};
use crate::peer::{Line, Lmdb, RobustMutex, shared_words, unique};
use crate::report::Report;
use crate::sample::{map_of, names};
use crate::wake::pin;

type Operation = Box<dyn FnMut()>;

/// How long a crowd runs, and how often.
const RUN: Duration = Duration::from_millis(20);
const RUNS: usize = 21;

/// The throughput of all threads or processes together, in million operations per second, and the CPU time of an operation, in
/// nanoseconds, which other programs on the machine do not add to.
fn together(
    processes: bool,
    count: usize,
    lines: &'static [Line],
    make: &(dyn Fn(usize) -> Operation + Sync),
) -> (f64, f64) {
    let (go, rest) = lines.split_first().unwrap();
    let work = |at: usize| {
        pin(at % 2);
        let mut operation = make(at);
        operation();
        let mut done = 0_u64;
        rest[at].word.store(1, Ordering::Release);
        while go.word.load(Ordering::Acquire) == 0 {
            std::thread::yield_now();
        }
        let start = processor_time();
        while go.word.load(Ordering::Relaxed) == 1 {
            (0..64).for_each(|_| operation());
            done += 64;
        }
        rest[at].nanoseconds.store((processor_time() - start).as_nanos() as u64, Ordering::Release);
        rest[at].count.store(done, Ordering::Release);
    };
    go.word.store(0, Ordering::Release);
    rest[..count].iter().for_each(|line| line.word.store(0, Ordering::Release));
    let run = || {
        while rest[..count].iter().any(|line| line.word.load(Ordering::Acquire) == 0) {
            std::thread::yield_now();
        }
        let start = Instant::now();
        go.word.store(1, Ordering::Release);
        std::thread::sleep(RUN);
        go.word.store(2, Ordering::Release);
        start.elapsed()
    };
    let took = if processes {
        let children: Vec<i32> = (0..count)
            .map(|at| {
                // SAFETY: this process has one thread.
                let child = unsafe { libc::fork() };
                if child == 0 {
                    work(at);
                    // SAFETY: ends the child without what its parent had registered.
                    unsafe { libc::_exit(0) };
                }
                child
            })
            .collect();
        let took = run();
        // SAFETY: this process's own children.
        children.iter().for_each(|&child| unsafe {
            libc::waitpid(child, std::ptr::null_mut(), 0);
        });
        took
    } else {
        std::thread::scope(|scope| {
            for at in 0..count {
                let work = &work;
                scope.spawn(move || work(at));
            }
            run()
        })
    };
    let sum = |of: fn(&Line) -> &AtomicU64| {
        rest[..count].iter().map(|line| of(line).load(Ordering::Acquire)).sum::<u64>() as f64
    };
    let done = sum(|line| &line.count).max(1.0);
    (done / took.as_secs_f64() / 1e6, sum(|line| &line.nanoseconds) / done)
}

/// Throughput on one struct and on one each.
pub fn crowd(report: &mut Report) {
    let lines = shared_words(9);
    let store_name = unique("crowd");
    let store = StructStoreShared::options().cleanup(Cleanup::Always).open(&store_name).unwrap();
    for part in names(8) {
        store.set(&part, Value::record(names(8).into_iter().map(|name| (name, Value::from(5_i64))))).unwrap();
    }
    let robust: &'static RobustMutex<'static> = Box::leak(Box::new(RobustMutex::new()));
    let cells = shared_words(8);
    let lmdb_names: Vec<String> = names(8);
    let lmdb_path = Lmdb::new(&lmdb_names).close();
    let maps: Arc<Vec<RwLock<HashMap<String, i64>>>> =
        Arc::new((0..8).map(|_| RwLock::new(map_of(&names(8)))).collect());

    println!(
        "\nof {RUNS} runs: most million operations per second together (median of processor ns per operation)"
    );
    for processes in [false, true] {
        for write in [false, true] {
            for apart in [false, true] {
                let title = format!(
                    "{} by {}, {}",
                    if write { "set" } else { "get" },
                    if processes { "processes" } else { "threads" },
                    if apart { "a struct each" } else { "the same struct" }
                );
                if !report.wants(&title) {
                    continue;
                }
                let lmdb = (!processes).then(|| Arc::new(Lmdb::open(lmdb_path.clone())));
                let ours = |at: usize| -> Operation {
                    let store = StructStoreShared::options().create(false).open(&store_name).unwrap();
                    let part = store.at(format!("field_{}", if apart { at } else { 0 })).unwrap();
                    let name = key!("field_3");
                    if write {
                        Box::new(move || part.set(name, black_box(5_i64)).unwrap())
                    } else {
                        Box::new(move || {
                            black_box(part.get::<i64>(name).unwrap());
                        })
                    }
                };
                let mapped = |at: usize| -> Operation {
                    let (maps, at) = (Arc::clone(&maps), if apart { at } else { 0 });
                    if write {
                        Box::new(move || {
                            *maps[at].write().unwrap().get_mut(black_box("field_3")).unwrap() = 5
                        })
                    } else {
                        Box::new(move || {
                            black_box(*maps[at].read().unwrap().get(black_box("field_3")).unwrap());
                        })
                    }
                };
                let locked = |at: usize| -> Operation {
                    // One mutex for all, as in a program that shares a plain struct.
                    Box::new(move || {
                        robust.pair();
                        if write {
                            cells[at].count.store(5, Ordering::Relaxed);
                        } else {
                            black_box(cells[at].count.load(Ordering::Relaxed));
                        }
                    })
                };
                let stored = |at: usize| -> Operation {
                    let lmdb = lmdb.clone().unwrap_or_else(|| Arc::new(Lmdb::open(lmdb_path.clone())));
                    let name = format!("field_{}", if apart { at } else { 0 });
                    if write {
                        Box::new(move || lmdb.set(&name, 5))
                    } else {
                        Box::new(move || {
                            black_box(lmdb.get(&name));
                        })
                    }
                };
                let mut contestants: Vec<(&str, &(dyn Fn(usize) -> Operation + Sync))> =
                    vec![("StructStore", &ours), ("one robust mutex", &locked), ("LMDB", &stored)];
                if !processes {
                    contestants.push(("std RwLock<HashMap>", &mapped));
                }
                println!("{title}");
                let counts = [1, 2, 4, 8];
                let mut rates = vec![vec![Vec::new(); counts.len()]; contestants.len()];
                for _ in 0..RUNS {
                    for (of, (_, make)) in rates.iter_mut().zip(&contestants) {
                        for (rates, &count) in of.iter_mut().zip(&counts) {
                            rates.push(together(processes, count, lines, *make));
                        }
                    }
                }
                for ((name, _), rates) in contestants.iter().zip(rates) {
                    let cells = counts.iter().zip(rates).map(|(count, rates)| {
                        let (rates, costs): (Vec<f64>, Vec<f64>) = rates.into_iter().unzip();
                        let most = rates.into_iter().fold(0.0, f64::max);
                        format!("{count}: {most:7.2} ({:7.1})", Times::of(costs).median)
                    });
                    println!("  {name:22} {}", cells.collect::<Vec<_>>().join("   "));
                }
            }
        }
    }
    fs::remove_dir_all(lmdb_path).unwrap();
}
