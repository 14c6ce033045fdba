//! Text for people: nothing in it controls their terminal.

use std::borrow::Cow;
use std::time::Duration;

pub(crate) use structstore::binding_support::{line, printable, quoted};

/// The beginning of a string, and a sign that there is more.
pub(crate) fn shortened(text: &str, width: usize) -> Cow<'_, str> {
    match text.char_indices().nth(width) {
        None => text.into(),
        Some(_) => {
            let end = text.char_indices().nth(width.saturating_sub(1)).map_or(0, |(at, _)| at);
            format!("{}…", text.get(..end).unwrap_or_default()).into()
        }
    }
}

/// A number of bytes, in the unit that suits it.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    let mut scaled = count as f64 / 1024.0;
    let mut unit = UNITS[0];
    for larger in &UNITS[1..] {
        if scaled < 1024.0 {
            break;
        }
        scaled /= 1024.0;
        unit = larger;
    }
    if scaled < 10.0 && scaled.fract() >= 0.05 {
        format!("{scaled:.1} {unit}")
    } else {
        format!("{scaled:.0} {unit}")
    }
}

/// A span of time, in the largest unit of which there is one.
pub(crate) fn duration(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86400 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86400),
    }
}

/// A count and what is counted.
pub(crate) fn plural(count: u64, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ if what.ends_with('s') => format!("{count} {what}es"),
        _ => format!("{count} {what}s"),
    }
}

/// The name that is nearest to one that is not there, if any is near: one that has it as its beginning, or that a few slips of the finger
/// lead to, of which a short name allows fewer.
pub(crate) fn nearest<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const SLIPS: usize = 3;
    const BEGINNING: usize = 3;
    let lower = wanted.to_lowercase();
    let distance = |name: &str| {
        let name = name.to_lowercase();
        let longest = lower.chars().count().max(name.chars().count());
        let distance = strsim::damerau_levenshtein(&lower, &name);
        let begins = lower.chars().count() >= BEGINNING && name.starts_with(&lower);
        (begins || distance <= SLIPS.min(longest / 3)).then_some(distance)
    };
    names.into_iter().filter_map(|name| Some((distance(name)?, name))).min().map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(shortened("äöü", 3), "äöü");
        assert_eq!(shortened("äöüß", 3), "äö…");
    }

    #[test]
    fn numbers_have_units() {
        let shown = [0, 1023, 1024, 1536, 65536, 16 << 20, 3 << 40].map(bytes);
        assert_eq!(shown, ["0 B", "1023 B", "1 KiB", "1.5 KiB", "64 KiB", "16 MiB", "3 TiB"]);
        assert_eq!(duration(Duration::from_secs(7300)), "2 h");
        assert_eq!((plural(1, "field"), plural(0, "field")), ("1 field".to_owned(), "0 fields".to_owned()));
    }

    #[test]
    fn near_names_are_found() {
        let names = ["camera", "rate", "settings"];
        assert_eq!(nearest("camra", names), Some("camera"));
        assert_eq!(nearest("setings", names), Some("settings"));
        assert_eq!(nearest("xyz", names), None);
        assert_eq!(nearest("Rate", names), Some("rate"));
        assert_eq!(nearest("arte", names), Some("rate"));
        assert_eq!(nearest("cam", names), Some("camera"));
        // One letter is not nearly four, whichever it is.
        for far in ["a", "r", "ra", "rat e and more", "tame", ""] {
            assert_eq!(nearest(far, names), None, "{far}");
        }
    }
}
