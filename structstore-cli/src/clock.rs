//! Times as people write them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use structstore::binding_support::iso;

/// A time of day, in milliseconds since 1970.
#[derive(Clone, Copy)]
pub(crate) struct Moment(i64);

impl Moment {
    pub(crate) fn now() -> Moment {
        Moment::ago(Duration::ZERO)
    }

    /// The moment that lies so far back.
    pub(crate) fn ago(span: Duration) -> Moment {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().saturating_sub(span);
        Moment(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    /// For programs: `2026-05-01T12:30:00.000Z`.
    pub(crate) fn utc(self) -> String {
        iso(self.0, "ms").unwrap_or_default() + "Z"
    }

    /// For people, in the time zone of this machine: `2026-05-01T14:30:00.000`.
    pub(crate) fn local(self) -> String {
        iso(self.0.saturating_add(offset(self.0 / 1000).saturating_mul(1000)), "ms").unwrap_or_default()
    }
}

/// How many seconds the clocks of this machine are ahead of UTC at a time in seconds.
fn offset(time: i64) -> i64 {
    // SAFETY: a structure of numbers and a pointer, which may be null.
    let mut parts = unsafe { std::mem::zeroed() };
    // SAFETY: both are valid for the call, and what it returns points to the second one.
    let known = unsafe { !libc::localtime_r(&raw const time, &raw mut parts).is_null() };
    if known { parts.tm_gmtoff } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_iso_8601() {
        let moment = Moment(1_709_210_096_007);
        assert_eq!(moment.utc(), "2024-02-29T12:34:56.007Z");
        let expected = iso(moment.0 + offset(moment.0 / 1000) * 1000, "ms").unwrap();
        assert_eq!(moment.local(), expected);
        assert_eq!(Moment(i64::MAX).utc().len(), "+292278994-08-17T07:12:55.807Z".len() - 1);
    }
}
