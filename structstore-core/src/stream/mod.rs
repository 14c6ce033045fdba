//! Streams: the last samples of one type, published without ever waiting for a reader.
//!
//! A stream lies in the store like any other value. It keeps its last samples in memory that is allocated when it is created. One process
//! at a time publishes; any number of processes read the newest sample, follow all of them, or copy the last ones. Readers use no lock, so
//! a slow, stopped or killed reader does not delay the publisher. A reader that is too slow loses samples, and knows how many.
//!
//! Samples of up to 4 KiB are copied. Larger ones are *frames*: the publisher fills them in the store's memory, and readers use them there.
//! A frame does not change while a reader has it.
//!
//! ```
//! use structstore::stream::{Start, Stream};
//! use structstore::StructStore;
//!
//! #[derive(StructStore, Clone, Debug, PartialEq)]
//! struct Imu {
//!     stamp: u64,
//!     acceleration: [f64; 3],
//! }
//!
//! let store = StructStore::new();
//! let imu = store.ensure_stream::<Imu>("imu", Stream::depth(100))?;
//! let mut follow = imu.follow(Start::Next);
//! for stamp in 0..3 {
//!     imu.publish(&Imu { stamp, acceleration: [0.0, 0.0, 9.81] })?;
//! }
//!
//! assert_eq!(imu.latest()?.value.stamp, 2);
//! let first = follow.try_next()?.unwrap();
//! assert_eq!((first.seq, first.missed, first.value.stamp), (0, 0, 0));
//! assert_eq!(imu.history(2)?.column::<u64>("stamp")?, [1, 2]);
//! # Ok::<(), structstore::Error>(())
//! ```
//!
//! The time of a sample is in nanoseconds of CLOCK_MONOTONIC, which [`now`] reads. [`wall_time`] says when that was.
//!
//! Processes can publish in turn: each takes a common lock, publishes, and calls [`Stream::release`] before it releases the lock.
//!
//! A field does not record the time of its last change: values that a binding or a guard lends as `&mut` change without notice. A stream of
//! depth 1 has the time of its value.
//!
//! A snapshot has the newest sample of a stream, or [all that it keeps](crate::handle::Struct::to_bytes_with_samples).
//!
//! Publishing is not part of a transaction, and the lock of a struct above a stream does not cover its samples. A watch of the stream, or
//! of a struct that contains it, reports new samples. Removing the stream makes the handles of its publisher and its readers stale; they
//! keep their frames.

mod follow;
mod history;
mod loan;
mod publish;

#[cfg(feature = "stream")]
pub use crate::blocking::BlockingStream;
#[cfg(feature = "stream")]
pub use follow::FollowStream;
pub use follow::{Follow, Start, Waiting, wait};
pub use history::History;
pub use loan::Loan;
pub use publish::{Frame, Publish};

pub use crate::handle::stream::{
    AnyCursor, AnyHistory, AnyLoan, AnySample, AnyStream, PinnedFrame, Readers, SampleBytes, now, wait_any,
    wall_time,
};
pub use crate::value::{SampleValue, StreamValue};

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::{Error, Result};
use crate::handle::Struct;
use crate::handle::stream::{bytes_in, with_words};
use crate::key::Key;
use crate::ops::{Get, Slot, structs};
use crate::value::{Kind, Value};

/// A handle to a stream of samples of type `T`: a number, a struct with the derive, or, for `[T]`, an array of numbers. See
/// [the module](self).
pub struct Stream<T: ?Sized = ()> {
    raw: AnyStream,
    samples: PhantomData<fn(&T)>,
}

impl<T: ?Sized> Clone for Stream<T> {
    fn clone(&self) -> Stream<T> {
        Stream { raw: self.raw.clone(), samples: PhantomData }
    }
}

/// Options for creating a stream; see [`Stream::depth`] and [`Stream::array`].
#[derive(Clone, Debug)]
pub struct StreamOptions {
    depth: u64,
    shape: Vec<usize>,
}

impl StreamOptions {
    /// Keeps the last `depth` samples.
    #[must_use]
    pub fn depth(mut self, depth: u64) -> StreamOptions {
        self.depth = depth;
        self
    }
}

impl Stream<()> {
    /// A stream that keeps the last `depth` samples.
    pub fn depth(depth: u64) -> StreamOptions {
        StreamOptions { depth, shape: Vec::new() }
    }

    /// A stream of arrays of this shape, which keeps the last one unless it is given a [depth](StreamOptions::depth).
    pub fn array(shape: impl Into<Vec<usize>>) -> StreamOptions {
        StreamOptions { depth: 1, shape: shape.into() }
    }
}

/// A sample that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample<V> {
    /// The published value.
    pub value: V,
    /// Its sequence number, counted from 0.
    pub seq: u64,
    /// When it was taken, in nanoseconds of CLOCK_MONOTONIC.
    pub time: u64,
    /// How many samples this follower lost between the previous one and this one.
    pub missed: u64,
}

impl<V> Sample<V> {
    /// How long ago it was taken.
    pub fn age(&self) -> Duration {
        Duration::from_nanos(now().saturating_sub(self.time))
    }
}

impl<T: Publish + ?Sized> Stream<T> {
    fn of(raw: AnyStream) -> Result<Stream<T>> {
        let value = raw.value()?;
        T::check_type(&value)?;
        Ok(Stream { raw, samples: PhantomData })
    }

    /// Publishes a sample that is taken now. Returns its sequence number.
    ///
    /// The first call makes this process the publisher of the stream until it calls [`release`](Stream::release), closes the store, or
    /// ends. Threads of the process queue. Readers never delay it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::HasPublisher`] while another process publishes, [`ErrorKind::FramesPinned`] if the samples are frames and readers have
    /// pinned all but the newest, [`ErrorKind::InvalidArgument`] for an array of another length, [`ErrorKind::StaleHandle`],
    /// [`ErrorKind::ReadOnly`].
    #[inline]
    pub fn publish(&self, value: &T) -> Result<u64> {
        self.publish_at(value, now())
    }

