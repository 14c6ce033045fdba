//! From a change until a sleeping process has seen it: two processes that wake each other in turns.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use iceoryx2::port::{listener::Listener, notifier::Notifier};
use iceoryx2::prelude::*;
use structstore::{Struct, StructStoreShared, Value, Watch};

use crate::contest::Times;
use crate::peer::{Line, shared_words, unique};
use crate::report::Report;

/// How many there-and-backs a turn has, and how many turns there are.
const TURN: u64 = 400;
const ROUNDS: usize = 25;
const PATIENCE: Duration = Duration::from_secs(10);

/// Keeps this thread on one processor.
pub fn pin(processor: usize) {
    // SAFETY: a set of processors is plain data; the calls read and change nothing else.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        if processor < libc::CPU_SETSIZE as usize {
            libc::CPU_SET(processor, &mut set);
        } else {
            (0..libc::sysconf(libc::_SC_NPROCESSORS_ONLN) as usize)
                .for_each(|at| libc::CPU_SET(at, &mut set));
        }
        libc::sched_setaffinity(0, size_of_val(&set), &set);
    }
}

/// Lets the other process end with the benchmark.
struct Peer(Child);

impl Peer {
    fn start(kind: &str, name: &str) -> Peer {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["answer", kind, name]);
        // SAFETY: two calls, which allocate nothing.
        unsafe {
            command.pre_exec(|| {
                pin(1);
                Ok(())
            })
        };
        Peer(command.spawn().unwrap())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The other process: answers for ever.
pub fn answer(kind: &str, name: &str) {
    if kind == "watch" {
        let store = StructStoreShared::open(name).unwrap();
        let mut end = Watched::new(&store, "ping", "pong");
        for round in 1.. {
            end.wait_for(round);
            end.tell(round);
        }
    } else {
        let end = Evented::new(name, "ping", "pong");
        loop {
            end.wait();
            end.notifier.notify().unwrap();
        }
    }
}

/// One end of a conversation by changes that are watched.
struct Watched {
    heard: Struct,
    said: Struct,
    watch: Watch,
}

impl Watched {
    fn new(store: &StructStoreShared, heard: &str, said: &str) -> Watched {
        let (heard, said) = (store.at(heard).unwrap(), store.at(said).unwrap());
        let watch = heard.watch().unwrap();
        Watched { heard, said, watch }
    }

    fn tell(&self, round: u64) {
        self.said.set("n", round).unwrap();
    }

    fn wait_for(&mut self, round: u64) {
        while self.heard.get::<u64>("n").unwrap() != round {
            self.watch.wait(Some(PATIENCE)).unwrap().unwrap();
        }
    }
}

/// One end of a conversation by events of iceoryx2.
struct Evented {
    listener: Listener<ipc::Service>,
    notifier: Notifier<ipc::Service>,
}

impl Evented {
    fn new(name: &str, heard: &str, said: &str) -> Evented {
        let node = NodeBuilder::new().create::<ipc::Service>().unwrap();
        let service = |which: &str| {
            let name = format!("{name}_{which}");
            node.service_builder(&name.as_str().try_into().unwrap()).event().open_or_create().unwrap()
        };
        Evented {
            listener: service(heard).listener_builder().create().unwrap(),
            notifier: service(said).notifier_builder().create().unwrap(),
        }
    }

