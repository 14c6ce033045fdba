//! What can go wrong: one error, its kinds, and the path of the value in question.

mod escape;
mod kind;
mod message;
mod path;

pub(crate) use escape::write_escaped;
pub use escape::{escaped, is_unprintable, line, printable, quoted};
pub use kind::ErrorKind;
pub(crate) use path::Part as PathPart;
pub use path::{Path, Step, ToPath};

use crate::limits::MAX_DEPTH;
use std::borrow::Cow;
use std::fmt;
use std::io;
use std::mem::ManuallyDrop;
use std::time::Duration;

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What is said of a segment whose creator is not done.
pub(crate) const INITIALISING: &str = "still being initialised by another process";

/// Why a store that is not to be created or changed is not ready.
pub(crate) const EMPTY: &str = "empty: no process has initialised it";

/// What went wrong, where, and what was found and expected.
///
/// Match on [`Error::kind`]. Paths read as in Rust and Python: `settings.gains[2]`; see [`Path`](crate::path::Path). An
/// operation that returns an error has changed nothing, unless its documentation says otherwise.
///
/// ```
/// use structstore::{ErrorKind, StructStore};
///
/// let store = StructStore::new();
/// store.set("name", "robot")?;
/// let error = store.get::<i64>("name").unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::WrongType);
/// assert_eq!((error.found(), error.expected()), (Some("str"), Some("i64")));
/// assert_eq!(error.to_string(), "name: found str, expected i64");
/// # Ok::<(), structstore::Error>(())
/// ```
///
/// # Errors of all operations
///
/// Methods list the errors that are particular to them. Any operation on a handle may also fail with
/// [`StaleHandle`](ErrorKind::StaleHandle) if its value was removed or replaced, with
/// [`HeldByGuard`](ErrorKind::HeldByGuard) if a guard of this thread covers it, with [`Deadlock`](ErrorKind::Deadlock) if this
/// thread would wait for itself, with [`Corrupt`](ErrorKind::Corrupt) if the memory is damaged, and with
/// [`Detached`](ErrorKind::Detached) in a forked child that could not attach. An operation that changes something may also fail with
/// [`ReadOnly`](ErrorKind::ReadOnly), [`OutOfSpace`](ErrorKind::OutOfSpace), [`TooMany`](ErrorKind::TooMany) threads, and
/// [`InTransaction`](ErrorKind::InTransaction). An operation that reads through a read-only attachment may also fail with
/// [`Contended`](ErrorKind::Contended) and [`Abandoned`](ErrorKind::Abandoned).
// In a box: a result that is large travels through memory, written in parts and read whole, which takes longer than a lock.
pub struct Error(ManuallyDrop<Box<Inner>>);

/// Out of line, so that results that hot loops drop cost a comparison there.
impl Drop for Error {
    #[cold]
    #[inline(never)]
    fn drop(&mut self) {
        // SAFETY: dropped here and nowhere else, and not used after.
        unsafe { ManuallyDrop::drop(&mut self.0) };
    }
}

struct Inner {
    kind: ErrorKind,
    /// From the root, or from what the operation at hand knows.
    path: Path,
    /// Whether the path begins at the root.
    located: bool,
    /// The argument, the property, the action: what the message is about, where it is not a field.
    subject: &'static str,
    found: Cow<'static, str>,
    expected: Cow<'static, str>,
    segment: Option<Box<str>>,
    waited: Duration,
    io: Option<io::Error>,
    /// All that is wrong, each with a path of its own, if it is more than this.
    all: Vec<Error>,
}

impl Error {
    /// An error of this kind.
    #[cold]
    pub fn new(kind: ErrorKind) -> Error {
        Error(ManuallyDrop::new(Box::new(Inner {
            kind,
            path: Path::ROOT,
            located: false,
            subject: "",
            found: Cow::Borrowed(""),
            expected: Cow::Borrowed(""),
            segment: None,
            waited: Duration::ZERO,
            io: None,
            all: Vec::new(),
        })))
    }

    /// All that does not fit, as one error, which is of the kind of the first. Another kind of error goes alone. `None` if there are none.
    #[cold]
    pub(crate) fn all(errors: impl IntoIterator<Item = Error>) -> Option<Error> {
        let mut all = Vec::new();
        for mut error in errors {
            if !error.0.kind.is_misfit() {
                return Some(error);
            }
            match error.0.all.is_empty() {
                true => all.push(error),
                false => all.append(&mut error.0.all),
            }
        }
        if all.len() < 2 {
            return all.pop();
        }
        let first = all.first()?;
        let mut error =
            Error::new(first.0.kind).finding(first.0.found.clone()).expecting(first.0.expected.clone());
        (error.0.path, error.0.subject) = (first.0.path.clone(), first.0.subject);
        error.0.all = all;
        Some(error)
    }

