//! `replay`: a recording played into a store.

use std::ffi::OsString;
use std::thread;
use std::time::Duration;

use structstore::{Cleanup, StructStoreShared};
use structstore_record::{Go, Playing, Run};

use crate::arguments::{Name, Replay};
use crate::failure::{Failure, Result};
use crate::keys::Keys;
use crate::output::{FAINT, Output};
use crate::record::Signals;
use crate::text::plural;

/// How often to look whether to go on, while the replay is paused.
const TICK: Duration = Duration::from_millis(20);

/// What a user wants of a replay.
struct Control {
    signals: Signals,
    keys: Option<Keys>,
    paused: bool,
    ended: bool,
}

impl Control {
    /// What to do now. It waits while the replay is paused.
    fn go(&mut self) -> Go {
        loop {
            self.paused ^= self.signals.was_asked();
            let key = self.keys.as_ref().and_then(Keys::pressed);
            match key {
                Some(b' ') => self.paused = !self.paused,
                Some(b'n') if self.paused => return Go::AtOnce,
                Some(b'q') => self.ended = true,
                _ => {}
            }
            if self.ended || self.signals.is_over() {
                self.ended = true;
                return Go::Stop;
            }
            if !self.paused {
                return Go::On;
            }
            thread::sleep(TICK);
        }
    }
}

pub(crate) fn replay(options: &Replay, output: &mut Output) -> Result<u8> {
    let run = Run::open(&options.input)?;
    let name = options.name.clone().or_else(|| run.store().map(OsString::from));
    let name =
        name.ok_or_else(|| Failure::Usage("the recording does not name a store; give NAME".to_owned()))?;
    let name = Name { name, file: false, any_owner: false };
    if !options.overwrite && name.observe().is_ok() {
        return Err(Failure::Other(format!(
            "{}: store already exists; --overwrite replaces it",
            name.shown()
        )));
    }
    let making = StructStoreShared::options().cleanup(Cleanup::Never).reinit(options.overwrite);
    let store = name.open(making)?;
    let mut control =
        Control { signals: Signals::catch()?, keys: Keys::new(), paused: options.paused, ended: false };
    let mut playing = Playing::default();
    (playing.speed, playing.start) = (options.speed, options.start.as_secs_f64());
    playing.topics.clone_from(&options.topics);
    output.print(&format!("{}: {:.1} s\n", name.shown(), run.duration()));
    if control.keys.is_some() {
        output.styled(FAINT, "space pauses and resumes, n plays the next change, q quits\n");
    }
    output.finish()?;
    loop {
        run.replay(&store, &playing, &mut || control.go())?;
        if !options.again || control.ended {
            break;
        }
    }
    if run.damaged_chunks() > 0 {
        let chunks = plural(run.damaged_chunks(), "chunk");
        output.print(&format!("{chunks} of a recording that was not finished could not be read\n"));
    }
    store.close()?;
    Ok(0)
}
