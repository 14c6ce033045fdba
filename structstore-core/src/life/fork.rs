//! What a forked child inherits, and makes its own.
//!
//! A child shares its parent's mappings, which is as it should be, and its descriptors, which is not: a lock byte is held
//! for as long as any descriptor of its open file description is. So the child is a participant of its own, which the
//! parent admits before it forks, with a description of its own and leases of its own for the views that the child will
//! have; and the child's first act is to close what would keep its parent alive for others. What the parent's threads
//! hold stays theirs: the child's copies of their guards release nothing.
//!
//! Admitting a participant may fail: no descriptor is left, the store is full, a process that does not go on has the heap
//! locked. Such a child is *detached*. Its mapping is replaced by private memory that has copies of what its views lease, so
//! that nothing it reads changes and nothing it writes reaches the store; everything but its views is an error that says
//! why, until it opens the store itself. What guards have lent is zero there.
//!
//! A local store is copied with the process. There the other threads are gone in the child, and repaired like the dead.
//!
//! Process-local tables are locked by the thread that forks, so that the child finds them whole. Only that thread
//! goes through the three handlers, in this order.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, Once, Weak};

use super::attached::{ATTACHED, Attachment, existing_local};
use super::heir::Fork;
use super::process::Identity;
use crate::arena::{self, Arena};
use crate::lock::{count_fork, without_hooks};
use crate::segment::descriptions::{self, Descriptions};
use crate::sync::lock;

/// All that is held from before a fork until after it. Dropped in this order: what the last ones need is free then.
struct Prepared {
    descriptions: Descriptions,
    attached: MutexGuard<'static, HashMap<Attachment, Weak<Arena>>>,
    detached: MutexGuard<'static, Vec<Weak<Arena>>>,
    local: Option<Fork>,
    shared: Vec<Fork>,
    /// Until what was made for one child is gone, or another one would inherit it.
    _forking: MutexGuard<'static, ()>,
}

/// One fork at a time.
static FORKING: Mutex<()> = Mutex::new(());

/// The arenas of this process that it could not be attached to. They share nothing, but have tables as others do.
static DETACHED: Mutex<Vec<Weak<Arena>>> = Mutex::new(Vec::new());

thread_local! {
    static PREPARED: RefCell<Option<Prepared>> = const { RefCell::new(None) };
}

/// Has this process's children make what they inherit their own.
pub(crate) fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // SAFETY: the handlers are functions of this library, which is never unloaded: it keeps thread-local state.
        unsafe { libc::pthread_atfork(Some(prepare), Some(in_parent), Some(in_child)) };
    });
}

extern "C" fn prepare() {
    let forking = lock(&FORKING);
    let (attached, detached) = (lock(&ATTACHED), lock(&DETACHED));
    let upgraded = |arenas: &mut dyn Iterator<Item = &Weak<Arena>>| -> Vec<Arc<Arena>> {
        arenas.filter_map(Weak::upgrade).collect()
    };
    let shared = upgraded(&mut attached.values()).into_iter().map(Fork::shared);
    let shared = shared.chain(upgraded(&mut detached.iter()).into_iter().map(Fork::private)).collect();
    let local = existing_local().map(|local| Fork::private(Arc::clone(local)));
    let prepared =
        Prepared { descriptions: descriptions::hold(), attached, detached, local, shared, _forking: forking };
    // A thread that is ending forks no more.
    let _ = PREPARED.try_with(|cell| *cell.borrow_mut() = Some(prepared));
}

fn take() -> Option<Prepared> {
    PREPARED.try_with(|cell| cell.borrow_mut().take()).ok().flatten()
}

extern "C" fn in_parent() {
    // Here go the parent's copies of the child's descriptors, and perhaps the last references to views.
    without_hooks(|| drop(take()));
}

extern "C" fn in_child() {
    count_fork();
    Identity::forget();
    without_hooks(|| take().map(become_another));
}

fn become_another(mut prepared: Prepared) {
    // Before anything else: nobody else is to wait for the parent because of this process.
    let kept: Vec<_> = prepared.shared.iter().filter_map(Fork::descriptor).collect();
    prepared.descriptions.close_all_but(&kept);
    prepared.shared.iter_mut().for_each(Fork::inherit);
    // Opening a store once more attaches anew.
    let now_detached =
        prepared.attached.extract_if(|_, arena| arena.upgrade().is_some_and(|arena| arena.is_detached()));
    prepared.detached.extend(now_detached.map(|(_, arena)| arena));
    arena::forget_transaction(existing_local().map(|local| &**local));
    if let Some(local) = &prepared.local {
        local.bury_other_threads();
    }
}
