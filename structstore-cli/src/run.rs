//! `run`: a store for as long as a command runs.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use structstore::binding_support::OptionsExt;
use structstore::{Cleanup, StructStoreShared};

use crate::arguments::{Name, Run};
use crate::failure::{Failure, Result, is_missing};
use crate::list;
use crate::signals::Caught;

/// What the command finds the name under.
const VARIABLE: &str = "STRUCTSTORE_NAME";

const NOT_FOUND: u8 = 127;
const NOT_STARTED: u8 = 126;

pub(crate) fn run(options: &Run) -> Result<u8> {
    let [program, arguments @ ..] = options.command.as_slice() else {
        return Err(Failure::Usage("a command is needed".to_owned()));
    };
    refuse_what_is_in_use(&options.store)?;
    // A process may have come to it since.
    let store =
        options.store.open(StructStoreShared::options().replacing_orphans().cleanup(Cleanup::Always))?;
    // From here on, signals neither end this process nor are lost.
    let mut signals = Caught::new(false).map_err(Failure::file("catch", "signals"))?;
    // Without anything to be done between fork and exec, the child is no heir of this process's attachment.
    let started = Command::new(program).args(arguments).env(VARIABLE, options.store.place()).spawn();
    let status = match started {
        Ok(child) => wait(child, &mut signals).map_err(Failure::file("wait for", program.display())),
        Err(error) => {
            let status = if error.kind() == io::ErrorKind::NotFound { NOT_FOUND } else { NOT_STARTED };
            crate::output::remark(&format!("cannot start {}: {error}", program.display()));
            Ok(status)
        }
    };
    store.close()?;
    status
}

/// Fails if there is a store of that name that is not just left over, and says whose it is.
fn refuse_what_is_in_use(name: &Name) -> Result<()> {
    let store = match name.observe() {
        Err(Failure::Missing { .. }) => return Ok(()),
        Err(Failure::Store(error)) if is_missing(&error) => return Ok(()),
        other => other?,
    };
    if store.is_orphan()? {
        return Ok(());
    }
    let attached: Vec<String> = store.participants()?.iter().map(list::program).collect();
    let by = if attached.is_empty() { "no process".to_owned() } else { attached.join(", ") };
    Err(Failure::Other(format!("{}: store already exists; attached: {by}", name.shown())))
}

/// Passes signals on to a command until it ends; its exit status as shells have it.
fn wait(mut child: Child, signals: &mut Caught) -> io::Result<u8> {
    loop {
        if let Some(status) = child.try_wait()? {
            let signal = || status.signal().map_or(1, |signal| 128 + signal);
            return Ok(status.code().unwrap_or_else(signal) as u8);
        }
        if let Some(signal) = signals.next()?
            && signal != Signal::SIGCHLD
        {
            // It may have ended, and has not been waited for: its id is still its own.
            let _ = kill(Pid::from_raw(child.id() as i32), signal);
        }
    }
}
