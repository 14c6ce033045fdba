//! What can go wrong, as one enum of things that a caller may do something about.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

/// A result whose error is [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What [`Error::NotReady`] says of a segment whose creator is not done.
pub(crate) const INITIALISING: &str = "still being initialised by another process";

/// A result of the engine. [`enum@Error`] is large, and a result that is as large travels through memory, written in parts
/// and read whole, which takes longer than a lock; with the error in a box it travels in registers.
pub(crate) type BoxedResult<T, E = Box<Error>> = std::result::Result<T, E>;

/// What went wrong, where, what was found and what was expected.
///
/// Paths read as in Rust and Python: `settings.gains[2]`. A name that would not be read as one there is quoted, with the
/// escapes of JSON: `settings."gain.x"[2]`. An operation that returns an error has changed nothing, unless its
/// documentation says otherwise.
///
/// ```
/// use structstore::{Error, StructStore};
///
/// let store = StructStore::new();
/// store.set("name", "robot")?;
/// let error = store.get::<i64>("name").unwrap_err();
/// assert!(matches!(error, Error::WrongType { .. }));
/// assert_eq!(error.to_string(), "name: found text, expected i64");
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no field of that name.
    #[error("{path}: no such field")]
    NotFound {
        /// The field that was asked for.
        path: String,
    },
    /// There is a field of that name already.
    #[error("{path}: a field of this name exists already")]
    AlreadyExists {
        /// The field that exists.
        path: String,
    },
    /// A value is of another type than the one asked for or declared.
    #[error("{path}: found {found}, expected {expected}", path = shown(path))]
    WrongType {
        /// Where the value is, or was to go.
        path: String,
        /// The type that was found.
        found: Cow<'static, str>,
        /// The type that was expected.
        expected: Cow<'static, str>,
    },
    /// A number does not fit the type that was asked for or declared.
    #[error("{path}: {value} does not fit {expected}", path = shown(path))]
    OutOfRange {
        /// Where the number is, or was to go.
        path: String,
        /// The number.
        value: String,
        /// The type that cannot hold it.
        expected: Cow<'static, str>,
    },
    /// An index is beyond the end of a list.
    #[error("{path}: index {index} is out of range for a list of length {len}", path = shown(path))]
    IndexOutOfRange {
        /// The list.
        path: String,
        /// The index that was asked for.
        index: usize,
        /// How many items the list has.
        len: usize,
    },
    /// A name cannot be the name of a field or a segment.
    #[error("{name:?} is not a valid {of}: {reason}")]
    InvalidName {
        /// The name, shortened where it is long.
        name: String,
        /// What it was to name.
        of: &'static str,
        /// Why not.
        reason: &'static str,
    },
    /// An argument is not acceptable.
    #[error("{argument}: found {found}, expected {expected}")]
    InvalidArgument {
        /// The argument's name.
        argument: &'static str,
        /// What was given.
        found: String,
        /// What would have been accepted.
        expected: String,
    },
    /// A structure would nest deeper than the format allows.
    #[error("{path}: nested deeper than the limit of {limit} levels", path = shown(path))]
    TooDeep {
        /// Where the limit was passed.
        path: String,
        /// The limit.
        limit: usize,
    },
    /// A value of a type that the store cannot hold.
    #[error("{path}: cannot store {found}; {expected}", path = shown(path))]
    Unsupported {
        /// The offending element.
        path: String,
        /// What it is.
        found: String,
        /// What can be stored in its stead.
        expected: Cow<'static, str>,
    },
    /// A conversion of the user's own refused a value: `from_stored` of a `with` module, `Serialize` or `Deserialize`.
    #[error("{path}: {reason}", path = shown(path))]
    Rejected {
        /// Where the value is, or was to go.
        path: String,
        /// What the conversion said.
        reason: String,
    },
    /// The segment cannot grow any further.
    #[error("out of space in {place}: {needed} more bytes are needed; {reason}")]
    OutOfSpace {
        /// The segment.
        place: String,
        /// How many more bytes were needed.
        needed: u64,
        /// What stands in the way, and what can be done.
        reason: String,
    },
    /// The structure that a handle, guard or binding names has been removed or replaced.
    #[error("{}the structure was removed or replaced since this handle was made", prefix(path))]
    StaleHandle {
        /// Where a part of the structure was looked for; empty for the structure itself, whose place may be another one's by
        /// now.
        path: String,
    },
    /// A guard of this thread covers the structure; only that guard may operate on it.
    #[error("{path}: a guard of this thread holds it; use the guard, or drop it first", path = shown(path))]
    HeldByGuard {
        /// The structure that is held.
        path: String,
    },
    /// A transaction of this thread is under way, of a part of what was to be changed as a whole, or of something else
    /// than what another transaction was to be begun on.
    #[error("{path}: a transaction of this thread is under way; end it first", path = shown(path))]
    InTransaction {
        /// The structure that was to be changed.
        path: String,
    },
    /// This thread would wait for itself.
    #[error("{path}: this thread holds a shared lock that covers it, so an exclusive one would wait for ever",
        path = shown(path))]
    Deadlock {
        /// The structure that was to be locked.
        path: String,
    },
    /// A process died while it was changing the structure, and this attachment, being read-only, cannot repair it.
    #[error("{path}: a process died while it was changing this; attach with write permission to have it repaired",
        path = shown(path))]
    Abandoned {
        /// The structure that was to be read.
        path: String,
    },
    /// The structure was changed again and again while it was read, so that no copy as of one moment could be made. Only an
    /// attachment without write permission meets this, for it may take no lock. What is read of it in parts, one field at a
    /// time, is right in itself.
    #[error("{path}: changed again and again while it was read; read it in parts, or attach with write permission",
        path = shown(path))]
    Contended {
        /// The structure that was to be read.
        path: String,
    },
    /// The lock was not granted in time.
    #[error("{path}: not locked within {waited:?}", path = shown(path))]
    LockTimeout {
        /// The structure that was to be locked.
        path: String,
        /// For how long this thread waited.
        waited: Duration,
    },
    /// A wait was interrupted by a signal handler.
    #[error("interrupted while waiting")]
    Interrupted,
    /// A thread holds, or a segment has attached, more than the format has room for.
    #[error("too many {what}: the limit is {limit}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// A typed binding has fixed the field's type: it can be assigned, but not removed, renamed or retyped.
    #[error("{path}: declared by a binding as {declared}, so it cannot be {action}", path = shown(path))]
    Declared {
        /// The field.
        path: String,
        /// The type it was declared with.
        declared: Cow<'static, str>,
        /// What was to be done.
        action: &'static str,
    },
    /// Views of the array exist, so that it cannot be lent as a slice.
    #[error("{path}: views of the array exist; copy it, or assign it to publish a new block", path = shown(path))]
    Leased {
        /// The array.
        path: String,
    },
    /// The segment was attached read-only.
    #[error("{place} is attached read-only")]
    ReadOnly {
        /// The segment.
        place: String,
    },
    /// This process was forked while it could not be attached to the segment, for want of a descriptor or of room. Its views
    /// of arrays keep what they had, in memory of its own.
    #[error(
        "{place} is not attached: this process was forked when it could not be ({reason}); open it again"
    )]
    Detached {
        /// The segment.
        place: String,
        /// What stood in the way.
        reason: String,
    },
    /// The segment belongs to another user, who might cut it off while it is mapped here, which would end this process;
    /// see [`Options::any_owner`](crate::Options::any_owner).
    #[error(
        "{place} belongs to user {owner}, expected user {user}, as whom this process runs; with `any_owner` it is \
             opened all the same"
    )]
    ForeignOwner {
        /// The segment.
        place: String,
        /// The id of the user to whom it belongs.
        owner: u32,
        /// The id of the user as whom this process runs.
        user: u32,
    },
    /// The bytes are not a StructStore segment or image that this version can use.
    #[error("{place}: {what} is {found}, expected {expected}")]
    Mismatch {
        /// The segment or image.
        place: String,
        /// Which property differs.
        what: &'static str,
        /// What was found.
        found: String,
        /// What was expected.
        expected: String,
    },
    /// The segment was not there, or not ready, in time.
    #[error("{place}: {reason} after {waited:?}")]
    NotReady {
        /// The segment.
        place: String,
        /// What was waited for.
        reason: &'static str,
        /// For how long this thread waited.
        waited: Duration,
    },
    /// A segment or an image holds bytes that break the format.
    #[error("corrupt at {place}: found {found}, expected {expected}")]
    Corrupt {
        /// Which part of the segment or image.
        place: String,
        /// What was found there.
        found: String,
        /// What the format asks for.
        expected: Cow<'static, str>,
    },
    /// The operating system refused.
    #[error("cannot {action} {place}{detail}: {source}")]
    Io {
        /// What was attempted.
        action: &'static str,
        /// The file or segment.
        place: String,
        /// More about it: the mode, the directory.
        detail: String,
        /// The operating system's error.
        #[source]
        source: std::io::Error,
    },
}

