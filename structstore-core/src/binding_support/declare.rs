//! Fields whose types are known only at run time: what bindings of other languages declare.

use crate::arena::Arena;
use crate::arena::layout::{Node, Slot};
use crate::bind::{Created, FieldSchema, Schema, evolve};
use crate::edit::{self, Writer};
use crate::error::{Error, ErrorKind, Result};
use crate::journal::Operation;
use crate::key::Key;
use crate::lock::NodeId;
use crate::node::meta::Record;
use crate::node::structure::{self};
use crate::node::{self, FIXED, LIVE, Raw, array_flags};
use crate::sync::AtomicU64;
use crate::value::{Kind, Meta, TypeVersion, Value, decode_scalar};

/// A field to be declared.
pub struct Declaration<'a> {
    /// Its name.
    pub name: &'a str,
    /// The kinds that it may have; if there are none it is not declared, but only created. A number of another kind
    /// becomes one of the first, if that keeps its value.
    pub kinds: &'a [Kind],
    /// Whether it may be null.
    pub optional: bool,
    /// What it is created with. Without it, it has to be there.
    pub default: Option<Value<'a>>,
    /// What is declared in it, if it is a struct.
    pub fields: Vec<Declaration<'a>>,
    /// What structs lack that come and go in it is created, but not declared.
    pub parts: Parts<'a>,
    /// Its metadata. The default is the value that the field is created with.
    pub meta: Meta,
}

