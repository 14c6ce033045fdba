//! Streams: the last samples of one type.

use std::ffi::{c_char, c_void};
use std::time::Instant;

use structstore::stream::{AnyCursor, AnyLoan, AnySample, AnyStream, now, wait_any};
use structstore::{Error, Result, StreamValue};

use crate::array::described;
use crate::object::{Object, elements, limit, not_null, object, write};
use crate::place::{Place, stst_place};
use crate::status::{status, stst_status};

/// A stream in a store.
pub struct stst_stream {
    stream: AnyStream,
}

object!(stst_stream, "stream", b"ststream");

/// Information about a sample.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct stst_sample {
    /// Its number, from 0.
    pub number: u64,
    /// When it was published, in nanoseconds of CLOCK_MONOTONIC.
    pub time: u64,
    /// How many samples before it were lost to this reader.
    pub missed: u64,
}

/// Assigns a stream without samples, which keeps the last `depth` of them. Each sample is an array of this type and shape; without dimensions, one element. `itemsize` is the size of an
/// element in bytes; it counts for records only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_set_stream(
    place: *const stst_place,
    dtype: *const c_char,
    dtype_length: usize,
    itemsize: usize,
    shape: *const usize,
    dimensions: usize,
    depth: u64,
) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe {
        let (dtype, shape) = described((dtype, dtype_length), (shape, dimensions), |_| itemsize)?;
        Place::of(place)?.set(structstore::Value::Stream(StreamValue::new(dtype, shape, depth)?))
    })
}

/// The stream at a place.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_get_stream(
    place: *const stst_place,
    stream: *mut *mut stst_stream,
) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe { stst_stream { stream: Place::of(place)?.get::<AnyStream>()? }.give(stream) })
}

/// How many bytes a sample has.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_sample_size(stream: *const stst_stream, size: *mut usize) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe { write(size, stst_stream::of(stream)?.stream.sample_size()) })
}

/// Publishes a sample. It never waits for readers. One process publishes to a stream at a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_publish(
    stream: *const stst_stream,
    data: *const c_void,
    size: usize,
) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe {
        let stream = &stst_stream::of(stream)?.stream;
        fitting(stream, size)?;
        let data = elements(data.cast::<u8>(), size, "sample")?;
        let fill = |place: &mut [u8]| {
            place.copy_from_slice(data);
            Ok(())
        };
        stream.publish(now(), fill).map(drop)
    })
}

fn fitting(stream: &AnyStream, size: usize) -> Result<()> {
    match stream.sample_size() {
        expected if expected == size => Ok(()),
        expected => Err(Error::invalid("size", size.to_string(), expected.to_string())),
    }
}

/// Copies the newest sample. `about` may be null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_latest(
    stream: *const stst_stream,
    data: *mut c_void,
    size: usize,
    about: *mut stst_sample,
) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe {
        let stream = &stst_stream::of(stream)?.stream;
        fitting(stream, size)?;
        hand_over(&stream.latest()?, data, about)
    })
}

/// Copies the first kept sample whose number is at least `next`, and sets `next` to the number that follows it. Waits for one for at most `timeout`
/// seconds; a negative timeout waits without a limit. `found` is false if none came, or if this process closed the store. Start with 0 to
/// read everything that is kept.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_next(
    stream: *const stst_stream,
    next: *mut u64,
    timeout: f64,
    data: *mut c_void,
    size: usize,
    about: *mut stst_sample,
    found: *mut bool,
) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe {
        let stream = &stst_stream::of(stream)?.stream;
        fitting(stream, size)?;
        not_null(next)?;
        not_null(found)?;
        let mut cursor = AnyCursor::at(next.read());
        let deadline = limit(timeout)?.and_then(|limit| Instant::now().checked_add(limit));
        // Waits are in slices, and there may be samples none of which stays until it is read.
        let sample = loop {
            let sample = stream.try_next(&mut cursor)?;
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if sample.is_some()
                || left.is_some_and(|left| left.is_zero())
                || !stream.wait(cursor.next(), left)?
            {
                break sample;
            }
        };
        if let Some(sample) = &sample {
            hand_over(sample, data, about)?;
            next.write(cursor.next());
        }
        write(found, sample.is_some())
    })
}

