//! What `diff` compares: a store, or a document.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::Read;
use std::path::Path as FilePath;

use structstore::path::Path;
use structstore::{Error, ErrorKind, Struct, StructStore, Value};

use crate::arguments::{Format, Name};
use crate::document::{Document, is_standard};
use crate::failure::{Failure, Result};
use crate::{item, path};

/// What a store in a file begins with.
const MAGIC: &[u8] = b"STRUCTST";

#[derive(Debug, PartialEq)]
pub(crate) enum Source<'a> {
    Store(&'a OsStr),
    /// Of a document, or of a store.
    File(&'a FilePath),
}

impl<'a> Source<'a> {
    /// What is a path, and not the name of a store: `-`, and what has a slash elsewhere than at its beginning, or, without any slash, an
    /// ending that tells the format of a document.
    pub(crate) fn new(argument: &'a OsString) -> Source<'a> {
        let file = FilePath::new(argument);
        let slash = argument.as_encoded_bytes().iter().rposition(|byte| *byte == b'/');
        let is_file = match slash {
            None => is_standard(file) || Format::of(file).is_some(),
            Some(at) => at > 0,
        };
        if is_file { Source::File(file) } else { Source::Store(argument) }
    }

    /// What a path leads to, if there is such a thing.
    pub(crate) fn value(&self, path: &Path, any_owner: bool) -> Result<Option<Value<'static>>> {
        let file = match self {
            Source::Store(name) => return of_store(name, false, any_owner, path),
            Source::File(file) if is_store(file) => return of_store(file.as_os_str(), true, any_owner, path),
            Source::File(file) => file,
        };
        let store = StructStore::try_new()?;
        match Document::read(file, None)? {
            Document::Snapshot(snapshot) => store.restore(&snapshot)?,
            Document::Value(value @ Value::Struct(_)) => store.replace(value)?,
            Document::Value(value) if path.is_root() => return Ok(Some(value)),
            Document::Value(value) => return Err(Error::wrong_type(value.kind().name(), "struct").into()),
        }
        found(&store, path)
    }
}

/// What is no regular file, such as a pipe, is read once: it is a document.
fn is_store(file: &FilePath) -> bool {
    let mut start = [0; MAGIC.len()];
    fs::metadata(file).is_ok_and(|found| found.is_file())
        && File::open(file).and_then(|mut file| file.read_exact(&mut start)).is_ok()
        && start == MAGIC
}

fn of_store(name: &OsStr, file: bool, any_owner: bool, path: &Path) -> Result<Option<Value<'static>>> {
    let name = Name { name: name.to_owned(), file, any_owner };
    name.snapshot(|root| found(root, path)).map_err(|failure| match failure {
        Failure::Store(ref error) if error.kind() == ErrorKind::Abandoned => {
            Failure::Other(name.explain(&failure))
        }
        other => other,
    })
}

fn found(root: &Struct, path: &Path) -> Result<Option<Value<'static>>> {
    match path::find(root, path) {
        Ok(item) => item::value(&item).map(Some),
        Err(Failure::Missing { .. }) => Ok(None),
        Err(Failure::Store(error)) if error.kind() == ErrorKind::IndexOutOfRange => Ok(None),
        Err(failure) => Err(failure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_from_names() {
        for name in ["robot", "/robot", "robot.1", "/robot.json"] {
            assert_eq!(Source::new(&name.into()), Source::Store(name.as_ref()), "{name}");
        }
        for path in ["-", "robot.json", "robot.yml", "robot.snapshot", "./robot", "a/b", "/tmp/robot"] {
            assert_eq!(Source::new(&path.into()), Source::File(path.as_ref()), "{path}");
        }
    }
}
