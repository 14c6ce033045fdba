//! What paths lead to.

use structstore::path::{Path, Step};
use structstore::{Array, Error, ErrorKind, Item, List, Scalar, Struct, Value};

use crate::failure::{Failure, Result};
use crate::text;

/// What a path leads to.
pub(crate) fn find(root: &Struct, path: &Path) -> Result<Item> {
    let mut found = Item::Struct(root.clone());
    for at in 0..path.steps().len() {
        match place(found, path, at)? {
            element @ Place::Element { .. } => return element.get(),
            place => found = place.get()?,
        }
    }
    Ok(found)
}

/// Where what a path leads to is, or would be. The root is nowhere.
pub(crate) fn last<'p>(root: &Struct, path: &'p Path) -> Result<Place<'p>> {
    if path.is_root() {
        return Err(Failure::Usage("a path is required: the root is not a field".to_owned()));
    }
    let mut found = Item::Struct(root.clone());
    for at in 0.. {
        match place(found, path, at)? {
            place if at + 1 == path.steps().len() => return Ok(place),
            element @ Place::Element { .. } => return Ok(element),
            place => found = place.get()?,
        }
    }
    Err(Failure::Missing { what: "no such field".to_owned(), near: None })
}

/// The place that the step at `at` leads to from what is found there: in an array, that all steps from there on lead to.
pub(crate) fn place(found: Item, path: &Path, at: usize) -> Result<Place<'_>> {
    let here: Path = path.steps().iter().take(at).cloned().collect();
    match (found, path.steps().get(at)) {
        (Item::Array(array), Some(Step::Index(_))) => {
            let indices = path.steps().iter().skip(at).map(|step| match step {
                Step::Index(index) => Some(*index),
                Step::Name(_) => None,
            });
            let indices = indices.collect::<Option<_>>();
            let indices =
                indices.ok_or_else(|| Error::wrong_type("a number", "struct").below(path.clone()))?;
            Ok(Place::Element { array, indices })
        }
        (Item::Struct(parent), Some(Step::Name(name))) => Ok(Place::Field { parent, here, name }),
        (Item::List(parent), Some(Step::Index(index))) => Ok(Place::Item { parent, index: *index }),
        (found, step) => {
            let expected = if matches!(step, Some(Step::Name(_))) { "struct" } else { "list or array" };
            Err(Error::wrong_type(found.kind().name(), expected).below(here).into())
        }
    }
}

/// A path as messages show it.
pub(crate) fn shown(path: &Path) -> String {
    if path.is_root() { "(root)".to_owned() } else { path.to_string() }
}

/// A field or an item.
pub(crate) enum Place<'p> {
    /// Of a struct, which is here.
    Field {
        parent: Struct,
        here: Path,
        name: &'p str,
    },
    Item {
        parent: List,
        index: usize,
    },
    /// A number in an array.
    Element {
        array: Array,
        indices: Vec<usize>,
    },
}

impl Place<'_> {
    pub(crate) fn get(&self) -> Result<Item> {
        match self {
            Place::Field { parent, name, .. } => parent.find(*name)?.ok_or_else(|| self.missing()),
            Place::Item { parent, index } => Ok(parent.get(*index)?),
            Place::Element { array, indices } => Ok(Item::Scalar(array.element(indices)?)),
        }
    }

    /// The same, if there is such a field.
    pub(crate) fn find(&self) -> Result<Option<Item>> {
        match self {
            Place::Field { parent, name, .. } => Ok(parent.find(*name)?),
            Place::Item { .. } | Place::Element { .. } => self.get().map(Some),
        }
    }

    pub(crate) fn set(&self, value: Value<'_>) -> Result<()> {
        match self {
            Place::Field { parent, name, .. } => Ok(parent.set(*name, value)?),
            Place::Item { parent, index } => Ok(parent.set(*index, value)?),
            Place::Element { array, indices } => Ok(array.set_element(indices, value)?),
        }
    }

    pub(crate) fn remove(&self) -> Result<()> {
        match self {
            Place::Field { parent, name, .. } => match parent.delete(*name) {
                Err(error) if error.kind() == ErrorKind::NotFound => Err(self.missing()),
                other => Ok(other?),
            },
            Place::Item { parent, index } => Ok(parent.remove(*index).map(drop)?),
            Place::Element { array, indices } => {
                array.element::<Scalar>(indices)?;
                Err(Error::wrong_type("an element of an array", "a field or an item").into())
            }
        }
    }

    /// The failure for a field that is not there, with the path of one that has nearly that name.
    pub(crate) fn missing(&self) -> Failure {
        let Place::Field { parent, here, name } = self else {
            return Failure::Missing { what: "no such item".to_owned(), near: None };
        };
        let path_of = |name: &str| here.then(name).to_string();
        let names = parent.names().unwrap_or_default();
        let near = text::nearest(name, names.iter().map(String::as_str)).map(path_of);
        Failure::Missing { what: format!("{}: no such field", path_of(name)), near }
    }
}
