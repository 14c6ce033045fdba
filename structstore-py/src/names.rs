//! Names of fields as Python strings, and dicts that have the names of a whole struct as keys. Both are cached, because programs copy the
//! same kinds of structs again and again.

use std::cell::RefCell;
use std::rc::Rc;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use structstore::binding_support::{SnapshotReader, hash};

use crate::error::Result;

/// How many strings a thread remembers: sets of two.
const SETS: usize = 512;
/// How many shapes of structs a thread remembers, and how many fields such a struct may have.
const SHAPES: usize = 128;
const FIELDS: std::ops::RangeInclusive<usize> = 4..=512;

/// A string that was made, and its text: asking the string for it takes longer than comparing.
struct Name {
    text: Box<[u8]>,
    string: Py<PyString>,
}

/// The names of a struct's fields, in order, and a dict that has them as keys, with None as each value. Nobody changes that dict. Copying it
/// takes a fraction of the time that inserting the keys takes.
struct Shape {
    names: Vec<Name>,
    keys: Py<PyDict>,
}

thread_local! {
    /// The strings that were made last, each in the set that the hash of its text chooses, the newer one first.
    static NAMES: RefCell<Box<[[Option<Name>; 2]]>> = RefCell::new((0..SETS).map(|_| [None, None]).collect());
    /// The shapes that were met last. The first name and the number of fields choose the place.
    static KNOWN: RefCell<Box<[Option<Rc<Shape>>]>> = RefCell::new((0..SHAPES).map(|_| None).collect());
}

/// The string of a name. One that was met before is neither made nor hashed again.
fn string<'py>(py: Python<'py>, snapshot: &SnapshotReader<'_>, name: &[u8]) -> Result<Bound<'py, PyString>> {
    NAMES.with_borrow_mut(|made| {
        let set = hash(name) as usize % SETS;
        let Some(set) = made.get_mut(set) else { return Ok(PyString::new(py, snapshot.text_of(name)?)) };
        for known in set.iter().flatten() {
            if *known.text == *name {
                return Ok(known.string.bind(py).clone());
            }
        }
        let string = PyString::new(py, snapshot.text_of(name)?);
        // What goes is a str, which runs no code as it does.
        set.rotate_right(1);
        set[0] = Some(Name { text: name.into(), string: string.clone().unbind() });
        Ok(string)
    })
}

/// Reads the names of a struct's fields, one by one, as keys of a dict.
pub(crate) struct Names<'a, 'py> {
    dict: &'a Bound<'py, PyDict>,
    count: usize,
    at: usize,
    /// The place for its shape, if it has one.
    place: Option<usize>,
    /// The shape that it has matched so far, whose keys the dict has already.
    shape: Option<Rc<Shape>>,
}

impl<'a, 'py> Names<'a, 'py> {
    /// `dict` is empty, and the names of `count` fields come next in the snapshot.
    pub(crate) fn new(dict: &'a Bound<'py, PyDict>, count: usize) -> Names<'a, 'py> {
        Names { dict, count, at: 0, place: None, shape: None }
    }

    /// Reads the next name. The caller sets its value before the next call.
    #[inline(never)]
    pub(crate) fn next(&mut self, snapshot: &mut SnapshotReader<'_>) -> Result<Bound<'py, PyString>> {
        let py = self.dict.py();
        let text = snapshot.name_bytes()?;
        if self.at == 0 && FIELDS.contains(&self.count) {
            self.begin(text)?;
        }
        let known = self.shape.as_ref().and_then(|shape| shape.names.get(self.at));
        let name = match known.filter(|known| *known.text == *text) {
            Some(known) => known.string.bind(py).clone(),
            None => {
                // It does not match from here on.
                for other in self.shape.take().iter().flat_map(|shape| shape.names.iter().skip(self.at)) {
                    self.dict.del_item(&other.string)?;
                }
                string(py, snapshot, text)?
            }
        };
        self.at = self.at.saturating_add(1);
        Ok(name)
    }

    /// Adds the keys of the shape that has the same first name and number of fields, if one is known.
    fn begin(&mut self, first: &[u8]) -> Result<()> {
        let place = (hash(first) as usize).wrapping_add(self.count) % SHAPES;
        self.place = Some(place);
        let known = KNOWN.with_borrow(|known| known.get(place)?.clone());
        self.shape = known.filter(|shape| shape.names.len() == self.count);
        match &self.shape {
            Some(shape) => Ok(self.dict.update(shape.keys.bind(self.dict.py()).as_mapping())?),
            None => Ok(()),
        }
    }

    /// Remembers the shape, if it is new. The caller has set all values.
    #[inline(never)]
    pub(crate) fn end(self) -> Result<()> {
        let (Some(place), None) = (self.place, self.shape) else { return Ok(()) };
        let py = self.dict.py();
        let keys = PyDict::new(py);
        let mut names = Vec::with_capacity(self.count);
        for (key, _) in self.dict.iter() {
            let string = key.cast_into::<PyString>().map_err(PyErr::from)?;
            keys.set_item(&string, py.None())?;
            names.push(Name { text: string.to_str()?.as_bytes().into(), string: string.unbind() });
        }
        let shape = Rc::new(Shape { names, keys: keys.unbind() });
        let old = KNOWN.with_borrow_mut(|known| known.get_mut(place).and_then(|known| known.replace(shape)));
        drop(old);
        Ok(())
    }
}
