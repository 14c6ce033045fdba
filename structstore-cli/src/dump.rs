//! `dump`: a store, or a part, as a document.

use std::io::{self, IsTerminal};

use structstore::binding_support::to_document;
use structstore::{Item, Struct, Value};

use crate::arguments::{Dump, Format};
use crate::document::{self, is_standard};
use crate::failure::{Failure, Result};
use crate::json;
use crate::path;

pub(crate) fn run(options: &Dump) -> Result<u8> {
    let format = options.format.or_else(|| Format::of(&options.target)).unwrap_or(Format::Snapshot);
    let terminal = is_standard(&options.target) && io::stdout().is_terminal();
    if terminal && format == Format::Snapshot {
        let message = "a snapshot cannot be written to a terminal; name a file, or use --format json or yaml";
        return Err(Failure::Usage(message.to_owned()));
    }
    if options.plain && format == Format::Snapshot {
        return Err(Failure::Usage("--plain is for JSON and YAML; give --format json or yaml".to_owned()));
    }
    if options.samples && format != Format::Snapshot {
        let message =
            "--samples: JSON and YAML have the newest samples only; write a snapshot, or use `get --last`";
        return Err(Failure::Usage(message.to_owned()));
    }
    let bytes = match format {
        Format::Snapshot => options.store.snapshot(|root| snapshot(root, options))?,
        Format::Json => {
            let value = value(options)?;
            json::text(&document(&value, options, true)?, &options.path, true)?
        }
        Format::Yaml => {
            let value = value(options)?;
            json::yaml(&document(&value, options, false)?, terminal)?.into_bytes()
        }
    };
    document::write(&options.target, &bytes)?;
    Ok(0)
}

fn snapshot(root: &Struct, options: &Dump) -> Result<Vec<u8>> {
    match path::find(root, &options.path)? {
        Item::Struct(part) if options.samples => Ok(part.to_bytes_with_samples()?),
        Item::Struct(part) => Ok(part.to_bytes()?),
        other => {
            let (found, path) = (other.kind().name(), path::shown(&options.path));
            Err(Failure::Other(format!(
                "{path}: found {found}, expected a struct: only structs have snapshots; add --format json or yaml"
            )))
        }
    }
}

fn value(options: &Dump) -> Result<Value<'static>> {
    options.store.snapshot(|root| match path::find(root, &options.path)? {
        Item::Struct(part) => Ok(part.to_value()?),
        // Of a stream, with what it is.
        _ => Ok(root.get_at(&options.path)?),
    })
}

/// What is written of a value in JSON, or else YAML: with tags for what the format lacks or, plain, without any.
fn document<'v>(value: &'v Value<'_>, options: &Dump, json: bool) -> Result<Value<'v>> {
    if options.plain {
        json::numbers_only(value, &options.path, if json { "JSON" } else { "YAML" })?;
        return Ok(value.into());
    }
    to_document(value, json).map_err(|error| error.below(options.path.clone()).into())
}
