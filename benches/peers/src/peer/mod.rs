//! What StructStore is compared with, each behind as thin a wrapper as possible.

mod lmdb;
mod memory;
mod mutex;

pub use lmdb::Lmdb;
pub use memory::{Line, shared_memory, shared_words, unique};
pub use mutex::{RobustMutex, SharedRwLock};
