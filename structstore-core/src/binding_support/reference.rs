//! Fields lent for good, as plain memory, for languages whose variables are that: `int& speed`.
//!
//! Invariant: while a reference exists, its field keeps its place and its type. The field is declared, neither optional nor limited; the struct is pinned
//! and the chunk that holds the field is leased by the store. So neither type nor limits change (`lent_to`, `pinned_by`), nothing but a forced removal takes
//! the struct away, and after one the memory is that of the references alone.

use super::{Declaration, Declaring, Parts, StructExt};
use crate::access::{Access, Handle, Located, Part};
use crate::arena::lease::{Lease, pin_of};
use crate::error::{Error, ErrorKind, Result};
use crate::handle::Struct;
use crate::key::Key;
use crate::lock::Mode;
use crate::node::meta::refuse_slot;
use crate::node::{Raw, structure};
use crate::value::{Kind, Meta, Scalar, Value, decode_scalar, wrong_kind};

/// Lends a field for as long as the store is open. It is declared first: created as 0, or converted if that keeps its value.
pub(crate) fn lend_for_good(part: &Struct, key: &Key<'_>, kind: Kind) -> Result<*mut u8> {
    let handle = &part.handle;
    let lent = || {
        if !handle.store().may_change() {
            return Err(handle.arena().refusal());
        }
        if handle.store().asks() {
            // What is written through the reference takes over an orphan.
            handle.store().ask()?;
        }
        if handle.in_transaction() {
            // It could undo the declaration.
            return Err(Error::new(ErrorKind::InTransaction));
        }
        let zero = Scalar::I64(0).to_kind(kind).or_else(|_| Scalar::Bool(false).to_kind(kind))?;
        if let Some(place) = lend_declared(handle, key, kind)? {
            return Ok(place);
        }
        let field = Declaration {
            name: key.name(),
            kinds: &[kind],
            optional: false,
            default: Some(Value::Scalar(zero)),
            fields: Vec::new(),
            parts: Parts::None,
            meta: Meta::new(),
        };
        part.declare_fields(&[field], Declaring::default())?;
        lend_declared(handle, key, kind)?.ok_or_else(Error::stale)
    };
    lent().at_part(handle, Part::Name(key.name()))
}

/// Lends a field that is declared already.
fn lend_declared(handle: &Handle, key: &Key<'_>, kind: Kind) -> Result<Option<*mut u8>> {
    // A lock, so that nobody removes the struct, nor changes what the field is, before it is pinned.
    let _held = handle.hold(Mode::Shared)?;
    let arena = handle.arena();
    let Some(found) = structure::find(arena, handle.node(), key)? else { return Ok(None) };
    let raw = Raw::load(&found.field.slot);
    match raw.declared_kind()? {
        None => return Ok(None),
        Some(declared) if declared != kind => return Err(wrong_kind(declared, kind.name())),
        Some(_) if raw.optional() => return Err(Error::wrong_type("a field that may be null", kind.name())),
        Some(_) => refuse_slot(arena, &found.field.slot)?,
    }
    decode_scalar(kind, raw.payload)?;
    let chunk = structure::chunk_with(arena, handle.node(), found.offset)?;
    let take = |entry| Lease::take(arena, entry, || Ok(true))?.ok_or_else(|| Error::new(ErrorKind::Deadlock));
    let leases = [take(pin_of(handle.id()))?, take(chunk)?];
    leases.iter().for_each(|lease| handle.store().keep(lease));
    Ok(Some(found.field.slot.payload.as_ptr().cast()))
}
