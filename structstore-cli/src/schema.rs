//! `schema`: the schema of a store, as JSON Schema, as Markdown, or as a header for C++.

use serde_json::{Map, Value as Json, json};
use structstore::path::Path;
use structstore::typed::{FieldSchema, Schema};
use structstore::{DType, Item, Kind, Meta, Struct};

use crate::arguments::Schema as Options;
use crate::cpp;
use crate::failure::{Failure, Result};
use crate::item::brief;
use crate::json;
use crate::output::Output;
use crate::path::{self, Place};
use crate::text;
use crate::types::{also, type_of};

pub(crate) fn run(options: &Options, output: &mut Output) -> Result<u8> {
    let store = options.store.observe()?;
    let field = of_path(&store, &options.path)?;
    if options.markdown {
        output.print(&text::printable(&markdown(&field, &options.store.shown())?));
        return Ok(0);
    }
    if options.cpp {
        output.print(&text::printable(&cpp::header(&field, &options.store.shown())));
        return Ok(0);
    }
    let mut document = document(&field)?;
    if let Json::Object(root) = &mut document {
        root.insert("$schema".to_owned(), "https://json-schema.org/draft/2020-12/schema".into());
        root.insert("title".to_owned(), options.store.shown().into());
    }
    json::print(&document, output)?;
    Ok(0)
}

/// The schema of what a path leads to. An item of a list has no metadata of its own.
pub(crate) fn of_path(store: &Struct, path: &Path) -> Result<FieldSchema> {
    let name = if path.is_root() { String::new() } else { path.to_string() };
    if path.is_root() {
        return Ok(FieldSchema::new(name, Meta::new(), store.schema()?));
    }
    match path::last(store, path)? {
        place @ Place::Field { .. } => {
            // For an error that names the path and a similar name.
            place.get()?;
            let Place::Field { parent, name: own, .. } = place else { return Err(nowhere()) };
            let found = parent.schema()?;
            let field = found.field(own).ok_or_else(nowhere)?;
            Ok(FieldSchema::new(name, field.meta.clone(), field.schema.clone()))
        }
        place => match place.get()? {
            Item::Struct(found) => Ok(FieldSchema::new(name, Meta::new(), found.schema()?)),
            item => Ok(FieldSchema::new(name, Meta::new(), Schema::Scalar(item.kind()))),
        },
    }
}

fn nowhere() -> Failure {
    Failure::Missing { what: "no such field".to_owned(), near: None }
}

/// A field in JSON Schema, draft 2020-12. `x-kind` and `x-depth` carry what JSON Schema cannot express, beside those of [`Meta::keywords`].
pub(crate) fn document(field: &FieldSchema) -> Result<Json> {
    of(&field.schema, &field.meta)
}

fn of(schema: &Schema, meta: &Meta) -> Result<Json> {
    let (mut found, kind) = match schema {
        Schema::Scalar(kind) => (number(*kind), *kind),
        Schema::Str => (json!({"type": "string"}), Kind::Str),
        Schema::Bytes => {
            let digits = json!({
                "type": "string",
                "contentEncoding": "base16",
                "pattern": "^([0-9a-f]{2})*$",
                "x-kind": "bytes",
            });
            (digits, Kind::Bytes)
        }
        Schema::Array { dtype, shape, live } => {
            // The length of any other is known.
            let kind = if shape.first() == Some(&None) { Kind::Array } else { Kind::Null };
            (array(dtype, shape, *live, meta), kind)
        }
        Schema::List(item) => {
            let mut list = json!({"type": "array"});
            if let Some(item) = item {
                set(&mut list, "items", of(item, &of_items(meta))?);
            }
            (list, Kind::List)
        }
        Schema::Map(value) => {
            let mut map = json!({"type": "object"});
            if let Some(value) = value {
                set(&mut map, "additionalProperties", of(value, &Meta::new())?);
            }
            (map, Kind::Struct)
        }
        Schema::Optional(inner) => (optional(of(inner, meta)?), Kind::Null),
        Schema::Struct { fields, .. } => {
            let mut properties = Map::new();
            for field in fields {
                properties.insert(field.name.clone().into_owned(), document(field)?);
            }
            let required: Vec<&str> = fields.iter().map(|field| &*field.name).collect();
            (json!({"type": "object", "properties": properties, "required": required}), Kind::Struct)
        }
        Schema::Stream { sample, depth } => {
            // A document has the newest sample of a stream.
            let mut found = optional(of(sample, &of_items(meta))?);
            set(&mut found, "x-kind", "stream");
            set(&mut found, "x-depth", *depth);
            (found, Kind::Stream)
        }
        _ => (json!({}), Kind::Null),
    };
    declare(&mut found, kind, meta);
    Ok(found)
}

/// Adds what is declared of a value of a kind. What JSON cannot express, such as NaN as a default, is left out.
fn declare(object: &mut Json, kind: Kind, meta: &Meta) {
    for (keyword, value) in meta.keywords(kind) {
        if let Ok(value) = json::document(&value, &Path::ROOT) {
            set(object, keyword, value);
        }
    }
}

