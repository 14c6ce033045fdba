//! Assigning values to slots that exist: scalars in their declared type, strings, bytes and arrays in place,
//! structs with declared fields by merging, everything else by replacement.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::atomic::{
    AtomicU8, AtomicU16, AtomicU32, AtomicU64 as AtomicU64Local, Ordering as LocalOrdering,
};

use super::{Aside, Writer, build, build_array, copy_array, limit, limit_item, set_contents};
use crate::arena::Arena;
use crate::arena::layout::{Node, Slot};
use crate::arena::lease::array_leases;
use crate::error::{Error, ErrorKind, Result};
use crate::journal::{Among, Operation, lent_to, refuse_pinned};
use crate::key::Key;
use crate::lock::NodeId;
use crate::node::meta::{Record, admits, limits_of};
use crate::node::{
    self, ArrayBlock, BLOCK, DECLARED, FIXED, FIXED_RANK, LENGTH, LIMITS, LIVE, OPTIONAL, OTHERWISE, RECORD,
    Raw, StreamBlock, array_flags, resolve, structure, words_of,
};
use crate::sync::{AtomicU64, Ordering, step};
use crate::value::{ArrayValue, DType, Extents, Kind, Scalar, StreamValue, Value, decode_scalar, flatten};

/// The outcome of an assignment to a slot.
pub(crate) enum Assigned {
    Done,
    /// The slot names a structure, for which the caller has to hold more than the slot's own node.
    NeedsChild(Raw),
}

/// Assigns to a field of a struct that is held tree-exclusively, creating it if it is missing.
pub(crate) fn assign_field(
    operation: &Operation<'_>,
    index: u32,
    key: &Key<'_>,
    value: &Value<'_>,
) -> Result<()> {
    let arena = operation.arena();
    let node = arena.node(index)?;
    match structure::find(arena, node, key)? {
        Some(found) => assign_slot(operation, index, &found.field.slot, value),
        None => {
            key.check()?;
            let raw = build(operation, value, index)?;
            Writer { operation, aside: false }.insert(node, key, raw)?;
            Ok(())
        }
    }
}

/// Assigns to a slot of a struct or a list that is held tree-exclusively.
pub(crate) fn assign_part(
    operation: &Operation<'_>,
    parent: u32,
    slot: &Slot,
    value: &Value<'_>,
) -> Result<()> {
    let node = operation.arena().node(parent)?;
    if node::kind_of(node)? != Kind::List {
        return assign_slot(operation, parent, slot, value);
    }
    if let Some(limits) = limits_of(operation.arena(), node)? {
        limits.check_parts(value)?;
    }
    assign_slot(operation, parent, slot, value)?;
    limit_item(operation, node, Raw::load(slot))
}

/// Assigns to a slot of a node that is held tree-exclusively, whatever limits a list has for its items.
fn assign_slot(operation: &Operation<'_>, parent: u32, slot: &Slot, value: &Value<'_>) -> Result<()> {
    let assigned = match Raw::plain(value) {
        Some(new) => assign_plain(operation, slot, new)?,
        None => {
            check_limits(operation.arena(), Raw::load(slot), value)?;
            Assigned::NeedsChild(Raw::load(slot))
        }
    };
    match assigned {
        Assigned::Done => Ok(()),
        Assigned::NeedsChild(old) if old.id().is_some() => {
            let (_, child) = resolve(operation.arena(), old)?;
            assign_node(operation, parent, slot, old, child, value)
        }
        Assigned::NeedsChild(old) => match old.declared_kind()? {
            Some(kind) if kind != value.kind() => Err(mistyped(value.kind(), kind)),
            _ => place(operation, slot, old, build(operation, value, parent)?),
        },
    }
}

/// Fails for a value outside of the limits of a slot.
fn check_limits(arena: &Arena, old: Raw, value: &Value<'_>) -> Result<()> {
    match old.meta() {
        Some(record) if old.limited() => Record::read(arena, record)?.check(value),
        _ => Ok(()),
    }
}

/// Lays something new into a slot, which stays what it was declared to be.
fn place(operation: &Operation<'_>, slot: &Slot, old: Raw, new: Raw) -> Result<()> {
    if let Some(record) = old.meta().filter(|_| old.limited()) {
        limit(operation, new, record)?;
    }
    new.in_place_of(old).set(operation, slot)
}