    fn wait(&self) {
        let mut heard = 0;
        while heard == 0 {
            heard = self.listener.timed_wait(|_| (), PATIENCE).unwrap();
        }
    }
}

fn tell(line: &Line, value: u32) {
    line.word.store(value, Ordering::Release);
    // SAFETY: wakes who sleeps on a word that lives.
    unsafe { libc::syscall(libc::SYS_futex, line.word.as_ptr(), libc::FUTEX_WAKE, 1) };
}

fn wait_for(line: &Line, value: u32) {
    loop {
        let seen = line.word.load(Ordering::Acquire);
        if seen == value {
            return;
        }
        let forever = std::ptr::null::<libc::timespec>();
        // SAFETY: sleeps on a word that lives.
        unsafe { libc::syscall(libc::SYS_futex, line.word.as_ptr(), libc::FUTEX_WAIT, seen, forever) };
    }
}

fn spin_for(word: &AtomicU32, value: u32) {
    while word.load(Ordering::Acquire) != value {
        std::hint::spin_loop();
    }
}

/// A child that answers for ever, until it is killed.
fn forked(answer: impl Fn(u32)) -> i32 {
    // SAFETY: this process has one thread; the child only spins or makes calls for futexes.
    let child = unsafe { libc::fork() };
    if child == 0 {
        pin(1);
        for round in 1.. {
            answer(round);
        }
    }
    child
}

fn end(child: i32) {
    // SAFETY: this process's own child, which it then waits for.
    unsafe {
        libc::kill(child, libc::SIGKILL);
        libc::waitpid(child, std::ptr::null_mut(), 0);
    }
}

pub fn latencies(report: &mut Report) {
    pin(0);
    let lines = shared_words(4);
    let futexes = forked(|round| {
        wait_for(&lines[0], round);
        tell(&lines[1], round);
    });

    let name = unique("wake");
    let store = StructStoreShared::open(&name).unwrap();
    for part in ["ping", "pong"] {
        store.set(part, Value::record([("n", Value::from(0_u64))])).unwrap();
    }
    let mut watched = Watched::new(&store, "pong", "ping");
    let _watcher = Peer::start("watch", &name);
    let evented = Evented::new(&name[1..], "pong", "ping");
    let _listener = Peer::start("event", &name[1..]);
    std::thread::sleep(Duration::from_millis(500));

    let (mut futex, mut change) = (0, 0);
    /// The way of waking, once there and back, and how long it took.
    type Turn<'a> = (&'static str, Box<dyn FnMut() + 'a>, Vec<f64>);

    let mut turns: Vec<Turn<'_>> = vec![
        (
            "futex",
            Box::new(|| {
                futex += 1;
                tell(&lines[0], futex);
                wait_for(&lines[1], futex);
            }),
            Vec::new(),
        ),
        (
            "StructStore watch, set and get",
            Box::new(|| {
                change += 1;
                watched.tell(change);
                watched.wait_for(change);
            }),
            Vec::new(),
        ),
        (
            "iceoryx2 event, without data",
            Box::new(|| {
                evented.notifier.notify().unwrap();
                evented.wait();
            }),
            Vec::new(),
        ),
    ];
    for _ in 0..ROUNDS {
        for (name, turn, samples) in &mut turns {
            if !report.wants(name) {
                continue;
            }
            turn();
            let mut took = Vec::new();
            for _ in 0..TURN {
                let start = Instant::now();
                turn();
                took.push(start.elapsed().as_secs_f64() * 1e9 / 2.0);
            }
            samples.push(Times::of(took).median);
        }
    }
    println!("\nwake-up, half of there and back, medians of {TURN}");
    println!("{:34} {:>14} {:>14} {:>7}", "", "least of 25 ns", "median of 25", "med. x");
    let mut first = None;
    for (name, _, samples) in turns.into_iter().filter(|(_, _, samples)| !samples.is_empty()) {
        let times = Times::of(samples);
        let first = first.get_or_insert(times.median);
        println!("{name:34} {:14.0} {:14.0} {:7.2}", times.least, times.median, times.median / *first);
    }
    end(futexes);

    let spinner = forked(|round| {
        spin_for(&lines[2].word, round);
        lines[3].word.store(round, Ordering::Release);
    });
    let mut round = 0;
    let mut took = Vec::new();
    for _ in 0..20_000 {
        round += 1;
        let start = Instant::now();
        lines[2].word.store(round, Ordering::Release);
        spin_for(&lines[3].word, round);
        took.push(start.elapsed().as_secs_f64() * 1e9 / 2.0);
    }
    end(spinner);
    let times = Times::of(took);
    println!("{:34} {:14.0} {:14.0}", "both spin (least, median of all)", times.least, times.median);
    pin(usize::MAX);
}