/// Waits until one of `count` streams has a sample whose number is at least that in `next`, for at most `timeout` seconds; a negative timeout waits without a limit. `found` is
/// false if none came, or if this process closed the store of one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_wait_streams(
    streams: *const *const stst_stream,
    next: *const u64,
    count: usize,
    timeout: f64,
    found: *mut bool,
) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe {
        let (streams, next) = (elements(streams, count, "streams")?, elements(next, count, "next")?);
        let streams: Vec<&AnyStream> = streams
            .iter()
            .map(|stream| stst_stream::of(*stream).map(|object| &object.stream))
            .collect::<Result<_>>()?;
        not_null(found)?;
        let deadline = limit(timeout)?.and_then(|limit| Instant::now().checked_add(limit));
        let news = || streams.iter().zip(next).any(|(stream, next)| stream.published() > *next);
        loop {
            if news() {
                return write(found, true);
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let seen: Vec<_> = streams.iter().map(|stream| (*stream, stream.published())).collect();
            if news() || left.is_some_and(|left| left.is_zero()) || !wait_any(&seen, left)? {
                return write(found, news());
            }
        }
    })
}

/// A frame that this process fills before it publishes it: a sample of more than 4 KiB, without a copy.
pub struct stst_loan {
    loan: AnyLoan,
}

object!(stst_loan, "loan", b"ststloan");

/// Lends a frame of a stream to be filled: memory as large as a sample, at a multiple of 64, whose contents are arbitrary. It is valid until the loan is published or freed.
/// STST_FRAMES_PINNED if readers hold all frames; STST_UNSUPPORTED for samples of up to 4 KiB, which have none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_loan_frame(
    stream: *const stst_stream,
    loan: *mut *mut stst_loan,
    data: *mut *mut c_void,
) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe {
        not_null(loan)?;
        not_null(data)?;
        let mut lent = stst_stream::of(stream)?.stream.loan()?;
        write(data, lent.as_mut_slice().as_mut_ptr().cast())?;
        stst_loan { loan: lent }.give(loan)
    })
}

/// Publishes the frame and frees the loan.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_loan_publish(loan: *mut stst_loan) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe {
        match stst_loan::take(loan)? {
            Some(object) => object.loan.publish(now()).map(drop),
            None => Err(Error::invalid("loan", "null", "an object")),
        }
    })
}

/// Returns the frame unpublished. A null pointer is ignored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_loan_free(loan: *mut stst_loan) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe { stst_loan::take(loan).map(drop) })
}

/// A sample that is read in place if it has more than 4 KiB; a smaller one is copied.
pub struct stst_frame {
    sample: AnySample,
}

object!(stst_frame, "frame", b"ststfram");

/// Reads the newest sample in place. It does not change until the frame is freed; until then the publisher has one frame less. `about` may be null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_latest_frame(
    stream: *const stst_stream,
    frame: *mut *mut stst_frame,
    data: *mut *const c_void,
    about: *mut stst_sample,
) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe {
        not_null(frame)?;
        not_null(data)?;
        let sample = stst_stream::of(stream)?.stream.latest()?;
        write(data, sample.data.as_slice().as_ptr().cast())?;
        tell(&sample, about);
        stst_frame { sample }.give(frame)
    })
}

/// Frees a frame. A null pointer is ignored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_frame_free(frame: *mut stst_frame) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe { stst_frame::take(frame).map(|object| drop(object.map(|object| object.sample))) })
}

/// # Safety
///
/// `about` is null or can be written to.
unsafe fn tell(sample: &AnySample, about: *mut stst_sample) {
    if !about.is_null() {
        // SAFETY: the caller's promise.
        unsafe { about.write(stst_sample { number: sample.seq, time: sample.time, missed: sample.missed }) };
    }
}

/// # Safety
///
/// `data` has room for it.
unsafe fn hand_over(sample: &AnySample, data: *mut c_void, about: *mut stst_sample) -> Result<()> {
    let bytes = sample.data.as_slice();
    if data.is_null() && !bytes.is_empty() {
        return Err(Error::invalid("data", "null", "a pointer"));
    }
    // SAFETY: the caller's promise.
    unsafe { bytes.as_ptr().copy_to_nonoverlapping(data.cast(), bytes.len()) };
    // SAFETY: the caller's promise.
    unsafe { tell(sample, about) };
    Ok(())
}

/// Frees a stream's handle; the stream itself stays. A null pointer is ignored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_stream_free(stream: *mut stst_stream) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe { stst_stream::take(stream).map(drop) })
}