/// The fields of structs that come and go.
pub enum Parts<'a> {
    /// There are none.
    None,
    /// Those that the items of a list have.
    Items(Vec<Declaration<'a>>),
    /// Those that the entries of a struct have.
    Entries(Vec<Declaration<'a>>),
    /// Those that a struct has where it is not null.
    Optional(Vec<Declaration<'a>>),
}

impl Declaration<'_> {
    fn schema(&self) -> FieldSchema {
        let schema = match &self.parts {
            Parts::Items(fields) => Schema::List(Some(Box::new(struct_schema(fields)))),
            Parts::Entries(fields) => Schema::Map(Some(Box::new(struct_schema(fields)))),
            Parts::Optional(fields) => Schema::Optional(Box::new(struct_schema(fields))),
            Parts::None if self.fields.is_empty() => Schema::Scalar(Kind::Null),
            Parts::None => struct_schema(&self.fields),
        };
        let default = self.default.clone().map(Value::into_owned);
        let meta = Meta { aliases: self.meta.aliases.clone(), default, ..Meta::new() };
        FieldSchema::new(self.name.to_owned(), meta, schema)
    }
}

fn struct_schema(fields: &[Declaration<'_>]) -> Schema {
    Schema::Struct { fields: fields.iter().map(Declaration::schema).collect(), versions: Vec::new() }
}

/// How fields are declared.
#[derive(Clone, Copy, Default)]
pub struct Declaring<'v> {
    /// Whether narrower numbers that are there become wider ones.
    pub widen: bool,
    /// The version of the type.
    pub version: Option<&'v TypeVersion>,
}

/// Declares the fields of a type. Returns those that were created in what was there already.
pub(super) fn declare_type(
    operation: &Operation<'_>,
    id: NodeId,
    fields: &[Declaration<'_>],
    how: Declaring<'_>,
) -> Result<Vec<Created>> {
    let node = operation.arena().node(id.index)?;
    if let Some(version) = how.version {
        evolve::record(operation, node, version)?;
    }
    let created = match structure::count(node) {
        0 => Vec::new(),
        _ => {
            let raw = Raw::node(Kind::Struct, id);
            let slot = Slot { tag: AtomicU64::new(raw.tag), payload: AtomicU64::new(raw.payload) };
            evolve::complete(operation, &slot, &struct_schema(fields))?
        }
    };
    declare_fields(operation, id.index, fields, how.widen)?;
    Ok(created)
}

fn declare_fields(
    operation: &Operation<'_>,
    index: u32,
    fields: &[Declaration<'_>],
    widen: bool,
) -> Result<()> {
    let node = operation.arena().node(index)?;
    if fields.iter().any(|field| !field.kinds.is_empty()) {
        edit::fix(operation, node, FIXED)?;
    }
    let keys = fields.iter().map(|field| Key::new(field.name));
    Writer { operation, aside: false }.reserve_missing(node, keys)?;
    // All of them, so that an error names every field that does not fit.
    let misfit = |field: &Declaration<'_>| {
        let declared = declare(operation, index, node, field, widen);
        declared.err().map(|error| error.under(field.name))
    };
    Error::all(fields.iter().filter_map(misfit)).map_or(Ok(()), Err)
}

fn declare(
    operation: &Operation<'_>,
    index: u32,
    node: &Node,
    field: &Declaration<'_>,
    widen: bool,
) -> Result<()> {
    let (arena, key) = (operation.arena(), Key::new(field.name));
    let mut told = field.meta.clone();
    let writer = Writer { operation, aside: false };
    let slot = match (writer.find_renamed(node, &key, &mut told.aliases)?, &field.default) {
        (Some(found), default) => {
            refuse_unless_live(arena, Raw::load(&found.field.slot), default.as_ref())?;
            &found.field.slot
        }
        (None, Some(value)) => {
            key.check()?;
            value.check_depth(node::depth_of(arena, index)?)?;
            let raw = edit::build(operation, value, index)?;
            &writer.insert(node, &key, raw)?.field.slot
        }
        (None, None) => return Err(Error::new(ErrorKind::NotFound)),
    };
    let raw = Raw::load(slot);
    let Some(wanted) = field.kinds.first() else { return Ok(()) };
    let widened =
        raw.meta().map_or(Ok(false), |place| Ok::<_, Error>(Record::read(arena, place)?.widened()))?;
    let kind = kind_of(raw, *wanted, field, Widening { widen, widened })?;
    if let Some(scalar) = decode_scalar(raw.kind()?, raw.payload)? {
        edit::retype(operation, slot, scalar, kind)?;
    }
    let former = raw.declared_kind()?.map(|kind| (kind, raw.optional()));
    // A program with a narrower type leaves the field what it is.
    let optional = field.optional || widened && raw.optional();
    edit::declare(operation, slot, kind, optional)?;
    told.widened |= former.is_some_and(|former| former != (kind, optional));
    if !told.is_empty() {
        edit::describe_by(operation, (index, raw), slot, told, field.default.as_ref())?;
    }
    match raw.id() {
        Some(id) if !field.fields.is_empty() => declare_fields(operation, id.index, &field.fields, widen),
        _ => Ok(()),
    }
}

/// Fails where an array is there that is not live, as its default would be.
fn refuse_unless_live(arena: &Arena, raw: Raw, default: Option<&Value<'_>>) -> Result<()> {
    let Some(Value::Array(array)) = default else { return Ok(()) };
    if !array.is_live() || raw.kind()? != Kind::Array || array_flags(node::resolve(arena, raw)?.1) & LIVE != 0
    {
        return Ok(());
    }
    Err(Error::wrong_type("an array that is not live", "a live array; remove the old field"))
}

/// Whether the type of a field is to be widened, and whether a program has widened it.
#[derive(Clone, Copy)]
struct Widening {
    widen: bool,
    widened: bool,
}

/// The kind that a field is declared to have: the one that it has, if that is possible.
fn kind_of(raw: Raw, wanted: Kind, field: &Declaration<'_>, widening: Widening) -> Result<Kind> {
    let Widening { widen, widened } = widening;
    let (declared, found) = (raw.declared_kind()?, raw.kind()?);
    let optional = raw.optional() == field.optional
        || widen && field.optional
        || widened && raw.optional() && found != Kind::Null;
    match declared {
        Some(kind) if field.kinds.contains(&kind) && optional => Ok(kind),
        Some(kind) if widen && kind.widens_to(wanted) && optional => Ok(wanted),
        Some(kind) if widened && wanted.widens_to(kind) && optional => Ok(kind),
        None if field.kinds.contains(&found) => Ok(found),
        None if found == Kind::Null && field.optional || converts(found, wanted) => Ok(wanted),
        _ => {
            let name = |kind: Kind, optional| match optional {
                true => format!("{kind} or null"),
                false => kind.to_string(),
            };
            let remedy = match declared {
                Some(kind) if kind.widens_to(wanted) => "; `bind` with `widen` converts it",
                Some(_) => "; `undeclare` the field and remove it, or give this one another name",
                None => "; remove the old field, or give this one another name",
            };
            let expected = format!("{}{remedy}", name(wanted, field.optional));
            Err(Error::wrong_type(name(declared.unwrap_or(found), raw.optional()), expected))
        }
    }
}

/// Whether there are numbers of one kind that are of the other, too.
fn converts(found: Kind, wanted: Kind) -> bool {
    let float = |kind| matches!(kind, Kind::F32 | Kind::F64);
    let number = |kind: Kind| !kind.is_node() && !matches!(kind, Kind::Null | Kind::Bool);
    number(found) && number(wanted) && (!float(found) || float(wanted))
}
