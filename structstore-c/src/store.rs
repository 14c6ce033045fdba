//! Stores: local to a process, and shared by name.

use std::ffi::{OsStr, c_char};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use structstore::binding_support::{OptionsExt, reentrant_store};
use structstore::{Cleanup, Error, Result, StructStore, StructStoreShared};

use crate::node::{Node, stst_node};
use crate::object::{Object, elements, object, text, write};
use crate::status::{status, stst_status};

/// A store. Handles that were obtained from it must be freed separately.
pub struct stst_store {
    store: Store,
}

enum Store {
    Local(StructStore),
    Shared(StructStoreShared),
}

object!(stst_store, "store", b"ststroot");

/// When a store ends.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum stst_cleanup {
    /// The creator's choice applies; a store that this call creates is transient.
    STST_CLEANUP_DEFAULT = 0,
    /// When the last process that can change it closes it.
    STST_CLEANUP_TRANSIENT = 1,
    /// When it is unlinked.
    STST_CLEANUP_PERSISTENT = 2,
    /// When it is closed here.
    STST_CLEANUP_ALWAYS = 3,
}

/// How to open a shared store. Set `struct_size` to the size of this struct, and unused members to zero.
#[repr(C)]
pub struct stst_options {
    /// The size of this struct, which identifies the version of the caller's header.
    pub struct_size: usize,
    /// The initial size of a new store in bytes; 0 is the minimum. A store grows automatically.
    pub size: u64,
    /// The maximum size in bytes; 0 is the default, 64 GiB.
    pub max_size: u64,
    /// When its name is removed, one of `stst_cleanup`.
    pub cleanup: u32,
    /// The permissions of a new store; 0 is 0600.
    pub mode: u32,
    /// How long to wait for a store to be ready, in seconds; 0 is the default, 10 s.
    pub timeout: f64,
    /// Replaces an existing store with an empty one.
    pub reinit: bool,
    /// Attaches read-only.
    pub read_only: bool,
    /// Attaches as an observer: read-only, and without keeping the store alive.
    pub observe: bool,
    /// Fails if the store does not exist, instead of creating it.
    pub must_exist: bool,
    /// Accepts a store of another user.
    pub any_owner: bool,
    /// Interprets the name as the path of a file.
    pub file: bool,
    /// Locks the memory that the store has when it is opened, so that it is never swapped out.
    pub lock_memory: bool,
    /// How many bytes to map at once, so that their first use causes no page fault.
    pub prefault: u64,
    /// The group of a new store, by name or number; null for that of the process.
    pub group: *const c_char,
    /// The length of that.
    pub group_length: usize,
}

/// Creates an empty store that is local to this process.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_local(store: *mut *mut stst_store) -> stst_status {
    // SAFETY: see the crate. No guard and no binding is ever taken here.
    status(|| unsafe {
        let local = Store::Local(reentrant_store()?);
        stst_store { store: local }.give(store)
    })
}

/// Opens a shared store by a name such as "/robot", or creates it. `options` may be null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_open(
    name: *const c_char,
    length: usize,
    options: *const stst_options,
    store: *mut *mut stst_store,
) -> stst_status {
    // SAFETY: see the crate. No guard and no binding is ever taken here.
    status(|| unsafe {
        let name = OsStr::from_bytes(elements(name.cast::<u8>(), length, "name")?);
        let options = opening(options)?.reentrant();
        stst_store { store: Store::Shared(options.open(name)?) }.give(store)
    })
}

/// # Safety
///
/// It is null, or leads to options of the size that it says.
unsafe fn opening(options: *const stst_options) -> Result<structstore::Options> {
    let mut opening = StructStoreShared::options();
    if options.is_null() {
        return Ok(opening);
    }
    // SAFETY: it begins with its size.
    let size = unsafe { options.cast::<usize>().read() };
    if size != size_of::<stst_options>() {
        let expected = format!("{}, the size of stst_options", size_of::<stst_options>());
        return Err(Error::invalid("struct_size", size.to_string(), expected));
    }
    // SAFETY: it is as large as that.
    let given = unsafe { &*options };
    if given.size != 0 {
        opening = opening.size(given.size);
    }
    if given.max_size != 0 {
        opening = opening.max_size(given.max_size);
    }
    if given.mode != 0 {
        opening = opening.mode(given.mode);
    }
    if given.timeout > 0.0 {
        opening = opening.timeout(Duration::try_from_secs_f64(given.timeout).unwrap_or(Duration::MAX));
    }
    opening = match given.cleanup {
        0 => opening,
        1 => opening.cleanup(Cleanup::IfLast),
        2 => opening.cleanup(Cleanup::Never),
        3 => opening.cleanup(Cleanup::Always),
        other => return Err(Error::invalid("cleanup", other.to_string(), "one of stst_cleanup")),
    };
    opening =
        opening.reinit(given.reinit).create(!given.must_exist).any_owner(given.any_owner).file(given.file);
    // SAFETY: the caller's promise.
    let group = unsafe { text(given.group, given.group_length, "group")? };
    if !group.is_empty() {
        opening = opening.group(group);
    }
    let opening = opening.prefault(given.prefault).lock_memory(given.lock_memory);
    Ok(opening.read_only(given.read_only).observe(given.observe))
}

/// Gets the root struct of a store.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_root(store: *const stst_store, root: *mut *mut stst_node) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe {
        let root_of = match &stst_store::of(store)?.store {
            Store::Local(store) => (**store).clone(),
            Store::Shared(store) => (**store).clone(),
        };
        stst_node::new(Node::Struct(root_of)).give(root)
    })
}

/// Whether the name of a shared store still refers to it: false after it was unlinked or re-initialised. A local store is always valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_valid(store: *const stst_store, valid: *mut bool) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe {
        let is_valid = match &stst_store::of(store)?.store {
            Store::Local(_) => true,
            Store::Shared(store) => store.valid(),
        };
        write(valid, is_valid)
    })
}

/// Checks the memory of a store: STST_CORRUPT, with the first fault as the message, if it is damaged.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_check(store: *const stst_store) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe {
        match &stst_store::of(store)?.store {
            Store::Local(store) => store.check(),
            Store::Shared(store) => store.check(),
        }
    })
}

/// Closes a store. A null pointer is ignored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_close(store: *mut stst_store) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe {
        match stst_store::take(store)?.map(|object| object.store) {
            Some(Store::Shared(store)) => store.close(),
            Some(Store::Local(_)) | None => Ok(()),
        }
    })
}

/// Removes the name of a shared store. Processes that have it open keep it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_unlink(name: *const c_char, length: usize) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe {
        StructStoreShared::unlink(OsStr::from_bytes(elements(name.cast::<u8>(), length, "name")?))
    })
}
