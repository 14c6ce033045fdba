//! Operations on structs.

use super::slot::{Get, Slot};
use crate::access::{Access, Located, Part, locate_part, operate};
use crate::arena::Arena;
use crate::arena::layout::Node;
use crate::edit::{self, Assigned, Writer};
use crate::error::{Error, ErrorKind, Result};
use crate::journal::{Among, Operation, pinned_by};
use crate::key::Key;
use crate::lock::Mode;
use crate::node::meta::admits;
use crate::node::structure::{self, Found};
use crate::node::{self, LIMITED, Raw, list, slot_value};
use crate::sync::Ordering;
use crate::value::{Kind, ToValue, Value, Whole, wrong_kind};

#[cold]
fn not_found() -> Error {
    Error::new(ErrorKind::NotFound)
}

/// The contents of a field's slot, if there is one of that name.
#[inline(always)]
fn raw_in(arena: &Arena, node: &Node, key: &Key<'_>) -> Result<Option<Raw>> {
    Ok(structure::find(arena, node, key)?.map(|found| Raw::load(&found.field.slot)))
}

#[inline(always)]
fn raw(access: &impl Access, key: &Key<'_>) -> Result<Option<Raw>> {
    access.read(|arena, node| raw_in(arena, node, key))
}

#[inline(always)]
fn found<T: Get>(access: &impl Access, key: &Key<'_>) -> Result<Option<T>> {
    let slot = |raw| Slot::new(access, raw, Part::Name(key.name()));
    if T::IN_SLOT {
        return match raw(access, key)? {
            Some(raw) => T::get(slot(raw)).map(Some),
            None => Ok(None),
        };
    }
    access.follow(|arena, node| raw_in(arena, node, key), |raw| raw.map(|raw| T::get(slot(raw))).transpose())
}

#[inline(always)]
pub(crate) fn find<T: Get>(access: &impl Access, key: &Key<'_>) -> Result<Option<T>> {
    found(access, key).at_part(access, Part::Name(key.name()))
}

#[inline(always)]
pub(crate) fn get<T: Get>(access: &impl Access, key: &Key<'_>) -> Result<T> {
    // An error is made only of what is known to be missing.
    let error = match found(access, key) {
        Ok(Some(value)) => return Ok(value),
        Ok(None) => not_found(),
        Err(error) => error,
    };
    Err(locate_part(error, access, Part::Name(key.name())))
}

pub(crate) fn kind(access: &impl Access, key: &Key<'_>) -> Result<Kind> {
    let kind = raw(access, key).and_then(|raw| raw.ok_or_else(not_found)?.kind());
    kind.at_part(access, Part::Name(key.name()))
}

pub(crate) fn contains(access: &impl Access, key: &Key<'_>) -> Result<bool> {
    raw(access, key).map(|raw| raw.is_some()).at(access)
}

pub(crate) fn len(access: &impl Access) -> Result<usize> {
    let len = access.read(|arena, node| match structure::count(node) {
        count if count == structure::counted(arena, node) => Ok(count as usize),
        count => Err(Error::corrupt(
            "a struct",
            format_args!("{count} fields"),
            "as many as its memory has room for",
        )),
    });
    len.at(access)
}

/// The names of the fields, read under a lock or as of one moment.
pub(crate) fn names(access: &impl Access) -> Result<Vec<String>> {
    let names = access.read(|arena, node| {
        structure::fields(arena, node).map(|found| structure::name(arena, found?.field)).collect()
    });
    names.at(access)
}

#[inline(always)]
pub(crate) fn set(access: &impl Access, key: &Key<'_>, value: &Value<'_>) -> Result<()> {
    set_plain(access, key, value).at_part(access, Part::Name(key.name()))
}

#[inline(always)]
fn set_plain(access: &impl Access, key: &Key<'_>, value: &Value<'_>) -> Result<()> {
    let Some(new) = Raw::plain(value) else { return set_node(access, key, value) };
    let held = access.hold(Mode::Node)?;
    let assigned = set_in_place(access, key, new);
    if let Some(held) = held {
        held.end();
    }
    match assigned? {
        Assigned::Done => Ok(()),
        Assigned::NeedsChild(_) => set_node(access, key, value),
    }
}

/// One store where a scalar keeps its type.
#[inline(always)]
fn set_in_place(access: &impl Access, key: &Key<'_>, new: Raw) -> Result<Assigned> {
    match structure::find(access.arena(), access.node(), key)? {
        Some(found) if !access.in_transaction() && is_in_place(access.arena(), found, new)? => {
            // One word changes, by one store: no journal is needed for it to happen wholly or not at all.
            found.field.slot.payload.store(new.payload, Ordering::Release);
            Ok(Assigned::Done)
        }
        found => set_anew(access, key, found, new),
    }
}