/// What is declared of each item of a list, and of each element of an array.
fn of_items(meta: &Meta) -> Meta {
    let mut items = Meta::new();
    (items.min, items.max, items.multiple_of) = (meta.min, meta.max, meta.multiple_of);
    items.choices.clone_from(&meta.choices);
    items
}

fn set(object: &mut Json, name: &str, value: impl Into<Json>) {
    if let Json::Object(fields) = object {
        fields.insert(name.to_owned(), value.into());
    }
}

fn optional(mut found: Json) -> Json {
    let alone = found.get("type").and_then(Json::as_str).map(str::to_owned);
    match alone {
        Some(alone) => {
            set(&mut found, "type", json!([alone, "null"]));
            if let Some(Json::Array(choices)) = found.get_mut("enum") {
                choices.push(Json::Null);
            }
            found
        }
        None => json!({"anyOf": [found, {"type": "null"}]}),
    }
}

fn number(kind: Kind) -> Json {
    let mut found = match kind {
        Kind::Null => return json!({"type": "null"}),
        Kind::Bool => return json!({"type": "boolean"}),
        Kind::F32 | Kind::F64 => json!({"type": "number"}),
        kind if kind.is_node() => return json!({}),
        _ => json!({"type": "integer"}),
    };
    set(&mut found, "x-kind", kind.name());
    let range: Option<(Json, Json)> = match kind {
        Kind::I8 => Some((i8::MIN.into(), i8::MAX.into())),
        Kind::I16 => Some((i16::MIN.into(), i16::MAX.into())),
        Kind::I32 => Some((i32::MIN.into(), i32::MAX.into())),
        Kind::I64 => Some((i64::MIN.into(), i64::MAX.into())),
        Kind::U8 => Some((0.into(), u8::MAX.into())),
        Kind::U16 => Some((0.into(), u16::MAX.into())),
        Kind::U32 => Some((0.into(), u32::MAX.into())),
        Kind::U64 => Some((0.into(), u64::MAX.into())),
        _ => None,
    };
    if let Some((least, most)) = range {
        set(&mut found, "minimum", least);
        set(&mut found, "maximum", most);
    }
    found
}

/// Nested arrays, as JSON has one of several dimensions.
fn array(dtype: &str, shape: &[Option<usize>], live: bool, meta: &Meta) -> Json {
    let kind = DType::new(dtype).ok().and_then(|dtype| dtype.kind());
    let mut element = kind.map_or_else(|| json!({}), number);
    declare(&mut element, kind.unwrap_or(Kind::Null), &of_items(meta));
    let mut found = shape.iter().rev().fold(element, |inner, extent| {
        let mut outer = json!({"type": "array", "items": inner});
        if let Some(extent) = extent {
            set(&mut outer, "minItems", *extent);
            set(&mut outer, "maxItems", *extent);
        }
        outer
    });
    set(
        &mut found,
        "x-kind",
        type_of(&Schema::Array { dtype: dtype.to_owned().into(), shape: shape.to_vec(), live }),
    );
    found
}

/// A table of all fields, with the paths that lead to them.
fn markdown(field: &FieldSchema, store: &str) -> Result<String> {
    let mut rows = Vec::new();
    let root = if field.name.is_empty() { Path::ROOT } else { field.name.parse().unwrap_or(Path::ROOT) };
    match &field.schema {
        Schema::Struct { fields, .. } => add_rows(fields, &root, &mut rows)?,
        _ => rows.push(row(&field.name, field)?),
    }
    let mut table = format!("# {}\n\n", cell(store));
    let headings = ["Field", "Type", "Limits", "Unit", "Default", "Description"];
    for row in
        std::iter::once(headings.map(str::to_owned)).chain([headings.map(|_| "---".to_owned())]).chain(rows)
    {
        table += &format!("| {} |\n", row.join(" | "));
    }
    Ok(table)
}

fn add_rows(fields: &[FieldSchema], under: &Path, rows: &mut Vec<[String; 6]>) -> Result<()> {
    for field in fields {
        let path = under.then(&*field.name);
        rows.push(row(&path.to_string(), field)?);
        let (inner, path) = match &field.schema {
            Schema::List(Some(item)) => (&**item, path.then(0_usize)),
            Schema::Stream { sample, .. } => (&**sample, path),
            other => (other, path),
        };
        if let Schema::Struct { fields, .. } = inner {
            add_rows(fields, &path, rows)?;
        }
    }
    Ok(())
}

fn row(path: &str, field: &FieldSchema) -> Result<[String; 6]> {
    let meta = &field.meta;
    let default = meta.default.as_ref().map(brief).transpose()?.unwrap_or_default();
    let read_only = if meta.read_only { "read-only" } else { "" };
    let limits: Vec<String> =
        [meta.to_string(), read_only.to_owned()].into_iter().filter(|part| !part.is_empty()).collect();
    let code =
        |text: &str| if text.is_empty() { String::new() } else { format!("`{}`", text.replace('`', "'")) };
    let cells = [
        format!("{} {}", code(path), cell(&also(meta))).trim_end().to_owned(),
        cell(&type_of(&field.schema)),
        cell(&limits.join(", ")),
        cell(&meta.unit),
        code(&default),
        cell(&meta.description),
    ];
    Ok(cells.map(|cell| cell.replace('|', "\\|")))
}

/// Text in a table: on one line.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('<', "&lt;")
}
