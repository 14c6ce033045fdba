//! Streams as this process has them: checked once, and read and published to without a lock.

use std::sync::{Arc, MutexGuard, OnceLock};
use std::time::Duration;

use crate::access::{Access, Handle, Located};
use crate::arena::lease::Lease;
use crate::arena::{Arena, layout};
use crate::error::{Error, ErrorKind, Result};
use crate::lock::{Mode, Wait, generation};
use crate::node::StreamBlock;
use crate::node::stream::bytes_of;
use crate::ops::arrays::block_of;
use crate::ring::frames::{Frames, ROWS, Refused, Row};
use crate::ring::samples::{Cursor, PREFIX, Read};
use crate::ring::{Nothing, OwnedBy, Publisher, Ring, Share};
use crate::sync::{Ordering, fence, fence_after_update, lock, step};
use crate::value::{ArrayValue, DType, StreamValue, samples_array};

/// The longest sleep of a reader before it looks whether there is something for which no publisher wakes it.
const SLICE: Duration = Duration::from_millis(100);
/// How often a reader looks that may not write, and so cannot sleep on the stream.
const POLL: Duration = Duration::from_millis(1);

/// Nanoseconds of CLOCK_MONOTONIC: the time of samples.
///
/// ```
/// let before = structstore::stream::now();
/// assert!(structstore::stream::now() >= before);
/// ```
pub fn now() -> u64 {
    clock(libc::CLOCK_MONOTONIC)
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

/// A sample that was read.
#[derive(Clone, Debug)]
pub struct AnySample {
    /// Its sequence number, counted from 0.
    pub seq: u64,
    /// When it was taken, in nanoseconds of CLOCK_MONOTONIC.
    pub time: u64,
    /// How many samples between the one before and this one were lost.
    pub missed: u64,
    /// Its bytes.
    pub data: SampleBytes,
}

/// The bytes of a sample: a copy, or a frame that stays as it is.
#[derive(Clone, Debug)]
pub enum SampleBytes {
    /// A copy.
    Copied(Arc<[u8]>),
    /// A frame in the store, which is not written over while this lives.
    Pinned(Arc<PinnedFrame>),
}

impl SampleBytes {
    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        match self {
            SampleBytes::Copied(bytes) => bytes,
            SampleBytes::Pinned(frame) => frame.as_slice(),
        }
    }
}

/// A frame that this process has pinned.
pub struct PinnedFrame {
    stream: AnyStream,
    slot: usize,
    data: *const u8,
}

// SAFETY: the frame lies in the mapping that the stream keeps, and nobody writes to it while it is pinned.
unsafe impl Send for PinnedFrame {}
// SAFETY: as above.
unsafe impl Sync for PinnedFrame {}

impl PinnedFrame {
    /// The bytes of the frame, at an address that is a multiple of 64.
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: in bounds (checked when it was pinned); publishers leave it as it is for as long as it is pinned.
        unsafe { std::slice::from_raw_parts(self.data, self.stream.block.sample.bytes as usize) }
    }
}

impl std::fmt::Debug for PinnedFrame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PinnedFrame").field("slot", &self.slot).finish_non_exhaustive()
    }
}

impl Drop for PinnedFrame {
    fn drop(&mut self) {
        if let (Some(lease), Ring::Frames(frames)) = (&self.stream.lease, &self.stream.ring)
            && self.stream.arena().writable()
            && let Some(row) = &mut lock(lease.share()).row
        {
            row.unpin(frames, self.slot);
        }
    }
}

/// A frame to be filled in place. Dropped unpublished, it leaves the stream as it was.
pub struct AnyLoan {
    stream: AnyStream,
    slot: usize,
    data: *mut u8,
    /// In which process it was taken, counted in forks.
    forks: u32,
    /// What it lends in a forked child, which must not write to its parent's frame.
    private: OnceLock<Box<[Line]>>,
    open: bool,
}

/// Memory that is aligned as frames are.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

// SAFETY: the frame lies in the mapping that the stream keeps, and is this loan's alone.
unsafe impl Send for AnyLoan {}
// SAFETY: as above.
unsafe impl Sync for AnyLoan {}

/// Samples in a row that were copied.
#[derive(Clone, Debug)]
pub struct AnyHistory {
    copies: Copies,
    /// How many that were asked for, and were published, are lost.
    pub missed: u64,
    block: Arc<StreamBlock>,
}

#[derive(Clone, Debug)]
enum Copies {
    /// Rows of words, each a time and a sample; those before `from` are lost. All numbers from `first` on.
    Rows { rows: Vec<u64>, from: usize, first: u64 },
    /// Number and time of each sample, and all bytes.
    Frames { stamps: Vec<(u64, u64)>, data: Vec<u8> },
}

