//! Making fields ordinary ones again, which can be removed and retyped.

use super::assign::unfix;
use super::describe::forget;
use super::version::record_versions;
use crate::arena::layout::Slot;
use crate::error::{Error, Result};
use crate::journal::{Among, Operation, pinned_by};
use crate::node::{DECLARED, FIXED, FIXED_RANK, OPTIONAL, OTHERWISE, Raw, list, resolve, structure};
use crate::sync::Ordering;
use crate::value::{Kind, deeper};

/// Takes declaration, limits and texts off a field and off all that is declared below it. The struct is held tree-exclusively. Fails while a live
/// binding uses any of it, for that relies on what it has declared.
pub(crate) fn undeclare(operation: &Operation<'_>, owner: u32, slot: &Slot) -> Result<()> {
    let (arena, raw) = (operation.arena(), Raw::load(slot));
    let user = match (pinned_by(arena, owner, Among::Above)?, raw.id()) {
        (None, Some(id)) => pinned_by(arena, id.index, Among::All)?,
        (user, _) => user,
    };
    if let Some((_, holder)) = user {
        return Err(Error::bound(holder, "undeclared"));
    }
    undeclare_slot(operation, owner, slot, 0)?;
    unfix(operation, arena.node(owner)?)
}

fn undeclare_slot(operation: &Operation<'_>, owner: u32, slot: &Slot, depth: usize) -> Result<()> {
    let (arena, depth) = (operation.arena(), deeper(depth)?);
    forget(operation, owner, slot)?;
    let raw = Raw::load(slot);
    let plain = raw.tag & !(DECLARED | OPTIONAL | 0xff << OTHERWISE);
    if plain != raw.tag {
        operation.set(&slot.tag, plain)?;
    }
    let Some(id) = raw.id() else { return Ok(()) };
    let (_, node) = resolve(arena, raw)?;
    let identity = node.head.identity.load(Ordering::Relaxed);
    if identity & (FIXED | FIXED_RANK) != 0 {
        operation.set(&node.head.identity, identity & !(FIXED | FIXED_RANK))?;
    }
    match raw.kind()? {
        Kind::Struct => record_versions(operation, node, &[]).and_then(|()| {
            structure::fields(arena, node)
                .try_for_each(|found| undeclare_slot(operation, id.index, &found?.field.slot, depth))
        }),
        Kind::List => list::slots(arena, node)?
            .iter()
            .try_for_each(|item| undeclare_slot(operation, id.index, item, depth)),
        _ => Ok(()),
    }
}
