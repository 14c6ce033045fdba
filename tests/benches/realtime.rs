//! What a control loop waits for in the worst case: a loop at 1 kHz, under SCHED_FIFO where that is allowed, alone and beside processes that
//! read, tune and record it, and others that only burn processor time.

use std::time::{Duration, Instant};
use std::{env, thread};

use structstore::stream::Stream;
use structstore::{ErrorKind, StructStore, StructStoreShared};
use structstore_tests::SegmentName;
use structstore_tests::bench::{Other, Times, ready, until_the_end};

const TIME: Duration = Duration::from_secs(10);
const PERIOD: Duration = Duration::from_millis(1);

#[derive(StructStore)]
struct Gains {
    #[structstore(default = [1.0; 10])]
    kp: [f64; 10],
}

#[derive(StructStore, Clone, Copy)]
struct State {
    cycle: u64,
    q: [f64; 7],
    dq: [f64; 7],
}

fn main() {
    let arguments: Vec<String> = env::args().collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [_, "tunes", name] => tune(name),
        [_, "burns"] => burn(),
        _ => measure(),
    }
}

fn measure() {
    let name = SegmentName::new("bench_realtime");
    let options = StructStoreShared::options().size(8 << 20).prefault(u64::MAX).lock_memory(true);
    let store = options.open(&*name).or_else(|_| StructStoreShared::open(&*name)).unwrap();
    store.reserve(1 << 20).unwrap();
    let gains = store.ensure_struct("gains").unwrap().bind::<Gains>().unwrap();
    let state = store.ensure_struct("state").unwrap().bind::<State>().unwrap();
    let log = store.ensure_stream::<State>("log", Stream::depth(1000)).unwrap();
    let processors = thread::available_parallelism().map_or(2, usize::from);
    let fifo = run_first();
    println!(
        "{}",
        if fifo { "SCHED_FIFO, priority 80" } else { "no permission for SCHED_FIFO: the ordinary class" }
    );
    for (what, tunes, burns) in [
        ("alone", 0, 0),
        ("a process that reads and tunes", 1, 0),
        ("and one that burns each processor", 1, processors),
    ] {
        let mut others: Vec<Other> = (0..tunes).map(|_| Other::start(&["tunes", &name])).collect();
        others.extend((0..burns).map(|_| Other::start(&["burns"])));
        let mut steps: [Vec<Duration>; 4] = Default::default();
        let (mut cycle, mut kept, mut missed) = (0_u64, 0.0, 0_u32);
        let late = Times::of(TIME, PERIOD, || {
            let mut lap = Instant::now();
            let mut step = |at: usize| {
                let now = Instant::now();
                steps[at].push(now - lap);
                lap = now;
            };
            match gains.within(Duration::ZERO).load() {
                Ok(gains) => kept = gains.kp[0],
                Err(error) if error.kind() == ErrorKind::LockTimeout => missed += 1,
                Err(error) => panic!("{error}"),
            }
            step(0);
            let next = State { cycle, q: [kept; 7], dq: [0.0; 7] };
            log.publish(&next).unwrap();
            step(1);
            state.replace(&next).unwrap();
            step(2);
            cycle += 1;
        });
        drop(late);
        println!(
            "\n{what}: {cycle} cycles, {missed} of which kept the last gains\n{:34} {:>10} {:>10} {:>10} {:>10}",
            "", "p50", "p99", "p99.9", "most"
        );
        let names = ["try to load ten gains", "publish 15 numbers to a stream", "replace 15 numbers"];
        for (name, times) in names.into_iter().zip(steps) {
            let most = times.iter().max().copied().unwrap_or_default();
            println!("{name:34}{} {:>7.2} us", Times::sorted(times), most.as_secs_f64() * 1e6);
        }
        others.into_iter().for_each(|other| drop(other.end()));
    }
}

/// Reads all the time, and changes the gains under a lock.
fn tune(name: &str) {
    let store = StructStoreShared::open(name).unwrap();
    let (gains, state) = (store.at("gains").unwrap(), store.at("state").unwrap());
    let mut turn = 0_u32;
    let mut is_over = until_the_end();
    ready();
    while !is_over() {
        state.to_value().unwrap();
        gains.write().unwrap().set_at("kp[3]", f64::from(turn)).unwrap();
        turn = turn.wrapping_add(1);
        thread::sleep(Duration::from_micros(100));
    }
}

fn burn() {
    let mut is_over = until_the_end();
    ready();
    while !is_over() {
        std::hint::spin_loop();
    }
}

/// Has this thread run before all others of this machine, if it may; not the processes that it starts.
fn run_first() -> bool {
    // SAFETY: zero is a value of all of its members; a system call.
    unsafe {
        let mut parameters: libc::sched_param = std::mem::zeroed();
        parameters.sched_priority = 80;
        libc::sched_setscheduler(0, libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK, &raw const parameters) == 0
    }
}
