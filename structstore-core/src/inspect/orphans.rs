//! Shared memory that programs have left behind when they were killed.

use std::os::unix::fs::MetadataExt;

use crate::arena::layout::{ATTACHED, Header, LEAVING, Participant};
use crate::arena::{Arena, Others};
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::Result;
use crate::inspect::stores;
use crate::lock::Wait;
use crate::segment::{Access, Backing, Liveness, PARTICIPANTS, Place, RESERVATION, Segment};
use crate::shared::examine;
use crate::sync::Ordering;

/// The names of stores to which no process is attached, and which at least one process left by dying. A persistent store that
/// every process closed is not listed, nor is what cannot be read or belongs to another user.
///
/// Opening such a store repairs it, and closing it with [`Cleanup::IfLast`](crate::Cleanup::IfLast) removes it.
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

fn is_orphan(name: &str) -> Result<bool> {
    let (place, access) = (Place::name(name)?, Access::Unseen);
    let (file, _) = place.open(access, None)?;
    let found = place.admit(&file, false)?;
    let identity = (found.dev(), found.ino());
    if examine(&file, &place)? {
        return Ok(false);
    }
    let liveness = Liveness::new(&file, &place, access)?;
    let segment =
        Segment::map(Backing::File { file, identity, place, access, any_owner: false }, RESERVATION)?;
    segment.trust(size_of::<Header>() as u64)?;
    Arena::attach(segment, Some(liveness), false, &Wait::FOREVER)?.is_orphan()
}

impl Arena {
    /// Whether nobody but this process is attached, and somebody left by dying.
    pub(crate) fn is_orphan(&self) -> Result<bool> {
        let (Some(liveness), Backing::File { place, .. }) = (self.liveness(), self.segment().backing())
        else {
            return Ok(false);
        };
        if liveness.others(place)? && self.others()? == Others::Attached {
            return Ok(false);
        }
        for participant in 0..self.used::<Participant>().min(PARTICIPANTS) {
            let record = self.record::<Participant>(participant)?;
            if matches!(record.state.load(Ordering::Acquire), ATTACHED | LEAVING) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
