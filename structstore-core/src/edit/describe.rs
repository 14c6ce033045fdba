//! Declaring metadata of a field: its limits, texts and other names.

use std::borrow::Cow;

use super::assign::{declare, fix, replace_block, unshare};
use super::build::copy_array;
use super::structure::Writer;
use crate::arena::layout::{Field, Node, Slot};
use crate::arena::{Arena, BlockKind};
use crate::error::{Error, ErrorKind, Path, Result, Step};
use crate::journal::{Among, Operation, pinned_by};
use crate::key::Key;
use crate::node::meta::{BETWEEN, Class, Draft, PART, Record, aliases, class_in, limits_of, live};
use crate::node::{
    ArrayBlock, BLOCK, FIXED, LIMITED, LIMITS, LIVE, META, RECORD, Raw, array_flags, kind_of, list, resolve,
    slot_value, structure,
};
use crate::sync::Ordering;
use crate::value::{Kind, Meta, Value, deeper};

/// The struct that has a field, and what its slot was before this operation.
pub(crate) type Before = (u32, Raw);

/// Declares a field, and gives it metadata. The struct is held tree-exclusively.
pub(crate) fn declare_meta(operation: &Operation<'_>, owner: u32, slot: &Slot, meta: &Meta) -> Result<()> {
    let raw = Raw::load(slot);
    if meta.is_empty() && raw.meta().is_none() {
        return Ok(());
    }
    if !raw.declared() {
        if raw.kind()? == Kind::Null {
            return Err(Error::wrong_type("null", "a value that gives the field its type"));
        }
        fix(operation, operation.arena().node(owner)?, FIXED)?;
        declare(operation, slot, raw.kind()?, false)?;
    }
    describe(operation, (owner, raw), slot, meta)
}

/// Gives metadata to fields below a struct that is held tree-exclusively, unless they have some.
pub(crate) fn describe_below(operation: &Operation<'_>, owner: u32, metas: &[(Path, Meta)]) -> Result<()> {
    metas.iter().try_for_each(|(path, meta)| {
        let described = find_below(operation.arena(), owner, path.steps()).and_then(|found| match found {
            Some((owner, slot)) if Raw::load(slot).meta().is_none() => {
                declare_meta(operation, owner, slot, meta)
            }
            _ => Ok(()),
        });
        described.map_err(|error| if error.is_located() { error } else { error.below(path.clone()) })
    })
}

/// The struct that has the field at the end of a path, and its slot, if there is one.
fn find_below<'a>(arena: &'a Arena, owner: u32, steps: &[Step]) -> Result<Option<(u32, &'a Slot)>> {
    Ok(walk(arena, owner, steps)?.and_then(|(owner, slot, named)| named.then_some((owner, slot))))
}

/// The node that a path leads to, if there is one.
pub(super) fn node_below(arena: &Arena, owner: u32, steps: &[Step]) -> Result<Option<u32>> {
    let found = walk(arena, owner, steps)?;
    Ok(found.and_then(|(_, slot, _)| Raw::load(slot).id()).map(|id| id.index))
}

/// The node that has the slot at the end of a path, the slot, and whether it is a field.
fn walk<'a>(arena: &'a Arena, owner: u32, steps: &[Step]) -> Result<Option<(u32, &'a Slot, bool)>> {
    let (mut at, mut found) = (Some(owner), None);
    for step in steps {
        let Some(index) = at else { return Ok(None) };
        let node = arena.node(index)?;
        let slot = match (kind_of(node)?, step) {
            (Kind::Struct, Step::Name(name)) => {
                structure::find(arena, node, &Key::new(name))?.map(|found| &found.field.slot)
            }
            (Kind::List, Step::Index(item)) if (*item as u64) < list::len(node) => {
                Some(list::slot(arena, node, *item as u64)?)
            }
            _ => None,
        };
        let Some(slot) = slot else { return Ok(None) };
        found = Some((index, slot, matches!(step, Step::Name(_))));
        at = Raw::load(slot).id().map(|id| id.index);
    }
    Ok(found)
}

