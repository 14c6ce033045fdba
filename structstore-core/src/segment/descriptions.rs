//! The open file descriptions that hold this process's lock bytes, so that a forked child can close them.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicI32, Ordering};

use parking_lot::{Mutex, MutexGuard};

/// The descriptors of all of them.
static OPEN: Mutex<Vec<RawFd>> = Mutex::new(Vec::new());

/// No descriptor: that of the parent, which a child could not replace.
const NONE: RawFd = -1;

/// One of them. What it leads to changes once in its life, in a child.
pub(crate) struct Description(AtomicI32);

impl Description {
    pub(crate) fn new(file: OwnedFd) -> Description {
        let mut open = OPEN.lock();
        let raw = file.into_raw_fd();
        open.push(raw);
        Description(AtomicI32::new(raw))
    }

    /// In a child, which has closed the one before: takes over from `heir`, or is none from now on.
    pub(crate) fn inherit(&self, heir: Option<Description>) {
        let raw = heir.map_or(NONE, |heir| heir.0.swap(NONE, Ordering::Relaxed));
        self.0.store(raw, Ordering::Relaxed);
    }
}

impl AsFd for Description {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: open for as long as self, but for a child that has none; then calls fail, for no file has descriptor
        // 2^31 - 1. (-1 must not be borrowed.)
        unsafe {
            BorrowedFd::borrow_raw(match self.0.load(Ordering::Relaxed) {
                NONE => RawFd::MAX,
                raw => raw,
            })
        }
    }
}

impl AsRawFd for Description {
    fn as_raw_fd(&self) -> RawFd {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Description {
    fn drop(&mut self) {
        let raw = self.0.load(Ordering::Relaxed);
        if raw != NONE {
            let mut open = OPEN.lock();
            open.retain(|other| *other != raw);
            // SAFETY: this is its owner. Under the lock, so that no child inherits it unseen.
            unsafe { libc::close(raw) };
        }
    }
}

/// All of them, which do not come or go meanwhile.
pub(crate) struct Descriptions(MutexGuard<'static, Vec<RawFd>>);

pub(crate) fn lock() -> Descriptions {
    Descriptions(OPEN.lock())
}

impl Descriptions {
    /// In a child: closes all of them but these.
    pub(crate) fn close_all_but(&mut self, kept: Vec<RawFd>) {
        for raw in self.0.drain(..).filter(|raw| !kept.contains(raw)) {
            // SAFETY: the objects that own these descriptors are told to forget them (`Description::inherit`), or belong
            // to threads that do not exist here.
            unsafe { libc::close(raw) };
        }
        *self.0 = kept;
    }
}
