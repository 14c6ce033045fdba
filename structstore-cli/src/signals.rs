//! What a shell expects of a command: it ends by the signals that end it.

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

/// Ends this process when nobody reads its output, and on Ctrl-C, as other commands are. Runtimes have it otherwise: those
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
