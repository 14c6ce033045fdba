//! What paths lead to.

use std::borrow::Cow;

use super::slot::{Get, Slot};
use super::{arrays, lists, metas, structs};
use crate::access::{Access, Located, Locked, Near, Part, gone_again};
use crate::arena::Arena;
use crate::arena::layout::Node;
use crate::error::{Error, ErrorKind, Path, PathPart, Result, Step, ToPath};
use crate::key::Key;
use crate::lock::{Moment, NodeId};
use crate::node::{self, ArrayBlock, BLOCK, Raw, kind_of, list, structure};
use crate::sync::Ordering;
use crate::value::{Kind, Meta, Scalar, Value, wrong_kind};

/// Reads what steps lead to: a field, an item or an element; without any, the node itself.
pub(crate) fn get<T: Get>(from: &impl Access, steps: &[Step]) -> Result<T> {
    if steps.is_empty() {
        return Slot::own(from).and_then(T::get).at(from);
    }
    let mut gone = None;
    loop {
        let slot = look(from, steps)?;
        match T::get(slot) {
            Err(error) if error.kind() == ErrorKind::StaleHandle => gone_again(&mut gone, Some(slot.raw))?,
            Err(error) if !error.is_located() => {
                let start = node::path_of(from.arena(), from.id());
                return Err(error.below(start.join(&steps.iter().cloned().collect())).located());
            }
            other => return other,
        }
    }
}

/// As [`get`], of a path. What is there is read as of one moment, in time in proportion to the length of the path.
#[inline]
pub(crate) fn get_at<T: Get>(from: &impl Access, path: &impl ToPath) -> Result<T> {
    match path.as_text() {
        Some(text) => get_text(from, text),
        None => get(from, path.to_path()?.steps()),
    }
}

/// As [`get_at`], for text, which is parsed step by step, without a [`Path`].
fn get_text<T: Get>(from: &impl Access, path: &str) -> Result<T> {
    let parts = || {
        Path::parts(path).map(|part| match part {
            Ok(PathPart::Name(Cow::Borrowed(name))) => Some(Part::Name(name)),
            Ok(PathPart::Index(index)) => Some(Part::Index(index)),
            // A name with escapes, or an error.
            _ => None,
        })
    };
    if let Some(slot) = glance(from, parts)
        && let Ok(value) = T::get(slot)
    {
        return Ok(value);
    }
    get(from, path.to_path()?.steps())
}

/// The slot that the parts of a path lead to, through structs and lists, if nothing is in the way. Takes time in proportion to their
/// number, while each of the steps of [`walk`] looks at all nodes above.
fn glance<'a, A: Access, P>(from: &'a A, parts: impl Fn() -> P) -> Option<Slot<'a>>
where
    P: Iterator<Item = Option<Part<'a>>>,
{
    let found = from.read(|arena, node| {
        let moment = Moment::default();
        let (mut id, mut node, mut last) = (from.id(), node, None::<(Raw, NodeId, Part<'a>)>);
        for part in parts() {
            let Some(part) = part else { return Ok(None) };
            if let Some((raw, ..)) = last {
                (id, node) = node::resolve(arena, raw)?;
                if A::LOCKS {
                    moment.enter(&node.head)?;
                }
            }
            last = match (kind_of(node)?, part) {
                (Kind::Struct, Part::Name(name)) => structure::find(arena, node, &Key::new(name))?
                    .map(|found| (Raw::load(&found.field.slot), id, part)),
                (Kind::List, Part::Index(index)) if (index as u64) < list::len(node) => {
                    Some((Raw::load(list::slot(arena, node, index as u64)?), id, part))
                }
                _ => None,
            };
            if last.is_none() {
                return Ok(None);
            }
        }
        Ok(last.filter(|_| moment.disturbed().is_none()))
    });
    let (raw, parent, part) = found.ok().flatten()?;
    Some(Slot { raw, store: from.store(), locked: !A::LOCKS, parent, part: Some(part) })
}

/// The slot that steps lead to. Again from the start where a part on the way was removed in between.
pub(crate) fn look<'a, A: Access>(from: &'a A, steps: &'a [Step]) -> Result<Slot<'a>> {
    if let Some(slot) = glance(from, || steps.iter().map(|step| Some(Part::from(step)))) {
        return Ok(slot);
    }
    let mut gone = None;
    loop {
        match walk(from, steps, &mut gone) {
            Ok(Some(slot)) => return Ok(slot),
            Ok(None) => {}
            Err(error) => return Err(error),
        }
    }
}

/// As [`look`], once: `None` where a part on the way was removed.
fn walk<'a, A: Access>(
    from: &'a A,
    steps: &'a [Step],
    gone: &mut Option<NodeId>,
) -> Result<Option<Slot<'a>>> {
    let (store, arena) = (from.store(), from.arena());
    let (mut here, mut id, mut rest) = (None, from.id(), steps);
    while let Some((step, after)) = rest.split_first() {
        let part = Part::from(step);
        let find = |arena: &Arena, node: &Node| find(arena, node, part, after);
        let found = match here {
            None => from.read(find),
            Some(raw) if A::LOCKS => Near::new(store, raw).and_then(|node| node.read(find)),
            Some(raw) => node::resolve(arena, raw).and_then(|(_, node)| find(arena, node)),
        };
        let found = match found {
            Err(error) if here.is_some() && error.kind() == ErrorKind::StaleHandle => {
                return gone_again(gone, here).map(|()| None);
            }
            other => other,
        };
        let slot = |raw| Slot { raw, store, locked: !A::LOCKS, parent: id, part: Some(part) };
        let locate = |error: Error| match error.kind() {
            // Of the node itself.
            ErrorKind::IndexOutOfRange | ErrorKind::WrongType if !error.is_located() => {
                error.below(node::path_of(arena, id)).located()
            }
            _ => slot(Raw::NULL).locate(error),
        };
        match found.map_err(locate)? {
            Found::Element(raw) => return Ok(Some(slot(raw))),
            Found::Slot(raw) if after.is_empty() => return Ok(Some(slot(raw))),
            Found::Slot(raw) => match raw.id() {
                Some(next) => (here, id, rest) = (Some(raw), next, after),
                None => return Err(slot(raw).locate(wrong_kind(raw.kind()?, "a struct, list or array"))),
            },
        }
    }
    Err(empty()).at(from)
}

