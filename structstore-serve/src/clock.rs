//! Times as the page has them: seconds since 1970.

use structstore::stream::{now, wall_time};

/// A time of CLOCK_MONOTONIC, in nanoseconds, as a time since 1970.
pub(crate) fn wall(time: u64) -> f64 {
    wall_time(time) as f64 / 1e9
}

/// The time since 1970.
pub(crate) fn wall_now() -> f64 {
    wall(now())
}
