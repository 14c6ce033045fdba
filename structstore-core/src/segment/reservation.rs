//! Private address space that is not accessible until it is asked for.
//!
//! A process with real-time threads locks all memory that it maps into RAM (`mlockall` with `MCL_FUTURE`). What it may
//! not access is left out of that, so that a local store takes what it has committed and no more.

use std::io;
use std::ptr::{self, NonNull};

use super::PAGE;

pub(super) struct Reservation {
    start: NonNull<u8>,
    length: usize,
}

impl Reservation {
    pub(super) fn new(length: usize) -> io::Result<Reservation> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a new mapping, wherever the system finds room.
        let start = unsafe { libc::mmap(ptr::null_mut(), length, libc::PROT_NONE, flags, -1, 0) };
        match NonNull::new(start) {
            Some(mapped) if start != libc::MAP_FAILED => Ok(Reservation { start: mapped.cast(), length }),
            _ => Err(io::Error::last_os_error()),
        }
    }

    pub(super) fn as_mut_ptr(&self) -> *mut u8 {
        self.start.as_ptr()
    }

    /// Makes the first bytes accessible, up to the end of a page.
    pub(super) fn commit(&self, length: usize) -> io::Result<()> {
        let length = length.next_multiple_of(PAGE).min(self.length);
        // SAFETY: within the mapping, which is private and owned by self; nothing becomes less accessible.
        match unsafe {
            libc::mprotect(self.start.as_ptr().cast(), length, libc::PROT_READ | libc::PROT_WRITE)
        } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        // SAFETY: mapped by `new`, with this length.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.length) };
    }
}
