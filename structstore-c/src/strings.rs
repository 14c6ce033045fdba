//! Bytes and strings that functions return.

use std::ffi::c_char;

use structstore::Result;

use crate::object::{Object, elements, not_null, object, write};
use crate::status::{status, stst_status};

/// Strings that a function returned: names, paths, or a text, which is one string. Free them with `stst_strings_free`.
pub struct stst_strings {
    strings: Vec<Box<[u8]>>,
}

object!(stst_strings, "strings", b"ststtext");

impl stst_strings {
    /// Gives them to C.
    ///
    /// # Safety
    ///
    /// `out` is null or can be written to.
    pub(crate) unsafe fn of_all<T: Into<Vec<u8>>>(
        strings: impl IntoIterator<Item = T>,
        out: *mut *mut stst_strings,
    ) -> Result<()> {
        let strings = strings.into_iter().map(|text| text.into().into_boxed_slice()).collect();
        // SAFETY: the caller's promise.
        unsafe { stst_strings { strings }.give(out) }
    }
}

/// How many there are.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_strings_count(strings: *const stst_strings, count: *mut usize) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe { write(count, stst_strings::of(strings)?.strings.len()) })
}

/// One of them, which is there until they are freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_strings_get(
    strings: *const stst_strings,
    index: usize,
    data: *mut *const c_char,
    length: *mut usize,
) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe {
        let all = &stst_strings::of(strings)?.strings;
        let found = all.get(index).ok_or_else(|| structstore::Error::index_out_of_range(index, all.len()))?;
        not_null(length)?;
        write(data, found.as_ptr().cast())?;
        write(length, found.len())
    })
}

/// Frees them. A null pointer is ignored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_strings_free(strings: *mut stst_strings) -> stst_status {
    // SAFETY: see the crate.
    status(|| unsafe { stst_strings::take(strings).map(drop) })
}

/// The hash of a name, as keys have it: rapidhash v3.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stst_hash(name: *const c_char, length: usize) -> u64 {
    // SAFETY: see the crate.
    let bytes = unsafe { elements(name.cast::<u8>(), length, "name") }.unwrap_or_default();
    structstore::binding_support::hash(bytes)
}
