//! Bindings, and the guards that lend what they bind.

use std::any::type_name;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use super::binder::declare_part;
use super::{Binder, Field, Fields, Lender, Outcome, SlotRef};
use crate::access::{Access, Handle, Hold, Located, Scope};
use crate::arena::Arena;
use crate::arena::layout::Slot;
use crate::edit;
use crate::error::{Error, ErrorKind, Result};
use crate::handle::{Pin, Struct, StructMut, StructRef, Within};
use crate::journal::lies_within;
use crate::key::Key;
use crate::lock::{Mode, NodeId, Wait, generation};
use crate::node::{self, Raw};
use crate::ops;
use crate::sync::{AtomicU64, Ordering};
use crate::value::{Kind, Value, wrong_kind};

/// A Rust struct's fields bound to a struct in a store, local or shared; made by [`Struct::bind`].
///
/// ```
/// use structstore::StructStore;
///
/// #[derive(StructStore)]
/// struct Settings {
///     #[structstore(default = 5)]
///     num: i32,
///     #[structstore(default = "foo")]
///     name: String,
///     gains: [f64; 3],
/// }
///
/// let store = StructStore::new();
/// let settings = store.bind::<Settings>()?;
/// let mut guard = settings.write()?;
/// let fields = guard.fields_mut();
/// *fields.num += 1;
/// fields.gains[2] = 0.5;
/// drop(guard);
/// assert_eq!(store.get::<i32>("num")?, 6);
///
/// // The store keeps what was declared.
/// assert!(store.delete("num").is_err());
/// assert!(store.set("num", "six").is_err());
/// # Ok::<(), structstore::Error>(())
/// ```
pub struct Binding<T: Field> {
    /// Goes before the handle, with which the store may go.
    _pin: Pin,
    handle: Handle,
    place: T::Place,
    /// The fields that lead from the root to the struct.
    route: Option<Vec<Box<str>>>,
    bound: PhantomData<fn() -> T>,
}

impl Struct {
    /// Binds a Rust struct's fields to this struct: creates those that are missing with their defaults, keeps the
    /// values of those that are there, and declares all of them. In one operation: all or, after an error, nothing.
    ///
    /// A store that was opened to observe or read-only is bound for reading: nothing is created or declared, and the fields have to
    /// be declared already, by a process that has bound them to change them. An observer that may write to the segment has
    /// everything that reads; through a read-only attachment, which takes no locks, [`Binding::load`] copies the struct as of one moment
    /// and [`Struct::get_at`] reads parts of it, each as of its own.
    ///
    /// While the binding lives, no process removes or replaces the struct in passing (see [`Pin`]), unless the store is too full for a pin.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::WrongType`] if a field is there with another type than the struct's, or, for reading, is not declared; the
    /// error says what can be done about it. For reading, [`ErrorKind::NotFound`] if a field is missing.
    /// [`ErrorKind::OutsideLimits`] if a field holds a value outside of the limits that the struct declares for it, and
    /// [`ErrorKind::Bound`] if the struct declares limits for a number that another living binding lends without.
    ///
    /// ```
    /// use structstore::StructStore;
    ///
    /// #[derive(StructStore)]
    /// struct Limits {
    ///     low: f64,
    ///     #[structstore(default = 1.0)]
    ///     high: f64,
    /// }
    ///
    /// let store = StructStore::new();
    /// store.set("low", 0.5)?;
    /// store.bind::<Limits>()?;
    /// assert_eq!(store.to_string(), r#"{"low": 0.5, "high": 1.0}"#);
    ///
    /// // Nothing is changed where it does not fit.
    /// let store = StructStore::new();
    /// store.set("high", "none")?;
    /// assert!(store.bind::<Limits>().is_err() && !store.contains("low")?);
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn bind<T: Fields>(&self) -> Result<Binding<T>> {
        self.bind_as(false)
    }

