//! The engine's errors as serde's, kept apart where it says what is wrong.

use std::borrow::Cow;
use std::fmt::Display;

use serde::de::{self, Expected, Unexpected};

use crate::error::{Error, is_unprintable, quoted};

/// How many characters of a text that is there are repeated.
const SHOWN: usize = 64;

fn shortened(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

/// What a type's own code says, or serde's: it may repeat any text that is there.
#[cold]
fn custom(message: impl Display) -> Error {
    let mut reason = String::new();
    for character in message.to_string().chars() {
        match character {
            '\n' | '\t' => reason.push(character),
            other if is_unprintable(other) => reason.extend(other.escape_unicode()),
            other => reason.push(other),
        }
    }
    Error::Rejected { path: String::new(), reason }
}

/// What was found, in the words of [`Kind`](crate::Kind).
fn found(unexpected: Unexpected<'_>) -> Cow<'static, str> {
    match unexpected {
        Unexpected::Bool(_) => "bool".into(),
        Unexpected::Unsigned(number) => format!("the integer {number}").into(),
        Unexpected::Signed(number) => format!("the integer {number}").into(),
        Unexpected::Float(number) => format!("the number {number:?}").into(),
        Unexpected::Char(_) | Unexpected::Str(_) => "text".into(),
        Unexpected::Bytes(_) => "bytes".into(),
        Unexpected::Unit | Unexpected::Option => "null".into(),
        Unexpected::Seq => "list".into(),
        Unexpected::Map => "struct".into(),
        other => other.to_string().into(),
    }
}

fn wrong_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Error {
    Error::WrongType { path: String::new(), found: found(unexpected), expected: expected.to_string().into() }
}

fn wrong_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Error {
    let out_of_range = |value: String| Error::OutOfRange {
        path: String::new(),
        value,
        expected: expected.to_string().into(),
    };
    match unexpected {
        Unexpected::Unsigned(number) => out_of_range(number.to_string()),
        Unexpected::Signed(number) => out_of_range(number.to_string()),
        Unexpected::Float(number) => out_of_range(format!("{number:?}")),
        Unexpected::Other(number) => out_of_range(number.to_owned()),
        Unexpected::Str(text) if text.chars().nth(SHOWN).is_some() => {
            wrong_value(Unexpected::Str(&shortened(text)), expected)
        }
        Unexpected::Char(_) | Unexpected::Str(_) => Error::WrongType {
            path: String::new(),
            found: format!("the {unexpected}").into(),
            expected: expected.to_string().into(),
        },
        other => wrong_type(other, expected),
    }
}

fn wrong_length(length: usize, expected: &dyn Expected) -> Error {
    Error::WrongType {
        path: String::new(),
        found: format!("{length} items").into(),
        expected: expected.to_string().into(),
    }
}

// In a box as well, for it is how errors travel inside of this crate.
macro_rules! errors_of_serde {
    ($($type:ty),*) => {$(
        impl serde::ser::Error for $type {
            fn custom<T: Display>(message: T) -> Self {
                custom(message).into()
            }
        }

        impl serde::de::Error for $type {
            fn custom<T: Display>(message: T) -> Self {
                custom(message).into()
            }

            fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
                wrong_type(unexpected, expected).into()
            }

            fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
                wrong_value(unexpected, expected).into()
            }

            fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
                wrong_length(length, expected).into()
            }

            fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
                custom(<de::value::Error as de::Error>::unknown_variant(&shortened(variant), expected)).into()
            }

            fn missing_field(field: &'static str) -> Self {
                Error::NotFound { path: quoted(field).into_owned() }.into()
            }

            fn duplicate_field(field: &'static str) -> Self {
                Error::AlreadyExists { path: quoted(field).into_owned() }.into()
            }
        }
    )*};
}
errors_of_serde!(Error, Box<Error>);

/// Puts the field that contains what an error is about in front of its path.
#[cold]
#[expect(clippy::boxed_local, reason = "it comes in a box and goes on in one")]
pub(super) fn under(error: Box<Error>, name: &str) -> Box<Error> {
    error.under(name).into()
}

/// The same for an item of a list.
#[cold]
#[expect(clippy::boxed_local, reason = "it comes in a box and goes on in one")]
pub(super) fn under_index(error: Box<Error>, index: usize) -> Box<Error> {
    error.under_index(index).into()
}
