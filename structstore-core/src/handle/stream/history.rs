//! Copies of the last samples.

use std::sync::Arc;

use super::{AnyStream, bytes_in, no_sample};
use crate::access::Located;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::Result;
use crate::node::StreamBlock;
use crate::ring::frames::Frames;
use crate::ring::samples::PREFIX;
use crate::ring::{Nothing, Ring};
use crate::value::{ArrayValue, DType, samples_array};

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

impl AnyStream {
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
}
