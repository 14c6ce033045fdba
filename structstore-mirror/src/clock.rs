//! Times that two machines can compare.

use std::time::{SystemTime, UNIX_EPOCH};

use structstore::stream::now;

/// Nanoseconds since 1970 of a time of CLOCK_MONOTONIC, by the clock as it is now.
pub(crate) fn wall_of(time: u64) -> u64 {
    wall_now().wrapping_sub(now().wrapping_sub(time))
}

/// Nanoseconds since 1970.
pub(crate) fn wall_now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
