//! `describe`, `declare`, `undeclare` and `reset`: metadata of fields.

use std::ops::Bound;

use structstore::path::Path;
use structstore::typed::{FieldSchema, Schema};
use structstore::{Meta, Scalar, Struct};

use crate::arguments::{Declare, Describe, Reset, Undeclare};
use crate::failure::{Failure, Result};
use crate::given::{convert, parse};
use crate::item::brief;
use crate::json;
use crate::output::{FAINT, HEADING, NAME, NUMBER, Output, PLAIN, TEXT, TYPE};
use crate::path::{self, Place};
use crate::schema::{self, of_path};
use crate::text::{self, quoted};
use crate::types::{also, tell, type_of};

pub(crate) fn describe(options: &Describe, output: &mut Output) -> Result<u8> {
    let store = options.store.observe()?;
    let field = of_path(&store, &options.path)?;
    if options.json {
        json::print(&schema::document(&field)?, output)?;
        return Ok(0);
    }
    let name = if options.path.is_root() { options.store.shown() } else { options.path.to_string() };
    output.styled(HEADING, &name);
    output.print(": ");
    match &field.schema {
        Schema::Struct { fields, .. } => {
            output.styled(TYPE, "struct");
            tell(&field.meta, output);
            tree(fields, 1, output);
        }
        other => {
            output.styled(TYPE, &text::line(&type_of(other)));
            output.print("\n");
            details(&field.meta, output)?;
        }
    }
    Ok(0)
}

/// The fields of a struct, one on a line, with those in them.
fn tree(fields: &[FieldSchema], level: usize, output: &mut Output) {
    for field in fields {
        output.print(&"  ".repeat(level));
        output.styled(NAME, &quoted(&field.name));
        output.styled(FAINT, &also(&field.meta));
        output.print(": ");
        let inner = match &field.schema {
            Schema::List(Some(item)) => item,
            other => other,
        };
        output.styled(TYPE, &text::line(&type_of(&field.schema)));
        tell(&field.meta, output);
        if let Schema::Struct { fields, .. } = inner {
            tree(fields, level + 1, output);
        }
    }
}

/// Prints all metadata of a field, one entry per line.
fn details(meta: &Meta, output: &mut Output) -> Result<()> {
    for line in meta.description.lines() {
        output.styled(FAINT, &format!("  {}", text::line(line)));
        output.print("\n");
    }
    let limits = meta.to_string();
    let default = meta.default.as_ref().map(brief).transpose()?;
    for (name, style, value) in [
        ("limits", PLAIN, (!limits.is_empty()).then_some(limits)),
        ("unit", TEXT, (!meta.unit.is_empty()).then(|| meta.unit.clone().into_owned())),
        ("step", NUMBER, meta.step.map(|step| Scalar::F64(step).to_string())),
        ("default", NUMBER, default),
        ("also", NAME, (!meta.aliases.is_empty()).then(|| meta.aliases.join(", "))),
        (
            "growable",
            PLAIN,
            meta.growable.then(|| "other programs may use a longer or shorter array".to_owned()),
        ),
        (
            "widened",
            PLAIN,
            meta.widened.then(|| "programs with a narrower type read what fits it".to_owned()),
        ),
        ("read-only", PLAIN, meta.read_only.then(|| "only the declaring program assigns it".to_owned())),
    ] {
        if let Some(value) = value {
            output.print("  ");
            output.styled(NAME, name);
            output.print(": ");
            output.styled(style, &text::line(&value));
            output.print("\n");
        }
    }
    Ok(())
}

pub(crate) fn declare(options: &Declare) -> Result<u8> {
    let store = options.store.change()?;
    let place = path::last(&store, &options.path)?;
    let there = place.find()?;
    let Place::Field { parent, name, .. } = &place else {
        return Err(Failure::Usage(format!(
            "{}: only a field can have limits; those of a list apply to its items",
            options.path
        )));
    };
    let mut meta = match &there {
        Some(_) if !options.clear => parent.meta(*name)?,
        _ => Meta::new(),
    };
    if let Some(bound) = options.ge.map(Bound::Included).or(options.gt.map(Bound::Excluded)) {
        meta.min = bound;
    }
    if let Some(bound) = options.le.map(Bound::Included).or(options.lt.map(Bound::Excluded)) {
        meta.max = bound;
    }
    meta.finite |= options.finite;
    meta.read_only |= options.read_only;
    meta.growable |= options.growable;
    meta.aliases.extend(options.aliases.iter().map(|alias| alias.clone().into()));
    meta.multiple_of = options.multiple_of.or(meta.multiple_of);
    meta.step = options.step.or(meta.step);
    meta.min_len = options.min_length.or(meta.min_len);
    meta.max_len = options.max_length.or(meta.max_len);
    if !options.choices.is_empty() {
        meta.choices = options.choices.iter().map(|choice| choice.clone().into()).collect();
    }
    if let Some(unit) = &options.unit {
        meta.unit = unit.clone().into();
    }
    if let Some(description) = &options.description {
        meta.description = description.clone().into();
    }
    if let Some(default) = &options.default {
        meta.default = Some(match &there {
            Some(item) => convert(default, item)?,
            None => parse(default)?,
        });
    }
    if there.is_none() && meta.default.is_none() {
        // For an error that suggests a similar name.
        place.get()?;
    }
    parent.declare(*name, &meta)?;
    Ok(0)
}

pub(crate) fn undeclare(options: &Undeclare) -> Result<u8> {
    let store = options.store.change()?;
    let (parent, name) = field(&store, &options.path, "can be declared")?;
    parent.undeclare(name)?;
    Ok(0)
}

pub(crate) fn reset(options: &Reset) -> Result<u8> {
    let store = options.store.change()?;
    let (parent, name) = field(&store, &options.path, "has a default")?;
    parent.reset(name)?;
    Ok(0)
}

/// The struct and the name of a field that is there. `property` is what nothing else has.
fn field<'p>(store: &Struct, path: &'p Path, property: &str) -> Result<(Struct, &'p str)> {
    let place = path::last(store, path)?;
    place.get()?;
    match place {
        Place::Field { parent, name, .. } => Ok((parent, name)),
        _ => Err(Failure::Usage(format!("{path}: only a field {property}"))),
    }
}
