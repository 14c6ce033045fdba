//! What a segment's memory comes from: a name, a file, a descriptor, or nothing but the process.

use std::fs::{File, Metadata, OpenOptions, Permissions};
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, OFlag, fallocate};
use nix::sys::mman::{shm_open, shm_unlink};
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::stat::{Mode, fstat};

use super::descriptions::Description;
use crate::error::{Error, ErrorKind, Result};

/// Where glibc and musl keep POSIX shared memory.
pub(crate) const SHM_DIRECTORY: &str = "/dev/shm";

/// How files are opened, whoever may have put them there: not by way of symbolic links, without waiting for the other end of
/// a FIFO, and without becoming a terminal's process.
const OPENING: i32 = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;

/// The mode of a new file, before it gets the one that is asked for.
const NEW_MODE: u32 = 0o600;

/// How often a name is tried again that others create and remove all the time.
const OPENINGS: usize = 100;

/// How much of a file is zeroed at once where the file system cannot allocate without writing.
const ZEROES: usize = 1 << 16;

/// How a segment is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// POSIX shared memory, "/name".
    Name(String),
    /// A file.
    Path(PathBuf),
    /// A descriptor that was passed in.
    Descriptor,
}

/// How an attachment maps a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Access {
    /// As `ReadOnly`, and without a trace: others do not see the attachment.
    Unseen,
    ReadOnly,
    ReadWrite,
}

pub(crate) enum Backing {
    /// Private to this process.
    Anonymous,
    File {
        /// The one descriptor of an attachment, which its [`Liveness`](super::Liveness) has, too.
        file: Arc<Description>,
        place: Place,
        access: Access,
        /// Whether the file may belong to another user.
        any_owner: bool,
    },
}

impl Place {
    /// A name as POSIX wants it: a slash, then anything but slashes and NULs.
    pub(crate) fn name(name: &str) -> Result<Place> {
        let invalid = |reason| Err(Error::invalid_name(name, "segment name", reason));
        match name.strip_prefix('/') {
            _ if name.is_empty() => invalid("it is empty"),
            None => invalid("it must begin with a slash"),
            Some("") => invalid("nothing follows the slash"),
            Some("." | "..") => invalid("it names a directory"),
            Some(rest) if rest.contains('/') => invalid("it may contain no slash except the first"),
            Some(rest) if rest.contains('\0') => invalid("it contains a NUL"),
            Some(rest) if rest.len() > 255 => invalid("it is longer than 255 bytes"),
            Some(_) => Ok(Place::Name(name.to_owned())),
        }
    }

    pub(crate) fn path(path: &Path) -> Result<Place> {
        let invalid = |reason| Err(Error::invalid_name(&path.to_string_lossy(), "path", reason));
        if path.as_os_str().is_empty() {
            return invalid("it is empty");
        }
        if path.as_os_str().as_encoded_bytes().contains(&0) {
            return invalid("it contains a NUL");
        }
        // Absolute, so that it keeps its meaning when the process changes its directory.
        let path = std::path::absolute(path)
            .map_err(|source| Error::os("resolve", path.display().to_string(), source))?;
        Ok(Place::Path(path))
    }

    /// The file by which the kernel shows this place, if it has one.
    fn file(&self) -> Option<PathBuf> {
        match self {
            Place::Name(name) => Some(PathBuf::from(format!("{SHM_DIRECTORY}{name}"))),
            Place::Path(path) => Some(path.clone()),
            Place::Descriptor => None,
        }
    }

    /// Whether this place leads to the file now. A descriptor always leads to its own.
    pub(crate) fn leads_to(&self, device: u64, inode: u64) -> bool {
        self.file().is_none_or(|path| {
            std::fs::symlink_metadata(path).is_ok_and(|found| found.dev() == device && found.ino() == inode)
        })
    }

    /// Opens what is there, creating it if it is missing and `create` gives a mode; says whether it was. Not by a symbolic
    /// link, which somebody else may have laid; and without waiting, as opening a FIFO would. What it is, [`Self::admit`]
    /// says.
    pub(crate) fn open(&self, access: Access, create: bool) -> Result<(File, bool)> {
        for _ in 0..OPENINGS {
            match (self.open_once(access, false), create) {
                (Err(source), true) if source.kind() == io::ErrorKind::NotFound => {
                    // Whatever the umask leaves of it; but a mode that another process has given it meanwhile stays.
                    let own = |file: File| match file.metadata()?.permissions().mode() & NEW_MODE {
                        NEW_MODE => Ok(file),
                        _ => file.set_permissions(Permissions::from_mode(NEW_MODE)).map(|()| file),
                    };
                    match self.open_once(access, true).and_then(own) {
                        // It has come just now.
                        Err(source) if source.kind() == io::ErrorKind::AlreadyExists => {}
                        Err(source) => return Err(self.io("create", source, String::new())),
                        Ok(file) => return Ok((file, true)),
                    }
                }
                (Err(source), _) => return Err(self.io("open", source, String::new())),
                (Ok(file), _) => return Ok((file, false)),
            }
        }
        Err(self.io("open", io::ErrorKind::NotFound.into(), "it keeps appearing and disappearing".to_owned()))
    }

