//! The guards of bindings, and the fields of a binding through guards of structs.

use std::any::type_name;
use std::fmt;
use std::marker::PhantomData;

use super::Binding;
use crate::access::{Access, Hold, Located, Scope};
use crate::bind::{Field, Fields, Lender};
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::Result;
use crate::handle::{StructMut, StructRef};

/// A bound struct that is held exclusively.
///
/// ```
/// use structstore::StructStore;
///
/// #[derive(StructStore)]
/// struct Settings {
///     num: i32,
///     name: String,
/// }
///
/// let store = StructStore::new();
/// let settings = store.bind::<Settings>()?;
/// let mut guard = settings.write()?;
/// let mut fields = guard.fields_mut();
/// *fields.num += 1;
/// fields.name.set("arm")?;
/// // This thread holds it: only the guard may operate on it.
/// assert!(store.set("num", 5).is_err());
/// drop(guard);
/// store.set("num", 5)?;
/// # Ok::<(), structstore::Error>(())
/// ```
pub struct BindingMut<'b, T: Field> {
    binding: &'b Binding<T>,
    held: Scope<'b>,
    not_send: PhantomData<*mut ()>,
}

impl<'b, T: Field> BindingMut<'b, T> {
    /// Of a binding whose fields were checked under this lock.
    #[inline(always)]
    pub(super) fn new(binding: &'b Binding<T>, held: Scope<'b>) -> BindingMut<'b, T> {
        BindingMut { binding, held, not_send: PhantomData }
    }
}

impl<T: Field> BindingMut<'_, T> {
    /// The fields, as references into the store, for as long as the guard is borrowed.
    #[inline]
    pub fn fields_mut(&mut self) -> T::Mut<'_> {
        // SAFETY: checked when the lock was taken, which lasts for as long as self; `&mut self` keeps the fields
        // from being lent twice.
        unsafe { T::lend_mut(&self.binding.place, self.binding.lender()) }
    }

    /// The fields for reading, for as long as the guard is borrowed.
    #[inline]
    pub fn fields(&self) -> T::Ref<'_> {
        // SAFETY: as above; `&self` excludes `fields_mut`.
        unsafe { T::lend(&self.binding.place, self.binding.lender()) }
    }
}

impl<T: Field> BindingMut<'_, T> {
    /// Whether a process died while it held this exclusively; see [`StructRef::recovered`](crate::guard::StructRef::recovered).
    pub fn recovered(&self) -> bool {
        self.held.recovered()
    }
}

/// A bound struct that is held for reading.
///
/// ```
/// use structstore::StructStore;
///
/// #[derive(StructStore)]
/// struct Settings {
///     num: i32,
///     name: String,
/// }
///
/// let store = StructStore::new();
/// let settings = store.bind::<Settings>()?;
/// let guard = settings.read()?;
/// let fields = guard.fields();
/// assert_eq!((*fields.num, fields.name.as_str()?), (0, ""));
/// # Ok::<(), structstore::Error>(())
/// ```
pub struct BindingRef<'b, T: Field> {
    binding: &'b Binding<T>,
    held: Scope<'b>,
    /// What is lent where the fields are no longer of the type that was bound: a copy in a store of its own.
    copy: Option<Box<Binding<T>>>,
    not_send: PhantomData<*mut ()>,
}

impl<'b, T: Field> BindingRef<'b, T> {
    /// Of a binding whose fields, or those of the copy, were checked under this lock.
    #[inline(always)]
    pub(super) fn new(
        binding: &'b Binding<T>,
        held: Scope<'b>,
        copy: Option<Box<Binding<T>>>,
    ) -> BindingRef<'b, T> {
        BindingRef { binding, held, copy, not_send: PhantomData }
    }
}

impl<T: Field> BindingRef<'_, T> {
    /// The fields, as references into the store, for as long as the guard is borrowed.
    #[inline]
    pub fn fields(&self) -> T::Ref<'_> {
        let binding = self.copy.as_deref().unwrap_or(self.binding);
        // SAFETY: checked when the lock was taken, which lasts for as long as self. Nobody else has the copy.
        unsafe { T::lend(&binding.place, binding.lender()) }
    }
}

impl<T: Field> BindingRef<'_, T> {
    /// Whether a process died while it held this exclusively; see [`StructRef::recovered`](crate::guard::StructRef::recovered).
    pub fn recovered(&self) -> bool {
        self.held.recovered()
    }
}

impl<T: Fields> fmt::Debug for BindingMut<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BindingMut<{}>({})", type_name::<T>(), self.binding.handle.path().shown())
    }
}

impl<T: Fields> fmt::Debug for BindingRef<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BindingRef<{}>({})", type_name::<T>(), self.binding.handle.path().shown())
    }
}

impl<H: Hold> StructMut<'_, H> {
    /// The fields of a binding of this struct or of one below it, through this guard: also in a transaction, and together with
    /// fields that the binding does not know.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidArgument`] for a binding of another struct, and as [`Binding::write`].
    ///
    /// ```
    /// use structstore::StructStore;
    ///
    /// #[derive(StructStore)]
    /// struct Settings {
    ///     num: i32,
    /// }
    ///
    /// let store = StructStore::new();
    /// let settings = store.bind::<Settings>()?;
    /// let mut guard = store.write()?;
    /// *guard.fields_of(&settings)?.num += 1;
    /// guard.set("undeclared", 1)?;
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn fields_of<T: Field>(&mut self, binding: &Binding<T>) -> Result<T::Mut<'_>> {
        let access = &self.locked;
        binding.expect_within(access.arena(), access.id())?;
        let lender = Lender { store: access.store() };
        // SAFETY: held exclusively for as long as self; `&mut self` keeps this guard from lending anything else.
        let lent = unsafe { lender.lend_mut::<T>(binding.handle.id().index, &binding.place) };
        lent.at(&binding.handle)
    }
}

impl<H: Hold> StructRef<'_, H> {
    /// The fields of a binding of this struct or of one below it, through this guard.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidArgument`] for a binding of another struct; [`ErrorKind::Leased`] if views of an array among the fields
    /// exist, because it may change through them at any time.
    pub fn fields_of<T: Field>(&self, binding: &Binding<T>) -> Result<T::Ref<'_>> {
        let access = &self.locked;
        binding.expect_within(access.arena(), access.id())?;
        let lender = Lender { store: access.store() };
        T::check(&binding.place, lender, false).at(&binding.handle)?;
        // SAFETY: checked, and held for as long as self.
        Ok(unsafe { T::lend(&binding.place, lender) })
    }
}
