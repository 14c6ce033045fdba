//! What language bindings use: Python's are built on it, and others can be.
//!
//! Other languages have no borrow checker and no scopes that end locks, find out types when they run, and make objects of their
//! own of what is in a store. So here are locks and transactions as values, slots before they become Rust types, trees as
//! events, fields declared at run time, and stores whose locks are reentrant. It is part of the public interface, but may change
//! in any release.

mod declare;
mod lock;
mod reference;
mod slot;
mod thread;

pub use declare::{Declaration, Declaring, Parts};
pub use lock::{Lock, Transaction};
pub use thread::Thread;

#[cfg(feature = "crash-points")]
pub use crate::crash::{arm, disarm, stores};
pub use crate::error::{escaped, is_unprintable, line, printable, quoted};
pub use crate::for_each_number;
pub use crate::life::end_process;
pub use crate::lock::{WaitHooks, limit_waits, waiting_at_most, without_hooks};
pub use crate::ops::Slot;
pub use crate::value::{
    Event, Snapshot, SnapshotReader, Whole, elements, from_document, hex, iso, not_finite, not_numbers,
    to_document, unhex,
};

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::access::{Access, Handle, Located, Part};
use crate::bind::Created;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::{Error, Path, Result, Step};
use crate::handle::StructMut;
use crate::handle::{self, Array, ArrayView, List, Struct};
use crate::key::Key;
use crate::lock::{Ancestors, Mode};
use crate::node::meta::limits_of;
use crate::node::{self, Raw, list, structure};
use crate::ops::{self, lists, paths, structs};
use crate::segment::{Access as SegmentAccess, Backing, Place};
use crate::shared::{Options, StructStoreShared};
use crate::store::StructStore;
use crate::value::{DType, Extras, Kind, TypeVersion, Value, decode_whole};

/// An empty local store whose locks are reentrant: an operation under this thread's own lock goes ahead.
///
/// # Safety
///
/// No guard and no binding is taken through it: what they lend as `&mut` or `&` could be changed, or lent once more, by the very
/// thread that has it.
///
/// # Errors
///
/// As [`StructStore::try_new`].
pub unsafe fn reentrant_store() -> Result<StructStore> {
    StructStore::with(true)
}

/// A key of bytes whose hash was computed elsewhere, by the function that [`hash`] is; 0 has it computed here. With another hash, a field is not found, or is
/// created where nobody else finds it; debug builds refuse it.
///
/// # Errors
///
/// [`ErrorKind::InvalidArgument`], also for bytes that are no UTF-8.
#[inline]
pub fn hashed_key(name: &[u8], hash: u64) -> Result<Key<'_>> {
    Key::of_bytes(name, hash)
}

