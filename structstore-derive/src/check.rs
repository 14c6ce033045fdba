//! What must be true of fields or variants together.

use std::collections::HashMap;

use syn::{Ident, LitStr};

use crate::errors::Errors;

/// As in structstore-core's `key.rs`.
const MAX_NAME: usize = 1024;

/// Verifies names in the store.
///
/// Generated code hands out one `&mut` for each field, so that no two fields may share one in the store.
pub(crate) fn names<'a>(named: impl Iterator<Item = (&'a Ident, &'a LitStr)>, errors: &mut Errors) {
    let mut names = HashMap::new();
    for (ident, literal) in named {
        let name = literal.value();
        match name.len() {
            0 => errors.at(literal, "a field's name must not be empty"),
            1..=MAX_NAME => (),
            length => errors.at(
                literal,
                format_args!("a field's name may have at most {MAX_NAME} bytes; this one has {length}"),
            ),
        }
        if let Some(other) = names.insert(name.clone(), ident) {
            errors
                .at(literal, format_args!("`{ident}` would be stored as {name:?}, but `{other}` already is"));
        }
    }
}
