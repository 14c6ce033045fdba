//! `get`, `set` and `rm`: one field or item.

use structstore::binding_support::{StructExt, hex, not_finite};
use structstore::{Item, Scalar};

use crate::arguments::{Get, Remove, Set};
use crate::export;
use crate::failure::{Failure, Result};
use crate::given::{convert, parse};
use crate::item::value;
use crate::json;
use crate::output::Output;
use crate::path;
use crate::stream;
use crate::text;
use crate::way::Way;

pub(crate) fn get(options: &Get, output: &mut Output) -> Result<u8> {
    if let Some(count) = options.last {
        return stream::last(options, count, output);
    }
    if let Some(target) = options.npy.as_ref().or(options.png.as_ref()) {
        return export::run(options, target);
    }
    let store = options.store.observe()?;
    let found = path::find(&store, &options.path)?;
    let terminal = output.is_terminal();
    match &found {
        Item::Str(text) if !options.json => {
            if terminal {
                output.print(&text::printable(text));
            } else {
                output.print(text);
            }
            output.print("\n");
        }
        Item::Bytes(bytes) if !options.json && !terminal => output.write(bytes),
        Item::Bytes(bytes) if !options.json => {
            output.print(&hex(bytes));
            output.print("\n");
        }
        Item::Scalar(scalar @ (Scalar::F32(_) | Scalar::F64(_))) if !options.json => {
            output.print(&format!("{scalar}\n"));
        }
        _ => {
            let value = options.store.snapshot(|root| value(&path::find(root, &options.path)?))?;
            // For people, who are shown by name what JSON has not.
            match !options.json && terminal && not_finite(&value).is_some() {
                true => output.print(&format!("{value:#}\n")),
                false => output.write(&json::text(&value, &options.path, terminal)?),
            }
        }
    }
    Ok(0)
}

pub(crate) fn set(options: &Set) -> Result<u8> {
    let store = options.store.change()?;
    if options.parents
        && let Way::Fields { from, names, there: None } = Way::new(&store, &options.path)?
    {
        let value = parse(&options.value).map_err(|failure| failure.below(&options.path))?;
        from.merge(&names, &value)?;
        return Ok(0);
    }
    let place = path::last(&store, &options.path).map_err(|failure| match failure {
        Failure::Missing { what, near } => {
            Failure::Missing { what: format!("{what}, which --parents would create"), near }
        }
        other => other,
    })?;
    let there = if options.json { None } else { place.find()? };
    let value = match &there {
        None => parse(&options.value),
        Some(item) => convert(&options.value, item),
    };
    place.set(value.map_err(|failure| failure.below(&options.path))?)?;
    Ok(0)
}

pub(crate) fn remove(options: &Remove) -> Result<u8> {
    let store = options.store.change()?;
    let place = path::last(&store, &options.path)?;
    match options.force {
        true => {
            // For an error that suggests a similar name.
            place.get()?;
            store.delete_forced_at(&options.path)?;
        }
        false => place.remove()?,
    }
    Ok(0)
}
