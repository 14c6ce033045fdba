//! The command `structstore`, run as a process of its own. One binary: each takes as long to link as all of these take to run.

#[path = "../command/mod.rs"]
mod command;

mod commands;
mod completion;
mod diff;
mod documents;
mod editing;
mod export;
mod load;
mod opening;
mod recording;
mod schema;
mod serving;
mod streams;
mod terminal;
mod watching;
