//! The open file descriptions that hold this process's lock bytes, so that a forked child can close them.
//!
//! A description lives, and its locks with it, for as long as a descriptor or a mapping leads to it. Each one is mapped, a
//! page that nothing ever reads, so that its locks outlive a program that closes all descriptors it finds open, as daemons
//! do. Children do not inherit that page, or they would keep a dead parent alive.

use std::fs::File;
use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Mutex, MutexGuard};

use memmap2::{Advice, MmapOptions, MmapRaw};
use nix::errno::Errno;

use crate::sync::lock;

/// The descriptors of all descriptions, and the files to which they lead.
static OPEN: Mutex<Vec<(RawFd, Identity)>> = Mutex::new(Vec::new());

/// Device and inode of a file, which tell whether a descriptor still leads to it.
type Identity = (u64, u64);

/// No descriptor: that of the parent, which a child could not replace.
const NONE: RawFd = -1;

/// One of the descriptions. Its descriptor changes once in its life, in a child.
pub(crate) struct Description {
    descriptor: AtomicI32,
    /// Keeps the description alive where other code closes the descriptor.
    page: Mutex<Option<MmapRaw>>,
    identity: Identity,
}

impl Description {
    /// Opens a file description of its own. A child `inherits` its page or not; if it does, it has to call
    /// [`Description::inherit`].
    pub(crate) fn open(
        reopen: impl FnOnce() -> io::Result<OwnedFd>,
        inherits: bool,
    ) -> io::Result<Description> {
        // All of this while no child can be made, which would inherit a descriptor that is not listed yet.
        let mut open = lock(&OPEN);
        let file = File::from(reopen()?);
        let found = file.metadata()?;
        let page = MmapOptions::new().len(1).map_raw_read_only(&file)?;
        // An emulator of another processor may refuse: then there is no page.
        let page = (inherits || page.advise(Advice::DontFork).is_ok()).then_some(page);
        let identity = (found.dev(), found.ino());
        let raw = OwnedFd::from(file).into_raw_fd();
        open.push((raw, identity));
        Ok(Description { descriptor: AtomicI32::new(raw), page: Mutex::new(page), identity })
    }

    /// In a child, which has closed the one before: takes over from `heir`, or has no descriptor from now on.
    pub(crate) fn inherit(&self, heir: Option<Description>) {
        let raw = heir.as_ref().map_or(NONE, |heir| heir.descriptor.swap(NONE, Ordering::Relaxed));
        self.descriptor.store(raw, Ordering::Relaxed);
        let page = heir.and_then(|heir| lock(&heir.page).take());
        // Were grandchildren to inherit it, they would keep this process's byte for as long as they live.
        let page = page.filter(|page| page.advise(Advice::DontFork).is_ok());
        // The parent's page is not mapped here, and whatever is mapped in its place must stay.
        mem::forget(mem::replace(&mut *lock(&self.page), page));
    }

    /// Fails if the descriptor does not lead to this description any more, for the program has closed it: what the kernel
    /// says of another file's locks means nothing here.
    pub(crate) fn verify(&self) -> Result<(), Errno> {
        if identity_of(self)? == self.identity { Ok(()) } else { Err(Errno::EBADF) }
    }
}

fn identity_of(descriptor: impl AsFd) -> Result<Identity, Errno> {
    let found = nix::sys::stat::fstat(descriptor)?;
    Ok((found.st_dev, found.st_ino))
}

impl AsFd for Description {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: open for as long as self, but for a child that has none; then calls fail, for no file has descriptor
        // 2^31 - 1. (-1 must not be borrowed.)
        unsafe {
            BorrowedFd::borrow_raw(match self.descriptor.load(Ordering::Relaxed) {
                NONE => RawFd::MAX,
                raw => raw,
            })
        }
    }
}

impl AsRawFd for Description {
    fn as_raw_fd(&self) -> RawFd {
        self.descriptor.load(Ordering::Relaxed)
    }
}

impl Drop for Description {
    fn drop(&mut self) {
        let raw = self.descriptor.load(Ordering::Relaxed);
        if raw != NONE {
            // Otherwise the descriptor belongs to other code by now.
            let own = self.verify().is_ok();
            let mut open = lock(&OPEN);
            open.retain(|(other, _)| *other != raw);
            if own {
                // SAFETY: this is its owner. Under the lock, so that no child inherits it unseen.
                unsafe { libc::close(raw) };
            }
        }
    }
}

/// All descriptions, none of which comes or goes meanwhile.
pub(crate) struct Descriptions(MutexGuard<'static, Vec<(RawFd, Identity)>>);

pub(crate) fn hold() -> Descriptions {
    Descriptions(lock(&OPEN))
}

impl Descriptions {
    /// In a child: closes all of them but these.
    pub(crate) fn close_all_but(&mut self, kept: &[RawFd]) {
        self.0.retain(|(raw, identity)| {
            if kept.contains(raw) {
                return true;
            }
            // SAFETY: closed only below, and only if it leads to this file: not if the program has closed it, and opened
            // another file in its place.
            let own = unsafe { BorrowedFd::borrow_raw(*raw) };
            if identity_of(own) == Ok(*identity) {
                // SAFETY: the objects that own these descriptors are made to forget them (`Description::inherit`), or
                // belong to threads that do not exist here.
                unsafe { libc::close(*raw) };
            }
            false
        });
    }
}
