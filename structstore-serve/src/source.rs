//! What is served: a store of this process, or one that is opened by name.

use std::path::PathBuf;

use structstore::binding_support::{OptionsExt, StructExt};
use structstore::{Error, Options, Struct, StructStoreShared};

/// A store to be served.
#[derive(Clone)]
#[non_exhaustive]
pub enum Source {
    /// A store of this process, local or shared, or a part of one.
    Store {
        /// What is served.
        part: Struct,
        /// The name that the page shows.
        name: String,
    },
    /// A shared store, which is opened while a page shows it, and reopened after it was recreated.
    Shared {
        /// Its name, or the path of a file.
        place: PathBuf,
        /// Whether that is the path of a file.
        file: bool,
        /// Whether it may belong to another user.
        any_owner: bool,
    },
}

/// A store while a page shows it.
pub(crate) enum Opened {
    Part(Struct),
    Shared(StructStoreShared),
}

impl Opened {
    pub(crate) fn root(&self) -> &Struct {
        match self {
            Opened::Part(part) => part,
            Opened::Shared(store) => store,
        }
    }

    /// Whether the name still leads to it, and it was not closed.
    pub(crate) fn valid(&self) -> bool {
        match self {
            Opened::Part(part) => !part.is_closed(),
            Opened::Shared(store) => store.valid(),
        }
    }
}

impl Source {
    /// The shared store of a name.
    pub fn named(name: impl Into<PathBuf>) -> Source {
        Source::Shared { place: name.into(), file: false, any_owner: false }
    }

    /// What the page shows as its name.
    pub(crate) fn name(&self) -> String {
        match self {
            Source::Store { name, .. } => name.clone(),
            Source::Shared { place, .. } => place.display().to_string(),
        }
    }

    /// Attaches in order to look.
    pub(crate) fn observe(&self) -> Result<Opened, Error> {
        self.open(StructStoreShared::options().observe(true))
    }

    /// Attaches in order to look once, without a trace.
    pub(crate) fn glance(&self) -> Result<Opened, Error> {
        self.open(StructStoreShared::options().observe(true).read_only(true))
    }

    /// Attaches in order to change something. An orphan stays one.
    pub(crate) fn change(&self) -> Result<Opened, Error> {
        self.open(StructStoreShared::options().create(false).passing())
    }

    fn open(&self, options: Options) -> Result<Opened, Error> {
        match self {
            Source::Store { part, .. } => Ok(Opened::Part(part.clone())),
            Source::Shared { place, file, any_owner } => {
                options.file(*file).any_owner(*any_owner).open(place).map(Opened::Shared)
            }
        }
    }
}
