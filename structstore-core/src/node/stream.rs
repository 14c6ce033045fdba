//! Streams: one block each, with the type of its samples, the head of the ring, and the ring.
//!
//! | part | contents |
//! |---|---|
//! | [`ArrayHead`](crate::arena::layout::ArrayHead) | type and shape of a sample, as an array of one sample has them; the count of leases |
//! | [`StreamHead`] | depth, clock, length of the metadata |
//! | metadata | a snapshot with the metadata of a sample's fields |
//! | [`Head`] | head, owner, waiters |
//! | small samples | stamps, one word each; rows: the time, and the words of the sample |
//! | frames | a line with stamp and time for each slot, a line of pins for each, the index, the rows of readers, the frames |

use super::{ArrayBlock, read_bytes, write_bytes};
use crate::arena::Arena;
use crate::arena::block::{BlockKind, HEADER, bytes, units};
use crate::arena::layout::StreamHead;
use crate::error::{Error, Result};
use crate::lock::Mode;
use crate::ring::frames::{FrameSlot, Frames, Pins, ROWS};
use crate::ring::samples::{PREFIX, Samples};
use crate::ring::{Head, Nothing, Publisher, Ring};
use crate::sync::{AtomicU64, Ordering, step};
use crate::value::{SampleValue, StreamValue, decode, encoded};

/// Larger samples are frames.
const LARGEST_SAMPLE: u64 = 4096;
/// Slots of frames beyond the depth: the loaned one, and one that may be pinned by a reader that looks at an older frame.
const SPARE: u64 = 2;
const LINE: u64 = 64;
/// The most bytes of metadata.
const LONGEST_METAS: u64 = 1 << 20;
/// Words of a slot of small samples beyond the sample.
const ROW_AND_STAMP: u64 = PREFIX as u64 + 1;

/// The description of a stream in its block.
#[derive(Clone, Debug)]
pub(crate) struct StreamBlock {
    /// Type and shape of a sample; `bytes` is its size.
    pub(crate) sample: ArrayBlock,
    pub(crate) depth: u64,
    /// Bytes of the snapshot with the metadata of a sample's fields; 0 for none.
    metas: u64,
    layout: Layout,
}

/// Where the parts of a ring begin, from the start of the block's payload.
#[derive(Clone, Copy, Debug)]
enum Layout {
    Samples {
        count: u64,
        words: u64,
    },
    Frames {
        slots: u64,
        pins: u64,
        index: u64,
        rows: u64,
        frames: u64,
        /// Bytes from one frame to the next.
        stride: u64,
    },
}

impl StreamBlock {
    pub(crate) fn new(value: &StreamValue<'_>) -> Result<StreamBlock> {
        let metas = metas_of(value)?.len() as u64;
        StreamBlock::of(ArrayBlock::new(value.dtype().clone(), value.shape())?, value.depth(), metas)
            .ok_or_else(|| Error::invalid("depth", value.depth().to_string(), "a size that memory can hold"))
    }

    /// `None` if it would be too large for any memory.
    fn of(sample: ArrayBlock, depth: u64, metas: u64) -> Option<StreamBlock> {
        // So that no sum below wraps.
        if depth.checked_mul(sample.bytes.checked_add(1024)?)? > 1 << 48 || metas > LONGEST_METAS {
            return None;
        }
        if sample.bytes <= LARGEST_SAMPLE {
            let count = depth.saturating_add(1).checked_next_power_of_two()?;
            let layout = Layout::Samples { count, words: sample.bytes.div_ceil(8) };
            return Some(StreamBlock { sample, depth, metas, layout });
        }
        let slots = depth.saturating_add(SPARE);
        let stride = sample.bytes.next_multiple_of(LINE);
        let pins = ring_offset(&sample, metas).saturating_add(slots.saturating_mul(LINE));
        let index = pins.saturating_add(slots.saturating_mul(LINE));
        let rows = index.saturating_add(slots.saturating_mul(8).next_multiple_of(LINE));
        let frames = rows.saturating_add((ROWS * 8) as u64);
        let layout = Layout::Frames { slots, pins, index, rows, frames, stride };
        Some(StreamBlock { sample, depth, metas, layout })
    }

