//! A recording played into a store: each look as one transaction, each sample published.

use std::collections::HashMap;
use std::ops::{ControlFlow, RangeInclusive};
use std::time::{Duration, Instant};

use structstore::path::{Path, Step};
use structstore::stream::{AnyStream, StreamValue, now};
use structstore::{Error as StoreError, Item, Struct};

use crate::error::{Error, Result};
use crate::run::{Entry, Look, Run, Source, StreamType, Topic};

/// How long to sleep before it is looked whether to go on.
const TICK: Duration = Duration::from_millis(50);

/// How many times as fast as it was a recording can be played.
pub const SPEEDS: RangeInclusive<f64> = 0.001..=1000.0;

/// A speed within these limits.
pub(crate) fn checked_speed(speed: f64) -> Result<f64> {
    if SPEEDS.contains(&speed) {
        return Ok(speed);
    }
    let (least, most) = SPEEDS.into_inner();
    Err(Error::Invalid(format!("speed: found {speed:?}, expected a number from {least} to {most}")))
}

/// How a recording is played.
#[derive(Clone, Debug)]
pub struct Playing {
    /// How many times as fast as it was, within [`SPEEDS`].
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

/// What a replay is to do at a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Go {
    /// To wait until its time has come.
    On,
    /// To play it now.
    AtOnce,
    /// To end.
    Stop,
}

impl Run {
    /// Puts the state at the start into a store, and then plays what follows, also what is in further files of a recording that was split. `go` is
    /// asked for each look, and several times a second until its time has come. While it waits, the replay pauses.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`], also of a further file, when its time has come, [`Error::Store`] of the store that it is played into, and [`Error::Invalid`]
    /// for a speed outside of [`SPEEDS`].
    ///
    /// ```
    /// use structstore::StructStore;
    /// use structstore_record::{Go, Options, Playing, Recording, Run};
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let file = folder.path().join("run.mcap");
    /// # let store = StructStore::new();
    /// # store.set("speed", 1.5)?;
    /// # Recording::start(&store, "local", &file, Options::new())?.stop()?;
    /// let (run, copy) = (Run::open(&file)?, StructStore::new());
    /// run.replay(&copy, &Playing { speed: 10.0, ..Playing::default() }, &mut || Go::On)?;
    /// assert_eq!(copy.get::<f64>("speed")?, 1.5);
    /// let error = run.replay(&copy, &Playing { speed: 0.0, ..Playing::default() }, &mut || Go::On).unwrap_err();
    /// assert_eq!(error.to_string(), "speed: found 0.0, expected a number from 0.001 to 1000");
    /// # Ok::<(), structstore_record::Error>(())
    /// ```
    pub fn replay(&self, store: &Struct, playing: &Playing, go: &mut dyn FnMut() -> Go) -> Result<()> {
        let speed = checked_speed(playing.speed)?;
        let from = self.time(playing.start);
        let mut further: Option<Run> = None;
        // One that cannot be read is an error when its time has come.
        while let Ok(Some(next)) = further.as_ref().unwrap_or(self).next()
            && next.start() <= from
        {
            further = Some(next);
        }
        further.as_ref().unwrap_or(self).load(store, from)?;
        let mut player = Player { store, begun: Instant::now(), from, speed, streams: HashMap::new() };
        loop {
            let run = further.as_ref().unwrap_or(self);
            let next = if player.play(run, playing, go)? { run.next()? } else { None };
            match next {
                Some(next) => further = Some(next),
                None => return Ok(()),
            }
        }
    }
}

struct Player<'s> {
    store: &'s Struct,
    begun: Instant,
    from: u64,
    speed: f64,
    streams: HashMap<Path, AnyStream>,
}

impl Player<'_> {
    /// Plays a file. `false` if it was told to stop.
    fn play(&mut self, run: &Run, playing: &Playing, go: &mut dyn FnMut() -> Go) -> Result<bool> {
        let is_wanted = |topic: &Topic| {
            let begins = |beginning: &String| topic.name.starts_with(beginning.as_str());
            playing.topics.is_empty() || playing.topics.iter().any(begins)
        };
        let (mut look, mut goes_on) = (Look::default(), true);
        run.visit((self.from.saturating_add(1), u64::MAX), &is_wanted, &mut |entry| {
            let is_sample = entry.topic.source == Source::Stream;
            if is_sample || !look.has(&entry) {
                look.apply(self.store).map_err(|failed| run.failed(failed))?;
                goes_on = self.wait(entry.time, go);
                if !goes_on {
                    return Ok(ControlFlow::Break(()));
                }
            }
            match &entry.topic.stream {
                Some(stream) if is_sample => self.publish(run, &entry, stream)?,
                _ => look.add(&entry).map_err(|failed| run.failed(failed))?,
            }
            Ok(ControlFlow::Continue(()))
        })?;
        look.apply(self.store).map_err(|failed| run.failed(failed))?;
        Ok(goes_on)
    }

    /// Waits until something is due. `false` if the replay is to stop.
    fn wait(&mut self, time: u64, go: &mut dyn FnMut() -> Go) -> bool {
        let due = time.saturating_sub(self.from) as f64 / 1e9 / self.speed;
        let due = Duration::try_from_secs_f64(due).unwrap_or(Duration::MAX);
        loop {
            let asked = Instant::now();
            match go() {
                Go::On => {}
                Go::AtOnce => {
                    self.begun = Instant::now().checked_sub(due).unwrap_or(self.begun);
                    return true;
                }
                Go::Stop => return false,
            }
            let paused = asked.elapsed();
            if paused > TICK {
                self.begun += paused;
            }
            let left = due.saturating_sub(self.begun.elapsed());
            if left.is_zero() {
                return true;
            }
            std::thread::sleep(left.min(TICK));
        }
    }

    fn publish(&mut self, run: &Run, entry: &Entry<'_, '_>, of: &StreamType) -> Result<()> {
        let bytes = entry.sample_bytes(of).map_err(|error| run.damaged(error))?;
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
    if let Ok(Item::Stream(stream)) = store.get_at(path)
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
