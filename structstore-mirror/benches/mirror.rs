//! What a mirror costs: how long a change takes from store to store, beside what Zenoh takes for the same bytes; how soon a state of 4 MB is
//! there; what followers cost a writer; and what a mirror that has nothing to do takes.

use std::net::TcpListener;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use structstore::path::Path;
use structstore::stream::now;
use structstore::{Cleanup, StructStoreShared};
use structstore_mirror::{Mirror, Network, Options};
use structstore_tests::SegmentName;
use structstore_tests::bench::{Other, Times, counted, instructions, ready, until_the_end};
use zenoh::qos::{CongestionControl, Priority};
use zenoh::{Config, Wait};

const TIME: Duration = Duration::from_secs(8);
/// How many followers a fleet has.
const FLEET: usize = 50;
/// Of how many writes the instructions are counted.
const WRITES: u32 = 3000;
const PERIOD: Duration = Duration::from_millis(1);

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [_, "follow", name, endpoint] => follow(name, endpoint),
        [_, "hear", endpoint] => hear(endpoint),
        [_, "own", name, listen, connect] => own(name, listen, connect),
        [_, "route", endpoint] => route(endpoint),
        [_, "write", name] => write_counted(name),
        _ => measure(),
    }
}

fn endpoint() -> String {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    format!("tcp/127.0.0.1:{port}")
}

fn measure() {
    println!("{:44} {:>10} {:>10} {:>10}", "", "p50", "p99", "p99.9");
    zenoh_alone();
    let name = SegmentName::new("bench_mirror");
    let store = StructStoreShared::options().cleanup(Cleanup::Always).open(&*name).unwrap();
    store.update([("time", 0_u64), ("a", 0), ("b", 0)]).unwrap();
    store.set("frame", vec![0_u8; 1 << 20]).unwrap();
    let write = |time: Duration, frames: bool| {
        let mut turn = 0_u64;
        Times::of(time, PERIOD, || {
            turn += 1;
            store.update([("time", now()), ("a", turn), ("b", turn)]).unwrap();
            if frames && turn.is_multiple_of(100) {
                store.set("frame", vec![turn as u8; 1 << 20]).unwrap();
            }
        })
    };
    println!("{:44} {}{}", "a writer of three fields, no mirror", write(TIME, false), cost(&name));
    let endpoint = endpoint();
    let network = Network::new().insecure(true).listen(&endpoint);
    let owner =
        Mirror::start(&*name, &network, Options::new().own(Path::ROOT).rate(10_000.0).key("bench")).unwrap();
    println!("{:44} {}{}", "the same, owned", write(TIME, false), cost(&name));
    let desks: Vec<SegmentName> = (0..8).map(|_| SegmentName::new("bench_desk")).collect();
    let first = Other::start(&["follow", &desks[0], &endpoint]);
    println!("{:44} {}{}", "the same, one follower, and 1 MB at 10 Hz", write(TIME, true), cost(&name));
    let before = first.processor_time();
    let start = Instant::now();
    thread::sleep(TIME);
    let share = (first.processor_time() - before).as_secs_f64() / start.elapsed().as_secs_f64();
    println!("  idle: {:.2} % of a core; {}", share * 100.0, first.end());
    let others: Vec<Other> = desks.iter().map(|desk| Other::start(&["follow", desk, &endpoint])).collect();
    println!("{:44} {}{}", "the same, eight followers", write(TIME, false), cost(&name));
    others[0].freeze();
    println!("{:44} {}{}", "the same, one of them frozen", write(TIME, false), cost(&name));
    others[0].thaw();
    others.into_iter().for_each(|other| println!("  {}", other.end()));
    // A state of 4 MB.
    store.set("large", vec![7_u8; 3 << 20]).unwrap();
    let desk = SegmentName::new("bench_desk");
    let network = Network::new().insecure(true).connect(&endpoint);
    let start = Instant::now();
    let follower = Mirror::start(&*desk, &network, Options::new().follow(Path::ROOT).key("bench")).unwrap();
    while !follower.status().connected() {
        thread::sleep(Duration::from_millis(1));
    }
    println!("a state of 4 MB is there {:.0} ms after the start", start.elapsed().as_secs_f64() * 1e3);
    follower.stop().unwrap();
    owner.stop().unwrap();
    let _ = StructStoreShared::unlink(&*desk);
    desks.iter().for_each(|desk| drop(StructStoreShared::unlink(&**desk)));
    fleet(false);
    fleet(true);
}

/// What a fleet costs: an owner at the default rate, and so many followers, each in a process, that reach it directly or through a router.
fn fleet(routed: bool) {
    let name = SegmentName::new("bench_fleet");
    let store = StructStoreShared::options().cleanup(Cleanup::Always).open(&*name).unwrap();
    store.update([("time", 0_u64), ("a", 0), ("b", 0)]).unwrap();
    let endpoint = endpoint();
    let router = routed.then(|| Other::start(&["route", &endpoint]));
    let owner = match routed {
        true => Other::start(&["own", &name, "", &endpoint]),
        false => Other::start(&["own", &name, &endpoint, ""]),
    };
    let desks: Vec<SegmentName> = (0..FLEET).map(|_| SegmentName::new("bench_desk")).collect();
    let others: Vec<Other> = desks.iter().map(|desk| Other::start(&["follow", desk, &endpoint])).collect();
    let (start, before, sent) = (Instant::now(), owner.processor_time(), loopback());
    let mut turn = 0;
    let _ = Times::of(TIME, PERIOD, || {
        turn += 1;
        store.update([("time", now()), ("a", turn), ("b", turn)]).unwrap();
    });
    let time = start.elapsed().as_secs_f64();
    let share = (owner.processor_time() - before).as_secs_f64() / time;
    let traffic = (loopback() - sent) as f64 / time / 1e6;
    println!(
        "{FLEET} followers at 200 Hz {}: the owner takes {:.1} % of a core, and {traffic:.2} MB are sent a second",
        if routed { "through a router" } else { "directly" },
        share * 100.0
    );
    let said: Vec<String> = others.into_iter().map(Other::end).collect();
    println!("  {}\n  {}", said[0], said[FLEET - 1]);
    owner.end();
    router.map(Other::end);
    desks.iter().for_each(|desk| drop(StructStoreShared::unlink(&**desk)));
}

