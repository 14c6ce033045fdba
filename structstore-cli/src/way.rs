//! How far a path leads in a store, where not all of it need exist.

use structstore::path::{Path, Step};
use structstore::{Item, Struct};

use crate::failure::Result;
use crate::path::{self, Place};

pub(crate) enum Way<'p> {
    /// To a field, to a struct in a list, or to the root.
    Fields {
        /// The last struct on the way that exists.
        from: Struct,
        /// The names of fields that lead on from there; none if the path ends there.
        names: Vec<&'p str>,
        /// What is at the end.
        there: Option<Item>,
    },
    /// To an item of a list that is no struct, or an element of an array.
    Place(Place<'p>),
}

impl<'p> Way<'p> {
    /// Goes along a path. What is missing has to be fields: only those can be created.
    pub(crate) fn new(root: &Struct, path: &'p Path) -> Result<Way<'p>> {
        let (mut from, mut names, mut there) = (root.clone(), Vec::new(), Item::Struct(root.clone()));
        for (at, step) in path.steps().iter().enumerate() {
            let place = path::place(there, path, at)?;
            let is_last = at + 1 == path.steps().len();
            let found = match &place {
                Place::Element { .. } => return Ok(Way::Place(place)),
                Place::Item { .. } => place.get()?,
                Place::Field { parent, name, .. } => {
                    (from, names) = (parent.clone(), vec![*name]);
                    match place.find()? {
                        Some(found) => found,
                        None => {
                            for step in path.steps().iter().skip(at + 1) {
                                match step {
                                    Step::Name(name) => names.push(name),
                                    Step::Index(_) => return Err(place.missing()),
                                }
                            }
                            return Ok(Way::Fields { from, names, there: None });
                        }
                    }
                }
            };
            match (&found, step) {
                (Item::Struct(part), _) => (from, names) = (part.clone(), Vec::new()),
                (_, Step::Index(_)) if is_last => return Ok(Way::Place(place)),
                _ => {}
            }
            there = found;
        }
        Ok(Way::Fields { from, names, there: Some(there) })
    }
}
