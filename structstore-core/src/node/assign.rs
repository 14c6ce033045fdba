//! Assigning values to slots that exist: scalars in their declared type, texts, bytes and arrays in place,
//! structs with declared fields by merging, everything else by replacement.

use super::structure::{self, Writer};
use super::{Aside, BLOCK, DECLARED, FIXED, LENGTH, Raw, build, build_block, list, resolve};
use crate::arena::layout::{Node, Slot};
use crate::error::{BoxedResult as Result, Error};
use crate::journal::Operation;
use crate::key::Key;
use crate::sync::Ordering;
use crate::value::{ArrayBlock, ArrayValue, DType, Kind, Scalar, Value, convert, decode_scalar};

/// What became of an assignment to a slot.
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

/// Assigns to a slot of a node that is held tree-exclusively.
pub(crate) fn assign_slot(
    operation: &Operation<'_>,
    parent: u32,
    slot: &Slot,
    value: &Value<'_>,
) -> Result<()> {
    let assigned = match Raw::plain(value) {
        Some(new) => assign_plain(operation, slot, new)?,
        None => Assigned::NeedsChild(Raw::load(slot)),
    };
    match assigned {
        Assigned::Done => Ok(()),
        Assigned::NeedsChild(old) if old.id().is_some() => {
            let (_, child) = resolve(operation.arena(), old)?;
            assign_node(operation, parent, slot, old, child, value)
        }
        Assigned::NeedsChild(old) if old.declared() => Err(mistyped(value.kind(), old.kind()?)),
        Assigned::NeedsChild(_) => build(operation, value, parent)?.set(operation, slot),
    }
}

/// Assigns null or a scalar where the old value is no node either; the slot's node need be held node-exclusively only.
pub(crate) fn assign_plain(operation: &Operation<'_>, slot: &Slot, new: Raw) -> Result<Assigned> {
    let old = Raw::load(slot);
    if old.id().is_some() {
        return Ok(Assigned::NeedsChild(old));
    }
    let new = match decode_scalar(new.kind()?, new.payload)? {
        _ if !old.declared() => new,
        Some(scalar) => Raw { tag: old.tag, payload: convert(scalar, old.kind()?)?.payload() },
        None => return Err(mistyped(Kind::Null, old.kind()?)),
    };
    new.set(operation, slot)?;
    Ok(Assigned::Done)
}

fn mistyped(found: Kind, expected: Kind) -> Box<Error> {
    Error::WrongType { path: String::new(), found: found.name().into(), expected: expected.name().into() }
        .into()
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
        (Kind::Text, Value::Text(_)) | (Kind::Bytes, Value::Bytes(_)) => {
            replace_block(operation, child, build_block(operation, value)?)
        }
        (Kind::Array, _) if fixed => {
            let block = ArrayBlock::read(operation.arena(), child.body[BLOCK].load(Ordering::Relaxed))?;
            let array = convert_array(value, &block.dtype, &block.shape)?;
            replace_block(operation, child, build_block(operation, &Value::Array(array))?)
        }
        (Kind::Array, Value::Array(_)) => replace_block(operation, child, build_block(operation, value)?),
        (Kind::Struct, Value::Struct(fields)) if fixed => {
            merge(operation, old.payload as u32, fields.iter().map(|(name, value)| (name.as_ref(), value)))
        }
        (Kind::List, Value::List(_)) if old.declared() => {
            // The node stays, so that bindings keep what they resolved; its contents go.
            let new = build(operation, value, parent)?;
            adopt_contents(operation, old.payload as u32, new)
        }
        _ if old.declared() => Err(mistyped(value.kind(), kind)),
        _ if fixed => Err(Error::Declared {
            path: String::new(),
            declared: kind.name().into(),
            action: "replaced by another kind of value",
        }
        .into()),
        _ => {
            let new = build(operation, value, parent)?;
            operation.retire_node(old.payload as u32)?;
            new.set(operation, slot)
        }
    }
}

/// Gives a text, bytes or array node other contents. It is held exclusively, in either mode.
pub(crate) fn replace_block(operation: &Operation<'_>, node: &Node, aside: Aside) -> Result<()> {
    operation.retire_block(node.body[BLOCK].load(Ordering::Relaxed))?;
    operation.set(&node.body[BLOCK], aside.block)?;
    operation.set(&node.body[LENGTH], aside.length)
}

/// Swaps the contents of two lists, one of them new and seen by nobody, and retires the latter.
fn adopt_contents(operation: &Operation<'_>, old: u32, new: Raw) -> Result<()> {
    let arena = operation.arena();
    let (new_id, new_node) = resolve(arena, new)?;
    let old_node = arena.node(old)?;
    for (index, node) in [(old, new_node), (new_id.index, old_node)] {
        for raw in list::items(arena, node)? {
            if let Some(id) = raw.id() {
                operation.set(&arena.node(id.index)?.head.parent, u64::from(index) + 1)?;
            }
        }
    }
    for (ours, theirs) in old_node.body.iter().zip(&new_node.body) {
        let (our_word, their_word) = (ours.load(Ordering::Relaxed), theirs.load(Ordering::Relaxed));
        operation.set(ours, their_word)?;
        operation.set(theirs, our_word)?;
    }
    operation.retire_node(new_id.index)
}

