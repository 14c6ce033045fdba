//! Sequences of operations, compared with the model.

use super::Input;
use crate::Memory;
use crate::model::{Change, apply_to_guard, apply_to_store, run as run_changes};

/// The largest number of operations: after each, the whole store is compared.
const MOST: usize = 100;

/// Decodes operations from the bytes, and applies them to a store.
///
/// # Panics
///
/// If the store ever differs from the model, or is damaged.
pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let guarded = input.byte() % 2 == 1;
    let mut changes = Vec::new();
    while !input.is_empty() && changes.len() < MOST {
        changes.push(change(&mut input));
    }
    // A segment of its own, since all local stores share one segment, and so its statistics.
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