    /// The errors that this one reports: itself, or several. [`Struct::bind`](crate::Struct::bind) reports all fields that do not fit in one
    /// error, which has kind, path and so on of the first.
    ///
    /// ```
    /// use structstore::StructStore;
    ///
    /// #[derive(StructStore)]
    /// struct Arm {
    ///     mode: String,
    ///     speed: f64,
    /// }
    ///
    /// let store = StructStore::new();
    /// store.update([("mode", 1), ("speed", 2)])?;
    /// let error = store.bind::<Arm>().err().unwrap();
    /// let paths: Vec<_> = error.errors().map(|error| error.path().unwrap().to_string()).collect();
    /// assert_eq!(paths, ["mode", "speed"]);
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn errors(&self) -> impl Iterator<Item = &Error> {
        let itself = self.0.all.is_empty().then_some(self);
        itself.into_iter().chain(&self.0.all)
    }

    /// The refusal of a value, or of a transaction, for a reason of your own.
    ///
    /// ```
    /// use structstore::{Error, ErrorKind, StructStore};
    ///
    /// let store = StructStore::new();
    /// store.set("speed", 1.0)?;
    /// let refused = store.transaction(|store| {
    ///     store.set("speed", 99.0)?;
    ///     Err::<(), _>(Error::rejected("too fast"))
    /// });
    /// assert_eq!(refused.unwrap_err().kind(), ErrorKind::Rejected);
    /// assert_eq!(store.get::<f64>("speed")?, 1.0);
    /// # Ok::<(), Error>(())
    /// ```
    #[cold]
    pub fn rejected(reason: impl fmt::Display) -> Error {
        Error::new(ErrorKind::Rejected).finding(reason.to_string())
    }

    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The path of what this error is about, if it is about something in a store.
    ///
    /// ```
    /// let store = structstore::StructStore::new();
    /// let error = store.get::<f64>("speed").unwrap_err();
    /// assert_eq!(error.path().unwrap(), "speed");
    /// ```
    pub fn path(&self) -> Option<&Path> {
        self.0.kind.has_path().then_some(&self.0.path)
    }

    /// What was found: a type, a value, a reason.
    pub fn found(&self) -> Option<&str> {
        Some(&*self.0.found).filter(|found| !found.is_empty())
    }

    /// What was expected: a type, a limit, a remedy.
    pub fn expected(&self) -> Option<&str> {
        Some(&*self.0.expected).filter(|expected| !expected.is_empty())
    }

    /// The argument, the property or the action that the error is about, if it is about one.
    pub fn subject(&self) -> Option<&str> {
        Some(self.0.subject).filter(|subject| !subject.is_empty())
    }

    /// The segment or file, if the error is about one as a whole.
    pub fn segment(&self) -> Option<&str> {
        self.0.segment.as_deref()
    }

    /// How long this thread waited in vain.
    pub fn waited(&self) -> Option<Duration> {
        matches!(self.0.kind, ErrorKind::LockTimeout | ErrorKind::NotReady).then_some(self.0.waited)
    }

    /// The error of the operating system.
    pub fn io(&self) -> Option<&io::Error> {
        self.0.io.as_ref()
    }

    /// Whether a field is missing, perhaps besides others that do not fit.
    pub(crate) fn lacks_fields(&self) -> bool {
        self.errors().any(|error| error.kind() == ErrorKind::NotFound)
    }

    /// Whether it says that a field does not fit a type.
    pub(crate) fn is_misfit(&self) -> bool {
        self.0.kind.is_misfit()
    }

    /// Whether there is no segment or file of that name.
    pub(crate) fn is_missing(&self) -> bool {
        self.io().is_some_and(|io| io.kind() == io::ErrorKind::NotFound)
    }

    /// Whether the system does not permit this process to write.
    pub(crate) fn is_refusal(&self) -> bool {
        let refusals = [io::ErrorKind::PermissionDenied, io::ErrorKind::ReadOnlyFilesystem];
        self.io().is_some_and(|io| refusals.contains(&io.kind()))
    }

    /// Puts a step in front of the path: the name or the index of what contains what the error is about.
    #[cold]
    pub fn under(self, step: impl Into<Step>) -> Error {
        self.below(Path::from_iter([step.into()]))
    }

    /// Puts the path of what contains what the error is about in front of its path.
    #[cold]
    pub fn below(mut self, parent: Path) -> Error {
        for error in &mut self.0.all {
            error.0.path.prepend(parent.clone());
        }
        self.0.path.prepend(parent);
        self
    }

    /// The same error, to whose path nothing is added any more.
    pub(crate) fn located(mut self) -> Error {
        self.0.all.iter_mut().for_each(|error| error.0.located = true);
        self.0.located = true;
        self
    }

    pub(crate) fn is_located(&self) -> bool {
        self.0.located
    }

    pub(crate) fn about(mut self, subject: &'static str) -> Error {
        self.0.subject = subject;
        self
    }

    pub(crate) fn finding(mut self, found: impl Into<Cow<'static, str>>) -> Error {
        self.0.found = found.into();
        self
    }

    pub(crate) fn expecting(mut self, expected: impl Into<Cow<'static, str>>) -> Error {
        self.0.expected = expected.into();
        self
    }

    pub(crate) fn of(mut self, segment: impl Into<Box<str>>) -> Error {
        self.0.segment = Some(segment.into());
        self
    }