/// Assigns fields of a struct one by one; all of them or, after an error and a rollback, none.
pub(crate) fn merge<'v>(
    operation: &Operation<'_>,
    index: u32,
    fields: impl ExactSizeIterator<Item = (&'v str, &'v Value<'v>)>,
) -> Result<()> {
    let arena = operation.arena();
    let node = arena.node(index)?;
    let missing = fields.len() as u64;
    // At once, so that the index is rebuilt no more than once in this operation.
    Writer { operation, aside: false }.reserve(node, missing)?;
    let mut seen = std::collections::HashSet::new();
    for (name, value) in fields {
        if !seen.insert(name) {
            return Err(Error::AlreadyExists { path: name.to_owned() }.into());
        }
        assign_field(operation, index, &Key::new(name), value).map_err(|error| error.under(name))?;
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
    let stale: Vec<_> = structure::fields(arena, node).collect::<Result<_>>()?;
    for found in stale {
        let name = structure::name(arena, found.field)?;
        let raw = Raw::load(&found.field.slot);
        if !raw.declared() && !fields.iter().any(|(other, _)| *other == name) {
            Writer { operation, aside: false }.remove(node, &Key::new(&name))?;
            if let Some(id) = raw.id() {
                operation.retire_node(id.index)?;
            }
        }
    }
    merge(operation, index, fields.iter().map(|(name, value)| (name.as_ref(), value)))
}

/// A value as an array of fixed element type and shape: an array of that shape, or nested lists of numbers.
pub(crate) fn convert_array<'v>(
    value: &'v Value<'_>,
    dtype: &DType,
    shape: &[usize],
) -> Result<ArrayValue<'v>> {
    let expected = || format!("an array of {dtype} with shape {shape:?}");
    let wrong = |found: String| Error::WrongType {
        path: String::new(),
        found: found.into(),
        expected: expected().into(),
    };
    let (found_shape, numbers) = match value {
        Value::Array(array) if array.dtype() == dtype && array.shape() == shape => {
            return Ok(array.borrowed());
        }
        Value::Array(array) => {
            let found = format!("an array of {} with shape {:?}", array.dtype(), array.shape());
            (array.shape().to_vec(), array.numbers().ok_or_else(|| wrong(found))?)
        }
        Value::List(_) => {
            let (mut found, mut numbers) = (Vec::new(), Vec::new());
            flatten(value, 0, &mut found, &mut numbers).ok_or_else(|| wrong("an uneven list".to_owned()))?;
            (found, numbers)
        }
        other => return Err(wrong(other.kind().name().to_owned()).into()),
    };
    if found_shape != shape {
        return Err(wrong(format!("the shape {found_shape:?}")).into());
    }
    let kind = number_kind(dtype).ok_or_else(|| wrong("numbers".to_owned()))?;
    let mut data = Vec::with_capacity(numbers.len() * dtype.itemsize());
    for number in numbers {
        let payload = convert(number, kind)?.payload();
        data.extend_from_slice(&payload.to_le_bytes()[..dtype.itemsize()]);
    }
    Ok(ArrayValue::new(dtype.clone(), shape, data)?)
}

/// Shape and numbers of nested lists; `None` if they are uneven or hold anything but numbers.
fn flatten(value: &Value<'_>, depth: usize, shape: &mut Vec<usize>, numbers: &mut Vec<Scalar>) -> Option<()> {
    match value {
        Value::List(items) => {
            if depth == shape.len() {
                // A new dimension may only be found on the way to the first number.
                if !numbers.is_empty() {
                    return None;
                }
                shape.push(items.len());
            }
            if shape[depth] != items.len() {
                return None;
            }
            items.iter().try_for_each(|item| flatten(item, depth + 1, shape, numbers))
        }
        Value::Scalar(scalar) if depth == shape.len() => {
            numbers.push(*scalar);
            Some(())
        }
        _ => None,
    }
}

fn number_kind(dtype: &DType) -> Option<Kind> {
    Some(match dtype.descr() {
        "|i1" => Kind::I8,
        "<i2" => Kind::I16,
        "<i4" => Kind::I32,
        "<i8" => Kind::I64,
        "|u1" => Kind::U8,
        "<u2" => Kind::U16,
        "<u4" => Kind::U32,
        "<u8" => Kind::U64,
        "<f4" => Kind::F32,
        "<f8" => Kind::F64,
        _ => return None,
    })
}

/// Marks a slot as declared, and the node that it names, if it is an array, as fixed.
pub(crate) fn declare(operation: &Operation<'_>, slot: &Slot) -> Result<()> {
    let raw = Raw::load(slot);
    if !raw.declared() {
        operation.set(&slot.tag, raw.tag | DECLARED)?;
    }
    Ok(())
}

/// Marks a node as one whose declared fields or fixed shape outlast assignments.
pub(crate) fn fix(operation: &Operation<'_>, node: &Node) -> Result<()> {
    let identity = node.head.identity.load(Ordering::Relaxed);
    if identity & FIXED == 0 {
        operation.set(&node.head.identity, identity | FIXED)?;
    }
    Ok(())
}

/// Empties a struct or list and has its contents freed: they move to a new node that is retired at once.
pub(crate) fn discard_contents(operation: &Operation<'_>, node: &Node, kind: Kind) -> Result<()> {
    let arena = operation.arena();
    let heir = operation.allocate_node(kind)?.index;
    let heir_node = arena.node(heir)?;
    let children: Vec<Raw> = match kind {
        Kind::List => list::items(arena, node)?,
        _ => structure::fields(arena, node)
            .map(|found| Ok(Raw::load(&found?.field.slot)))
            .collect::<Result<_>>()?,
    };
    for id in children.into_iter().filter_map(Raw::id) {
        operation.set(&arena.node(id.index)?.head.parent, u64::from(heir) + 1)?;
    }
    for (ours, theirs) in node.body.iter().zip(&heir_node.body) {
        theirs.store(ours.load(Ordering::Relaxed), Ordering::Relaxed);
        operation.set(ours, 0)?;
    }
    operation.retire_node(heir)
}