    /// Opens what is there, or creates what is not.
    fn open_once(&self, access: Access, create: bool) -> io::Result<File> {
        match self {
            Place::Descriptor => Err(io::Error::from(Errno::EBADF)),
            Place::Name(name) => {
                let mut flags = OFlag::O_CLOEXEC | OFlag::from_bits_retain(OPENING);
                flags |= match access {
                    Access::Unseen | Access::ReadOnly => OFlag::O_RDONLY,
                    Access::ReadWrite => OFlag::O_RDWR,
                };
                if create {
                    flags |= OFlag::O_CREAT | OFlag::O_EXCL;
                }
                let mode = Mode::from_bits_truncate(NEW_MODE);
                shm_open(name.as_str(), flags, mode).map(File::from).map_err(io::Error::from)
            }
            Place::Path(path) => OpenOptions::new()
                .read(true)
                .write(access == Access::ReadWrite)
                .create_new(create)
                .mode(NEW_MODE)
                .custom_flags(OPENING)
                .open(path),
        }
    }

    /// Refuses what is no regular file, and what belongs to another user unless that is wanted: who owns a file may cut
    /// it off at any time, which kills those who have it mapped. A descriptor is taken from whoever passes it on.
    pub(crate) fn admit(&self, file: &File, any_owner: bool) -> Result<Metadata> {
        let found = file.metadata().map_err(|source| self.io("examine", source, String::new()))?;
        if !found.is_file() {
            return Err(Error::mismatch(
                self.to_string(),
                "its type",
                "not a regular file",
                "a regular file",
            ));
        }
        let user = nix::unistd::geteuid().as_raw();
        if found.uid() != user && !any_owner && *self != Place::Descriptor {
            return Err(Error::new(ErrorKind::ForeignOwner)
                .of(self.to_string())
                .finding(found.uid().to_string())
                .expecting(user.to_string()));
        }
        Ok(found)
    }

    /// Removes the name. That it is gone already is no error.
    pub(crate) fn unlink(&self) -> Result<()> {
        let removed = match self {
            Place::Descriptor => Ok(()),
            Place::Name(name) => shm_unlink(name.as_str()).map_err(io::Error::from),
            Place::Path(path) => std::fs::remove_file(path),
        };
        match removed {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(self.io("remove", source, String::new()))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn io(&self, action: &'static str, source: io::Error, mut detail: String) -> Error {
        if let Some(path) = self.file() {
            let mode = |path: &Path| std::fs::metadata(path).map(|found| found.permissions().mode() & 0o7777);
            match (source.kind(), path.parent()) {
                (io::ErrorKind::NotFound, Some(parent)) if !parent.exists() => {
                    let reason = format!("the directory {} does not exist", parent.display());
                    return Error::os(action, self.to_string(), source).finding(reason);
                }
                (io::ErrorKind::PermissionDenied, _) => {
                    if let Ok(mode) = mode(&path) {
                        detail = format!("it has mode {mode:04o}");
                    } else if let Some(Ok(mode)) = path.parent().map(mode) {
                        detail = format!("its directory has mode {mode:04o}");
                    }
                }
                _ => {}
            }
        }
        if !detail.is_empty() {
            detail = format!(" ({detail})");
        }
        Error::os(action, format!("{self}{detail}"), source)
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Place::Name(name) => f.write_str(name),
            Place::Path(path) => path.display().fmt(f),
            Place::Descriptor => f.write_str("the given descriptor"),
        }
    }
}

impl Backing {
    pub(crate) fn place(&self) -> String {
        match self {
            Backing::Anonymous => "local memory".to_owned(),
            Backing::File { place, .. } => place.to_string(),
        }
    }

    pub(crate) fn writable(&self) -> bool {
        !matches!(self, Backing::File { access: Access::Unseen | Access::ReadOnly, .. })
    }

    pub(crate) fn io(&self, action: &'static str, source: io::Error) -> Error {
        match self {
            Backing::Anonymous => Error::os(action, self.place(), source),
            Backing::File { place, .. } => place.io(action, source, String::new()),
        }
    }

    /// Whether nothing leads to the file by name any more.
    pub(crate) fn is_nameless(&self) -> bool {
        matches!(self.file(), Ok(Some(file)) if fstat(file).is_ok_and(|found| found.st_nlink == 0))
    }

