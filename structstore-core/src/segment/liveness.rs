//! Who is attached: byte-range locks that the kernel releases when a process ends, however it ends.
//!
//! The locks belong to an open file description of their own (OFD locks), at offsets far beyond any content:
//! one byte for whoever initialises or unlinks, one for each participant, one shared by all read-only attachments.

use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};

use super::backing::{Access, Backing, Place, reopen};
use super::descriptions::Description;
use crate::error::{Error, INITIALISING, Result};

/// How many processes can be attached at once, for changing things.
pub(crate) const PARTICIPANTS: u32 = 4096;

const BASE: i64 = 1 << 62;
const INIT: i64 = BASE;
const FIRST_PARTICIPANT: i64 = BASE + 1;
const READERS: i64 = FIRST_PARTICIPANT + PARTICIPANTS as i64;

/// How long to sleep between two looks at a lock that cannot be waited for with a bound.
const POLL: Duration = Duration::from_millis(1);

pub(crate) struct Liveness {
    file: Arc<Description>,
    access: Access,
}

impl Liveness {
    pub(crate) fn new(file: &impl AsRawFd, place: &Place, access: Access) -> Result<Liveness> {
        Liveness::open(file, place, access, false)
    }

    /// One that a child is to have, which then has to [`Liveness::inherit`] it.
    pub(crate) fn for_child(file: &impl AsRawFd, place: &Place, access: Access) -> Result<Liveness> {
        Liveness::open(file, place, access, true)
    }

    fn open(file: &impl AsRawFd, place: &Place, access: Access, inherits: bool) -> Result<Liveness> {
        match Description::open(|| reopen(file, access), inherits) {
            Ok(description) => Ok(Liveness { file: Arc::new(description), access }),
            Err(source) => Err(place.io("open", source, String::new())),
        }
    }

    /// What a segment grows by that is mapped from another description of the file, which may be closed then.
    pub(crate) fn backing(&self, place: Place, any_owner: bool) -> Backing {
        Backing::File { file: Arc::clone(&self.file), place, access: self.access, any_owner }
    }

    pub(crate) fn descriptor(&self) -> RawFd {
        self.file.as_raw_fd()
    }

    /// In a child: goes on with a description of its own.
    pub(crate) fn inherit(&self, heir: Option<Liveness>) {
        // Nobody else has one that was made for a child.
        self.file.inherit(heir.and_then(|heir| Arc::into_inner(heir.file)));
    }

    fn request(kind: i32, start: i64, length: i64) -> libc::flock {
        libc::flock {
            l_type: kind as i16,
            l_whence: libc::SEEK_SET as i16,
            l_start: start,
            l_len: length,
            l_pid: 0,
        }
    }

    fn try_lock(&self, start: i64) -> Result<bool, Errno> {
        let kind = match self.access {
            Access::Unseen | Access::ReadOnly => libc::F_RDLCK,
            Access::ReadWrite => libc::F_WRLCK,
        };
        self.file.verify()?;
        match fcntl(&*self.file, FcntlArg::F_OFD_SETLK(&Self::request(kind, start, 1))) {
            Ok(_) => Ok(true),
            Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
            Err(errno) => Err(errno),
        }
    }

    /// Keeps everybody else from initialising, joining and unlinking.
    pub(crate) fn lock_init(&self, place: &Place, timeout: Duration) -> Result<InitLock> {
        let start = Instant::now();
        loop {
            match self.try_lock(INIT) {
                Ok(true) => {
                    return Ok(InitLock(Arc::clone(&self.file)));
                }
                Ok(false) if start.elapsed() >= timeout => {
                    return Err(Error::not_ready(place.to_string(), INITIALISING, start.elapsed()));
                }
                Ok(false) => thread::sleep(POLL),
                Err(errno) => return Err(place.io("lock", errno.into(), String::new())),
            }
        }
    }

    /// Claims the byte of a participant. `false` if another live process has it.
    pub(crate) fn claim(&self, participant: u32, place: &Place) -> Result<bool> {
        self.try_lock(byte_of(participant)).map_err(|errno| place.io("lock", errno.into(), String::new()))
    }

    /// The same, for the byte of a participant that may be dead. `false` also where this process has lost its descriptor,
    /// so that it cannot know: somebody else will find out.
    pub(crate) fn claim_dead(&self, participant: u32, place: &Place) -> Result<bool> {
        match self.file.verify() {
            Ok(()) => self.claim(participant, place),
            Err(_) => Ok(false),
        }
    }

    /// Whether another live process has the byte of a participant, as far as the kernel will say.
    pub(crate) fn is_claimed(&self, participant: u32) -> bool {
        self.is_locked(byte_of(participant), 1).unwrap_or(true)
    }

    /// Whether a lock of somebody else covers any of these bytes.
    fn is_locked(&self, start: i64, length: i64) -> Result<bool, Errno> {
        self.file.verify()?;
        let mut request = Self::request(libc::F_WRLCK, start, length);
        fcntl(&*self.file, FcntlArg::F_OFD_GETLK(&mut request))?;
        Ok(request.l_type != libc::F_UNLCK as i16)
    }

    /// Gives the byte of a participant back.
    pub(crate) fn disclaim(&self, participant: u32) {
        unlock(&self.file, byte_of(participant));
    }

    /// Makes a read-only attachment count as somebody who is attached.
    pub(crate) fn join_readers(&self, place: &Place) -> Result<()> {
        self.try_lock(READERS).map(drop).map_err(|errno| place.io("lock", errno.into(), String::new()))
    }

    /// Whether others are attached read-only, as far as the kernel will say.
    pub(crate) fn has_readers(&self) -> bool {
        self.is_locked(READERS, 1).unwrap_or(false)
    }

    /// Whether anybody but this attachment is attached, by the kernel's word.
    pub(crate) fn others(&self, place: &Place) -> Result<bool> {
        self.is_locked(FIRST_PARTICIPANT, READERS + 1 - FIRST_PARTICIPANT)
            .map_err(|errno| place.io("examine", errno.into(), String::new()))
    }
}

/// The byte that a participant holds.
fn byte_of(participant: u32) -> i64 {
    FIRST_PARTICIPANT.saturating_add(i64::from(participant))
}

fn unlock(file: &Description, start: i64) {
    if file.verify().is_err() {
        return;
    }
    // Cannot fail for a lock that this description holds; and were it to, closing releases it.
    let _ = fcntl(file, FcntlArg::F_OFD_SETLK(&Liveness::request(libc::F_UNLCK, start, 1)));
}

/// The right to initialise, join or unlink; released on drop. It shares the description, so that the attachment can be put
/// together while it is held.
pub(crate) struct InitLock(Arc<Description>);

impl Drop for InitLock {
    fn drop(&mut self) {
        unlock(&self.0, INIT);
    }
}