/// Assigns null or a scalar where the old value is no node either; the slot's node need be held node-exclusively only.
pub(crate) fn assign_plain(operation: &Operation<'_>, slot: &Slot, new: Raw) -> Result<Assigned> {
    let old = Raw::load(slot);
    if old.id().is_some() {
        return Ok(Assigned::NeedsChild(old));
    }
    let new = match (old.declared_kind()?, decode_scalar(new.kind()?, new.payload)?) {
        (None, _) => new,
        (Some(_), None) if old.optional() => new,
        (Some(kind), Some(scalar)) if !kind.is_node() => {
            Raw { tag: kind as u64, payload: scalar.to_kind(kind)?.payload() }
        }
        (Some(kind), _) => return Err(mistyped(new.kind()?, kind)),
    };
    if old.limited() {
        admits(operation.arena(), old, new)?;
    }
    new.in_place_of(old).set(operation, slot)?;
    Ok(Assigned::Done)
}

fn mistyped(found: Kind, expected: Kind) -> Error {
    Error::wrong_type(found.name(), expected.name())
}

fn assign_node(
    operation: &Operation<'_>,
    parent: u32,
    slot: &Slot,
    old: Raw,
    child: &Node,
    value: &Value<'_>,
) -> Result<()> {
    let kind = old.kind()?;
    let fixed = child.head.identity.load(Ordering::Relaxed) & FIXED != 0;
    match (kind, value) {
        (_, Value::Null) if old.optional() => replace(operation, slot, old, Raw::NULL),
        (Kind::Str, Value::Str(_)) | (Kind::Bytes, Value::Bytes(_)) => set_contents(operation, child, value),
        (Kind::Array, _) => match (FixedType::of(operation.arena(), child)?, value) {
            (Some(fixed), _) => {
                let array = fit_array(value, &fixed)?;
                match fixed.live {
                    true => overwrite(operation, child, &array, true),
                    false => publish_array(operation, child, &array, build_array(operation, &array)?),
                }
            }
            (None, Value::Array(array)) => {
                publish_array(operation, child, array, build_array(operation, array)?)
            }
            (None, _) if old.declared() => Err(mistyped(value.kind(), kind)),
            (None, _) => replace_by(operation, parent, slot, value),
        },
        (Kind::Stream, Value::Stream(stream)) if is_stream_like(operation.arena(), child, stream)? => Ok(()),
        (Kind::Struct, Value::Struct(fields)) if fixed => merge(operation, old.payload as u32, fields),
        (Kind::List, Value::List(_)) | (Kind::Struct, Value::Struct(_)) if old.declared() => {
            // The node stays, so that bindings keep what they resolved; its contents go.
            if matches!(value, Value::List(items) if items.is_empty())
                || matches!(value, Value::Struct(fields) if fields.is_empty())
            {
                return operation.retire_contents(old.payload as u32, kind);
            }
            let new = build(operation, value, parent)?;
            if let Some(record) = old.meta().filter(|_| old.limited()) {
                limit(operation, new, record)?;
            }
            adopt_contents(operation, kind, old.payload as u32, new)
        }
        _ if old.declared() => Err(mistyped(value.kind(), kind)),
        _ if fixed => Err(Error::declared(kind.name(), "replaced by another kind of value")),
        _ => replace_by(operation, parent, slot, value),
    }
}

/// Whether a stream is of this type and depth, so that assigning it again changes nothing.
fn is_stream_like(arena: &Arena, node: &Node, stream: &StreamValue<'_>) -> Result<bool> {
    let found = StreamBlock::read(arena, node.body[BLOCK].load(Ordering::Relaxed))?;
    let (sample, depth) = (&found.sample, found.depth);
    Ok((&sample.dtype, sample.shape.as_slice(), depth) == (stream.dtype(), stream.shape(), stream.depth()))
}

/// Replaces whatever a slot holds by a new value, and has what it named freed.
pub(crate) fn replace_by(
    operation: &Operation<'_>,
    parent: u32,
    slot: &Slot,
    value: &Value<'_>,
) -> Result<()> {
    replace(operation, slot, Raw::load(slot), build(operation, value, parent)?)
}

fn replace(operation: &Operation<'_>, slot: &Slot, old: Raw, new: Raw) -> Result<()> {
    if let Some(id) = old.id() {
        operation.retire_node(id.index)?;
    }
    place(operation, slot, old, new)
}

