//! Records stores as [MCAP](https://mcap.dev) files, replays them, and reads them.
//!
//! A recording has three sources. *Streams*: every sample, with its own timestamp; lost samples are counted and marked. *Changes*: the state of everything
//! else, sampled through a [watch](structstore::Watch) at most so many times a second; intermediate writes are not recorded. *Whole states*: one
//! at the start and one each minute, so that a replay can start anywhere.
//!
//! Foxglove, PlotJuggler, rerun and the `mcap` tool open the files. Each struct, array and stream is a topic with messages in JSON and a JSON Schema, in
//! which `x-structstore` gives the type of a value in the store. All messages of one sample of the state share a timestamp, so the changes of a transaction stay
//! together.
//!
//! The recorder attaches as an observer. The threads that read the store never wait for the disk and never make a writer wait. When the queue to the
//! disk is full, changes are recorded later and samples of streams are counted as missed. At most the last second is lost when the recorder is killed.

#![deny(missing_docs)]

mod condition;
mod decode;
mod encode;
mod error;
mod file;
mod flight;
mod follow;
mod fuzz;
mod looks;
mod options;
mod player;
mod queue;
mod recorder;
mod records;
mod repair;
mod replay;
mod run;
mod series;
mod shape;
mod shared;
mod table;
mod topic;
mod tree;
mod value;
mod write;

/// What the fuzzers of this project use. Not part of the API.
#[doc(hidden)]
pub mod private {
    pub use crate::fuzz::recording as fuzz;
}

pub use condition::Condition;
pub use error::{Error, Result};
pub use options::{Arrays, BlackBox, Options, Streams};
pub use player::{Player, Position};
pub use recorder::{Recording, Status};
pub use repair::{Repaired, repair};
pub use replay::{Go, Playing, SPEEDS};
pub use run::{Run, Source, Topic};
pub use series::{Series, stacked};
pub use table::Table;
