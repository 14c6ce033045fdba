//! A live viewer: look into stores and tune them in the browser, while their programs run.
//!
//! [`Server`] serves the page and its WebSocket; `structstore serve` and Python's `structstore.serve` use it. It attaches as an
//! observer while a page is open. What is shown costs a writer what one watch costs, however many pages there are. Pages can change
//! only what [`Options::writable`] names.
//!
//! Values are read without a lock, unless writers leave no moment free. An array of more than 64 KiB that a panel shows is leased while it is drawn:
//! assigning it costs what it costs anyway, and a write guard that lends its elements meanwhile changes a copy, as beside any view. Rows of the
//! tree lease nothing.
//!
//! # Security
//!
//! A server listens on 127.0.0.1 by default. Whoever has the token in its address may look, and change what is writable.
//! The token becomes a cookie that scripts cannot read, and that pages of other sites cannot send. (Browsers send cookies to all ports of a
//! host: a server that somebody else runs on this machine, and that you visit, gets it, too.) Requests by another host name, and from
//! pages of other servers, are refused. The page loads nothing from other servers; a Content-Security-Policy enforces this.
//! Users of the same machine who do not have the token are kept out. Use a tunnel across a network.

#![deny(missing_docs)]

#[doc = include_str!("../PROTOCOL.md")]
pub mod protocol {}

mod assets;
mod clock;
mod columns;
mod connection;
mod edit;
mod elements;
mod feed;
mod gate;
mod inbox;
mod info;
mod message;
mod panel;
mod picture;
mod plot;
mod reduce;
mod row;
mod sampler;
mod server;
mod session;
mod settings;
mod site;
mod sockets;
mod source;
mod stores;
mod text;
mod threads;
mod timeline;
mod token;
mod tree;
mod vector;
mod view;
mod viewer;

pub use assets::widget;
pub use message::Out;
pub use server::{Failure, Server};
pub use settings::{Formats, Options};
pub use source::Source;
pub use timeline::{Control, Moment, Timeline};
pub use viewer::{Page, Viewer};
