//! Operations on lists.

use std::ops::{Bound, RangeBounds};

use super::slot::{Get, Slot};
use crate::access::{Access, Located, Part};
use crate::arena::Arena;
use crate::arena::layout::{self, Node};
use crate::edit;
use crate::error::{Error, ErrorKind, Result};
use crate::journal::Operation;
use crate::lock::Mode;
use crate::node::meta::limits_of;
use crate::node::{self, Extent, Raw, list, slot_value};
use crate::value::{Kind, ToValue, Value, wrong_kind};

pub(crate) fn len(access: &impl Access) -> Result<usize> {
    // Of the checked slots: a length beyond the memory is an error.
    access.read(|arena, node| Ok(list::slots(arena, node)?.len())).at(access)
}

pub(crate) fn get<T: Get>(access: &impl Access, index: usize) -> Result<T> {
    let part = Part::Index(index);
    let raw_in = |arena: &Arena, node: &Node| Ok(Some(Raw::load(list::slot(arena, node, index as u64)?)));
    let found = access.follow(raw_in, |raw| match raw {
        Some(raw) => T::get(Slot::new(access, raw, part)),
        None => Err(list::out_of_range(index as u64, 0)),
    });
    found.at_part(access, part)
}

/// Reads an item, if there is one at that index.
pub(crate) fn find<T: Get>(access: &impl Access, index: usize) -> Result<Option<T>> {
    match get(access, index) {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::IndexOutOfRange => Ok(None),
        Err(error) => Err(error),
    }
}

pub(crate) fn kind(access: &impl Access, index: usize) -> Result<Kind> {
    let kind = access.read(|arena, node| Raw::load(list::slot(arena, node, index as u64)?).kind());
    kind.at_part(access, Part::Index(index))
}

#[inline(always)]
pub(crate) fn push(access: &impl Access, value: &Value<'_>) -> Result<()> {
    if let Some(item) = Raw::plain(value)
        && !access.in_transaction()
        && push_plain(access, item).at(access)?
    {
        return Ok(());
    }
    extend_by(access, std::slice::from_ref(value))
}

/// Two stores where there is room.
#[inline(always)]
fn push_plain(access: &impl Access, item: Raw) -> Result<bool> {
    let held = access.hold(Mode::Node)?;
    let pushed = list::push_in_place(access.arena(), access.node(), item);
    if let Some(held) = held {
        held.end();
    }
    pushed
}

