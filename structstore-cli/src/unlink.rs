//! `unlink`: removes the name of a store.

use structstore::{ErrorKind, StructStoreShared};

use crate::arguments::Unlink;
use crate::failure::{Failure, Result};
use crate::list::program;

pub(crate) fn run(options: &Unlink) -> Result<u8> {
    let name = &options.store;
    let opening = StructStoreShared::options().file(name.file).any_owner(name.any_owner);
    if options.force {
        opening.unlink_forced(name.place()).map_err(|error| name.failure(error))?;
        return Ok(0);
    }
    match opening.unlink(name.place()) {
        Err(error) if error.kind() == ErrorKind::InUse => {
            let attached: Vec<String> = name.observe()?.participants()?.iter().map(program).collect();
            let shown = name.shown();
            Err(Failure::Other(format!(
                "{shown} is in use by {}; add --force to remove it anyway",
                attached.join(", ")
            )))
        }
        other => other.map(|()| 0).map_err(|error| name.failure(error)),
    }
}