    /// The length of the file, if there is one.
    pub(crate) fn length(&self) -> Result<Option<u64>> {
        match self {
            Backing::Anonymous => Ok(None),
            Backing::File { .. } => match self.file()? {
                Some(file) => match fstat(file) {
                    Ok(found) => Ok(Some(found.st_size as u64)),
                    Err(errno) => Err(self.io("examine", errno.into())),
                },
                None => Ok(None),
            },
        }
    }

    /// The file, if there is one. An error if the program has closed its descriptor, and perhaps opened another file in its
    /// place, which must be neither enlarged nor locked.
    pub(crate) fn file(&self) -> Result<Option<BorrowedFd<'_>>> {
        let Backing::File { file, .. } = self else { return Ok(None) };
        match file.verify() {
            Ok(()) => Ok(Some(file.as_fd())),
            Err(errno) => Err(self.io("use", errno.into())),
        }
    }

    /// Gives the file real memory from `from` up to `size`. Never by `ftruncate`: that succeeds where there is no
    /// memory left, and the first access then ends the process with SIGBUS.
    pub(crate) fn extend(&self, from: u64, size: u64) -> Result<()> {
        let (Backing::File { place, .. }, Some(file)) = (self, self.file()?) else {
            return Ok(());
        };
        let length = size.saturating_sub(from);
        // The kernel would end the process with SIGXFSZ.
        if let Ok((limit, _)) = getrlimit(Resource::RLIMIT_FSIZE)
            && size > limit
        {
            let reason = format!("this process may make files of up to {limit} bytes (RLIMIT_FSIZE)");
            return Err(Error::out_of_space(self.place(), length, reason));
        }
        match fallocate(file, FallocateFlags::empty(), from as i64, length as i64) {
            Ok(()) => Ok(()),
            Err(Errno::EOPNOTSUPP) => {
                zero(file, from, size).map_err(|error| self.exhausted(length, file, error))
            }
            Err(Errno::EINTR) => self.extend(from, size),
            Err(errno @ (Errno::ENOSPC | Errno::EFBIG | Errno::EDQUOT | Errno::ENOMEM)) => {
                Err(self.exhausted(length, file, errno.into()))
            }
            Err(errno) => Err(place.io("enlarge", errno.into(), String::new())),
        }
    }

    /// Whether the file system reports at least `bytes` bytes of free space. What private memory there is shows only when it is used.
    pub(crate) fn has_room(&self, bytes: u64) -> bool {
        match self.file() {
            Ok(Some(file)) => nix::sys::statvfs::fstatvfs(file).is_ok_and(|system| {
                system.blocks_available().saturating_mul(system.fragment_size()) >= bytes
            }),
            Ok(None) => true,
            Err(_) => false,
        }
    }

    fn exhausted(&self, needed: u64, file: BorrowedFd<'_>, error: io::Error) -> Error {
        let mut reason = error.to_string();
        if let Ok(system) = nix::sys::statvfs::fstatvfs(file) {
            let bytes = |blocks: u64| blocks.saturating_mul(system.fragment_size());
            let (left, total) = (bytes(system.blocks_available()), bytes(system.blocks()));
            reason = format!("the file system has {left} of {total} bytes left");
        }
        if matches!(self, Backing::File { place: Place::Name(_), .. }) {
            reason += " (in a container, start it with a larger --shm-size)";
        }
        Error::out_of_space(self.place(), needed, reason)
    }
}

/// Extends a file by writing zeroes behind its end, where nobody looks yet.
fn zero(file: BorrowedFd<'_>, from: u64, size: u64) -> io::Result<()> {
    // Not a copy of the descriptor, which a child that is forked meanwhile would keep, and with it the lock of this process.
    // SAFETY: open for as long as it is borrowed, and never closed by this.
    let file = ManuallyDrop::new(unsafe { File::from_raw_fd(file.as_raw_fd()) });
    let zeroes = [0; ZEROES];
    for at in (from.max(file.metadata()?.len())..size).step_by(ZEROES) {
        let left = usize::try_from(size.saturating_sub(at)).unwrap_or(ZEROES);
        file.write_all_at(zeroes.get(..left).unwrap_or(&zeroes), at)?;
    }
    Ok(())
}

/// A second, independent open file description of the same file.
///
/// A mapping keeps the description that it was made from alive, also in forked children; locks that shall tell
/// whether this process lives need another one.
pub(crate) fn reopen(file: &impl AsRawFd, access: Access) -> io::Result<OwnedFd> {
    OpenOptions::new()
        .read(true)
        .write(access == Access::ReadWrite)
        .open(format!("/proc/self/fd/{}", file.as_raw_fd()))
        .map(OwnedFd::from)
}
