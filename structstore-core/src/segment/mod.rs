//! A segment: one region of shared or anonymous memory, mapped once and grown in place.
//!
//! Address space is reserved far beyond the end of the file, and growing commits more of the file, so that no
//! address ever moves. This module is where offsets become references: every access is checked against the part
//! that is known to be backed by memory.
//!
//! Invariants: `known` bytes are backed (a load or store there cannot fault), it only grows, and `base..base +
//! reserved` stays mapped while the `Segment` lives.

mod backing;
pub(crate) mod descriptions;
mod liveness;
mod reservation;

pub(crate) use backing::{Access, Backing, Place, SHM_DIRECTORY, reopen};
pub(crate) use liveness::{InitLock, Liveness, PARTICIPANTS};

use std::fs::File;
use std::{io, mem};

use memmap2::{MmapOptions, MmapRaw};
use reservation::Reservation;

#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::{Error, Result};
use crate::sync::{AtomicU64, Ordering};

/// How much address space a segment reserves unless the system or the options allow less.
pub(crate) const RESERVATION: u64 = 64 << 30;

/// The length of a segment is a multiple of this, unless its maximum is not. It is not the size of a page: a file may
/// end anywhere.
pub(crate) const GRANULE: u64 = 4096;

/// A multiple of the size of a page on any machine.
const PAGE: usize = 64 << 10;

/// The smallest segment: the tables and some room.
pub(crate) const MIN_SIZE: u64 = 64 << 10;

/// A type that may be laid over shared memory.
///
/// # Safety
///
/// `repr(C)`, made of atomics and arrays of them only, so that every bit pattern and all sharing is valid, and there is
/// no padding; aligned to at most 64 bytes.
pub(crate) unsafe trait Shared {}

// SAFETY: the atomic itself.
unsafe impl Shared for AtomicU64 {}

pub(crate) struct Segment {
    base: *mut u8,
    memory: Memory,
    reserved: u64,
    known: AtomicU64,
    backing: Backing,
}

/// What keeps the memory mapped.
enum Memory {
    File { _map: MmapRaw },
    Private(Reservation),
    Released,
}

/// From how many bytes on memory is given back by a thread of its own: the kernel takes a millisecond for 10 MB.
const LARGE: u64 = 64 << 20;

impl Segment {
    /// Maps a file, or memory if there is none. Nothing is accessible until [`Self::commit`] or [`Self::trust`].
    ///
    /// Children inherit the mapping, and by it the file's description: not that of the backing, whose locks say that this process lives.
    pub(crate) fn map(backing: Backing, file: Option<&File>, reserve: u64) -> Result<Segment> {
        let mut reserved = reserve;
        let mapping = |map: MmapRaw| (map.as_mut_ptr(), Memory::File { _map: map });
        let (base, memory) = loop {
            let length = usize::try_from(reserved).unwrap_or(usize::MAX);
            let mut options = MmapOptions::new();
            options.len(length).no_reserve_swap();
            let mapped = match file {
                None => Reservation::new(length)
                    .map(|reservation| (reservation.as_mut_ptr(), Memory::Private(reservation))),
                Some(file) if backing.writable() => options.map_raw(file).map(mapping),
                Some(file) => options.map_raw_read_only(file).map(mapping),
            };
            match mapped {
                Ok(mapped) => break mapped,
                // The system grants less address space (a limit, strict overcommit): do with less.
                Err(_) if reserved > MIN_SIZE * 1024 => reserved /= 2,
                Err(source) => return Err(backing.io("map", source)),
            }
        };
        Ok(Segment { base, memory, reserved, known: AtomicU64::new(0), backing })
    }

    pub(crate) fn backing(&self) -> &Backing {
        &self.backing
    }

    /// How far the segment may ever grow in this process.
    pub(crate) fn reserved(&self) -> u64 {
        self.reserved
    }

    /// The bytes that are accessible here now.
    pub(crate) fn known(&self) -> u64 {
        self.known.load(Ordering::Acquire)
    }

    /// A reference to what lies at an offset, or [`ErrorKind::Corrupt`] if that is outside the segment or unaligned.
    #[inline(always)]
    pub(crate) fn at<T: Shared>(&self, offset: u64) -> Result<&T> {
        self.find(offset).ok_or_else(|| self.outside(offset, mem::size_of::<T>() as u64))
    }

