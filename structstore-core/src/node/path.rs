//! How to get to a node from its root, for messages.

use super::{Raw, kind_of, list, structure};
use crate::arena::Arena;
use crate::arena::layout::Slot;
use crate::error::{Path, Result, Step};
use crate::lock::{Ancestors, NodeId, generation};
use crate::sync::Ordering;
use crate::value::Kind;

/// The path of a node, as far as it can be found: other threads may change it meanwhile.
#[cold]
pub(crate) fn path_of(arena: &Arena, id: NodeId) -> Path {
    let mut steps: Vec<Step> = steps(arena, id).collect();
    steps.reverse();
    steps.into_iter().collect()
}

/// The names of the fields that lead to a node, if only fields do.
pub(crate) fn route_of(arena: &Arena, id: NodeId) -> Option<Vec<Box<str>>> {
    let mut route = steps(arena, id)
        .map(|step| match step {
            Step::Name(name) => Some(name),
            Step::Index(_) => None,
        })
        .collect::<Option<Vec<_>>>()?;
    route.reverse();
    Some(route)
}

/// The steps to a node, the last one first, as far as they can be found.
fn steps(arena: &Arena, id: NodeId) -> impl Iterator<Item = Step> {
    let mut child = id.index;
    let node = arena.node(id.index).ok();
    // The record of a node that is gone may hold another one by now, whose path is of no interest.
    let lives = move || {
        node.is_some_and(|node| generation(node.head.identity.load(Ordering::Acquire)) == id.generation)
    };
    let ancestors = node.into_iter().flat_map(move |node| Ancestors::new(arena, &node.head));
    ancestors.take_while(move |_| lives()).map_while(move |ancestor| {
        let (parent, _) = ancestor.ok()?;
        let step = step_to(arena, parent, child).ok()??;
        child = parent;
        Some(step)
    })
}

/// The way to a slot of a node, as far as it can be found.
pub(crate) fn path_of_slot(arena: &Arena, index: u32, slot: &Slot) -> Path {
    let Ok(node) = arena.node(index) else { return Path::ROOT };
    let generation = generation(node.head.identity.load(Ordering::Acquire));
    let path = path_of(arena, NodeId { index, generation });
    let step = match kind_of(node) {
        Ok(Kind::List) => list::slots(arena, node)
            .ok()
            .and_then(|slots| slots.iter().position(|other| std::ptr::eq(other, slot)).map(Step::Index)),
        _ => structure::fields(arena, node)
            .map_while(Result::ok)
            .find(|found| std::ptr::eq(&raw const found.field.slot, slot))
            .and_then(|found| structure::name(arena, found.field).ok())
            .map(|name| Step::Name(name.into())),
    };
    match step {
        Some(step) => path.then(step),
        None => path,
    }
}

/// The name or index by which a node has a child.
fn step_to(arena: &Arena, parent: u32, child: u32) -> Result<Option<Step>> {
    let node = arena.node(parent)?;
    let names_child = |raw: Raw| raw.id().is_some_and(|id| id.index == child);
    if kind_of(node)? == Kind::List {
        return Ok(list::items(arena, node)?.iter().position(|raw| names_child(*raw)).map(Step::Index));
    }
    for found in structure::fields(arena, node) {
        let field = found?.field;
        if names_child(Raw::load(&field.slot)) {
            return Ok(Some(Step::Name(structure::name(arena, field)?.into())));
        }
    }
    Ok(None)
}

/// How many levels lie above the children of a node, the node's own included.
pub(crate) fn depth_of(arena: &Arena, index: u32) -> Result<usize> {
    Ancestors::new(arena, &arena.node(index)?.head)
        .try_fold(1, |depth: usize, ancestor| ancestor.map(|_| depth.saturating_add(1)))
}
