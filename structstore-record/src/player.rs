//! A recording that is played as somebody wishes: from anywhere, faster or slower, with pauses.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use structstore::Struct;
use structstore::binding_support::Thread;

use crate::error::{Error, Result};
use crate::replay::{Go, Playing, checked_speed};
use crate::run::Run;

/// How long to wait before it is looked whether to go on.
const TICK: Duration = Duration::from_millis(50);

/// Plays a recording into a store, in a thread of its own, until it is dropped.
///
/// ```
/// use structstore::StructStore;
/// use structstore_record::{Options, Player, Recording, Run};
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let file = folder.path().join("run.mcap");
/// # let store = StructStore::new();
/// # store.set("speed", 1.5)?;
/// # Recording::start(&store, "local", &file, Options::new())?.stop()?;
/// let copy = StructStore::new();
/// let player = Player::start(Run::open(&file)?, &copy)?;
/// player.seek(10.0);
/// player.play(true);
/// assert_eq!(player.now().speed, 1.0);
/// # Ok::<(), structstore_record::Error>(())
/// ```
pub struct Player {
    shared: Arc<Shared>,
    thread: Option<Thread>,
    duration: f64,
}

/// Where a player is.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Position {
    /// Seconds since the start of the recording.
    pub time: f64,
    /// Whether it goes on.
    pub playing: bool,
    /// How many times as fast as it was.
    pub speed: f64,
}

struct Shared {
    control: Mutex<Control>,
    changed: Condvar,
}

struct Control {
    /// Where it was at a moment.
    time: f64,
    at: Instant,
    playing: bool,
    speed: f64,
    /// Whether to start anew, from this time or with this speed.
    anew: bool,
    over: bool,
    failed: Option<String>,
}

impl Control {
    fn time(&self, duration: f64) -> f64 {
        let passed = if self.playing { self.at.elapsed().as_secs_f64() * self.speed } else { 0.0 };
        (self.time + passed).min(duration)
    }

    fn settle(&mut self, duration: f64) {
        (self.time, self.at) = (self.time(duration), Instant::now());
    }
}

impl Player {
    /// Puts the state at the start into a store, and waits to be told to [play](Player::play).
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`], also of a further file, and [`Error::Store`], whose kind is [`Io`](structstore::ErrorKind::Io) if the
    /// system has no thread left.
    pub fn start(run: Run, store: &Struct) -> Result<Player> {
        let duration = whole(&run)?;
        run.load(store, run.start())?;
        let control = Control {
            time: 0.0,
            at: Instant::now(),
            playing: false,
            speed: 1.0,
            anew: false,
            over: false,
            failed: None,
        };
        let shared = Arc::new(Shared { control: Mutex::new(control), changed: Condvar::new() });
        let (store, own) = (store.clone(), Arc::clone(&shared));
        let play = move || {
            if catch_unwind(AssertUnwindSafe(|| own.run(&run, &store, duration))).is_err() {
                own.fail("the thread that plays it has panicked".to_owned(), duration);
            }
        };
        let thread = Thread::start("play", play).map_err(Error::thread)?;
        Ok(Player { shared, thread: Some(thread), duration })
    }

    /// How long the recording is, in seconds, with the further files of one that was split.
    pub fn duration(&self) -> f64 {
        self.duration
    }

    /// Where it is now.
    pub fn now(&self) -> Position {
        let control = self.shared.control.lock();
        Position { time: control.time(self.duration), playing: control.playing, speed: control.speed }
    }

    /// Why it cannot go on: the file is damaged, or the store has gone.
    pub fn failure(&self) -> Option<String> {
        self.shared.control.lock().failed.clone()
    }

    /// Goes to another time.
    pub fn seek(&self, seconds: f64) {
        let time = if seconds.is_finite() { seconds.clamp(0.0, self.duration) } else { 0.0 };
        self.shared.change(self.duration, |control| (control.time, control.anew) = (time, true));
    }

    /// Goes on, from the beginning if it is at the end, or pauses.
    pub fn play(&self, playing: bool) {
        self.shared.change(self.duration, |control| {
            if playing && control.time >= self.duration {
                (control.time, control.anew) = (0.0, true);
            }
            control.playing = playing;
        });
    }

    /// Goes on so many times as fast as it was.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a speed outside of [`SPEEDS`](crate::SPEEDS), which changes nothing.
    pub fn set_speed(&self, speed: f64) -> Result<()> {
        let speed = checked_speed(speed)?;
        self.shared.change(self.duration, |control| (control.speed, control.anew) = (speed, true));
        Ok(())
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        // A forked child has none, and finds the control as the fork left it.
        if let Some(thread) = self.thread.take().filter(Thread::is_here) {
            self.shared.change(self.duration, |control| control.over = true);
            thread.join();
        }
    }
}

/// How long a recording is with its further files.
fn whole(run: &Run) -> Result<f64> {
    let mut end = run.start() as f64 / 1e9 + run.duration();
    let mut next = run.next()?;
    while let Some(further) = next {
        end = end.max(further.start() as f64 / 1e9 + further.duration());
        next = further.next()?;
    }
    Ok(end - run.start() as f64 / 1e9)
}

impl Shared {
    fn change(&self, duration: f64, change: impl FnOnce(&mut Control)) {
        let mut control = self.control.lock();
        control.settle(duration);
        change(&mut control);
        self.changed.notify_all();
    }

    fn run(&self, run: &Run, store: &Struct, duration: f64) {
        loop {
            let (start, speed) = {
                let mut control = self.control.lock();
                if control.over {
                    return;
                }
                (control.anew, control.failed) = (false, None);
                (control.time(duration), control.speed)
            };
            let playing = Playing { speed, start, topics: Vec::new() };
            let played = run.replay(store, &playing, &mut || self.go());
            if let Err(error) = &played {
                self.fail(error.to_string(), duration);
            }
            let mut control = self.control.lock();
            if played.is_ok() && !control.anew && !control.over {
                (control.time, control.playing) = (duration, false);
            }
            // At the end there is nothing to play until it is somewhere else.
            while !control.anew && !control.over {
                self.changed.wait(&mut control);
            }
        }
    }

    /// Stops, for this reason.
    fn fail(&self, reason: String, duration: f64) {
        self.change(duration, |control| (control.failed, control.playing) = (Some(reason), false));
    }

    /// What a replay is to do. It waits during a pause.
    fn go(&self) -> Go {
        let mut control = self.control.lock();
        while !control.playing && !control.anew && !control.over {
            self.changed.wait_for(&mut control, TICK);
        }
        if control.anew || control.over { Go::Stop } else { Go::On }
    }
}
