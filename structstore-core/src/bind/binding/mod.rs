//! Bindings: the fields of Rust structs in a store.

mod bound;
mod guards;
mod within;

pub use guards::{BindingMut, BindingRef};

use std::any::type_name;
use std::fmt;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::time::Duration;

use super::binder::declare_part;
use super::{Assignment, Created, Field, Fields, Lender, SlotRef, evolve};
use crate::access::{Access, Handle, Located, Scope};
use crate::arena::Arena;
use crate::edit;
use crate::error::{Error, ErrorKind, Result};
use crate::handle::{Outcome, Pin, Struct, Within};
use crate::journal::{Operation, lies_within};
use crate::key::Key;
use crate::lock::{Mode, NodeId, Wait, generation};
use crate::node;
use crate::ops;
use crate::store::StructStore;
use crate::sync::Ordering;
use crate::value::{Kind, Value, wrong_kind};
use bound::{Bound, Unbound, slot_of};

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
    created: Vec<Created>,
    bound: PhantomData<fn() -> T>,
}

impl Struct {
    /// Binds a Rust struct's fields to this struct: creates missing fields with their defaults, keeps the values of existing
    /// fields, and declares all of them, in one operation. After an error, nothing has changed.
    ///
    /// It checks everything in the struct, including items of lists, entries of maps and optional values, and creates the fields that they
    /// lack ([`Binding::created`] lists them). One error reports everything that does not fit, with an error for each field
    /// ([`Error::errors`]).
    ///
    /// A store that was opened read-only or as an observer is bound for reading: nothing is created or declared, and a process that
    /// has bound the fields for changing must have declared them before. An observer that may write to the segment can use every
    /// operation that reads; through a read-only attachment, which takes no locks, [`Binding::load`] copies the struct as of one moment,
    /// and [`Struct::get_at`] reads parts of it, each as of its own moment.
    ///
    /// While the binding lives, the struct can be removed or replaced only by force (see [`Pin`]), unless the store is too full for a pin.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::WrongType`] if a field has another type than the struct's, or, for reading, is not declared; the error says
    /// what can be done about it. For reading, [`ErrorKind::NotFound`] if a field is missing.
    /// [`ErrorKind::OutsideLimits`] if a field holds a value outside of the limits that the struct declares for it, and
    /// [`ErrorKind::Bound`] if the struct declares limits for a number that another live binding lends without limits.
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
    /// // After an error, nothing has changed.
    /// let store = StructStore::new();
    /// store.set("high", "none")?;
    /// assert!(store.bind::<Limits>().is_err() && !store.contains("low")?);
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn bind<T: Fields>(&self) -> Result<Binding<T>> {
        self.bind_as(false)
    }

    /// As [`Struct::bind`], but converts fields of a narrower type than the struct's, if every value of the narrower type is a
    /// value of the wider one: `i32` to `i64` or `f64`, `f32` to `f64`, arrays of them, lists of numbers to arrays, `T` to
    /// `Option<T>`.
    ///
    /// Programs that have bound the field with its former type can still read it: [`Binding::load`] and read guards convert values that fit
    /// that type, and otherwise return an error that names the field and the value. Such programs can be restarted. They assign by
    /// [`Binding::replace`] and [`Struct::set`]; a write guard, which lends the field as plain memory, is an error for them.
    ///
    /// An array with `#[structstore(growable)]` may be longer than the one in the store; the added elements come from the default. Programs
    /// with the shorter array read its start.
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

    fn bind_as<T: Field>(&self, widen: bool) -> Result<Binding<T>> {
        let handle = &self.handle;
        let bound = if handle.store().may_change() {
            let initial = T::initial();
            let defaults = initial.field_value()?;
            match Bound::<T>::of(handle, handle, &defaults, widen) {
                Err(Unbound::Older) => self.transact(&Wait::FOREVER, |held| {
                    evolve::migrate::<T>(held)?;
                    Bound::<T>::of(&held.locked, handle, &defaults, widen).map_err(Unbound::into_error)
                }),
                bound => bound.map_err(Unbound::into_error),
            }
        } else {
            Bound::reading(handle)
        };
        let Bound { place, pin, created } = bound.at(handle)?;
        let route = node::route_of(handle.arena(), handle.id());
        Ok(Binding { _pin: pin, handle: handle.clone(), place, route, created, bound: PhantomData })
    }
}

