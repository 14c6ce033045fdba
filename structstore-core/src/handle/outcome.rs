//! What closures on what is held return.

use crate::error::Result;

/// What a closure of [`Binding::with_mut`](crate::Binding::with_mut) or [`Struct::with_mut`](crate::Struct::with_mut) returns: `()` or a
/// [`Result`].
#[diagnostic::on_unimplemented(
    message = "a closure of `with_mut` returns `()` or a `structstore::Result`, not `{Self}`",
    note = "return a value as `Ok(value)`"
)]
pub trait Outcome: sealed::Sealed {
    /// What `with_mut` returns.
    type Value;
    #[doc(hidden)]
    fn into_result(self) -> Result<Self::Value>;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for () {}
    impl<R> Sealed for super::Result<R> {}
}

impl Outcome for () {
    type Value = ();

    #[inline(always)]
    fn into_result(self) -> Result<()> {
        Ok(())
    }
}

impl<R> Outcome for Result<R> {
    type Value = R;

    #[inline(always)]
    fn into_result(self) -> Result<R> {
        self
    }
}