impl From<Box<Error>> for Error {
    #[cold]
    fn from(error: Box<Error>) -> Error {
        *error
    }
}

/// A path in front of a message, where one is known.
fn prefix(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!("{path}: ") }
}

/// The root has no name; errors about it say so.
fn shown(path: &str) -> &str {
    if path.is_empty() { "the root" } else { path }
}

impl Error {
    #[cold]
    pub(crate) fn corrupt(
        place: impl std::fmt::Display,
        found: impl std::fmt::Display,
        expected: &'static str,
    ) -> Box<Error> {
        Box::new(Error::Corrupt {
            place: place.to_string(),
            found: found.to_string(),
            expected: expected.into(),
        })
    }

    #[cold]
    pub(crate) fn stale() -> Box<Error> {
        Box::new(Error::StaleHandle { path: String::new() })
    }

    /// The path that this error is about, where it is about one.
    ///
    /// ```
    /// let store = structstore::StructStore::new();
    /// assert_eq!(store.get::<f64>("speed").unwrap_err().path(), Some("speed"));
    /// ```
    pub fn path(&self) -> Option<&str> {
        match self {
            Error::NotFound { path }
            | Error::AlreadyExists { path }
            | Error::WrongType { path, .. }
            | Error::OutOfRange { path, .. }
            | Error::IndexOutOfRange { path, .. }
            | Error::TooDeep { path, .. }
            | Error::Unsupported { path, .. }
            | Error::Rejected { path, .. }
            | Error::StaleHandle { path }
            | Error::HeldByGuard { path }
            | Error::Abandoned { path }
            | Error::Contended { path }
            | Error::InTransaction { path }
            | Error::Deadlock { path }
            | Error::LockTimeout { path, .. }
            | Error::Declared { path, .. }
            | Error::Leased { path } => Some(path),
            _ => None,
        }
    }

