//! Changes of a store, and their effect on a plain value, with which tests and the fuzzer compare random operations.

use std::borrow::Cow;
use std::ops::Range;

use structstore::binding_support::ListExt;
use structstore::guard::StructMut;
use structstore::{ErrorKind, Result, Struct, Value};

/// A change of a struct. Callers use few names, so that changes affect each other.
#[derive(Clone, Debug)]
pub enum Change {
    /// Assigns a field.
    Set(String, Value<'static>),
    /// Assigns several fields.
    Extend(Vec<(String, Value<'static>)>),
    /// Removes a field.
    Remove(String),
    /// Gives a field another name.
    Rename(String, String),
    /// Removes all fields.
    Clear,
    /// Ensures a struct, created if missing.
    Nested(String),
    /// Appends an item to a list, which this and all following changes create if it is missing.
    Push(String, Value<'static>),
    /// Inserts an item.
    Insert(String, usize, Value<'static>),
    /// Replaces an item.
    SetItem(String, usize, Value<'static>),
    /// Removes an item.
    RemoveItem(String, usize),
    /// Replaces a range of items.
    Splice(String, Range<usize>, Vec<Value<'static>>),
    /// Replaces the items at even indices, and removes those for which there is no new value.
    ReplaceSome(String, Vec<Value<'static>>),
    /// Removes all items.
    ClearList(String),
}

type Fields = Vec<(Cow<'static, str>, Value<'static>)>;

fn field<'f>(fields: &'f mut Fields, name: &str) -> Option<&'f mut Value<'static>> {
    fields.iter_mut().find(|(other, _)| other == name).map(|(_, value)| value)
}

fn list<'f>(fields: &'f mut Fields, name: &str) -> Option<&'f mut Vec<Value<'static>>> {
    if field(fields, name).is_none() {
        fields.push((name.to_owned().into(), Value::List(Vec::new())));
    }
    match field(fields, name) {
        Some(Value::List(items)) => Some(items),
        _ => None,
    }
}

fn set(fields: &mut Fields, name: &str, value: &Value<'static>) {
    match field(fields, name) {
        Some(old) => *old = value.clone(),
        None => fields.push((name.to_owned().into(), value.clone())),
    }
}

/// The even indices of a list.
fn some(len: usize) -> Vec<usize> {
    (0..len).step_by(2).collect()
}

/// Applies the change to a plain value. `None` if the store has to refuse it.
fn apply_to_model(fields: &mut Fields, change: &Change) -> Option<()> {
    match change {
        Change::Set(name, value) => set(fields, name, value),
        Change::Extend(new) => new.iter().for_each(|(name, value)| set(fields, name, value)),
        Change::Remove(name) => {
            let at = fields.iter().position(|(other, _)| other == name)?;
            fields.remove(at);
        }
        Change::Rename(from, to) => {
            field(fields, from)?;
            if from != to && field(fields, to).is_some() {
                return None;
            }
            let (name, _) = fields.iter_mut().find(|(other, _)| other == from)?;
            *name = to.clone().into();
        }
        Change::Clear => fields.clear(),
        Change::Nested(name) => match field(fields, name) {
            Some(Value::Struct(_)) => {}
            Some(_) => return None,
            None => fields.push((name.clone().into(), Value::Struct(Vec::new()))),
        },
        Change::Push(name, value) => list(fields, name)?.push(value.clone()),
        Change::Insert(name, at, value) => {
            let items = list(fields, name)?;
            (*at <= items.len()).then(|| items.insert(*at, value.clone()))?;
        }
        Change::SetItem(name, at, value) => *list(fields, name)?.get_mut(*at)? = value.clone(),
        Change::RemoveItem(name, at) => {
            let items = list(fields, name)?;
            (*at < items.len()).then(|| items.remove(*at))?;
        }
        Change::Splice(name, range, new) => {
            let items = list(fields, name)?;
            items.get(range.clone())?;
            items.splice(range.clone(), new.clone());
        }
        Change::ReplaceSome(name, new) => {
            let items = list(fields, name)?;
            let mut new = new.iter().cloned();
            for at in some(items.len()) {
                items[at] = new.next().unwrap_or_else(|| "to be removed".into());
            }
            items.retain(|item| *item != "to be removed".into());
        }
        Change::ClearList(name) => list(fields, name)?.clear(),
    }
    Some(())
}

/// Applies it to a store.
///
/// # Errors
///
/// Those of the store.
pub fn apply_to_store(store: &Struct, change: &Change) -> Result<()> {
    match change {
        Change::Set(name, value) => store.set(name, value),
        Change::Extend(new) => store.update(new.iter().map(|(name, value)| (name, value))),
        Change::Remove(name) => store.delete(name),
        Change::Rename(from, to) => store.rename(from, to),
        Change::Clear => store.clear(),
        Change::Nested(name) => store.ensure_struct(name).map(drop),
        Change::Push(name, value) => store.ensure_list(name)?.push(value),
        Change::Insert(name, at, value) => store.ensure_list(name)?.insert(*at, value),
        Change::SetItem(name, at, value) => store.ensure_list(name)?.set(*at, value),
        Change::RemoveItem(name, at) => store.ensure_list(name)?.remove(*at).map(drop),
        Change::Splice(name, range, new) => store.ensure_list(name)?.splice(range.clone(), new),
        Change::ReplaceSome(name, new) => {
            let list = store.ensure_list(name)?;
            list.replace_at(&some(list.len()?), new)
        }
        Change::ClearList(name) => store.ensure_list(name)?.clear(),
    }
}

/// The same through a guard.
///
/// # Errors
///
/// As [`apply_to_store`].
pub fn apply_to_guard(store: &Struct, change: &Change) -> Result<()> {
    if let Change::Nested(_) | Change::ReplaceSome(..) = change {
        return apply_to_store(store, change);
    }
    let mut owner = store.write()?;
    let mut guard = owner.reborrow();
    let list = |name: &str, guard: &mut StructMut<'_>| -> Result<()> {
        if guard.contains(name)? { Ok(()) } else { guard.set(name, Value::List(Vec::new())) }
    };
    match change {
        Change::Set(name, value) => guard.set(name, value),
        Change::Extend(new) => guard.update(new.iter().map(|(name, value)| (name, value))),
        Change::Remove(name) => guard.delete(name),
        Change::Rename(from, to) => guard.rename(from, to),
        Change::Clear => guard.clear(),
        Change::Push(name, value) => {
            list(name, &mut guard).and_then(|()| guard.ensure_list(name)?.push(value))
        }
        Change::Insert(name, at, value) => {
            list(name, &mut guard).and_then(|()| guard.ensure_list(name)?.insert(*at, value))
        }
        Change::SetItem(name, at, value) => {
            list(name, &mut guard).and_then(|()| guard.ensure_list(name)?.set(*at, value))
        }
        Change::RemoveItem(name, at) => {
            list(name, &mut guard).and_then(|()| guard.ensure_list(name)?.remove(*at).map(drop))
        }
        Change::Splice(name, range, new) => {
            list(name, &mut guard).and_then(|()| guard.ensure_list(name)?.splice(range.clone(), new))
        }
        Change::ClearList(name) => list(name, &mut guard).and_then(|()| guard.ensure_list(name)?.clear()),
        Change::Nested(_) | Change::ReplaceSome(..) => Ok(()),
    }
}

/// Applies one change after the other. After each, the store equals the model, order included, and every invariant holds;
/// an operation that fails has changed nothing, and uses no more memory than before.
///
/// # Panics
///
/// If one of these conditions does not hold.
pub fn run(store: &Struct, changes: &[Change], apply: impl Fn(&Struct, &Change) -> Result<()>) {
    let empty = store.statistics();
    let mut model: Fields = Vec::new();
    for change in changes {
        let before = store.statistics();
        let mut next = model.clone();
        let possible = apply_to_model(&mut next, change).is_some();
        match apply(store, change) {
            Ok(()) => {
                assert!(possible, "{change:?} should have been refused");
                model = next;
            }
            Err(error) if error.kind() == ErrorKind::OutOfSpace => {
                let after = store.statistics();
                // A change that fails may have created its list before.
                let created = store.len().unwrap() > model.len();
                assert!(
                    created
                        || (after.allocated, after.blocks, after.nodes)
                            == (before.allocated, before.blocks, before.nodes)
                );
                list_created(store, &mut model, change);
            }
            Err(error) => {
                assert!(!possible, "{change:?} was refused: {error}");
                list_created(store, &mut model, change);
            }
        }
        store.check().unwrap_or_else(|error| panic!("{change:?}: {error}"));
        assert_eq!(store.to_string(), Value::Struct(model.clone()).to_string());
        assert_eq!(store.to_value().unwrap(), Value::Struct(model.clone()));
    }
    store.clear().unwrap();
    store.check().unwrap();
    assert_eq!(store.statistics().nodes, empty.nodes);
}

/// Ensuring a list creates it, also if the change of the list fails then.
fn list_created(store: &Struct, model: &mut Fields, change: &Change) {
    if let Change::Push(name, _)
    | Change::Insert(name, ..)
    | Change::SetItem(name, ..)
    | Change::RemoveItem(name, _)
    | Change::Splice(name, ..)
    | Change::ReplaceSome(name, _)
    | Change::ClearList(name) = change
        && store.contains(name).unwrap()
    {
        list(model, name);
    }
}