/// Gives a declared field other metadata; empty metadata removes the record. The struct is held tree-exclusively. Fails if the field's value
/// is outside of the limits.
pub(crate) fn describe(
    operation: &Operation<'_>,
    (owner, was): Before,
    slot: &Slot,
    meta: &Meta,
) -> Result<()> {
    let (arena, raw) = (operation.arena(), Raw::load(slot));
    let kind = raw.declared_kind()?.unwrap_or(raw.kind()?);
    applies(kind, meta)?;
    let named = (!meta.aliases.is_empty()).then(|| without_own_name(arena, slot, meta)).transpose()?;
    let meta = named.as_ref().unwrap_or(meta);
    if meta.is_empty() {
        return forget(operation, owner, slot);
    }
    if let Some(default) = &meta.default {
        check_default(kind, raw.optional(), default)?;
    }
    let class = class_in(arena, kind, raw)?;
    if class == Class::None && kind.is_number() {
        return Err(Error::corrupt("a slot", raw.tag, "a number"));
    }
    let draft = Draft::of(meta, class, meta.default.as_ref())?;
    if let Some(place) = raw.meta()
        && draft.is_at(arena, place)?
    {
        return Ok(());
    }
    if draft.limits() {
        let record = draft.record();
        if let Some(default) = &meta.default {
            record.check(default).map_err(|error| {
                let found = format!("the default {}", error.found().unwrap_or_default());
                Error::outside(found, error.expected().unwrap_or_default().to_owned())
            })?;
        }
        record.check(&slot_value(arena, raw)?)?;
        let lent = kind == Kind::Array || kind.is_number() && !raw.optional();
        if lent
            && was.declared()
            && !raw.limited()
            && record.limits_parts()
            && let Some((_, holder)) = pinned_by(arena, owner, Among::Above)?
        {
            // It has the field lent as plain memory, and could not lock the struct to change it any more.
            return Err(Error::bound(holder, "given limits now: it may be lent without a check"));
        }
    }
    rename(operation, owner, slot, &meta.aliases)?;
    let place = operation.allocate(draft.length(), BlockKind::Meta)?;
    draft.write(arena.words(place, draft.length() / 8)?);
    replace(operation, slot, raw, place, draft.limits())
}

/// Removes a field's metadata record, if it has one, and with it limits and aliases.
pub(super) fn forget(operation: &Operation<'_>, owner: u32, slot: &Slot) -> Result<()> {
    let raw = Raw::load(slot);
    match raw.meta() {
        Some(_) => {
            rename(operation, owner, slot, &[])?;
            replace(operation, slot, raw, 0, false)
        }
        None => Ok(()),
    }
}

/// Metadata whose aliases are other names than the field's own, each once.
fn without_own_name(arena: &Arena, slot: &Slot, meta: &Meta) -> Result<Meta> {
    let own = structure::name(arena, field_of(arena, slot)?.1)?;
    let mut meta = meta.clone();
    let mut left: Vec<Cow<'static, str>> = Vec::new();
    for alias in std::mem::take(&mut meta.aliases) {
        if alias.contains(BETWEEN) {
            return Err(Error::invalid("alias", format!("{alias:?}"), "a name without zero bytes"));
        }
        Key::new(&alias).check()?;
        if alias != own && !left.contains(&alias) {
            left.push(alias);
        }
    }
    meta.aliases = left;
    Ok(meta)
}

/// The field whose slot this is, and where it is.
fn field_of<'a>(arena: &'a Arena, slot: &Slot) -> Result<(u64, &'a Field)> {
    let offset = arena.segment().offset_of(&slot.tag);
    Ok((offset, arena.at::<Field>(offset)?))
}

