//! Structured object storage, dynamically typed, shared between processes.
//!
//! Numbers, strings, bytes, lists, nested structs and n-dimensional arrays live in memory that several processes map and
//! change in place: no server, no serialisation, no copies. A [`StructStore`](struct@StructStore) is local to a process; a
//! [`StructStoreShared`] is opened by a name that all processes know, in Rust and in Python.
//!
//! # The model
//!
//! ```text
//!   process A (Rust)         process B (Python)           process C (Rust, read-only)
//!   Binding<Settings>        NumPy array over a view      Struct, a handle
//!     |                                    |                |
//! ====|====================================|================|====  the segment "/robot"
//!     |   root struct                      |                |
//!     |     |-- "rate"  50                 |                |      a scalar, in its field
//!     |     |-- "camera"  struct <---------|----------------'      a node, with fields of its own
//!     |     |     |-- "exposure"  0.01     v
//!     |     |     `-- "frame"  array --> [ elements ]              a block, which the view keeps
//!     |     |-- "log"  list
//!     |     |     `-- [0]  str
//!     `---> `-- "settings"  struct                                 its fields are declared
//! ```
//!
//! - A *segment* is a piece of memory: shared by name, a file, a descriptor, or private to the process. It grows while it is in
//!   use, and nothing in it moves. It holds a tree of *nodes* (structs, lists, strings, bytes, arrays, streams) and scalars.
//! - A *handle* ([`Struct`], [`List`], [`Str`], [`Bytes`], [`Array`]) names a node. Each of its operations takes
//!   the locks that it needs and happens completely or not at all. If the node is removed, using the handle is an error.
//! - A *guard* ([`StructMut`](guard::StructMut), [`StructRef`](guard::StructRef) and so on; see [`guard`]) holds a node and everything
//!   below it until it is dropped: exclusively among all threads and processes, or together with other readers. Only a guard lends
//!   references into the store.
//! - A *binding* ([`Binding`]) is a Rust struct with `#[derive(StructStore)]` laid over a node. Its names are looked up and
//!   its types checked once; then its guards lend the fields as Rust types. See [`Field`](traits::Field) for their types.
//! - A *stream* ([`Stream`]) keeps the last samples of one type. Its publisher never waits for readers; see [`stream`].
//! - A *view* ([`ArrayView`]) keeps the elements of an array for as long as it lives, without a lock.
//!
//! # A local store
//!
//! ```
//! use structstore::{key, StructStore};
//!
//! let store = StructStore::new();
//! store.set("num", 5)?;
//! store.ensure_struct("camera")?.set(key!("exposure"), 0.01)?; // the name is hashed at compile time
//! store.ensure_list("log")?.push("started")?;
//! assert_eq!(store.at("camera")?.get::<f64>("exposure")?, 0.01);
//! assert_eq!(store.to_string(), r#"{"num": 5, "camera": {"exposure": 0.01}, "log": ["started"]}"#);
//! # Ok::<(), structstore::Error>(())
//! ```
//!
//! # A shared store
//!
//! ```
//! use structstore::StructStoreShared;
//!
//! # let name = format!("/structstore_crate_{}", std::process::id());
//! let store = StructStoreShared::open(&name)?; // creates or attaches; `name` is like "/robot"
//! store.ensure_struct("camera")?.set("exposure", 0.01)?;
//!
//! let mut camera = store.at("camera")?.write()?; // no other thread or process can read or change it now
//! *camera.get_mut::<f64>("exposure")? *= 2.0;
//! camera.set("gain", 1.5)?;
//! drop(camera);
//! # Ok::<(), structstore::Error>(())
//! ```
//!
//! # A bound struct
//!
//! ```
//! # #[cfg(feature = "derive")] {
//! use structstore::StructStore;
//!
//! #[derive(StructStore)]
//! struct Settings {
//!     #[structstore(default = 50.0)]
//!     rate: f64,
//!     gains: [f64; 3],
//! }
//!
//! let store = StructStore::new();
//! let settings = store.ensure_struct("settings")?.bind::<Settings>()?; // creates missing fields
//! let mut guard = settings.write()?;
//! let fields = guard.fields_mut(); // `rate` is a `&mut f64` inside the store
//! *fields.rate *= 2.0;
//! fields.gains[1] = 0.5;
//! drop(guard);
//! let copy: Settings = settings.load()?; // as of one moment
//! assert_eq!((copy.rate, copy.gains), (100.0, [0.0, 0.5, 0.0]));
//! # }
//! # Ok::<(), structstore::Error>(())
//! ```
//!
//! # More
//!
//! - [`cookbook`]: recipes, from sharing settings to recovery after a crash.
//! - [`safety`]: what other processes may do, what is guaranteed, and what is not.
//! - [`Error`] and [`ErrorKind`]: everything that can go wrong.
//!
//! # Features
//!
//! - `derive` (on by default): `#[derive(StructStore)]`.
//! - `serde`: values of any type that implements serde's traits ([`Struct`]'s `set_serde` and `get_serde`), and stores in JSON, YAML
//!   and all other formats of serde.
//! - `stream`: watches and followers of streams as `futures` streams, for asynchronous programs.
//! - `ndarray`: arrays of the `ndarray` crate as fields of bound structs, and views as such.
//!
//! Linux only, on x86-64 and aarch64.

