//! Publishes what this machine is doing in a shared store, and obeys settings that others change there.
//!
//! ```sh
//! cargo run -p structstore-examples --example telemetry -- /telemetry --seconds 30 &
//! python examples/telemetry.py /telemetry --seconds 10 --plot history.png
//! ```
//!
//! It shows four ways to publish: a Rust struct's fields, bound to the store; an array whose extent only running
//! shows; a list of structs that is replaced in one step; and a stream, which keeps the last samples and which others follow
//! without ever keeping this process waiting.
//!
//! One should see where it publishes, each change of the settings as it is obeyed ("rust: label is now ..., rate
//! 15 Hz"), and at the end how many samples there were. It ends after N seconds (10 unless given), or when somebody
//! sets `settings.stop`. Whoever closes the segment last removes it. If this is killed it stays; the next run begins
//! with an empty one.

mod proc;

use std::env;
use std::error::Error;
use std::fs;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use structstore::stream::Stream;
use structstore::{ArrayValue, Cleanup, StructStore, StructStoreShared, Value};

use proc::{Process, Sample, Sampler};

/// How many samples the history keeps.
const ROWS: u64 = 120;

/// How many processes are listed.
const BUSIEST: usize = 5;

/// The least and the most samples per second, whatever is asked for.
const RATES: (f64, f64) = (1.0, 200.0);

/// Main memory, in bytes.
#[derive(StructStore)]
struct Memory {
    total: u64,
    available: u64,
    used: u64,
}

/// What others may change.
#[derive(StructStore)]
struct Settings {
    /// In samples per second.
    #[structstore(default = 5.0)]
    rate: f64,
    #[structstore(default = "untitled")]
    label: String,
    /// Ends this process.
    stop: bool,
}

/// A sample of the history.
#[derive(StructStore)]
struct Row {
    /// Since boot.
    #[structstore(unit = "s")]
    uptime: f64,
    /// The fraction of time that the cores were busy.
    cpu: f64,
    /// The fraction of memory in use.
    memory: f64,
    /// The load average over a minute.
    load: f64,
}

#[derive(StructStore)]
struct Telemetry {
    host: String,
    /// In seconds since boot.
    uptime: f64,
    /// The fraction of time that the cores were busy since the last sample, 0 to 1.
    cpu: f64,
    load_averages: [f64; 3],
    memory: Memory,
    settings: Settings,
    /// How many there were so far.
    samples: u64,
    /// True from the first sample until this process ends.
    running: bool,
}

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    match parse(&args).and_then(|(name, duration)| publish(name, duration)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rust: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(args: &[String]) -> Result<(&str, Duration), Box<dyn Error>> {
    let (name, seconds) = match args {
        [name] => (name, "10"),
        [name, flag, seconds] if flag == "--seconds" => (name, seconds.as_str()),
        _ => return Err("usage: telemetry /NAME [--seconds N]".into()),
    };
    let duration = seconds.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    Ok((name, duration.ok_or_else(|| format!("--seconds takes a number, found {seconds:?}"))?))
}

fn publish(name: &str, duration: Duration) -> Result<(), Box<dyn Error>> {
    // What a run that was killed has left is of no use.
    let store = StructStoreShared::options().reinit(true).cleanup(Cleanup::IfLast).open(name)?;
    let telemetry = store.bind::<Telemetry>()?;
    // A part of what is bound can be bound on its own.
    let settings = store.at("settings")?.bind::<Settings>()?;

    let history = store.ensure_stream::<Row>("history", Stream::depth(ROWS))?;
    let processes = store.ensure_list("processes")?;

    let host = fs::read_to_string("/proc/sys/kernel/hostname")?;
    telemetry.with_mut(|mut fields| fields.host.set(host.trim()))?;
    let mut obeyed = settings.load()?;
    obeyed.rate = possible(obeyed.rate);
    println!(
        "rust: publishing {} in {name}, label is {:?}, rate {} Hz",
        host.trim(),
        obeyed.label,
        obeyed.rate
    );

    let mut sampler = Sampler::new()?;
    let started = Instant::now();
    let mut due = started;
    let mut samples = 0;
    while started.elapsed() < duration && !obeyed.stop {
        due = (due + Duration::from_secs_f64(1.0 / obeyed.rate)).max(Instant::now());
        thread::sleep(due.saturating_duration_since(Instant::now()));

        let sample = sampler.sample(BUSIEST)?;
        samples += 1;
        // Arrays and lists are made aside and then published: others see the old one or the new one, whole.
        store.set("core_loads", ArrayValue::from_slice(&[sample.core_loads.len()], &sample.core_loads)?)?;
        processes.replace(sample.processes.iter().map(process_value))?;
        // All that happens in here happens at once for those who read under a lock.
        telemetry.with_mut(|fields| {
            let cpu = mean(&sample.core_loads);
            *fields.uptime = sample.uptime;
            *fields.cpu = cpu;
            *fields.load_averages = sample.load_averages;
            *fields.memory.total = sample.memory.total;
            *fields.memory.available = sample.memory.available;
            *fields.memory.used = sample.memory.used;
            *fields.samples = samples;
            *fields.running = true;
        })?;
        history.publish(&row(&sample))?;

        let mut wanted = settings.load()?;
        wanted.rate = possible(wanted.rate);
        if (&wanted.label, wanted.rate) != (&obeyed.label, obeyed.rate) {
            println!("rust: label is now {:?}, rate {} Hz", wanted.label, wanted.rate);
        }
        obeyed = wanted;
    }
    telemetry.with_mut(|fields| *fields.running = false)?;
    drop(history);
    let ended = if obeyed.stop { "asked to stop" } else { "time is up" };
    println!("rust: {ended} after {samples} samples in {:.1} s", started.elapsed().as_secs_f64());
    store.close()?;
    Ok(())
}

/// The rate nearest to one that anybody may have written.
fn possible(rate: f64) -> f64 {
    let (least, most) = RATES;
    if rate.is_nan() { least } else { rate.clamp(least, most) }
}

fn process_value(process: &Process) -> Value<'_> {
    Value::record([
        ("pid", Value::from(process.pid)),
        ("name", Value::from(&process.name)),
        ("cpu", process.cpu.into()),
        ("rss", process.rss.into()),
    ])
}

fn row(sample: &Sample) -> Row {
    let memory = sample.memory.used as f64 / sample.memory.total as f64;
    Row { uptime: sample.uptime, cpu: mean(&sample.core_loads), memory, load: sample.load_averages[0] }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_rate_becomes_possible() {
        assert_eq!(possible(5.5), 5.5);
        for (rate, expected) in
            [(0.0, RATES.0), (-1.0, RATES.0), (f64::NAN, RATES.0), (1e9, RATES.1), (f64::INFINITY, RATES.1)]
        {
            assert_eq!(possible(rate), expected, "{rate}");
        }
    }

    #[test]
    fn arguments() {
        let parse = |args: &[&str]| {
            let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
            parse(&args)
                .map(|(name, duration)| (name.to_owned(), duration))
                .map_err(|error| error.to_string())
        };
        assert_eq!(parse(&["/a"]), Ok(("/a".to_owned(), Duration::from_secs(10))));
        assert_eq!(parse(&["/a", "--seconds", "0.5"]), Ok(("/a".to_owned(), Duration::from_millis(500))));
        assert!(parse(&["/a", "--seconds", "-1"]).unwrap_err().contains("found \"-1\""));
        assert!(parse(&[]).unwrap_err().starts_with("usage"));
    }
}
