//! Times as people write them.

#![expect(clippy::arithmetic_side_effects, reason = "a count of 64 bits, in 128 bits")]

/// A time since 1970 as ISO 8601 has it, without a time zone.
pub fn iso(count: i64, unit: &str) -> Option<String> {
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