/// Makes a field found under these names besides its own, and no others. Its record still has the former ones.
fn rename(operation: &Operation<'_>, owner: u32, slot: &Slot, names: &[Cow<'static, str>]) -> Result<()> {
    let (arena, writer) = (operation.arena(), Writer { operation, aside: false });
    let former = Raw::load(slot).meta().map_or(Ok(Vec::new()), |place| aliases(arena, place))?;
    if former.is_empty() && names.is_empty() {
        return Ok(());
    }
    let (node, (offset, _)) = (arena.node(owner)?, field_of(arena, slot)?);
    if kind_of(node)? != Kind::Struct {
        return Err(Error::invalid("alias", "an item of a list", "a field of a struct"));
    }
    let added: Vec<&Cow<'_, str>> =
        names.iter().filter(|name| !former.iter().any(|old| old == *name)).collect();
    for name in &added {
        if structure::find(arena, node, &Key::new(name))?.is_some() {
            return Err(Error::new(ErrorKind::AlreadyExists).finding(name.to_string()));
        }
    }
    // First, for an index that is rebuilt has the names that the record has.
    writer.reserve_entries(node, added.len() as u64)?;
    for name in former.iter().filter(|old| !names.iter().any(|name| name == *old)) {
        writer.remove_alias(node, offset, &Key::new(name))?;
    }
    added.into_iter().try_for_each(|name| writer.add_alias(node, offset, &Key::new(name)))
}

/// As [`describe`], for a type and its default for the field. Keeps the declared limits if the type has none, and likewise each text; keeps
/// aliases, and choices beside those of the type.
pub(crate) fn describe_by(
    operation: &Operation<'_>,
    before: Before,
    slot: &Slot,
    mut meta: Meta,
    default: Option<&Value<'_>>,
) -> Result<()> {
    let (arena, raw) = (operation.arena(), Raw::load(slot));
    let default = match &meta.default {
        None => default.filter(|default| is_short(default)),
        own => own.as_ref(),
    };
    let mut known = Meta::new();
    if let Some(place) = raw.meta() {
        let kind = raw.declared_kind()?.unwrap_or(raw.kind()?);
        if Draft::of(&meta, class_in(arena, kind, raw)?, default)?.is_at(arena, place)? {
            return Ok(());
        }
        known = Record::read(arena, place)?.meta()?;
    }
    meta.default = default.map(|default| default.clone().into_owned());
    if !meta.choices.is_empty() {
        // Those of another version of the program, which may run beside this one.
        let others = known.choices.iter().filter(|choice| !meta.choices.contains(choice)).cloned();
        meta.choices.extend(others.collect::<Vec<_>>());
    }
    describe(operation, before, slot, &meta.or(known))
}

/// Whether a default is kept, so that a field can be reset to it.
fn is_short(default: &Value<'_>) -> bool {
    match default {
        Value::Null | Value::Scalar(_) => true,
        Value::Str(text) => text.len() <= SHORT,
        Value::Bytes(bytes) => bytes.len() <= SHORT,
        Value::Array(array) => array.data().len() <= SHORT,
        Value::List(items) => items.is_empty(),
        Value::Struct(_) | Value::Stream(_) => false,
    }
}

/// The longest default that is kept, in bytes.
const SHORT: usize = 1024;

/// Makes the record at `place` that of a slot.
fn replace(operation: &Operation<'_>, slot: &Slot, raw: Raw, place: u64, limited: bool) -> Result<()> {
    let found = place / crate::arena::block::UNIT;
    if found << META >> META != found {
        return Err(Error::out_of_space("the segment", 0, "records have to lie within its first 64 TiB"));
    }
    if let Some(old) = raw.meta() {
        operation.retire_block(old)?;
    }
    let limits = if limited { LIMITED } else { 0 };
    operation.set(&slot.tag, raw.tag & !RECORD | found << META | limits)?;
    limit(operation, raw, if limited { place } else { 0 })
}

