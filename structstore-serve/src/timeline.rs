//! A recording that pages show: where it is, and what they may do with it.

use serde_json::{Value as Json, json};

/// What plays a recording into the store that is served.
pub trait Timeline: Send + Sync {
    /// How long it is, in seconds.
    fn duration(&self) -> f64;

    /// Remarks, and when they were made, in seconds since the start.
    fn marks(&self) -> Vec<(f64, String)>;

    /// Where it is now.
    fn now(&self) -> Moment;

    /// Does what a page asks for.
    ///
    /// # Errors
    ///
    /// Why it cannot be done, which the page is told.
    fn control(&self, control: Control) -> Result<(), String>;
}

/// Where a recording is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    /// Seconds since the start.
    pub time: f64,
    /// Whether it is playing.
    pub playing: bool,
    /// The playback speed; 1.0 is real time.
    pub speed: f64,
}

/// What a page does with a recording.
#[derive(Clone, Copy, Debug, PartialEq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Control {
    /// Plays or pauses.
    Play(bool),
    /// Goes to this time, in seconds since the start.
    Seek(f64),
    /// Sets the playback speed.
    Speed(f64),
}

/// What pages are told at first.
pub(crate) fn hello(timeline: &dyn Timeline) -> Json {
    json!({ "duration": timeline.duration(), "marks": timeline.marks() })
}

/// What pages are told when it changes.
pub(crate) fn message(moment: Moment) -> Json {
    json!({ "type": "timeline", "time": moment.time, "playing": moment.playing, "speed": moment.speed })
}
