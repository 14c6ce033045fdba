//! Merging a value into a struct: what it names is assigned, and everything else stays.

use std::borrow::Cow;
use std::collections::HashSet;

use super::Writer;
use super::assign::assign_field;
use crate::arena::Arena;
use crate::error::{Error, ErrorKind, Result};
use crate::journal::Operation;
use crate::key::Key;
use crate::node::{Raw, structure};
use crate::value::{Kind, Value};

/// Merges a struct value into a struct that is held tree-exclusively: structs into structs, field by field. Every other value replaces what is
/// there.
pub(crate) fn merge_below(operation: &Operation<'_>, index: u32, value: &Value<'_>) -> Result<()> {
    match value {
        Value::Struct(fields) => merge_fields(operation, index, fields),
        other => Err(Error::wrong_type(other.kind().name(), Kind::Struct.name())),
    }
}

fn merge_fields(operation: &Operation<'_>, index: u32, fields: &[(Cow<'_, str>, Value<'_>)]) -> Result<()> {
    // At once, so that the index is rebuilt no more than once.
    let keys = fields.iter().map(|(name, _)| Key::new(name));
    Writer { operation, aside: false }.reserve_missing(operation.arena().node(index)?, keys)?;
    let mut seen = HashSet::new();
    for (name, value) in fields {
        let key = Key::new(name);
        let merged = match (value, seen.insert(name)) {
            (_, false) => Err(Error::new(ErrorKind::AlreadyExists)),
            (Value::Struct(inner), true) => match struct_in(operation.arena(), index, &key)? {
                Some(found) => merge_fields(operation, found, inner),
                None => assign_field(operation, index, &key, value),
            },
            _ => assign_field(operation, index, &key, value),
        };
        merged.map_err(|error| error.under(name))?;
    }
    Ok(())
}

/// The struct in a field, if there is one.
fn struct_in(arena: &Arena, index: u32, key: &Key<'_>) -> Result<Option<u32>> {
    let found = structure::find(arena, arena.node(index)?, key)?;
    let raw = found.map(|found| Raw::load(&found.field.slot));
    Ok(raw.filter(|raw| matches!(raw.kind(), Ok(Kind::Struct))).and_then(Raw::id).map(|id| id.index))
}
