//! `push`: appends to a list.

use structstore::{Error, Item, List};

use crate::arguments::Push;
use crate::failure::{Failure, Result};
use crate::given::{convert, parse};
use crate::path::{self, Place};

pub(crate) fn run(options: &Push) -> Result<u8> {
    let store = options.store.change()?;
    let place = path::last(&store, &options.path)?;
    let list = match (place.find()?, &place) {
        (Some(Item::List(list)), _) => list,
        (None, Place::Field { parent, name, .. }) => {
            let value = parse(&options.value).map_err(|failure| failure.below(&options.path))?;
            // A list that another process has created meanwhile is appended to.
            parent.transaction(|parent| parent.ensure_list(*name)?.push(value))?;
            return Ok(0);
        }
        (found, _) => {
            let found = found.as_ref().map_or("nothing", |item| item.kind().name());
            return Err(Error::wrong_type(found, "list").below(options.path.clone()).into());
        }
    };
    let value = match last(&list)? {
        Some(item) if !options.json => convert(&options.value, &item),
        _ => parse(&options.value),
    };
    list.push(value.map_err(|failure| failure.below(&options.path))?)?;
    Ok(0)
}

/// The last item, if there is one.
fn last(list: &List) -> Result<Option<Item>> {
    match list.len()?.checked_sub(1) {
        Some(index) => list.find(index).map_err(Failure::from),
        None => Ok(None),
    }
}
