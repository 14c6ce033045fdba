//! Pointers from C, checked.
//!
//! The memory of an object is never given back, but used again for another object of the same type. So a pointer to an object that was freed leads to a word that can be read:
//! it is refused, or means the newer object.

use std::ffi::c_char;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::time::Duration;
use std::{hint, ptr, slice};

use structstore::{Error, Result};

/// An object that C has a pointer to: in a box that begins with a word that says what it is.
pub(crate) trait Object: Sized {
    /// What it is called in messages.
    const NAME: &'static str;
    const WORD: u64;

    /// Gives it to C.
    ///
    /// # Safety
    ///
    /// `out` is null or can be written to.
    unsafe fn give(self, out: *mut *mut Self) -> Result<()> {
        not_null(out)?;
        let place = Self::pool().pop().unwrap_or_else(|| {
            let boxed = Boxed::<Self> { word: AtomicU64::new(0), object: MaybeUninit::uninit() };
            Box::into_raw(Box::new(boxed)).expose_provenance()
        });
        let boxed = ptr::with_exposed_provenance_mut::<Boxed<Self>>(place);
        // SAFETY: memory of such a box, which nobody else has.
        unsafe {
            (*boxed).object.write(self);
            (*boxed).word.store(Self::WORD, Ordering::Release);
        }
        // SAFETY: the caller's promise.
        unsafe { out.write(boxed.cast()) };
        Ok(())
    }

    /// Memory of objects that were freed.
    fn pool() -> &'static Pool;

    /// Checks a pointer that C passes and borrows the object.
    ///
    /// # Safety
    ///
    /// The pointer is null or points to a readable word. If that word is [`Object::WORD`], it points to such an object, which nobody frees during `'a`.
    #[inline]
    unsafe fn of<'a>(pointer: *const Self) -> Result<&'a Self> {
        let boxed = pointer.cast::<Boxed<Self>>();
        if pointer.is_null() || !boxed.is_aligned() {
            return Err(none::<Self>(if pointer.is_null() { "null" } else { "another pointer" }));
        }
        // SAFETY: the caller's promise.
        if unsafe { &(*boxed).word }.load(Ordering::Acquire) != Self::WORD {
            return Err(none::<Self>("another object, or one that was freed"));
        }
        // SAFETY: it is one.
        Ok(unsafe { (*boxed).object.assume_init_ref() })
    }

    /// Checks a pointer that C passes and borrows the object mutably.
    ///
    /// # Safety
    ///
    /// As [`Object::of`]; in addition, no other thread uses the object during `'a`.
    unsafe fn of_mut<'a>(pointer: *mut Self) -> Result<&'a mut Self> {
        // SAFETY: the caller's promise.
        unsafe { Self::of(pointer)? };
        // SAFETY: it is one, and nobody else's.
        Ok(unsafe { (*pointer.cast::<Boxed<Self>>()).object.assume_init_mut() })
    }

    /// Takes ownership of the object back from C. A null pointer is ignored.
    ///
    /// # Safety
    ///
    /// As [`Object::of`]; in addition, the pointer is not used afterwards.
    unsafe fn take(pointer: *mut Self) -> Result<Option<Self>> {
        if pointer.is_null() {
            return Ok(None);
        }
        // SAFETY: the caller's promise.
        unsafe { Self::of(pointer)? };
        let boxed = pointer.cast::<Boxed<Self>>();
        // SAFETY: it is one, or was until a moment ago: its memory stays.
        if unsafe { &(*boxed).word }.swap(0, Ordering::AcqRel) != Self::WORD {
            return Err(none::<Self>("an object that another thread has just freed"));
        }
        // SAFETY: it was one, and who has cleared the word has it.
        let object = unsafe { (*boxed).object.assume_init_read() };
        Self::pool().push(boxed.expose_provenance());
        Ok(Some(object))
    }
}

#[repr(C)]
struct Boxed<T> {
    word: AtomicU64,
    object: MaybeUninit<T>,
}

/// The addresses of memory that is free.
pub(crate) struct Pool(Mutex<Vec<usize>>);

impl Pool {
    pub(crate) const fn new() -> Pool {
        Pool(Mutex::new(Vec::new()))
    }

    fn pop(&self) -> Option<usize> {
        self.lock()?.pop()
    }

    fn push(&self, place: usize) {
        if let Some(mut places) = self.lock() {
            places.push(place);
        }
    }

    /// The table; without one, memory is not used again. A thread that forked may have held it, which never ends in the child.
    fn lock(&self) -> Option<MutexGuard<'_, Vec<usize>>> {
        for _ in 0..TRIES {
            match self.0.try_lock() {
                Ok(places) => return Some(places),
                Err(TryLockError::Poisoned(places)) => return Some(places.into_inner()),
                Err(TryLockError::WouldBlock) => hint::spin_loop(),
            }
        }
        None
    }
}

/// How often a table that is locked is tried: it is locked for nanoseconds.
const TRIES: usize = 10_000;

#[cold]
fn none<T: Object>(found: &'static str) -> Error {
    Error::invalid(T::NAME, found, "an object")
}

macro_rules! object {
    ($type:ident, $name:literal, $word:literal) => {
        impl crate::object::Object for $type {
            const NAME: &'static str = $name;
            const WORD: u64 = u64::from_le_bytes(*$word);

            fn pool() -> &'static crate::object::Pool {
                static POOL: crate::object::Pool = crate::object::Pool::new();
                &POOL
            }
        }
    };
}
pub(crate) use object;

/// Writes a result.
///
/// # Safety
///
/// `out` is null or can be written to.
#[inline]
pub(crate) unsafe fn write<T>(out: *mut T, value: T) -> Result<()> {
    not_null(out)?;
    // SAFETY: the caller's promise.
    unsafe { out.write(value) };
    Ok(())
}

/// Borrows `count` elements from C.
///
/// # Safety
///
/// `data` points to `count` elements that live, and do not change, during `'a`.
#[inline]
pub(crate) unsafe fn elements<'a, T>(data: *const T, count: usize, what: &'static str) -> Result<&'a [T]> {
    match (data.is_null(), count) {
        (_, 0) => Ok(&[]),
        (true, _) => Err(Error::invalid(what, "null", "a pointer")),
        // More cannot be in memory.
        (false, count) if count > isize::MAX as usize / size_of::<T>().max(1) => {
            Err(Error::invalid(what, format!("the length {count}"), "a length that fits memory"))
        }
        // SAFETY: the caller's promise.
        (false, count) => Ok(unsafe { slice::from_raw_parts(data, count) }),
    }
}

/// A string.
///
/// # Safety
///
/// As [`elements`].
#[inline]
pub(crate) unsafe fn text<'a>(data: *const c_char, length: usize, what: &'static str) -> Result<&'a str> {
    // SAFETY: the caller's promise.
    let bytes = unsafe { elements(data.cast::<u8>(), length, what)? };
    std::str::from_utf8(bytes).map_err(|_| Error::invalid(what, "bytes that are not UTF-8", "UTF-8"))
}

/// The duration of a timeout in seconds; a negative one means no limit.
pub(crate) fn limit(seconds: f64) -> Result<Option<Duration>> {
    match seconds {
        _ if seconds.is_nan() => Err(Error::invalid("timeout", "NaN", "a number of seconds")),
        ..0.0 => Ok(None),
        _ => Ok(Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))),
    }
}

/// Refuses a null pointer for a result, before anything is done that cannot be repeated.
pub(crate) fn not_null<T>(out: *const T) -> Result<()> {
    if out.is_null() { Err(Error::invalid("result", "null", "a pointer")) } else { Ok(()) }
}