/// Gives an array node another block. It is held exclusively, in either mode.
pub(crate) fn replace_block(operation: &Operation<'_>, node: &Node, aside: Aside) -> Result<()> {
    operation.retire_block(node.body[BLOCK].load(Ordering::Relaxed))?;
    operation.set(&node.body[BLOCK], aside.block)?;
    operation.set(&node.body[LENGTH], aside.length)
}

/// Gives an array that is held exclusively a block that no view shares, a copy of its own if need be.
pub(crate) fn unshare(operation: &Operation<'_>, node: &Node) -> Result<()> {
    let block = node.body[BLOCK].load(Ordering::Relaxed);
    match array_leases(operation.arena(), block)?.load(Ordering::Acquire) {
        0 => Ok(()),
        _ => replace_block(operation, node, copy_array(operation, block)?),
    }
}

/// Gives an array that is held exclusively another block, which was made of a value. Where that is live, the array becomes so.
pub(crate) fn publish_array(
    operation: &Operation<'_>,
    node: &Node,
    array: &ArrayValue<'_>,
    aside: Aside,
) -> Result<()> {
    replace_block(operation, node, aside)?;
    if array.is_live() { fix(operation, node, LIVE) } else { Ok(()) }
}

/// Changes the elements of a live array in place, which is held exclusively and has the type and shape of the value. What is not logged
/// cannot be undone, so that it has to be all that the operation does.
pub(crate) fn overwrite(
    operation: &Operation<'_>,
    node: &Node,
    array: &ArrayValue<'_>,
    logged: bool,
) -> Result<()> {
    let (arena, block) = (operation.arena(), node.body[BLOCK].load(Ordering::Relaxed));
    let (found, data) = (ArrayBlock::read(arena, block)?, array.data());
    if found.dtype != *array.dtype() || found.shape != array.shape() {
        let found = format_args!("{}{:?}", found.dtype, found.shape).to_string();
        return Err(Error::corrupt("a live array", found, "the type and shape that it had before"));
    }
    if !logged {
        let target = found.elements(arena, block)?;
        step();
        // SAFETY: the target is in bounds (checked) and has as many bytes as the value, by its type and shape. What the value borrows
        // may be another part of the store, or the same.
        unsafe { std::ptr::copy(data.as_ptr(), target, data.len()) };
        return Ok(());
    }
    let words = arena.words(block.saturating_add(found.data), found.bytes.div_ceil(8))?;
    for (word, new) in words.iter().zip(words_of(data)) {
        if word.load(Ordering::Relaxed) != new {
            operation.set(word, new)?;
        }
    }
    Ok(())
}

/// Changes one number of an array that is held exclusively, by one store of its size: views may write to those beside it. `logged`: so that
/// it can be undone, with the word that it lies in.
pub(crate) fn set_element(
    operation: &Operation<'_>,
    node: &Node,
    indices: &[usize],
    number: Scalar,
    logged: bool,
) -> Result<()> {
    let (arena, block) = (operation.arena(), node.body[BLOCK].load(Ordering::Relaxed));
    let found = ArrayBlock::read(arena, block)?;
    let kind = found.dtype.number();
    let kind = kind.ok_or_else(|| Error::wrong_type(format!("an element of {}", found.dtype), "a number"))?;
    let payload = number.to_kind(kind)?.payload();
    let at = block.saturating_add(found.data).saturating_add(found.offset(indices)?);
    let target = arena.bytes(at, found.dtype.itemsize() as u64)?;
    if logged {
        operation.note(arena.at::<AtomicU64>(at & !7)?)?;
    }
    step();
    // SAFETY: in bounds (checked). The head of the block is at a multiple of 8 (checked where it was read), so that the elements are, too, and a
    // number of up to 8 bytes is aligned to its own size. Others access it atomically, or through NumPy.
    unsafe {
        match found.dtype.itemsize() {
            1 => AtomicU8::from_ptr(target).store(payload as u8, LocalOrdering::Release),
            2 => AtomicU16::from_ptr(target.cast()).store(payload as u16, LocalOrdering::Release),
            4 => AtomicU32::from_ptr(target.cast()).store(payload as u32, LocalOrdering::Release),
            _ => AtomicU64Local::from_ptr(target.cast()).store(payload, LocalOrdering::Release),
        }
    }
    Ok(())
}

