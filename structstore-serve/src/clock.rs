//! Times as the page has them: seconds since 1970.

use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use structstore::stream::now;

/// How far the time since 1970 is ahead of CLOCK_MONOTONIC, in seconds. Looked at once, so that plots have no steps.
fn ahead() -> f64 {
    static AHEAD: OnceLock<f64> = OnceLock::new();
    *AHEAD.get_or_init(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        since.as_secs_f64() - now() as f64 / 1e9
    })
}

/// A time of CLOCK_MONOTONIC, in nanoseconds, as a time since 1970.
pub(crate) fn wall(time: u64) -> f64 {
    ahead() + time as f64 / 1e9
}

/// The time since 1970.
pub(crate) fn wall_now() -> f64 {
    wall(now())
}
