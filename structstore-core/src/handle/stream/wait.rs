//! Waiting for samples.

use std::time::Duration;

use super::AnyStream;
use crate::access::{Access, Located};
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::{Error, Result};
use crate::lock::Wait;
use crate::sync::fence_after_update;

/// The longest sleep of a reader before it looks whether there is something for which no publisher wakes it.
const SLICE: Duration = Duration::from_millis(100);
/// How often a reader looks that may not write, and so cannot sleep on the stream.
const POLL: Duration = Duration::from_millis(1);

impl AnyStream {
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
