//! Where a part of a store is found.

use std::path::PathBuf;

use crate::access::{Access, Handle};
use crate::node;
use crate::segment::{Access as SegmentAccess, Backing, Place};

/// Where another process would find a part of a store.
pub enum Origin {
    /// Nowhere: it is this process's own.
    Local,
    /// Nowhere: its segment has no name, or it has none, as an item of a list.
    Nameless,
    /// In a segment.
    Shared {
        /// The name or path of the segment.
        path: PathBuf,
        /// Whether it is the path of a file.
        file: bool,
        /// Whether it is attached read-only.
        read_only: bool,
        /// Whether it is observed only.
        observe: bool,
        /// Whether it may belong to another user.
        any_owner: bool,
        /// The fields that lead to it.
        route: Vec<Box<str>>,
    },
}

impl Origin {
    pub(super) fn of(handle: &Handle) -> Origin {
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
                let (read_only, observe) = (*access != SegmentAccess::ReadWrite, handle.store().observes());
                Origin::Shared { path, file, read_only, observe, any_owner: *any_owner, route }
            }
            None => Origin::Nameless,
        }
    }
}