    /// As [`Struct::bind`], but converts fields of a narrower type than the struct's, where every value of the one is a
    /// value of the other: `i32` to `i64` or `f64`, `f32` to `f64`, arrays of them, lists of numbers to arrays, `T` to
    /// `Option<T>`.
    ///
    /// Programs that have bound the field with its former type get [`ErrorKind::WrongType`] from then on.
    ///
    /// # Errors
    ///
    /// As [`Struct::bind`].
    ///
    /// ```
    /// use structstore::StructStore;
    ///
    /// #[derive(StructStore)]
    /// struct Settings {
    ///     speed: f64,
    /// }
    ///
    /// let store = StructStore::new();
    /// store.set("speed", 1.5_f32)?;
    /// let error = store.bind::<Settings>().err().unwrap();
    /// assert_eq!(error.to_string(), "speed: found f32, expected f64; `bind_widening` converts it");
    /// assert_eq!(store.bind_widening::<Settings>()?.load()?.speed, 1.5);
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn bind_widening<T: Fields>(&self) -> Result<Binding<T>> {
        self.bind_as(true)
    }

    fn bind_as<T: Fields>(&self, widen: bool) -> Result<Binding<T>> {
        let handle = &self.handle;
        let initial = T::initial();
        let defaults = initial.field_value()?;
        let slot = Raw::node(Kind::Struct, handle.id());
        let slot = Slot { tag: AtomicU64::new(slot.tag), payload: AtomicU64::new(slot.payload) };
        let slot = SlotRef { slot: &slot, parent: None };
        let bound = if handle.store().may_change() {
            handle.change(Mode::Tree, |operation, _| {
                let place = Binder::new(operation, &defaults, widen).resolve_slot::<T>(slot)?;
                Ok((place, Pin::if_there_is_room(handle)?))
            })
        } else {
            // Whole, where a lock is to be had.
            let _held = match handle.arena().writable() {
                true => Some(handle.lock(Mode::Shared, &Wait::FOREVER).at(handle)?),
                false => None,
            };
            let place = handle.read(|arena, _| Binder::reading(arena).resolve_slot::<T>(slot));
            place.and_then(|place| Ok((place, Pin::if_there_is_room(handle)?)))
        };
        let (place, pin) = bound.at(handle)?;
        let route = node::route_of(handle.arena(), handle.id());
        Ok(Binding { _pin: pin, handle: handle.clone(), place, route, bound: PhantomData })
    }
}

