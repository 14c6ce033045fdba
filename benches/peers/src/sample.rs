//! The names, structs and stores that several comparisons use.

use std::collections::HashMap;

use iceoryx2::prelude::ZeroCopySend;
use structstore::{StructStore, StructStoreShared};

use crate::peer::unique;

#[derive(StructStore, Clone, Copy)]
pub struct One {
    pub number: i64,
}

/// What control loops share: ten scalars.
#[derive(StructStore, Clone, Copy)]
pub struct Ten {
    pub a: i32,
    pub b: i64,
    pub c: f32,
    pub d: f64,
    pub e: bool,
    pub f: u8,
    pub g: u16,
    pub h: u32,
    pub i: u64,
    pub j: f64,
}

/// The same for iceoryx2.
#[derive(Clone, Copy, Debug, Default, ZeroCopySend)]
#[repr(C)]
pub struct PlainTen {
    pub a: i32,
    pub b: i64,
    pub c: f32,
    pub d: f64,
    pub e: bool,
    pub f: u8,
    pub g: u16,
    pub h: u32,
    pub i: u64,
    pub j: f64,
}

#[derive(StructStore, Clone, Copy)]
pub struct Page {
    pub bytes: [u8; 4096],
}

pub fn names(count: usize) -> Vec<String> {
    (0..count).map(|at| format!("field_{at}")).collect()
}

/// A random order that is the same in every run.
pub fn shuffled<T: Clone>(items: &[T], count: usize) -> Vec<T> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        items[(state >> 33) as usize % items.len()].clone()
    };
    (0..count).map(|_| next()).collect()
}

/// A shared store with fields of these names.
pub fn store_of(names: &[String]) -> StructStoreShared {
    let store = StructStoreShared::open(unique("of")).unwrap();
    store.update(names.iter().enumerate().map(|(at, name)| (name, at as i64))).unwrap();
    store
}

pub fn map_of(names: &[String]) -> HashMap<String, i64> {
    names.iter().enumerate().map(|(at, name)| (name.clone(), at as i64)).collect()
}

/// The items in turn, round and round.
pub fn turns<'a, T>(items: &'a [T]) -> impl FnMut() -> &'a T {
    assert!(items.len().is_power_of_two());
    let mask = items.len() - 1;
    let mut at = 0;
    move || {
        at = (at + 1) & mask;
        &items[at]
    }
}
