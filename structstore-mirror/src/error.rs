//! What can go wrong with a mirror.

use std::fmt;

/// Why a mirror cannot be, or has ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// An argument makes no sense, or is not safe.
    Invalid(String),
    /// The network does not do what it should.
    Network(String),
    /// The store says so.
    Store(structstore::Error),
    /// A file cannot be read or written.
    File {
        /// Which file.
        file: std::path::PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Another process owns the part.
    Owned {
        /// The part.
        part: structstore::path::Path,
        /// Host and process id of its owner.
        owner: String,
    },
}

/// The result of what is done with mirrors.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn network(error: impl fmt::Display) -> Error {
        Error::Network(error.to_string())
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
