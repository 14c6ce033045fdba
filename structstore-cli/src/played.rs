//! A recording that `serve` shows.

use std::path::Path as FilePath;
use std::sync::Arc;

use structstore::{Struct, StructStore};
use structstore_record::{Player, Run};
use structstore_serve::{Control, Moment, Source, Timeline};

use crate::failure::Result;
use crate::served::Served;

/// A recording, played into a store of this process.
pub(crate) fn recording(file: &FilePath) -> Result<Served> {
    let run = Run::open(file)?;
    let (marks, store) = (run.marks()?, StructStore::try_new()?);
    let player = Player::start(run, &store)?;
    let part = Struct::clone(&store);
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let played = Played { player, marks, _store: store };
    Ok((Some(Source::Store { part, name }), Some(Arc::new(played))))
}

struct Played {
    player: Player,
    marks: Vec<(f64, String)>,
    _store: StructStore,
}

impl Timeline for Played {
    fn duration(&self) -> f64 {
        self.player.duration()
    }

    fn marks(&self) -> Vec<(f64, String)> {
        self.marks.clone()
    }

    fn now(&self) -> Moment {
        let now = self.player.now();
        Moment { time: now.time, playing: now.playing, speed: now.speed }
    }

    fn control(&self, control: Control) -> std::result::Result<(), String> {
        match control {
            Control::Play(playing) => self.player.play(playing),
            Control::Seek(time) => self.player.seek(time),
            Control::Speed(speed) => self.player.set_speed(speed).map_err(|error| error.to_string())?,
        }
        Ok(())
    }
}
