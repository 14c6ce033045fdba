//! Bound structs, and stores with arbitrary values under the names of their fields.

use std::collections::BTreeMap;

use structstore::traits::Fields;
use structstore::typed::{ByteBuf, NdArray};
use structstore::{List, Struct, StructStore, Value};

use super::Input;

#[derive(StructStore, Clone, Copy)]
#[structstore(rename_all = "snake_case")]
enum Mode {
    Off,
    #[structstore(default)]
    StandBy,
}

#[derive(StructStore)]
struct Scalars {
    #[structstore(default = true)]
    a: bool,
    #[structstore(default = -8)]
    b: i8,
    c: u32,
    list: f32,
    sub: f64,
}

#[derive(StructStore)]
struct Wide {
    a: u16,
    b: i64,
    c: u64,
    list: f64,
    sub: Inner,
}

#[derive(StructStore, Clone)]
struct Inner {
    #[structstore(default = 7)]
    a: u8,
    #[structstore(default = "b")]
    b: String,
    c: Vec<f64>,
}

#[derive(StructStore)]
struct Containers {
    a: Vec<i32>,
    b: Option<[f64; 3]>,
    c: BTreeMap<String, Inner>,
    list: Vec<Inner>,
    sub: Option<Inner>,
}

#[derive(StructStore)]
struct Leaves {
    a: ByteBuf,
    b: Mode,
    c: NdArray<u8, 2>,
    list: List,
    sub: Struct,
}

#[derive(StructStore)]
struct Nested {
    a: [[f64; 2]; 2],
    b: Option<i64>,
    c: Vec<String>,
    list: Vec<Vec<u16>>,
    sub: Scalars,
}

/// Fills a store with values decoded from the bytes, and binds types to it, with changes between bindings.
///
/// # Panics
///
/// If binding fails and changes the store, or the store is damaged.
pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let store = StructStore::new();
    for _ in 0..input.below(8) {
        let _ = store.set(input.name(), input.value(0));
    }
    for _ in 0..8 {
        if input.is_empty() {
            break;
        }
        let widening = input.byte() % 2 == 1;
        match input.below(6) {
            0 => bind::<Scalars>(&store, &mut input, widening),
            1 => bind::<Wide>(&store, &mut input, widening),
            2 => bind::<Containers>(&store, &mut input, widening),
            3 => bind::<Leaves>(&store, &mut input, widening),
            4 => bind::<Nested>(&store, &mut input, widening),
            _ => bind::<Inner>(&store, &mut input, widening),
        }
    }
    let _ = store.clear();
    store.check().expect("a whole store");
}

fn bind<T: Fields>(store: &Struct, input: &mut Input<'_>, widening: bool) {
    let before = store.to_bytes().expect("a snapshot");
    let bound = if widening { store.bind_widening::<T>() } else { store.bind::<T>() };
    store.check().expect("a whole store");
    let Ok(binding) = bound else {
        assert_eq!(store.to_bytes().expect("a snapshot"), before, "refused, and yet changed");
        return;
    };
    let _ = binding.load().map(|value| binding.replace(&value).expect("what was there"));
    // Declared fields keep their types, and refuse values that do not fit.
    for _ in 0..input.below(4) {
        let before = store.to_bytes().expect("a snapshot");
        let changed = match input.below(4) {
            0 => store.delete(input.name()),
            1 => store.replace(Value::record([(input.name(), input.value(0))])),
            _ => store.set(input.name(), input.value(0)),
        };
        if changed.is_err() {
            assert_eq!(store.to_bytes().expect("a snapshot"), before, "refused, and yet changed");
        }
        let _ = binding.load();
        let _ = binding.with_mut(|_| ());
        let _ = binding.with(|_| ());
    }
    if input.byte() % 2 == 1 {
        let _ = binding.reset();
    }
    store.check().expect("a whole store");
}
