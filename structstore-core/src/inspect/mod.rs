//! Looking into stores from outside: which exist, which processes are attached, what is locked, what takes up memory.
//!
//! Of an open store, [`participants`](crate::StructStoreShared::participants), [`locks`](crate::Struct::locks),
//! [`usage`](crate::Struct::usage), [`free_memory`](crate::Struct::free_memory), [`statistics`](crate::Struct::statistics) and
//! [`check`](crate::Struct::check) tell more. Locks, statistics and free memory are those of the whole segment, which all local
//! stores of a process share.

mod check;
mod fields;
mod holders;
mod locks;
mod marks;
mod orphans;
mod participants;
mod rest;
mod schema;
mod statistics;
mod tree;
mod usage;

pub use locks::{LockHolder, LockMode};
pub use orphans::{orphans, remove_orphan};
pub use participants::format_version;
pub use participants::stores;
pub use participants::{Lifetime, Participant};
pub use statistics::Statistics;
pub use usage::{FreeMemory, Usage};