    pub(crate) fn after(mut self, waited: Duration) -> Error {
        self.0.waited = waited;
        self
    }

    /// A store whose name or contents are not those that were opened any more: `how` that came.
    #[cold]
    pub(crate) fn gone(how: &'static str) -> Error {
        Error::stale().finding(how)
    }

    #[cold]
    pub(crate) fn stale() -> Error {
        Error::new(ErrorKind::StaleHandle)
    }

    /// A value of the type `found` where one of the type `expected` was wanted.
    #[cold]
    pub fn wrong_type(found: impl Into<Cow<'static, str>>, expected: impl Into<Cow<'static, str>>) -> Error {
        Error::new(ErrorKind::WrongType).finding(found).expecting(expected)
    }

    /// A number that does not fit the type `expected`.
    #[cold]
    pub fn out_of_range(value: impl fmt::Display, expected: impl Into<Cow<'static, str>>) -> Error {
        Error::new(ErrorKind::OutOfRange).finding(value.to_string()).expecting(expected)
    }

    /// A value that is not within the limits of its field.
    #[cold]
    pub(crate) fn outside(
        found: impl Into<Cow<'static, str>>,
        limits: impl Into<Cow<'static, str>>,
    ) -> Error {
        Error::new(ErrorKind::OutsideLimits).finding(found).expecting(limits)
    }

    /// An index beyond the end of a list of length `len`.
    #[cold]
    pub fn index_out_of_range(index: usize, len: usize) -> Error {
        let (found, expected) = (index.to_string(), len.to_string());
        Error::new(ErrorKind::IndexOutOfRange).finding(found).expecting(expected)
    }

    /// Something that nests deeper than a store can hold.
    #[cold]
    pub fn too_deep() -> Error {
        Error::new(ErrorKind::TooDeep).expecting(MAX_DEPTH.to_string())
    }

    /// Something that cannot be stored, and what can be stored instead.
    #[cold]
    pub fn unsupported(found: impl Into<Cow<'static, str>>, expected: impl Into<Cow<'static, str>>) -> Error {
        Error::new(ErrorKind::Unsupported).finding(found).expecting(expected)
    }

    #[cold]
    pub(crate) fn bound(by: String, action: &'static str) -> Error {
        Error::new(ErrorKind::Bound).finding(by).about(action)
    }

    #[cold]
    pub(crate) fn declared(declared: impl Into<Cow<'static, str>>, action: &'static str) -> Error {
        Error::new(ErrorKind::Declared).finding(declared).about(action)
    }

    #[cold]
    pub(crate) fn invalid_name(name: &str, of: &'static str, reason: &'static str) -> Error {
        let shown: String = name.chars().take(64).collect();
        Error::new(ErrorKind::InvalidName).about(of).finding(shown).expecting(reason)
    }

    /// An argument that is not acceptable.
    #[cold]
    pub fn invalid(
        argument: &'static str,
        found: impl Into<Cow<'static, str>>,
        expected: impl Into<Cow<'static, str>>,
    ) -> Error {
        Error::new(ErrorKind::InvalidArgument).about(argument).finding(found).expecting(expected)
    }

    #[cold]
    pub(crate) fn too_many(what: &'static str, limit: usize) -> Error {
        Error::new(ErrorKind::TooMany).about(what).expecting(limit.to_string())
    }

    #[cold]
    pub(crate) fn out_of_space(
        segment: impl Into<Box<str>>,
        needed: u64,
        reason: impl Into<Cow<'static, str>>,
    ) -> Error {
        Error::new(ErrorKind::OutOfSpace).of(segment).finding(needed.to_string()).expecting(reason)
    }

    #[cold]
    pub(crate) fn mismatch(
        segment: impl Into<Box<str>>,
        property: &'static str,
        found: impl Into<Cow<'static, str>>,
        expected: impl Into<Cow<'static, str>>,
    ) -> Error {
        Error::new(ErrorKind::Mismatch).of(segment).about(property).finding(found).expecting(expected)
    }

    /// A segment was not there, or not ready, in time.
    #[cold]
    pub fn not_ready(segment: impl Into<Box<str>>, reason: &'static str, waited: Duration) -> Error {
        Error::new(ErrorKind::NotReady).of(segment).finding(reason).after(waited)
    }

    #[cold]
    pub(crate) fn corrupt(
        place: impl fmt::Display,
        found: impl fmt::Display,
        expected: &'static str,
    ) -> Error {
        let found = format!("found {found}, expected {expected}");
        Error::new(ErrorKind::Corrupt).of(place.to_string()).finding(found)
    }

    /// The operating system refused to `action` the file or segment `place`.
    #[cold]
    pub fn os(action: &'static str, place: impl Into<Box<str>>, source: io::Error) -> Error {
        let mut error = Error::new(ErrorKind::Io).about(action).of(place);
        error.0.io = Some(source);
        error
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.io.as_ref().map(|io| io as _)
    }
}

const _: () = {
    assert!(size_of::<Error>() == 8);
    assert!(size_of::<Result<()>>() == 8);
    assert!(size_of::<Result<i64>>() == 16);
};
