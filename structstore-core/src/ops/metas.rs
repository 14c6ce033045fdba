//! Operations on metadata of fields.

use super::structs;
use crate::access::{Access, Located, Part};
use crate::edit::{self, Writer};
use crate::error::{Error, ErrorKind, Result};
use crate::key::Key;
use crate::lock::Mode;
use crate::node::meta::Record;
use crate::node::{self, Raw, structure};
use crate::value::Meta;

/// Declares a field, which is created if it is missing and there is a default.
pub(crate) fn declare(access: &impl Access, key: &Key<'_>, meta: &Meta) -> Result<()> {
    let index = access.id().index;
    let declared = access.change(Mode::Tree, |operation, node| {
        let arena = operation.arena();
        let slot = match (structure::find(arena, node, key)?, &meta.default) {
            (Some(found), _) => &found.field.slot,
            (None, Some(default)) => {
                key.check()?;
                default.check_depth(node::depth_of(arena, index)?)?;
                let raw = edit::build(operation, default, index)?;
                &Writer { operation, aside: false }.insert(node, key, raw)?.field.slot
            }
            (None, None) => return Err(Error::new(ErrorKind::NotFound)),
        };
        edit::declare_meta(operation, index, slot, meta)
    });
    declared.at_part(access, Part::Name(key.name()))
}

/// Undeclares a field, and all that is declared below it.
pub(crate) fn undeclare(access: &impl Access, key: &Key<'_>) -> Result<()> {
    let index = access.id().index;
    let undeclared =
        access.change(Mode::Tree, |operation, node| match structure::find(operation.arena(), node, key)? {
            Some(found) => edit::undeclare(operation, index, &found.field.slot),
            None => Err(Error::new(ErrorKind::NotFound)),
        });
    undeclared.at_part(access, Part::Name(key.name()))
}

pub(crate) fn get(access: &impl Access, key: &Key<'_>) -> Result<Meta> {
    let record = access.read(|arena, node| {
        let found = structure::find(arena, node, key)?.map(|found| Raw::load(&found.field.slot).meta());
        found.map(|place| place.map(|place| Record::read(arena, place)).transpose()).transpose()
    });
    let meta = record.and_then(|record| match record {
        Some(Some(record)) => record.meta(),
        Some(None) => Ok(Meta::new()),
        None => Err(Error::new(ErrorKind::NotFound)),
    });
    meta.at_part(access, Part::Name(key.name()))
}

pub(crate) fn reset(access: &impl Access, key: &Key<'_>) -> Result<()> {
    match get(access, key)?.default {
        Some(default) => structs::set(access, key, &default),
        None => Err(Error::wrong_type("a field without a default", "a field with a declared default"))
            .at_part(access, Part::Name(key.name())),
    }
}
