//! Following a stream: each sample once, with a count of lost samples.

use std::fmt;
use std::time::{Duration, Instant};

use super::{Publish, Sample, Stream, typed, with_words};
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::{Error, Result};
use crate::handle::stream::{AnyCursor, AnyStream, bytes_in, wait_any};

/// Where a follower begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Start {
    /// With the next sample that is published.
    Next,
    /// With the newest sample, if there is one.
    Newest,
    /// With the oldest sample that the stream keeps.
    Oldest,
    /// With this sequence number. Samples that the stream no longer keeps count as missed.
    At(u64),
}

/// Follows a [`Stream`]. As an iterator it waits for samples, and ends when the store is closed, or after an error.
pub struct Follow<T: ?Sized> {
    stream: Stream<T>,
    cursor: AnyCursor,
    failed: bool,
}

/// A [`Follow`] as a stream: see [`Follow::into_stream`].
#[cfg(feature = "stream")]
pub type FollowStream<T> = crate::blocking::BlockingStream<Result<Sample<<T as Publish>::Value>>>;

impl<T: Publish + ?Sized> Follow<T> {
    pub(super) fn new(stream: Stream<T>, start: Start) -> Follow<T> {
        let head = stream.published();
        let depth = stream.value().map_or(0, |value| value.depth());
        let seq = match start {
            Start::Next => head,
            Start::Newest => head.saturating_sub(1),
            Start::Oldest => head.saturating_sub(depth),
            Start::At(seq) => seq.min(head),
        };
        Follow { stream, cursor: AnyCursor::at(seq), failed: false }
    }

    /// The next sample, if it was published already.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StaleHandle`] if the stream was removed, [`ErrorKind::TooMany`] processes that read frames.
    #[inline]
    pub fn try_next(&mut self) -> Result<Option<Sample<T::Value>>> {
        let (raw, cursor) = (&self.stream.raw, &mut self.cursor);
        if raw.has_frames() {
            let sample = raw.try_next(cursor)?;
            return sample
                .map(|sample| typed::<T>(sample.data, (sample.seq, sample.time, sample.missed)))
                .transpose();
        }
        with_words(raw.sample_size(), |words| {
            let Some(read) = raw.try_next_into(cursor, words)? else { return Ok(None) };
            let value = T::unpack_from(bytes_in(words, raw.sample_size()))?;
            Ok(Some(Sample { value, seq: read.seq, time: read.time, missed: read.missed }))
        })
    }

    /// The next sample, after waiting at most `timeout` for it.
    ///
    /// # Errors
    ///
    /// As [`Follow::try_next`], [`ErrorKind::StaleHandle`] also if the store was removed, and [`ErrorKind::Interrupted`].
    pub fn next_within(&mut self, timeout: Duration) -> Result<Option<Sample<T::Value>>> {
        self.wait_next(Some(timeout), || false)
    }

    /// The samples as a stream, which works with any executor; with the feature `stream`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] if the system cannot start a thread.
    ///
    /// ```
    /// use futures_util::StreamExt;
    /// use structstore::stream::{Start, Stream};
    ///
    /// # futures_executor::block_on(async {
    /// let store = structstore::StructStore::new();
    /// let speed = store.ensure_stream::<f64>("speed", Stream::depth(8))?;
    /// let mut samples = speed.follow(Start::Next).into_stream()?;
    /// speed.publish(&0.5)?;
    /// assert_eq!(samples.next().await.unwrap()?.value, 0.5);
    /// # Ok::<(), structstore::Error>(())
    /// # })?;
    /// # Ok::<(), structstore::Error>(())
    /// ```
    #[cfg(feature = "stream")]
    pub fn into_stream(mut self) -> Result<FollowStream<T>>
    where
        T: 'static,
        T::Value: Send + 'static,
    {
        use std::sync::Arc;
        use std::sync::atomic::{AtomicBool, Ordering};

        let dropped = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&dropped);
        let samples = std::iter::from_fn(move || {
            if self.failed {
                return None;
            }
            let next = self.wait_next(None, || ended.load(Ordering::Relaxed)).transpose();
            self.failed = matches!(next, Some(Err(_)));
            next
        });
        crate::blocking::BlockingStream::new(samples, move || dropped.store(true, Ordering::Relaxed))
    }

    fn wait_next(
        &mut self,
        timeout: Option<Duration>,
        ended: impl Fn() -> bool,
    ) -> Result<Option<Sample<T::Value>>> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            if let Some(sample) = self.try_next()? {
                return Ok(Some(sample));
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let waited = !ended() && self.stream.raw.wait(self.cursor.next(), left)?;
            // There may be samples, none of which stays until it is read.
            if !waited || left.is_some_and(|left| left.is_zero()) {
                return Ok(None);
            }
        }
    }
}

impl<T: Publish + ?Sized> Iterator for Follow<T> {
    type Item = Result<Sample<T::Value>>;

    fn next(&mut self) -> Option<Result<Sample<T::Value>>> {
        if self.failed {
            return None;
        }
        let next = self.wait_next(None, || false).transpose();
        self.failed = matches!(next, Some(Err(_)));
        next
    }
}

impl<T: ?Sized> fmt::Debug for Follow<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follow").field("next", &self.cursor.next()).finish_non_exhaustive()
    }
}

/// What [`wait`] can wait for: a follower.
pub trait Waiting {
    /// The stream, and the sequence number that is waited for.
    #[doc(hidden)]
    fn awaited(&self) -> (&AnyStream, u64);
}

impl<T: ?Sized> Waiting for Follow<T> {
    fn awaited(&self) -> (&AnyStream, u64) {
        (&self.stream.raw, self.cursor.next())
    }
}

/// Waits at most `timeout` until one of several followers has a sample. Returns whether one has.
///
/// # Errors
///
/// As [`Follow::next_within`]; [`ErrorKind::InvalidArgument`] without followers.
///
/// ```
/// use std::time::Duration;
/// use structstore::stream::{self, Start, Stream};
///
/// let store = structstore::StructStore::new();
/// let left = store.ensure_stream::<i32>("left", Stream::depth(8))?;
/// let right = store.ensure_stream::<f64>("right", Stream::depth(8))?;
/// let (mut follow_left, mut follow_right) = (left.follow(Start::Next), right.follow(Start::Next));
/// assert!(!stream::wait(&[&follow_left, &follow_right], Some(Duration::from_millis(1)))?);
/// right.publish(&0.5)?;
/// assert!(stream::wait(&[&follow_left, &follow_right], None)?);
/// assert!(follow_left.try_next()?.is_none());
/// assert_eq!(follow_right.try_next()?.unwrap().value, 0.5);
/// # Ok::<(), structstore::Error>(())
/// ```
pub fn wait(followers: &[&dyn Waiting], timeout: Option<Duration>) -> Result<bool> {
    if followers.is_empty() {
        return Err(Error::invalid("followers", "none".to_owned(), "at least one"));
    }
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let awaited: Vec<_> = followers.iter().map(|follower| follower.awaited()).collect();
    loop {
        if awaited.iter().any(|(stream, next)| stream.published() > *next) {
            return Ok(true);
        }
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if !wait_any(&awaited, left)? {
            return Ok(false);
        }
    }
}
