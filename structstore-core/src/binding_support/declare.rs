//! Fields whose types are known only at run time: what bindings of other languages declare.

use crate::arena::Arena;
use crate::arena::layout::Node;
use crate::edit::{self, Writer};
use crate::error::{Error, ErrorKind, Result};
use crate::journal::Operation;
use crate::key::Key;
use crate::node::structure::{self};
use crate::node::{self, FIXED, LIVE, Raw, array_flags};
use crate::value::{Kind, Meta, Value, convert, decode_scalar};

/// A field to be declared.
pub struct Declaration<'a> {
    /// Its name.
    pub name: &'a str,
    /// The kinds that it may have; if there are none it is not declared, but only created. A number of another kind
    /// becomes one of the first, if that keeps its value.
    pub kinds: &'a [Kind],
    /// Whether it may be null.
    pub optional: bool,
    /// What it is created with. Without it, it has to be there.
    pub default: Option<Value<'a>>,
    /// What is declared in it, if it is a struct.
    pub fields: Vec<Declaration<'a>>,
    /// Its metadata. The default is the value that the field is created with.
    pub meta: Meta,
}

pub(super) fn declare_fields(
    operation: &Operation<'_>,
    index: u32,
    fields: &[Declaration<'_>],
) -> Result<()> {
    let node = operation.arena().node(index)?;
    if fields.iter().any(|field| !field.kinds.is_empty()) {
        edit::fix(operation, node, FIXED)?;
    }
    let keys = fields.iter().map(|field| Key::new(field.name));
    Writer { operation, aside: false }.reserve_missing(node, keys)?;
    // All of them, so that an error names every field that does not fit.
    let misfit = |field: &Declaration<'_>| {
        let declared = declare(operation, index, node, field);
        declared.err().map(|error| error.under(field.name))
    };
    Error::all(fields.iter().filter_map(misfit)).map_or(Ok(()), Err)
}

fn declare(operation: &Operation<'_>, index: u32, node: &Node, field: &Declaration<'_>) -> Result<()> {
    let (arena, key) = (operation.arena(), Key::new(field.name));
    let slot = match (structure::find(arena, node, &key)?, &field.default) {
        (Some(found), default) => {
            refuse_unless_live(arena, Raw::load(&found.field.slot), default.as_ref())?;
            &found.field.slot
        }
        (None, Some(value)) => {
            key.check()?;
            value.check_depth(node::depth_of(arena, index)?)?;
            let raw = edit::build(operation, value, index)?;
            &Writer { operation, aside: false }.insert(node, &key, raw)?.field.slot
        }
        (None, None) => return Err(Error::new(ErrorKind::NotFound)),
    };
    let raw = Raw::load(slot);
    let Some(wanted) = field.kinds.first() else { return Ok(()) };
    let kind = kind_of(raw, *wanted, field)?;
    if let Some(scalar) = decode_scalar(raw.kind()?, raw.payload)? {
        let payload = convert(scalar, kind)?.payload();
        Raw { tag: raw.tag & !0xff | kind as u64, payload }.set(operation, slot)?;
    }
    edit::declare(operation, slot, kind, field.optional)?;
    if !field.meta.is_empty() {
        edit::describe_by(operation, (index, raw), slot, field.meta.clone(), field.default.as_ref())?;
    }
    match raw.id() {
        Some(id) if !field.fields.is_empty() => declare_fields(operation, id.index, &field.fields),
        _ => Ok(()),
    }
}

/// Fails where an array is there that is not live, as its default would be.
fn refuse_unless_live(arena: &Arena, raw: Raw, default: Option<&Value<'_>>) -> Result<()> {
    let Some(Value::Array(array)) = default else { return Ok(()) };
    if !array.is_live() || raw.kind()? != Kind::Array || array_flags(node::resolve(arena, raw)?.1) & LIVE != 0
    {
        return Ok(());
    }
    Err(Error::wrong_type("an array that is not live", "a live array; remove the old field"))
}

/// The kind that a field is declared to have: the one that it has, if that is possible.
fn kind_of(raw: Raw, wanted: Kind, field: &Declaration<'_>) -> Result<Kind> {
    let (declared, found) = (raw.declared_kind()?, raw.kind()?);
    match declared {
        Some(kind) if field.kinds.contains(&kind) && raw.optional() == field.optional => Ok(kind),
        None if field.kinds.contains(&found) => Ok(found),
        None if found == Kind::Null && field.optional || converts(found, wanted) => Ok(wanted),
        _ => {
            let name = |kind: Kind, optional| match optional {
                true => format!("{kind} or null"),
                false => kind.to_string(),
            };
            Err(Error::wrong_type(
                name(declared.unwrap_or(found), raw.optional()),
                name(wanted, field.optional),
            ))
        }
    }
}

/// Whether there are numbers of one kind that are of the other, too.
fn converts(found: Kind, wanted: Kind) -> bool {
    let float = |kind| matches!(kind, Kind::F32 | Kind::F64);
    let number = |kind: Kind| !kind.is_node() && !matches!(kind, Kind::Null | Kind::Bool);
    number(found) && number(wanted) && (!float(found) || float(wanted))
}
