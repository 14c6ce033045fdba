//! Arguments of types of our own, from strings.

#[cfg(feature = "serve")]
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use structstore::Scalar;

pub(super) fn number(text: &str) -> Result<Scalar, String> {
    let integer = text.parse().map(Scalar::I64).or_else(|_| text.parse().map(Scalar::U64));
    integer.or_else(|_| text.parse().map(Scalar::F64)).map_err(|_| "expected a number".to_owned())
}

/// The time between reports at this rate.
pub(super) fn period(text: &str) -> Result<Duration, String> {
    let rate: f64 = text.parse().map_err(|_| "expected a number of reports per second".to_owned())?;
    Duration::try_from_secs_f64(1.0 / rate).map_err(|_| format!("found {rate}, expected a number above 0"))
}

#[cfg(feature = "record")]
pub(super) fn looks(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "expected a number of times per second".to_owned())?;
    match rate {
        0.01..=10_000.0 => Ok(rate),
        _ => Err(format!("found {rate}, expected a number from 0.01 to 10000")),
    }
}

#[cfg(feature = "record")]
pub(super) fn streams(text: &str) -> Result<structstore_record::Streams, String> {
    use structstore_record::Streams;
    match text {
        "all" => Ok(Streams::All),
        "none" => Ok(Streams::None),
        paths => {
            let paths = paths.split(',').map(str::parse).collect::<Result<_, structstore::Error>>();
            paths.map(Streams::Below).map_err(|error| error.to_string())
        }
    }
}

#[cfg(feature = "record")]
pub(super) fn arrays(text: &str) -> Result<structstore_record::Arrays, String> {
    use structstore_record::Arrays;
    match text {
        "all" => Ok(Arrays::All),
        "none" => Ok(Arrays::None),
        number => match number.parse() {
            Ok(many @ 1..) => Ok(Arrays::Every(many)),
            _ => Err("expected `all`, `none` or a number of changes".to_owned()),
        },
    }
}

/// A number of bytes, with a unit or without.
#[cfg(feature = "record")]
pub(super) fn size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|character: char| character.is_ascii_alphabetic());
    let unit: u64 = match text.strip_prefix(digits).unwrap_or_default() {
        "" | "B" => 1,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" | "K" => 1 << 10,
        "MiB" | "M" => 1 << 20,
        "GiB" | "G" => 1 << 30,
        other => return Err(format!("found the unit {other:?}, expected kB, MB, GB, KiB, MiB or GiB")),
    };
    match digits.parse::<u64>().ok().and_then(|number| number.checked_mul(unit)) {
        Some(bytes @ 1..) => Ok(bytes),
        _ => Err("expected a number of bytes, such as 500MB".to_owned()),
    }
}

#[cfg(feature = "record")]
pub(super) fn speed(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(speed) if structstore_record::SPEEDS.contains(&speed) => Ok(speed),
        _ => Err("expected a number from 0.001 to 1000".to_owned()),
    }
}

#[cfg(feature = "serve")]
pub(super) fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "expected a number of times per second".to_owned())?;
    match rate {
        0.1..=240.0 => Ok(rate),
        _ => Err(format!("found {rate}, expected a number from 0.1 to 240")),
    }
}

/// An address with a port, or without one.
#[cfg(feature = "serve")]
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    let expected = "expected an address such as 127.0.0.1:8080 or [::1]:8080";
    let plain = || text.parse::<IpAddr>().map(|address| SocketAddr::new(address, 0));
    text.parse().or_else(|_| plain()).map_err(|_| expected.to_owned())
}
