//! Being told what changes.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use structstore::binding_support::Thread;
use structstore::path::Path;
use structstore::watch::CancelHandle;
use structstore::{Error, Result, Watch};

use crate::node::{Node, stst_node};
use crate::object::{Object, limit, not_null, object, write};
use crate::status::{status, stst_status};
use crate::strings::stst_strings;

/// Reports changes by any process in a struct or list, and below it. One thread at a time may use it.
pub struct stst_watch {
    watch: Watch,
    node: Node,
    bell: Option<Bell>,
}

object!(stst_watch, "watch", b"ststwtch");

/// How often the thread of a descriptor looks whether its watch has ended.
const SLICE: Duration = Duration::from_secs(1);

fn watch_of(node: &Node) -> Result<Watch> {
    match node {
        Node::Struct(node) => node.watch(),
        Node::List(node) => node.watch(),
    }
}

/// Begins a watch.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_watch_begin(
    node: *const stst_node,
    watch: *mut *mut stst_watch,
) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe {
        let node = stst_node::of(node)?.node.clone();
        stst_watch { watch: watch_of(&node)?, node, bell: None }.give(watch)
    })
}

/// Waits until something has changed, for at most `timeout` seconds; a negative timeout waits without a limit. Sets `paths` to the paths that have
/// changed since the last call, or to null if nothing has.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_watch_wait(
    watch: *mut stst_watch,
    timeout: f64,
    paths: *mut *mut stst_strings,
) -> stst_status {
    // SAFETY: see the crate; one thread at a time.
    status(|| unsafe {
        let (watch, timeout) = (stst_watch::of_mut(watch)?, limit(timeout)?);
        not_null(paths)?;
        if let Some(bell) = &watch.bell {
            bell.silence();
        }
        match watch.watch.wait(timeout)? {
            Some(changed) => stst_strings::of_all(changed.iter().map(Path::to_string), paths),
            None => write(paths, std::ptr::null_mut()),
        }
    })
}

/// A file descriptor that becomes readable when something changes, for poll, epoll or an event loop such as Qt's. `stst_watch_wait` with a timeout of 0
/// returns the changes and resets it. The descriptor may also become readable when nothing has changed. The watch owns it; a thread serves it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_watch_fd(watch: *mut stst_watch, descriptor: *mut i32) -> stst_status {
    // SAFETY: see the crate; one thread at a time.
    status(|| unsafe {
        let watch = stst_watch::of_mut(watch)?;
        // A forked child has no thread that rings.
        if watch.bell.as_ref().is_none_or(|bell| bell.process != process::id()) {
            watch.bell = Some(Bell::new(watch_of(&watch.node)?)?);
        }
        let number = watch.bell.as_ref().map_or(-1, |bell| bell.descriptor.as_raw_fd());
        write(descriptor, number)
    })
}

/// Ends a watch. A null pointer is ignored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_watch_end(watch: *mut stst_watch) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe { stst_watch::take(watch).map(drop) })
}

/// Rings when something changes.
struct Bell {
    descriptor: Arc<OwnedFd>,
    over: Arc<AtomicBool>,
    cancel: CancelHandle,
    process: u32,
}

impl Bell {
    fn new(mut watch: Watch) -> Result<Bell> {
        // SAFETY: it makes a descriptor.
        let number = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if number < 0 {
            return Err(Error::os("make an event descriptor", "", std::io::Error::last_os_error()));
        }
        // SAFETY: it was just made, and is nobody else's.
        let descriptor = Arc::new(unsafe { OwnedFd::from_raw_fd(number) });
        let (over, cancel) = (Arc::new(AtomicBool::new(false)), watch.cancel_handle());
        let (ends, rings) = (Arc::clone(&over), Arc::clone(&descriptor));
        let ring = move || {
            let one = 1_u64.to_ne_bytes();
            // SAFETY: eight bytes are read.
            let ring = || unsafe { libc::write(rings.as_raw_fd(), one.as_ptr().cast(), one.len()) };
            // What has changed before is there to be asked for.
            let _ = ring();
            while !ends.load(Ordering::SeqCst) {
                let begun = Instant::now();
                match watch.wait(Some(SLICE)) {
                    Ok(None) if begun.elapsed() >= SLICE => {}
                    Ok(Some(_)) => {
                        let _ = ring();
                    }
                    // The store is gone, or was closed here: whoever looks is told.
                    _ => {
                        let _ = ring();
                        return;
                    }
                }
            }
        };
        // It is not waited for when the watch ends: it may be waiting for a lock of the thread that does so.
        Thread::start("watch", ring).map_err(|error| Error::os("start", "a thread", error))?;
        Ok(Bell { descriptor, over, cancel, process: process::id() })
    }

    fn silence(&self) {
        let mut count = [0_u8; 8];
        // SAFETY: eight bytes are written. If there is nothing, it does not wait.
        unsafe { libc::read(self.descriptor.as_raw_fd(), count.as_mut_ptr().cast(), count.len()) };
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        self.cancel.cancel();
    }
}
