//! Names of fields as Python strings, of which programs use few, again and again.

use std::cell::RefCell;

use pyo3::prelude::*;
use pyo3::types::PyString;
use structstore::binding_support::{SnapshotReader, hash};

use crate::error::Result;

/// How many strings a thread remembers: sets of two.
const SETS: usize = 512;

/// A string that was made, and its text: asking the string for it takes longer than comparing.
type Made = Option<(Box<[u8]>, Py<PyString>)>;

thread_local! {
    /// The strings that were made last, each in the set that the hash of its text chooses, the newer one first.
    static MADE: RefCell<Box<[[Made; 2]]>> = RefCell::new((0..SETS).map(|_| [None, None]).collect());
}

/// The name that a snapshot has next. One that was met before is neither made nor hashed again.
pub(crate) fn next<'py>(py: Python<'py>, snapshot: &mut SnapshotReader<'_>) -> Result<Bound<'py, PyString>> {
    let name = snapshot.name_bytes()?;
    MADE.with_borrow_mut(|made| {
        let set = hash(name) as usize % SETS;
        let Some(set) = made.get_mut(set) else { return Ok(PyString::new(py, snapshot.text_of(name)?)) };
        for (text, string) in set.iter().flatten() {
            if **text == *name {
                return Ok(string.bind(py).clone());
            }
        }
        let string = PyString::new(py, snapshot.text_of(name)?);
        // What goes is a str, which runs no code as it does.
        set.rotate_right(1);
        set[0] = Some((name.into(), string.clone().unbind()));
        Ok(string)
    })
}
