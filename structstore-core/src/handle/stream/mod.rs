//! Streams as this process sees them: checked once, and read without a lock.

mod history;
mod publish;
mod readers;
mod sample;
mod wait;

pub use history::AnyHistory;
pub use publish::AnyLoan;
pub use readers::Readers;
pub use sample::{AnySample, PinnedFrame, SampleBytes};
pub use wait::wait_any;

use std::sync::{Arc, OnceLock};

use crate::access::{Access, Handle, Located};
use crate::arena::lease::Lease;
use crate::arena::{Arena, layout};
use crate::error::{Error, ErrorKind, Result};
use crate::lock::{Mode, generation};
use crate::node::StreamBlock;
use crate::node::stream::bytes_of;
use crate::ops::arrays::block_of;
use crate::ring::frames::{Frames, ROWS, Row};
use crate::ring::samples::{Cursor, Read};
use crate::ring::{Nothing, Ring};
use crate::sync::{Ordering, fence, lock};
use crate::value::{DType, StreamValue};

/// Nanoseconds of CLOCK_MONOTONIC: the time of samples.
///
/// ```
/// let before = structstore::stream::now();
/// assert!(structstore::stream::now() >= before);
/// ```
pub fn now() -> u64 {
    clock(libc::CLOCK_MONOTONIC)
}

/// A time of [`now`] as nanoseconds since 1970. A process compares the two clocks only once, so intervals do not change.
///
/// ```
/// use structstore::stream::{now, wall_time};
///
/// let time = now();
/// assert_eq!(wall_time(time + 5) - wall_time(time), 5);
/// ```
pub fn wall_time(time: u64) -> u64 {
    static AHEAD: OnceLock<u64> = OnceLock::new();
    let ahead = AHEAD.get_or_init(|| clock(libc::CLOCK_REALTIME).wrapping_sub(now()));
    ahead.wrapping_add(time)
}

fn clock(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a valid place for the result; these clocks exist on every Linux.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    (time.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec as u64)
}

/// A stream of samples of any type, for bindings of other languages. [`Stream`](crate::Stream) gives samples types.
#[derive(Clone)]
pub struct AnyStream {
    pub(crate) handle: Handle,
    block: Arc<StreamBlock>,
    /// Where the block's payload is.
    payload: u64,
    /// Lies in the mapping that the handle keeps.
    ring: Ring<'static>,
    /// Keeps the block. `None` for a process that may not write: what it reads counts only if the stream is still there afterwards.
    lease: Option<Arc<Lease>>,
}

/// The position of a reader.
#[derive(Clone, Copy, Debug)]
pub struct AnyCursor(Cursor);

impl AnyCursor {
    /// At this sequence number.
    pub fn at(seq: u64) -> AnyCursor {
        AnyCursor(Cursor::at(seq))
    }

    /// The sequence number of the next sample.
    pub fn next(&self) -> u64 {
        self.0.next
    }
}

/// This process's lease on the block of a stream.
fn lease_of(handle: &Handle) -> Result<Arc<Lease>> {
    let arena = handle.arena();
    let block = handle.read(|_, node| Ok(block_of(node)))?;
    if let Some(lease) = Lease::existing(arena, block)
        && handle.read(|_, node| Ok(block_of(node)))? == block
    {
        return Ok(lease);
    }
    let held = handle.lock_to_lease(Mode::Shared)?;
    let lease = Lease::take(arena, block_of(handle.node()), || Ok(true));
    held.end_unchanged();
    lease?.ok_or_else(|| Error::new(ErrorKind::Deadlock))
}

#[cold]
fn no_sample(nothing: Nothing) -> Error {
    match nothing {
        Nothing::Empty => Error::new(ErrorKind::NoSample),
        Nothing::Lost | Nothing::Busy => Error::new(ErrorKind::Contended),
        Nothing::Corrupt => Error::corrupt("a stream", "a head beyond its samples", "samples below it"),
    }
}

impl AnyStream {
    /// The stream that a handle leads to.
    pub(crate) fn open(handle: Handle) -> Result<AnyStream> {
        let (payload, lease) = match handle.arena().writable() {
            true => {
                let lease = lease_of(&handle)?;
                if handle.store().reentrant {
                    handle.store().keep_stream(handle.id(), &lease);
                }
                (lease.block(), Some(lease))
            }
            false => (handle.read(|_, node| Ok(block_of(node)))?, None),
        };
        let arena = handle.arena();
        let block = Arc::new(StreamBlock::read(arena, payload)?);
        let ring = block.ring(arena, payload)?;
        // SAFETY: the ring lies in the mapping, which the handle's store keeps for as long as this lives.
        let ring = unsafe { std::mem::transmute::<Ring<'_>, Ring<'static>>(ring) };
        if let Some(lease) = &lease
            && !lock(lease.share()).ring.get_or_insert(ring).is_same(&ring)
        {
            return Err(Error::corrupt(
                "a stream",
                "a ring that changed while the stream was open",
                "the same ring",
            ));
        }
        Ok(AnyStream { handle, block, payload, ring, lease })
    }

