//! Names of fields as Python strings, and dicts with the names of whole structs: programs copy few kinds of structs, again and again.

use std::cell::RefCell;
use std::rc::Rc;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use structstore::binding_support::{SnapshotReader, hash};

use crate::error::Result;

/// How many strings a thread remembers: sets of two.
const SETS: usize = 512;
/// How many kinds of structs a thread remembers, and how many fields they may have.
const SHAPES: usize = 128;
const FIELDS: std::ops::RangeInclusive<usize> = 4..=512;

/// A string that was made, and its text: asking the string for it takes longer than comparing.
struct Name {
    text: Box<[u8]>,
    string: Py<PyString>,
}

/// The names of a struct, in order, and a dict with them as keys and None as values. It is filled by nobody: a copy of it costs a fraction
/// of what inserting the keys does.
struct Shape {
    names: Vec<Name>,
    keys: Py<PyDict>,
}

thread_local! {
    /// The strings that were made last, each in the set that the hash of its text chooses, the newer one first.
    static NAMES: RefCell<Box<[[Option<Name>; 2]]>> = RefCell::new((0..SETS).map(|_| [None, None]).collect());
    /// The last kind of struct that was copied, of those whose first name and count of fields choose the place.
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

/// Fills an empty dict with the fields that come next in a snapshot, whose values `next` reads.
pub(crate) fn fill<'py>(
    dict: &Bound<'py, PyDict>,
    count: usize,
    snapshot: &mut SnapshotReader<'_>,
    mut next: impl FnMut(&mut SnapshotReader<'_>) -> Result<Bound<'py, PyAny>>,
) -> Result<()> {
    let py = dict.py();
    let (mut place, mut shape) = (None, None);
    for at in 0..count {
        let text = snapshot.name_bytes()?;
        if at == 0 && FIELDS.contains(&count) {
            let chosen = (hash(text) as usize).wrapping_add(count) % SHAPES;
            place = Some(chosen);
            shape = KNOWN
                .with_borrow(|known| known.get(chosen)?.clone())
                .filter(|shape| shape.names.len() == count);
            if let Some(shape) = &shape {
                dict.update(shape.keys.bind(py).as_mapping())?;
            }
        }
        let known = shape.as_ref().and_then(|shape| shape.names.get(at));
        let name = match known.filter(|known| *known.text == *text) {
            Some(known) => known.string.bind(py).clone(),
            None => {
                // It is another struct, from here on.
                for other in shape.take().iter().flat_map(|shape| shape.names.iter().skip(at)) {
                    dict.del_item(&other.string)?;
                }
                string(py, snapshot, text)?
            }
        };
        dict.set_item(name, next(snapshot)?)?;
    }
    match (place, shape) {
        (Some(place), None) => remember(dict, place),
        _ => Ok(()),
    }
}

/// Remembers the keys of a dict as those of a struct.
fn remember(dict: &Bound<'_, PyDict>, place: usize) -> Result<()> {
    let py = dict.py();
    let keys = PyDict::new(py);
    let mut names = Vec::with_capacity(dict.len());
    for (key, _) in dict.iter() {
        let string = key.cast_into::<PyString>().map_err(PyErr::from)?;
        keys.set_item(&string, py.None())?;
        names.push(Name { text: string.to_str()?.as_bytes().into(), string: string.unbind() });
    }
    let shape = Rc::new(Shape { names, keys: keys.unbind() });
    let old = KNOWN.with_borrow_mut(|known| known.get_mut(place).and_then(|known| known.replace(shape)));
    drop(old);
    Ok(())
}
