//! The status that functions return.

use std::cell::RefCell;
use std::ffi::c_char;
use std::panic::{AssertUnwindSafe, catch_unwind};

use structstore::{Error, ErrorKind, Result};

/// The result of a function. The numbers do not change between versions.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum stst_status {
    /// Success.
    STST_OK = 0,
    /// There is no field of that name.
    STST_NOT_FOUND = 1,
    /// A field of that name already exists.
    STST_ALREADY_EXISTS = 2,
    /// A value does not have the requested or declared type.
    STST_WRONG_TYPE = 3,
    /// A number does not fit the requested or declared type.
    STST_OUT_OF_RANGE = 4,
    /// A value is outside of the limits declared for its field.
    STST_OUTSIDE_LIMITS = 5,
    /// An index is beyond the end of a list.
    STST_INDEX_OUT_OF_RANGE = 6,
    /// A structure would nest deeper than the format allows.
    STST_TOO_DEEP = 7,
    /// The store cannot hold a value of this type.
    STST_UNSUPPORTED = 8,
    /// A conversion refused a value.
    STST_REJECTED = 9,
    /// The value of a handle was removed or replaced.
    STST_STALE_HANDLE = 10,
    /// This thread holds a guard; only that guard may operate on what it covers.
    STST_HELD_BY_GUARD = 11,
    /// This thread has an open transaction that covers only a part of the change.
    STST_IN_TRANSACTION = 12,
    /// This thread would wait for itself.
    STST_DEADLOCK = 13,
    /// A lock was not granted in time.
    STST_LOCK_TIMEOUT = 14,
    /// A process died while it changed the structure, and this read-only attachment cannot repair it.
    STST_ABANDONED = 15,
    /// A read-only attachment found no moment without a change.
    STST_CONTENDED = 16,
    /// The type of a field is declared: it can be assigned, but not removed or retyped.
    STST_DECLARED = 17,
    /// A struct has another version of its type.
    STST_OTHER_VERSION = 18,
    /// A struct is in use, so it can be removed or replaced only if that is forced.
    STST_BOUND = 19,
    /// No sample of a stream has been published yet.
    STST_NO_SAMPLE = 20,
    /// Another process publishes to a stream.
    STST_HAS_PUBLISHER = 21,
    /// The frames of a stream are in use.
    STST_FRAMES_PINNED = 22,
    /// Views of an array exist.
    STST_LEASED = 23,
    /// A name cannot be that of a field or a store.
    STST_INVALID_NAME = 24,
    /// An argument is not acceptable.
    STST_INVALID_ARGUMENT = 25,
    /// More is in use than the format has room for.
    STST_TOO_MANY = 26,
    /// A signal interrupted a wait.
    STST_INTERRUPTED = 27,
    /// A store cannot grow any further.
    STST_OUT_OF_SPACE = 28,
    /// A store that was opened read-only, or as an observer, cannot be changed.
    STST_READ_ONLY = 29,
    /// A store is in use by others.
    STST_IN_USE = 30,
    /// A store could not be attached in this forked process.
    STST_DETACHED = 31,
    /// A store belongs to another user.
    STST_FOREIGN_OWNER = 32,
    /// A store or snapshot has another format.
    STST_MISMATCH = 33,
    /// A store was not there, or not ready, in time.
    STST_NOT_READY = 34,
    /// The memory of a store is damaged.
    STST_CORRUPT = 35,
    /// The operating system reported an error.
    STST_IO = 36,
    /// A fault in this library.
    STST_PANIC = 100,
    /// An error that this version of the header does not know.
    STST_OTHER = 101,
}

use stst_status::*;