    /// How large the block's payload is.
    pub(crate) fn size(&self) -> u64 {
        match self.layout {
            Layout::Samples { count, words } => {
                let words_of_slot = words.saturating_add(ROW_AND_STAMP);
                ring_offset(&self.sample, self.metas)
                    .saturating_add(count.saturating_mul(words_of_slot).saturating_mul(8))
            }
            Layout::Frames { slots, frames, stride, .. } => {
                frames.saturating_add(slots.saturating_mul(stride))
            }
        }
    }

    /// Words of a small sample.
    pub(crate) fn words(&self) -> usize {
        self.sample.bytes.div_ceil(8) as usize
    }

    /// Writes the header and an empty ring of a stream into a block that no other thread sees yet.
    pub(crate) fn write(
        &self,
        arena: &Arena,
        payload: u64,
        value: &StreamValue<'_>,
        node: u32,
    ) -> Result<()> {
        self.sample.write(arena, payload)?;
        // All but the samples.
        let end = match self.layout {
            Layout::Samples { count, .. } => {
                ring_offset(&self.sample, self.metas).saturating_add(count.saturating_mul(8))
            }
            Layout::Frames { frames, .. } => frames,
        };
        let start = payload.saturating_add(self.sample.data);
        for word in arena.words(start, end.saturating_sub(self.sample.data) / 8)? {
            word.store(0, Ordering::Relaxed);
        }
        let head = arena.at::<StreamHead>(start)?;
        head.depth.store(self.depth, Ordering::Relaxed);
        head.metas.store(self.metas, Ordering::Relaxed);
        head.node.store(u64::from(node).saturating_add(1), Ordering::Relaxed);
        let metas = arena.words(start.saturating_add(LINE), self.metas.div_ceil(8))?;
        write_bytes(metas, &metas_of(value)?);
        Ok(())
    }

    /// Reads the header of a block; every number in it is checked.
    pub(crate) fn read(arena: &Arena, payload: u64) -> Result<StreamBlock> {
        let header = arena.at::<AtomicU64>(payload.wrapping_sub(HEADER))?.load(Ordering::Relaxed);
        if BlockKind::of(header) != Some(BlockKind::Stream) {
            return Err(Error::corrupt(
                format_args!("the block at {payload:#x}"),
                "a block of another kind",
                "the block of a stream",
            ));
        }
        let sample = ArrayBlock::read(arena, payload)?;
        let head = arena.at::<StreamHead>(payload.saturating_add(sample.data))?;
        let (depth, metas) = (head.depth.load(Ordering::Relaxed), head.metas.load(Ordering::Relaxed));
        let broken = || {
            let place = format!("the stream at {payload:#x}");
            Error::corrupt(place, format_args!("a depth of {depth}"), "a depth that fits its block")
        };
        let empty = sample.bytes == 0 || depth == 0;
        let block = StreamBlock::of(sample, depth, metas).filter(|_| !empty).ok_or_else(broken)?;
        // Not beyond its own block, into memory of others.
        let capacity = bytes(units(header)).saturating_sub(HEADER);
        arena.bytes(payload, block.size()).map_err(|_| broken())?;
        if block.size() <= capacity { Ok(block) } else { Err(broken()) }
    }

