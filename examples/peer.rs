//! The other processes of an example: the same program, started again with a part to play and the name of the store.

use std::env;
use std::error::Error;
use std::process::{self, Child, Command};
use std::thread;
use std::time::{Duration, Instant};

/// How an example ends.
pub(crate) type Outcome = Result<(), Box<dyn Error>>;

/// After how long a process of an example gives up on another one.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

const POLL: Duration = Duration::from_millis(5);

/// The part that this process is to play and the name of the store, unless it was started by hand.
pub(crate) fn part() -> Option<(String, String)> {
    let mut args = env::args().skip(1);
    Some((args.next()?, args.next()?))
}

/// A name that no other process uses for its store.
pub(crate) fn unique_name(example: &str) -> String {
    format!("/structstore_{example}_{}", process::id())
}

/// A process that does not outlive this value. Made after the store, it is gone before the store is closed, which then
/// removes the name.
pub(crate) struct Peer {
    part: &'static str,
    child: Child,
}

impl Peer {
    /// Starts this program again.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(crate) fn start(part: &'static str, store: &str) -> Result<Peer, Box<dyn Error>> {
        let child = Command::new(env::current_exe()?).args([part, store]).spawn()?;
        Ok(Peer { part, child })
    }

    /// Whether it has ended.
    ///
    /// # Errors
    ///
    /// If it failed.
    pub(crate) fn ended(&mut self) -> Result<bool, Box<dyn Error>> {
        match self.child.try_wait()? {
            Some(status) if status.success() => Ok(true),
            Some(status) => Err(format!("the {} ended with {status}", self.part).into()),
            None => Ok(false),
        }
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    ///
    /// If it failed, or runs for longer than anybody waits.
    pub(crate) fn finish(mut self) -> Outcome {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            if self.ended()? {
                return Ok(());
            }
            thread::sleep(POLL);
        }
        Err(format!("the {} has not ended after {PATIENCE:?}", self.part).into())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Fails only if it has ended, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
