//! The locks of POSIX in shared memory.

use std::cell::UnsafeCell;

use super::shared_memory;

/// A mutex in memory that is shared between processes, which notices that its holder has died.
pub struct RobustMutex<'a>(&'a UnsafeCell<libc::pthread_mutex_t>);

// SAFETY: it is a mutex.
unsafe impl Sync for RobustMutex<'_> {}

impl RobustMutex<'_> {
    pub fn new() -> RobustMutex<'static> {
        // SAFETY: memory of its own, initialised before use.
        unsafe {
            let mutex = &*shared_memory(4096).as_ptr().cast::<UnsafeCell<libc::pthread_mutex_t>>();
            let mut attributes: libc::pthread_mutexattr_t = std::mem::zeroed();
            assert_eq!(libc::pthread_mutexattr_init(&mut attributes), 0);
            assert_eq!(libc::pthread_mutexattr_setpshared(&mut attributes, libc::PTHREAD_PROCESS_SHARED), 0);
            assert_eq!(libc::pthread_mutexattr_setrobust(&mut attributes, libc::PTHREAD_MUTEX_ROBUST), 0);
            assert_eq!(libc::pthread_mutex_init(mutex.get(), &attributes), 0);
            RobustMutex(mutex)
        }
    }

    pub fn pair(&self) {
        // SAFETY: initialised; locked and unlocked by one thread.
        unsafe {
            assert_eq!(libc::pthread_mutex_lock(self.0.get()), 0);
            libc::pthread_mutex_unlock(self.0.get());
        }
    }
}

/// A readers-writer lock in shared memory, which notices no death.
pub struct SharedRwLock(&'static UnsafeCell<libc::pthread_rwlock_t>);

impl SharedRwLock {
    pub fn new() -> SharedRwLock {
        // SAFETY: memory of its own, initialised before use.
        unsafe {
            let lock = &*shared_memory(4096).as_ptr().cast::<UnsafeCell<libc::pthread_rwlock_t>>();
            let mut attributes: libc::pthread_rwlockattr_t = std::mem::zeroed();
            assert_eq!(libc::pthread_rwlockattr_init(&mut attributes), 0);
            assert_eq!(libc::pthread_rwlockattr_setpshared(&mut attributes, libc::PTHREAD_PROCESS_SHARED), 0);
            assert_eq!(libc::pthread_rwlock_init(lock.get(), &attributes), 0);
            SharedRwLock(lock)
        }
    }

    pub fn read_pair(&self) {
        // SAFETY: initialised; locked and unlocked by one thread.
        unsafe {
            assert_eq!(libc::pthread_rwlock_rdlock(self.0.get()), 0);
            libc::pthread_rwlock_unlock(self.0.get());
        }
    }
}
