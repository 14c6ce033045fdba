//! Stores on other machines: parts of a store, mirrored through [Zenoh](https://zenoh.io).
//!
//! A [`Mirror`] runs on each machine. One of them *owns* a part of a store and publishes its changes; the others *follow* it and hold a
//! live copy in their own stores. Each batch of changes is a consistent snapshot, and a follower applies it in one transaction. Batches are
//! numbered: a follower that misses one requests the whole state. A part always has exactly one owner: a follower turns a local change into
//! a request to the owner, or reverts it.
//!
//! The owner's side attaches as an observer. It never waits for the network and never makes a writer wait: messages that do not fit are dropped.
//!
//! - Arrays larger than 64 KiB and samples of streams are sent separately, at a lower priority. Each arrives whole, but may lag behind the other fields.
//! - Limits, units and descriptions of fields are mirrored. Streams arrive as streams; lost samples are counted.
//! - The owner samples the state: a field that changes several times between two samples is sent once.
//!
//! # Fleets and slow links
//!
//! An owner sends each change once per follower that is connected to it, or once to a Zenoh router, which passes it on. Measured on two cores, with
//! three fields that change a thousand times a second and the default rate of 200 Hz: 50 followers take 12 % of a core of their owner when they are
//! connected to it, 2.6 % through a router; a follower receives 80 kB a second, and changes arrive after 1 to 4 ms. Use a router
//! from about ten followers on, and wherever followers reach the robot over a radio link: only one copy crosses it. A mirror that only
//! connects is a client of the router; nothing else has to be configured. Mirrors that listen do not pass on what others send.
//!
//! When a link is too slow for the traffic, small fields come first. With ten images of 1 MB a second over 4 Mbit/s, a number that changes
//! at 100 Hz arrived after 0.1 to 0.2 s (over 1 Mbit/s after 0.6 to 1 s), and the latest image when there was room for it. Messages that do
//! not fit are dropped, and requested again later. A follower that misses a change requests the whole part, so make large arrays a separate
//! part (`--own arm,camera`), and choose a rate that the link can carry: a change of three fields takes about 400 bytes with all headers.
//! To keep delays short, at most 64 KiB are in flight, which limits a connection to 1.3 MB/s at a round trip of 50 ms;
//! `tls/robot:7447#so_sndbuf=1000000` raises it.
//!
//! # Security
//!
//! Both sides authenticate with TLS certificates that the same authority has signed ([`Network::certificates`]; [`keygen`] creates them).
//! [`Network::allow`] restricts access to certificates by name. A router is a peer like any other: it can read and forge everything that it passes on, and the
//! name that counts is that of its certificate. Plain TCP is refused unless [`Network::insecure`] allows it. Discovery is off: a mirror
//! uses only the endpoints it is given.
//!
//! An authenticated peer can fill the parts that it owns with any value, and can request changes of parts whose owner accepts them. It cannot touch
//! other fields: a follower ignores paths outside the part. Messages are limited to 256 MiB and are verified completely before use, which takes up to
//! 32 times their size in memory; a message that cannot be read is logged and dropped. If two processes claim a part, the younger one ends with [`Error::Owned`].

#![deny(missing_docs)]

mod apply;
mod claims;
mod clock;
mod compare;
mod error;
mod events;
mod followed;
mod follower;
#[cfg(test)]
mod hostile;
mod identity;
mod key;
mod keygen;
mod message;
mod mirror;
mod network;
mod owned;
mod owner;
mod parts;
mod plain;
mod protocol;
mod question;
mod requests;
mod room;
mod shared;
mod status;

pub use error::{Error, Result};
pub use keygen::keygen;
pub use mirror::{Mirror, Options};
pub use network::Network;
pub use status::{Part, Status};
