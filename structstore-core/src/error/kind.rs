//! The kinds of errors.

#[cfg(doc)]
use super::Error;

/// Lists the kinds, so that tables of them can be checked to be complete.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident,)*) => {
        /// The kinds of errors, each of them something that a caller may do something about.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[non_exhaustive]
        pub enum ErrorKind {
            $($(#[$doc])* $kind,)*
        }

        impl ErrorKind {
            /// All kinds that this version knows.
            pub const ALL: &[ErrorKind] = &[$(ErrorKind::$kind),*];
        }
    };
}

kinds! {
    /// There is no field of that name.
    NotFound,
    /// A field of that name already exists.
    AlreadyExists,
    /// A value does not have the requested or declared type.
    WrongType,
    /// A number does not fit the requested or declared type.
    OutOfRange,
    /// A value is outside of the limits declared for its field.
    OutsideLimits,
    /// An index is beyond the end of a list.
    IndexOutOfRange,
    /// A structure would nest deeper than the format allows.
    TooDeep,
    /// The store cannot hold a value of this type.
    Unsupported,
    /// A conversion of the user's own refused a value: `from_stored` of a `with` module, `Serialize` or `Deserialize`. Or a
    /// transaction was refused by [`Error::rejected`].
    Rejected,
    /// The structure that a handle, guard or binding names has been removed or replaced.
    StaleHandle,
    /// This thread holds a guard on the structure; only that guard may operate on it.
    HeldByGuard,
    /// This thread has an open transaction that covers only a part of the change, or another structure than a new transaction
    /// needs.
    InTransaction,
    /// This thread would wait for itself.
    Deadlock,
    /// The lock was not granted in time.
    LockTimeout,
    /// A process died while modifying the structure, and this read-only attachment cannot repair it.
    Abandoned,
    /// The structure changed again and again while it was read, so no copy as of one moment could be made. Only read-only
    /// attachments get this error, because they cannot take locks. Reading the structure in parts, one field at a time, gives
    /// values that are each correct.
    Contended,
    /// A typed binding has fixed the field's type: it can be assigned, but not removed, renamed or retyped.
    Declared,
    /// A struct has another version of the type: a newer one, or an older one that this process may not migrate.
    OtherVersion,
    /// A live binding or pin uses it, so it can be removed or replaced only if that is forced.
    Bound,
    /// No sample of the stream has been published yet.
    NoSample,
    /// Another process publishes to the stream.
    HasPublisher,
    /// All frames of the stream are in use by readers, or this process is filling one.
    FramesPinned,
    /// Views of the array exist, so it cannot be lent as a slice.
    Leased,
    /// A name cannot be the name of a field or a segment.
    InvalidName,
    /// An argument is not acceptable.
    InvalidArgument,
    /// A thread holds more locks, or a segment has more threads or processes, than the format has room for.
    TooMany,
    /// A signal handler interrupted a wait.
    Interrupted,
    /// The segment cannot grow any further.
    OutOfSpace,
    /// The store was opened read-only, or as an observer.
    ReadOnly,
    /// Processes have the store open to change it, so its name is not removed.
    InUse,
    /// This process was forked, and could not attach to the segment because a descriptor or room was missing. Its views of
    /// arrays keep their contents in private memory.
    Detached,
    /// The segment belongs to another user, who could truncate it while it is mapped here, which would kill this process;
    /// see [`Options::any_owner`](crate::Options::any_owner).
    ForeignOwner,
    /// The bytes are not a StructStore segment or snapshot that this version can use.
    Mismatch,
    /// The segment was not there, or not ready, in time.
    NotReady,
    /// A segment or a snapshot contains bytes that violate the format.
    Corrupt,
    /// The operating system reported an error; see [`Error::io`].
    Io,
}

impl ErrorKind {
    /// Whether errors of this kind are about something in a store, which a path leads to.
    pub(super) fn has_path(self) -> bool {
        !matches!(
            self,
            ErrorKind::InvalidName
                | ErrorKind::InvalidArgument
                | ErrorKind::TooMany
                | ErrorKind::Interrupted
                | ErrorKind::OutOfSpace
                | ErrorKind::ReadOnly
                | ErrorKind::InUse
                | ErrorKind::Detached
                | ErrorKind::ForeignOwner
                | ErrorKind::Mismatch
                | ErrorKind::NotReady
                | ErrorKind::Corrupt
                | ErrorKind::Io
        )
    }

    /// Whether errors of this kind say of a field or item that it does not fit a type, so that others may be said beside it.
    pub(super) fn is_misfit(self) -> bool {
        matches!(
            self,
            ErrorKind::NotFound
                | ErrorKind::AlreadyExists
                | ErrorKind::WrongType
                | ErrorKind::OutOfRange
                | ErrorKind::OutsideLimits
                | ErrorKind::Declared
                | ErrorKind::Bound
        )
    }
}
