//! Times as people write them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

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
fn offset(time: libc::time_t) -> i64 {
    // SAFETY: a structure of numbers and a pointer, which may be null.
    let mut parts = unsafe { std::mem::zeroed() };
    // SAFETY: both are valid for the call, and what it returns points to the second one.
    let known = unsafe { !libc::localtime_r(&raw const time, &raw mut parts).is_null() };
    if known { parts.tm_gmtoff } else { 0 }
}

/// A time since 1970 as ISO 8601 has it, without a time zone.
pub(crate) fn iso(count: i64, unit: &str) -> Option<String> {
    const DAY: i128 = 86_400;
    if count == i64::MIN {
        return Some("NaT".to_owned());
    }
    // How many of the unit a second has, or how many seconds it has, and digits of a fraction.
    let (many, seconds, digits) = match unit {
        "D" => (1, DAY, 0),
        "h" => (1, 3600, 0),
        "m" => (1, 60, 0),
        "s" => (1, 1, 0),
        "ms" => (1_000, 1, 3),
        "us" => (1_000_000, 1, 6),
        "ns" => (1_000_000_000, 1, 9),
        _ => return None,
    };
    // No product is beyond 128 bits.
    let (whole, fraction) =
        (i128::from(count).div_euclid(many) * seconds, i128::from(count).rem_euclid(many));
    let (days, second) = (whole.div_euclid(DAY), whole.rem_euclid(DAY));
    let date = date(days);
    if unit == "D" {
        return Some(date);
    }
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let fraction = if digits == 0 { String::new() } else { format!(".{fraction:0digits$}") };
    Some(format!("{date}T{hour:02}:{minute:02}:{second:02}{fraction}"))
}

/// The date of a day since 1970, in the Gregorian calendar: `civil_from_days` of
/// <https://howardhinnant.github.io/date_algorithms.html>.
fn date(days: i128) -> String {
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let (day, month) = (of_year - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    let year = year + era * 400 + i128::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
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
