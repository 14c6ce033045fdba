//! The engine's errors as serde's, kept apart where it says what is wrong.

use std::borrow::Cow;
use std::fmt::Display;

use serde::de::{self, Expected, Unexpected};

use crate::error::{Error, ErrorKind, is_unprintable};

/// How many characters of a string that is there are repeated.
const SHOWN: usize = 64;

fn shortened(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

/// What a type's own code says, or serde's: it may repeat any string that is there.
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
    Error::rejected(reason)
}

/// What was found, in the words of [`Kind`](crate::Kind).
fn found(unexpected: Unexpected<'_>) -> Cow<'static, str> {
    match unexpected {
        Unexpected::Bool(_) => "bool".into(),
        Unexpected::Unsigned(number) => format!("the integer {number}").into(),
        Unexpected::Signed(number) => format!("the integer {number}").into(),
        Unexpected::Float(number) => format!("the number {number:?}").into(),
        Unexpected::Char(_) | Unexpected::Str(_) => "str".into(),
        Unexpected::Bytes(_) => "bytes".into(),
        Unexpected::Unit | Unexpected::Option => "null".into(),
        Unexpected::Seq => "list".into(),
        Unexpected::Map => "struct".into(),
        other => other.to_string().into(),
    }
}

fn wrong_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Error {
    Error::wrong_type(found(unexpected), expected.to_string())
}

fn wrong_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Error {
    let out_of_range = |value: String| Error::out_of_range(value, expected.to_string());
    match unexpected {
        Unexpected::Unsigned(number) => out_of_range(number.to_string()),
        Unexpected::Signed(number) => out_of_range(number.to_string()),
        Unexpected::Float(number) => out_of_range(format!("{number:?}")),
        Unexpected::Other(number) => out_of_range(number.to_owned()),
        Unexpected::Str(text) if text.chars().nth(SHOWN).is_some() => {
            wrong_value(Unexpected::Str(&shortened(text)), expected)
        }
        Unexpected::Char(_) | Unexpected::Str(_) => {
            Error::wrong_type(format!("the {unexpected}"), expected.to_string())
        }
        other => wrong_type(other, expected),
    }
}

fn wrong_length(length: usize, expected: &dyn Expected) -> Error {
    Error::wrong_type(format!("{length} items"), expected.to_string())
}

impl serde::ser::Error for Error {
    fn custom<T: Display>(message: T) -> Self {
        custom(message)
    }
}

impl serde::de::Error for Error {
    fn custom<T: Display>(message: T) -> Self {
        custom(message)
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        wrong_type(unexpected, expected)
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        wrong_value(unexpected, expected)
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        wrong_length(length, expected)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        custom(<de::value::Error as de::Error>::unknown_variant(&shortened(variant), expected))
    }

    fn missing_field(field: &'static str) -> Self {
        Error::new(ErrorKind::NotFound).under(field)
    }

    fn duplicate_field(field: &'static str) -> Self {
        Error::new(ErrorKind::AlreadyExists).under(field)
    }
}
