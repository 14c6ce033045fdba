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

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes from an address on that are one accessible mapping, as the kernel shows it.
    fn accessible(start: usize) -> usize {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let range = maps.lines().find_map(|line| {
            let (range, rest) = line.split_once(' ')?;
            let (from, to) = range.split_once('-')?;
            let bound = |text| usize::from_str_radix(text, 16).ok();
            // One that lies before it may be part of the same mapping.
            let (from, to) = (bound(from)?, bound(to)?);
            ((from..to).contains(&start) && rest.starts_with("rw")).then(|| to - start)
        });
        range.unwrap_or(0)
    }

    /// Protection changes in multiples of the largest page that a system has, so that it does where pages are that large.
    #[test]
    fn memory_is_committed_in_pages_of_64_kib() {
        let reservation = Reservation::new(1 << 30).unwrap();
        let start = reservation.as_mut_ptr() as usize;
        assert_eq!(accessible(start), 0);
        for (asked, committed) in [(1, PAGE), (PAGE, PAGE), (PAGE + 1, 2 * PAGE), (5 * PAGE - 4096, 5 * PAGE)]
        {
            reservation.commit(asked).unwrap();
            assert_eq!(accessible(start), committed, "{asked} bytes");
        }
    }
}
