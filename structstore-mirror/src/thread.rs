//! Threads of a mirror.

use std::io;
use std::thread::{self, JoinHandle};

use crate::error::{Error, Result};

/// A thread that runs no hooks of other languages while it waits.
pub(crate) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    named(name).spawn(|| structstore::binding_support::without_hooks(work)).map_err(|error| no_thread(&error))
}

pub(crate) fn named(name: &str) -> thread::Builder {
    thread::Builder::new().name(format!("structstore-{name}"))
}

pub(crate) fn no_thread(error: &io::Error) -> Error {
    let error = io::Error::new(error.kind(), error.to_string());
    structstore::Error::os("start", "a thread", error).into()
}
