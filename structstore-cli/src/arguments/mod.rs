//! The arguments of the command: a file for the subcommands of each kind.

mod documents;
mod fields;
mod help;
mod looking;
mod network;
mod parse;
#[cfg(feature = "record")]
mod recording;
mod stores;
mod values;

use std::ffi::OsString;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use structstore::binding_support::parse_duration;

pub(crate) use documents::{Diff, Dump, Format, Load};
pub(crate) use fields::{Declare, Describe, Reset, Schema, Undeclare};
pub(crate) use help::{Completions, Man};
pub(crate) use looking::{Hz, List, Show, Stat, Top, Watch};
pub(crate) use network::Mirror;
#[cfg(feature = "serve")]
pub(crate) use network::Serve;
#[cfg(feature = "record")]
pub(crate) use recording::{Info, Record, Replay};
pub(crate) use stores::{Check, Clean, Doctor, Run, Unlink};
pub(crate) use values::{Get, Move, Push, Remove, Set};

const NAMES_AND_PATHS: &str = "\
Names and paths:
  NAME is that of a shared store, `/robot` or `robot`; with --file it is the
  path of a file that holds one.
  PATH leads to a value in the store: `camera.lenses[2].focus`. Put a name that
  contains dots, brackets, quotes or control characters in double quotes, with
  the escapes of JSON: `camera.\"f.number\"`.

Exit status:
  0  done
  1  `check` found damage, `diff` differences, or `watch` too few changes in time
  2  invalid arguments
  3  no such store, field or file
  4  anything else: no permission, a value of the wrong type, no space in the
     store, a lock that was not granted within --timeout, ...
  5  no room on the disk
  `run` exits with the status of its command: 126 if it cannot be started, 127
  if it is not found, 128 and the signal's number if one ended it.

Examples:
  structstore ls
  structstore show robot camera
  structstore get robot camera.exposure
  structstore set robot camera.exposure 0.02
  structstore dump robot robot.snapshot && structstore load robot.snapshot copy";

/// Look into live stores, change them, and clean up after their programs.
///
/// A store is a tree of structs, lists, numbers, strings and arrays in memory that processes share. Commands that only read attach
/// without write permission and never disturb other processes.
#[derive(Parser)]
#[command(name = "structstore", version, after_help = NAMES_AND_PATHS, max_term_width = 100)]
pub(crate) struct Arguments {
    /// When to use colours; `auto` means on a terminal, unless NO_COLOR is set
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
    /// Give up waiting for locks after this many seconds, with exit status 4
    #[arg(long, global = true, value_name = "SECONDS", value_parser = parse_duration)]
    pub(crate) timeout: Option<Duration>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Arguments {
    /// How long the command may wait for locks. `watch` and `hz` end by themselves at their timeout, unless they wait for a lock then.
    pub(crate) fn patience(&self) -> Option<Duration> {
        const GRACE: Duration = Duration::from_secs(1);
        match self.command {
            Command::Watch(_) | Command::Hz(_) => self.timeout.map(|timeout| timeout.saturating_add(GRACE)),
            _ => self.timeout,
        }
    }
}

#[derive(Subcommand)]
pub(crate) enum Command {
    Ls(List),
    Show(Show),
    Get(Get),
    Set(Set),
    Rm(Remove),
    Mv(Move),
    Push(Push),
    Describe(Describe),
    Declare(Declare),
    Undeclare(Undeclare),
    Reset(Reset),
    Schema(Schema),
    Watch(Watch),
    Hz(Hz),
    Top(Top),
    Stat(Stat),
    Check(Check),
    Doctor(Doctor),
    Clean(Clean),
    Unlink(Unlink),
    Dump(Dump),
    Load(Load),
    Diff(Diff),
    Run(Run),
    #[cfg(feature = "record")]
    Record(Record),
    #[cfg(feature = "record")]
    Replay(Replay),
    #[cfg(feature = "record")]
    Info(Info),
    #[cfg(feature = "serve")]
    Serve(Serve),
    Mirror(Mirror),
    Completions(Completions),
    Man(Man),
}

impl Command {
    /// The store that the command uses.
    pub(crate) fn store(&self) -> Option<&Name> {
        match self {
            Command::Show(Show { store, .. })
            | Command::Get(Get { store, .. })
            | Command::Set(Set { store, .. })
            | Command::Rm(Remove { store, .. })
            | Command::Mv(Move { store, .. })
            | Command::Push(Push { store, .. })
            | Command::Describe(Describe { store, .. })
            | Command::Declare(Declare { store, .. })
            | Command::Undeclare(Undeclare { store, .. })
            | Command::Reset(Reset { store, .. })
            | Command::Schema(Schema { store, .. })
            | Command::Watch(Watch { store, .. })
            | Command::Hz(Hz { store, .. })
            | Command::Top(Top { store, .. })
            | Command::Stat(Stat { store, .. })
            | Command::Check(Check { store, .. })
            | Command::Unlink(Unlink { store, .. })
            | Command::Dump(Dump { store, .. })
            | Command::Load(Load { store, .. })
            | Command::Run(Run { store, .. }) => Some(store),
            #[cfg(feature = "record")]
            Command::Record(_) | Command::Replay(_) | Command::Info(_) => None,
            #[cfg(feature = "serve")]
            Command::Serve(_) => None,
            Command::Mirror(_) => None,
            Command::Ls(_)
            | Command::Doctor(_)
            | Command::Clean(_)
            | Command::Diff(_)
            | Command::Completions(_)
            | Command::Man(_) => None,
        }
    }
}

/// Which store.
#[derive(Args)]
pub(crate) struct Name {
    /// The name of the store
    pub(crate) name: OsString,
    /// NAME is the path of a file that holds the store
    #[arg(long)]
    pub(crate) file: bool,
    /// Open the store even if another user owns it. The owner can crash this program by truncating the store
    #[arg(long)]
    pub(crate) any_owner: bool,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

impl Color {
    pub(crate) fn write_global(self) {
        match self {
            Color::Auto => anstream::ColorChoice::Auto,
            Color::Always => anstream::ColorChoice::AlwaysAnsi,
            Color::Never => anstream::ColorChoice::Never,
        }
        .write_global();
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        super::Arguments::command().debug_assert();
    }
}