    fn arena(&self) -> &Arc<Arena> {
        self.handle.arena()
    }

    /// The type of its samples and its depth, without samples.
    ///
    /// # Errors
    ///
    /// None that memory which was checked when the stream was opened would cause.
    pub fn value(&self) -> Result<StreamValue<'static>> {
        let value = || self.block.kind(self.arena(), self.payload);
        value().at(&self.handle)
    }

    /// The element type of a sample.
    pub fn dtype(&self) -> &DType {
        &self.block.sample.dtype
    }

    /// The shape of a sample.
    pub fn shape(&self) -> &[usize] {
        &self.block.sample.shape
    }

    /// How many samples it keeps.
    pub fn depth(&self) -> u64 {
        self.block.depth
    }

    /// How many bytes a sample has.
    pub fn sample_size(&self) -> usize {
        self.block.sample.bytes as usize
    }

    /// Whether samples are frames: filled and read in place. Others are copied.
    pub fn has_frames(&self) -> bool {
        matches!(self.ring, Ring::Frames(_))
    }

    /// Whether both are the same stream, in the same mapping.
    pub fn is_same(&self, other: &AnyStream) -> bool {
        Arc::ptr_eq(self.handle.arena(), other.handle.arena()) && self.handle.id() == other.handle.id()
    }

    /// How many samples were published: the sequence number of the next one.
    pub fn published(&self) -> u64 {
        self.ring.head().published()
    }

    /// The process that publishes, by its process id, if there is one.
    pub fn publisher(&self) -> Option<u64> {
        let owner = self.ring.head().writer.owner.load(Ordering::Relaxed).checked_sub(1)?;
        let record = self.arena().record::<layout::Participant>(u32::try_from(owner).ok()?).ok()?;
        Some(record.pid.load(Ordering::Relaxed))
    }

    /// Fails if the stream was removed.
    #[inline(always)]
    fn ensure_current(&self) -> Result<()> {
        let identity = self.handle.node().head.identity.load(Ordering::Acquire);
        if generation(identity) == self.handle.id().generation { Ok(()) } else { Err(Error::stale()) }
    }

    /// After something was read: whether it was the stream's, where nothing keeps its memory.
    #[inline(always)]
    fn ensure_still_current(&self) -> Result<()> {
        if self.lease.is_none() {
            fence(Ordering::Acquire);
            // The stream may have been replaced in its node, too.
            if block_of(self.handle.node()) != self.payload {
                return Err(Error::stale());
            }
            return self.ensure_current();
        }
        Ok(())
    }

    #[inline(always)]
    fn me(&self) -> u64 {
        u64::from(self.arena().participant_index()).wrapping_add(1)
    }

    /// The newest sample, if samples are of at most eight bytes: as a word, with its number and its time.
    ///
    /// # Errors
    ///
    /// As [`AnyStream::latest`]; [`ErrorKind::WrongType`] for larger samples.
    #[inline]
    pub fn latest_word(&self) -> Result<(u64, u64, u64)> {
        let mut words = [0];
        if self.block.words() != words.len() {
            return Err(Error::wrong_type("larger samples", "samples of at most eight bytes"));
        }
        let read = self.latest_into(&mut words)?;
        Ok((words[0], read.seq, read.time))
    }

    /// Copies the newest small sample.
    #[inline(always)]
    pub(crate) fn latest_into(&self, words: &mut [u64]) -> Result<Read> {
        let mut read = || {
            self.ensure_current()?;
            let Ring::Samples(samples) = &self.ring else { return Err(no_sample(Nothing::Corrupt)) };
            let read = samples.latest(words);
            self.ensure_still_current()?;
            read.map_err(no_sample)
        };
        read().at(&self.handle)
    }

    /// Copies the next small sample, if there is one.
    #[inline(always)]
    pub(crate) fn try_next_into(&self, cursor: &mut AnyCursor, words: &mut [u64]) -> Result<Option<Read>> {
        let mut read = || {
            let Ring::Samples(samples) = &self.ring else { return Err(no_sample(Nothing::Corrupt)) };
            let read = samples.try_next(&mut cursor.0, words);
            if matches!(read, Err(Nothing::Empty)) {
                self.ensure_current()?;
            }
            self.ensure_still_current()?;
            some(read)
        };
        read().at(&self.handle)
    }

    /// The newest sample.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NoSample`] if none was published; [`ErrorKind::TooMany`] processes that read frames.
    pub fn latest(&self) -> Result<AnySample> {
        let Ring::Frames(frames) = &self.ring else {
            let mut words = vec![0; self.block.words()];
            let read = self.latest_into(&mut words)?;
            return Ok(self.copied(read, &words));
        };
        let read = || {
            self.ensure_current()?;
            let reader = self.reader(frames)?;
            let read = frames.latest(|seq| self.read_frame(frames, reader, seq));
            self.ensure_still_current()?;
            read.map_err(no_sample)?
        };
        read().at(&self.handle)
    }

    /// The next sample at or after a cursor that is still there, if there is one.
    ///
    /// # Errors
    ///
    /// As [`AnyStream::latest`].
    pub fn try_next(&self, cursor: &mut AnyCursor) -> Result<Option<AnySample>> {
        let Ring::Frames(frames) = &self.ring else {
            let mut words = vec![0; self.block.words()];
            let read = self.try_next_into(cursor, &mut words)?;
            return Ok(read.map(|read| self.copied(read, &words)));
        };
        let mut read = || {
            let reader = self.reader(frames)?;
            let mut next = cursor.0.next;
            let read = frames.try_next(&mut next, |seq| self.read_frame(frames, reader, seq));
            if matches!(read, Err(Nothing::Empty)) {
                self.ensure_current()?;
            }
            self.ensure_still_current()?;
            let Some((sample, missed)) = some(read)? else { return Ok(None) };
            let sample = sample?;
            cursor.0 = Cursor::at(next);
            Ok(Some(AnySample { missed, ..sample }))
        };
        read().at(&self.handle)
    }

    fn copied(&self, read: Read, words: &[u64]) -> AnySample {
        let data = SampleBytes::Copied(bytes_of(words, self.sample_size()).into());
        AnySample { seq: read.seq, time: read.time, missed: read.missed, data }
    }

    /// This process's way to read frames: by pins, if it may write.
    fn reader(&self, frames: &Frames<'static>) -> Result<Option<&Arc<Lease>>> {
        let Some(lease) = self.lease.as_ref().filter(|_| self.arena().writable()) else { return Ok(None) };
        let has_row = || {
            let mut share = lock(lease.share());
            if share.row.is_none() {
                share.row = Row::take(frames, self.me());
            }
            share.row.is_some()
        };
        if !has_row() {
            self.bury_dead()?;
            if !has_row() {
                return Err(Error::too_many("processes that read a stream", ROWS));
            }
        }
        Ok(Some(lease))
    }

    /// Reads a frame that is still there. Damage is an error within.
    fn read_frame(
        &self,
        frames: &Frames<'static>,
        reader: Option<&Arc<Lease>>,
        seq: u64,
    ) -> Result<Result<AnySample>, Nothing> {
        let Some(lease) = reader else {
            let copy = |slot| self.block.copy_frame(self.arena(), self.payload, slot);
            let (copied, time) = frames.copy(seq, copy)?;
            return Ok(copied.map(|bytes| AnySample {
                seq,
                time,
                missed: 0,
                data: SampleBytes::Copied(bytes.into()),
            }));
        };
        let row = |run: &mut dyn FnMut(&mut Row)| {
            if let Some(row) = &mut lock(lease.share()).row {
                run(row);
            }
        };
        let (slot, time) = frames.pin(seq, row)?;
        let data = self.block.frame(self.arena(), self.payload, slot);
        Ok(data.map(|data| {
            let frame = PinnedFrame { stream: self.clone(), slot, data };
            AnySample { seq, time, missed: 0, data: SampleBytes::Pinned(Arc::new(frame)) }
        }))
    }
}