impl<T: Field> Binding<T> {
    fn lender(&self) -> Lender<'_> {
        Lender { store: self.handle.store() }
    }

    #[inline(always)]
    fn lock(&self, mode: Mode, wait: &Wait) -> Result<Scope<'_>> {
        self.handle.lock(mode, wait).at(&self.handle)
    }

    /// Locks the struct and looks whether its memory still makes sense. A panic of the user's code gives the lock back.
    #[inline(always)]
    fn guard(&self, mode: Mode, wait: &Wait) -> Result<Scope<'_>> {
        let held = self.lock(mode, wait)?;
        match T::check(&self.place, self.lender(), mode == Mode::Tree) {
            Ok(()) => Ok(held),
            Err(error) => {
                drop(held);
                Err(error).at(&self.handle)
            }
        }
    }

    #[inline(always)]
    fn exclusive(&self, wait: &Wait) -> Result<BindingMut<'_, T>> {
        Ok(BindingMut { binding: self, held: self.guard(Mode::Tree, wait)?, not_send: PhantomData })
    }

    /// Locks the struct for changing, for as long as the guard lives.
    ///
    /// # Errors
    ///
    /// As [`Struct::write`]; [`ErrorKind::Corrupt`] if a field's memory is damaged.
    #[inline]
    pub fn write(&self) -> Result<BindingMut<'_, T>> {
        self.exclusive(&Wait::FOREVER)
    }

    /// Locks the struct against changes, for as long as the guard lives.
    ///
    /// Where views of an array among the fields exist, the array is first given a block of its own, for through a
    /// view it might change at any time.
    ///
    /// # Errors
    ///
    /// As [`Binding::write`].
    #[inline]
    pub fn read(&self) -> Result<BindingRef<'_, T>> {
        self.shared(&Wait::FOREVER)
    }

    /// Locks that wait for at most `timeout`; see [`Within`].
    pub fn within(&self, timeout: Duration) -> Within<'_, Binding<T>> {
        Within::new(self, timeout)
    }

    #[inline(always)]
    fn shared(&self, wait: &Wait) -> Result<BindingRef<'_, T>> {
        match self.guard(Mode::Shared, wait) {
            Ok(held) => Ok(BindingRef { binding: self, held, not_send: PhantomData }),
            Err(error) => self.shared_with_views(error, wait),
        }
    }

    /// Locks the struct for reading after that has failed: perhaps because views of an array among the fields exist.
    #[cold]
    fn shared_with_views(&self, mut error: Error, wait: &Wait) -> Result<BindingRef<'_, T>> {
        // An observer leaves the views what they have; it can `load`.
        while error.kind() == ErrorKind::Leased && self.handle.store().may_change() {
            // Checking exclusively takes the arrays away from their views.
            self.guard(Mode::Tree, wait)?.end_unchanged();
            wait.check()?;
            match self.guard(Mode::Shared, wait) {
                Ok(held) => return Ok(BindingRef { binding: self, held, not_send: PhantomData }),
                Err(again) => error = again,
            }
        }
        Err(error)
    }

    /// Runs a closure on the fields, which are held exclusively meanwhile. The closure returns nothing or a [`Result`]; a value is
    /// returned as `Ok(value)`. What it has changed stays, also if it fails: a [`transaction`](Binding::transaction) undoes it.
    ///
    /// # Errors
    ///
    /// As [`Binding::write`], and the error that the closure returns.
    ///
    /// ```
    /// use structstore::StructStore;
    ///
    /// #[derive(StructStore)]
    /// struct Limits {
    ///     low: f64,
    ///     #[structstore(default = 1.0)]
    ///     high: f64,
    /// }
    ///
    /// let limits = StructStore::new().bind::<Limits>()?;
    /// limits.with_mut(|limits| {
    ///     *limits.high = 2.0;
    ///     *limits.low = -2.0;
    /// })?;
    /// assert_eq!(limits.load()?.low, -2.0);
    /// let span = limits.with_mut(|limits| Ok(*limits.high - *limits.low))?;
    /// assert_eq!(span, 4.0);
    /// # Ok::<(), structstore::Error>(())
    /// ```
    #[inline]
    pub fn with_mut<O: Outcome>(&self, change: impl FnOnce(T::Mut<'_>) -> O) -> Result<O::Value> {
        change(self.write()?.fields_mut()).into_result()
    }

    /// Runs a closure on the fields, locked for reading.
    ///
    /// # Errors
    ///
    /// As [`Binding::read`].
    ///
    /// ```
    /// use structstore::StructStore;
    ///
    /// #[derive(StructStore)]
    /// struct Limits {
    ///     low: f64,
    ///     #[structstore(default = 1.0)]
    ///     high: f64,
    /// }
    ///
    /// let limits = StructStore::new().bind::<Limits>()?;
    /// assert_eq!(limits.with(|limits| *limits.high - *limits.low)?, 1.0);
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn with<R>(&self, read: impl FnOnce(T::Ref<'_>) -> R) -> Result<R> {
        Ok(read(self.read()?.fields()))
    }

    /// A copy of all fields, as of one moment.
    ///
    /// # Errors
    ///
    /// As [`Binding::read`].
    ///
    /// ```
    /// use structstore::StructStore;
    ///
    /// #[derive(StructStore)]
    /// struct Limits {
    ///     low: f64,
    ///     #[structstore(default = 1.0)]
    ///     high: f64,
    /// }
    ///
    /// let limits = StructStore::new().bind::<Limits>()?;
    /// let copy: Limits = limits.load()?;
    /// assert_eq!((copy.low, copy.high), (0.0, 1.0));
    /// # Ok::<(), structstore::Error>(())
    /// ```
    #[inline]
    pub fn load(&self) -> Result<T> {
        if T::SLOTS_ONLY {
            return self.handle.read(|_, _| T::load(&self.place, self.lender())).at(&self.handle);
        }
        let held = match self.lock(Mode::Shared, &Wait::FOREVER) {
            Err(error) if error.kind() == ErrorKind::ReadOnly => return self.load_without_a_lock(),
            locked => locked?,
        };
        let loaded = T::load(&self.place, self.lender());
        drop(held);
        loaded.at(&self.handle)
    }

    /// As [`Binding::load`], in a process without write permission, which takes no locks.
    #[cold]
    #[inline(never)]
    fn load_without_a_lock(&self) -> Result<T> {
        ops::to_value(&self.handle).and_then(T::from_value).at(&self.handle)
    }

    /// Assigns all fields, at once for all readers, wholly or not at all.
    ///
    /// It costs more than changing what a guard lends: each field is looked up and logged, and text, arrays and lists get new memory. For
    /// six numbers and an array of seven, it took 0.7 μs; `with_mut(|mut fields| fields.set(&value))`, which copies in place
    /// without a log, took 0.025 μs, and the same in a [`transaction`](Binding::transaction) 0.3 μs (x86-64).
    ///
    /// # Errors
    ///
    /// As [`Binding::write`], and [`ErrorKind::OutOfSpace`]. Nothing is changed then.
    ///
    /// ```
    /// use structstore::StructStore;
    ///
    /// #[derive(StructStore)]
    /// struct Limits {
    ///     low: f64,
    ///     #[structstore(default = 1.0)]
    ///     high: f64,
    /// }
    ///
    /// let limits = StructStore::new().bind::<Limits>()?;
    /// limits.replace(&Limits { low: -1.0, high: 3.0 })?;
    /// assert_eq!(limits.load()?.high, 3.0);
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn replace(&self, value: &T) -> Result<()> {
        let value = value.field_value().at(&self.handle)?;
        let Value::Struct(fields) = &value else {
            return Err(wrong_kind(value.kind(), Kind::Struct.name()));
        };
        let index = self.handle.id().index;
        let replaced = self.handle.change(Mode::Tree, |operation, _| {
            edit::assign_fields(
                operation,
                index,
                fields.iter().map(|(name, value)| (Key::new(name), value)),
            )?;
            if !T::LIMITED {
                return Ok(());
            }
            let raw = Raw::node(Kind::Struct, self.handle.id());
            let slot = Slot { tag: AtomicU64::new(raw.tag), payload: AtomicU64::new(raw.payload) };
            declare_part::<T>(operation, SlotRef { slot: &slot, parent: None })
        });
        replaced.at(&self.handle)
    }

    /// Assigns all fields their defaults.
    ///
    /// # Errors
    ///
    /// As [`Binding::replace`].
    pub fn reset(&self) -> Result<()> {
        self.replace(&T::initial())
    }

    /// Whether the struct is still there. Once it was removed, or the store was re-initialised, each access to it fails
    /// with [`ErrorKind::StaleHandle`], until [`Binding::rebind`].
    pub fn valid(&self) -> bool {
        let identity = self.handle.node().head.identity.load(Ordering::Acquire);
        generation(identity) == self.handle.id().generation
    }

    /// Binds again to the struct that is now at the same place, creating missing fields.
    ///
    /// Where the name of a shared store leads to another segment by now, revalidate the store and bind through it instead.
    ///
    /// # Errors
    ///
    /// As [`Struct::bind`]; [`ErrorKind::StaleHandle`] if it was an item of a list, which cannot be found again.
    ///
    /// ```
    /// use structstore::{ErrorKind, StructStore};
    ///
    /// #[derive(StructStore)]
    /// struct Camera {
    ///     #[structstore(default = 0.01)]
    ///     exposure: f64,
    /// }
    ///
    /// let store = StructStore::new();
    /// let mut camera = store.ensure_struct("camera")?.bind::<Camera>()?;
    /// camera.with_mut(|camera| *camera.exposure = 0.02)?;
    /// store.delete_forced("camera")?;
    /// assert!(matches!(camera.load(), Err(error) if error.kind() == ErrorKind::StaleHandle));
    /// camera.rebind()?;
    /// assert_eq!(camera.load()?.exposure, 0.01);
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn rebind(&mut self) -> Result<()>
    where
        T: Fields,
    {
        if self.valid() {
            return Ok(());
        }
        let route = self.route.as_ref().ok_or_else(Error::stale).at(&self.handle)?;
        let root = self.handle.store().root()?;
        let mut target = Struct::from_handle(Handle::root(Arc::clone(self.handle.store()), root)?);
        for name in route {
            target = target.ensure_struct(&**name)?;
        }
        *self = target.bind()?;
        Ok(())
    }

    /// Runs a closure on the fields as a transaction: if it returns an error or panics, or if the process dies, what it has
    /// changed is undone. Elements of a [`Vec`] of numbers or an [`NdArray`](crate::typed::NdArray) that are changed in place are
    /// not covered; see [`Struct::transaction`].
    ///
    /// # Errors
    ///
    /// What the closure returns, and as [`Binding::write`].
    ///
    /// ```
    /// use structstore::{Error, ErrorKind, StructStore};
    ///
    /// #[derive(StructStore)]
    /// struct Accounts {
    ///     from: i64,
    ///     to: i64,
    /// }
    ///
    /// let accounts = StructStore::new().bind::<Accounts>()?;
    /// let failed = accounts.transaction(|accounts| {
    ///     *accounts.to += 5;
    ///     *accounts.from -= 5;
    ///     if *accounts.from < 0 { Err(Error::rejected("no credit")) } else { Ok(()) }
    /// });
    /// assert!(failed.is_err());
    /// assert_eq!(accounts.load()?.to, 0);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn transaction<R, E: From<Error>>(
        &self,
        change: impl FnOnce(T::Mut<'_>) -> Result<R, E>,
    ) -> Result<R, E> {
        Struct::from_handle(self.handle.clone()).transaction(|held| change(held.fields_of(self)?))
    }

    /// Fails unless the bound struct is one that is held, or lies below it.
    fn expect_within(&self, arena: &Arc<Arena>, held: NodeId) -> Result<()> {
        let own = self.handle.id();
        if !Arc::ptr_eq(arena, self.handle.arena()) || !lies_within(arena, own.index, held.index)? {
            return Err(Error::invalid(
                "binding",
                format!("a binding of {}", node::path_of(self.handle.arena(), own).shown()),
                format!("a binding of {} or of a part of it", node::path_of(arena, held).shown()),
            ));
        }
        match self.valid() {
            true => Ok(()),
            false => Err(Error::stale()).at(&self.handle),
        }
    }
}

impl<T: Fields> fmt::Debug for Binding<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Binding<{}>({})", type_name::<T>(), self.handle.path().shown())
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
    /// The fields of a binding of this struct or of one below it, through this guard: also in a transaction, and beside
    /// fields that the binding does not know.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidArgument`] for a binding of something else, and as [`Binding::write`].
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
    /// [`ErrorKind::InvalidArgument`] for a binding of something else; [`ErrorKind::Leased`] if views of an array among the fields
    /// exist, through which it may change at any time.
    pub fn fields_of<T: Field>(&self, binding: &Binding<T>) -> Result<T::Ref<'_>> {
        let access = &self.locked;
        binding.expect_within(access.arena(), access.id())?;
        let lender = Lender { store: access.store() };
        T::check(&binding.place, lender, false).at(&binding.handle)?;
        // SAFETY: checked, and held for as long as self.
        Ok(unsafe { T::lend(&binding.place, lender) })
    }
}

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
/// // This thread has it: only the guard may operate on it.
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
    /// Whether a process died that held this exclusively; see [`StructRef::recovered`](crate::guard::StructRef::recovered).
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
    not_send: PhantomData<*mut ()>,
}

