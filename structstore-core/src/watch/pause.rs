//! Pauses of those who do not queue for a lock, because they would keep others waiting while they do.

use std::time::Duration;

use crate::error::Result;
use crate::lock::{SLICE, Wait};

/// How long the first pause is; each is twice as long as the one before, up to [`SLICE`].
const FIRST: Duration = Duration::from_micros(100);

pub(super) struct Pause(Duration);

impl Default for Pause {
    fn default() -> Pause {
        Pause(FIRST)
    }
}

impl Pause {
    /// Sleeps.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::LockTimeout`](crate::ErrorKind::LockTimeout) if this thread does not wait any longer, and
    /// [`ErrorKind::Interrupted`](crate::ErrorKind::Interrupted).
    pub(super) fn rest(&mut self) -> Result<()> {
        Wait::FOREVER.check()?;
        Wait::asleep(&mut || std::thread::sleep(self.0));
        self.lengthen();
        Ok(())
    }

    /// How long the next one is.
    pub(super) fn length(&self) -> Duration {
        self.0
    }

    /// Makes the next one longer.
    pub(super) fn lengthen(&mut self) {
        self.0 = self.0.saturating_mul(2).min(SLICE);
    }

    /// For how long a lock may be waited for after this pause: not at all at first, and then, so that it is granted at last, for a
    /// moment.
    pub(super) fn patience(&self) -> Duration {
        if self.0 < SLICE { Duration::ZERO } else { Duration::from_millis(1) }
    }
}