/// An error of a write guard, whose field another program may have changed since it was bound.
#[cold]
fn not_plain(error: Error) -> Error {
    match (error.kind(), error.expected()) {
        (ErrorKind::WrongType, Some(expected)) if error.errors().count() == 1 => {
            let advice = "as it was when it was bound; `load`, `replace` and `set` convert numbers that fit";
            let expected = format!("{expected}, {advice}");
            error.expecting(expected)
        }
        _ => error,
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

    /// The fields that binding created in existing structures: in the struct itself, unless it was empty, in structs within it, items of
    /// lists, entries of maps and optional values.
    pub fn created(&self) -> &[Created] {
        &self.created
    }

    #[inline(always)]
    fn exclusive(&self, wait: &Wait) -> Result<BindingMut<'_, T>> {
        match self.guard(Mode::Tree, wait) {
            Ok(held) => Ok(BindingMut::new(self, held)),
            Err(error) => Err(not_plain(error)),
        }
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
    /// If views of an array among the fields exist, the array first gets a new block, because it could change through a view at
    /// any time.
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
            Ok(held) => Ok(BindingRef::new(self, held, None)),
            Err(error) => self.shared_otherwise(error, wait),
        }
    }

    /// Locks the struct for reading after that has failed.
    #[cold]
    fn shared_otherwise(&self, mut error: Error, wait: &Wait) -> Result<BindingRef<'_, T>> {
        loop {
            let (held, copy) = match self.prepare(error, wait)? {
                Some((held, copy)) => (Ok(held), Some(copy)),
                None => (self.guard(Mode::Shared, wait), None),
            };
            match held {
                Ok(held) => return Ok(BindingRef::new(self, held, copy)),
                Err(again) => error = again,
            }
        }
    }

    /// Does what can be done after a lock for reading has failed: takes arrays away from views, so that it can be tried again, or copies fields of
    /// which another program has changed the type.
    #[cold]
    #[inline(never)]
    fn prepare(&self, error: Error, wait: &Wait) -> Result<Option<(Scope<'_>, Box<Binding<T>>)>> {
        // An observer leaves the views what they have; it can `load`.
        if error.kind() == ErrorKind::Leased && self.handle.store().may_change() {
            // Checking exclusively takes the arrays away from their views.
            self.guard(Mode::Tree, wait)?.end_unchanged();
            wait.check()?;
            return Ok(None);
        }
        if !self.may_have_changed(&error) {
            return Err(error);
        }
        let held = self.lock(Mode::Shared, wait)?;
        let copy = self.read_changed()?;
        let binding = StructStore::try_new()?.bind_as::<T>(false)?;
        binding.replace(&copy)?;
        T::check(&binding.place, binding.lender(), false)?;
        Ok(Some((held, Box::new(binding))))
    }

    /// Whether an error may be there because another program has changed the type of a field.
    fn may_have_changed(&self, error: &Error) -> bool {
        self.valid() && (error.is_misfit() || error.kind() == ErrorKind::StaleHandle)
    }

    /// Reads the fields after that has failed, by what they are now, as far as their values are also ones of this type.
    #[cold]
    #[inline(never)]
    fn read_changed(&self) -> Result<T> {
        evolve::read(&self.handle)
    }

    /// Runs a closure on the fields, which are held exclusively meanwhile. The closure returns nothing or a [`Result`]; return a
    /// value as `Ok(value)`. Its changes remain even if it fails; a [`transaction`](Binding::transaction) undoes them.
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
    #[inline]
    pub fn with<R>(&self, read: impl FnOnce(T::Ref<'_>) -> R) -> Result<R> {
        match self.guard(Mode::Shared, &Wait::FOREVER) {
            Ok(held) => {
                // SAFETY: checked when the lock was taken, which lasts until `read` has returned.
                let returned = read(unsafe { T::lend(&self.place, self.lender()) });
                drop(held);
                Ok(returned)
            }
            Err(error) => self.with_otherwise(error, read),
        }
    }

    /// As [`Binding::with`], after the lock for reading has failed. Calls that for the fields to be lent, which then are as they have to be:
    /// lending them here as well would keep the compiler from doing it inline there.
    #[cold]
    #[inline(never)]
    fn with_otherwise<R>(&self, mut error: Error, read: impl FnOnce(T::Ref<'_>) -> R) -> Result<R> {
        loop {
            if let Some((_held, copy)) = self.prepare(error, &Wait::FOREVER)? {
                return copy.with(read);
            }
            match self.guard(Mode::Shared, &Wait::FOREVER) {
                // Nobody takes a view under this thread's lock.
                Ok(_held) => return self.with(read),
                Err(again) => error = again,
            }
        }
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
            return match self.handle.read_large(|| T::load(&self.place, self.lender())) {
                Err(error) => self.load_otherwise(error),
                loaded => loaded,
            };
        }
        let mut loaded = MaybeUninit::uninit();
        let done = self.lock(Mode::Shared, &Wait::FOREVER).and_then(|_held| {
            // SAFETY: it points to memory for a value of this type.
            unsafe { T::load_to(&self.place, self.lender(), loaded.as_mut_ptr()) }
        });
        match done {
            // SAFETY: `load_to` has succeeded.
            Ok(()) => Ok(unsafe { loaded.assume_init() }),
            Err(error) => self.load_otherwise(error),
        }
    }

    /// As [`Binding::load`], after that has failed: in a process without write permission, which takes no locks, or because another program has
    /// changed the type of a field.
    #[cold]
    #[inline(never)]
    fn load_otherwise(&self, error: Error) -> Result<T> {
        let error = match Err(error).at(&self.handle) {
            Ok(loaded) => return Ok(loaded),
            Err(error) => error,
        };
        if error.kind() == ErrorKind::ReadOnly {
            return match ops::to_value(&self.handle).and_then(T::from_value) {
                Err(error) if error.is_misfit() => self.read_changed(),
                loaded => loaded.at(&self.handle),
            };
        }
        match self.may_have_changed(&error) {
            true => self.read_changed(),
            false => Err(error),
        }
    }

    /// Assigns all fields, at once for all readers, completely or not at all.
    ///
    /// Ten numbers take about twice the time of a [`with_mut`](Binding::with_mut) that assigns them, because the old values are logged
    /// first. Arrays of more than 512 bytes and strings of more than 40 get new memory. A struct with `Option`, `Vec`, maps or dynamic
    /// parts among its fields is assigned by name, which is ten times slower.
    ///
    /// # Errors
    ///
    /// As [`Binding::write`], and [`ErrorKind::OutOfSpace`]. After an error, nothing has changed.
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
    #[inline]
    pub fn replace(&self, value: &T) -> Result<()> {
        if T::IN_PLACE {
            let put = |operation: &Operation<'_>| T::put(&self.place, &Assignment(operation), value);
            match self.handle.change(Mode::Tree, |operation, _| put(operation)) {
                Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::LockTimeout) => {
                    return Err(error).at(&self.handle);
                }
                // By name it is done otherwise, or the error says of which field it is.
                Err(_) => {}
                done => return done,
            }
        }
        self.replace_by_name(value)
    }

    /// As [`Binding::replace`], of fields of any type: each is looked up, and converted to what it is now.
    #[inline(never)]
    fn replace_by_name(&self, value: &T) -> Result<()> {
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
            declare_part::<T>(operation, SlotRef { slot: &slot_of(&self.handle), parent: None })
        });
        replaced.at(&self.handle)
    }

    /// Assigns their defaults to all fields.
    ///
    /// # Errors
    ///
    /// As [`Binding::replace`].
    pub fn reset(&self) -> Result<()> {
        self.replace(&T::initial())
    }

    /// Whether the struct still exists. After it was removed, or the store was re-initialised, each access fails with
    /// [`ErrorKind::StaleHandle`], until [`Binding::rebind`].
    pub fn valid(&self) -> bool {
        let identity = self.handle.node().head.identity.load(Ordering::Acquire);
        generation(identity) == self.handle.id().generation
    }

    /// Binds again to the struct that is now at the same path, creating missing fields.
    ///
    /// If the name of a shared store now leads to another segment, revalidate the store and bind through it instead.
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

    /// Runs a closure on the fields as a transaction: if it returns an error or panics, or if the process dies, its changes
    /// are undone. Elements of a [`Vec`] of numbers or an [`NdArray`](crate::typed::NdArray) that are changed in place are
    /// not covered; see [`Struct::transaction`].
    ///
    /// # Errors
    ///
    /// The error that the closure returns, and as [`Binding::write`].
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
