//! Threads that are attached and do nothing.

use std::hint::black_box;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Barrier};
use std::thread::JoinHandle;

use structstore::{StructStoreShared, key};

use crate::contest::Contest;
use crate::peer::RobustMutex;
use crate::report::Report;
use crate::sample::{One, names, store_of};

/// Threads that are attached to a store and do nothing.
struct Idle {
    end: Vec<Sender<()>>,
    threads: Vec<JoinHandle<()>>,
}

impl Idle {
    fn attach(store: &StructStoreShared, count: usize) -> Idle {
        let ready = Arc::new(Barrier::new(count + 1));
        let mut threads = Idle { end: Vec::new(), threads: Vec::new() };
        for _ in 0..count {
            let (end, wait) = channel();
            let (root, ready) = ((**store).clone(), Arc::clone(&ready));
            threads.end.push(end);
            threads.threads.push(std::thread::spawn(move || {
                drop(root.read().unwrap());
                ready.wait();
                let _ = wait.recv();
            }));
        }
        ready.wait();
        threads
    }
}

impl Drop for Idle {
    fn drop(&mut self) {
        self.end.clear();
        self.threads.drain(..).for_each(|thread| thread.join().unwrap());
    }
}

pub fn attached(report: &mut Report) {
    let counts = [1, 8, 64, 256, 1024];
    let stores: Vec<(StructStoreShared, Idle)> = counts
        .iter()
        .map(|&count| {
            let store = store_of(&names(100));
            let threads = Idle::attach(&store, count - 1);
            (store, threads)
        })
        .collect();
    let bindings: Vec<_> =
        stores.iter().map(|(store, _)| store.ensure_struct("part").unwrap().bind::<One>().unwrap()).collect();
    let robust = RobustMutex::new();
    let name = key!("field_50");
    let mut every = |title: &str, limit: f64, once: &dyn Fn(usize)| {
        let mut contest = Contest::new(title).add("robust pthread mutex", || robust.pair());
        for (at, count) in counts.iter().enumerate() {
            contest = contest.add(format!("StructStore, {count} threads"), move || once(at)).at_most(limit);
        }
        contest.run(report);
    };
    every("get by attached threads", 1.0, &|at| _ = black_box(stores[at].0.get::<i64>(name).unwrap()));
    every("set by attached threads", 2.0, &|at| stores[at].0.set(name, black_box(5_i64)).unwrap());
    every("exclusive guard by attached threads", 1.3, &|at| drop(bindings[at].write().unwrap()));
    every("shared guard by attached threads", 1.5, &|at| drop(bindings[at].read().unwrap()));
}
