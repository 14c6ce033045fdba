//! Shared memory that programs have left behind when they were killed.

use std::fs;
use std::path::Path;

use crate::arena::Arena;
use crate::arena::layout::{Header, Participant};
use crate::error::{Error, Result};
use crate::segment::{Access, Backing, Liveness, Place, RESERVATION, SHM_DIRECTORY, Segment};
use crate::shared::{StructStoreShared, examine};
use crate::sync::Ordering;

impl StructStoreShared {
    /// The names of the shared stores that nobody is attached to any more, and that somebody left by dying. A store that
    /// was meant to stay, and that was closed by everybody, is none. What cannot be read is left out.
    ///
    /// Opening such a store repairs it, and closing it with [`Cleanup::IfLast`](crate::Cleanup::IfLast) removes it.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the directory of shared memory cannot be read.
    ///
    /// ```
    /// use structstore::StructStoreShared;
    ///
    /// let name = format!("/structstore_orphans_{}", std::process::id());
    /// let store = StructStoreShared::open(&name)?;
    /// assert!(!StructStoreShared::orphans()?.contains(&name), "somebody is attached");
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn orphans() -> Result<Vec<String>> {
        let refused = |source| Error::Io {
            action: "read",
            place: SHM_DIRECTORY.to_owned(),
            detail: String::new(),
            source,
        };
        let mut found = Vec::new();
        for entry in fs::read_dir(Path::new(SHM_DIRECTORY)).map_err(refused)? {
            let entry = entry.map_err(refused)?;
            if let Some(name) = entry.file_name().to_str().map(|name| format!("/{name}"))
                && entry.file_type().is_ok_and(|kind| kind.is_file())
                && is_orphan(&name).unwrap_or(false)
            {
                found.push(name);
            }
        }
        found.sort();
        Ok(found)
    }
}

fn is_orphan(name: &str) -> Result<bool> {
    let place = Place::name(name)?;
    let file = place.open(Access::ReadOnly, None)?;
    if examine(&file, &place)? {
        return Ok(false);
    }
    let liveness = Liveness::new(&file, &place, Access::ReadOnly)?;
    if liveness.others(&place)? {
        return Ok(false);
    }
    let segment = Segment::map(Backing::File { file, place, access: Access::ReadOnly }, RESERVATION)?;
    segment.trust(size_of::<Header>() as u64)?;
    // Without liveness: who only looks is not to be taken for somebody attached.
    let arena = Arena::attach(segment, None)?;
    for participant in 0..arena.used::<Participant>() {
        let record = arena.record::<Participant>(participant)?;
        if record.state.load(Ordering::Acquire) != 0 && !arena.lives_on(participant) {
            return Ok(true);
        }
    }
    Ok(false)
}
