//! How processes come, fork, die and go: what they inherit, and what is repaired of the dead.
//!
//! [`Arena`](crate::arena::Arena) has its methods for this here, because they need the journal. The arena itself calls some:
//! to repair what somebody has left who died with the heap locked, and to join and leave.

mod attached;
mod fork;
mod heir;
mod participant;
mod process;
mod recovery;

pub use attached::end_process;
pub(crate) use attached::{ATTACHED, end_with_process, local, own_seat_elsewhere};
pub(crate) use fork::install;