/// Takes note of all elements of an array, which are to be lent in a transaction.
pub(crate) fn note_elements(operation: &Operation<'_>, node: &Node) -> Result<()> {
    let (arena, block) = (operation.arena(), node.body[BLOCK].load(Ordering::Relaxed));
    let found = ArrayBlock::read(arena, block)?;
    let words = arena.words(block.saturating_add(found.data), found.bytes.div_ceil(8))?;
    words.iter().try_for_each(|word| operation.note(word))
}

/// Swaps the contents of two lists or structs, one of them new and seen by no other thread, and retires that one.
fn adopt_contents(operation: &Operation<'_>, kind: Kind, old: u32, new: Raw) -> Result<()> {
    let arena = operation.arena();
    refuse_pinned(arena, old, Among::Contents)?;
    let (new_id, new_node) = resolve(arena, new)?;
    let old_node = arena.node(old)?;
    for (index, node) in [(old, new_node), (new_id.index, old_node)] {
        for id in children(arena, node, kind)? {
            operation.set(&arena.node(id.index)?.head.parent, u64::from(index) + 1)?;
        }
    }
    for (at, (ours, theirs)) in old_node.body.iter().zip(&new_node.body).enumerate() {
        let own = if kind == Kind::List { LIMITS } else { structure::VERSIONS };
        if at == own {
            continue;
        }
        let (our_word, their_word) = (ours.load(Ordering::Relaxed), theirs.load(Ordering::Relaxed));
        operation.set(ours, their_word)?;
        operation.set(theirs, our_word)?;
    }
    operation.retire_pinned(new_id.index)
}

/// The nodes that a list or a struct names.
fn children(arena: &Arena, node: &Node, kind: Kind) -> Result<Vec<NodeId>> {
    Ok(match kind {
        Kind::List => node::list::items(arena, node)?.into_iter().filter_map(Raw::id).collect(),
        _ => structure::fields(arena, node)
            .filter_map(|found| found.map(|found| Raw::load(&found.field.slot).id()).transpose())
            .collect::<Result<_>>()?,
    })
}

/// Assigns the fields of a struct value, each of another name.
fn merge(operation: &Operation<'_>, index: u32, fields: &[(Cow<'_, str>, Value<'_>)]) -> Result<()> {
    let mut seen = HashSet::new();
    match fields.iter().find(|(name, _)| !seen.insert(name)) {
        Some((name, _)) => Err(Error::new(ErrorKind::AlreadyExists).under(name)),
        None => assign_fields(operation, index, fields.iter().map(|(name, value)| (Key::new(name), value))),
    }
}

/// Assigns fields of a struct one by one; all of them or, after an error and a rollback, none.
pub(crate) fn assign_fields<'v>(
    operation: &Operation<'_>,
    index: u32,
    fields: impl Iterator<Item = (Key<'v>, &'v Value<'v>)> + Clone,
) -> Result<()> {
    let node = operation.arena().node(index)?;
    // At once, so that the index is rebuilt no more than once in this operation.
    Writer { operation, aside: false }.reserve_missing(node, fields.clone().map(|(key, _)| key))?;
    for (key, value) in fields {
        assign_field(operation, index, &key, value).map_err(|error| error.under(key.name()))?;
    }
    Ok(())
}

/// Replaces everything in a struct that is held tree-exclusively. Declared fields stay, and take new values.
pub(crate) fn assign_root(operation: &Operation<'_>, index: u32, value: &Value<'_>) -> Result<()> {
    let Value::Struct(fields) = value else {
        return Err(mistyped(value.kind(), Kind::Struct));
    };
    let arena = operation.arena();
    let node = arena.node(index)?;
    let new: HashMap<&str, &Value<'_>> = fields.iter().map(|(name, value)| (&**name, value)).collect();
    let (mut stale, mut all) = (Vec::new(), true);
    for found in structure::fields(arena, node) {
        let field = found?.field;
        let (name, raw) = (structure::name(arena, field)?, Raw::load(&field.slot));
        if raw.declared() || new.get(&*name).is_some_and(|value| stays(arena, raw, value)) {
            all = false;
        } else {
            stale.push((name, raw));
        }
    }
    if all && !stale.is_empty() {
        // At once, which takes no room.
        operation.retire_contents(index, Kind::Struct)?;
        stale.clear();
    }
    for (name, raw) in stale {
        if let Some(id) = raw.id() {
            operation.retire_node(id.index)?;
        }
        Writer { operation, aside: false }.remove(node, &Key::new(&name))?;
    }
    merge(operation, index, fields)
}

