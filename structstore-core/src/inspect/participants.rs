//! The processes that are attached to a shared store, and the shared stores that exist.

use std::fmt;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::arena::Arena;
use crate::arena::layout::{self, LeaseBlock, MAGIC, Seat};
use crate::arena::lease::{is_pin, most_blocks};
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::{Error, Result};
use crate::segment::{PARTICIPANTS, SHM_DIRECTORY};
use crate::shared::StructStoreShared;
use crate::sync::Ordering;

/// When the name of a shared store is removed; see [`Cleanup`](crate::Cleanup).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[non_exhaustive]
pub enum Lifetime {
    /// With the last process that is attached to change it.
    Transient,
    /// When it is [unlinked](StructStoreShared::unlink).
    Persistent,
}

/// `transient` or `persistent`.
impl fmt::Display for Lifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Lifetime::Transient => "transient",
            Lifetime::Persistent => "persistent",
        })
    }
}

/// A process that is attached to a store for changing it, or that died and whose remains were not repaired yet. Read-only
/// attachments leave no record; see [`StructStoreShared::has_readers`].
///
/// ```
/// use structstore::StructStoreShared;
///
/// # let name = format!("/structstore_participants_{}", std::process::id());
/// let store = StructStoreShared::open(&name)?;
/// let participants = store.participants()?;
/// assert_eq!(participants.len(), 1);
/// assert_eq!(participants[0].pid, std::process::id());
/// assert!(participants[0].alive && participants[0].program.is_some());
/// # Ok::<(), structstore::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Participant {
    /// Its process id, in its own PID namespace.
    pub pid: u32,
    /// The name of its program, if it is alive and in the PID namespace of this process.
    pub program: Option<String>,
    /// Whether it is alive.
    pub alive: bool,
    /// How many of its threads changed something or took a lock.
    pub threads: usize,
    /// Whether it only observes, and does not count for the store's lifetime.
    pub observes: bool,
    /// How many blocks of arrays, streams and fields its views, handles and references keep.
    pub leases: usize,
    /// The version of this library that it uses, such as `0.2.0`, if that is known.
    pub library: Option<String>,
    /// The PID namespace in which its id means something, by its inode; 0 if that is unknown.
    pub namespace: u64,
}

/// The names of the shared stores of this machine, sorted. Segments that cannot be read are included, since they may be
/// stores; those that are recognised as something else are not.
///
/// # Errors
///
/// [`ErrorKind::Io`] if the directory of shared memory cannot be read.
///
/// ```
/// use structstore::{StructStoreShared, stores};
///
/// let name = format!("/structstore_stores_{}", std::process::id());
/// let store = StructStoreShared::open(&name)?;
/// assert!(stores()?.contains(&name));
/// # Ok::<(), structstore::Error>(())
/// ```
pub fn stores() -> Result<Vec<String>> {
    let refused = |source| Error::os("read", SHM_DIRECTORY.to_owned(), source);
    let mut names = Vec::new();
    for entry in fs::read_dir(Path::new(SHM_DIRECTORY)).map_err(refused)? {
        let entry = entry.map_err(refused)?;
        if let Some(name) = entry.file_name().to_str()
            && entry.file_type().is_ok_and(|kind| kind.is_file())
            && may_be_store(&entry.path())
        {
            names.push(format!("/{name}"));
        }
    }
    names.sort();
    Ok(names)
}

/// The version of the segment format that this build reads and writes. Programs with the same version can share stores.
pub fn format_version() -> u64 {
    layout::FORMAT_VERSION
}

impl StructStoreShared {
    /// The processes that are attached for changing the store, and those that died and whose remains were not repaired yet.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] if the segment is damaged.
    pub fn participants(&self) -> Result<Vec<Participant>> {
        let arena = &*self.arena;
        let mut participants = Vec::new();
        for index in 0..arena.used::<layout::Participant>().min(PARTICIPANTS) {
            let record = arena.record::<layout::Participant>(index)?;
            let state = record.state.load(Ordering::Acquire);
            let alive = !matches!(state, 0 | layout::DEAD) && arena.is_alive(index);
            if !matches!(state, layout::ATTACHED | layout::DEAD) && !alive {
                continue;
            }
            let pid = u32::try_from(record.pid.load(Ordering::Acquire)).unwrap_or(0);
            participants.push(Participant {
                pid,
                program: (alive && arena.is_visible(record)).then(|| program(pid)).flatten(),
                alive,
                observes: state == layout::OBSERVING,
                threads: threads(arena, index)?,
                leases: leases(arena, record)?,
                library: library(record.library.load(Ordering::Acquire)),
                namespace: record.namespace.load(Ordering::Acquire),
            });
        }
        Ok(participants)
    }

    /// When the store's name is removed, as its creator decided.
    pub fn lifetime(&self) -> Lifetime {
        match self.arena.header().lifetime.load(Ordering::Acquire) {
            layout::PERSISTENT => Lifetime::Persistent,
            _ => Lifetime::Transient,
        }
    }

    /// Whether another process is attached read-only. (Observers, such as the tool, do not count.)
    pub fn has_readers(&self) -> bool {
        self.arena.liveness().is_some_and(crate::segment::Liveness::has_readers)
    }

    /// Whether the store is transient and no living process has it open to change it; see [`orphans`](crate::inspect::orphans).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] if the segment is damaged.
    pub fn is_orphan(&self) -> Result<bool> {
        self.arena.is_orphan()
    }
}

/// Whether a file in the directory of shared memory begins as stores do, or cannot be read.
fn may_be_store(path: &Path) -> bool {
    let mut magic = [0; 8];
    // Without waiting, should somebody have put something else in its place.
    let opened = fs::File::options().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path);
    match opened {
        Ok(mut file) => file.read_exact(&mut magic).is_ok() && u64::from_le_bytes(magic) == MAGIC,
        Err(error) => error.kind() == io::ErrorKind::PermissionDenied,
    }
}

fn program(pid: u32) -> Option<String> {
    let name = fs::read(format!("/proc/{pid}/comm")).ok()?;
    Some(String::from_utf8_lossy(&name).trim_end_matches('\n').to_owned())
}

fn library(word: u64) -> Option<String> {
    let part = |at: u32| word >> at & 0xffff;
    (word != 0).then(|| format!("{}.{}.{}", part(32), part(16), part(0)))
}

fn threads(arena: &Arena, participant: u32) -> Result<usize> {
    let mut threads = std::collections::HashSet::new();
    for index in 0..arena.used::<Seat>() {
        let seat = arena.record::<Seat>(index)?;
        // In a transaction, a thread has two.
        if seat.participant.load(Ordering::Acquire) == u64::from(participant) + 1 {
            threads.insert(seat.thread.load(Ordering::Relaxed));
        }
    }
    Ok(threads.len())
}

fn leases(arena: &Arena, participant: &layout::Participant) -> Result<usize> {
    let mut count = 0_usize;
    let mut block = participant.leases.load(Ordering::Acquire);
    for _ in 0..most_blocks(arena) {
        if block == 0 {
            break;
        }
        let leases = arena.at::<LeaseBlock>(block)?;
        let leased = |entry: u64| entry != 0 && !is_pin(entry);
        let live = leases.entries.iter().filter(|entry| leased(entry.load(Ordering::Relaxed)));
        count = count.saturating_add(live.count());
        block = leases.next.load(Ordering::Acquire);
    }
    Ok(count)
}
