//! Names of fields as Python strings, of which programs use few, again and again.

use std::cell::RefCell;

use pyo3::prelude::*;
use pyo3::types::PyString;
use structstore::Key;

/// How many strings a thread remembers.
const PLACES: usize = 512;

thread_local! {
    /// The strings that were made last, each at the hash of its text.
    static MADE: RefCell<[Option<Py<PyString>>; PLACES]> = const { RefCell::new([const { None }; PLACES]) };
}

/// A string of this text. One that was made before need be neither made nor hashed again.
pub(crate) fn string<'py>(py: Python<'py>, name: &str) -> Bound<'py, PyString> {
    MADE.with_borrow_mut(|made| {
        let place = &mut made[Key::new(name).hash() as usize % PLACES];
        match place {
            Some(string) if string.bind(py).to_str().is_ok_and(|text| text == name) => {
                string.bind(py).clone()
            }
            // What goes is a str, which runs no code as it does.
            _ => place.insert(PyString::new(py, name).unbind()).bind(py).clone(),
        }
    })
}
