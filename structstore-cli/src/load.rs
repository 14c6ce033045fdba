//! `load`: a document into a store, or into a part of one.

use std::borrow::Cow;

use structstore::binding_support::{OptionsExt, StructExt};
use structstore::path::Path;
use structstore::{ArrayValue, Cleanup, Error, Item, Kind, Struct, StructStoreShared, Value};

use crate::arguments::Load;
use crate::document::Document;
use crate::failure::{Failure, Result, is_missing};
use crate::patience::Watched;
use crate::way::Way;

pub(crate) fn run(options: &Load) -> Result<u8> {
    // Before a store is created for it.
    let document = Document::read(&options.source, options.format)?;
    let existed = match options.store.change() {
        Ok(_) => true,
        Err(Failure::Missing { .. }) => false,
        Err(Failure::Store(error)) if is_missing(&error) => false,
        Err(failure) => return Err(failure),
    };
    // What is created for it is to stay.
    let store =
        Watched::new(options.store.open(StructStoreShared::options().cleanup(Cleanup::Never).passing())?);
    let filled = fill(&store, &options.path, &document, options.replace);
    if filled.is_err() && !existed {
        // What was created for this is of no use to anybody.
        drop(store);
        let _ = StructStoreShared::options().file(options.store.file).unlink(options.store.place());
    }
    filled.map(|()| 0)
}

/// Puts a document where a path leads to, in one operation.
pub(crate) fn fill(root: &Struct, path: &Path, document: &Document, replace: bool) -> Result<()> {
    let is_struct = |value: &Value<'_>| value.kind() == Kind::Struct;
    match (Way::new(root, path)?, document) {
        (Way::Fields { there: Some(Item::Struct(part)), .. }, Document::Snapshot(snapshot)) if replace => {
            Ok(part.restore(snapshot)?)
        }
        (Way::Fields { there: Some(Item::Struct(part)), .. }, Document::Value(value))
            if replace && is_struct(value) =>
        {
            Ok(part.replace(value)?)
        }
        (Way::Fields { from, names, .. }, Document::Snapshot(snapshot)) => {
            Ok(from.merge_snapshot(&names, snapshot)?)
        }
        (Way::Fields { from, names, there }, Document::Value(value)) => {
            Ok(from.merge(&names, &like(value, there.as_ref()))?)
        }
        (Way::Place(place), Document::Value(value)) => place.set(like(value, Some(&place.get()?))),
        (Way::Place(place), Document::Snapshot(_)) => {
            let found = place.get()?.kind().name();
            Err(Error::wrong_type(found, "struct").below(path.clone()).into())
        }
    }
}

/// The same value with numbers of the types that are there, where these have them, and arrays in place of lists where there are arrays: a
/// document that somebody wrote by hand says no types.
fn like<'v>(value: &'v Value<'_>, there: Option<&Item>) -> Value<'v> {
    match (value, there) {
        (Value::Struct(fields), Some(Item::Struct(part))) => {
            let field = |(name, value): &'v (Cow<'_, str>, Value<'_>)| {
                let there = part.find::<Item>(&**name).ok().flatten();
                (Cow::Borrowed(&**name), like(value, there.as_ref()))
            };
            Value::Struct(fields.iter().map(field).collect())
        }
        (Value::Scalar(scalar), Some(Item::Scalar(there))) => {
            Value::Scalar(scalar.to_kind(there.kind()).unwrap_or(*scalar))
        }
        (Value::List(_), Some(Item::Array(array))) => {
            let like = array.dtype().and_then(|dtype| ArrayValue::from_lists(&dtype, value));
            like.map_or_else(|_| value.into(), Value::from)
        }
        _ => value.into(),
    }
}