/// Whether a field has the type of a scalar, which has to be within its limits.
#[inline(always)]
fn is_in_place(arena: &Arena, found: Found<'_>, new: Raw) -> Result<bool> {
    let tag = found.field.slot.tag.load(Ordering::Relaxed);
    if tag & (LIMITED | 0xff) == new.tag {
        return Ok(true);
    }
    if tag & (LIMITED | 0xff) != new.tag | LIMITED {
        return Ok(false);
    }
    admits(arena, Raw { tag, payload: 0 }, new).map(|()| true)
}

/// Assigns null or a scalar to a field that is missing or of another type, but no structure, under the lock of the struct alone.
#[inline(never)]
fn set_anew(access: &impl Access, key: &Key<'_>, found: Option<Found<'_>>, new: Raw) -> Result<Assigned> {
    let (arena, node) = (access.arena(), access.node());
    operate(arena, access.id(), |operation| {
        let found = if operation.waited() { structure::find(arena, node, key)? } else { found };
        match found {
            Some(found) => edit::assign_plain(operation, &found.field.slot, new),
            None => {
                Writer { operation, aside: false }.insert(node, key, new)?;
                Ok(Assigned::Done)
            }
        }
    })
}

/// Assigns where the old or the new value is a structure.
#[inline(never)]
fn set_node<A: Access>(access: &A, key: &Key<'_>, value: &Value<'_>) -> Result<()> {
    key.check()?;
    let index = access.id().index;
    value.check_depth(node::depth_of(access.arena(), index)?)?;
    let raw = raw(access, key)?;
    if super::assign_child(access, raw, value)? || A::LOCKS && raw.is_none() && set_aside(access, key, value)?
    {
        return Ok(());
    }
    access.change_part(
        |arena, node| raw_in(arena, node, key),
        |operation, _, _| edit::assign_field(operation, index, key, value),
    )
}

/// Creates a field that is missing, of a value that is copied before a lock is taken. Returns whether it was still missing then.
fn set_aside(access: &impl Access, key: &Key<'_>, value: &Value<'_>) -> Result<bool> {
    access.change_prepared(
        |operation| edit::build(operation, value, access.id().index),
        |operation, node, built| {
            let absent = structure::find(access.arena(), node, key)?.is_none();
            if absent {
                Writer { operation, aside: false }.insert(node, key, built)?;
            }
            // Otherwise somebody was faster, and what was built is dropped with the operation.
            Ok(absent)
        },
    )
}

pub(crate) fn update<'k, K: Into<Key<'k>>, V: ToValue>(
    access: &impl Access,
    fields: impl IntoIterator<Item = (K, V)>,
) -> Result<()> {
    // Those of one name take the room of one; but more than the store has slots for are no update of it.
    let gathered = super::lists::gather(access.arena(), fields.into_iter(), list::most(access.arena()));
    let updated = gathered.and_then(|fields| {
        let (keys, values): (Vec<K>, Vec<V>) = fields.into_iter().unzip();
        let keys: Vec<Key<'k>> = keys.into_iter().map(Into::into).collect();
        let values = V::to_values(&values)?;
        let fields: Vec<_> = keys.into_iter().zip(values.iter()).collect();
        let index = access.id().index;
        access.change(Mode::Tree, |operation, _| {
            let depth = node::depth_of(operation.arena(), index)?;
            fields.iter().try_for_each(|(key, value)| {
                value.check_depth(depth).map_err(|error| error.under(key.name()))
            })?;
            edit::assign_fields(operation, index, fields.iter().copied())
        })
    });
    updated.at(access)
}

pub(crate) fn replace(access: &impl Access, value: &Value<'_>) -> Result<()> {
    restore(access, &Whole::of(value))
}

/// As [`replace`], and gives fields metadata that have none, and structs versions.
pub(crate) fn restore(access: &impl Access, whole: &Whole<'_>) -> Result<()> {
    take_over(access, whole, edit::assign_root)
}

/// As [`restore`], but keeps the fields that are not named.
pub(crate) fn merge(access: &impl Access, whole: &Whole<'_>) -> Result<()> {
    take_over(access, whole, edit::merge_below)
}

fn take_over(
    access: &impl Access,
    whole: &Whole<'_>,
    assign: impl Fn(&Operation<'_>, u32, &Value<'_>) -> Result<()>,
) -> Result<()> {
    let Whole { value, metas, versions } = whole;
    let index = access.id().index;
    let replaced = node::depth_of(access.arena(), index)
        .and_then(|depth| value.check_depth(depth.saturating_sub(1)))
        .and_then(|()| {
            access.change(Mode::Tree, |operation, _| {
                assign(operation, index, value)?;
                edit::describe_below(operation, index, metas)?;
                edit::record_versions_below(operation, index, versions)
            })
        });
    replaced.at(access)
}

