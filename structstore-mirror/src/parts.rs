//! Which fields a mirror is about, and how they are assigned.

use std::collections::BTreeSet;

use structstore::binding_support::within;
use structstore::guard::StructMut;
use structstore::path::{Path, Step};
use structstore::{ErrorKind, Kind, Meta, Result, Struct, Value};

use crate::compare::value_at;

/// The field in which a mirror says how it is going; it is never mirrored.
pub(crate) const STATUS: &str = "@mirror";

/// A part of a store, without what is excluded.
#[derive(Clone, Debug)]
pub(crate) struct Selection {
    pub(crate) part: Path,
    exclude: Vec<Path>,
}

impl Selection {
    pub(crate) fn new(part: Path, exclude: &[Path]) -> Selection {
        let own = Path::from_iter([Step::from(STATUS)]);
        Selection { part, exclude: exclude.iter().cloned().chain([own]).collect() }
    }

    /// Whether what is at a path is mirrored.
    pub(crate) fn has(&self, path: &Path) -> bool {
        path.starts_with(&self.part) && !self.exclude.iter().any(|excluded| path.starts_with(excluded))
    }

    /// The first change by which something that is excluded, and is there, would go: where it is made, and what would be lost.
    pub(crate) fn first_lost(
        &self,
        store: &Struct,
        set: &[(Path, Value<'_>)],
        gone: &[Path],
    ) -> Option<(Path, Path)> {
        // A struct takes them over.
        let replaced =
            set.iter().filter(|(_, value)| !matches!(value, Value::Struct(_))).map(|(path, _)| path);
        replaced.chain(gone).find_map(|path| Some((path.clone(), self.excluded_below(store, path)?)))
    }

    /// Something that is excluded, is below a path, and is there.
    pub(crate) fn excluded_below(&self, store: &Struct, path: &Path) -> Option<Path> {
        let below = self.exclude.iter().filter(|excluded| excluded.starts_with(path));
        below.filter(|excluded| value_at(store, excluded).is_some()).min().cloned()
    }

    /// What is to be read after a change of a path: lists as a whole, and the part if what contains it has changed.
    pub(crate) fn of(&self, changed: &Path) -> Option<Path> {
        let leaf = changed.field();
        if self.has(&leaf) {
            return Some(leaf);
        }
        self.part.starts_with(&leaf).then(|| self.part.clone())
    }

    /// A value at a path without what is excluded.
    pub(crate) fn without(&self, path: &Path, value: Value<'static>) -> Value<'static> {
        if !self.exclude.iter().any(|excluded| excluded.starts_with(path)) {
            return value;
        }
        match value {
            Value::Struct(fields) => {
                let kept = fields.into_iter().filter_map(|(name, value)| {
                    let inner = path.then(&*name);
                    let kept = !self.exclude.contains(&inner);
                    kept.then(|| (name, self.without(&inner, value)))
                });
                Value::Struct(kept.collect())
            }
            value => value,
        }
    }
}

impl Selection {
    /// A value at a path with what is excluded, as it is in a store.
    pub(crate) fn keep(&self, store: &Struct, at: &Path, mut value: Value<'static>) -> Value<'static> {
        for path in self.exclude.iter().filter(|path| path.starts_with(at)) {
            let Ok(kept) = store.get_at::<Value<'static>>(path) else { continue };
            let way = path.steps().get(at.steps().len()..).unwrap_or_default();
            graft(&mut value, way, kept);
        }
        value
    }
}

/// What is to be read of parts after these changes, each path once.
pub(crate) fn wanted(parts: &[&Selection], changed: &[Path]) -> Vec<Path> {
    let all = changed.iter().flat_map(|path| parts.iter().filter_map(|part| part.of(path)));
    let unique: BTreeSet<Path> = all.collect();
    unique.into_iter().collect()
}

/// Adds a field to a struct in a value, with the structs on the way.
fn graft(value: &mut Value<'static>, way: &[Step], field: Value<'static>) {
    let (Value::Struct(fields), Some((Step::Name(name), rest))) = (value, way.split_first()) else { return };
    match rest {
        [] => {
            fields.retain(|(other, _)| **other != **name);
            fields.push((name.to_string().into(), field));
        }
        rest => match fields.iter_mut().find(|(other, _)| **other == **name) {
            Some((_, inner)) => graft(inner, rest, field),
            None => {
                let mut inner = Value::Struct(Vec::new());
                graft(&mut inner, rest, field);
                fields.push((name.to_string().into(), inner));
            }
        },
    }
}

/// Assigns what is at a path, and makes the structs on the way. A struct that is there stays the same one.
pub(crate) fn put(root: &mut StructMut<'_>, path: &Path, value: &Value<'_>) -> Result<()> {
    let Some((Step::Name(name), above)) = path.steps().split_last() else {
        return match (path.is_root(), value) {
            (true, Value::Struct(_)) => root.replace(value),
            _ => Err(structstore::Error::rejected("a path that does not end with a name")),
        };
    };
    within(root, above, &mut |part| match (part.kind(&**name).unwrap_or(Kind::Null), value) {
        (Kind::Struct, Value::Struct(_)) => part.ensure_struct(&**name)?.replace(value),
        (Kind::Stream, Value::Stream(wanted)) => match part.get::<Value<'static>>(&**name)? {
            // Its samples come by themselves.
            Value::Stream(there) if there.dtype() == wanted.dtype() && there.shape() == wanted.shape() => {
                Ok(())
            }
            _ => part.set(&**name, value),
        },
        _ => part.set(&**name, value),
    })
}

/// Removes what is at a path, if it is there: with force, also what is declared, or in use.
pub(crate) fn remove(root: &mut StructMut<'_>, path: &Path, force: bool) -> Result<()> {
    let removed = in_parent(root, path, &mut |part, name| match force {
        true => part.delete_forced(name),
        false => part.delete(name),
    });
    if_there(removed)
}

/// Declares what the owner has declared of a field, and nothing else. Of a field that is not there, nothing is withdrawn.
pub(crate) fn declare(root: &mut StructMut<'_>, path: &Path, meta: &Meta) -> Result<()> {
    let declared = in_parent(root, path, &mut |part, name| match part.meta(name)? == *meta {
        true => Ok(()),
        false if meta.is_empty() => part.undeclare(name),
        false => {
            if !part.meta(name)?.is_empty() {
                part.undeclare(name)?;
            }
            part.declare(name, meta)
        }
    });
    if meta.is_empty() { if_there(declared) } else { declared }
}

/// Success, if what something was to be done with is not there.
fn if_there(done: Result<()>) -> Result<()> {
    match done {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::WrongType) => Ok(()),
        other => other,
    }
}

/// Frees a field of limits that the owner has changed, before it is assigned.
pub(crate) fn free(root: &mut StructMut<'_>, path: &Path, meta: &Meta) -> Result<()> {
    let freed = in_parent(root, path, &mut |part, name| {
        let there = part.meta(name)?;
        if there != *meta && !there.is_empty() { part.undeclare(name) } else { Ok(()) }
    });
    if_there(freed)
}

/// Removes the fields of a struct that a value has not, also those that are declared.
pub(crate) fn prune(part: &mut StructMut<'_>, value: &Value<'_>) -> Result<()> {
    let Value::Struct(fields) = value else { return Ok(()) };
    for name in part.names()? {
        match fields.iter().find(|(field, _)| **field == *name) {
            None => part.delete_forced(&*name)?,
            Some((_, inner @ Value::Struct(_))) if part.kind(&*name)? == Kind::Struct => {
                prune(&mut part.ensure_struct(&*name)?, inner)?;
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// Does something with the struct that a field is in, and its name.
fn in_parent(
    root: &mut StructMut<'_>,
    path: &Path,
    act: &mut dyn FnMut(&mut StructMut<'_>, &str) -> Result<()>,
) -> Result<()> {
    let Some((Step::Name(name), above)) = path.steps().split_last() else { return Ok(()) };
    let parent: Path = above.iter().cloned().collect();
    act(&mut root.at(&parent)?, name)
}

#[cfg(test)]
mod tests {
    use structstore::StructStore;

    use super::*;

    fn at(text: &str) -> Path {
        text.parse().unwrap()
    }

    #[test]
    fn a_selection_is_a_part_without_what_is_excluded() {
        let arm = Selection::new(at("arm"), &[at("arm.camera.raw")]);
        assert_eq!(arm.of(&at("arm.items[3].x")), Some(at("arm.items")));
        assert_eq!(arm.of(&at("arm.camera.raw")), None);
        assert_eq!(arm.of(&at("other")), None);
        assert_eq!(arm.of(&Path::ROOT), Some(at("arm")));
        let all = Selection::new(Path::ROOT, &[at("arm.raw")]);
        assert_eq!(all.of(&at("@mirror.lag")), None);
        let arm = Value::record([("raw", Value::from(1)), ("x", Value::from(2))]);
        let value = Value::record([("arm", arm), (STATUS, Value::Null)]);
        assert_eq!(all.without(&Path::ROOT, value).to_string(), r#"{"arm": {"x": 2}}"#);
    }

    #[test]
    fn what_is_put_makes_its_way() {
        let store = StructStore::new();
        store.ensure_struct("a").unwrap().set("old", 1).unwrap();
        let a = store.get::<structstore::Struct>("a").unwrap();
        let put_all = |path: &str, value: Value<'static>| {
            store.transaction(|root| put(root, &at(path), &value)).unwrap();
        };
        put_all("a", Value::record([("x", Value::from(5))]));
        put_all("b.c.d", Value::from(7));
        // The same struct as before.
        assert_eq!(a.get::<i64>("x").unwrap(), 5);
        let remove_all = |path: &str| store.transaction(|root| remove(root, &at(path), true)).unwrap();
        remove_all("b.c.d");
        remove_all("b.none.d");
        remove_all("a.x.y");
        assert_eq!(store.to_string(), r#"{"a": {"x": 5}, "b": {"c": {}}}"#);
        let refused = store.transaction(|root| put(root, &at("a.x.y"), &Value::from(1)));
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::WrongType);
    }
}
