//! What pages cost: a writer at 1 kHz, with nobody who looks, with one watch, with one page and with eight; how soon a page is told;
//! and the processor time of a viewer of a thousand fields that all change. Pages and viewer are in another process, as usual.

use std::env;
use std::thread;
use std::time::{Duration, Instant};

use structstore::StructStoreShared;
use structstore::stream::now;
use structstore_serve::{Options, Out, Source, Viewer};
use structstore_tests::SegmentName;
use structstore_tests::bench::{Other, Times, counted, instructions, ready, until_the_end};

/// How long each measurement takes.
const TIME: Duration = Duration::from_secs(5);
/// How many fields change in the last one.
const FIELDS: usize = 1000;
/// Of how many writes the instructions are counted.
const WRITES: u32 = 3000;
const PERIOD: Duration = Duration::from_millis(1);

fn main() {
    let arguments: Vec<String> = env::args().collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [_, "write", name] => write(name),
        [_, "looks", name, "watch"] => watch(name),
        [_, "looks", name, pages, rate] => look(name, pages.parse().unwrap(), rate.parse().unwrap()),
        _ => measure(),
    }
}

fn measure() {
    let name = SegmentName::new("bench_serve");
    let store = StructStoreShared::open(&*name).unwrap();
    store.set("time", 0_u64).unwrap();
    println!(
        "{:24} {:>10} {:>10} {:>10} {:>14}   a page is told after",
        "one set, at 1 kHz", "p50", "p99", "p99.9", "instructions"
    );
    for (what, looks) in [
        ("nobody looks", &[][..]),
        ("one watch", &["watch"]),
        ("one page at 60 Hz", &["1", "60"]),
        ("eight pages at 60 Hz", &["8", "60"]),
        ("nobody looks, again", &[]),
    ] {
        let other = (!looks.is_empty()).then(|| Other::start(&[&["looks", &*name], looks].concat()));
        let times = Times::of(TIME, PERIOD, || store.set("time", now()).unwrap());
        let count = instructions(&["write", &name]).map_or(0, |count| count / u64::from(WRITES));
        let told = other.map(Other::end).unwrap_or_default();
        println!("{what:24} {times} {count:>14}   {told}");
    }
    let names: Vec<String> = (0..FIELDS).map(|field| format!("f{field}")).collect();
    let change = |value: u64| store.update(names.iter().map(|name| (name.as_str(), value))).unwrap();
    change(0);
    let other = Other::start(&["looks", &name, "1", "30"]);
    let (start, before) = (Instant::now(), other.processor_time());
    let mut value = 0;
    while start.elapsed() < TIME {
        value += 1;
        change(value);
        thread::sleep(Duration::from_millis(10));
    }
    let share = (other.processor_time() - before).as_secs_f64() / start.elapsed().as_secs_f64();
    other.end();
    println!(
        "{FIELDS} fields that change 100 times a second, one page at 30 Hz: {:.1} % of a core",
        share * 100.0
    );
}

/// Writes, so that the instructions can be counted.
fn write(name: &str) {
    let store = StructStoreShared::open(name).unwrap();
    store.set("time", now()).unwrap();
    for _ in 0..WRITES {
        counted(|| store.set("time", now()).unwrap());
        thread::sleep(PERIOD);
    }
}

fn watch(name: &str) {
    let store = StructStoreShared::options().observe(true).open(name).unwrap();
    let mut watch = store.watch().unwrap();
    let mut ended = until_the_end();
    ready();
    while !ended() {
        let _ = watch.wait(Some(Duration::from_millis(100)));
    }
    println!();
}

fn look(name: &str, pages: usize, rate: f64) {
    let viewer = Viewer::new(Source::named(name), &Options::new().rate(rate)).unwrap();
    let pages: Vec<_> = (0..pages).map(|_| viewer.page().unwrap()).collect();
    let mut ended = until_the_end();
    let (mut told, mut is_ready) = (Vec::new(), false);
    for page in &pages {
        page.send(r#"{"type": "view", "open": [], "from": 0, "count": 1000}"#.to_owned());
    }
    let turn = Duration::from_millis(if pages.len() > 1 { 1 } else { 50 });
    while !ended() {
        for page in &pages {
            let Some(Out::Text(text)) = page.receive(turn) else { continue };
            let time = now();
            if text.contains(r#""type":"turn""#) {
                page.send(r#"{"type": "next"}"#.to_owned());
            } else if let Some((_, rest)) = text.split_once(r#"[["time",""#)
                && let Some((value, _)) = rest.split_once('"')
            {
                told.push(time - value.parse::<u64>().unwrap());
            } else if text.contains(r#""type":"rows""#) && !is_ready {
                is_ready = true;
                ready();
            }
        }
    }
    told.sort_unstable();
    let at = |part: f64| told.get((told.len() as f64 * part) as usize).map_or(0.0, |time| *time as f64 / 1e6);
    println!("{:.1} ms (p50), {:.1} ms (p99)", at(0.5), at(0.99));
}
