//! Locks and transactions, which begin and end by calls.

use std::cell::RefCell;
use std::sync::{Arc, Weak};

use structstore::binding_support::{HandleExt, Lock, StructExt, Transaction};
use structstore::{Error, ErrorKind, Result};

use crate::node::{Node, stst_node};
use crate::object::{Object, limit, object, write};
use crate::status::{status, stst_status};

/// A lock that this thread holds, counted. A lock taken while the thread already holds a covering one does not lock anything itself, so it keeps the
/// earlier locks alive: they may then end in any order.
struct Held {
    lock: Lock,
    _under: Vec<Arc<Held>>,
}

thread_local! {
    /// What this thread holds.
    static HELD: RefCell<Vec<Weak<Held>>> = const { RefCell::new(Vec::new()) };
}

impl Held {
    fn take(take: impl FnOnce() -> Result<Lock>) -> Result<Arc<Held>> {
        let under = HELD.with_borrow(|held| held.iter().filter_map(Weak::upgrade).collect());
        let held = Arc::new(Held { lock: take()?, _under: under });
        HELD.with_borrow_mut(|all| {
            all.retain(|other| other.strong_count() > 0);
            all.push(Arc::downgrade(&held));
        });
        Ok(held)
    }
}

/// A lock on a struct or list and everything below it, until it is freed.
pub struct stst_lock {
    lock: Arc<Held>,
}

object!(stst_lock, "lock", b"ststlock");

fn token(node: &Node, exclusive: bool, timeout: f64) -> Result<Arc<Held>> {
    Held::take(|| match node {
        Node::Struct(node) => node.lock_token(exclusive, limit(timeout)?),
        Node::List(node) => node.lock_token(exclusive, limit(timeout)?),
    })
}

/// Takes a lock on a struct or list: exclusive, which keeps all other threads and processes out, or shared with other readers. `timeout` is in seconds; a negative one
/// waits without a limit.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_take_lock(
    node: *const stst_node,
    exclusive: bool,
    timeout: f64,
    lock: *mut *mut stst_lock,
) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe {
        stst_lock { lock: token(&stst_node::of(node)?.node, exclusive, timeout)? }.give(lock)
    })
}

/// Releases a lock. Any thread may do so. A null pointer is ignored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_unlock(lock: *mut stst_lock) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe { stst_lock::take(lock).map(drop) })
}

/// Whether a process died while it held this lock, so that its changes may be incomplete.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_lock_recovered(lock: *const stst_lock, recovered: *mut bool) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe { write(recovered, stst_lock::of(lock)?.lock.lock.recovered()) })
}

/// A transaction: the changes that this thread makes to a struct, and below it, take effect together when it is committed, or not at all.
pub struct stst_transaction {
    transaction: Option<Transaction>,
    // Dropped last: changes are undone before it is given up.
    _lock: Arc<Held>,
}

object!(stst_transaction, "transaction", b"ststtran");

/// Begins a transaction, which takes the exclusive lock.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_begin(
    node: *const stst_node,
    timeout: f64,
    transaction: *mut *mut stst_transaction,
) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe {
        let of = stst_node::of(node)?;
        let lock = token(&of.node, true, timeout)?;
        let begun = of.structure()?.begin(limit(timeout)?)?;
        stst_transaction { transaction: Some(begun), _lock: lock }.give(transaction)
    })
}

/// Commits the changes and frees the transaction. STST_IN_TRANSACTION on another thread than the one that began it: the transaction stays open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_commit(transaction: *mut stst_transaction) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe { end(transaction, true) })
}

/// Undoes the changes and frees the transaction. A null pointer is ignored. STST_IN_TRANSACTION on another thread than the one that began it: the
/// transaction stays open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_rollback(transaction: *mut stst_transaction) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe { if transaction.is_null() { Ok(()) } else { end(transaction, false) } })
}

/// # Safety
///
/// As [`Object::take`].
unsafe fn end(transaction: *mut stst_transaction, commit: bool) -> Result<()> {
    // SAFETY: the caller's promise.
    let elsewhere = unsafe { stst_transaction::of(transaction)? };
    if elsewhere.transaction.as_ref().is_some_and(Transaction::is_elsewhere) {
        return Err(Error::new(ErrorKind::InTransaction));
    }
    // SAFETY: the caller's promise.
    let Some(mut object) = (unsafe { stst_transaction::take(transaction)? }) else { return Ok(()) };
    // Under the lock, which the object has and gives up last.
    match object.transaction.take() {
        Some(begun) if commit => begun.commit(),
        begun => {
            drop(begun);
            Ok(())
        }
    }
}
