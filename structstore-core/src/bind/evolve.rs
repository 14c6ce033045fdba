//! Types that have changed since a program of another version bound them: what is missing is completed, and what has other names or wider types is
//! read all the same.
//!
//! Everything here goes by the [`Schema`] of a type, and is done only once something was found not to fit as it lies. Defaults are the user's
//! code, so that a schema is made before an operation begins.

use super::{Field, Schema};
use crate::access::{Access, Located};
use crate::arena::Arena;
use crate::arena::layout::{self, Node};
use crate::edit::{self, Writer};
use crate::error::{Error, ErrorKind, Path, Result, Step};
use crate::handle::StructMut;
use crate::journal::Operation;
use crate::key::Key;
use crate::lock::Mode;
use crate::node::structure::{self, Found};
use crate::node::{self, Raw, list, slot_value, versions};
use crate::ops::{self, Slot};
use crate::value::{ArrayValue, Extras, Kind, Meta, TypeVersion, Value, Whole, decode_whole, deeper};

/// A field that binding has created, in something that was there already.
///
/// ```
/// use structstore::{StructStore, Value};
///
/// #[derive(StructStore)]
/// struct Fault {
///     code: i64,
///     #[structstore(default = 3)]
///     severity: i64,
/// }
///
/// #[derive(StructStore)]
/// struct State {
///     faults: Vec<Fault>,
/// }
///
/// // By a program that knows no severity.
/// let store = StructStore::new();
/// let fault = |code: i64| Value::record([("code", code.into())]);
/// store.set("faults", Value::list([fault(7), fault(8)]))?;
///
/// let state = store.bind::<State>()?;
/// let created: Vec<String> = state.created().iter().map(|field| field.to_string()).collect();
/// assert_eq!(created, ["faults[*].severity (2 times)"]);
/// assert_eq!(state.load()?.faults[1].severity, 3);
/// # Ok::<(), structstore::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Created {
    /// The path from the struct that was bound. `[*]` is any item of a list, `.*` any entry of a map.
    pub field: String,
    /// How many such fields were created.
    pub count: usize,
}

impl std::fmt::Display for Created {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.count {
            1 => f.write_str(&self.field),
            count => write!(f, "{} ({count} times)", self.field),
        }
    }
}

/// Creates what is missing in a struct that is held tree-exclusively, and in its parts.
pub(crate) fn complete(
    operation: &Operation<'_>,
    slot: &layout::Slot,
    schema: &Schema,
) -> Result<Vec<Created>> {
    let mut completion = Completion { operation, at: String::new(), created: Vec::new() };
    completion.slot(slot, schema, 0)?;
    Ok(completion.created)
}

struct Completion<'o, 'a> {
    operation: &'o Operation<'a>,
    /// Where it is.
    at: String,
    created: Vec<Created>,
}

impl<'a> Completion<'_, 'a> {
    fn arena(&self) -> &'a Arena {
        self.operation.arena()
    }

    fn slot(&mut self, slot: &layout::Slot, schema: &Schema, depth: usize) -> Result<()> {
        let (raw, depth) = (Raw::load(slot), deeper(depth)?);
        match (raw.kind()?, schema) {
            (Kind::Null, _) => Ok(()),
            (_, Schema::Optional(inner)) => self.slot(slot, inner, depth),
            (Kind::Struct, Schema::Struct { fields, .. }) => fields.iter().try_for_each(|field| {
                let own = self.at.len();
                self.at.push_str(if own == 0 { "" } else { "." });
                self.at.push_str(&Path::ROOT.then(field.name.as_ref()).to_string());
                let done = self.field(raw, &field.name, &field.meta, &field.schema, depth);
                self.at.truncate(own);
                done
            }),
            (Kind::List, Schema::List(Some(item))) => {
                let (_, node) = node::resolve(self.arena(), raw)?;
                self.parts(list::slots(self.arena(), node)?.iter(), "[*]", item, depth)
            }
            (Kind::Struct, Schema::Map(Some(value))) => {
                let (_, node) = node::resolve(self.arena(), raw)?;
                let fields: Vec<Found<'_>> = structure::fields(self.arena(), node).collect::<Result<_>>()?;
                self.parts(fields.iter().map(|found| &found.field.slot), ".*", value, depth)
            }
            _ => Ok(()),
        }
    }

    fn parts<'s>(
        &mut self,
        mut slots: impl Iterator<Item = &'s layout::Slot>,
        name: &str,
        schema: &Schema,
        depth: usize,
    ) -> Result<()> {
        let own = self.at.len();
        self.at.push_str(name);
        let done = slots.try_for_each(|slot| self.slot(slot, schema, depth));
        self.at.truncate(own);
        done
    }

    fn field(&mut self, of: Raw, name: &str, meta: &Meta, schema: &Schema, depth: usize) -> Result<()> {
        let (id, node) = node::resolve(self.arena(), of)?;
        let names = std::iter::once(name).chain(meta.aliases.iter().map(AsRef::as_ref));
        for name in names {
            if let Some(found) = structure::find(self.arena(), node, &Key::new(name))? {
                return self.slot(&found.field.slot, schema, depth);
            }
        }
        // Without a default, resolving it says that it is missing.
        let Some(default) = &meta.default else { return Ok(()) };
        default.check_depth(node::depth_of(self.arena(), id.index)?)?;
        let raw = edit::build(self.operation, default, id.index)?;
        Writer { operation: self.operation, aside: false }.insert(node, &Key::new(name), raw)?;
        match self.created.iter_mut().find(|created| created.field == self.at) {
            Some(created) => created.count = created.count.saturating_add(1),
            None => self.created.push(Created { field: self.at.clone(), count: 1 }),
        }
        Ok(())
    }
}

