//! `run`: a store for as long as a command runs.

use std::io;
use std::mem::MaybeUninit;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command};

use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill};
use nix::unistd::Pid;
use structstore::{Cleanup, StructStoreShared};

use crate::arguments::{Name, Run};
use crate::failure::{Failure, Result};
use crate::list;

/// What the command finds the name under.
const VARIABLE: &str = "STRUCTSTORE_NAME";

/// What is passed on to the command.
const PASSED_ON: [Signal; 6] =
    [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGUSR1, Signal::SIGUSR2];

const NOT_FOUND: u8 = 127;
const NOT_STARTED: u8 = 126;

pub(crate) fn run(options: &Run) -> Result<u8> {
    let [program, arguments @ ..] = options.command.as_slice() else {
        return Err(Failure::Usage("a command is needed".to_owned()));
    };
    let orphan = refuse_what_is_in_use(&options.store)?;
    let store = options.store.open(StructStoreShared::options().reinit(orphan).cleanup(Cleanup::Always))?;
    // From here on they are waited for, and neither end this process nor are lost.
    let mut awaited: SigSet = PASSED_ON.into_iter().collect();
    awaited.add(Signal::SIGCHLD);
    let before = awaited
        .thread_swap_mask(SigmaskHow::SIG_BLOCK)
        .map_err(|errno| Failure::Other(format!("cannot block signals: {errno}")))?;
    let mut command = Command::new(program);
    command.args(arguments).env(VARIABLE, options.store.place());
    // SAFETY: what runs in the child between fork and exec is one system call, and allocates nothing.
    unsafe { command.pre_exec(move || Ok(before.thread_set_mask()?)) };
    let status = match command.spawn() {
        Ok(child) => wait(child, &awaited).map_err(Failure::file("wait for", program.display())),
        Err(error) => {
            let status = if error.kind() == io::ErrorKind::NotFound { NOT_FOUND } else { NOT_STARTED };
            crate::output::Output::new().complain(&format!("cannot start {}: {error}", program.display()));
            Ok(status)
        }
    };
    store.close()?;
    status
}

/// Fails if there is a store of that name that is not just left over. Returns whether there is one that is.
fn refuse_what_is_in_use(name: &Name) -> Result<bool> {
    let store = match name.observe() {
        Err(Failure::Missing { .. }) => return Ok(false),
        Err(Failure::Store(structstore::Error::Io { source, .. }))
            if source.kind() == io::ErrorKind::NotFound =>
        {
            return Ok(false);
        }
        other => other?,
    };
    if store.is_orphan()? {
        return Ok(true);
    }
    let attached: Vec<String> = store.participants()?.iter().map(list::program).collect();
    let by = if attached.is_empty() { "nobody".to_owned() } else { attached.join(", ") };
    Err(Failure::Other(format!("{}: there is such a store already; attached: {by}", name.shown())))
}

/// Passes signals on to a command until it ends; its exit status as shells have it.
fn wait(mut child: Child, awaited: &SigSet) -> io::Result<u8> {
    loop {
        if let Some(status) = child.try_wait()? {
            let signal = || status.signal().map_or(1, |signal| 128 + signal);
            return Ok(status.code().unwrap_or_else(signal) as u8);
        }
        if let Some(signal) = next(awaited)?
            && signal != Signal::SIGCHLD
        {
            // It may have ended, and has not been waited for: its id is nobody else's.
            let _ = kill(Pid::from_raw(child.id() as i32), signal);
        }
    }
}

/// Waits for one of these signals. `None` if the kernel sent it to the whole process group because of a key at the
/// terminal: then the command has it already.
fn next(awaited: &SigSet) -> io::Result<Option<Signal>> {
    let mut information = MaybeUninit::<libc::siginfo_t>::zeroed();
    // SAFETY: both pointers are valid for the call; the second one leads to memory of the type that is to be written.
    let received = unsafe { libc::sigwaitinfo(awaited.as_ref(), information.as_mut_ptr()) };
    if received < 0 {
        let error = io::Error::last_os_error();
        return if error.kind() == io::ErrorKind::Interrupted { Ok(None) } else { Err(error) };
    }
    // SAFETY: the call succeeded and has written it; and all zeroes are a value of the type as well.
    let information = unsafe { information.assume_init() };
    let signal = Signal::try_from(received).ok();
    let by_key = information.si_code == libc::SI_KERNEL && signal != Some(Signal::SIGCHLD);
    Ok(signal.filter(|_| !by_key))
}
