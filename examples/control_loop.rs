//! A control loop of 1 kHz that shares all of its state, and what sharing it costs.
//!
//! ```sh
//! cargo run --release -p structstore-examples --example control_loop
//! ```
//!
//! The loop wakes up at absolute deadlines, takes gains from the store, and publishes its state, six joints with position,
//! velocity and torque, in a stream. Readers see whole cycles only, and publishing takes a bounded number of steps, however many
//! processes read. Two more processes run meanwhile (this program, started again): one follows the stream and gets every cycle, the
//! other changes a gain every 10 ms.
//!
//! The loop never waits for either: the gains are a struct of scalars, which it tries to read once,
//! [`within`](structstore::Binding::within) no time. While another process changes them, the loop goes on with the gains that it has.
//!
//! One should see, after two seconds, two histograms whose buckets double, with median, 99 % and worst: how late the loop
//! woke up, which is the operating system's doing, and how long it was in the store in each cycle, which is ours. Then how many
//! different gains the loop has seen, and how many cycles the reader has got and missed, which together are all of them, and none
//! of which mixes two. The histograms promise nothing: a system that is not made for real time, or has fewer cores than
//! there are processes at work, takes a thread off its core for milliseconds. The shared segment is gone at the end.

mod peer;

use std::thread;
use std::time::{Duration, Instant};

use peer::{Outcome, PATIENCE, Peer, part, unique_name};
use structstore::stream::{Start, Stream};
use structstore::{ErrorKind, StructStore, StructStoreShared};

const PERIOD: Duration = Duration::from_millis(1);
const CYCLES: u32 = 2000;
const TUNING: Duration = Duration::from_millis(10);
const JOINTS: usize = 6;
/// How long the loop waits for a lock.
const NO_TIME: Duration = Duration::ZERO;

/// What the loop tells of itself in each cycle.
#[derive(StructStore)]
struct State {
    /// Counted from 0.
    cycle: u32,
    position: [f64; JOINTS],
    velocity: [f64; JOINTS],
    torque: [f64; JOINTS],
}

/// What others may change. A struct of scalars, which is copied without a lock.
#[derive(StructStore)]
struct Gains {
    #[structstore(default = 20.0)]
    stiffness: f64,
    #[structstore(default = 2.0)]
    damping: f64,
}

/// How the processes begin and end together.
#[derive(StructStore)]
struct Progress {
    reader_ready: bool,
    tuner_ready: bool,
    stop: bool,
    got: u64,
    missed: u64,
    mixed: u64,
}

fn main() -> Outcome {
    match part() {
        Some((part, name)) if part == "reader" => follow(&name),
        Some((_, name)) => tune(&name),
        None => control(),
    }
}

fn control() -> Outcome {
    let name = unique_name("control_loop");
    let store = StructStoreShared::open(&name)?;
    let states = store.ensure_stream::<State>("state", Stream::depth(1000))?;
    let gains = store.ensure_struct("gains")?.bind::<Gains>()?;
    let progress = store.ensure_struct("progress")?.bind::<Progress>()?;
    let mut reader = Peer::start("reader", &name)?;
    let mut tuner = Peer::start("tuner", &name)?;
    let started = Instant::now();
    while !progress.with(|progress| *progress.reader_ready && *progress.tuner_ready)? {
        if reader.ended()? || tuner.ended()? || started.elapsed() > PATIENCE {
            return Err("the other processes do not begin".into());
        }
        thread::sleep(PERIOD);
    }

    let (mut lateness, mut in_store) = (Vec::new(), Vec::new());
    lateness.reserve_exact(CYCLES as usize);
    in_store.reserve_exact(CYCLES as usize);
    let (mut position, mut velocity) = ([1.0_f64; JOINTS], [0.0_f64; JOINTS]);
    let (mut wanted, mut gains_seen) = (gains.load()?, 1);
    let gains = gains.within(NO_TIME);
    let begin = Instant::now();
    for cycle in 0..CYCLES {
        // Absolute, so that one late cycle does not make all that follow late.
        let due = begin + (cycle + 1) * PERIOD;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let awake = Instant::now();
        lateness.push(awake.saturating_duration_since(due));

        if let Some(new) = unless_taken(gains.load())? {
            gains_seen += u32::from(new.stiffness != wanted.stiffness);
            wanted = new;
        }
        let read = awake.elapsed();
        let mut torque = [0.0; JOINTS];
        for joint in 0..JOINTS {
            torque[joint] = -wanted.stiffness * position[joint] - wanted.damping * velocity[joint];
            velocity[joint] += torque[joint] * PERIOD.as_secs_f64();
            position[joint] += velocity[joint] * PERIOD.as_secs_f64();
        }

        let writing = Instant::now();
        // By this the reader knows to which cycle an array belongs.
        torque[0] = f64::from(cycle);
        states.publish(&State { cycle, position, velocity, torque })?;
        in_store.push(read + writing.elapsed());
    }

    progress.with_mut(|progress| *progress.stop = true)?;
    reader.finish()?;
    tuner.finish()?;
    show("wake-up lateness (the operating system's)", lateness);
    show("time in the store (ours)", in_store);
    let Progress { got, missed, mixed, .. } = progress.load()?;
    println!("{CYCLES} cycles, all of them published; {gains_seen} different gains in a row");
    println!("the reader has got {got} cycles and missed {missed}, of two cycles mixed: {mixed}");
    assert!(got + missed == u64::from(CYCLES) && mixed == 0 && gains_seen > 1);
    drop(states);
    store.close()?;
    Ok(())
}

