//! Publishing: the head, samples and loaned frames.

use std::sync::{MutexGuard, OnceLock};

use super::{AnyStream, bytes_in_mut, clock, now, with_words};
use crate::access::{Access, Located};
use crate::arena::layout;
use crate::error::{Error, ErrorKind, Result};
use crate::lock::Mode;
use crate::ring::frames::{Frames, Refused};
use crate::ring::{OwnedBy, Publisher, Ring, Share};
use crate::sync::{Ordering, lock, step};

impl AnyStream {
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
    pub(super) fn bury_dead(&self) -> Result<()> {
        self.arena().repair_dead().map(|_| ())
    }

    /// Publishes a sample whose bytes `fill` writes. Returns its number.
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

    /// Releases the right to publish.
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
}

/// A frame to be filled in place. If it is dropped unpublished, the stream does not change.
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

impl AnyLoan {
    /// The bytes of the frame, at an address that is a multiple of 64. They are arbitrary at first. In a child that was forked since, they
    /// are zeros in its own memory.
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