    /// As [`Segment::at`], without an error for what is outside.
    #[inline(always)]
    pub(crate) fn find<T: Shared>(&self, offset: u64) -> Option<&T> {
        match self.has(offset, mem::size_of::<T>() as u64, mem::align_of::<T>() as u64) {
            // SAFETY: within the committed part of the mapping and aligned (checked), and any bytes are a valid T (`Shared`). The mapping
            // lives as long as self.
            true => Some(unsafe { &*self.base.add(offset as usize).cast::<T>() }),
            false => None,
        }
    }

    /// Whether there are so many bytes, so aligned, at an offset. `known` is 0 or larger than what is asked for, and no size is 0.
    #[inline(always)]
    fn has(&self, offset: u64, size: u64, align: u64) -> bool {
        // The base is page-aligned.
        offset.is_multiple_of(align) && offset <= self.known.load(Ordering::Acquire).saturating_sub(size)
    }

    /// The address of `length` bytes at an offset.
    pub(crate) fn bytes(&self, offset: u64, length: u64) -> Result<*mut u8> {
        self.find_bytes(offset, length).ok_or_else(|| self.outside(offset, length))
    }

    /// As [`Segment::bytes`], without an error for what is outside.
    #[inline(always)]
    pub(crate) fn find_bytes(&self, offset: u64, length: u64) -> Option<*mut u8> {
        let end = offset.checked_add(length)?;
        // SAFETY: within the mapping (checked).
        (end <= self.known.load(Ordering::Acquire)).then(|| unsafe { self.base.add(offset as usize) })
    }

    /// Records side by side that start at an aligned offset.
    pub(crate) fn slice<T: Shared>(&self, offset: u64, count: u64) -> Result<&[T]> {
        let size = count.saturating_mul(mem::size_of::<T>() as u64);
        self.find_slice(offset, count).ok_or_else(|| self.outside(offset, size))
    }

    /// As [`Segment::slice`], without an error for what is outside.
    #[inline(always)]
    pub(crate) fn find_slice<T: Shared>(&self, offset: u64, count: u64) -> Option<&[T]> {
        let start = self.find_bytes(offset, count.saturating_mul(mem::size_of::<T>() as u64))?;
        if !offset.is_multiple_of(mem::align_of::<T>() as u64) {
            return None;
        }
        // SAFETY: in bounds and aligned (checked; the base is page-aligned), and any bytes are a valid T.
        Some(unsafe { std::slice::from_raw_parts(start.cast::<T>(), count as usize) })
    }

    /// The offset of a word of this segment.
    #[inline]
    pub(crate) fn offset_of(&self, word: &AtomicU64) -> u64 {
        (std::ptr::from_ref(word) as u64).wrapping_sub(self.base as u64)
    }

    #[cold]
    fn outside(&self, offset: u64, size: u64) -> Error {
        Error::corrupt(
            self.backing.place(),
            format_args!("{size} bytes at offset {offset:#x}"),
            "an aligned place within the segment",
        )
    }

    /// Backs the segment with memory up to `size`, and makes it accessible here. The caller excludes other growers.
    pub(crate) fn commit(&self, from: u64, size: u64) -> Result<()> {
        if size > self.reserved {
            let reason = format!("this process reserved {} bytes for it", self.reserved);
            return Err(self.full(size.saturating_sub(from), reason));
        }
        match &self.memory {
            Memory::File { .. } => self.backing.extend(from, size)?,
            Memory::Released => return Err(self.outside(size, 0)),
            Memory::Private(reservation) => reservation
                .commit(size as usize)
                .map_err(|error| self.full(size.saturating_sub(from), error.to_string()))?,
        }
        self.known.fetch_max(size, Ordering::AcqRel);
        Ok(())
    }

    /// Maps the first bytes, which are about to be written, at once: one by one, the pages of a new store cost several times as much.
    pub(crate) fn populate(&self) {
        let length = PAGE.min(self.known() as usize);
        if let Memory::File { .. } = self.memory {
            // SAFETY: within the mapping, whose contents this does not change. An older kernel refuses, which does no harm.
            unsafe { libc::madvise(self.base.cast(), length, libc::MADV_POPULATE_WRITE) };
        }
    }