impl AnyHistory {
    /// The element type of a sample.
    pub(crate) fn dtype(&self) -> &DType {
        &self.block.sample.dtype
    }

    fn rows(&self) -> impl Iterator<Item = &[u64]> {
        let rows = match &self.copies {
            Copies::Rows { rows, from, .. } => rows.get(*from..).unwrap_or_default(),
            Copies::Frames { .. } => &[],
        };
        rows.chunks_exact(self.block.words().saturating_add(PREFIX))
    }

    /// The sequence number of each sample.
    pub fn seqs(&self) -> Vec<u64> {
        match &self.copies {
            Copies::Rows { first, .. } => self.rows().zip(*first..).map(|(_, seq)| seq).collect(),
            Copies::Frames { stamps, .. } => stamps.iter().map(|(seq, _)| *seq).collect(),
        }
    }

    /// When each sample was taken.
    pub fn times(&self) -> Vec<u64> {
        match &self.copies {
            Copies::Rows { .. } => self.rows().filter_map(|row| row.first().copied()).collect(),
            Copies::Frames { stamps, .. } => stamps.iter().map(|(_, time)| *time).collect(),
        }
    }

    /// The bytes of each sample.
    pub fn samples(&self) -> impl Iterator<Item = &[u8]> {
        let size = self.block.sample.bytes as usize;
        let frames = match &self.copies {
            Copies::Frames { data, .. } => data.as_slice(),
            Copies::Rows { .. } => &[],
        };
        let words = self.rows().map(move |row| bytes_in(row.get(PREFIX..).unwrap_or_default(), size));
        words.chain(frames.chunks_exact(size.max(1)))
    }