/// A duration as the tools take it: a number of seconds, or another one with its unit: 90, 500ms, 60s, 5min, 1h.
///
/// # Errors
///
/// What is wrong with the text.
///
/// ```
/// use structstore::binding_support::parse_duration;
///
/// assert_eq!(parse_duration("1.5min").unwrap().as_secs(), 90);
/// assert_eq!(parse_duration("5 apples").unwrap_err(), "found the unit \" apples\", expected ms, s, min or h");
/// ```
pub fn parse_duration(text: &str) -> std::result::Result<Duration, String> {
    let number = text.trim_end_matches(|character: char| !character.is_ascii_digit());
    let unit = match text.strip_prefix(number).unwrap_or_default() {
        "" | "s" => 1.0,
        "ms" => 1e-3,
        "min" => 60.0,
        "h" => 3600.0,
        other => return Err(format!("found the unit {other:?}, expected ms, s, min or h")),
    };
    let seconds: f64 = number.parse().map_err(|_| "expected a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds * unit).map_err(|error| error.to_string())
}

/// The kind with this code, as segments have it.
pub fn kind_of_code(code: u8) -> Option<Kind> {
    Kind::of(code)
}

/// The hash of a name: rapidhash v3, as its reference implementation has it for a seed of 0.
pub fn hash(name: &[u8]) -> u64 {
    rapidhash::v3::rapidhash_v3(name)
}

/// Does something with the struct that names lead to, which is made if it is missing, and so are those on the way.
///
/// # Errors
///
/// [`ErrorKind::WrongType`] if something else is on the way, and those of `act`.
pub fn within<E: From<Error>>(
    part: &mut StructMut<'_>,
    steps: &[Step],
    act: &mut dyn FnMut(&mut StructMut<'_>) -> Result<(), E>,
) -> Result<(), E> {
    match steps.split_first() {
        Some((Step::Name(name), rest)) => within(&mut part.ensure_struct(&**name)?, rest, act),
        Some((Step::Index(_), _)) => Err(Error::wrong_type("list", "struct").into()),
        None => act(part),
    }
}

/// What bindings ask of [`Options`].
pub trait OptionsExt {
    /// Makes locks reentrant: an operation under this thread's own lock goes ahead.
    ///
    /// # Safety
    ///
    /// As [`reentrant_store`], for what is opened so.
    unsafe fn reentrant(self) -> Options;

    /// For a tool that passes by: an orphan that it changes stays one.
    fn passing(self) -> Options;

    /// For a tool that begins anew: replaces what is in an orphan, and refuses any other store that exists, with
    /// [`ErrorKind::InUse`].
    fn replacing_orphans(self) -> Options;
}

impl OptionsExt for Options {
    unsafe fn reentrant(mut self) -> Options {
        self.reentrant = true;
        self
    }

    fn passing(mut self) -> Options {
        self.passing = true;
        self
    }

    fn replacing_orphans(self) -> Options {
        let mut options = self.reinit(true);
        options.only_orphans = true;
        options
    }
}

/// What bindings ask of shared stores.
pub trait SharedExt {
    /// Closes the store and leaves its name alone: for those who revalidate by opening once more.
    fn abandon(self);
}

impl SharedExt for StructStoreShared {
    fn abandon(self) {
        StructStoreShared::abandon(self);
    }
}

/// What bindings ask of handles to structs, lists and arrays.
pub trait HandleExt: Sized {
    /// Takes a lock for this thread. `None` waits without bound.
    ///
    /// # Errors
    ///
    /// As [`Struct::write`]; [`ErrorKind::LockTimeout`].
    fn lock_token(&self, exclusive: bool, timeout: Option<Duration>) -> Result<Lock>;

    /// Where another process would find it.
    fn origin(&self) -> Origin;

    /// Whether this thread is in a transaction, which undoes what it changes if it fails.
    fn in_transaction(&self) -> bool;

    /// Whether both handles name the same node, through the same mapping.
    fn is_same(&self, other: &Self) -> bool;

    /// What it lies in, to be compared with that of others.
    fn lineage(&self) -> Lineage;
}

macro_rules! handle_ext {
    ($($type:ident),*) => {$(
        impl HandleExt for $type {
            fn lock_token(&self, exclusive: bool, timeout: Option<Duration>) -> Result<Lock> {
                Lock::take(&self.handle, exclusive, timeout)
            }

            fn origin(&self) -> Origin {
                origin(&self.handle)
            }

            fn in_transaction(&self) -> bool {
                self.handle.in_transaction()
            }

            fn is_same(&self, other: &$type) -> bool {
                Arc::ptr_eq(self.handle.arena(), other.handle.arena()) && self.handle.id() == other.handle.id()
            }

            fn lineage(&self) -> Lineage {
                Lineage::of(&self.handle)
            }
        }
    )*};
}
handle_ext!(Struct, List, Array);

/// A node with all that it lies in, as that was at some moment.
pub struct Lineage {
    /// Which mapping it is of.
    arena: usize,
    /// The node, and what contains it, up to the root.
    nodes: Vec<u32>,
}

impl Lineage {
    fn of(handle: &Handle) -> Lineage {
        let arena = handle.arena();
        let above = Ancestors::new(&**arena, &handle.node().head).map_while(Result::ok).map(|(node, _)| node);
        let nodes = std::iter::once(handle.id().index).chain(above).collect();
        Lineage { arena: Arc::as_ptr(arena).addr(), nodes }
    }

    /// Whether one of both contains the other, so that a lock on one covers it.
    pub fn overlaps(&self, other: &Lineage) -> bool {
        let within = |inner: &Lineage, outer: &Lineage| {
            outer.nodes.first().is_some_and(|node| inner.nodes.contains(node))
        };
        self.arena == other.arena && (within(self, other) || within(other, self))
    }
}

/// What bindings ask of structs.
pub trait StructExt {
    /// Looks at a field, if there is one of that name.
    ///
    /// # Errors
    ///
    /// As [`Struct::find`].
    fn look<'a>(&'a self, key: &Key<'a>) -> Result<Option<Slot<'a>>>;

    /// Looks at what steps lead to: a field, an item, or an element of an array.
    ///
    /// # Errors
    ///
    /// As [`Struct::get_at`].
    fn look_at<'a>(&'a self, steps: &'a [Step]) -> Result<Slot<'a>>;

    /// Removes what a path leads to, also what is declared or in use.
    ///
    /// # Errors
    ///
    /// As [`Struct::delete_forced`] and [`Struct::remove_at`].
    fn delete_forced_at(&self, path: &str) -> Result<()>;

    /// Lends a field as plain memory of a number type, for as long as the store is open, also where the struct is removed meanwhile. The field is declared;
    /// it is created as 0, or converted if that keeps its value.
    ///
    /// Locks and transactions do not cover the memory. A program that writes to it takes an exclusive lock first if other programs use locks.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::WrongType`] for a field that is declared to be something else, or has limits; [`ErrorKind::InTransaction`] under a transaction of this
    /// thread; [`ErrorKind::ReadOnly`]; those of [`Struct::set`].
    fn lend_for_good(&self, key: &Key<'_>, kind: Kind) -> Result<*mut u8>;

    /// Whether the store was closed in this process. Its memory stays for as long as there are handles.
    fn is_closed(&self) -> bool;

    /// How many fields there are, without ever waiting.
    fn len_now(&self) -> u64;

    /// Merges a value into what these names lead to, in one operation: a struct into the struct that is there, field by field. Every other
    /// value replaces what is there, and so do structs what is no struct. Structs that are missing on the way are created.
    ///
    /// # Errors
    ///
    /// As [`Struct::set`].
    fn merge(&self, names: &[&str], value: &Value<'_>) -> Result<()>;

    /// Merges what is in a snapshot, as [`StructExt::merge`] does. Fields without metadata of their own get that of the snapshot, and structs
    /// that record no versions of types its versions.
    ///
    /// # Errors
    ///
    /// As [`Struct::restore`].
    fn merge_snapshot(&self, names: &[&str], snapshot: &[u8]) -> Result<()>;

    /// All that is there as of one moment. Less is copied and allocated for it than for an owned value.
    ///
    /// # Errors
    ///
    /// As [`Struct::to_value`].
    fn snapshot(&self) -> Result<Snapshot>;

    /// Declares the fields of a type: creates those that are missing, keeps the values of those that are there. In one operation: all or,
    /// after an error, nothing. Returns those that were created in what was there already.
    ///
    /// # Errors
    ///
    /// As [`Struct::bind`].
    fn declare_fields(&self, fields: &[Declaration<'_>], how: Declaring<'_>) -> Result<Vec<Created>>;

    /// The version of a type of this name that the struct records.
    ///
    /// # Errors
    ///
    /// As [`Struct::get`].
    fn version(&self, name: &str) -> Result<Option<TypeVersion>>;

    /// An array in the store's memory that is not in the store yet, to be filled.
    ///
    /// # Errors
    ///
    /// As [`Struct::fill`].
    fn prepare(&self, dtype: DType, shape: &[usize]) -> Result<ArrayView>;

    /// Assigns what was prepared, in the same store.
    ///
    /// # Errors
    ///
    /// As [`Filling::publish`](crate::typed::Filling::publish).
    fn publish(&self, key: &Key<'_>, view: &ArrayView) -> Result<()>;

    /// Begins a transaction, to be ended by this thread.
    ///
    /// # Errors
    ///
    /// As [`Struct::transaction`]; [`ErrorKind::LockTimeout`].
    fn begin(&self, timeout: Option<Duration>) -> Result<Transaction>;
}

impl StructExt for Struct {
    #[inline(always)]
    fn look<'a>(&'a self, key: &Key<'a>) -> Result<Option<Slot<'a>>> {
        let (handle, part) = (&self.handle, Part::Name(key.name()));
        let raw = handle.read(|arena, node| {
            Ok(structure::find(arena, node, key)?.map(|found| Raw::load(&found.field.slot)))
        });
        Ok(raw.at_part(handle, part)?.map(|raw| Slot::new(handle, raw, part)))
    }

    fn look_at<'a>(&'a self, steps: &'a [Step]) -> Result<Slot<'a>> {
        paths::look(&self.handle, steps)
    }

    fn delete_forced_at(&self, path: &str) -> Result<()> {
        let path: Path = path.parse()?;
        paths::delete_forced(&self.handle, path.steps())
    }

    fn lend_for_good(&self, key: &Key<'_>, kind: Kind) -> Result<*mut u8> {
        reference::lend_for_good(self, key, kind)
    }

    fn is_closed(&self) -> bool {
        self.handle.store().is_closed()
    }

    fn len_now(&self) -> u64 {
        structure::counted(self.handle.arena(), self.handle.node())
    }

    fn merge(&self, names: &[&str], value: &Value<'_>) -> Result<()> {
        let whole = names.iter().rev().fold(Whole::of(value), |whole, name| whole.under(name));
        structs::merge(&self.handle, &whole)
    }

    fn merge_snapshot(&self, names: &[&str], snapshot: &[u8]) -> Result<()> {
        let whole = names.iter().rev().fold(decode_whole(snapshot)?, |whole, name| whole.under(name));
        structs::merge(&self.handle, &whole)
    }

    fn snapshot(&self) -> Result<Snapshot> {
        Ok(ops::snapshot(&self.handle, Extras::default())?.snapshot())
    }

    fn declare_fields(&self, fields: &[Declaration<'_>], how: Declaring<'_>) -> Result<Vec<Created>> {
        let id = self.handle.id();
        let declared =
            self.handle.change(Mode::Tree, |operation, _| declare::declare_type(operation, id, fields, how));
        declared.at(&self.handle)
    }

    fn version(&self, name: &str) -> Result<Option<TypeVersion>> {
        let all = self.handle.read(node::versions).at(&self.handle)?;
        Ok(all.into_iter().find(|version| version.name == name))
    }

    fn prepare(&self, dtype: DType, shape: &[usize]) -> Result<ArrayView> {
        handle::unpublished(&self.handle, dtype, shape)
    }

    fn publish(&self, key: &Key<'_>, view: &ArrayView) -> Result<()> {
        structs::set(&self.handle, key, &handle::filled_value(view)?)?;
        if let Ok(Some(slot)) = self.look(key)
            && let Some(array) = slot.raw.id()
        {
            view.is_of(array);
        }
        Ok(())
    }

    fn begin(&self, timeout: Option<Duration>) -> Result<Transaction> {
        Transaction::begin(&self.handle, timeout)
    }
}

/// What bindings ask of lists.
pub trait ListExt {
    /// Looks at an item, if there is one at that index.
    ///
    /// # Errors
    ///
    /// As [`List::find`].
    fn look(&self, index: usize) -> Result<Option<Slot<'_>>>;

    /// Whether its items have limits.
    ///
    /// # Errors
    ///
    /// As [`List::get`].
    fn has_limits(&self) -> Result<bool>;

    /// All that is there as of one moment. Less is copied and allocated for it than for an owned value.
    ///
    /// # Errors
    ///
    /// As [`List::to_value`].
    fn snapshot(&self) -> Result<Snapshot>;

    /// An array in the store's memory that is not in the store yet, to be filled.
    ///
    /// # Errors
    ///
    /// As [`List::fill`].
    fn prepare(&self, dtype: DType, shape: &[usize]) -> Result<ArrayView>;

    /// Assigns what was prepared, in the same store, to an item, or appends it.
    ///
    /// # Errors
    ///
    /// As [`Filling::publish`](crate::typed::Filling::publish).
    fn publish(&self, index: Option<usize>, view: &ArrayView) -> Result<()>;

    /// Appends copies of the items until they are there `times` times.
    ///
    /// # Errors
    ///
    /// As [`List::extend`].
    fn repeat(&self, times: usize) -> Result<()>;

    /// Replaces the items at some indices, in one operation, or removes them where there are fewer values than indices.
    ///
    /// # Errors
    ///
    /// As [`List::set`].
    fn replace_at(&self, indices: &[usize], values: &[Value<'_>]) -> Result<()>;
}

impl ListExt for List {
    #[inline(always)]
    fn look(&self, index: usize) -> Result<Option<Slot<'_>>> {
        let (handle, part) = (&self.handle, Part::Index(index));
        let raw = handle.read(|arena, node| match index as u64 {
            index if index < list::len(node) => Ok(Some(Raw::load(list::slot(arena, node, index)?))),
            _ => Ok(None),
        });
        Ok(raw.at_part(handle, part)?.map(|raw| Slot::new(handle, raw, part)))
    }

    fn has_limits(&self) -> Result<bool> {
        let limits = |arena: &_, node: &_| {
            limits_of(arena, node).map(|limits| limits.is_some_and(|limits| limits.limits_parts()))
        };
        self.handle.read(limits).at(&self.handle)
    }

    fn snapshot(&self) -> Result<Snapshot> {
        Ok(ops::snapshot(&self.handle, Extras::default())?.snapshot())
    }

    fn prepare(&self, dtype: DType, shape: &[usize]) -> Result<ArrayView> {
        handle::unpublished(&self.handle, dtype, shape)
    }

    fn publish(&self, index: Option<usize>, view: &ArrayView) -> Result<()> {
        let value = handle::filled_value(view)?;
        let at = match index {
            Some(index) => lists::set(&self.handle, index, &value).map(|()| index)?,
            None => lists::push(&self.handle, &value)
                .and_then(|()| self.len())
                .map(|len| len.saturating_sub(1))?,
        };
        // Where another process has put or taken something meanwhile, it is of no array that the view could tell.
        if let Ok(Some(slot)) = self.look(at)
            && let Some(array) = slot.raw.id()
        {
            view.is_of(array);
        }
        Ok(())
    }

    fn repeat(&self, times: usize) -> Result<()> {
        lists::repeat(&self.handle, times)
    }

    fn replace_at(&self, indices: &[usize], values: &[Value<'_>]) -> Result<()> {
        lists::replace_at(&self.handle, indices, values)
    }
}

/// Where another process would find a part of a store.
pub enum Origin {
    /// Nowhere: it is this process's own.
    Local,
    /// Nowhere: its segment has no name, or it has none, as an item of a list.
    Nameless,
    /// In a segment.
    Shared {
        /// The name or path of the segment.
        path: PathBuf,
        /// Whether it is the path of a file.
        file: bool,
        /// Whether it is attached read-only.
        read_only: bool,
        /// Whether it is observed only.
        observe: bool,
        /// Whether it may belong to another user.
        any_owner: bool,
        /// The fields that lead to it.
        route: Vec<Box<str>>,
    },
}

fn origin(handle: &Handle) -> Origin {
    let arena = handle.arena();
    let Backing::File { place, access, any_owner, .. } = arena.segment().backing() else {
        return Origin::Local;
    };
    let (path, file) = match place {
        Place::Name(name) => (PathBuf::from(name), false),
        Place::Path(path) => (path.clone(), true),
        Place::Descriptor => return Origin::Nameless,
    };
    match node::route_of(arena, handle.id()) {
        Some(route) => {
            let (read_only, observe) = (*access != SegmentAccess::ReadWrite, handle.store().observes());
            Origin::Shared { path, file, read_only, observe, any_owner: *any_owner, route }
        }
        None => Origin::Nameless,
    }
}