#![deny(missing_docs)]
// Nothing that memory holds may make this panic.
#![cfg_attr(
    not(any(test, loom)),
    deny(
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::panic_in_result_fn,
        clippy::string_slice,
        clippy::unimplemented,
        clippy::unreachable,
        clippy::unwrap_used
    )
)]
#![cfg_attr(
    loom,
    expect(dead_code, unreachable_pub, unused_imports, reason = "under loom only the locks are built")
)]

mod error;
pub mod limits;
mod lock;
mod sync;

#[cfg(not(loom))]
mod access;
#[cfg(not(loom))]
mod arena;
#[cfg(not(loom))]
mod bind;
#[cfg(not(loom))]
pub mod binding_support;
#[cfg(all(feature = "stream", not(loom)))]
mod blocking;
#[cfg(not(loom))]
pub mod bytes;
#[cfg(not(loom))]
pub mod cookbook;
#[cfg(all(feature = "crash-points", not(loom)))]
mod crash;
#[cfg(not(loom))]
mod edit;
#[cfg(not(loom))]
mod handle;
#[cfg(not(loom))]
pub mod inspect;
#[cfg(not(loom))]
mod journal;
#[cfg(not(loom))]
mod key;
#[cfg(not(loom))]
mod life;
#[cfg(not(loom))]
mod node;
mod notice;
#[cfg(not(loom))]
mod ops;
mod ring;
#[cfg(not(loom))]
pub mod safety;
#[cfg(not(loom))]
mod segment;
#[cfg(all(feature = "serde", not(loom)))]
pub mod serial;
#[cfg(not(loom))]
mod shared;
#[cfg(not(loom))]
mod store;
#[cfg(not(loom))]
pub mod stream;
#[cfg(all(test, not(loom)))]
mod tests;
#[cfg(not(loom))]
mod value;
#[cfg(not(loom))]
pub mod watch;

pub use error::{Error, ErrorKind, Result};

/// Paths from the root of a store to its values.
pub mod path {
    pub use crate::error::{Path, Step, ToPath};
}

#[cfg(not(loom))]
pub use {
    bind::Binding,
    handle::{Array, ArrayView, Bytes, Item, List, Pin, Str, Struct},
    inspect::stores,
    key::Key,
    shared::{Cleanup, Options, StructStoreShared},
    store::StructStore,
    stream::Stream,
    value::{ArrayValue, DType, Kind, Meta, Scalar, StreamValue, Value},
    watch::Watch,
};

#[cfg(all(feature = "derive", not(loom)))]
pub use structstore_derive::StructStore;

/// Guards: locks on structures, and the references that they lend while they are held.
#[cfg(not(loom))]
pub mod guard {
    pub use crate::access::{Borrowed, Hold, Owned};
    pub use crate::bind::{BindingMut, BindingRef};
    pub use crate::handle::{
        ArrayMut, ArrayRef, BytesMut, BytesRef, ListMut, ListRef, StrMut, StrRef, StructMut, StructRef,
        Within,
    };
}

/// Types of the fields of bound structs, and the types that guards of bindings lend for them.
#[cfg(not(loom))]
pub mod typed {
    pub use crate::bind::{
        ByteBuf, Checked, CheckedArray, Choice, ChoiceMut, ChoiceRef, Created, FieldSchema, Limited, Live,
        NdArray, OptionMut, Schema, TypedArrayMut, TypedArrayRef, TypedListMut, TypedListRef, TypedMapMut,
        TypedMapRef,
    };
    pub use crate::handle::{ElementCell, Filling};
    pub use crate::value::{RecordField, TypeVersion};
}

/// Traits of types that can be stored, read and lent.
#[cfg(not(loom))]
pub mod traits {
    pub use crate::bind::{Elements, Field, Fields, Limit};
    pub use crate::handle::{CellElement, Lend, Outcome};
    pub use crate::ops::Get;
    pub use crate::stream::{Publish, Waiting};
    pub use crate::value::{Element, FixedArray, ScalarType, ToValue};
}

/// What the code uses that `#[derive(StructStore)]` generates. Not part of the API.
#[cfg(not(loom))]
#[doc(hidden)]
pub mod derive_support {
    pub use crate::bind::{
        AsList, Assignment, Binder, BoundNode, Choice, ChoiceMut, ChoicePlace, ChoiceRef, Field, Fields,
        Fieldwise, Lender, Limited, Live, Names, Packer, SampleType, Schema, SlotRef, Unpacker, misfits,
        named, packed_struct, rejected, struct_schema, struct_value, told,
    };
    pub use crate::error::Result;
    pub use crate::handle::StructMut;
    pub use crate::key::Key;
    pub use crate::value::{Kind, Meta, ToValue, TypeVersion, Value};
}

// For what `derive` generates in tests of this crate.
#[cfg(test)]
extern crate self as structstore;

/// The examples of the README compile.
#[cfg(all(doctest, feature = "derive", feature = "serde"))]
#[doc = include_str!("../../README.md")]
struct Readme;