/// Records the version of a type. Fails if there is a newer one that programs of this version may not use.
pub(crate) fn record(operation: &Operation<'_>, node: &Node, own: &TypeVersion) -> Result<()> {
    match recorded(operation.arena(), node, own)? {
        Some(found) if found.version > own.version => refuse(&found, own),
        _ => edit::record_version(operation, node, own),
    }
}

/// Whether a struct is of an older version of a type than this one, which it records unless it is. Fails if it is of a newer one that programs of
/// this version may not use.
#[cold]
pub(super) fn is_older(
    operation: &Operation<'_>,
    node: &Node,
    own: &TypeVersion,
    migrates: bool,
) -> Result<bool> {
    let arena = operation.arena();
    match recorded(arena, node, own)? {
        Some(found) if found.version > own.version => refuse(&found, own).map(|()| false),
        Some(found) if found.version < own.version => Ok(true),
        None if migrates && structure::count(node) != 0 => Ok(true),
        _ => edit::record_version(operation, node, own).map(|()| false),
    }
}

fn recorded(arena: &Arena, node: &Node, own: &TypeVersion) -> Result<Option<TypeVersion>> {
    Ok(versions(arena, node)?.into_iter().find(|found| found.name == own.name))
}

/// Fails for a newer version, unless it says that programs of this one may bind what it has.
fn refuse(found: &TypeVersion, own: &TypeVersion) -> Result<()> {
    match found.since <= own.version {
        true => Ok(()),
        false => {
            let found = format!("{found}, which programs from version {} on can bind", found.since);
            Err(Error::new(ErrorKind::OtherVersion)
                .finding(found)
                .expecting(format!("version {}", own.version)))
        }
    }
}

/// For a process that only reads.
pub(super) fn refuse_other_version(arena: &Arena, node: &Node, own: &TypeVersion) -> Result<()> {
    match recorded(arena, node, own)? {
        Some(found) if found.version > own.version => refuse(&found, own),
        Some(found) if found.version < own.version => {
            let expected = format!("version {}; a process that may write has to bind it first", own.version);
            Err(Error::new(ErrorKind::OtherVersion).finding(found.to_string()).expecting(expected))
        }
        _ => Ok(()),
    }
}

/// Makes a struct that is held in a transaction one of this version of the type, unless another program has done that meanwhile.
pub(super) fn migrate<T: Field>(held: &mut StructMut<'_>) -> Result<()> {
    let Some(own) = &T::VERSION else { return Ok(()) };
    let found = held.locked.read(|arena, node| recorded(arena, node, own)).at(&held.locked)?;
    let from = found.map_or(0, |found| found.version);
    if from < own.version {
        T::migrate(from, held)?;
        held.locked
            .change(Mode::Node, |operation, node| edit::record_version(operation, node, own))
            .at(&held.locked)?;
    }
    Ok(())
}

/// Reads a struct with all below it as a type that does not fit as it lies.
pub(super) fn read<T: Field>(access: &impl Access) -> Result<T> {
    let snapshot = ops::snapshot(access, Extras { metas: true, ..Extras::default() })?.finish()?;
    let Whole { value, metas, .. } = decode_whole(&snapshot)?;
    let mut value = value.into_owned();
    Adaptation { metas, complete: true }.adapt(&mut value, &T::schema(), &Path::ROOT);
    T::from_value(value).map_err(|error| explained(error, access)).at(access)
}

