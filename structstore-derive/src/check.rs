//! What must be true of the fields together.

use std::collections::HashMap;

use crate::parse::{Errors, Input};

/// As in structstore-core's `key.rs`.
const MAX_NAME: usize = 1024;

/// Verifies the fields' names in the store.
///
/// Generated code hands out one `&mut` for each field, so that no two fields may be one in the store.
pub(crate) fn names(input: &Input, errors: &mut Errors) {
    let mut fields = HashMap::new();
    for field in &input.fields {
        let name = field.name.value();
        match name.len() {
            0 => errors.at(&field.name, "a field's name must not be empty"),
            1..=MAX_NAME => (),
            length => errors.at(
                &field.name,
                format_args!("a field's name has at most {MAX_NAME} bytes, this one has {length}"),
            ),
        }
        if let Some(other) = fields.insert(name.clone(), &field.ident) {
            errors.at(
                &field.name,
                format_args!("`{}` would be stored as {name:?}, as `{other}` is already", field.ident),
            );
        }
    }
}