    /// The ring of a block.
    pub(crate) fn ring<'a>(&self, arena: &'a Arena, payload: u64) -> Result<Ring<'a>> {
        let at = |offset: u64| payload.saturating_add(offset);
        let head = arena.at::<Head>(at(head_offset(&self.sample, self.metas)))?;
        match self.layout {
            Layout::Samples { count, words } => {
                let length = count.saturating_mul(words.saturating_add(ROW_AND_STAMP));
                let memory = arena.words(at(ring_offset(&self.sample, self.metas)), length)?;
                let samples = Samples::new(head, memory, count, words as usize);
                samples.map(Ring::Samples).ok_or_else(|| {
                    Error::corrupt("a stream", format_args!("{count} slots"), "a valid number of slots")
                })
            }
            Layout::Frames { slots, pins, index, rows, .. } => Ok(Ring::Frames(Frames {
                head,
                slots: arena.slice::<FrameSlot>(at(ring_offset(&self.sample, self.metas)), slots)?,
                pins: arena.slice::<Pins>(at(pins), slots)?,
                index: arena.words(at(index), slots)?,
                rows: arena.words(at(rows), ROWS as u64)?,
            })),
        }
    }

    /// Where the frame of a slot lies; an error for small samples.
    pub(crate) fn frame(&self, arena: &Arena, payload: u64, slot: usize) -> Result<*mut u8> {
        let Layout::Frames { frames, stride, .. } = self.layout else {
            return Err(Error::corrupt("a stream", "a ring of small samples", "a ring of frames"));
        };
        let offset = (slot as u64).saturating_mul(stride).saturating_add(frames);
        arena.bytes(payload.saturating_add(offset), self.sample.bytes)
    }

    /// The stream as a value, without a sample.
    pub(crate) fn kind(&self, arena: &Arena, payload: u64) -> Result<StreamValue<'static>> {
        let value = StreamValue::new(self.sample.dtype.clone(), &self.sample.shape, self.depth)?;
        if self.metas == 0 {
            return Ok(value);
        }
        let start = payload.saturating_add(self.sample.data).saturating_add(LINE);
        let metas = read_bytes(arena.words(start, self.metas.div_ceil(8))?, self.metas as usize);
        value.with_metas_of(decode(&metas)?)
    }

    /// The stream as a value, with its newest sample if one was published, or with `all` that it keeps.
    pub(crate) fn value(&self, arena: &Arena, payload: u64, all: bool) -> Result<StreamValue<'static>> {
        let value = self.kind(arena, payload)?;
        let mut samples = if all { self.kept(arena, payload)? } else { Vec::new() };
        if samples.is_empty() {
            samples.extend(self.newest(arena, payload)?);
        }
        let samples = samples.into_iter().map(|(time, data)| SampleValue { time, data: data.into() });
        value.with_samples(samples.collect())
    }

    /// Copies of the samples that it keeps, the oldest first, and their times. There are no gaps: what comes before a sample that was lost
    /// meanwhile is left out.
    fn kept(&self, arena: &Arena, payload: u64) -> Result<Vec<(u64, Vec<u8>)>> {
        let ring = self.ring(arena, payload)?;
        let mut words = match ring {
            Ring::Samples(_) => vec![0; self.words()],
            Ring::Frames(_) => Vec::new(),
        };
        let head = ring.head().published();
        let mut kept = Vec::new();
        for seq in head.saturating_sub(self.depth)..head {
            let read = match &ring {
                Ring::Samples(samples) => {
                    let size = self.sample.bytes as usize;
                    samples.read(seq, &mut words).map(|time| (time, bytes_of(&words, size)))
                }
                Ring::Frames(frames) => {
                    match frames.copy(seq, |slot| self.copy_frame(arena, payload, slot)) {
                        Ok((data, time)) => Ok((time, data?)),
                        Err(nothing) => Err(nothing),
                    }
                }
            };
            match read {
                Ok(sample) => kept.push(sample),
                Err(_) => kept.clear(),
            }
        }
        Ok(kept)
    }

    /// A copy of the newest sample, and its time; `None` if there is none, or the publisher was always faster.
    pub(crate) fn newest(&self, arena: &Arena, payload: u64) -> Result<Option<(u64, Vec<u8>)>> {
        let size = self.sample.bytes as usize;
        let found = match self.ring(arena, payload)? {
            Ring::Samples(samples) => {
                let mut words = vec![0; self.words()];
                samples.latest(&mut words).map(|read| (read.time, bytes_of(&words, size)))
            }
            Ring::Frames(frames) => {
                let copy = |slot| self.copy_frame(arena, payload, slot);
                let copied = frames.latest(|seq| frames.copy(seq, copy));
                copied.and_then(|(data, time)| Ok((time, data.map_err(|_| Nothing::Corrupt)?)))
            }
        };
        match found {
            Ok(found) => Ok(Some(found)),
            Err(Nothing::Empty | Nothing::Lost | Nothing::Busy) => Ok(None),
            Err(Nothing::Corrupt) => {
                Err(Error::corrupt("a stream", "a head beyond its samples", "samples below it"))
            }
        }
    }

    /// Publishes samples, from number 0 on, in a ring that no other thread sees yet.
    pub(crate) fn publish_all(&self, arena: &Arena, payload: u64, samples: &[SampleValue<'_>]) -> Result<()> {
        let refused = || Error::corrupt("a new stream", "a publisher", "none");
        let ring = self.ring(arena, payload)?;
        let mut publisher = Publisher::claim(&ring, FIRST, &[]).map_err(|_| refused())?;
        for (seq, SampleValue { time, data }) in (0..).zip(samples) {
            match &ring {
                Ring::Samples(ring) => {
                    ring.publish(FIRST, seq, *time, words_of(data)).map_err(|_| refused())?;
                }
                Ring::Frames(frames) => {
                    let slot = frames.loan(FIRST, seq, &mut publisher.order).map_err(|_| refused())?;
                    let target = self.frame(arena, payload, slot)?;
                    let size = data.len().min(self.sample.bytes as usize);
                    step();
                    // SAFETY: in bounds (checked), loaned, and private memory of the caller does not overlap with it.
                    unsafe { std::ptr::copy(data.as_ptr(), target, size) };
                    frames.publish(slot, seq, *time, &mut publisher.order);
                }
            }
        }
        ring.head().release(FIRST);
        Ok(())
    }

    /// A copy of a frame, which may be written to meanwhile.
    pub(crate) fn copy_frame(&self, arena: &Arena, payload: u64, slot: usize) -> Result<Vec<u8>> {
        let size = self.sample.bytes as usize;
        let source = self.frame(arena, payload, slot)?;
        let mut data: Vec<u8> = Vec::with_capacity(size);
        // SAFETY: in bounds (checked), and the vector has room for as many. Others may write there meanwhile; what is torn is discarded, and
        // bytes are copied, of which any are a sample.
        unsafe {
            std::ptr::copy_nonoverlapping(source, data.as_mut_ptr(), size);
            data.set_len(size);
        }
        Ok(data)
    }
}

