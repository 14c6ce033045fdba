//! Threads that run beside those of a program.

use std::thread::{Builder, JoinHandle};
use std::{io, mem, process};

use crate::lock::without_hooks;

/// A service thread without the hooks of a language runtime. Dropping this does not stop it. A forked child has this value, but not the thread.
pub struct Thread {
    handle: Option<JoinHandle<()>>,
    process: u32,
}

impl Thread {
    /// Starts a thread that is called `structstore-` and this name.
    ///
    /// # Errors
    ///
    /// If the system has no thread left.
    pub fn start(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<Thread> {
        let handle = Builder::new().name(format!("structstore-{name}")).spawn(|| without_hooks(run))?;
        Ok(Thread { handle: Some(handle), process: process::id() })
    }

    /// Whether it is one of this process.
    pub fn is_here(&self) -> bool {
        self.process == process::id()
    }

    /// Whether it has not ended yet.
    pub fn is_running(&self) -> bool {
        self.is_here() && self.handle.as_ref().is_some_and(|handle| !handle.is_finished())
    }

    /// Waits until it has ended; in a forked child there is nothing to wait for.
    pub fn join(mut self) {
        if self.is_here()
            && let Some(handle) = self.handle.take()
        {
            let _ = handle.join();
        }
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        if !self.is_here() {
            // The system knows no such thread, which could be let go.
            mem::forget(self.handle.take());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[test]
    fn a_thread_has_its_name_and_is_waited_for() {
        let (send, told) = mpsc::channel();
        let (hold, held) = mpsc::channel::<()>();
        let run = move || {
            let _ = held.recv();
            send.send(thread::current().name().map(str::to_owned)).unwrap();
        };
        let started = Thread::start("test", run).unwrap();
        assert!(started.is_here() && started.is_running());
        drop(hold);
        started.join();
        assert_eq!(told.try_recv().unwrap().as_deref(), Some("structstore-test"));
    }

    #[test]
    fn a_thread_of_another_process_is_not_waited_for() {
        let (hold, held) = mpsc::channel::<()>();
        let mut started = Thread::start("test", move || _ = held.recv()).unwrap();
        // As a forked child finds it.
        started.process = 0;
        assert!(!started.is_running());
        started.join();
        drop(hold);
    }
}