    fn path_mut(&mut self) -> Option<&mut String> {
        match self {
            Error::NotFound { path }
            | Error::AlreadyExists { path }
            | Error::WrongType { path, .. }
            | Error::OutOfRange { path, .. }
            | Error::IndexOutOfRange { path, .. }
            | Error::TooDeep { path, .. }
            | Error::Unsupported { path, .. }
            | Error::Rejected { path, .. }
            | Error::StaleHandle { path }
            | Error::HeldByGuard { path }
            | Error::Abandoned { path }
            | Error::Contended { path }
            | Error::InTransaction { path }
            | Error::Deadlock { path }
            | Error::LockTimeout { path, .. }
            | Error::Declared { path, .. }
            | Error::Leased { path } => Some(path),
            _ => None,
        }
    }

    /// Prefixes the error's path with the name of the field that contains what it is about.
    #[cold]
    pub fn under(self, name: &str) -> Error {
        self.below(&quoted(name))
    }

    /// Prefixes the error's path with the path of what contains what it is about.
    #[cold]
    pub fn below(mut self, parent: &str) -> Error {
        if let Some(path) = self.path_mut() {
            *path = join(parent, path);
        }
        self
    }

    /// Prefixes the error's path with the index of the list item that contains what it is about.
    #[cold]
    pub fn under_index(self, index: usize) -> Error {
        self.below(&format!("[{index}]"))
    }
}

/// A name as paths show it: in quotes where it would be read as something else, or would do something to a terminal.
pub fn quoted(name: &str) -> Cow<'_, str> {
    if !name.is_empty() && !name.contains(|c| matches!(c, '.' | '[' | ']' | '"' | '\\') || is_unprintable(c))
    {
        return name.into();
    }
    let mut quoted = "\"".to_owned();
    for character in name.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            // All of these lie in the first plane, so that one escape of JSON says them.
            other if is_unprintable(other) => {
                let _ = write!(quoted, "\\u{:04x}", other as u32);
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted.into()
}

/// Whether a character controls how others are shown: control codes, line separators, directions, marks without width.
pub fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(character, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// Joins two parts of a path: a dot before a name, nothing before an index.
pub fn join(parent: &str, child: &str) -> String {
    match (parent.is_empty(), child.is_empty(), child.starts_with('[')) {
        (true, _, _) => child.to_owned(),
        (_, true, _) => parent.to_owned(),
        (_, _, true) => format!("{parent}{child}"),
        _ => format!("{parent}.{child}"),
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn names_that_would_be_misread_are_quoted() {
        for plain in ["num", "two words", "größe", "ключ", "1", "a-b", "'"] {
            assert_eq!(quoted(plain), plain);
        }
        for (name, shown) in [
            ("", r#""""#),
            ("a.b", r#""a.b""#),
            ("a[0]", r#""a[0]""#),
            ("say \"no\"", r#""say \"no\"""#),
            ("back\\slash", r#""back\\slash""#),
            ("\u{1b}[2J\n", r#""\u001b[2J\n""#),
            ("a\u{202e}b", r#""a\u202eb""#),
        ] {
            assert_eq!(quoted(name), shown);
        }
    }
}
