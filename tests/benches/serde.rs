//! The costs of storing documents and reading them back by serde, compared with `serde_json::Value`. `cargo xtask bench` prints
//! the ratios.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use serde::{Deserialize, Serialize};
use structstore::Value;
use structstore::serial::{from_value, to_value};
use structstore_tests::Memory;

/// About 1 MB of JSON: records with short strings, numbers, nested structs and short lists.
#[derive(Clone, Serialize, Deserialize, PartialEq, Debug)]
struct Document {
    title: String,
    version: u32,
    records: Vec<Record>,
}

#[derive(Clone, Serialize, Deserialize, PartialEq, Debug)]
struct Record {
    id: u64,
    name: String,
    active: bool,
    score: f64,
    comment: Option<String>,
    state: State,
    position: Position,
    tags: Vec<String>,
    samples: Vec<f64>,
}

#[derive(Clone, Serialize, Deserialize, PartialEq, Debug)]
struct Position {
    x: f64,
    y: f64,
    z: f64,
    frame: String,
}

#[derive(Clone, Serialize, Deserialize, PartialEq, Debug)]
enum State {
    Idle,
    Moving { speed: f64 },
}

fn document() -> Document {
    let record = |at: u64| Record {
        id: 1_000_000 + at,
        name: format!("sensor {at}"),
        active: at.is_multiple_of(3),
        score: at as f64 * 0.37,
        comment: at.is_multiple_of(4).then(|| format!("calibrated in run {at}, drift below limits")),
        state: if at.is_multiple_of(2) { State::Idle } else { State::Moving { speed: at as f64 / 7.0 } },
        position: Position {
            x: at as f64 * 0.5,
            y: -1.25,
            z: 1.0 / (at + 1) as f64,
            frame: "map".to_owned(),
        },
        tags: vec!["lidar".to_owned(), format!("row {}", at % 16)],
        samples: (0..4).map(|sample| (at * sample) as f64 * 0.125).collect(),
    };
    Document { title: "inventory".to_owned(), version: 3, records: (0..4200).map(record).collect() }
}

fn documents(criterion: &mut Criterion) {
    let document = document();
    let bytes = serde_json::to_vec(&document).unwrap().len() as u64;
    println!("the document has {bytes} bytes as JSON");
    let json = serde_json::to_value(&document).unwrap();
    let value = to_value(&document).unwrap();
    let store = Memory::store();
    store.set_serde("document", &document).unwrap();
    assert_eq!(store.get_serde::<Document>("document").unwrap(), document);

    let mut group = criterion.benchmark_group("documents");
    group.throughput(Throughput::Bytes(bytes));
    let target = Memory::store();
    target.set_serde("document", &document).unwrap();
    group.bench_function("put", |bencher| {
        let fresh = || target.delete("document").unwrap();
        bencher.iter_batched(
            fresh,
            |()| target.set_serde("document", &document).unwrap(),
            BatchSize::PerIteration,
        );
    });
    group.bench_function("put_over", |bencher| {
        bencher.iter(|| target.set_serde("document", &document).unwrap());
    });
    group.bench_function("to_json_value", |bencher| {
        bencher.iter_with_large_drop(|| serde_json::to_value(&document).unwrap());
    });
    group.bench_function("get_as", |bencher| {
        bencher.iter_with_large_drop(|| store.get_serde::<Document>("document").unwrap());
    });
    group.bench_function("from_json_value", |bencher| {
        let parse = |json| serde_json::from_value::<Document>(json).unwrap();
        bencher.iter_batched(|| json.clone(), parse, BatchSize::PerIteration);
    });

    // The parts of the benchmarks above.
    group.bench_function("to_value", |bencher| {
        bencher.iter_with_large_drop(|| to_value(&document).unwrap());
    });
    group.bench_function("from_value", |bencher| {
        bencher.iter_with_large_drop(|| from_value::<Document>(black_box(&value)).unwrap());
    });
    group.bench_function("get_value", |bencher| {
        bencher.iter_with_large_drop(|| store.get::<Value>("document").unwrap());
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).without_plots();
    targets = documents
}
criterion_main!(benches);