impl<T: Field> BindingRef<'_, T> {
    /// The fields, as references into the store, for as long as the guard is borrowed.
    #[inline]
    pub fn fields(&self) -> T::Ref<'_> {
        // SAFETY: checked when the lock was taken, which lasts for as long as self.
        unsafe { T::lend(&self.binding.place, self.binding.lender()) }
    }
}

impl<T: Field> BindingRef<'_, T> {
    /// Whether a process died that held this exclusively; see [`StructRef::recovered`](crate::guard::StructRef::recovered).
    pub fn recovered(&self) -> bool {
        self.held.recovered()
    }
}

impl<T: Field> Within<'_, Binding<T>> {
    /// As [`Binding::write`].
    ///
    /// # Errors
    ///
    /// In addition, [`ErrorKind::LockTimeout`].
    pub fn write(&self) -> Result<BindingMut<'_, T>> {
        self.of.exclusive(&self.wait())
    }

    /// As [`Binding::read`].
    ///
    /// # Errors
    ///
    /// In addition, [`ErrorKind::LockTimeout`].
    pub fn read(&self) -> Result<BindingRef<'_, T>> {
        self.of.shared(&self.wait())
    }

    /// As [`Binding::with_mut`].
    ///
    /// # Errors
    ///
    /// In addition, [`ErrorKind::LockTimeout`].
    ///
    /// ```
    /// use std::time::Duration;
    /// use structstore::{ErrorKind, StructStore};
    ///
    /// #[derive(StructStore)]
    /// struct Limits {
    ///     high: f64,
    /// }
    ///
    /// let limits = StructStore::new().bind::<Limits>()?;
    /// // Now or never: what a loop does that must not wait.
    /// let now = limits.within(Duration::ZERO);
    /// match now.with_mut(|limits| *limits.high += 1.0) {
    ///     Err(error) if error.kind() == ErrorKind::LockTimeout => {} // in the next cycle, then
    ///     other => other?,
    /// }
    /// assert_eq!(now.load()?.high, 1.0);
    /// # Ok::<(), structstore::Error>(())
    /// ```
    #[inline]
    pub fn with_mut<O: Outcome>(&self, change: impl FnOnce(T::Mut<'_>) -> O) -> Result<O::Value> {
        change(self.write()?.fields_mut()).into_result()
    }

    /// As [`Binding::with`].
    ///
    /// # Errors
    ///
    /// In addition, [`ErrorKind::LockTimeout`].
    #[inline]
    pub fn with<R>(&self, read: impl FnOnce(T::Ref<'_>) -> R) -> Result<R> {
        Ok(read(self.read()?.fields()))
    }

    /// As [`Binding::load`].
    ///
    /// # Errors
    ///
    /// In addition, [`ErrorKind::LockTimeout`].
    pub fn load(&self) -> Result<T> {
        let binding = self.of;
        let wait = self.wait();
        let own = binding.handle.own().at(&binding.handle)?;
        if T::SLOTS_ONLY && !own.exclusive {
            let now = || {
                binding.handle.read_now(|_, _| T::load(&binding.place, binding.lender())).at(&binding.handle)
            };
            let mut loaded = now()?;
            // Where there is no lock to be had.
            while loaded.is_none() && !binding.handle.arena().writable() {
                wait.check().at(&binding.handle)?;
                std::thread::yield_now();
                loaded = now()?;
            }
            if let Some(loaded) = loaded {
                return Ok(loaded);
            }
        }
        let held = binding.lock(Mode::Shared, &wait)?;
        let loaded = T::load(&binding.place, binding.lender());
        drop(held);
        loaded.at(&binding.handle)
    }

    /// As [`Binding::transaction`].
    ///
    /// # Errors
    ///
    /// In addition, [`ErrorKind::LockTimeout`].
    pub fn transaction<R, E: From<Error>>(
        &self,
        change: impl FnOnce(T::Mut<'_>) -> Result<R, E>,
    ) -> Result<R, E> {
        let handle = Struct::from_handle(self.of.handle.clone());
        handle.transact(&self.wait(), |held| change(held.fields_of(self.of)?))
    }
}
