//! Names of methods and properties, which win over fields of the same name in attribute access.

use std::collections::HashSet;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyString;
use structstore::Key;

use crate::shared::StructStoreShared;

struct Reserved {
    /// Those of both classes: what a program says does not depend on which of them a structure is of.
    names: HashSet<String>,
    /// Bits at their hashes, so that most fields are known to be none without a search.
    bits: [u64; WORDS],
}

const WORDS: usize = 16;

static RESERVED: PyOnceLock<Reserved> = PyOnceLock::new();

fn bit(key: &Key<'_>) -> (usize, u64) {
    let hash = key.hash() as usize;
    (hash / 64 % WORDS, 1 << (hash % 64))
}

/// Learns the names.
pub(crate) fn learn(py: Python<'_>) -> PyResult<()> {
    let mut reserved = Reserved { names: HashSet::new(), bits: [0; WORDS] };
    for name in py.get_type::<StructStoreShared>().dir()? {
        let name = name.cast::<PyString>()?.to_str()?;
        let (word, bit) = bit(&Key::new(name));
        reserved.bits[word] |= bit;
        reserved.names.insert(name.to_owned());
    }
    let _ = RESERVED.set(py, reserved);
    Ok(())
}

/// Whether a name is that of a method or property.
#[inline]
pub(crate) fn is_reserved(py: Python<'_>, key: &Key<'_>) -> bool {
    let (word, bit) = bit(key);
    RESERVED
        .get(py)
        .is_some_and(|reserved| reserved.bits[word] & bit != 0 && reserved.names.contains(key.name()))
}
