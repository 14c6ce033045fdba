//! Settings in shared memory, which another process tunes while this one obeys them.
//!
//! ```sh
//! cargo run -p structstore-examples --example settings
//! ```
//!
//! The program steers something towards a target, with a gain and limits that it looks up in each cycle: a copy of the
//! whole struct, as of one moment. It starts itself once more as the tuner, which knows the same struct, changes gain,
//! limits and label together, tries a gain that is no number, and asks for the end. In the place of the tuner could be a
//! Python process, or a person at a Python prompt.
//!
//! One should see four changes as they are obeyed (`obeys "step 1": gain 0.2, limits -1.0 to 1.0`), the refusal that the
//! tuner gets, and at the end how many cycles there were, none of them with limits of one change and a gain of
//! another. The shared segment is gone at the end.

mod peer;

use std::thread;
use std::time::{Duration, Instant};

use peer::{Outcome, PATIENCE, Peer, part, unique_name};
use structstore::{Binding, ErrorKind, StructStore, StructStoreShared};

/// How often the tuner changes the settings.
const STEPS: u32 = 4;

const CYCLE: Duration = Duration::from_millis(1);

#[derive(StructStore, Clone, Copy, Debug, PartialEq)]
struct Limits {
    #[structstore(default = -0.5)]
    low: f64,
    #[structstore(default = 0.5)]
    high: f64,
}

/// What the tuner may change.
#[derive(StructStore, Debug)]
struct Settings {
    #[structstore(default = 0.1)]
    gain: f64,
    /// Of one step. The tuner keeps them symmetric, and at five times the gain.
    limits: Limits,
    #[structstore(default = "step 0")]
    label: String,
    /// Ends the program.
    stop: bool,
}

/// What the program says.
#[derive(StructStore)]
struct Status {
    /// The label of the settings that it obeys.
    obeyed: String,
    position: f64,
}

fn main() -> Outcome {
    match part() {
        Some((_, name)) => tune(&name),
        None => steer(),
    }
}

fn steer() -> Outcome {
    let name = unique_name("settings");
    let store = StructStoreShared::open(&name)?;
    let settings = store.ensure_struct("settings")?.bind::<Settings>()?;
    let status = store.ensure_struct("status")?.bind::<Status>()?;
    let mut tuner = Peer::start("tuner", &name)?;

    let (mut cycles, mut changes, mut mixed) = (0_u32, 0, 0);
    let (mut position, mut target, mut label) = (0.0, 10.0, "step 0".to_owned());
    let started = Instant::now();
    loop {
        let now = settings.load()?;
        if now.stop {
            break;
        }
        tuner.ended()?;
        if started.elapsed() > PATIENCE {
            return Err("the tuner has not asked for the end".into());
        }
        mixed += u32::from(now.limits != limits_for(now.gain));
        if now.label != label {
            changes += 1;
            let Limits { low, high } = now.limits;
            println!("obeys {:?}: gain {:.1}, limits {low:.1} to {high:.1}", now.label, now.gain);
            label = now.label;
        }
        position += (now.gain * (target - position)).clamp(now.limits.low, now.limits.high);
        if f64::abs(target - position) < 0.1 {
            target = -target;
        }
        status.with_mut(|mut status| {
            *status.position = position;
            status.obeyed.set(&label)
        })?;
        cycles += 1;
        thread::sleep(CYCLE);
    }
    tuner.finish()?;
    println!("stopped after {cycles} cycles and {changes} changes, {mixed} cycles with mixed settings");
    assert_eq!((changes, mixed), (STEPS, 0));
    store.close()?;
    Ok(())
}

fn limits_for(gain: f64) -> Limits {
    Limits { low: -5.0 * gain, high: 5.0 * gain }
}

fn tune(name: &str) -> Outcome {
    let store = StructStoreShared::options().create(false).open(name)?;
    let settings = store.at("settings")?.bind::<Settings>()?;
    let status = store.at("status")?.bind::<Status>()?;
    for step in 1..=STEPS {
        let gain = 0.1 * f64::from(step + 1);
        let label = format!("step {step}");
        // All of it at once in the eyes of who steers.
        settings.with_mut(|mut settings| {
            let limits = limits_for(gain);
            *settings.gain = gain;
            *settings.limits.low = limits.low;
            *settings.limits.high = limits.high;
            settings.label.set(&label)
        })?;
        wait_until_obeyed(&status, &label)?;
    }
    match store.at("settings")?.set("gain", "a little more") {
        Err(error) if error.kind() == ErrorKind::WrongType => println!("the tuner is refused: {error}"),
        other => panic!("a text is no gain, but the store said {other:?}"),
    }
    settings.with_mut(|settings| *settings.stop = true)?;
    Ok(())
}

fn wait_until_obeyed(status: &Binding<Status>, label: &str) -> Outcome {
    let started = Instant::now();
    while status.load()?.obeyed != label {
        if started.elapsed() > PATIENCE {
            return Err(format!("nobody obeys {label:?}").into());
        }
        thread::sleep(CYCLE);
    }
    // For long enough that one could see what it does.
    thread::sleep(20 * CYCLE);
    Ok(())
}