/// Whether what a slot holds stays where it is while it takes a value: not a live array of another type or shape.
fn stays(arena: &Arena, raw: Raw, value: &Value<'_>) -> bool {
    if !matches!(raw.kind(), Ok(Kind::Array)) {
        return true;
    }
    let fixed = resolve(arena, raw).and_then(|(_, node)| FixedType::of(arena, node));
    match fixed {
        Ok(Some(fixed)) if fixed.live => convert_array(value, &fixed).is_ok(),
        _ => true,
    }
}

/// What is fixed of an array: by a binding, or because it is live.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FixedType {
    pub(crate) dtype: DType,
    /// An extent of `None` is free.
    pub(crate) shape: Vec<Option<usize>>,
    pub(crate) live: bool,
}

impl FixedType {
    /// What is fixed of an array, if anything is.
    pub(crate) fn of(arena: &Arena, node: &Node) -> Result<Option<FixedType>> {
        let flags = array_flags(node);
        if flags == 0 {
            return Ok(None);
        }
        let block = ArrayBlock::read(arena, node.body[BLOCK].load(Ordering::Relaxed))?;
        let extent = |extent| (flags != FIXED_RANK).then_some(extent);
        Ok(Some(FixedType {
            dtype: block.dtype,
            shape: block.shape.into_iter().map(extent).collect(),
            live: flags & LIVE != 0,
        }))
    }

    pub(crate) fn is_of(&self, block: &ArrayBlock) -> bool {
        self.dtype == block.dtype && self.admits(&block.shape)
    }

    /// Whether an array of this type is the start of one of that shape, which is longer.
    pub(crate) fn is_start_of(&self, shape: &[usize]) -> bool {
        match (self.shape.split_first(), shape.split_first()) {
            (Some((Some(own), inner)), Some((found, rest))) => {
                own < found && inner.iter().copied().eq(rest.iter().copied().map(Some))
            }
            _ => false,
        }
    }

    pub(crate) fn admits(&self, shape: &[usize]) -> bool {
        self.shape.len() == shape.len()
            && self.shape.iter().zip(shape).all(|(fixed, found)| fixed.is_none_or(|fixed| fixed == *found))
    }
}

/// `f64[2, _]`, where a length is free.
impl fmt::Display for FixedType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let live = if self.live { "live " } else { "" };
        write!(f, "{live}{}[{}]", self.dtype, Extents(&self.shape))
    }
}

/// A value that is assigned to an array of fixed type. One that is to be live cannot be where the array is not.
pub(crate) fn fit_array<'v>(value: &'v Value<'_>, fixed: &FixedType) -> Result<ArrayValue<'v>> {
    match value {
        Value::Array(array) if array.is_live() && !fixed.live => {
            let found = format!("live {}{:?}", array.dtype(), array.shape());
            Err(Error::wrong_type(found, fixed.to_string()))
        }
        _ => convert_array(value, fixed),
    }
}

/// A value as an array of fixed type: an array of a shape that it admits, or nested lists of numbers.
pub(crate) fn convert_array<'v>(value: &'v Value<'_>, fixed: &FixedType) -> Result<ArrayValue<'v>> {
    let dtype = &fixed.dtype;
    let advice = if fixed.live { "; remove it first" } else { "" };
    let wrong = |found: String| Error::wrong_type(found, format!("{fixed}{advice}"));
    let (found_shape, numbers) = match value {
        Value::Array(array) if array.dtype() == dtype && fixed.admits(array.shape()) => {
            return Ok(array.borrowed());
        }
        Value::Array(array) => {
            let found = format!("{}{:?}", array.dtype(), array.shape());
            (array.shape().to_vec(), array.numbers().ok_or_else(|| wrong(found))?)
        }
        Value::List(_) => {
            let (mut found, mut numbers) = (Vec::new(), Vec::new());
            flatten(value, 0, &mut found, &mut numbers)?;
            (found, numbers)
        }
        other => return Err(wrong(other.kind().name().to_owned())),
    };
    if !fixed.admits(&found_shape) {
        return Err(wrong(match value {
            Value::Array(array) => format!("{}{found_shape:?}", array.dtype()),
            _ => format!("numbers of the shape {found_shape:?}"),
        }));
    }
    ArrayValue::from_numbers(dtype, &found_shape, &numbers)
}

