//! Names, and memory that is shared with children.

use std::process;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// A name for a segment that nobody else uses.
pub fn unique(label: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("/structstore_peers_{label}_{}_{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Memory that is shared with children, touched, and never unmapped.
pub fn shared_memory(bytes: usize) -> &'static mut [u8] {
    let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
    // SAFETY: a new mapping, of zeroes, which is never unmapped and lent once.
    unsafe {
        let start = libc::mmap(std::ptr::null_mut(), bytes, access, kind, -1, 0);
        assert_ne!(start, libc::MAP_FAILED);
        libc::memset(start, 1, bytes);
        libc::memset(start, 0, bytes);
        std::slice::from_raw_parts_mut(start.cast(), bytes)
    }
}

/// Words that are shared with children, each on a cache line of its own.
pub fn shared_words(count: usize) -> &'static [Line] {
    let memory = shared_memory(count * size_of::<Line>());
    // SAFETY: zeroes, aligned to a page, of which nobody else has a reference.
    unsafe { std::slice::from_raw_parts(memory.as_ptr().cast(), count) }
}

#[repr(C, align(64))]
pub struct Line {
    pub word: AtomicU32,
    pub count: AtomicU64,
    pub nanoseconds: AtomicU64,
}
