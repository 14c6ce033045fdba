//! Stores on other machines: parts of a store, mirrored through [Zenoh](https://zenoh.io).
//!
//! A [`Mirror`] runs on each machine. One of them *owns* a part of a store and publishes its changes; the others *follow* it and hold a live copy in a
//! store of their own. Each batch of changes is a consistent snapshot, and a follower applies it in one transaction. Batches are numbered: a follower that
//! misses one requests the whole state. A part always has exactly one owner: a follower turns a local change into a request to the owner, or
//! reverts it.
//!
//! The owner's side attaches as an observer. It never waits for the network and never makes a writer wait: messages that do not fit are dropped.
//!
//! - Arrays larger than 64 KiB and samples of streams are sent separately, at a lower priority. Each arrives whole, but may lag behind the other fields.
//! - Limits, units and descriptions of fields are mirrored. Streams arrive as streams; lost samples are counted.
//! - The owner samples the state: a field that changes several times between two samples is sent once.
//!
//! # Security
//!
//! Both sides authenticate with TLS certificates that the same authority has signed ([`Network::certificates`]; [`keygen`] creates them).
//! [`Network::allow`] restricts access to certificates by name. Plain TCP is refused unless [`Network::insecure`] allows it. Discovery is off: a mirror
//! uses only the endpoints it is given.
//!
//! An authenticated peer can fill the parts that it owns with any value, and can request changes of parts whose owner accepts them. It cannot touch
//! other fields: a follower ignores paths outside the part. Messages are limited to 256 MiB and are verified completely before use; a message that cannot
//! be read is logged and dropped. If two processes claim a part, the younger one ends with [`Error::Owned`].

#![deny(missing_docs)]

mod apply;
mod compare;
mod error;
mod followed;
mod follower;
#[cfg(test)]
mod hostile;
mod key;
mod keygen;
mod message;
mod mirror;
mod network;
mod owner;
mod parts;
mod plain;
mod question;
mod status;

pub use error::{Error, Result};
pub use keygen::keygen;
pub use mirror::{Mirror, Options};
pub use network::Network;
pub use status::{Part, Status};