/// What was to be had without waiting; nothing if another process had the lock.
fn unless_taken<T>(result: structstore::Result<T>) -> structstore::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == ErrorKind::LockTimeout => Ok(None),
        other => other.map(Some),
    }
}

/// Follows the state, and counts.
fn follow(name: &str) -> Outcome {
    let store = StructStoreShared::options().create(false).open(name)?;
    let mut states = store.get::<Stream<State>>("state")?.follow(Start::Next);
    let progress = store.at("progress")?.bind::<Progress>()?;
    progress.with_mut(|progress| *progress.reader_ready = true)?;
    let (mut got, mut missed, mut mixed) = (0, 0, 0);
    let started = Instant::now();
    while got + missed < u64::from(CYCLES) && started.elapsed() < PATIENCE {
        let Some(sample) = states.next_within(100 * PERIOD)? else { continue };
        let State { cycle, torque, .. } = sample.value;
        mixed += u64::from(torque[0] != f64::from(cycle) || u64::from(cycle) != sample.seq);
        missed += sample.missed;
        got += 1;
    }
    progress.with_mut(|progress| {
        (*progress.got, *progress.missed, *progress.mixed) = (got, missed, mixed);
    })?;
    Ok(())
}

/// Changes a gain every 10 ms.
fn tune(name: &str) -> Outcome {
    let store = StructStoreShared::options().create(false).open(name)?;
    let gains = store.at("gains")?.bind::<Gains>()?;
    let progress = store.at("progress")?.bind::<Progress>()?;
    progress.with_mut(|progress| *progress.tuner_ready = true)?;
    let started = Instant::now();
    while !progress.load()?.stop && started.elapsed() < PATIENCE {
        gains.with_mut(|gains| *gains.stiffness += 0.5)?;
        thread::sleep(TUNING);
    }
    Ok(())
}

/// Prints a histogram of durations in buckets from one power of two of nanoseconds to the next.
fn show(title: &str, mut durations: Vec<Duration>) {
    durations.sort_unstable();
    let at = |fraction: f64| durations[((durations.len() - 1) as f64 * fraction) as usize];
    println!("{title}: median {}, 99 % {}, worst {}", shown(at(0.5)), shown(at(0.99)), shown(at(1.0)),);
    let bucket = |duration: &Duration| duration.as_nanos().max(1).ilog2();
    let mut counts = [0_usize; 64];
    for duration in &durations {
        counts[bucket(duration) as usize] += 1;
    }
    let most = counts.iter().copied().max().unwrap_or(1);
    let (first, last) = (bucket(&at(0.0)), bucket(&at(1.0)));
    for exponent in first..=last {
        let count = counts[exponent as usize];
        let from = Duration::from_nanos(1 << exponent);
        // Rounded up, so that a single cycle, which may be the worst, shows.
        let bar = "#".repeat((50 * count).div_ceil(most));
        let line = format!("  {:>7} to {:>7} {count:6} {bar}", shown(from), shown(2 * from));
        println!("{}", line.trim_end());
    }
}

/// A duration with three digits.
fn shown(duration: Duration) -> String {
    let nanoseconds = duration.as_nanos() as f64;
    let (value, unit) = match nanoseconds {
        ..1e3 => (nanoseconds, "ns"),
        ..1e6 => (nanoseconds / 1e3, "us"),
        _ => (nanoseconds / 1e6, "ms"),
    };
    let decimals = if value < 9.995 {
        2
    } else if value < 99.95 {
        1
    } else {
        0
    };
    format!("{value:.decimals$} {unit}")
}