/// Assigns to what steps lead to: to a field, which is created if it is missing, an item, or an element.
pub(crate) fn set<A: Access>(from: &A, steps: &[Step], value: &Value<'_>) -> Result<()> {
    with_last(from, steps, SetAt(value))
}

/// Removes the field or item that steps lead to, and returns its value.
pub(crate) fn take<A: Access>(from: &A, steps: &[Step]) -> Result<Value<'static>> {
    with_last(from, steps, Take)
}

/// What is done to the last part of a path.
trait AtLast<T> {
    fn field(&self, access: &impl Access, key: &Key<'_>) -> Result<T>;
    fn item(&self, access: &impl Access, index: usize) -> Result<T>;
    fn element(&self, access: &impl Access, indices: &[usize]) -> Result<T>;
}

struct SetAt<'v>(&'v Value<'v>);

impl AtLast<()> for SetAt<'_> {
    fn field(&self, access: &impl Access, key: &Key<'_>) -> Result<()> {
        structs::set(access, key, self.0)
    }

    fn item(&self, access: &impl Access, index: usize) -> Result<()> {
        lists::set(access, index, self.0)
    }

    fn element(&self, access: &impl Access, indices: &[usize]) -> Result<()> {
        arrays::set_element(access, indices, self.0)
    }
}

struct Take;

impl AtLast<Value<'static>> for Take {
    fn field(&self, access: &impl Access, key: &Key<'_>) -> Result<Value<'static>> {
        structs::take(access, key)
    }

    fn item(&self, access: &impl Access, index: usize) -> Result<Value<'static>> {
        lists::take(access, index)
    }

    fn element(&self, access: &impl Access, _: &[usize]) -> Result<Value<'static>> {
        Err(Error::wrong_type("an element of an array", "a field or an item")).at(access)
    }
}

/// Reads metadata, which only fields have.
struct MetaAt;

impl AtLast<Meta> for MetaAt {
    fn field(&self, access: &impl Access, key: &Key<'_>) -> Result<Meta> {
        metas::get(access, key)
    }

    fn item(&self, access: &impl Access, index: usize) -> Result<Meta> {
        lists::kind(access, index).map(|_| Meta::new())
    }

    fn element(&self, access: &impl Access, indices: &[usize]) -> Result<Meta> {
        arrays::element::<Scalar>(access, indices).map(|_| Meta::new())
    }
}

/// Removes what is there, also what is declared or in use.
struct DeleteForced;

impl AtLast<()> for DeleteForced {
    fn field(&self, access: &impl Access, key: &Key<'_>) -> Result<()> {
        structs::delete_forced(access, key)
    }

    fn item(&self, access: &impl Access, index: usize) -> Result<()> {
        lists::delete_forced(access, index)
    }

    fn element(&self, access: &impl Access, _: &[usize]) -> Result<()> {
        Err(Error::wrong_type("an element of an array", "a field or an item")).at(access)
    }
}

/// The metadata of what steps lead to.
pub(crate) fn meta<A: Access>(from: &A, steps: &[Step]) -> Result<Meta> {
    match steps {
        [] => Ok(Meta::new()),
        steps => with_last(from, steps, MetaAt),
    }
}