/// The metadata of a stream as its block holds them; nothing for none.
fn metas_of(value: &StreamValue<'_>) -> Result<Vec<u8>> {
    if value.metas().is_empty() { Ok(Vec::new()) } else { encoded(&value.metas_value()) }
}

fn head_offset(sample: &ArrayBlock, metas: u64) -> u64 {
    sample.data.saturating_add(size_of::<StreamHead>() as u64).saturating_add(metas.next_multiple_of(LINE))
}

fn ring_offset(sample: &ArrayBlock, metas: u64) -> u64 {
    head_offset(sample, metas).saturating_add(size_of::<Head>() as u64)
}

/// The owner of a ring that no other thread sees yet.
const FIRST: u64 = u64::MAX;

/// Bytes as words, the last of which is padded with zeroes.
pub(crate) fn words_of(bytes: &[u8]) -> impl Iterator<Item = u64> {
    let (whole, last) = bytes.as_chunks::<8>();
    let mut padded = [0; 8];
    padded.iter_mut().zip(last).for_each(|(padded, byte)| *padded = *byte);
    let last = (!last.is_empty()).then(|| u64::from_le_bytes(padded));
    whole.iter().map(|word| u64::from_le_bytes(*word)).chain(last)
}

/// The first bytes of words.
pub(crate) fn bytes_of(words: &[u64], size: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(words.len().saturating_mul(8));
    words.iter().for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
    bytes.truncate(size);
    bytes
}

/// Finishes what a dead participant has left in the ring of a leased block, if it is one of a stream.
pub(crate) fn bury(arena: &Arena, payload: u64, participant: u32) {
    // Whatever the memory says that is not a stream has nothing to be finished.
    let Ok(block) = StreamBlock::read(arena, payload) else { return };
    let (Ok(ring), Ok(head)) =
        (block.ring(arena, payload), arena.at::<StreamHead>(payload.saturating_add(block.sample.data)))
    else {
        return;
    };
    let dead = u64::from(participant).saturating_add(1);
    let published = ring.head().writer.owner.load(Ordering::Relaxed) == dead;
    ring.bury(dead);
    // It may have died before it told of its last sample.
    if published && let Some(node) = head.node.load(Ordering::Relaxed).checked_sub(1) {
        arena.tell(u32::try_from(node).unwrap_or(u32::MAX), Mode::Node);
    }
}