    /// Maps the first `length` bytes at once, so that this process takes no page faults there: with the memory that is behind them, or as little as reading takes.
    pub(crate) fn prefault(&self, length: u64) -> Result<()> {
        let length = length.min(self.known()) as usize;
        let how = if self.backing.writable() { libc::MADV_POPULATE_WRITE } else { libc::MADV_POPULATE_READ };
        // SAFETY: within the mapping, whose contents this does not change.
        match unsafe { libc::madvise(self.base.cast(), length, how) } {
            0 => Ok(()),
            // Before Linux 5.14.
            _ if io::Error::last_os_error().raw_os_error() == Some(libc::EINVAL) => {
                for at in (0..length).step_by(PAGE) {
                    // SAFETY: in bounds, and any byte is one. Volatile, for it is read for its effect.
                    unsafe { self.base.add(at).read_volatile() };
                }
                Ok(())
            }
            _ => Err(self.backing.io("map the memory of", io::Error::last_os_error())),
        }
    }

    /// Keeps what is committed by now in memory, never swapped out.
    pub(crate) fn lock(&self) -> Result<()> {
        // SAFETY: within the mapping, whose contents this does not change.
        match unsafe { libc::mlock(self.base.cast(), self.known() as usize) } {
            0 => Ok(()),
            _ => Err(self.backing.io("lock the memory of", io::Error::last_os_error())),
        }
    }

    /// Makes accessible what another process committed, after checking that the file is that long.
    pub(crate) fn trust(&self, committed: u64) -> Result<()> {
        if committed <= self.known() {
            return Ok(());
        }
        let length = match self.backing.length()? {
            Some(length) => length.min(self.reserved),
            None => return Err(self.outside(committed, 0)),
        };
        if committed > length {
            return Err(Error::corrupt(
                self.backing.place(),
                format_args!("a size of {committed} bytes in the header, {length} in the file"),
                "a file that is as long as its header says",
            ));
        }
        self.known.fetch_max(committed, Ordering::AcqRel);
        Ok(())
    }

    /// Gives the memory back. If it is much, and nobody else has the file, that takes long, and keeps nobody waiting.
    pub(crate) fn release(&mut self) {
        if self.known() < LARGE || !matches!(self.memory, Memory::File { .. }) {
            return;
        }
        self.known.store(0, Ordering::Relaxed);
        let Memory::File { _map: map } = mem::replace(&mut self.memory, Memory::Released) else { return };
        // What a child that is forked meanwhile inherits, nothing would ever give back.
        // SAFETY: the mapping, which is still there.
        unsafe { libc::madvise(self.base.cast(), self.reserved as usize, libc::MADV_DONTFORK) };
        // Where there is no thread to be had, what it would have dropped is dropped here.
        let _ = std::thread::Builder::new().name("structstore-close".to_owned()).spawn(move || drop(map));
    }

    /// In a child: replaces the mapping by private memory, of which these pieces have contents and the rest is zero. Nothing
    /// that this process does reaches the file any more.
    pub(crate) fn leave(&self, pieces: &[(u64, Vec<u8>)]) {
        let (start, length) = (self.base, self.reserved as usize);
        // SAFETY: replaces the mapping of this very length, which self owns; memory that was lent may be read as
        // before. The system need not set aside memory for a mapping that is only read.
        let private = unsafe {
            libc::mmap(
                start.cast(),
                length,
                libc::PROT_READ,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED,
                -1,
                0,
            )
        };
        if private == libc::MAP_FAILED {
            // Otherwise this process would write to memory that is not its own.
            std::process::abort();
        }
        for (offset, contents) in pieces {
            let Ok(target) = self.bytes(*offset, contents.len() as u64) else { continue };
            // Extended at either end to whole pages, whatever the size of a page.
            let first = *offset as usize & !(PAGE - 1);
            let behind = (*offset as usize).saturating_add(contents.len()).next_multiple_of(PAGE).min(length);
            // SAFETY: within the mapping, which is private.
            let writable = unsafe {
                libc::mprotect(
                    start.add(first).cast(),
                    behind.saturating_sub(first),
                    libc::PROT_READ | libc::PROT_WRITE,
                )
            };
            if writable == 0 {
                // SAFETY: in bounds (checked) of memory that no other process has.
                unsafe { std::ptr::copy_nonoverlapping(contents.as_ptr(), target, contents.len()) };
            }
        }
    }

    /// The error for a segment that cannot have `needed` more bytes.
    pub(crate) fn full(&self, needed: u64, reason: String) -> Error {
        Error::out_of_space(self.backing.place(), needed, reason)
    }
}

// SAFETY: the mapping is plain memory that is only reached through checked offsets and atomics, from any thread.
unsafe impl Send for Segment {}
// SAFETY: as above.
unsafe impl Sync for Segment {}
