//! A recording played into a store: each look as one transaction, each sample published.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use structstore::path::{Path, Step};
use structstore::stream::{AnyStream, StreamValue, now};
use structstore::{Error as StoreError, Item, Struct};

use crate::error::{Error, Result};
use crate::run::{Entry, Look, Run, Source, StreamType, sample_bytes};

/// How long to sleep before it is looked whether to go on.
const TICK: Duration = Duration::from_millis(50);

/// How a recording is played.
#[derive(Clone, Debug)]
pub struct Playing {
    /// How many times as fast as it was.
    pub speed: f64,
    /// Where to start, in seconds.
    pub start: f64,
    /// Only these topics, by the beginnings of their names; all if there are none.
    pub topics: Vec<String>,
}

impl Default for Playing {
    fn default() -> Playing {
        Playing { speed: 1.0, start: 0.0, topics: Vec::new() }
    }
}

impl Run {
    /// Puts the state at the start into a store, and then plays what follows. `go_on` is asked now and then; it may wait, and `false`
    /// ends it.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`], and [`Error::Store`] of the store that it is played into.
    pub fn replay(&self, store: &Struct, playing: &Playing, go_on: &mut dyn FnMut() -> bool) -> Result<()> {
        let speed = if playing.speed > 0.0 && playing.speed.is_finite() { playing.speed } else { 1.0 };
        let from = self.time(playing.start);
        self.load(store, from)?;
        let mut player = Player {
            run: self,
            store,
            begun: Instant::now(),
            from,
            speed,
            look: Look::default(),
            streams: HashMap::new(),
        };
        let is_wanted = |name: &str| {
            playing.topics.is_empty() || playing.topics.iter().any(|topic| name.starts_with(&**topic))
        };
        self.visit((from.saturating_add(1), u64::MAX), &|topic| is_wanted(&topic.name), &mut |entry| {
            player.play(&entry, go_on)
        })
        .or_else(|error| if is_end(&error) { Ok(()) } else { Err(error) })?;
        player.end_look()
    }
}

/// The error that ends a replay which was told to.
const ENDED: &str = "the replay was ended";

fn is_end(error: &Error) -> bool {
    matches!(error, Error::Invalid(message) if message == ENDED)
}

struct Player<'r> {
    run: &'r Run,
    store: &'r Struct,
    begun: Instant,
    from: u64,
    speed: f64,
    look: Look<'r>,
    streams: HashMap<Path, AnyStream>,
}

impl<'r> Player<'r> {
    fn play(&mut self, entry: &Entry<'r, '_>, go_on: &mut dyn FnMut() -> bool) -> Result<()> {
        let is_sample = entry.topic.source == Source::Stream;
        if is_sample || !self.look.has(entry) {
            self.end_look()?;
        }
        let due = Duration::from_secs_f64(entry.time.saturating_sub(self.from) as f64 / 1e9 / self.speed);
        loop {
            if !go_on() {
                return Err(Error::Invalid(ENDED.to_owned()));
            }
            let left = due.saturating_sub(self.begun.elapsed());
            if left.is_zero() {
                break;
            }
            std::thread::sleep(left.min(TICK));
        }
        match &entry.topic.stream {
            Some(stream) if is_sample => return self.publish(entry, stream),
            _ => self.look.add(entry),
        }
        Ok(())
    }

    fn end_look(&mut self) -> Result<()> {
        self.look.apply(self.store).map_err(|failed| self.run.failed(failed))
    }

    fn publish(&mut self, entry: &Entry<'_, '_>, of: &StreamType) -> Result<()> {
        let bytes = sample_bytes(entry.data, of).map_err(|error| self.run.damaged(error))?;
        let path = &entry.topic.path;
        if !self.streams.contains_key(path) {
            self.streams.insert(path.clone(), ensure_stream(self.store, path, of)?);
        }
        if let Some(stream) = self.streams.get(path) {
            let fill = |place: &mut [u8]| {
                place.iter_mut().zip(&bytes).for_each(|(place, byte)| *place = *byte);
                Ok(())
            };
            stream.publish(now(), fill)?;
        }
        Ok(())
    }
}

/// The stream at a path, which is made if it is missing.
fn ensure_stream(store: &Struct, path: &Path, of: &StreamType) -> Result<AnyStream> {
    if let Ok(Item::Stream(stream)) = store.get_at(&path.to_string())
        && *stream.dtype() == of.dtype
        && stream.shape() == of.shape
    {
        return Ok(stream);
    }
    let Some((Step::Name(name), above)) = path.steps().split_last() else {
        return Err(Error::Store(StoreError::rejected("a stream has a name")));
    };
    let mut part = store.clone();
    for step in above {
        if let Step::Name(name) = step {
            part = part.ensure_struct(&**name)?;
        }
    }
    part.set(&**name, StreamValue::new(of.dtype.clone(), &of.shape, of.depth.max(1))?)?;
    match part.get(&**name)? {
        Item::Stream(stream) => Ok(stream),
        _ => Err(Error::Store(StoreError::rejected("a stream was replaced"))),
    }
}