/// Reads what a slot names as a type that lacks fields there, which may have other names.
#[cold]
pub(super) fn get_renamed<T: Field>(slot: Slot<'_>, error: Error) -> Result<T> {
    let Ok(handle) = slot.handle(Kind::Struct) else { return Err(error) };
    let snapshot = ops::snapshot(&handle, Extras { metas: true, ..Extras::default() })?.finish()?;
    let Whole { value, metas, .. } = decode_whole(&snapshot)?;
    let mut value = value.into_owned();
    Adaptation { metas, complete: false }.adapt(&mut value, &T::schema(), &Path::ROOT);
    T::from_value(value)
}

/// An error for a value that the type does not have, with the type that the field has.
#[cold]
fn explained(error: Error, access: &impl Access) -> Error {
    if error.kind() != ErrorKind::OutOfRange {
        return error;
    }
    let (Some(path), Some(expected)) = (error.path(), error.expected()) else { return error };
    match ops::paths::look(access, path.steps()).and_then(|slot| slot.kind()) {
        Ok(kind) => {
            let expected = format!("{expected}; the field is of type {kind} now, so bind it as that");
            error.expecting(expected)
        }
        Err(_) => error,
    }
}

/// Reads a slot of a node that is held, which lacks fields of the type.
pub(super) fn load_slot<T: Field>(arena: &Arena, raw: Raw) -> Result<T> {
    let mut value = slot_value(arena, raw)?;
    Adaptation { metas: Vec::new(), complete: true }.adapt(&mut value, &T::schema(), &Path::ROOT);
    T::from_value(value)
}

/// What makes a value that of another version of a type.
struct Adaptation {
    /// The metadata of fields in the store.
    metas: Vec<(Path, Meta)>,
    /// Whether fields that are missing get their defaults.
    complete: bool,
}

impl Adaptation {
    /// The name in the store of a field of a struct that a type knows by another one.
    fn stored(&self, parent: &Path, name: &str) -> Option<&str> {
        let is_it = |(path, meta): &&(Path, Meta)| {
            meta.aliases.iter().any(|alias| alias == name)
                && path.steps().split_last().is_some_and(|(_, above)| above == parent.steps())
        };
        match self.metas.iter().find(is_it)?.0.steps().last()? {
            Step::Name(name) => Some(name),
            Step::Index(_) => None,
        }
    }

    fn may_grow(&self, path: &Path, own: &Meta) -> bool {
        own.growable || self.metas.iter().any(|(found, meta)| found == path && meta.growable)
    }

    /// Gives the fields of a value the names that the type has for them, adds those that are missing, and cuts arrays that have grown.
    fn adapt(&self, value: &mut Value<'static>, schema: &Schema, here: &Path) {
        match (value, schema) {
            (Value::Null, _) => {}
            (value, Schema::Optional(inner)) => self.adapt(value, inner, here),
            (Value::Struct(fields), Schema::Struct { fields: wanted, .. }) => {
                for field in wanted {
                    let mut names = std::iter::once(field.name.as_ref())
                        .chain(field.meta.aliases.iter().map(AsRef::as_ref))
                        .chain(self.stored(here, &field.name));
                    let at = names.find_map(|name| fields.iter().position(|(found, _)| found == name));
                    match (at.and_then(|at| fields.get_mut(at)), &field.meta.default) {
                        (Some((name, value)), _) => {
                            let inner = here.clone().then(name.as_ref());
                            name.clone_from(&field.name);
                            self.adapt(value, &field.schema, &inner);
                            if self.may_grow(&inner, &field.meta) {
                                cut(value, &field.schema);
                            }
                        }
                        (None, Some(default)) if self.complete => {
                            fields.push((field.name.clone(), default.clone()));
                        }
                        (None, _) => {}
                    }
                }
            }
            (Value::List(items), Schema::List(Some(item))) => {
                for (index, value) in items.iter_mut().enumerate() {
                    self.adapt(value, item, &here.clone().then(index));
                }
            }
            (Value::Struct(entries), Schema::Map(Some(entry))) => {
                for (name, value) in entries {
                    self.adapt(value, entry, &here.clone().then(name.as_ref()));
                }
            }
            _ => {}
        }
    }
}

/// Cuts an array that is longer than the type's.
fn cut(value: &mut Value<'static>, schema: &Schema) {
    let (Value::Array(array), Schema::Array { shape: wanted, .. }) = (&*value, schema) else { return };
    let (Some((found, inner)), Some(Some(own))) = (array.shape().split_first(), wanted.first()) else {
        return;
    };
    let row = array.data().len().checked_div(*found).unwrap_or(0);
    if own >= found {
        return;
    }
    let shape: Vec<usize> = std::iter::once(*own).chain(inner.iter().copied()).collect();
    let data = array.data().get(..row.saturating_mul(*own)).map(<[u8]>::to_vec);
    if let Some(Ok(cut)) = data.map(|data| ArrayValue::new(array.dtype().clone(), &shape, data)) {
        *value = cut.into();
    }
}