/// How many bytes have gone through the loopback interface.
fn loopback() -> u64 {
    let interfaces = std::fs::read_to_string("/proc/net/dev").unwrap();
    let counts = interfaces.lines().find_map(|line| line.trim().strip_prefix("lo:")).unwrap();
    counts.split_whitespace().next().unwrap().parse().unwrap()
}

fn own(name: &str, listen: &str, connect: &str) {
    let network = Network::new().insecure(true);
    let network = if connect.is_empty() { network.listen(listen) } else { network.connect(connect) };
    let mirror = Mirror::start(name, &network, Options::new().own(Path::ROOT).key("bench")).unwrap();
    wait_for_the_end();
    mirror.stop().unwrap();
    println!();
}

fn route(endpoint: &str) {
    let mut config = config();
    config.insert_json5("mode", "\"router\"").unwrap();
    config.insert_json5("listen/endpoints", &format!("[\"{endpoint}\"]")).unwrap();
    let _session = zenoh::open(config).wait().unwrap();
    wait_for_the_end();
    println!();
}

fn wait_for_the_end() {
    let mut ended = until_the_end();
    ready();
    while !ended() {
        thread::sleep(Duration::from_millis(20));
    }
}

/// How many instructions such a write takes.
fn cost(name: &str) -> String {
    let count = instructions(&["write", name]).map(|count| count / u64::from(WRITES));
    count.map_or_else(String::new, |count| format!("  {count} instructions"))
}

fn write_counted(name: &str) {
    let store = StructStoreShared::open(name).unwrap();
    for turn in 0..u64::from(WRITES) {
        counted(|| store.update([("time", now()), ("a", turn), ("b", turn)]).unwrap());
        thread::sleep(PERIOD);
    }
}

/// Follows, and says how long changes took, from the time that they have in them.
fn follow(name: &str, endpoint: &str) {
    let network = Network::new().insecure(true).connect(endpoint);
    let mirror = Mirror::start(name, &network, Options::new().follow(Path::ROOT).key("bench")).unwrap();
    while !mirror.status().connected() {
        thread::sleep(Duration::from_millis(1));
    }
    let store = StructStoreShared::options().observe(true).open(name).unwrap();
    let mut watch = store.watch().unwrap();
    let mut ended = until_the_end();
    let (mut lags, mut last) = (Vec::new(), 0);
    ready();
    while !ended() {
        if watch.wait(Some(Duration::from_millis(100))).unwrap().is_none() {
            continue;
        }
        let seen = now();
        let time: u64 = store.get("time").unwrap();
        if time != last {
            last = time;
            lags.push(Duration::from_nanos(seen.saturating_sub(time)));
        }
    }
    let count = lags.len();
    let memory = std::fs::read_to_string("/proc/self/status").unwrap();
    let memory =
        memory.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap_or_default().trim().to_owned();
    println!(
        "store to store{}, of {count}; {memory}; resyncs {}",
        Times::sorted(lags),
        mirror.status().parts[0].resyncs
    );
}

fn config() -> Config {
    let mut config = Config::default();
    for (key, value) in
        [("mode", "\"peer\""), ("scouting/multicast/enabled", "false"), ("scouting/gossip/enabled", "false")]
    {
        config.insert_json5(key, value).unwrap();
    }
    config
}

/// From a put to the callback in another process, at the same rate and with as many bytes.
fn zenoh_alone() {
    let endpoint = endpoint();
    let mut config = config();
    config.insert_json5("listen/endpoints", &format!("[\"{endpoint}\"]")).unwrap();
    let session = zenoh::open(config).wait().unwrap();
    let publisher = session.declare_publisher("bench/zenoh").congestion_control(CongestionControl::Drop);
    let publisher = publisher.priority(Priority::RealTime).express(true).wait().unwrap();
    let other = Other::start(&["hear", &endpoint]);
    thread::sleep(Duration::from_millis(500));
    let _ = Times::of(TIME, PERIOD, || {
        let mut bytes = [0; 400];
        bytes[..8].copy_from_slice(&now().to_le_bytes());
        publisher.put(bytes.to_vec()).wait().unwrap();
    });
    println!("{}", other.end());
}

fn hear(endpoint: &str) {
    let mut config = config();
    config.insert_json5("connect/endpoints", &format!("[\"{endpoint}\"]")).unwrap();
    let session = zenoh::open(config).wait().unwrap();
    let (sender, found) = channel();
    let take = move |sample: zenoh::sample::Sample| {
        let bytes = sample.payload().to_bytes();
        let time = u64::from_le_bytes(bytes[..8].try_into().unwrap());
        let _ = sender.send(Duration::from_nanos(now().saturating_sub(time)));
    };
    let _subscriber = session.declare_subscriber("bench/zenoh").callback(take).wait().unwrap();
    wait_for_the_end();
    println!("{:44} {}", "Zenoh alone, from put to callback", Times::sorted(found.try_iter().collect()));
}
