//! Looking into stores: which there are, who is attached, what is locked, what takes up memory, and whether a store is sound.

mod holders;
mod locks;
mod orphans;
mod participants;
mod rest;
mod statistics;
mod tree;
mod usage;

pub use locks::{LockHolder, LockMode};
pub use orphans::orphans;
pub use participants::Participant;
pub use participants::stores;
pub use statistics::Statistics;
pub use usage::{FreeMemory, Usage};
