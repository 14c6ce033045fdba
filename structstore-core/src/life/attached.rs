//! The arenas that this process is attached to.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, Once, OnceLock, Weak};

use crate::arena::Arena;
use crate::arena::layout::TRANSIENT;
use crate::error::{Error, Result};
use crate::lock::Wait;
use crate::segment::{Access, Backing, MIN_SIZE, RESERVATION, Segment};
use crate::sync::lock;

/// Device, inode and access.
pub(crate) type Attachment = (u64, u64, Access);

/// The attachments of this process, so that opening a segment again shares the first one.
pub(crate) static ATTACHED: LazyLock<Mutex<HashMap<Attachment, Weak<Arena>>>> = LazyLock::new(Mutex::default);

/// How often a process that ends looks whether the table of attachments is free.
const END_TRIES: usize = 100;

/// The process-wide anonymous arena in which all local stores live.
pub(crate) fn local() -> Result<&'static Arc<Arena>> {
    let map = || {
        super::fork::install();
        let segment = Segment::map(Backing::Anonymous, None, RESERVATION)?;
        Arena::create(&segment, MIN_SIZE, RESERVATION, TRANSIENT)?;
        Ok(Arc::new(Arena::attach(segment, None, true, &Wait::FOREVER)?))
    };
    LOCAL.get_or_init(map).as_ref().map_err(|error| {
        Error::os("map", format!("local memory ({error})"), std::io::ErrorKind::OutOfMemory.into())
    })
}

/// The same, if any local store was ever created.
pub(crate) fn existing_local() -> Option<&'static Arc<Arena>> {
    LOCAL.get()?.as_ref().ok()
}

static LOCAL: OnceLock<Result<Arc<Arena>>> = OnceLock::new();

/// The seat that this thread has in an attachment of the same segment with which it may write. What it holds through that
/// one, it would wait for for ever if it read through this one.
#[cold]
pub(crate) fn own_seat_elsewhere(arena: &Arena) -> Option<u32> {
    let other = {
        let attached = lock(&ATTACHED);
        let (device, inode, _) = *attached.iter().find(|(_, found)| std::ptr::eq(found.as_ptr(), arena))?.0;
        attached.get(&(device, inode, Access::ReadWrite))?.upgrade()?
    };
    other.seat_if_any().map(|seat| seat.own.index)
}

/// Has this process, when it ends, do for the stores that it has left open what closing them would have done. A program
/// whose stores live in statics, or that calls [`std::process::exit`], has not been killed.
pub(crate) fn end_with_process() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // SAFETY: the handler is a function of this library, which is never unloaded: it keeps thread-local state.
        unsafe { libc::atexit(at_exit) };
    });
}

extern "C" fn at_exit() {
    end_process();
}

/// What ends a process in order does this, also where the C library is not asked to.
pub fn end_process() {
    let mut arenas = Vec::new();
    for _ in 0..END_TRIES {
        match ATTACHED.try_lock() {
            Ok(attached) => arenas.extend(attached.values().filter_map(Weak::upgrade)),
            // Threads that go on opening stores are not waited for.
            Err(_) => {
                std::thread::yield_now();
                continue;
            }
        }
        break;
    }
    for arena in arenas {
        arena.end();
    }
}
