//! Stores on other machines: parts of a store, mirrored through [Zenoh](https://zenoh.io).
//!
//! A [`Mirror`] runs on each machine. One *owns* a part of a store and sends what changes there; others *follow* it, and have a live store like
//! any other. Each batch of changes is as of one moment, and is applied in one transaction. What is lost on the way is noticed by numbers, and the state
//! is asked for again. There is one owner of a part, always: a change that is made where it is followed becomes a request to the owner, or is put
//! back.
//!
//! The owner's side attaches as an observer. It never waits for the network, nor keeps a writer waiting: what finds no room on the way is dropped.
//!
//! - Arrays of more than 64 KiB, and the samples of streams, travel on their own with lower priority: each is whole, but may be older than the rest.
//! - Limits, units and descriptions of fields come along. Streams arrive as streams, with lost samples counted.
//! - Writes in between are not seen: what changes several times between two looks is sent once.
//!
//! # Security
//!
//! Whoever reads what is mirrored, or takes part, has a certificate that the same authority has signed: both sides check the other's
//! ([`Network::certificates`]; [`keygen`] makes them). [`Network::allow`] names those who may. TCP without encryption is refused unless it is
//! allowed ([`Network::insecure`]). Nothing is announced, and nobody is looked for: there are only the endpoints that are given.
//!
//! A peer that takes part can fill the part that it owns with anything, and ask for changes where the owner allows any. It can say nothing
//! of other fields: what a message names beyond the part is ignored. Messages are bounded in size (256 MiB), checked as a whole before they are used,
//! and what cannot be read is a remark. A peer that claims to own a part shows up as another owner, and the younger one ends with
//! [`Error::Owned`]; an authority that signs only what it knows keeps others out.

#![deny(missing_docs)]

mod error;
mod follower;
mod key;
mod keygen;
mod message;
mod mirror;
mod network;
mod owner;
mod parts;
mod plain;
mod status;

pub use error::{Error, Result};
pub use keygen::keygen;
pub use mirror::{Mirror, Options};
pub use network::Network;
pub use status::{Part, Status};
