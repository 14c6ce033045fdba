//! Strings and bytes: one block each, replaced whole.

use std::ops::Deref;

use crate::access::{Borrowed, Handle, Hold, Located, Locked};
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::{Error, Result};
use crate::ops::leaves;
use crate::value::Value;

fn utf8(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|_| Error::corrupt("a string", "bytes that are not UTF-8", "UTF-8"))
}

macro_rules! leaf {
    (
        $kind:ident, $mut:ident, $ref:ident, $target:ty, $owned:ty, $name:literal, $ensure:literal, $sample:literal,
        $as:ident, $into:ident, $get:path, $from:expr
    ) => {
        #[doc = concat!("A handle to a ", $name, ".")]
        ///
        /// Each operation takes the lock that it needs.
        ///
        /// ```
        /// let store = structstore::StructStore::new();
        #[doc = concat!("let field = store.", $ensure, "(\"field\")?; // created empty")]
        #[doc = concat!("field.set(", $sample, ")?;")]
        #[doc = concat!("assert_eq!(field.get()?, ", $sample, ");")]
        /// # Ok::<(), structstore::Error>(())
        /// ```
        #[derive(Clone)]
        pub struct $kind {
            pub(crate) handle: Handle,
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
                $get(&self.handle)
            }

            /// Replaces the contents.
            ///
            /// # Errors
            ///
            /// [`ErrorKind::StaleHandle`] if it was removed, [`ErrorKind::OutOfSpace`] if there is no room.
            pub fn set(&self, contents: &$target) -> Result<()> {
                leaves::set(&self.handle, &Value::$kind(contents.into()))
            }

            /// The length in bytes.
            ///
            /// # Errors
            ///
            /// [`ErrorKind::StaleHandle`] if it was removed.
            pub fn len(&self) -> Result<usize> {
                leaves::len(&self.handle)
            }

            /// Whether it is empty.
            ///
            /// # Errors
            ///
            /// As [`Self::len`].
            pub fn is_empty(&self) -> Result<bool> {
                Ok(self.len()? == 0)
            }
        }

        #[doc = concat!("A ", $name, " that is held exclusively.")]
        ///
        /// ```
        /// let store = structstore::StructStore::new();
        #[doc = concat!("let mut guard = store.", $ensure, "(\"field\")?.write()?;")]
        #[doc = concat!("guard.set(", $sample, ")?;")]
        #[doc = concat!("assert_eq!(guard.", stringify!($as), "()?, ", $sample, ");")]
        /// # Ok::<(), structstore::Error>(())
        /// ```
        pub struct $mut<'s, H = Borrowed<'s>> {
            reading: $ref<'s, H>,
        }

        impl<'s, H> Deref for $mut<'s, H> {
            type Target = $ref<'s, H>;

            #[inline(always)]
            fn deref(&self) -> &$ref<'s, H> {
                &self.reading
            }
        }

        impl<'s, H: Hold> $mut<'s, H> {
            pub(crate) fn new(locked: Locked<'s, H>) -> $mut<'s, H> {
                $mut { reading: $ref { locked } }
            }

            /// Replaces the contents.
            ///
            /// # Errors
            ///
            /// [`ErrorKind::OutOfSpace`] if there is no room.
            pub fn set(&mut self, contents: &$target) -> Result<()> {
                leaves::set(&self.locked, &Value::$kind(contents.into()))
            }

            /// Reborrows the guard for a shorter time, to pass it on.
            pub fn reborrow(&mut self) -> $mut<'_> {
                $mut::new(self.locked.reborrow())
            }
        }

        #[doc = concat!("A ", $name, " that is held for reading.")]
        ///
        /// ```
        #[doc = concat!("use structstore::", stringify!($kind), ";")]
        ///
        /// let store = structstore::StructStore::new();
        #[doc = concat!("store.", $ensure, "(\"field\")?.set(", $sample, ")?;")]
        /// let guard = store.read()?;
        #[doc = concat!("let field = guard.get_ref::<", stringify!($kind), ">(\"field\")?;")]
        #[doc = concat!("assert_eq!(field.", stringify!($as), "()?, ", $sample, ");")]
        /// # Ok::<(), structstore::Error>(())
        /// ```
        pub struct $ref<'s, H = Borrowed<'s>> {
            pub(crate) locked: Locked<'s, H>,
        }

        impl<'s, H: Hold> $ref<'s, H> {
            pub(crate) fn new(locked: Locked<'s, H>) -> $ref<'s, H> {
                $ref { locked }
            }

            /// The contents, in place.
            ///
            /// # Errors
            ///
            /// [`ErrorKind::Corrupt`] if the memory is damaged.
            pub fn $as(&self) -> Result<&$target> {
                let from: fn(&[u8]) -> Result<&$target> = $from;
                leaves::bytes(&self.locked).and_then(from).at(&self.locked)
            }

            /// The length in bytes.
            ///
            /// # Errors
            ///
            /// [`ErrorKind::Corrupt`] if the memory is damaged.
            pub fn len(&self) -> Result<usize> {
                leaves::len(&self.locked)
            }

            /// Whether it is empty.
            ///
            /// # Errors
            ///
            /// As [`Self::len`].
            pub fn is_empty(&self) -> Result<bool> {
                Ok(self.len()? == 0)
            }

            /// A copy of the contents.
            ///
            /// # Errors
            ///
            /// [`ErrorKind::Corrupt`] if the memory is damaged.
            pub fn get(&self) -> Result<$owned> {
                $get(&self.locked)
            }
        }

        impl<'s> $ref<'s> {
            /// The contents, for as long as the guard above lends them.
            ///
            /// # Errors
            ///
            /// [`ErrorKind::Corrupt`] if the memory is damaged.
            pub fn $into(self) -> Result<&'s $target> {
                let (store, node) = self.locked.into_node();
                let from: fn(&[u8]) -> Result<&$target> = $from;
                leaves::bytes_of(&store.arena, node).and_then(from)
            }
        }
    };
}

leaf! {
    Str, StrMut, StrRef, str, String, "string", "ensure_str", "\"robot\"",
    as_str, into_str, leaves::get_str, utf8
}
leaf! {
    Bytes, BytesMut, BytesRef, [u8], Vec<u8>, "bytes field", "ensure_bytes", "b\"robot\"",
    as_bytes, into_bytes, leaves::get_bytes, |bytes| Ok(bytes)
}
