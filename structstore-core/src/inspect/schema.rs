//! Schemas of live stores.

use crate::access::{Access, Located};
use crate::arena::Arena;
use crate::arena::layout::Node;
use crate::bind::{FieldSchema, Schema};
use crate::edit::FixedType;
use crate::error::{Error, ErrorKind, Result};
use crate::handle::{Array, Item, List, Struct};
use crate::key::Key;
use crate::node::structure::{self, FIELD};
use crate::node::{ArrayBlock, BLOCK, Raw, array_flags, versions};
use crate::sync::Ordering;
use crate::value::{DType, Kind, Meta, RecordField, StreamValue, deeper};

/// How many items of a list are looked at to tell whether all are alike.
const ITEMS: usize = 64;

impl Struct {
    /// The current schema of the struct: kinds, shapes, limits, units and descriptions.
    ///
    /// Leaves out fields that others remove meanwhile. Contains the length of an array's dimension if it is fixed.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StaleHandle`]; [`ErrorKind::TooDeep`] and [`ErrorKind::Corrupt`] if the memory is damaged.
    ///
    /// ```
    /// use structstore::{Meta, StructStore};
    ///
    /// let store = StructStore::new();
    /// store.set("speed", 1.5)?;
    /// store.set("names", vec!["left", "right"])?;
    /// store.declare("speed", &Meta::new().range(0.0..).unit("m/s").description("Of the belt."))?;
    /// assert_eq!(store.schema()?.to_string(), "\
    /// struct
    ///   speed: f64, a number of at least 0.0, in m/s  -- Of the belt.
    ///   names: list of str");
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn schema(&self) -> Result<Schema> {
        // As many fields as the store has room for: a damaged one seems to have almost endlessly many.
        let mut left = self.statistics().size / FIELD;
        of_struct(self, 0, &mut left)
    }
}

/// The declared kind of a slot, or else its kind.
struct Declared {
    kind: Kind,
    optional: bool,
}

fn of_struct(found: &Struct, depth: usize, left: &mut u64) -> Result<Schema> {
    let mut fields = Vec::new();
    for name in found.names()? {
        *left = left
            .checked_sub(1)
            .ok_or_else(|| Error::corrupt("a tree", "nodes that are named more than once", "a tree"))?;
        let key = Key::new(&name);
        let field = slot_of(found, &key).and_then(|slot| {
            let schema = match found.get::<Item>(key)? {
                Item::Null => of_kind(slot.kind),
                item => of_item(&item, depth, left)?,
            };
            let schema = if slot.optional { Schema::Optional(Box::new(schema)) } else { schema };
            Ok(FieldSchema { name: name.clone().into(), meta: found.meta(key)?, schema })
        });
        match field {
            Ok(field) => fields.push(field),
            // Removed since its name was read.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::StaleHandle) => {}
            Err(error) => return Err(error),
        }
    }
    let versions = found.handle.read(versions).at(&found.handle)?;
    Ok(Schema::Struct { fields, versions })
}

fn slot_of(found: &Struct, key: &Key<'_>) -> Result<Declared> {
    let raw = found.handle.read(|arena: &Arena, node: &Node| {
        Ok(structure::find(arena, node, key)?.map(|found| Raw::load(&found.field.slot)))
    });
    let raw = raw.at(&found.handle)?.ok_or_else(|| Error::new(ErrorKind::NotFound).under(key.name()))?;
    Ok(Declared { kind: raw.declared_kind()?.unwrap_or(raw.kind()?), optional: raw.optional() })
}

/// The schema of a field that is null, which may hold this otherwise.
fn of_kind(kind: Kind) -> Schema {
    match kind {
        Kind::Str => Schema::Str,
        Kind::Bytes => Schema::Bytes,
        Kind::List => Schema::List(None),
        Kind::Struct => Schema::Map(None),
        kind => Schema::Scalar(kind),
    }
}

fn of_item(item: &Item, depth: usize, left: &mut u64) -> Result<Schema> {
    let depth = deeper(depth)?;
    Ok(match item {
        Item::Null => Schema::Scalar(Kind::Null),
        Item::Scalar(scalar) => Schema::Scalar(scalar.kind()),
        Item::Str(_) => Schema::Str,
        Item::Bytes(_) => Schema::Bytes,
        Item::Struct(inner) => of_struct(inner, depth, left)?,
        Item::List(list) => of_list(list, depth, left)?,
        Item::Array(array) => of_array(array)?,
        Item::Stream(stream) => of_stream(&stream.value()?),
    })
}

fn of_stream(stream: &StreamValue<'_>) -> Schema {
    let fields = stream.dtype().fields().unwrap_or_default();
    let sample = of_part(stream.dtype(), fields, stream.shape(), "", stream.metas());
    Schema::Stream { sample: Box::new(sample), depth: stream.depth() }
}

/// The schema of a part of a sample: an element, or an array of elements.
fn of_part(
    dtype: &DType,
    fields: Vec<RecordField>,
    shape: &[usize],
    path: &str,
    metas: &[(String, Meta)],
) -> Schema {
    if !fields.is_empty() {
        let named = fields.into_iter().filter(|field| !field.name.is_empty()).map(|field| {
            let path = if path.is_empty() { field.name.clone() } else { format!("{path}.{}", field.name) };
            let meta = metas.iter().find(|(other, _)| *other == path).map(|(_, meta)| meta.clone());
            let schema = of_part(&field.dtype, field.fields, &field.shape, &path, metas);
            FieldSchema { name: field.name.into(), meta: meta.unwrap_or_default(), schema }
        });
        let record = Schema::Struct { fields: named.collect(), versions: Vec::new() };
        return shape.iter().fold(record, |schema, _| Schema::List(Some(Box::new(schema))));
    }
    match (dtype.kind(), shape) {
        (Some(kind), []) => Schema::Scalar(kind),
        (None, []) if dtype.descr().starts_with("<U") => Schema::Str,
        _ => Schema::Array {
            dtype: dtype.descr().to_owned().into(),
            shape: shape.iter().copied().map(Some).collect(),
            live: false,
        },
    }
}

/// A list of one type of items, if all are alike.
fn of_list(list: &List, depth: usize, left: &mut u64) -> Result<Schema> {
    let mut common: Option<Schema> = None;
    for at in 0..list.len()?.min(ITEMS) {
        let item = match list.get::<Item>(at) {
            Ok(item) => of_item(&item, depth, left)?,
            Err(error) if error.kind() == ErrorKind::IndexOutOfRange => break,
            Err(error) => return Err(error),
        };
        match &common {
            Some(other) if *other != item => return Ok(Schema::List(None)),
            _ => common = Some(item),
        }
    }
    Ok(Schema::List(common.map(Box::new)))
}

fn of_array(array: &Array) -> Result<Schema> {
    let (block, fixed, flags) = array
        .handle
        .read(|arena, node| {
            let block = ArrayBlock::read(arena, node.body[BLOCK].load(Ordering::Relaxed))?;
            Ok((block, FixedType::of(arena, node)?, array_flags(node)))
        })
        .at(&array.handle)?;
    let free = || block.shape.iter().map(|_| None).collect();
    Ok(match fixed {
        Some(fixed) if flags != 0 => Schema::Array {
            dtype: fixed.dtype.descr().to_owned().into(),
            shape: fixed.shape,
            live: fixed.live,
        },
        _ => Schema::Array { dtype: block.dtype.descr().to_owned().into(), shape: free(), live: false },
    })
}
