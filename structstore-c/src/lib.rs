//! StructStore for C and C++.
//!
//! The functions are those of `include/structstore.h`, which cbindgen writes from this crate: [`store`], [`place`], [`node`], [`mod@array`], [`lock`],
//! [`watch`], [`stream`], [`document`] and [`status`]. `include/structstore.hpp` is C++17 over them.
//!
//! # What holds for all functions
//!
//! - Each returns a [`stst_status`](status::stst_status). What a function makes is written through a pointer, and only if it succeeds. No panic leaves this library:
//!   it becomes [`STST_PANIC`](status::stst_status::STST_PANIC).
//! - Objects are opaque. Each begins with a word that identifies its type: a null pointer or an object of another type is
//!   [`STST_INVALID_ARGUMENT`](status::stst_status::STST_INVALID_ARGUMENT).
//! - Strings are pointer and length, in UTF-8, without a zero at the end. A null pointer is an empty string if the length is 0.
//! - Locks are reentrant: a thread that holds a lock can still operate on what it covers. Only views and references give access to the memory of a
//!   store.
//! - Objects may be used by several threads at once, but for watches, which one thread uses at a time, and for transactions,
//!   which the thread ends that began them. A lock holds for the thread that took it, and may be given up by any.
//!
//! # Safety
//!
//! A C program must obey these rules, which no function can check:
//!
//! - A pointer with a length points to that many bytes (or elements), which do not change during the call.
//! - A pointer for a result points to memory that is large enough and writable.
//! - An object is not freed by one thread while another uses it. One that was freed is refused afterwards, unless a newer object of its type has its place.

#![allow(
    non_camel_case_types,
    clippy::missing_safety_doc,
    clippy::allow_attributes,
    reason = "names as C has them; what callers have to keep to is the same for all functions, and said above"
)]

pub mod array;
pub mod document;
pub mod lock;
pub mod node;
mod object;
pub mod place;
pub mod status;
pub mod store;
pub mod stream;
pub mod strings;
pub mod watch;

/// What is said of threads above.
const _: fn() = || {
    fn by_several_threads<T: Send + Sync>() {}
    by_several_threads::<store::stst_store>();
    by_several_threads::<node::stst_node>();
    by_several_threads::<strings::stst_strings>();
    by_several_threads::<array::stst_view>();
    by_several_threads::<stream::stst_stream>();
    by_several_threads::<lock::stst_lock>();
};

/// The version of the library that is linked: major times 1,000,000, minor times 1,000, and patch.
#[unsafe(no_mangle)]
pub extern "C" fn stst_version() -> u32 {
    let part = |text: &str| text.parse::<u32>().unwrap_or(0);
    part(env!("CARGO_PKG_VERSION_MAJOR")) * 1_000_000
        + part(env!("CARGO_PKG_VERSION_MINOR")) * 1_000
        + part(env!("CARGO_PKG_VERSION_PATCH"))
}
