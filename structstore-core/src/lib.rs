//! Structured object storage, dynamically typed, shared between processes.
//!
//! A store holds numbers, texts, bytes, lists, nested structs and n-dimensional arrays in an arena of memory.
//! Processes map the same arena at once and change it in place: no server, no serialisation, no copies. A
//! [`StructStore`](struct@StructStore) is local to a process; a [`StructStoreShared`] is opened by a name that all processes know.
//!
//! ```
//! use structstore::{key, StructStore};
//!
//! let store = StructStore::new();
//! store.set("num", 5)?;
//! store.nested("camera")?.set(key!("exposure"), 0.01)?;
//! store.list("log")?.push("started")?;
//! assert_eq!(store.to_string(), r#"{"num": 5, "camera": {"exposure": 0.01}, "log": ["started"]}"#);
//! # Ok::<(), structstore::Error>(())
//! ```

#![cfg_attr(
    loom,
    expect(dead_code, unreachable_pub, unused_imports, reason = "under loom only the locks are built")
)]

mod error;
mod lock;
mod sync;

#[cfg(not(loom))]
mod arena;
#[cfg(not(loom))]
mod bind;
#[cfg(not(loom))]
pub mod bytes;
#[cfg(all(feature = "crash-points", not(loom)))]
mod crash;
#[cfg(all(test, not(loom)))]
mod damage;
#[cfg(not(loom))]
mod fork;
#[cfg(not(loom))]
mod handle;
#[cfg(not(loom))]
mod journal;
#[cfg(not(loom))]
mod key;
#[cfg(not(loom))]
mod node;
#[cfg(not(loom))]
mod orphans;
#[cfg(not(loom))]
mod segment;
#[cfg(all(feature = "serde", not(loom)))]
mod serial;
#[cfg(not(loom))]
mod shared;
#[cfg(not(loom))]
mod store;
#[cfg(not(loom))]
mod value;
#[cfg(not(loom))]
mod view;

pub use error::{Error, Result};

#[cfg(not(loom))]
pub use {
    bind::{
        Binding, BindingMut, BindingRef, ByteBuf, Choice, ChoiceMut, Field, FieldSchema, Fields, NdArray,
        OptionMut, Schema, TypedArrayMut, TypedArrayRef, TypedListMut, TypedListRef, TypedMapMut,
        TypedMapRef,
    },
    handle::{
        Array, ArrayMut, ArrayRef, ArrayView, Bytes, BytesMut, BytesRef, Get, Guard, Hold, Item, Lent, List,
        ListMut, ListRef, Statistics, Struct, StructMut, StructRef, Text, TextMut, TextRef,
    },
    key::Key,
    shared::{Cleanup, Options, StructStoreShared},
    store::StructStore,
    value::{ArrayValue, DType, Element, FixedArray, Kind, Scalar, ScalarType, Value},
};

#[cfg(all(feature = "derive", not(loom)))]
pub use structstore_derive::StructStore;

#[cfg(all(feature = "serde", not(loom)))]
pub use serial::{as_array, from_value, to_value};

/// What generated code and language bindings use. Not part of the API.
#[cfg(not(loom))]
#[doc(hidden)]
pub mod private {
    pub use crate::bind::{
        AsList, Binder, BoundNode, ChoicePlace, Lender, Names, SlotRef, named, rejected, struct_schema,
        struct_value,
    };
    #[cfg(feature = "crash-points")]
    pub use crate::crash::{arm, disarm, stores};
    pub use crate::handle::{Lock, Origin, Transaction};
    pub use crate::lock::WaitHooks;
}

// For what `derive` generates in tests of this crate.
#[cfg(test)]
extern crate self as structstore;

/// The examples of the README compile.
#[cfg(all(doctest, feature = "derive", feature = "serde"))]
#[doc = include_str!("../../README.md")]
struct Readme;
