//! Structs: slots before they are Rust types, merging, and declaring at run time.

use std::time::Duration;

use super::{Declaration, Declaring, Transaction, declare, reference};
use crate::access::{Access, Located, Part};
use crate::bind::Created;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::{Result, Step, ToPath};
use crate::handle::{self, ArrayView, Struct};
use crate::key::Key;
use crate::lock::Mode;
use crate::node::{self, Raw, structure};
use crate::ops::{self, Slot, paths, structs};
use crate::value::{DType, Extras, Kind, Snapshot, TypeVersion, Value, Whole, decode_whole};

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
    fn delete_forced_at(&self, path: impl ToPath) -> Result<()>;

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

    fn delete_forced_at(&self, path: impl ToPath) -> Result<()> {
        paths::delete_forced(&self.handle, path.to_path()?.steps())
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
