//! Strings and bytes: one block each, replaced whole.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::time::Duration;

use super::access::{Guard, Hold, Lent, at_most};
use super::{Access, Handle};
use crate::arena::Arena;
use crate::arena::layout::Node;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::{Error, Result};
use crate::lock::{Mode, Wait};
use crate::node::{self, BLOCK, LENGTH};
use crate::sync::Ordering;
use crate::value::Value;

/// The bytes of a node that is held, so that nobody changes them.
fn borrow(arena: &Arena, record: &Node) -> Result<(*const u8, usize)> {
    let length = record.body[LENGTH].load(Ordering::Relaxed);
    if length == 0 {
        return Ok((std::ptr::NonNull::dangling().as_ptr(), 0));
    }
    let start = arena.bytes(record.body[BLOCK].load(Ordering::Relaxed), length)?;
    Ok((start, length as usize))
}

macro_rules! leaf {
    (
        $kind:ident, $mut:ident, $ref:ident, $target:ty, $owned:ty, $name:literal, $as:ident,
        $read:path, $from:expr, $value:ident, $field:literal, $sample:literal
    ) => {
        #[doc = concat!("A handle to a ", $name, ".")]
        ///
        /// Each operation locks for itself.
        ///
        /// ```
        /// let store = structstore::StructStore::new();
        #[doc = concat!("let field = store.", $field, "(\"field\")?; // created empty")]
        #[doc = concat!("field.set(", $sample, ")?;")]
        #[doc = concat!("assert_eq!(field.get()?, ", $sample, ");")]
        /// # Ok::<(), structstore::Error>(())
        /// ```
        #[derive(Clone)]
        pub struct $kind {
            pub(super) handle: Handle,
        }

        impl $kind {
            pub(crate) fn from_handle(handle: Handle) -> $kind {
                $kind { handle }
            }

            /// A copy of the contents.
            ///
            /// # Errors
            ///
            /// [`ErrorKind::StaleHandle`] if it was removed.
            pub fn get(&self) -> Result<$owned> {
                self.handle.read($read).map_err(|error| self.handle.locate(error))
            }

            /// Replaces the contents.
            ///
            /// # Errors
            ///
            /// [`ErrorKind::StaleHandle`] if it was removed, [`ErrorKind::OutOfSpace`] if there is no room.
            pub fn set(&self, contents: &$target) -> Result<()> {
                self.handle
                    .change(Mode::Node, &Wait::FOREVER, |operation| {
                        let aside = node::build_block(operation, &Value::$value(Cow::Borrowed(contents)))?;
                        node::replace_block(operation, self.handle.record(), aside)
                    })
                    .map_err(|error| self.handle.locate(error))
            }

            /// How many bytes it has.
            ///
            /// # Errors
            ///
            /// [`ErrorKind::StaleHandle`] if it was removed.
            pub fn len(&self) -> Result<usize> {
                self.handle
                    .read(|arena, node| Ok(node::checked_length(arena, node)? as usize))
                    .map_err(|error| self.handle.locate(error))
            }

            /// Whether it is empty.
            ///
            /// # Errors
            ///
            /// As [`Self::len`].
            pub fn is_empty(&self) -> Result<bool> {
                Ok(self.len()? == 0)
            }

            /// Locks it for changing, for as long as the guard lives.
            ///
            /// # Errors
            ///
            /// [`ErrorKind::HeldByGuard`] or [`ErrorKind::Deadlock`] if this thread holds it already.
            pub fn write(&self) -> Result<$mut<'static, Guard>> {
                self.lock(None)
            }

            /// As [`Self::write`], for at most `timeout`.
            ///
            /// # Errors
            ///
            /// In addition, [`ErrorKind::LockTimeout`].
            pub fn write_timeout(&self, timeout: Duration) -> Result<$mut<'static, Guard>> {
                self.lock(Some(timeout))
            }

            fn lock(&self, timeout: Option<Duration>) -> Result<$mut<'static, Guard>> {
                Access::lock(&self.handle, Mode::Tree, &at_most(timeout)).map($mut::new)
            }
        }

        #[doc = concat!("A ", $name, " that is held exclusively.")]
        ///
        /// ```
        /// let store = structstore::StructStore::new();
        #[doc = concat!("let mut guard = store.", $field, "(\"field\")?.write()?;")]
        #[doc = concat!("guard.set(", $sample, ")?;")]
        #[doc = concat!("assert_eq!(guard.", stringify!($as), "()?, ", $sample, ");")]
        /// # Ok::<(), structstore::Error>(())
        /// ```
        pub struct $mut<'s, H = Lent<'s>> {
            pub(super) access: Access<'s, H>,
        }

        impl<'s, H: Hold> $mut<'s, H> {
            pub(crate) fn new(access: Access<'s, H>) -> $mut<'s, H> {
                $mut { access }
            }

            /// The contents.
            ///
            /// # Errors
            ///
            /// [`ErrorKind::Corrupt`] if the memory is damaged.
            pub fn $as(&self) -> Result<&$target> {
                let (start, length) = borrow(self.access.arena(), self.access.node())?;
                // SAFETY: in bounds (checked); while the node is held, only this guard changes the block, and that
                // takes `&mut self`.
                let bytes = unsafe { std::slice::from_raw_parts(start, length) };
                let from: fn(&[u8]) -> Result<&$target> = $from;
                from(bytes)
            }

            /// Replaces the contents.
            ///
            /// # Errors
            ///
            /// [`ErrorKind::OutOfSpace`] if there is no room.
            pub fn set(&mut self, contents: &$target) -> Result<()> {
                let record: *const Node = self.access.node();
                let set = self.access.operate(|operation| {
                    let aside = node::build_block(operation, &Value::$value(Cow::Borrowed(contents)))?;
                    // SAFETY: the record lies in the mapping that the access keeps.
                    node::replace_block(operation, unsafe { &*record }, aside)
                });
                set.map_err(|error| self.access.locate(error))
            }

            /// The same access for a shorter time, to pass on.
            pub fn reborrow(&mut self) -> $mut<'_> {
                $mut::new(self.access.reborrow())
            }
        }

        #[doc = concat!("A ", $name, " that is held for reading.")]
        ///
        /// ```
        /// let store = structstore::StructStore::new();
        #[doc = concat!("store.set(\"field\", ", $sample, ")?;")]
        /// let guard = store.read()?;
        #[doc = concat!("assert_eq!(guard.", $field, "(\"field\")?.", stringify!($as), "()?, ", $sample, ");")]
        /// # Ok::<(), structstore::Error>(())
        /// ```
        #[derive(Clone, Copy)]
        pub struct $ref<'s> {
            arena: &'s Arena,
            record: &'s Node,
            /// Locks belong to threads.
            not_send: PhantomData<*mut ()>,
        }

        impl<'s> $ref<'s> {
            pub(crate) fn new(arena: &'s Arena, record: &'s Node) -> $ref<'s> {
                $ref { arena, record, not_send: PhantomData }
            }

            /// What a guard above it lends.
            pub(crate) fn lent(access: Access<'s>) -> $ref<'s> {
                let (store, record) = access.into_parts();
                // SAFETY: from a checked reference into the mapping that the store keeps; records never move.
                $ref::new(&store.arena, unsafe { &*record })
            }

            /// The contents.
            ///
            /// # Errors
            ///
            /// [`ErrorKind::Corrupt`] if the memory is damaged.
            pub fn $as(self) -> Result<&'s $target> {
                let (start, length) = borrow(self.arena, self.record)?;
                // SAFETY: in bounds (checked); nobody changes the block while the node is held for `'s`.
                let bytes = unsafe { std::slice::from_raw_parts(start, length) };
                let from: fn(&[u8]) -> Result<&$target> = $from;
                from(bytes)
            }
        }
    };
}

leaf! {
    Str, StrMut, StrRef, str, String, "text", as_str, node::read_text_node,
    |bytes| std::str::from_utf8(bytes).map_err(|_| Error::corrupt("a text", "other bytes", "UTF-8")), Str,
    "text", "\"robot\""
}
leaf! {
    Bytes, BytesMut, BytesRef, [u8], Vec<u8>, "bytes field", as_bytes, node::read_bytes_node, |bytes| Ok(bytes), Bytes,
    "bytes", "b\"robot\""
}
