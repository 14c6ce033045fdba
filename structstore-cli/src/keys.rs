//! The keys that somebody presses at the terminal.

use std::io::{self, IsTerminal, Read};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use nix::unistd::{getpgrp, tcgetpgrp};

/// Keys, as they are pressed. The terminal is as it was before when this is dropped.
pub(crate) struct Keys {
    pressed: Receiver<u8>,
    before: Termios,
}

impl Keys {
    /// `None` without a terminal, and for a background process, which the kernel would stop when it reads.
    pub(crate) fn new() -> Option<Keys> {
        let terminal = io::stdin();
        if !terminal.is_terminal() || tcgetpgrp(&terminal) != Ok(getpgrp()) {
            return None;
        }
        let before = tcgetattr(&terminal).ok()?;
        let mut one_by_one = before.clone();
        one_by_one.local_flags.remove(LocalFlags::ICANON | LocalFlags::ECHO);
        tcsetattr(&terminal, SetArg::TCSANOW, &one_by_one).ok()?;
        let (sender, pressed) = channel();
        let keys = Keys { pressed, before };
        let read = move || {
            let mut bytes = io::stdin().lock().bytes();
            while let Some(Ok(byte)) = bytes.next()
                && sender.send(byte).is_ok()
            {}
        };
        thread::Builder::new().spawn(read).ok()?;
        Some(keys)
    }

    /// The next one that was pressed.
    pub(crate) fn pressed(&self) -> Option<u8> {
        self.pressed.try_recv().ok()
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &self.before);
    }
}
