//! Shared memory that killed programs left behind.

use crate::arena::Arena;
use crate::arena::layout::Header;
use crate::error::{Error, ErrorKind, Result};
use crate::inspect::stores;
use crate::lock::Wait;
use crate::segment::{Access, Liveness, Place, RESERVATION, Segment};
use crate::shared::{StructStoreShared, examine};

/// The names of orphans: transient stores that no living process has open to change them. Killed processes leave them behind.
/// Persistent stores, stores that cannot be read, and stores of other users are not listed.
///
/// Opening such a store repairs it. A process that changes it takes it over; otherwise, it stays an orphan.
/// [`StructStoreShared::unlink`](crate::StructStoreShared::unlink) removes it.
///
/// # Errors
///
/// [`ErrorKind::Io`] if the directory of shared memory cannot be read.
///
/// ```
/// use structstore::StructStoreShared;
/// use structstore::inspect::orphans;
///
/// let name = format!("/structstore_orphans_{}", std::process::id());
/// let store = StructStoreShared::open(&name)?;
/// assert!(!orphans()?.contains(&name), "this process is attached");
/// # Ok::<(), structstore::Error>(())
/// ```
pub fn orphans() -> Result<Vec<String>> {
    let mut names = stores()?;
    names.retain(|name| is_orphan(name).unwrap_or(false));
    Ok(names)
}

/// Removes a store if it is an orphan; returns whether it was.
///
/// # Errors
///
/// As [`StructStoreShared::unlink`](crate::StructStoreShared::unlink).
pub fn remove_orphan(name: &str) -> Result<bool> {
    let options = StructStoreShared::options();
    match options.unlink_if(&Place::name(name)?, |arena| {
        if arena.is_orphan()? { Ok(()) } else { Err(Error::new(ErrorKind::InUse).of(name)) }
    }) {
        Err(error) if error.kind() == ErrorKind::InUse => Ok(false),
        other => other.map(|()| true),
    }
}

fn is_orphan(name: &str) -> Result<bool> {
    let (place, access) = (Place::name(name)?, Access::Unseen);
    let (file, _) = place.open(access, false)?;
    place.admit(&file, false)?;
    if examine(&file, &place)? {
        return Ok(false);
    }
    let liveness = Liveness::new(&file, &place, access)?;
    let segment = Segment::map(liveness.backing(place, false), Some(&file), RESERVATION)?;
    segment.trust(size_of::<Header>() as u64)?;
    Arena::attach(segment, Some(liveness), false, &Wait::FOREVER)?.is_orphan()
}