/// The first bytes of words.
#[inline(always)]
pub(crate) fn bytes_in(words: &[u64], count: usize) -> &[u8] {
    // SAFETY: initialised memory of that length, borrowed for as long; bytes need no alignment.
    let all = unsafe { std::slice::from_raw_parts(words.as_ptr().cast::<u8>(), size_of_val(words)) };
    all.get(..count).unwrap_or(all)
}

/// The first bytes of words, to be written.
#[inline(always)]
fn bytes_in_mut(words: &mut [u64], count: usize) -> &mut [u8] {
    let size = size_of_val(words).min(count);
    // SAFETY: as above, and any bytes are words.
    unsafe { std::slice::from_raw_parts_mut(words.as_mut_ptr().cast::<u8>(), size) }
}

/// Runs something with room for a small sample.
#[inline(always)]
pub(crate) fn with_words<R>(bytes: usize, run: impl FnOnce(&mut [u64]) -> R) -> R {
    const FEW: usize = 8;
    const MORE: usize = 64;
    let words = bytes.div_ceil(8);
    if let Some(few) = [0; FEW].get_mut(..words) {
        return run(few);
    }
    if let Some(more) = [0; MORE].get_mut(..words) {
        return run(more);
    }
    run(&mut vec![0; words])
}

/// What a follower finds. While the publisher is always faster, it finds nothing, and looks again.
fn some<T>(read: Result<T, Nothing>) -> Result<Option<T>> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(Nothing::Empty | Nothing::Busy) => Ok(None),
        Err(other) => Err(no_sample(other)),
    }
}
