//! Locks as values, for languages whose scopes are not Rust's.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{Array, List, Struct};
use crate::access::{Access, Handle, Owned, at_most};
use crate::arena::Arena;
use crate::arena::layout::Node;
use crate::error::Result;
use crate::key::Key;
use crate::lock::Mode;
use crate::node::{self, structure};
use crate::ops;
use crate::segment::{Access as SegmentAccess, Backing, Place};
use crate::value::Snapshot;

/// A lock that was taken by one thread and may be released, by dropping it, on any.
#[doc(hidden)]
pub struct Lock(Owned);

impl Lock {
    pub(super) fn take(handle: &Handle, exclusive: bool, timeout: Option<Duration>) -> Result<Lock> {
        let mode = if exclusive { Mode::Tree } else { Mode::Shared };
        Owned::new(handle, mode, &at_most(timeout)).map(Lock)
    }

    /// Whether it was taken by the calling thread.
    pub fn is_own(&self) -> bool {
        self.0.is_own()
    }

    /// See [`StructMut::recovered`](crate::guard::StructMut::recovered).
    pub fn recovered(&self) -> bool {
        self.0.recovered()
    }
}

macro_rules! locks {
    ($($type:ident),*) => {$(
        impl $type {
            /// Takes a lock for this thread. `None` waits without bound.
            #[doc(hidden)]
            pub fn lock_token(&self, exclusive: bool, timeout: Option<Duration>) -> Result<Lock> {
                Lock::take(&self.handle, exclusive, timeout)
            }

            /// Where another process would find it.
            #[doc(hidden)]
            pub fn origin(&self) -> Origin {
                origin(&self.handle)
            }

            /// Whether both handles name the same node, through the same mapping.
            #[doc(hidden)]
            pub fn is_same(&self, other: &$type) -> bool {
                Arc::ptr_eq(self.handle.arena(), other.handle.arena()) && self.handle.id() == other.handle.id()
            }
        }
    )*};
}
locks!(Struct, List, Array);

macro_rules! snapshots {
    ($($type:ident),*) => {$(
        impl $type {
            /// All that is there as of one moment. Less is copied and allocated for it than for an owned value.
            #[doc(hidden)]
            pub fn snapshot(&self) -> Result<Snapshot> {
                Ok(ops::image(&self.handle)?.snapshot())
            }
        }
    )*};
}
snapshots!(Struct, List);

/// Where another process would find a part of a store.
#[doc(hidden)]
pub enum Origin {
    /// Nowhere: it is this process's own.
    Local,
    /// Nowhere, for its segment has no name, or it has none, as an item of a list.
    Nameless,
    /// In this segment, by these fields.
    Shared { path: PathBuf, file: bool, read_only: bool, any_owner: bool, route: Vec<Box<str>> },
}

fn origin(handle: &Handle) -> Origin {
    let arena = handle.arena();
    let Backing::File { place, access, any_owner, .. } = arena.segment().backing() else {
        return Origin::Local;
    };
    let (path, file) = match place {
        Place::Name(name) => (PathBuf::from(name), false),
        Place::Path(path) => (path.clone(), true),
        Place::Descriptor => return Origin::Nameless,
    };
    match node::route_of(arena, handle.id()) {
        Some(route) => {
            let (read_only, any_owner) = (*access != SegmentAccess::ReadWrite, *any_owner);
            Origin::Shared { path, file, read_only, any_owner, route }
        }
        None => Origin::Nameless,
    }
}

/// How often a struct is looked into without a lock before a name is taken to be missing.
const LOOKS: usize = 3;

impl Struct {
    /// Whether there is a field of that name, without ever waiting: if somebody else is changing the struct, as it
    /// looks meanwhile. For telling a field from a method of the same name, where a method may be a way to wait.
    #[doc(hidden)]
    pub fn contains_now<'k>(&self, key: impl Into<Key<'k>>) -> bool {
        let key = key.into();
        let look = |arena: &Arena, node: &Node| Ok(structure::find(arena, node, &key)?.is_some());
        if let Ok(Some(found)) = self.handle.read_now(look) {
            return found;
        }
        (0..LOOKS).any(|_| {
            // An index that is being replaced is in place a moment later.
            std::hint::spin_loop();
            // What makes no sense is in motion: let the caller wait for it.
            look(self.handle.arena(), self.handle.node()).unwrap_or(true)
        })
    }
}

impl Struct {
    /// How many fields there are, without ever waiting for somebody who is changing the struct.
    #[doc(hidden)]
    pub fn len_now(&self) -> u64 {
        structure::counted(self.handle.arena(), self.handle.node())
    }
}
