//! Handles, the long-lived references to nodes that the API gives out, and the guards taken through them.
//!
//! Facades: what their methods do is written in [`ops`](crate::ops), once for handles and guards.

mod arrays;
mod cell;
mod declare;
mod fill;
mod guard;
mod item;
mod leaves;
mod lend;
mod lists;
mod outcome;
mod pin;
pub(crate) mod stream;
mod structs;
mod transaction;
mod view;

pub use arrays::{Array, ArrayMut, ArrayRef};
pub use cell::{CellElement, ElementCell};
pub use fill::Filling;
pub(crate) use fill::value as filled_value;
pub use guard::Within;
pub use item::Item;
pub use leaves::{Bytes, BytesMut, BytesRef, Str, StrMut, StrRef};
pub use lend::Lend;
pub use lists::{List, ListMut, ListRef};
pub use outcome::Outcome;
pub use pin::Pin;
pub use structs::{Struct, StructMut, StructRef};
pub use view::ArrayView;
pub(crate) use view::{lease, unpublished};
