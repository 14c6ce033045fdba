//! Sequences of operations, against a model.

use super::Input;
use crate::Memory;
use crate::model::{Change, apply_to_guard, apply_to_store, run as run_changes};

/// How many operations there are at most: after each, all there is is compared.
const MOST: usize = 100;

/// Does what the bytes say to a store.
///
/// # Panics
///
/// If the store is ever another value than the model, or damaged.
pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let guarded = input.byte() % 2 == 1;
    let mut changes = Vec::new();
    while !input.is_empty() && changes.len() < MOST {
        changes.push(change(&mut input));
    }
    // Of its own: what is counted in a local store is counted for all of them.
    let store = Memory::store();
    run_changes(&store, &changes, if guarded { apply_to_guard } else { apply_to_store });
}

fn change(input: &mut Input<'_>) -> Change {
    let kind = input.below(16);
    let name = input.name().to_owned();
    let values = |input: &mut Input<'_>| (0..input.below(4)).map(|_| input.value(0)).collect::<Vec<_>>();
    match kind {
        0..=2 => Change::Set(name, input.value(0)),
        3 => Change::Extend((0..input.below(6)).map(|_| (input.name().to_owned(), input.value(0))).collect()),
        4 => Change::Remove(name),
        5 => Change::Rename(name, input.name().to_owned()),
        6 => Change::Clear,
        7 => Change::Nested(name),
        8 | 9 => Change::Push(name, input.value(0)),
        10 => Change::Insert(name, input.below(8), input.value(0)),
        11 => Change::SetItem(name, input.below(8), input.value(0)),
        12 => Change::RemoveItem(name, input.below(8)),
        13 => {
            let (start, end) = (input.below(8), input.below(8));
            Change::Splice(name, start..end, values(input))
        }
        14 => Change::ReplaceSome(name, values(input)),
        _ => Change::ClearList(name),
    }
}
