//! Recordings: what a store was over time, in files that other programs open, and that put a store back as it was.
//!
//! Three sources go into a recording. *Streams*: each sample, with its own time; what was lost is counted. *Changes*: what a
//! [watch](structstore::Watch) tells, at most so often a second, with the newest state by then: states, not writes. *Whole states*, at the start
//! and once a minute, from which a replay starts anywhere.
//!
//! The files are [MCAP](https://mcap.dev), which Foxglove, PlotJuggler, rerun and the tool `mcap` open: a topic for each struct, array and stream,
//! messages in JSON with a JSON Schema. All messages of one look have one time, so that a transaction is in one piece. In the schema,
//! `x-structstore` says what kind a value is in the store.
//!
//! The recorder is an observer. It never waits for a disk while it reads, nor keeps a writer waiting: what finds no room in its queue is looked at
//! again, or, if it is a sample, counted as missed. What was written is made sure to be readable once a second.

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
pub use repair::repair;
pub use replay::{Go, Playing};
pub use run::{Run, Source, Topic};
pub use series::{Series, stacked};
pub use table::Table;