/// Creates a field if it is missing.
pub(crate) fn ensure(access: &impl Access, key: &Key<'_>, value: &Value<'_>) -> Result<()> {
    let create = || {
        let index = access.id().index;
        value.check_depth(node::depth_of(access.arena(), index)?)?;
        access.change(Mode::Node, |operation, node| {
            if structure::find(operation.arena(), node, key)?.is_none() {
                key.check()?;
                let raw = edit::build(operation, value, index)?;
                Writer { operation, aside: false }.insert(node, key, raw)?;
            }
            Ok(())
        })
    };
    match contains(access, key)? {
        true => Ok(()),
        false => create().at_part(access, Part::Name(key.name())),
    }
}

/// Reads a field, which is created if it is missing; again where somebody else removes it as soon as it is there.
pub(crate) fn get_or_insert<T: Get>(access: &impl Access, key: &Key<'_>, missing: &Value<'_>) -> Result<T> {
    loop {
        if let Some(found) = find(access, key)? {
            return Ok(found);
        }
        ensure(access, key, missing)?;
    }
}

/// Removes a field and returns what `keep` makes of its slot.
pub(crate) fn remove<T>(
    access: &impl Access,
    key: &Key<'_>,
    keep: impl Fn(&Arena, Raw) -> Result<T>,
) -> Result<T> {
    remove_field(access, key, keep, false)
}

/// As [`remove`]; with `force`, also what is declared or in use.
fn remove_field<T>(
    access: &impl Access,
    key: &Key<'_>,
    keep: impl Fn(&Arena, Raw) -> Result<T>,
    force: bool,
) -> Result<T> {
    let removed = access.change_part(
        |arena, node| raw_in(arena, node, key),
        |operation, node, raw| {
            let raw = raw.ok_or_else(not_found)?;
            if raw.declared() && !force {
                return Err(declared(raw, "removed"));
            }
            if raw.declared()
                && let Some((_, holder)) = pinned_by(operation.arena(), access.id().index, Among::Above)?
            {
                // Its binding knows the slot, which another field would get.
                return Err(Error::bound(holder, "taken out of the struct, only removed with it"));
            }
            let kept = keep(operation.arena(), raw)?;
            // Before it is unlinked, so that an error has its path.
            let retire = if force { Operation::retire_pinned } else { Operation::retire_node };
            raw.id().map_or(Ok(()), |id| retire(operation, id.index))?;
            Writer { operation, aside: false }.remove(node, key)?;
            if raw.declared() {
                edit::unfix(operation, node)?;
            }
            Ok(kept)
        },
    );
    removed.at_part(access, Part::Name(key.name()))
}

pub(crate) fn take(access: &impl Access, key: &Key<'_>) -> Result<Value<'static>> {
    remove(access, key, slot_value)
}

pub(crate) fn delete(access: &impl Access, key: &Key<'_>) -> Result<()> {
    remove(access, key, |_, _| Ok(()))
}

pub(crate) fn delete_forced(access: &impl Access, key: &Key<'_>) -> Result<()> {
    remove_field(access, key, |_, _| Ok(()), true)
}

#[cold]
fn declared(raw: Raw, action: &'static str) -> Error {
    Error::declared(raw.kind().map_or("unknown", Kind::name), action)
}

pub(crate) fn rename(access: &impl Access, from: &Key<'_>, to: &Key<'_>) -> Result<()> {
    access.change(Mode::Node, |operation, node| rename_in(operation, node, from, to)).at(access)
}

fn rename_in(operation: &Operation<'_>, node: &Node, from: &Key<'_>, to: &Key<'_>) -> Result<()> {
    let arena = operation.arena();
    let raw = raw_in(arena, node, from)?.ok_or_else(|| not_found().under(from.name()))?;
    if raw.declared() {
        return Err(declared(raw, "renamed").under(from.name()));
    }
    if from.name() == to.name() {
        return Ok(());
    }
    if structure::find(arena, node, to)?.is_some() {
        return Err(Error::new(ErrorKind::AlreadyExists).under(to.name()));
    }
    Writer { operation, aside: false }.rename(node, from, to)
}

pub(crate) fn clear(access: &impl Access) -> Result<()> {
    let cleared = access.change(Mode::Tree, |operation, node| {
        let arena = operation.arena();
        for found in structure::fields(arena, node) {
            let field = found?.field;
            let raw = Raw::load(&field.slot);
            if raw.declared() {
                return Err(declared(raw, "removed").under(&structure::name(arena, field)?));
            }
        }
        operation.retire_contents(access.id().index, Kind::Struct)
    });
    cleared.at(access)
}

/// The slot of a field that is held.
pub(crate) fn slot<'a, A: Access>(access: &'a A, key: &Key<'_>) -> Result<Found<'a>> {
    structure::find(access.arena(), access.node(), key)?.ok_or_else(not_found)
}

/// The fields of a copy of a struct.
pub(crate) fn into_iter(value: Value<'static>) -> Result<impl Iterator<Item = (String, Value<'static>)>> {
    match value {
        Value::Struct(fields) => Ok(fields.into_iter().map(|(name, value)| (name.into_owned(), value))),
        other => Err(wrong_kind(other.kind(), "struct")),
    }
}
