//! Local stores.

/// A new store in this process's own memory.
pub(crate) fn local() -> structstore::Result<structstore::StructStore> {
    // SAFETY: this package takes neither guards nor bindings.
    unsafe { structstore::binding_support::reentrant_store() }
}
