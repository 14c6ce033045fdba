//! `check`: whether a store is sound.

use serde_json::json;
use structstore::ErrorKind;

use crate::arguments::Check;
use crate::failure::{Failure, NO, Result};
use crate::json;
use crate::output::{BAD, Output};
use crate::text;

pub(crate) fn run(options: &Check, output: &mut Output) -> Result<u8> {
    let opened = if options.lock { options.store.change() } else { options.store.observe() };
    let checked = opened.and_then(|store| Ok(store.check()?));
    let damage = match checked {
        Ok(()) => None,
        Err(Failure::Store(error)) if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Mismatch) => {
            Some(error.to_string())
        }
        Err(failure) => return Err(failure),
    };
    if options.json {
        json::print(
            &json!({ "name": options.store.shown(), "sound": damage.is_none(), "damage": damage }),
            output,
        )?;
    } else if let Some(damage) = &damage {
        output.print(&format!("{}: ", options.store.shown()));
        output.styled(BAD, "damaged");
        output.print(&format!(": {}\n", text::line(damage)));
    } else {
        output.print(&format!("{}: sound\n", options.store.shown()));
    }
    Ok(if damage.is_none() { 0 } else { NO })
}