pub(crate) fn delete_forced(access: &impl Access, steps: &[Step]) -> Result<()> {
    with_last(access, steps, DeleteForced)
}

/// Goes to the struct, list or array that has what steps lead to, and does something to that; again where it was removed meanwhile.
fn with_last<A: Access, T>(from: &A, steps: &[Step], act: impl AtLast<T>) -> Result<T> {
    let mut gone = None;
    loop {
        let (mut here, mut rest) = (None, steps);
        // At once, if the last struct or list has the part.
        let (last, way) = steps.split_last().unzip();
        let parts = || way.unwrap_or_default().iter().map(|step| Some(Part::from(step)));
        let direct =
            glance(from, parts).filter(|slot| matches!(slot.raw.kind(), Ok(Kind::Struct | Kind::List)));
        let from_here = match (direct, last) {
            (Some(slot), Some(last)) => {
                (here, rest) = (Some(slot.raw), std::slice::from_ref(last));
                steps.len()
            }
            _ => 1,
        };
        // As long as there is a struct or list below which more steps lead.
        for at in from_here..steps.len() {
            let (way, left) = steps.split_at_checked(at).unwrap_or((steps, &[]));
            let slot = look(from, way)?;
            match slot.raw.kind()? {
                Kind::Struct | Kind::List => (here, rest) = (Some(slot.raw), left),
                Kind::Array => {
                    (here, rest) = (Some(slot.raw), left);
                    break;
                }
                other => return Err(slot.locate(wrong_kind(other, "a struct, list or array"))),
            }
        }
        let store = from.store();
        let done = match here {
            None => act_on(from, rest, &act),
            Some(raw) if A::LOCKS => Near::new(store, raw).and_then(|near| act_on(&near, rest, &act)),
            Some(raw) => node::resolve(from.arena(), raw)
                .and_then(|(id, node)| act_on(&Locked::lend(store, id, node), rest, &act)),
        };
        match done {
            Err(error) if here.is_some() && error.kind() == ErrorKind::StaleHandle => {
                gone_again(&mut gone, here)?
            }
            other => return other,
        }
    }
}

fn act_on<T>(access: &impl Access, rest: &[Step], act: &impl AtLast<T>) -> Result<T> {
    let kind = kind_of(access.node()).at(access)?;
    match (kind, rest) {
        (Kind::Struct, [Step::Name(name)]) => act.field(access, &Key::new(name)),
        (Kind::List, [Step::Index(index)]) => act.item(access, *index),
        (Kind::Array, [Step::Index(_), ..]) => {
            let index = |step: &Step| match step {
                Step::Index(index) => Ok(*index),
                Step::Name(_) => Err(Error::wrong_type("a number", "struct")).at(access),
            };
            act.element(access, &rest.iter().map(index).collect::<Result<Vec<_>>>()?)
        }
        (_, [Step::Name(_), ..]) => Err(wrong_kind(kind, "struct")).at(access),
        (_, [Step::Index(_), ..]) => Err(wrong_kind(kind, "list or array")).at(access),
        (_, []) => Err(empty()).at(access),
    }
}

#[cold]
fn empty() -> Error {
    Error::invalid("path", "the empty path", "a path to a field, an item or an element")
}

enum Found {
    Slot(Raw),
    /// An element of an array, which all steps that are left lead to.
    Element(Raw),
}

fn find(arena: &Arena, node: &Node, part: Part<'_>, after: &[Step]) -> Result<Found> {
    match (kind_of(node)?, part) {
        (Kind::Struct, Part::Name(name)) => match structure::find(arena, node, &Key::new(name))? {
            Some(found) => Ok(Found::Slot(Raw::load(&found.field.slot))),
            None => Err(Error::new(ErrorKind::NotFound)),
        },
        (Kind::List, Part::Index(index)) => match index as u64 {
            at if at < list::len(node) => Ok(Found::Slot(Raw::load(list::slot(arena, node, at)?))),
            _ => Err(Error::index_out_of_range(index, list::len(node) as usize)),
        },
        (Kind::Array, Part::Index(index)) => {
            let payload = node.body[BLOCK].load(Ordering::Relaxed);
            let mut indices = vec![index];
            for step in after {
                match step {
                    Step::Index(index) => indices.push(*index),
                    Step::Name(_) => return Err(Error::wrong_type("a number", "struct")),
                }
            }
            ArrayBlock::read(arena, payload)?.element(arena, payload, &indices).map(Found::Element)
        }
        (kind, Part::Name(_)) => Err(wrong_kind(kind, "struct")),
        (kind, Part::Index(_)) => Err(wrong_kind(kind, "list or array")),
    }
}