/// Stores the place of a record, or 0, in the node that a slot names and, for a list, in everything in it.
pub(crate) fn limit(operation: &Operation<'_>, raw: Raw, limits: u64) -> Result<()> {
    let parts = match limits {
        0 => 0,
        place if Record::read(operation.arena(), place)?.limits_parts() => place | PART,
        _ => 0,
    };
    limit_at(operation, raw, limits, parts, 0)
}

fn limit_at(operation: &Operation<'_>, raw: Raw, limits: u64, parts: u64, depth: usize) -> Result<()> {
    let kind = raw.kind()?;
    if !kind.is_node() || kind == Kind::Struct {
        return Ok(());
    }
    let (arena, depth) = (operation.arena(), deeper(depth)?);
    let (_, node) = resolve(arena, raw)?;
    let changed = node.body[LIMITS].load(Ordering::Relaxed) != limits;
    if changed {
        operation.set(&node.body[LIMITS], limits)?;
    }
    match kind {
        Kind::Array if array_flags(node) & LIVE != 0 => {
            if parts == 0 {
                Ok(())
            } else {
                Err(live())
            }
        }
        // Views that are there keep the block that they were taken of, also those of whoever filled the array in place. One that a
        // transaction undoes comes back as it was.
        Kind::Array if changed && arena.transaction().is_some() => {
            replace_block(operation, node, copy_array(operation, node.body[BLOCK].load(Ordering::Relaxed))?)
        }
        Kind::Array if parts != 0 => unshare(operation, node),
        Kind::List => list::slots(arena, node)?
            .iter()
            .try_for_each(|item| limit_at(operation, Raw::load(item), parts, parts, depth)),
        _ => Ok(()),
    }
}

/// Fails for an array that is longer or shorter now than it may be.
pub(crate) fn check_extent(operation: &Operation<'_>, node: &Node) -> Result<()> {
    match limits_of(operation.arena(), node)? {
        Some(limits) => {
            let block = ArrayBlock::read(operation.arena(), node.body[BLOCK].load(Ordering::Relaxed))?;
            limits.check_length(block.shape.first().copied().unwrap_or(1))
        }
        None => Ok(()),
    }
}

/// Stores the record of a limited list in an item.
pub(crate) fn limit_item(operation: &Operation<'_>, list: &Node, item: Raw) -> Result<()> {
    match list.body[LIMITS].load(Ordering::Relaxed) {
        0 => Ok(()),
        limits if Record::read(operation.arena(), limits)?.limits_parts() => {
            limit(operation, item, limits | PART)
        }
        _ => Ok(()),
    }
}

/// Fails for a default that could not be assigned.
fn check_default(kind: Kind, optional: bool, default: &Value<'_>) -> Result<()> {
    let fits = match default {
        Value::Null => optional,
        Value::Scalar(scalar) => scalar.to_kind(kind).is_ok(),
        Value::List(_) => matches!(kind, Kind::List | Kind::Array),
        other => other.kind() == kind || other.kind() == Kind::Array && kind == Kind::List,
    };
    match fits {
        true => Ok(()),
        false => {
            Err(Error::invalid("default", default.to_string(), format!("a value for a field of kind {kind}")))
        }
    }
}

/// Fails for limits that no value of a kind could break.
fn applies(kind: Kind, meta: &Meta) -> Result<()> {
    let container = matches!(kind, Kind::List | Kind::Array);
    let wrong =
        |argument, expected| Err(Error::invalid(argument, format!("a field of kind {kind}"), expected));
    if meta.limits_numbers() && !kind.is_number() && !container {
        return wrong("range", "a number, an array of numbers or a list");
    }
    let has_choices = matches!(kind, Kind::Str | Kind::List)
        || kind.is_number() && !matches!(kind, Kind::F32 | Kind::F64) && meta.choices_are_integers();
    if !has_choices && !meta.choices.is_empty() {
        return wrong("choices", "a string, a list, or integers for a number");
    }
    if meta.limits_length() && !matches!(kind, Kind::Str | Kind::Bytes) && !container {
        return wrong("len", "a string, bytes, a list or an array");
    }
    Ok(())
}
