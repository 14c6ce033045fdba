//! How a struct is bound: by one operation, or for reading only.

use std::cell::Cell;

use crate::access::{Access, Handle, Located};
use crate::arena::layout::Slot;
use crate::bind::{Binder, Created, Field, Schema, SlotRef, evolve};
use crate::error::{Error, ErrorKind, Result};
use crate::handle::Pin;
use crate::lock::{Mode, Wait};
use crate::node::Raw;
use crate::sync::AtomicU64;
use crate::value::{Kind, Value};

/// What binding a struct has found and made.
pub(super) struct Bound<T: Field> {
    pub(super) place: T::Place,
    pub(super) pin: Pin,
    pub(super) created: Vec<Created>,
}

/// Why a struct was not bound.
pub(super) enum Unbound {
    /// It is of an older version of the type.
    Older,
    Error(Error),
}

impl Unbound {
    pub(super) fn into_error(self) -> Error {
        match self {
            Unbound::Older => Error::new(ErrorKind::OtherVersion),
            Unbound::Error(error) => error,
        }
    }
}

impl<T: Field> Bound<T> {
    /// In one operation; in a second one, if something that is there lacks fields.
    pub(super) fn of(
        access: &impl Access,
        handle: &Handle,
        defaults: &Value<'_>,
        widen: bool,
    ) -> Result<Bound<T>, Unbound> {
        let slot = slot_of(handle);
        let slot = SlotRef { slot: &slot, parent: None };
        let (incomplete, older) = (Cell::new(false), Cell::new(false));
        let bind = |schema: Option<&Schema>| {
            access.change(Mode::Tree, |operation, node| {
                if let Some(own) = &T::VERSION {
                    older.set(evolve::is_older(operation, node, own, T::MIGRATES)?);
                    if older.get() {
                        return Err(Error::new(ErrorKind::OtherVersion));
                    }
                }
                let created = match schema {
                    Some(schema) => evolve::complete(operation, slot.slot, schema)?,
                    None => Vec::new(),
                };
                let binder = Binder::new(operation, defaults, widen);
                let binder = binder.noticing(schema.is_none().then_some(&incomplete));
                let place = binder.resolve_slot::<T>(slot)?;
                match incomplete.get() && schema.is_none() {
                    true => Err(Error::new(ErrorKind::NotFound)),
                    false => Ok(Bound { place, pin: Pin::if_there_is_room(handle)?, created }),
                }
            })
        };
        let bound = match bind(None) {
            Err(_) if incomplete.get() => bind(Some(&T::schema())),
            bound => bound,
        };
        bound.map_err(|error| if older.get() { Unbound::Older } else { Unbound::Error(error) })
    }

    /// Without changing anything.
    pub(super) fn reading(handle: &Handle) -> Result<Bound<T>> {
        let slot = slot_of(handle);
        let slot = SlotRef { slot: &slot, parent: None };
        // Whole, where a lock is to be had.
        let _held = match handle.arena().writable() {
            true => Some(handle.lock(Mode::Shared, &Wait::FOREVER).at(handle)?),
            false => None,
        };
        let place = handle.read(|arena, node| {
            T::VERSION.iter().try_for_each(|own| evolve::refuse_other_version(arena, node, own))?;
            Binder::reading(arena).resolve_slot::<T>(slot)
        });
        Ok(Bound { place: place?, pin: Pin::if_there_is_room(handle)?, created: Vec::new() })
    }
}

/// A slot that names the struct of a handle.
pub(super) fn slot_of(handle: &Handle) -> Slot {
    let raw = Raw::node(Kind::Struct, handle.id());
    Slot { tag: AtomicU64::new(raw.tag), payload: AtomicU64::new(raw.payload) }
}