/// Puts values at the end.
#[inline(never)]
fn extend_by(access: &impl Access, values: &[Value<'_>]) -> Result<()> {
    let extended = access.change(Mode::Node, |operation, node| {
        insert_in(operation, node, access.id().index, list::len(node), values)
    });
    extended.at(access)
}

pub(crate) fn extend<T: ToValue>(access: &impl Access, values: impl IntoIterator<Item = T>) -> Result<()> {
    with_values(access.arena(), values, |values| extend_by(access, values)).at(access)
}

pub(crate) fn insert(access: &impl Access, index: usize, value: &Value<'_>) -> Result<()> {
    let inserted = access.change(Mode::Node, |operation, node| {
        if index as u64 > list::len(node) {
            return Err(list::out_of_range(index as u64, list::len(node)));
        }
        insert_in(operation, node, access.id().index, index as u64, std::slice::from_ref(value))
    });
    inserted.at(access)
}

pub(crate) fn set(access: &impl Access, at: usize, value: &Value<'_>) -> Result<()> {
    let index = access.id().index;
    let slot_in = |arena: &Arena, node: &Node| Ok(Some(Raw::load(list::slot(arena, node, at as u64)?)));
    let set = node::depth_of(access.arena(), index)
        .and_then(|depth| value.check_depth(depth))
        .and_then(|()| super::assign_child(access, access.read(slot_in)?, value))
        .and_then(|published| {
            if published {
                return Ok(());
            }
            access.change_part(slot_in, |operation, node, _| {
                let slot = list::slot(operation.arena(), node, at as u64)?;
                edit::assign_part(operation, index, slot, value)
            })
        });
    set.at_part(access, Part::Index(at))
}

/// Removes the item at an index that `of` finds, and returns what `keep` makes of its slot.
fn remove_at<T>(
    access: &impl Access,
    of: impl Fn(&Node) -> u64,
    keep: impl Fn(&Arena, Raw) -> Result<T>,
    force: bool,
) -> Result<T> {
    access.change_part(
        |arena, node| Ok(Some(Raw::load(list::slot(arena, node, of(node))?))),
        |operation, node, _| {
            let index = of(node);
            let raw = Raw::load(list::slot(operation.arena(), node, index)?);
            let kept = keep(operation.arena(), raw)?;
            // Before it is unlinked, so that an error has its path.
            let retire = if force { Operation::retire_pinned } else { Operation::retire_node };
            raw.id().map_or(Ok(()), |id| retire(operation, id.index))?;
            edit::list::splice(operation, node, index, 1, &[])?;
            check_length(operation, node)?;
            Ok(kept)
        },
    )
}

/// Removes an item and returns what `keep` makes of its slot.
pub(crate) fn remove<T>(
    access: &impl Access,
    index: usize,
    keep: impl Fn(&Arena, Raw) -> Result<T>,
) -> Result<T> {
    remove_at(access, |_| index as u64, keep, false).at_part(access, Part::Index(index))
}

pub(crate) fn take(access: &impl Access, index: usize) -> Result<Value<'static>> {
    remove(access, index, slot_value)
}

pub(crate) fn delete(access: &impl Access, index: usize) -> Result<()> {
    remove(access, index, |_, _| Ok(()))
}

/// Removes an item, also one that live bindings use.
pub(crate) fn delete_forced(access: &impl Access, index: usize) -> Result<()> {
    remove_at(access, |_| index as u64, |_, _| Ok(()), true).at_part(access, Part::Index(index))
}

pub(crate) fn pop(access: &impl Access) -> Result<Option<Value<'static>>> {
    match remove_at(access, |node| list::len(node).wrapping_sub(1), slot_value, false) {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::IndexOutOfRange => Ok(None),
        Err(error) => Err(error).at(access),
    }
}

pub(crate) fn clear(access: &impl Access) -> Result<()> {
    let cleared = access.change(Mode::Tree, |operation, node| {
        operation.retire_contents(access.id().index, Kind::List)?;
        check_length(operation, node)
    });
    cleared.at(access)
}

pub(crate) fn replace<T: ToValue>(access: &impl Access, values: impl IntoIterator<Item = T>) -> Result<()> {
    splice(access, .., values)
}

pub(crate) fn splice<T: ToValue>(
    access: &impl Access,
    range: impl RangeBounds<usize>,
    values: impl IntoIterator<Item = T>,
) -> Result<()> {
    let spliced = with_values(access.arena(), values, |values| {
        access.change(Mode::Tree, |operation, node| {
            splice_in(operation, node, access.id().index, &range, values)
        })
    });
    spliced.at(access)
}

pub(crate) fn reorder(access: &impl Access, order: &[usize]) -> Result<()> {
    let reordered = access.change(Mode::Node, |operation, node| {
        let old = list::items(operation.arena(), node)?;
        let mut named = vec![false; old.len()];
        let once =
            order.iter().all(|at| named.get_mut(*at).is_some_and(|named| !std::mem::replace(named, true)));
        if !once || order.len() != named.len() {
            return Err(Error::invalid(
                "order",
                format!("{} indices", order.len()),
                format!("each index of {} items once", named.len()),
            ));
        }
        if order.is_sorted() {
            return Ok(());
        }
        edit::list::lay(
            operation,
            node,
            order.iter().filter_map(|at| old.get(*at).copied()),
            old.len() as u64,
        )
    });
    reordered.at(access)
}

