//! Pointers from C, checked as far as they can be.

use std::ffi::c_char;
use std::slice;
use std::time::Duration;

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
        let boxed = || Box::into_raw(Box::new(Boxed { word: Self::WORD, object: self }));
        not_null(out)?;
        // SAFETY: the caller's promise.
        unsafe { out.write(boxed().cast()) };
        Ok(())
    }

    /// Checks a pointer that C passes and borrows the object.
    ///
    /// # Safety
    ///
    /// The pointer is null or points to a readable word. If that word is [`Object::WORD`], it points to such an object, which lives for `'a`.
    #[inline]
    unsafe fn of<'a>(pointer: *const Self) -> Result<&'a Self> {
        let boxed = pointer.cast::<Boxed<Self>>();
        if pointer.is_null() || !boxed.is_aligned() {
            return Err(none::<Self>(if pointer.is_null() { "null" } else { "another pointer" }));
        }
        // SAFETY: the caller's promise.
        if unsafe { pointer.cast::<u64>().read() } != Self::WORD {
            return Err(none::<Self>("another object, or one that was freed"));
        }
        // SAFETY: it is one.
        Ok(unsafe { &(*boxed).object })
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
        Ok(unsafe { &mut (*pointer.cast::<Boxed<Self>>()).object })
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
        // SAFETY: `give` has made it of a box, and it was not taken before, for then the word would be another one.
        let mut boxed = unsafe { Box::from_raw(pointer.cast::<Boxed<Self>>()) };
        // Volatile, for nobody reads it who may.
        // SAFETY: it is ours.
        unsafe { (&raw mut boxed.word).write_volatile(0) };
        Ok(Some(boxed.object))
    }
}

#[repr(C)]
struct Boxed<T> {
    word: u64,
    object: T,
}

#[cold]
fn none<T: Object>(found: &'static str) -> Error {
    Error::invalid(T::NAME, found, "an object")
}

macro_rules! object {
    ($type:ident, $name:literal, $word:literal) => {
        impl crate::object::Object for $type {
            const NAME: &'static str = $name;
            const WORD: u64 = u64::from_le_bytes(*$word);
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
            Err(Error::invalid(what, format!("the length {count}"), "a length that memory has"))
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
    std::str::from_utf8(bytes).map_err(|_| Error::invalid(what, "other bytes", "UTF-8"))
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
