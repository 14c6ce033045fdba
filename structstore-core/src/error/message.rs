//! What an error says.

use std::fmt;
use std::time::Duration;

use super::{Error, ErrorKind, Inner};

/// How many errors a message lists.
const LISTED: usize = 32;

/// The message; a line for each error, where there are several.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.0.all.len();
        if all == 0 {
            return self.write(f);
        }
        write!(f, "{all} fields do not fit:")?;
        for error in self.errors().take(LISTED) {
            f.write_str("\n  ")?;
            error.write(f)?;
        }
        match all.saturating_sub(LISTED) {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}

impl Error {
    /// Writes the message of this error alone.
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, path, located, subject, found, expected, segment, waited, io, all: _ } = &**self.0;
        let segment = segment.as_deref().unwrap_or_default();
        // Of what is not in a store, or not known any more, there is no path.
        if kind.has_path() && (*located || !path.is_root()) {
            write!(f, "{}: ", path.shown())?;
        }
        match kind {
            ErrorKind::NotFound => write!(f, "no such field"),
            ErrorKind::AlreadyExists if !found.is_empty() => {
                write!(f, "its alias {found:?} is the name of another field; remove one of the two")
            }
            ErrorKind::AlreadyExists => write!(f, "a field of this name exists already"),
            ErrorKind::WrongType | ErrorKind::OutsideLimits => {
                write!(f, "found {found}, expected {expected}")
            }
            ErrorKind::OutOfRange => write!(f, "{found} does not fit {expected}"),
            ErrorKind::IndexOutOfRange => {
                write!(f, "index {found} is out of range for length {expected}")
            }
            ErrorKind::TooDeep => write!(f, "nested deeper than the limit of {expected} levels"),
            ErrorKind::Unsupported => write!(f, "cannot store {found}; {expected}"),
            ErrorKind::Rejected => f.write_str(found),
            ErrorKind::StaleHandle if !found.is_empty() => {
                write!(
                    f,
                    "the store was {found}; call revalidate() or open it again to attach to the current store"
                )
            }
            ErrorKind::StaleHandle => {
                write!(f, "the structure was removed or replaced since this handle was made")
            }
            ErrorKind::HeldByGuard => {
                write!(f, "this thread already holds a guard on it; use or drop that guard")
            }
            ErrorKind::InTransaction => write!(f, "this thread is in a transaction; end it first"),
            ErrorKind::Deadlock => {
                write!(
                    f,
                    "this thread holds a shared lock on it, so an exclusive lock would never be granted"
                )
            }
            ErrorKind::LockTimeout => {
                match *waited < Duration::from_millis(1) {
                    true => write!(f, "the lock was not granted at once")?,
                    false => write!(f, "timed out after {waited:.1?} waiting for the lock")?,
                }
                if found.is_empty() { Ok(()) } else { write!(f, " that {found} holds") }
            }
            ErrorKind::Abandoned => {
                write!(f, "a process died while modifying it; open the store read-write to repair it")
            }
            ErrorKind::Contended => {
                write!(
                    f,
                    "changed again and again while it was read; read it in parts, or open the store read-write"
                )
            }
            ErrorKind::Declared => write!(f, "declared as {found}, so it cannot be {subject}"),
            ErrorKind::OtherVersion => write!(f, "found {found}, expected {expected}"),
            ErrorKind::Bound => {
                write!(f, "in use by {found}, so it cannot be {subject}")
            }
            ErrorKind::NoSample => write!(f, "no sample has been published yet"),
            ErrorKind::HasPublisher => {
                write!(
                    f,
                    "{found} publishes to this stream; it can go on after that process releases it or ends"
                )
            }
            ErrorKind::FramesPinned => {
                write!(f, "{found} frames of this stream; drop or publish them, or make the stream deeper")
            }
            ErrorKind::Leased => {
                write!(f, "views of the array exist; copy it, or assign it to publish a new block")
            }
            ErrorKind::InvalidName => write!(f, "{found:?} is not a valid {subject}: {expected}"),
            ErrorKind::InvalidArgument => write!(f, "{subject}: found {found}, expected {expected}"),
            ErrorKind::TooMany => write!(f, "too many {subject}: the limit is {expected}"),
            ErrorKind::Interrupted => write!(f, "interrupted while waiting"),
            ErrorKind::OutOfSpace => {
                write!(f, "out of space in {segment}: {found} more bytes are needed; {expected}")
            }
            ErrorKind::ReadOnly if !found.is_empty() => write!(f, "{segment} is {found}"),
            ErrorKind::ReadOnly => write!(f, "{segment} is attached read-only"),
            ErrorKind::InUse => write!(f, "{segment} is in use: processes have it open"),
            ErrorKind::Detached => {
                write!(
                    f,
                    "{segment} is not attached: this process was forked and could not attach ({found}); open it again"
                )
            }
            ErrorKind::ForeignOwner => {
                write!(
                    f,
                    "{segment} is owned by user {found}, but this process runs as {expected}; set `any_owner` to open it anyway"
                )
            }
            ErrorKind::Mismatch => write!(f, "{segment}: {subject} is {found}, expected {expected}"),
            ErrorKind::NotReady if waited.is_zero() => write!(f, "{segment}: {found}"),
            ErrorKind::NotReady => write!(f, "{segment}: {found} after {waited:.1?}"),
            ErrorKind::Corrupt => write!(f, "corrupt at {segment}: {found}"),
            ErrorKind::Io => {
                write!(f, "cannot {subject} {segment}")?;
                match io {
                    _ if !found.is_empty() => write!(f, ": {found}"),
                    Some(io) => write!(f, ": {io}"),
                    None => Ok(()),
                }
            }
        }
    }
}

/// The kind, and the message.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Error").field(&self.0.kind).field(&format_args!("{self}")).finish()
    }
}
