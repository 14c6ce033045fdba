//! Recording the versions of types.

use super::describe::node_below;
use crate::arena::BlockKind;
use crate::arena::layout::Node;
use crate::error::{Error, Path, Result};
use crate::journal::Operation;
use crate::node::structure::{VERSIONS, load};
use crate::node::{LONGEST_VERSIONS, kind_of, versions, write_versions};
use crate::value::{Kind, TypeVersion, encoded, versions_value};

/// Records the version of a type in a struct that is held exclusively, in place of another version of that type.
pub(crate) fn record_version(operation: &Operation<'_>, node: &Node, own: &TypeVersion) -> Result<()> {
    let mut all = versions(operation.arena(), node)?;
    match all.iter_mut().find(|known| known.name == own.name) {
        Some(known) if known == own => return Ok(()),
        Some(known) => known.clone_from(own),
        None => all.push(own.clone()),
    }
    record_versions(operation, node, &all)
}

/// Records versions in structs below one that is held tree-exclusively, and in that, unless they have recorded some.
pub(crate) fn record_versions_below(
    operation: &Operation<'_>,
    owner: u32,
    all: &[(Path, Vec<TypeVersion>)],
) -> Result<()> {
    let arena = operation.arena();
    all.iter().try_for_each(|(path, all)| {
        let index = match path.steps() {
            [] => Some(owner),
            steps => node_below(arena, owner, steps)?,
        };
        let Some(node) = index.map(|index| arena.node(index)).transpose()? else { return Ok(()) };
        match kind_of(node)? == Kind::Struct && load(&node.body[VERSIONS]) == 0 {
            true => record_versions(operation, node, all),
            false => Ok(()),
        }
    })
}

/// Records versions in a struct that is held exclusively, and no others.
pub(crate) fn record_versions(operation: &Operation<'_>, node: &Node, all: &[TypeVersion]) -> Result<()> {
    let place = if all.is_empty() {
        0
    } else {
        let snapshot = encoded(&versions_value(all))?;
        let length = snapshot.len() as u64;
        if length > LONGEST_VERSIONS {
            return Err(Error::invalid("version", format!("{length} bytes of versions"), "at most 64 KiB"));
        }
        let words = length.div_ceil(8).saturating_add(1);
        let place = operation.allocate(words.saturating_mul(8), BlockKind::Meta)?;
        write_versions(operation.arena().words(place, words)?, &snapshot);
        place
    };
    operation.retire_block(load(&node.body[VERSIONS]))?;
    operation.set(&node.body[VERSIONS], place)
}
