//! Who owns a part, as its key says.

use crate::clock::wall_now;
use crate::key::text;

/// Host and process id of an owner, for people.
pub(crate) fn named(owner: &str) -> String {
    owner.split_once(' ').map_or(owner, |(_, named)| named).to_owned()
}

/// The owner that a key of one names. `None` if that is not as [`identity`] makes it.
pub(crate) fn owner_of(key: &str) -> Option<String> {
    let owner = text(key.rsplit_once('/')?.1)?;
    let mut words = owner.split(' ');
    words.next().filter(|digits| digits.len() == 20)?.parse::<u64>().ok()?;
    let is_whole = words.next().is_some() && words.next()?.parse::<u32>().is_ok() && words.next().is_none();
    is_whole.then_some(owner)
}

/// What this process is called: when it started, so that of two the older one is known, host, and process id.
pub(crate) fn identity() -> String {
    let host = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    format!("{:020} {} {}", wall_now(), host.unwrap_or_default(), std::process::id())
}

/// Another number each time.
pub(crate) fn new_epoch() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    // Of random keys: two processes that start at the same moment differ, too.
    RandomState::new().hash_one((wall_now(), std::process::id()))
}
