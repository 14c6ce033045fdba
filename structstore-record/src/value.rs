//! Ways into values.

use structstore::Value;
use structstore::path::Step;

/// What names and indices lead to.
pub(crate) fn inner(value: Value<'static>, way: &[Step]) -> Option<Value<'static>> {
    way.iter().try_fold(value, |value, step| match (value, step) {
        (Value::Struct(fields), Step::Name(name)) => {
            fields.into_iter().find(|(field, _)| **field == **name).map(|(_, value)| value)
        }
        (Value::List(mut items), Step::Index(index)) => {
            (*index < items.len()).then(|| items.swap_remove(*index))
        }
        (Value::Array(array), Step::Index(index)) => {
            array.numbers()?.get(*index).map(|number| Value::Scalar(*number))
        }
        _ => None,
    })
}
