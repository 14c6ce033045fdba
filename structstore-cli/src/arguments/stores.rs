//! Commands for whole stores: `check`, `doctor`, `clean`, `unlink` and `run`.

use std::ffi::OsString;

use clap::Args;

use super::Name;

/// Find what can keep programs from sharing stores on this machine, and say what to do about it.
///
/// Checks the kernel, /dev/shm, containers, systemd's RemoveIPC, limits, huge pages, swap, and the stores; with NAME, checks one store
/// thoroughly. It changes nothing.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  structstore doctor\n  structstore doctor robot\n  structstore doctor --json | jq '.[] | select(.level != \"ok\")'\n\nExit status:\n  0  all stores can be used; there may be advice\n  1  something is in the way\n  3  there is no store NAME"
)]
pub(crate) struct Doctor {
    /// The name of a store
    pub(crate) name: Option<OsString>,
    /// NAME is the path of a file that holds the store
    #[arg(long)]
    pub(crate) file: bool,
    /// Include the stores of other users. The owner of a store can crash this program by truncating it
    #[arg(long)]
    pub(crate) any_owner: bool,
    /// Print a list of objects in JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Verify every invariant of a store.
///
/// It takes no locks, and tries for a second to read the store between two changes. If the store changes all the time, or a process died in
/// the middle of a change, the exit status is 4. Use --lock then.
#[derive(Args)]
#[command(after_help = "Examples:\n  structstore check robot && echo sound")]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) store: Name,
    /// Lock the store during the check, and repair what dead processes left; needs write permission
    #[arg(long)]
    pub(crate) lock: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Remove the stores that killed programs left behind.
///
/// These are the orphans that `ls` shows: transient stores that no living process has open. Persistent stores and stores of other users
/// stay. The command asks before it removes anything; without a terminal, it needs --yes.
#[derive(Args)]
#[command(after_help = "Examples:\n  structstore clean\n  structstore clean robot --yes")]
pub(crate) struct Clean {
    /// Remove only these
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<OsString>,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Print the names of what was removed as a list in JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Remove a store, transient or persistent.
///
/// A store that a process has open needs --force. Processes that have it open keep its memory and learn that it was removed.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  structstore unlink settings\n  structstore unlink --file ./settings.store"
)]
pub(crate) struct Unlink {
    #[command(flatten)]
    pub(crate) store: Name,
    /// Remove it even if processes have it open, or if it is damaged
    #[arg(long, short)]
    pub(crate) force: bool,
}

/// Create a store, run a command, and remove the store when the command ends.
///
/// The environment variable STRUCTSTORE_NAME tells the command the name. Signals are forwarded to it.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  structstore run robot -- python simulate.py\n  structstore run test -- sh -c 'structstore set $STRUCTSTORE_NAME rate 50; ./robot'"
)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) store: Name,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}
