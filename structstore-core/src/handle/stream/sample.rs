//! Samples that were read: copies, and frames that are pinned.

use std::sync::Arc;

use super::AnyStream;
use crate::ring::Ring;
use crate::sync::lock;

/// A sample that was read.
#[derive(Clone, Debug)]
pub struct AnySample {
    /// Its sequence number, counted from 0.
    pub seq: u64,
    /// When it was taken, in nanoseconds of CLOCK_MONOTONIC.
    pub time: u64,
    /// How many samples between the previous one and this one were lost.
    pub missed: u64,
    /// Its bytes.
    pub data: SampleBytes,
}

/// The bytes of a sample: a copy, or a frame that does not change.
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
    pub(super) stream: AnyStream,
    pub(super) slot: usize,
    pub(super) data: *const u8,
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