    /// Publishes a sample that was taken at a time, in nanoseconds of CLOCK_MONOTONIC.
    ///
    /// # Errors
    ///
    /// As [`Stream::publish`].
    #[inline]
    pub fn publish_at(&self, value: &T, time: u64) -> Result<u64> {
        self.raw.publish(time, |sample| value.pack_into(sample))
    }

    /// Releases the right to publish, so that another process can publish.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::FramesPinned`] while this process fills a frame, [`ErrorKind::ReadOnly`] for a process that only reads.
    pub fn release(&self) -> Result<()> {
        self.raw.release()
    }

    /// The newest sample, complete however fast samples are published.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NoSample`] if none was published, [`ErrorKind::StaleHandle`], [`ErrorKind::TooMany`] processes that read frames.
    #[inline]
    pub fn latest(&self) -> Result<Sample<T::Value>> {
        if self.raw.has_frames() {
            let sample = self.raw.latest()?;
            return typed::<T>(sample.data, (sample.seq, sample.time, 0));
        }
        with_words(self.raw.sample_size(), |words| {
            let read = self.raw.latest_into(words)?;
            let value = T::unpack_from(bytes_in(words, self.raw.sample_size()))?;
            Ok(Sample { value, seq: read.seq, time: read.time, missed: 0 })
        })
    }

    /// Follows the samples, from the next one on or from an older one.
    ///
    /// ```
    /// use structstore::stream::{Start, Stream};
    ///
    /// let store = structstore::StructStore::new();
    /// let speed = store.ensure_stream::<f64>("speed", Stream::depth(3))?;
    /// let mut follow = speed.follow(Start::Next);
    /// for at in 0..10 {
    ///     speed.publish(&f64::from(at))?;
    /// }
    /// // It was too slow for seven of them.
    /// let sample = follow.try_next()?.unwrap();
    /// assert_eq!((sample.value, sample.missed), (7.0, 7));
    /// assert_eq!(follow.next_within(std::time::Duration::ZERO)?.unwrap().value, 8.0);
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn follow(&self, start: Start) -> Follow<T> {
        Follow::new(self.clone(), start)
    }

    /// Copies the last `count` samples, or as many as there are.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StaleHandle`].
    pub fn history(&self, count: u64) -> Result<History<T>> {
        self.raw.history(count).map(History::new)
    }

    /// Copies the samples from a sequence number on, as far as the stream keeps them.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StaleHandle`].
    pub fn since(&self, seq: u64) -> Result<History<T>> {
        self.raw.since(seq).map(History::new)
    }
}

impl<T: ?Sized> Stream<T> {
    /// How many samples were published: the sequence number of the next one.
    pub fn published(&self) -> u64 {
        self.raw.published()
    }

    /// The type and depth of the stream, without samples.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] if the memory is damaged.
    pub fn value(&self) -> Result<StreamValue<'static>> {
        self.raw.value()
    }

    /// The process id of the publisher, if there is one.
    pub fn publisher(&self) -> Option<u64> {
        self.raw.publisher()
    }

    /// The stream without the type of its samples, for bindings of other languages.
    #[doc(hidden)]
    pub fn raw(&self) -> &AnyStream {
        &self.raw
    }
}

impl<T: ?Sized> fmt::Debug for Stream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("published", &self.published()).finish_non_exhaustive()
    }
}

impl Get for AnyStream {
    fn get(slot: Slot<'_>) -> Result<AnyStream> {
        slot.handle(Kind::Stream).and_then(AnyStream::open)
    }
}

impl<T: Publish + ?Sized> Get for Stream<T> {
    fn get(slot: Slot<'_>) -> Result<Stream<T>> {
        Stream::of(AnyStream::get(slot)?)
    }
}

impl Struct {
    /// The stream in a field; creates a missing one. An existing stream must have samples of that type, and at least that depth.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::WrongType`] if the field has another type, [`ErrorKind::Unsupported`] for samples without a fixed size,
    /// [`ErrorKind::OutOfSpace`].
    ///
    /// ```
    /// use structstore::stream::Stream;
    /// use structstore::ErrorKind;
    ///
    /// #[derive(structstore::StructStore)]
    /// struct Named {
    ///     name: String,
    /// }
    ///
    /// let store = structstore::StructStore::new();
    /// let error = store.ensure_stream::<Named>("names", Stream::depth(3)).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Unsupported);
    /// assert!(error.to_string().starts_with("names.name: cannot store a string"));
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn ensure_stream<'k, T: Publish + ?Sized>(
        &self,
        key: impl Into<Key<'k>>,
        options: StreamOptions,
    ) -> Result<Stream<T>> {
        let key = key.into();
        let value = T::stream_value(&options).map_err(|error| error.under(key.name()))?;
        let depth = value.depth();
        let stream: Stream<T> = structs::get_or_insert(&self.handle, &key, &Value::Stream(value))?;
        let found = stream.value()?;
        if found.depth() < depth {
            let error = Error::wrong_type(found.to_string(), format!("a depth of at least {depth}"));
            return Err(error.under(key.name()));
        }
        Ok(stream)
    }
}

/// A sample with the value that its bytes are.
fn typed<T: Publish + ?Sized>(
    data: SampleBytes,
    (seq, time, missed): (u64, u64, u64),
) -> Result<Sample<T::Value>> {
    Ok(Sample { value: T::of_bytes(data)?, seq, time, missed })
}
