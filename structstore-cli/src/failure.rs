//! What can go wrong, and the exit status that says so.

use std::fmt;
use std::io;

use structstore::path::Path;
use structstore::{Error, ErrorKind};

/// The answer is no: `check` found damage, `watch` too few changes in time.
pub(crate) const NO: u8 = 1;
/// The arguments make no sense. The same as clap's.
pub(crate) const USAGE: u8 = 2;
/// There is no such store, field or file.
pub(crate) const MISSING: u8 = 3;
/// Anything else.
pub(crate) const FAILED: u8 = 4;
/// There is no room for what is to be written.
pub(crate) const FULL: u8 = 5;

pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

/// What went wrong, and perhaps what may have been meant.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An operation on the store failed.
    Store(Error),
    /// There is no such store or field; something of a near name.
    Missing { what: String, near: Option<String> },
    /// The arguments make no sense together, or with what is there.
    Usage(String),
    /// A file or a stream cannot be read or written.
    File { action: &'static str, place: String, source: io::Error },
    /// Anything else.
    Other(String),
}

impl Failure {
    pub(crate) fn status(&self) -> u8 {
        match self {
            Failure::Store(error) => match error.kind() {
                ErrorKind::NotFound | ErrorKind::IndexOutOfRange => MISSING,
                ErrorKind::Io if is_missing(error) => MISSING,
                ErrorKind::InvalidName => USAGE,
                _ => FAILED,
            },
            Failure::File { source, .. } if source.kind() == io::ErrorKind::NotFound => MISSING,
            Failure::File { source, .. } if is_full(source) => FULL,
            Failure::Missing { .. } => MISSING,
            Failure::Usage(_) => USAGE,
            _ => FAILED,
        }
    }

    /// The same of what lies below a path.
    pub(crate) fn below(self, path: &Path) -> Failure {
        match self {
            Failure::Store(error) => error.below(path.clone()).into(),
            other => other,
        }
    }

    /// For use with `map_err`.
    pub(crate) fn file(action: &'static str, place: impl fmt::Display) -> impl FnOnce(io::Error) -> Failure {
        let place = place.to_string();
        move |source| Failure::File { action, place, source }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

/// Whether there is no store or file of that name.
pub(crate) fn is_missing(error: &Error) -> bool {
    error.io().is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Store(error) => error.fmt(f),
            Failure::Missing { what, near: None } => f.write_str(what),
            Failure::Missing { what, near: Some(near) } => write!(f, "{what}; did you mean {near}?"),
            Failure::Usage(message) | Failure::Other(message) => f.write_str(message),
            Failure::File { action, place, source } => write!(f, "cannot {action} {place}: {source}"),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Store(error)
    }
}
