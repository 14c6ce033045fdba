//! Opening the store that an argument names.

use std::path::{Path, PathBuf};

use structstore::binding_support::OptionsExt;
use structstore::{Error, ErrorKind, Options, Struct, StructStoreShared};

use crate::arguments::Name;
use crate::failure::{Failure, Result, is_missing};
use crate::patience::Watched;
use crate::{path, text};

impl Name {
    /// What to open: a name, which gets its slash if it has none, or the path of a file.
    pub(crate) fn place(&self) -> PathBuf {
        let text = Path::new(&self.name);
        if self.file || text.is_absolute() { text.to_owned() } else { Path::new("/").join(text) }
    }

    /// The place as messages show it.
    pub(crate) fn shown(&self) -> String {
        text::line(&self.place().display().to_string())
    }

    /// Attaches in order to look: without a trace, and without write permission.
    pub(crate) fn observe(&self) -> Result<Watched> {
        self.open(StructStoreShared::options().observe(true).read_only(true)).map(Watched::new)
    }

    /// A copy of parts of a store, as of one moment: without a trace or, where the store is changed all the time, under a shared
    /// lock for as long as copying takes, if this user may write to it.
    pub(crate) fn snapshot<T>(&self, copy: impl Fn(&Struct) -> Result<T>) -> Result<T> {
        let observed = self.observe()?;
        let contended = match copy(&observed) {
            Err(Failure::Store(error)) if error.kind() == ErrorKind::Contended => error,
            other => return other,
        };
        drop(observed);
        match self.observe_for_long() {
            Ok(store) => copy(&store),
            Err(_) => Err(contended.into()),
        }
    }

    /// Attaches in order to look for longer: registers watches, where this user may write to the store.
    pub(crate) fn observe_for_long(&self) -> Result<StructStoreShared> {
        self.open(StructStoreShared::options().observe(true))
    }

    /// Attaches in order to change what is there. An orphan stays one.
    pub(crate) fn change(&self) -> Result<Watched> {
        self.open(StructStoreShared::options().create(false).passing()).map(Watched::new)
    }

    pub(crate) fn open(&self, options: Options) -> Result<StructStoreShared> {
        let opened = options.file(self.file).any_owner(self.any_owner).open(self.place());
        opened.map_err(|error| self.failure(error))
    }

    /// What to say of a failure, with what can be done about it.
    pub(crate) fn explain(&self, failure: &Failure) -> String {
        match failure {
            Failure::Store(error) if error.kind() == ErrorKind::Abandoned => {
                let place = error.path().map_or_else(String::new, |path| format!("{}: ", path::shown(path)));
                format!("{place}a process died while modifying it; {}", self.remedy())
            }
            other => other.to_string(),
        }
    }

    /// What to do about what a dead process has left.
    pub(crate) fn remedy(&self) -> String {
        let (option, name) =
            (if self.file { "--file " } else { "" }, text::line(&self.name.to_string_lossy()));
        format!("`structstore check --lock {option}{name}` repairs it")
    }

    /// What to say where the store cannot be had.
    pub(crate) fn failure(&self, error: Error) -> Failure {
        match error.kind() {
            ErrorKind::Io if !self.file && is_missing(&error) => {
                let shown = self.shown();
                let names = structstore::stores().unwrap_or_default();
                let near = text::nearest(&shown, names.iter().map(String::as_str)).map(text::line);
                Failure::Missing { what: format!("{shown}: no such store"), near }
            }
            ErrorKind::ForeignOwner => {
                let (shown, owner) = (self.shown(), error.found().unwrap_or_default());
                Failure::Other(format!("{shown} is owned by user {owner}; add --any-owner to open it anyway"))
            }
            _ => error.into(),
        }
    }
}