/// A list of numbers, or an array of a narrower type, as an array of fixed type, if that keeps every value. One that may grow is completed by the
/// default.
pub(crate) fn widen_to_array<'v>(
    value: &'v Value<'_>,
    fixed: &FixedType,
    default: Option<&Value<'_>>,
) -> Option<ArrayValue<'v>> {
    let Value::Array(array) = value else { return convert_array(value, fixed).ok() };
    let (found, wanted) = (array.dtype().number(), fixed.dtype.number());
    let wider = array.dtype() == &fixed.dtype || found?.widens_to(wanted?);
    if !wider || fixed.admits(array.shape()) && array.dtype() == &fixed.dtype {
        return None;
    }
    if fixed.admits(array.shape()) {
        return convert_array(value, fixed).ok();
    }
    let Some(Value::Array(default)) = default else { return None };
    let own = FixedType { shape: array.shape().iter().copied().map(Some).collect(), ..fixed.clone() };
    if !own.is_start_of(default.shape()) || default.dtype() != &fixed.dtype {
        return None;
    }
    let start = convert_array(value, &own).ok()?;
    let mut data = start.data().to_vec();
    data.extend_from_slice(default.data().get(data.len()..)?);
    ArrayValue::new(fixed.dtype.clone(), default.shape(), data).ok()
}

/// Marks a slot as declared: it holds a value of this kind or, if it is optional, null. Fails if it is declared otherwise, and lent for good.
pub(crate) fn declare(operation: &Operation<'_>, slot: &Slot, kind: Kind, optional: bool) -> Result<()> {
    let otherwise = if optional { OPTIONAL | (kind as u64) << OTHERWISE } else { 0 };
    let tag = slot.tag.load(Ordering::Relaxed);
    let declared = tag & (0xff | RECORD) | DECLARED | otherwise;
    if tag != declared {
        if tag & DECLARED != 0
            && let Some(holder) = lent_to(operation.arena(), slot)?
        {
            return Err(Error::bound(holder, RETYPED));
        }
        operation.set(&slot.tag, declared)?;
    }
    Ok(())
}

/// Gives a slot a number of another kind. Fails if it is lent for good.
pub(crate) fn retype(operation: &Operation<'_>, slot: &Slot, scalar: Scalar, kind: Kind) -> Result<()> {
    let old = Raw::load(slot);
    if old.kind()? != kind
        && old.declared()
        && let Some(holder) = lent_to(operation.arena(), slot)?
    {
        return Err(Error::bound(holder, RETYPED));
    }
    Raw { tag: kind as u64, payload: scalar.to_kind(kind)?.payload() }.in_place_of(old).set(operation, slot)
}

const RETYPED: &str = "given another type: it is lent as plain memory";

/// Marks a node as one whose declared fields or fixed type outlast assignments: [`FIXED`], [`FIXED_RANK`] or [`LIVE`].
pub(crate) fn fix(operation: &Operation<'_>, node: &Node, what: u64) -> Result<()> {
    let identity = node.head.identity.load(Ordering::Relaxed);
    if identity & what == 0 {
        operation.set(&node.head.identity, identity | what)?;
    }
    Ok(())
}

/// Takes the mark off a struct that has no declared fields any more.
pub(crate) fn unfix(operation: &Operation<'_>, node: &Node) -> Result<()> {
    for found in structure::fields(operation.arena(), node) {
        if Raw::load(&found?.field.slot).declared() {
            return Ok(());
        }
    }
    operation.set(&node.head.identity, node.head.identity.load(Ordering::Relaxed) & !FIXED)
}

/// Makes a new and empty struct of one that is held tree-exclusively: nothing is declared, and handles to the old one are
/// stale. The record stays, for there may be no room for another one; so do its marks of deaths, until this is committed.
pub(crate) fn renew(operation: &Operation<'_>, id: NodeId) -> Result<NodeId> {
    let node = operation.arena().node(id.index)?;
    operation.retire_pinned_contents(id.index, Kind::Struct)?;
    let generation = id.generation.wrapping_add(1).max(1);
    operation.set(&node.head.identity, u64::from(generation) << 32 | Kind::Struct as u64)?;
    Ok(NodeId { index: id.index, generation })
}
