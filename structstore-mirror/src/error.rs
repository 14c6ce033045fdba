//! What can go wrong with a mirror.

use std::fmt;
use std::io;

/// Why a mirror could not be created, or ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// An argument is contradictory or unsafe.
    Invalid(String),
    /// Opening or using the network failed.
    Network(String),
    /// An operation on the store failed.
    Store(structstore::Error),
    /// A file cannot be read or written.
    File {
        /// Which file.
        file: std::path::PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// Another process owns the part.
    Owned {
        /// The part.
        part: structstore::path::Path,
        /// Host and process id of its owner.
        owner: String,
    },
}

/// The result of an operation on a mirror.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn network(error: impl fmt::Display) -> Error {
        Error::Network(error.to_string())
    }

    /// The system has no thread left.
    pub(crate) fn thread(source: io::Error) -> Error {
        structstore::Error::os("start", "a thread", source).into()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Invalid(message) => f.write_str(message),
            Error::Network(message) => write!(f, "network: {message}"),
            Error::Store(error) => error.fmt(f),
            Error::File { file, source } => write!(f, "{}: {source}", file.display()),
            Error::Owned { part, owner } => {
                let part = if part.is_root() { "the store".to_owned() } else { part.to_string() };
                write!(f, "{part} is owned by {owner}; a part has one owner")
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Store(error) => Some(error),
            Error::File { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl From<structstore::Error> for Error {
    fn from(error: structstore::Error) -> Error {
        Error::Store(error)
    }
}
