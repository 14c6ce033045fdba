//! The costs of watching: for writers, and from a change, or a sample, until a sleeping process has seen it, compared with two processes
//! that wake each other by a bare futex.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use structstore::stream::{Start, Stream};
use structstore::{StructStoreShared, Value};
use structstore_tests::SegmentName;

fn writers(criterion: &mut Criterion) {
    let name = SegmentName::new("bench_watch");
    let store = StructStoreShared::open(&name).unwrap();
    for part in ["a", "b"] {
        store.set(part, Value::record([("x", Value::from(0))])).unwrap();
    }
    let part = store.at("a").unwrap();
    let mut group = criterion.benchmark_group("watch");
    let mut bench = |what: &str| {
        let mut value = 0;
        group.bench_function(what, |bencher| {
            bencher.iter(|| {
                value += 1;
                part.set("x", value).unwrap();
            })
        });
    };
    bench("set");
    let elsewhere = store.at("b").unwrap().watch().unwrap();
    bench("set_watched_elsewhere");
    drop(elsewhere);
    let here = store.watch().unwrap();
    bench("set_watched");
    drop(here);
    bench("set_no_longer_watched");
}

/// The other process, which is killed at the end of the benchmark.
struct Peer(Child);

impl Peer {
    /// Runs on the other processor.
    fn start(name: &SegmentName, arguments: &[&str]) -> Peer {
        let mut peer = Command::new(env!("CARGO_BIN_EXE_peer"));
        peer.arg(name.as_str()).args(arguments).stdout(Stdio::piped());
        // SAFETY: one call, which allocates nothing.
        unsafe { peer.pre_exec(|| pin(1)) };
        Peer(peer.spawn().unwrap())
    }

    /// Waits until it says that it is ready.
    fn ready(mut self) -> Peer {
        let output = self.0.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut String::new()).unwrap();
        self
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wake_ups(criterion: &mut Criterion) {
    let name = SegmentName::new("bench_wake");
    let store = StructStoreShared::open(&name).unwrap();
    for part in ["ping", "pong"] {
        store.set(part, Value::record([("n", Value::from(0_u64))])).unwrap();
    }
    let mut group = criterion.benchmark_group("watch");
    pin(0).unwrap();
    {
        let _peer = Peer::start(&name, &["answer", &u64::MAX.to_string()]);
        let (ping, pong) = (store.at("ping").unwrap(), store.at("pong").unwrap());
        let mut watch = pong.watch().unwrap();
        let mut round = 0_u64;
        group.bench_function("there_and_back", |bencher| {
            bencher.iter(|| {
                round += 1;
                ping.set("n", round).unwrap();
                while pong.get::<u64>("n").unwrap() != round {
                    watch.wait(Some(Duration::from_secs(60))).unwrap().unwrap();
                }
            })
        });
    }
    let samples = store.ensure_stream::<[u64; 8]>("samples", Stream::depth(8)).unwrap();
    let frames = store.ensure_stream::<[u64]>("frames", Stream::array([1 << 17]).depth(4)).unwrap();
    let answers = store.ensure_stream::<[u64; 8]>("answers", Stream::depth(8)).unwrap();
    let minute = Duration::from_secs(60);
    {
        let _peer = Peer::start(&name, &["answer samples"]).ready();
        let mut answer = answers.follow(Start::Next);
        group.bench_function("sample_there_and_back", |bencher| {
            bencher.iter(|| {
                samples.publish(&[7; 8]).unwrap();
                answer.next_within(minute).unwrap().unwrap()
            })
        });
    }
    {
        let _peer = Peer::start(&name, &["answer frames"]).ready();
        let mut answer = answers.follow(Start::Next);
        group.bench_function("frame_of_1mb_there_and_back", |bencher| {
            bencher.iter(|| {
                frames.loan().unwrap().publish().unwrap();
                answer.next_within(minute).unwrap().unwrap()
            })
        });
    }
    let (ping, pong) = shared_words();
    // SAFETY: the child does nothing but futex calls until it is killed.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let _ = pin(1);
        for round in 1.. {
            wait_until(ping, round);
            tell(pong, round);
        }
    }
    let mut round = 0;
    group.bench_function("futex_there_and_back", |bencher| {
        bencher.iter(|| {
            round += 1;
            tell(ping, round);
            wait_until(pong, round);
        })
    });
    // SAFETY: this process's own child, which it then waits for.
    unsafe {
        libc::kill(child, libc::SIGKILL);
        libc::waitpid(child, std::ptr::null_mut(), 0);
    }
}

/// Keeps this thread on one processor, so that both pairs of processes wake each other across the same distance. Stays
/// where it is if there is no such processor.
fn pin(processor: usize) -> std::io::Result<()> {
    // SAFETY: a set of processors is plain data; the calls read and change nothing else.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(processor, &mut set);
        libc::sched_setaffinity(0, size_of_val(&set), &set);
    }
    Ok(())
}

/// Two words that a child shares with its parent, on cache lines of their own.
fn shared_words() -> (&'static AtomicU32, &'static AtomicU32) {
    let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
    // SAFETY: a new mapping, of zeroes, which is never unmapped.
    let words = unsafe { libc::mmap(std::ptr::null_mut(), 4096, access, kind, -1, 0) };
    assert_ne!(words, libc::MAP_FAILED);
    let words = words.cast::<AtomicU32>();
    // SAFETY: two words within the mapping.
    unsafe { (&*words, &*words.add(16)) }
}

fn tell(word: &AtomicU32, value: u32) {
    word.store(value, Ordering::Release);
    // SAFETY: wakes sleepers of a word that lives.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, 1) };
}

fn wait_until(word: &AtomicU32, value: u32) {
    loop {
        let seen = word.load(Ordering::Acquire);
        if seen == value {
            return;
        }
        // SAFETY: sleeps on a word that lives, without a timeout.
        unsafe {
            libc::syscall(
                libc::SYS_futex,
                word.as_ptr(),
                libc::FUTEX_WAIT,
                seen,
                std::ptr::null::<libc::timespec>(),
            );
        }
    }
}

criterion_group!(benches, writers, wake_ups);
criterion_main!(benches);
