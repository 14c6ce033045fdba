//! `mv`: renames a field, or moves a field or an item.

use structstore::guard::{ListMut, StructMut};
use structstore::path::{Path, Step};
use structstore::{Error, ErrorKind, Item, Kind, List, Meta, Struct};

use crate::arguments::Move;
use crate::failure::{Failure, Result};
use crate::path::{self, Place};

pub(crate) fn run(options: &Move) -> Result<u8> {
    let (from, to) = (&options.path, &options.target);
    if to.starts_with(from) && to != from {
        return Err(Failure::Usage(format!("{from} cannot be moved to {to}, which is inside it")));
    }
    let store = options.store.change()?;
    let (source, target) = (path::last(&store, from)?, path::last(&store, to)?);
    let item = source.get()?;
    match (source, target) {
        (Place::Field { parent, here, name }, Place::Field { here: there, name: new, .. })
            if here == there =>
        {
            parent.rename(name, new)?;
        }
        _ => {
            let mut metas = Vec::new();
            gather(&item, to, &mut metas)?;
            store.transaction(|root| relocate(root, from, to, &metas))?;
        }
    }
    Ok(0)
}

/// The metadata of all fields in something, with the paths that they have when it is moved.
fn gather(item: &Item, to: &Path, metas: &mut Vec<(Path, Meta)>) -> structstore::Result<()> {
    match item {
        Item::Struct(part) => part.names()?.iter().try_for_each(|name| {
            let path = to.then(name);
            gather(&part.get(name.as_str())?, &path, metas)?;
            let meta = part.meta(name.as_str())?;
            if !meta.is_empty() {
                metas.push((path, meta));
            }
            Ok(())
        }),
        Item::List(list) => {
            (0..list.len()?).try_for_each(|index| gather(&list.get(index)?, &to.then(index), metas))
        }
        _ => Ok(()),
    }
}

/// Moves a copy, whose fields get their metadata back.
fn relocate(
    root: &mut StructMut<'_>,
    from: &Path,
    to: &Path,
    metas: &[(Path, Meta)],
) -> structstore::Result<()> {
    let value = root.remove_at(from)?;
    at(&mut Part::Struct(root), to.steps(), &|part, step| match (part, step) {
        (Part::Struct(part), Step::Name(name)) if part.contains(&**name)? => {
            Err(Error::new(ErrorKind::AlreadyExists).below(to.clone()))
        }
        (Part::Struct(part), Step::Name(name)) => part.set(&**name, &value),
        (Part::List(part), Step::Index(index)) => part.insert(*index, &value),
        (part, _) => Err(part.unfit()),
    })?;
    metas.iter().try_for_each(|(path, meta)| {
        at(&mut Part::Struct(root), path.steps(), &|part, step| match (part, step) {
            (Part::Struct(part), Step::Name(name)) => part.declare(&**name, meta),
            (part, _) => Err(part.unfit()),
        })
    })
}

/// What has fields or items, and is held.
enum Part<'p, 'g> {
    Struct(&'p mut StructMut<'g>),
    List(&'p mut ListMut<'g>),
}

impl Part<'_, '_> {
    /// The error for a step that does not lead from here.
    fn unfit(&self) -> Error {
        match self {
            Part::Struct(_) => Error::wrong_type("struct", "list"),
            Part::List(_) => Error::wrong_type("list", "struct"),
        }
    }
}

/// Does something where the last of some steps begins.
fn at(
    part: &mut Part<'_, '_>,
    steps: &[Step],
    act: &dyn Fn(&mut Part<'_, '_>, &Step) -> structstore::Result<()>,
) -> structstore::Result<()> {
    match (part, steps) {
        (_, []) => Ok(()),
        (part, [last]) => act(part, last),
        (Part::Struct(part), [Step::Name(name), rest @ ..]) => match part.kind(&**name)? {
            Kind::List => at(&mut Part::List(&mut part.get_mut::<List>(&**name)?), rest, act),
            _ => at(&mut Part::Struct(&mut part.get_mut::<Struct>(&**name)?), rest, act),
        },
        (Part::List(part), [Step::Index(index), rest @ ..]) => match part.kind(*index)? {
            Kind::List => at(&mut Part::List(&mut part.get_mut::<List>(*index)?), rest, act),
            _ => at(&mut Part::Struct(&mut part.get_mut::<Struct>(*index)?), rest, act),
        },
        (part, _) => Err(part.unfit()),
    }
}
