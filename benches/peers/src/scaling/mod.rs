//! How costs grow: with threads and processes, attached threads, fields, depth, size, and stores.

mod attached;
mod crowd;
mod depth;
mod fields;
mod sizes;
mod stores;

pub use attached::attached;
pub use crowd::crowd;
pub use depth::depth;
pub use fields::fields;
pub use sizes::sizes;
pub use stores::stores;
