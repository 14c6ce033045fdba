//! What both sides of a mirror go by.

use std::time::Duration;

/// The version of the messages, which is in each key: what speaks another one is not heard.
pub(crate) const VERSION: u32 = 1;
/// The largest message that is taken from a peer, in bytes.
pub(crate) const LARGEST: u64 = 256 << 20;
/// How often followers are told how far this side is.
pub(crate) const BEAT: Duration = Duration::from_secs(1);
/// How long an answer may take.
pub(crate) const ANSWER: Duration = Duration::from_secs(60);
