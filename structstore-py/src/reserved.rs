//! Names of methods and properties, which win over fields of the same name in attribute access.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyString;
use structstore::Key;

use crate::shared::StructStoreShared;

/// The names of both classes, since what a program says does not depend on which of them a structure is of: each with its hash, at the
/// place that this chooses or behind it.
struct Reserved([Option<(u64, String)>; PLACES]);

/// Several times as many as there are names, most of which then are where they are looked for.
const PLACES: usize = 512;

static RESERVED: PyOnceLock<Reserved> = PyOnceLock::new();

impl Reserved {
    /// The place of a name, or the free one where it would be.
    #[inline]
    fn place(&self, key: &Key<'_>) -> usize {
        let is = |at: &usize| match &self.0[*at % PLACES] {
            Some((hash, name)) => *hash == key.hash() && name == key.name(),
            None => true,
        };
        let start = key.hash() as usize % PLACES;
        (start..start + PLACES).find(is).unwrap_or(start) % PLACES
    }
}

/// Learns the names.
pub(crate) fn learn(py: Python<'_>) -> PyResult<()> {
    let mut reserved = Reserved([const { None }; PLACES]);
    for name in py.get_type::<StructStoreShared>().dir()? {
        let name = name.cast::<PyString>()?.to_str()?;
        let key = Key::new(name);
        let place = reserved.place(&key);
        reserved.0[place] = Some((key.hash(), name.to_owned()));
    }
    let _ = RESERVED.set(py, reserved);
    Ok(())
}

/// Whether a name is that of a method or property.
#[inline]
pub(crate) fn is_reserved(py: Python<'_>, key: &Key<'_>) -> bool {
    RESERVED.get(py).is_some_and(|reserved| reserved.0[reserved.place(key)].is_some())
}