    /// How many samples there are.
    pub fn len(&self) -> usize {
        match &self.copies {
            Copies::Rows { .. } => self.rows().count(),
            Copies::Frames { stamps, .. } => stamps.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The samples as one array, whose first dimension counts them.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidArgument`] if there are too many dimensions.
    pub fn into_array(self) -> Result<ArrayValue<'static>> {
        let (count, block) = (self.len(), Arc::clone(&self.block));
        let data = match self.copies {
            Copies::Frames { data, .. } => data,
            Copies::Rows { .. } => {
                let mut data = Vec::with_capacity(count.saturating_mul(block.sample.bytes as usize));
                self.samples().for_each(|sample| data.extend_from_slice(sample));
                data
            }
        };
        samples_array(&block.sample.dtype, &block.sample.shape, count, data)
    }
}

/// Where a reader goes on.
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
        Nothing::Corrupt => Error::corrupt("a stream", "a head that no publisher leaves", "samples below it"),
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
                "another ring than before",
                "the same for as long as it lives",
            ));
        }
        Ok(AnyStream { handle, block, payload, ring, lease })
    }

    fn arena(&self) -> &Arc<Arena> {
        self.handle.arena()
    }

    /// The type of its samples and its depth; no sample.
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

    /// This process's share in the stream as its publisher.
    #[inline(always)]
    fn publishing(&self) -> Result<MutexGuard<'_, Share>> {
        self.ensure_current()?;
        // An observer of a process that publishes as well must not.
        if let Some(lease) = self.lease.as_ref().filter(|_| !self.handle.store().observes()) {
            let share = lock(lease.share());
            if share.publisher.as_ref().is_some_and(|publisher| publisher.me == self.me()) {
                return Ok(share);
            }
        }
        self.claim()
    }

    #[cold]
    #[inline(never)]
    fn claim(&self) -> Result<MutexGuard<'_, Share>> {
        let (arena, store) = (self.arena(), self.handle.store());
        let Some(lease) = self.lease.as_ref().filter(|_| store.may_change()) else {
            return Err(arena.refusal());
        };
        if store.asks() {
            store.ask()?;
        }
        let claim = || {
            let mut share = lock(lease.share());
            match share.publisher.as_ref().filter(|publisher| publisher.me == self.me()) {
                Some(_) => {}
                None => share.publisher = Some(Publisher::claim(&self.ring, self.me(), &share.loaned)?),
            }
            Ok(share)
        };
        // Under no lock of the share, since leases that go need the heap.
        store.keep_stream(self.handle.id(), lease);
        let share = match claim() {
            Ok(share) => share,
            Err(OwnedBy(owner)) => {
                let participant = u32::try_from(owner.wrapping_sub(1)).unwrap_or(u32::MAX);
                arena.repair_if_dead(participant)?;
                claim().map_err(|owner| {
                    self.forget();
                    self.owned(owner)
                })?
            }
        };
        let wall = clock(libc::CLOCK_REALTIME).wrapping_sub(now());
        let head = arena.at::<layout::StreamHead>(self.payload.saturating_add(self.block.sample.data))?;
        head.wall.store(wall, Ordering::Relaxed);
        Ok(share)
    }

    /// Has the store keep the stream no longer, unless it keeps all that it opens.
    fn forget(&self) {
        if !self.handle.store().reentrant {
            self.handle.store().forget_stream(self.handle.id());
        }
    }

    #[cold]
    fn owned(&self, OwnedBy(owner): OwnedBy) -> Error {
        let process = match self.publisher() {
            Some(pid) if owner == self.ring.head().writer.owner.load(Ordering::Relaxed) => {
                format!("process {pid}")
            }
            _ => "another process".to_owned(),
        };
        Error::new(ErrorKind::HasPublisher).finding(process)
    }

    /// Frees what dead processes have here, when there is no room otherwise.
    #[cold]
    fn bury_dead(&self) -> Result<()> {
        self.arena().repair_dead().map(|_| ())
    }

    /// Publishes a sample of which `fill` gives the bytes, as many as it has. Returns its number.
    #[inline]
    pub fn publish(&self, time: u64, fill: impl FnOnce(&mut [u8]) -> Result<()>) -> Result<u64> {
        let publish = || match &self.ring {
            // Filled before anything is locked, so that what fills may publish, too.
            Ring::Samples(samples) => with_words(self.sample_size(), |words| {
                fill(bytes_in_mut(words, self.sample_size()))?;
                let mut share = self.publishing()?;
                let Share { publisher: Some(publisher), .. } = &mut *share else {
                    return Err(self.arena().refusal());
                };
                let seq = publisher.next;
                match samples.publish(publisher.me, seq, time, words.iter().copied()) {
                    Ok(()) => {
                        publisher.next = seq.wrapping_add(1);
                        Ok(seq)
                    }
                    Err(owner) => {
                        share.publisher = None;
                        Err(self.owned(owner))
                    }
                }
            }),
            Ring::Frames(_) => {
                let mut loan = self.loan_frame()?;
                fill(loan.as_mut_slice())?;
                loan.publish_frame(time)
            }
        };
        let seq = publish().at(&self.handle)?;
        self.arena().tell(self.handle.id().index, Mode::Node);
        Ok(seq)
    }

    /// A frame to be filled in place.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::FramesPinned`] if all frames but the newest are pinned by readers, or loaned; [`ErrorKind::HasPublisher`],
    /// [`ErrorKind::WrongType`] for samples that are copied.
    pub fn loan(&self) -> Result<AnyLoan> {
        self.loan_frame().at(&self.handle)
    }

    fn loan_frame(&self) -> Result<AnyLoan> {
        let Ring::Frames(frames) = &self.ring else {
            return Err(Error::wrong_type("a stream of small samples, which are copied", "one of frames"));
        };
        let slot = match self.loan_slot(frames)? {
            Some(slot) => slot,
            None => {
                self.bury_dead()?;
                self.loan_slot(frames)?
                    .ok_or_else(|| Error::new(ErrorKind::FramesPinned).finding("readers and loans use all"))?
            }
        };
        let (stream, forks) = (self.clone(), self.arena().forks());
        let data = std::ptr::dangling_mut();
        let mut loan = AnyLoan { stream, slot, data, forks, private: OnceLock::new(), open: true };
        loan.data = self.block.frame(self.arena(), self.payload, slot)?;
        Ok(loan)
    }

    /// `None` if all are pinned.
    fn loan_slot(&self, frames: &Frames<'static>) -> Result<Option<usize>> {
        let mut share = self.publishing()?;
        let Some(publisher) = &mut share.publisher else { return Err(self.arena().refusal()) };
        match frames.loan(publisher.me, publisher.next, &mut publisher.order) {
            Ok(slot) => {
                share.loaned.push(slot);
                Ok(Some(slot))
            }
            Err(Refused::AllPinned) => Ok(None),
            Err(Refused::OwnedBy(owner)) => {
                share.publisher = None;
                Err(self.owned(owner))
            }
        }
    }

    /// Gives the right to publish back.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::FramesPinned`] while this process fills a frame; [`ErrorKind::ReadOnly`] for a process that only reads.
    pub fn release(&self) -> Result<()> {
        let Some(lease) = self.lease.as_ref().filter(|_| self.handle.store().may_change()) else {
            return Err(self.arena().refusal()).at(&self.handle);
        };
        let loaned = {
            let mut share = lock(lease.share());
            share.release();
            !share.loaned.is_empty()
        };
        if loaned {
            let error = Error::new(ErrorKind::FramesPinned).finding("this process is filling");
            return Err(error).at(&self.handle);
        }
        self.forget();
        Ok(())
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

    /// The last samples, at most `wanted` of them and as many as the stream keeps, copied.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StaleHandle`], [`ErrorKind::Corrupt`].
    pub fn history(&self, wanted: u64) -> Result<AnyHistory> {
        self.samples_from(|head| head.saturating_sub(wanted))
    }

    /// The samples from a sequence number on, as far as the stream keeps them, copied.
    ///
    /// # Errors
    ///
    /// As [`AnyStream::history`].
    pub fn since(&self, seq: u64) -> Result<AnyHistory> {
        self.samples_from(|head| seq.min(head))
    }

    /// Copies the samples up to the head from one that `first` chooses below it.
    #[inline]
    fn samples_from(&self, first: impl FnOnce(u64) -> u64) -> Result<AnyHistory> {
        let read = || {
            self.ensure_current()?;
            let head = self.published();
            let asked = first(head);
            let (copies, missed) = match &self.ring {
                Ring::Samples(samples) => {
                    let mut rows = Vec::with_capacity(samples.words_of(head.wrapping_sub(asked)));
                    let run = samples.history(asked, head, rows.spare_capacity_mut());
                    // SAFETY: as many words were written.
                    unsafe { rows.set_len(run.copied) };
                    (
                        Copies::Rows { rows, from: run.lost, first: run.first },
                        run.first.wrapping_sub(run.asked),
                    )
                }
                Ring::Frames(frames) => self.frames_in_a_row(frames, asked, head)?,
            };
            self.ensure_still_current()?;
            Ok(AnyHistory { copies, missed, block: Arc::clone(&self.block) })
        };
        read().at(&self.handle)
    }

    /// When the last samples were taken, at most `wanted` of them, the oldest first. Copies no frame.
    ///
    /// # Errors
    ///
    /// As [`AnyStream::history`].
    pub fn recent_times(&self, wanted: u64) -> Result<Vec<u64>> {
        let Ring::Frames(frames) = &self.ring else { return Ok(self.history(wanted)?.times()) };
        let read = || {
            self.ensure_current()?;
            let head = self.published();
            let times = head.saturating_sub(wanted.min(self.block.depth))..head;
            let times =
                times.filter_map(|seq| frames.copy(seq, |_| ()).ok()).map(|((), time)| time).collect();
            self.ensure_still_current()?;
            Ok(times)
        };
        read().at(&self.handle)
    }

    fn frames_in_a_row(&self, frames: &Frames<'static>, asked: u64, head: u64) -> Result<(Copies, u64)> {
        let (mut stamps, mut data) = (Vec::new(), Vec::new());
        // The oldest ones go first.
        for seq in asked.max(head.saturating_sub(self.block.depth))..head {
            let copy = |slot| self.block.copy_frame(self.arena(), self.payload, slot);
            match frames.copy(seq, copy) {
                Ok((bytes, time)) => {
                    data.extend_from_slice(&bytes?);
                    stamps.push((seq, time));
                }
                Err(Nothing::Corrupt) => return Err(no_sample(Nothing::Corrupt)),
                Err(_) => {}
            }
        }
        let missed = head.wrapping_sub(asked).wrapping_sub(stamps.len() as u64);
        Ok((Copies::Frames { stamps, data }, missed))
    }

    /// Sleeps until more than `seen` samples may be published, for a while. Returns `false` if the store was closed, or at the end of the time
    /// that `left` says there is.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StaleHandle`] if the stream, or its store, was removed; [`ErrorKind::Interrupted`].
    pub fn wait(&self, seen: u64, left: Option<Duration>) -> Result<bool> {
        wait_any(&[(self, seen)], left)
    }
}

/// As [`AnyStream::wait`], for any of several streams.
///
/// # Errors
///
/// As [`AnyStream::wait`].
pub fn wait_any(streams: &[(&AnyStream, u64)], left: Option<Duration>) -> Result<bool> {
    if streams.is_empty() {
        return Ok(false);
    }
    let news = |(stream, seen): &(&AnyStream, u64)| stream.published() != *seen;
    if streams.iter().any(news) {
        return Ok(true);
    }
    for (stream, _) in streams {
        let check = || match stream.arena().is_gone() {
            true => Err(Error::gone("removed")),
            false => stream.ensure_current(),
        };
        check().at(&stream.handle)?;
        if stream.handle.store().is_closed() {
            return Ok(false);
        }
    }
    if left.is_some_and(|left| left.is_zero()) {
        return Ok(false);
    }
    let slice = left.map_or(SLICE, |left| left.min(SLICE));
    match streams {
        [(stream, seen)] if stream.arena().writable() => {
            Wait::asleep(&mut || stream.ring.head().wait(*seen, slice));
        }
        _ if streams.iter().all(|(stream, _)| stream.arena().writable()) => {
            let marked: Vec<_> = streams.iter().map(|(stream, _)| stream.ring.head().mark()).collect();
            fence_after_update();
            if !streams.iter().any(news) {
                let words = streams.iter().zip(&marked);
                let words: Vec<_> =
                    words.map(|((stream, _), mark)| (&stream.ring.head().readers.waiters, *mark)).collect();
                Wait::asleep(&mut || crate::sync::futex_wait_any(&words, slice));
                words
                    .iter()
                    .zip(streams)
                    .for_each(|((_, mark), (stream, _))| stream.ring.head().pass_on(*mark));
            }
        }
        _ => Wait::asleep(&mut || std::thread::sleep(slice.min(POLL))),
    }
    Wait::FOREVER.check()?;
    Ok(true)
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

impl AnyLoan {
    /// The bytes of the frame, at an address that is a multiple of 64. What they are at first is arbitrary. In a child that was forked since,
    /// they are zeroes in memory of its own.
    pub fn as_slice(&self) -> &[u8] {
        if self.is_inherited() {
            let size = self.stream.sample_size();
            let lines = self.private.get_or_init(|| vec![Line([0; 64]); size.div_ceil(64)].into());
            let room = size_of_val(&**lines).min(size);
            // SAFETY: initialised memory of this loan's own, of that size.
            return unsafe { std::slice::from_raw_parts(lines.as_ptr().cast::<u8>(), room) };
        }
        // SAFETY: in bounds (checked), and loaned: no other thread or process reads or writes it.
        unsafe { std::slice::from_raw_parts(self.data, self.stream.sample_size()) }
    }

    /// The bytes of the frame.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        step();
        let (data, size) = match self.is_inherited() {
            true => {
                let _ = self.as_slice();
                let lines = self.private.get_mut().map(|lines| &mut **lines).unwrap_or_default();
                (lines.as_mut_ptr().cast::<u8>(), size_of_val(lines).min(self.stream.sample_size()))
            }
            false => (self.data, self.stream.sample_size()),
        };
        // SAFETY: as above, or this loan's own memory; `&mut self` keeps this from lending it twice.
        unsafe { std::slice::from_raw_parts_mut(data, size) }
    }

    /// Whether this process is a child of the one that has the frame.
    fn is_inherited(&self) -> bool {
        self.forks != self.stream.arena().forks()
    }

    /// The stream that it is of.
    pub fn stream(&self) -> &AnyStream {
        &self.stream
    }

    /// Publishes the frame. Returns its number.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StaleHandle`] if the stream was removed; [`ErrorKind::HasPublisher`] in a forked child.
    pub fn publish(self, time: u64) -> Result<u64> {
        let stream = self.stream.clone();
        let seq = self.publish_frame(time).at(&stream.handle)?;
        stream.arena().tell(stream.handle.id().index, Mode::Node);
        Ok(seq)
    }

    fn publish_frame(mut self, time: u64) -> Result<u64> {
        self.stream.ensure_current()?;
        let published = self.end(|frames, publisher, slot| {
            let seq = publisher.next;
            frames.publish(slot, seq, time, &mut publisher.order);
            publisher.next = seq.wrapping_add(1);
            seq
        });
        published.ok_or_else(|| {
            let finding = match self.is_inherited() {
                true => "the process that this one was forked from",
                false => "another process",
            };
            Error::new(ErrorKind::HasPublisher).finding(finding)
        })
    }

    /// Ends the loan in one way or another. `None` if this process does not publish: in a child, or where the head was taken from it.
    fn end<T>(&mut self, act: impl FnOnce(&Frames<'static>, &mut Publisher, usize) -> T) -> Option<T> {
        let (AnyStream { ring: Ring::Frames(frames), lease: Some(lease), .. }, true) =
            (&self.stream, self.open)
        else {
            return None;
        };
        self.open = false;
        if self.is_inherited() {
            return None;
        }
        let mut share = lock(lease.share());
        share.loaned.retain(|slot| *slot != self.slot);
        // None after the head was found to be another's: the next claim looks at the slot again.
        share.publisher.as_mut().map(|publisher| act(frames, publisher, self.slot))
    }
}

impl Drop for AnyLoan {
    fn drop(&mut self) {
        let _ = self.end(|_, publisher, slot| Frames::take_back(slot, &mut publisher.order));
    }
}
