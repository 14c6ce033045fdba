//! Verifying what is in a store.

use std::time::{Duration, Instant};

use crate::access::{Access, Handle, Located};
use crate::error::{Error, ErrorKind, Result};
use crate::handle::{List, Struct};
use crate::lock::{Mode, Wait};
use crate::node::Raw;
use crate::sync::Ordering;
use crate::value::Kind;

/// How long to try to verify a store without locks between two changes, and how long to pause after each try.
const CHECK_TIME: Duration = Duration::from_secs(1);
const CHECK_PAUSE: Duration = Duration::from_micros(300);

impl Struct {
    /// Verifies every invariant of the format below this struct: links, generations, indices, strings, and, at the root
    /// of a shared store, that all memory is accounted for. The remains of dead processes are repaired first.
    ///
    /// A store that was opened read-only is verified without locks: repeatedly, for at most a second, until an attempt falls between two
    /// changes.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] names the damage and its place. For a store that was opened read-only, also [`ErrorKind::NotReady`] if
    /// it changed all the time, and [`ErrorKind::Abandoned`] if a process died in the middle of a change, which only a process
    /// that may write can repair.
    ///
    /// ```
    /// let store = structstore::StructStore::new();
    /// store.set("num", 5)?;
    /// store.check()?;
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn check(&self) -> Result<()> {
        Checked(&self.handle, Kind::Struct).check()
    }
}

impl List {
    /// Verifies every invariant of the format below this list, as [`Struct::check`] does below a struct.
    ///
    /// # Errors
    ///
    /// As [`Struct::check`].
    pub fn check(&self) -> Result<()> {
        Checked(&self.handle, Kind::List).check()
    }
}

/// What is verified: a node, and of which kind it is.
struct Checked<'h>(&'h Handle, Kind);

impl Checked<'_> {
    fn check(&self) -> Result<()> {
        let arena = self.0.arena();
        arena.ensure_attached()?;
        if !arena.writable() {
            return self.check_unlocked();
        }
        arena.repair_dead()?;
        let _held = self.0.lock(Mode::Shared, &Wait::FOREVER).at(self.0)?;
        arena.seat(&Wait::FOREVER).and_then(|seat| self.verify(Some(seat.own.index)))
    }

    /// Verifies the tree below, under the heap lock if a seat is given that takes it.
    fn verify(&self, seat: Option<u32>) -> Result<()> {
        let arena = self.0.arena();
        let raw = Raw::node(self.1, self.0.id());
        let whole = arena.header().root.load(Ordering::Acquire) == raw.payload;
        let parent = self.0.node().head.parent.load(Ordering::Acquire);
        let parent = parent.checked_sub(1).map(|parent| parent as u32);
        super::tree::check(arena, raw, parent, whole, seat)?;
        arena.check_watchers()
    }

    fn check_unlocked(&self) -> Result<()> {
        let start = Instant::now();
        // What is wrong counts if it is found twice: a lease comes and goes without leaving a trace.
        let mut found = None;
        while start.elapsed() < CHECK_TIME {
            match self.verify_at_rest() {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(error) => {
                    let message = Some(error.to_string());
                    if found == message || error.kind() == ErrorKind::Abandoned {
                        return Err(error);
                    }
                    found = message;
                }
            }
            Wait::FOREVER.check()?;
            std::thread::sleep(CHECK_PAUSE);
        }
        Err(Error::not_ready(self.0.arena().place(), "still being changed all the time", start.elapsed()))
    }

    /// Verifies without locks. Returns `false` if another thread changed something at the same time.
    fn verify_at_rest(&self) -> Result<bool> {
        let arena = self.0.arena();
        let before = arena.rest()?;
        if before.is_none() {
            return Ok(false);
        }
        let outcome = self.verify(None);
        if arena.rest()? == before { outcome.map(|()| true) } else { Ok(false) }
    }
}