fn status_of(kind: ErrorKind) -> stst_status {
    match kind {
        ErrorKind::NotFound => STST_NOT_FOUND,
        ErrorKind::AlreadyExists => STST_ALREADY_EXISTS,
        ErrorKind::WrongType => STST_WRONG_TYPE,
        ErrorKind::OutOfRange => STST_OUT_OF_RANGE,
        ErrorKind::OutsideLimits => STST_OUTSIDE_LIMITS,
        ErrorKind::IndexOutOfRange => STST_INDEX_OUT_OF_RANGE,
        ErrorKind::TooDeep => STST_TOO_DEEP,
        ErrorKind::Unsupported => STST_UNSUPPORTED,
        ErrorKind::Rejected => STST_REJECTED,
        ErrorKind::StaleHandle => STST_STALE_HANDLE,
        ErrorKind::HeldByGuard => STST_HELD_BY_GUARD,
        ErrorKind::InTransaction => STST_IN_TRANSACTION,
        ErrorKind::Deadlock => STST_DEADLOCK,
        ErrorKind::LockTimeout => STST_LOCK_TIMEOUT,
        ErrorKind::Abandoned => STST_ABANDONED,
        ErrorKind::Contended => STST_CONTENDED,
        ErrorKind::Declared => STST_DECLARED,
        ErrorKind::OtherVersion => STST_OTHER_VERSION,
        ErrorKind::Bound => STST_BOUND,
        ErrorKind::NoSample => STST_NO_SAMPLE,
        ErrorKind::HasPublisher => STST_HAS_PUBLISHER,
        ErrorKind::FramesPinned => STST_FRAMES_PINNED,
        ErrorKind::Leased => STST_LEASED,
        ErrorKind::InvalidName => STST_INVALID_NAME,
        ErrorKind::InvalidArgument => STST_INVALID_ARGUMENT,
        ErrorKind::TooMany => STST_TOO_MANY,
        ErrorKind::Interrupted => STST_INTERRUPTED,
        ErrorKind::OutOfSpace => STST_OUT_OF_SPACE,
        ErrorKind::ReadOnly => STST_READ_ONLY,
        ErrorKind::InUse => STST_IN_USE,
        ErrorKind::Detached => STST_DETACHED,
        ErrorKind::ForeignOwner => STST_FOREIGN_OWNER,
        ErrorKind::Mismatch => STST_MISMATCH,
        ErrorKind::NotReady => STST_NOT_READY,
        ErrorKind::Corrupt => STST_CORRUPT,
        ErrorKind::Io => STST_IO,
        _ => STST_OTHER,
    }
}

/// The last error of a thread, as texts.
#[derive(Default)]
struct Last {
    message: String,
    path: String,
}

thread_local! {
    static LAST: RefCell<Last> = RefCell::default();
}

/// Runs the body of a C function and records its error.
#[inline]
pub(crate) fn status(work: impl FnOnce() -> Result<()>) -> stst_status {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(())) => STST_OK,
        Ok(Err(error)) => failed(&error),
        Err(_) => {
            remember(Last { message: "a fault in structstore".to_owned(), path: String::new() });
            STST_PANIC
        }
    }
}

#[cold]
fn failed(error: &Error) -> stst_status {
    let path = error.path().map(ToString::to_string).unwrap_or_default();
    remember(Last { message: error.to_string(), path });
    status_of(error.kind())
}

fn remember(last: Last) {
    // Not in a destructor of a thread that has none any more.
    let _ = LAST.try_with(|place| place.replace(last));
}

/// The message of the last error of this thread. The pointer is valid until the next call that fails on this thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_error_message(length: *mut usize) -> *const c_char {
    // SAFETY: see the crate.
    unsafe { last(length, |last| &last.message) }
}

/// The path of the field or item that the last error of this thread is about, or an empty string. Valid as long as the message.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_error_path(length: *mut usize) -> *const c_char {
    // SAFETY: see the crate.
    unsafe { last(length, |last| &last.path) }
}

/// # Safety
///
/// `length` is null or can be written to.
unsafe fn last(length: *mut usize, part: impl FnOnce(&Last) -> &String) -> *const c_char {
    LAST.try_with(|last| {
        let last = last.borrow();
        let text = part(&last);
        if !length.is_null() {
            // SAFETY: the caller's promise.
            unsafe { length.write(text.len()) };
        }
        text.as_ptr().cast()
    })
    .unwrap_or(std::ptr::null())
}
