//! The command-line tool of StructStore, as a library: the executable `structstore` and the Python package both call
//! [`main`].
//!
//! One module for each command, or for those that share what they do. What only reads attaches as an observer: read-only,
//! and without counting as somebody who is attached. Nothing from a segment reaches a terminal but through `text` and
//! `json`, which leave no control characters.

mod arguments;
mod check;
mod clean;
mod clock;
mod completion;
mod cpp;
mod describe;
mod diff;
mod difference;
mod doctor;
mod document;
mod dump;
mod export;
mod failure;
mod field;
mod fuzz;
mod given;
#[cfg(feature = "record")]
mod info;
mod item;
mod json;
#[cfg(feature = "record")]
mod keys;
mod list;
mod literal;
mod load;
mod manual;
mod mirror;
mod mv;
mod npy;
mod output;
mod path;
mod patience;
mod picture;
#[cfg(all(feature = "record", feature = "serve"))]
mod played;
mod progress;
mod push;
#[cfg(feature = "record")]
mod record;
#[cfg(feature = "record")]
mod replay;
mod run;
mod schema;
#[cfg(feature = "serve")]
mod serve;
#[cfg(feature = "serve")]
mod served;
mod show;
mod signals;
mod source;
mod stat;
mod store;
mod stream;
#[doc(hidden)]
pub mod tagged;
mod text;
mod top;
mod types;
mod unlink;
mod watch;
mod way;

use std::ffi::OsString;

use clap::Parser;
use structstore::binding_support::limit_waits;

use arguments::{Arguments, Command};
use output::Output;

/// What the fuzzers of this project use. Not part of the API.
#[doc(hidden)]
pub mod private {
    pub use crate::fuzz::command as fuzz;
}

/// An array as a PNG file, if it has the type and shape of an image. For the Python package.
#[doc(hidden)]
pub fn png(array: &structstore::ArrayValue<'_>) -> Option<Vec<u8>> {
    picture::file(array, &structstore::path::Path::ROOT).ok()
}

/// How the live viewer reads and writes documents. For the Python package.
#[cfg(feature = "serve")]
#[doc(hidden)]
pub use serve::FORMATS;

/// Does what the arguments say, of which the first is the name of the program. Returns the exit status.
///
/// It is meant to be all that its process does: signals get their default dispositions.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    signals::restore();
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if let Some(status) = completion::answer(&arguments) {
        return status;
    }
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Nobody is left to be told if it cannot be printed.
            let _ = error.print();
            return if error.use_stderr() { failure::USAGE } else { 0 };
        }
    };
    arguments.color.write_global();
    if let Some(patience) = arguments.patience() {
        limit_waits(patience);
    }
    let mut output = Output::new();
    let done = run(&arguments.command, &mut output).and_then(|status| output.finish().map(|()| status));
    match done {
        Ok(status) => status,
        Err(failure) => {
            let store = arguments.command.store();
            output.complain(&store.map_or_else(|| failure.to_string(), |store| store.explain(&failure)));
            failure.status()
        }
    }
}

fn run(command: &Command, output: &mut Output) -> failure::Result<u8> {
    match command {
        Command::Ls(options) => list::run(options, output),
        Command::Show(options) => show::run(options, output),
        Command::Get(options) => field::get(options, output),
        Command::Set(options) => field::set(options),
        Command::Rm(options) => field::remove(options),
        Command::Mv(options) => mv::run(options),
        Command::Push(options) => push::run(options),
        Command::Describe(options) => describe::describe(options, output),
        Command::Declare(options) => describe::declare(options),
        Command::Undeclare(options) => describe::undeclare(options),
        Command::Reset(options) => describe::reset(options),
        Command::Schema(options) => schema::run(options, output),
        Command::Watch(options) if options.each => stream::each(options, output),
        Command::Watch(options) => watch::run(options, output),
        Command::Hz(options) => stream::hz(options, output),
        Command::Top(options) => top::run(options, output),
        Command::Stat(options) => stat::run(options, output),
        Command::Check(options) => check::run(options, output),
        Command::Doctor(options) => doctor::run(options, output),
        Command::Unlink(options) => unlink::run(options),
        Command::Clean(options) => clean::run(options, output),
        Command::Dump(options) => dump::run(options),
        Command::Load(options) => load::run(options),
        Command::Diff(options) => diff::run(options, output),
        Command::Run(options) => run::run(options),
        Command::Mirror(options) => mirror::run(options),
        #[cfg(feature = "record")]
        Command::Record(options) => record::record(options, output),
        #[cfg(feature = "record")]
        Command::Replay(options) => replay::replay(options, output),
        #[cfg(feature = "record")]
        Command::Info(options) => info::info(options, output),
        #[cfg(feature = "serve")]
        Command::Serve(options) => serve::run(options, output),
        Command::Completions(options) => manual::completions(options, output),
        Command::Man(options) => manual::page(options, output),
    }
}
