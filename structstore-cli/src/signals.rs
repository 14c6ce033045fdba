//! What a shell expects of a command: it ends by the signals that end it, or passes them on.

use std::ffi::{c_int, c_void};
use std::io::{self, PipeReader, PipeWriter, Read};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

/// What is passed on to a command, and the news that it has ended.
const CAUGHT: [Signal; 7] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGCHLD,
];

/// Ends this process when its output is not read any more, and on Ctrl-C, as other commands are. Runtimes have it otherwise: those
/// of Rust and Python ignore SIGPIPE, and Python catches SIGINT. Where SIGINT is ignored, as shells have their background
/// jobs do, it stays so.
pub(crate) fn restore() {
    let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    // SAFETY: the default dispositions run no code of this process. What they replace is a runtime's, which is not to run
    // anything of its own while this does.
    unsafe {
        let _ = sigaction(Signal::SIGPIPE, &default);
        if let Ok(before) = sigaction(Signal::SIGINT, &default)
            && matches!(before.handler(), SigHandler::SigIgn)
        {
            let _ = sigaction(Signal::SIGINT, &before);
        }
    }
}

/// Where the handler writes what it caught.
static PIPE: AtomicI32 = AtomicI32::new(-1);

/// Whether it writes what a key at the terminal has caused.
static KEYS: AtomicBool = AtomicBool::new(false);

/// Signals are caught for as long as this lives; there is one at most. Handlers end where another program begins, so that a
/// command has the dispositions from before; blocked signals would be inherited.
pub(crate) struct Caught {
    reader: PipeReader,
    _writer: PipeWriter,
    before: Vec<(Signal, SigAction)>,
}

impl Caught {
    /// With `keys`, also those that the kernel sends because of a key at the terminal, and those that were ignored: they are what ends this
    /// process. Without, a command gets them itself.
    pub(crate) fn new(keys: bool) -> io::Result<Caught> {
        KEYS.store(keys, Ordering::Release);
        let (reader, writer) = io::pipe()?;
        PIPE.store(writer.as_raw_fd(), Ordering::Release);
        let mut caught = Caught { reader, _writer: writer, before: Vec::new() };
        let action = SigAction::new(SigHandler::SigAction(note), SaFlags::SA_RESTART, SigSet::empty());
        for signal in CAUGHT {
            // SAFETY: the handler does only what handlers may.
            let before = unsafe { sigaction(signal, &action)? };
            caught.before.push((signal, before));
            let stays_ignored = matches!(before.handler(), SigHandler::SigIgn) && !keys;
            if stays_ignored && signal != Signal::SIGCHLD {
                // SAFETY: no code runs when it is ignored, as before.
                unsafe { sigaction(signal, &before)? };
            }
        }
        Ok(caught)
    }

    /// Waits for the next one.
    pub(crate) fn next(&mut self) -> io::Result<Option<Signal>> {
        let mut byte = [0];
        self.reader.read_exact(&mut byte)?;
        Ok(Signal::try_from(i32::from(byte[0])).ok())
    }
}

impl Drop for Caught {
    fn drop(&mut self) {
        for (signal, before) in &self.before {
            // SAFETY: what was there before.
            let _ = unsafe { sigaction(*signal, before) };
        }
        PIPE.store(-1, Ordering::Release);
    }
}

extern "C" fn note(signal: c_int, information: *mut libc::siginfo_t, _: *mut c_void) {
    // SAFETY: the kernel passes valid information to a handler that asked for it.
    let by_key = unsafe { (*information).si_code } == libc::SI_KERNEL;
    if by_key && signal != libc::SIGCHLD && !KEYS.load(Ordering::Acquire) {
        return;
    }
    let byte = signal as u8;
    // SAFETY: `write` may be called in handlers, and reads one byte that is there; errno is put back. A pipe has room
    // for thousands of signals, which are read at once.
    unsafe {
        let errno = *libc::__errno_location();
        libc::write(PIPE.load(Ordering::Acquire), (&raw const byte).cast(), 1);
        *libc::__errno_location() = errno;
    }
}
