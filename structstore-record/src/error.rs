//! What can go wrong with a recording.

use std::fmt;
use std::io;
use std::path::{Path as FilePath, PathBuf};

use structstore::path::Path;

/// Why a recording cannot be made or read.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read or written.
    File {
        /// Which file.
        file: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file is no recording of a store, or is damaged.
    Damaged {
        /// Which file.
        file: PathBuf,
        /// What is wrong with it.
        found: String,
    },
    /// Nothing of this path is recorded.
    NotRecorded(Path),
    /// The store says so.
    Store(structstore::Error),
    /// An argument makes no sense.
    Invalid(String),
}

/// The result of what is done with recordings.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn file(file: &FilePath) -> impl FnOnce(io::Error) -> Error + use<> {
        let file = file.to_owned();
        move |source| Error::File { file, source }
    }

    pub(crate) fn damaged(file: &FilePath, found: impl fmt::Display) -> Error {
        Error::Damaged { file: file.to_owned(), found: found.to_string() }
    }

    /// The system has no thread left.
    pub(crate) fn thread(source: io::Error) -> Error {
        structstore::Error::os("start", "a thread", source).into()
    }

    /// Of what writes files of this format.
    pub(crate) fn writing(file: &FilePath, error: mcap::McapError) -> Error {
        match error {
            mcap::McapError::Io(source) => Error::file(file)(source),
            other => Error::damaged(file, other),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::File { file, source } => write!(f, "{}: {source}", file.display()),
            Error::Damaged { file, found } => write!(f, "{}: {found}", file.display()),
            Error::NotRecorded(path) if path.is_root() => f.write_str("(root): not in this recording"),
            Error::NotRecorded(path) => write!(f, "{path}: not in this recording"),
            Error::Store(error) => error.fmt(f),
            Error::Invalid(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::File { source, .. } => Some(source),
            Error::Store(error) => Some(error),
            Error::Damaged { .. } | Error::NotRecorded(_) | Error::Invalid(_) => None,
        }
    }
}

impl From<structstore::Error> for Error {
    fn from(error: structstore::Error) -> Error {
        Error::Store(error)
    }
}