/// Replaces the items at some indices, or removes them where there are fewer values than indices.
pub(crate) fn replace_at(access: &impl Access, indices: &[usize], values: &[Value<'_>]) -> Result<()> {
    let replaced = access.change(Mode::Tree, |operation, node| {
        let (arena, index) = (operation.arena(), access.id().index);
        let depth = node::depth_of(arena, index)?;
        let old = list::items(arena, node)?;
        let mut items: Vec<Option<Raw>> = old.iter().copied().map(Some).collect();
        for (nth, at) in indices.iter().enumerate() {
            let item = items.get_mut(*at).ok_or_else(|| list::out_of_range(*at as u64, old.len() as u64))?;
            let new =
                values.get(nth).map(|value| build_item(operation, index, depth, *at, value)).transpose()?;
            if let Some(old) = std::mem::replace(item, new) {
                retire(operation, old)?;
            }
        }
        edit::list::lay(operation, node, items.into_iter().flatten(), old.len() as u64)?;
        check_length(operation, node)
    });
    replaced.at(access)
}

/// Appends copies of the items until they are there `times` times.
pub(crate) fn repeat(access: &impl Access, times: usize) -> Result<()> {
    let repeated = access.change(Mode::Tree, |operation, node| {
        let (arena, index) = (operation.arena(), access.id().index);
        let old = list::items(arena, node)?;
        let Value::List(values) = node::read_value(arena, node, 0, &Extent::default())? else {
            return Ok(());
        };
        let total = (old.len() as u64).saturating_mul(times as u64);
        if total <= old.len() as u64 {
            return Ok(());
        }
        let depth = node::depth_of(arena, index)?;
        // Room for all copies is allocated before any is made, so that a huge count fails at once.
        let mut failure = None;
        let copies = (old.len()..total as usize).zip(values.iter().cycle()).map_while(|(at, value)| {
            build_item(operation, index, depth, at, value).map_err(|error| failure = Some(error)).ok()
        });
        edit::list::lay(operation, node, old.iter().copied().chain(copies), total)?;
        failure.map_or_else(|| check_length(operation, node), Err)
    });
    repeated.at(access)
}

fn retire(operation: &Operation<'_>, item: Raw) -> Result<()> {
    item.id().map_or(Ok(()), |id| operation.retire_node(id.index))
}

/// How many items room is made for before they come, whatever an iterator says.
const ANNOUNCED: usize = 4096;

/// Gathers what an iterator gives, as long as it may fit into the store.
pub(super) fn gather<T>(arena: &Arena, items: impl Iterator<Item = T>, most: u64) -> Result<Vec<T>> {
    let (least, _) = items.size_hint();
    let check = |count: usize| match count as u64 {
        count if count > most => {
            Err(list::too_many(arena, count, format!("it has room for {most} items at most")))
        }
        _ => Ok(()),
    };
    let mut gathered: Vec<T> = Vec::with_capacity(least.min(ANNOUNCED));
    for item in items {
        check(gathered.len().saturating_add(1))?;
        if let Err(error) = gathered.try_reserve(1) {
            return Err(list::too_many(arena, gathered.len() as u64, error.to_string()));
        }
        gathered.push(item);
    }
    Ok(gathered)
}

/// The values of what an iterator gives, as long as they may fit into the store.
fn with_values<T: ToValue>(
    arena: &Arena,
    items: impl IntoIterator<Item = T>,
    then: impl FnOnce(&[Value<'_>]) -> Result<()>,
) -> Result<()> {
    then(&T::to_values(&gather(arena, items.into_iter(), list::most(arena))?)?)
}

fn insert_in(
    operation: &Operation<'_>,
    node: &Node,
    index: u32,
    start: u64,
    values: &[Value<'_>],
) -> Result<()> {
    edit::list::insert(operation, node, start, &build_items(operation, index, start as usize, values)?)?;
    check_length(operation, node)
}

fn splice_in(
    operation: &Operation<'_>,
    node: &Node,
    index: u32,
    range: &impl RangeBounds<usize>,
    values: &[Value<'_>],
) -> Result<()> {
    let arena = operation.arena();
    let slots = list::slots(arena, node)?;
    let start = match range.start_bound() {
        Bound::Included(start) => *start,
        Bound::Excluded(before) => before.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(last) => last.saturating_add(1),
        Bound::Excluded(end) => *end,
        Bound::Unbounded => slots.len(),
    };
    let removed = slots.get(start..end).ok_or_else(|| {
        Error::invalid("range", format!("{start}..{end}"), format!("a range of {} items", slots.len()))
    })?;
    let new = build_items(operation, index, start, values)?;
    if !removed.is_empty() && removed.len() == slots.len() {
        // At once, which takes no room.
        operation.retire_contents(index, Kind::List)?;
        edit::list::insert(operation, node, 0, &new)?;
        return check_length(operation, node);
    }
    removed.iter().try_for_each(|slot| retire(operation, Raw::load(slot)))?;
    edit::list::splice(operation, node, start as u64, removed.len() as u64, &new)?;
    check_length(operation, node)
}

/// Replaces `count` items from an index, or from the end, and does something to each that has come, in one operation.
pub(crate) fn splice_with(
    access: &impl Access,
    index: usize,
    count: usize,
    values: &[Value<'_>],
    then: impl Fn(&Operation<'_>, &layout::Slot) -> Result<()>,
) -> Result<()> {
    let spliced = access.change(Mode::Tree, |operation, node| {
        let len = list::slots(operation.arena(), node)?.len();
        let start = if index == usize::MAX { len } else { index };
        if start.saturating_add(count) > len {
            return Err(list::out_of_range(start as u64, len as u64));
        }
        splice_in(operation, node, access.id().index, &(start..start.saturating_add(count)), values)?;
        (start..).take(values.len()).try_for_each(|at| {
            let slot = list::slot(operation.arena(), node, at as u64)?;
            then(operation, slot).map_err(|error| error.under(at))
        })
    });
    spliced.at(access)
}

/// Fails for a list that is longer or shorter now than it may be.
fn check_length(operation: &Operation<'_>, node: &Node) -> Result<()> {
    match limits_of(operation.arena(), node)? {
        Some(limits) => limits.check_length(list::len(node) as usize),
        None => Ok(()),
    }
}

/// Builds what are to be the items from `start` on.
fn build_items(
    operation: &Operation<'_>,
    index: u32,
    start: usize,
    values: &[Value<'_>],
) -> Result<Vec<Raw>> {
    let depth = node::depth_of(operation.arena(), index)?;
    // The start may be any number still.
    let item = |(at, value)| build_item(operation, index, depth, start.saturating_add(at), value);
    values.iter().enumerate().map(item).collect()
}

/// Builds what is to be the item at `at` of a list at this depth.
fn build_item(
    operation: &Operation<'_>,
    index: u32,
    depth: usize,
    at: usize,
    value: &Value<'_>,
) -> Result<Raw> {
    let built = value.check_depth(depth).and_then(|()| {
        let list = operation.arena().node(index)?;
        let Some(limits) = limits_of(operation.arena(), list)? else {
            return edit::build(operation, value, index);
        };
        limits.check_parts(value)?;
        let item = edit::build(operation, value, index)?;
        edit::limit_item(operation, list, item).map(|()| item)
    });
    built.map_err(|error| error.under(at))
}

/// The items of a copy of a list.
pub(crate) fn into_iter(value: Value<'static>) -> Result<impl Iterator<Item = Value<'static>>> {
    match value {
        Value::List(items) => Ok(items.into_iter()),
        other => Err(wrong_kind(other.kind(), "list")),
    }
}
