//! The costs of streams: publishing and reading, compared with copies of as many bytes.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use structstore::stream::{Start, Stream, now};
use structstore::{StructStore, StructStoreShared};
use structstore_tests::SegmentName;

/// Ten scalars and three arrays.
#[derive(StructStore, Clone, Debug, Default)]
struct ArmState {
    cycle: u64,
    time: f64,
    temperature: f32,
    voltage: f32,
    error: i32,
    retries: u8,
    speed: f64,
    load: f64,
    ready: bool,
    homed: bool,
    q: [f64; 7],
    dq: [f64; 7],
    tau: [f64; 7],
}

fn small(criterion: &mut Criterion) {
    let name = SegmentName::new("bench_streams");
    let store = StructStoreShared::open(&name).unwrap();
    let words = store.ensure_stream::<[u64; 8]>("words", Stream::depth(1000)).unwrap();
    let states = store.ensure_stream::<ArmState>("states", Stream::depth(1000)).unwrap();
    let rows = store.ensure_stream::<[u64; 5]>("rows", Stream::depth(4000)).unwrap();
    let mut group = criterion.benchmark_group("streams");
    group.bench_function("clock", |bencher| bencher.iter(now));
    let sample = [7_u64; 8];
    group.bench_function("publish_at", |bencher| bencher.iter(|| words.publish_at(black_box(&sample), 5)));
    group.bench_function("publish", |bencher| bencher.iter(|| words.publish(black_box(&sample))));
    let state = ArmState::default();
    group
        .bench_function("publish_struct", |bencher| bencher.iter(|| states.publish_at(black_box(&state), 5)));
    group.bench_function("copy_struct", |bencher| {
        bencher.iter_batched_ref(
            || state.clone(),
            |to| to.clone_from(black_box(&state)),
            BatchSize::SmallInput,
        )
    });
    group.bench_function("latest", |bencher| bencher.iter(|| words.latest().unwrap().value));
    group.bench_function("latest_struct", |bencher| bencher.iter(|| states.latest().unwrap().value));
    for at in 0..4000 {
        rows.publish(&[at; 5]).unwrap();
    }
    let mut follow = rows.follow(Start::Oldest);
    group.bench_function("follow", |bencher| {
        bencher.iter(|| match follow.try_next().unwrap() {
            Some(sample) => sample.value,
            None => {
                follow = rows.follow(Start::Oldest);
                [0; 5]
            }
        })
    });
    group.bench_function("history", |bencher| bencher.iter(|| rows.history(1000).unwrap()));
    let memory = vec![7_u8; 40_000];
    group.bench_function("memcpy_history", |bencher| bencher.iter(|| black_box(&memory).to_vec()));
}

fn frames(criterion: &mut Criterion) {
    let name = SegmentName::new("bench_frames");
    let store = StructStoreShared::open(&name).unwrap();
    let frames = store.ensure_stream::<[u8]>("frames", Stream::array([480, 640, 3]).depth(4)).unwrap();
    let mut group = criterion.benchmark_group("streams");
    group.bench_function("loan_and_publish", |bencher| {
        bencher.iter(|| frames.loan().unwrap().publish_at(5).unwrap());
    });
    group.bench_function("latest_frame", |bencher| bencher.iter(|| frames.latest().unwrap().value[0]));
}

criterion_group!(benches, small, frames);
criterion_main!(benches);
