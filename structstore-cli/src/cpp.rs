//! `schema --cpp`: the structs of a store as a header for C++.

use std::collections::BTreeSet;
use std::fmt::Write;

use structstore::typed::{FieldSchema, Schema};
use structstore::{DType, Kind};

use crate::text;
use crate::types::type_of;

/// What C++ and we give a meaning to.
const TAKEN: [&str; 100] = [
    "alignas",
    "alignof",
    "and",
    "and_eq",
    "asm",
    "auto",
    "bitand",
    "bitor",
    "bool",
    "break",
    "case",
    "catch",
    "char",
    "char8_t",
    "char16_t",
    "char32_t",
    "class",
    "compl",
    "concept",
    "const",
    "consteval",
    "constexpr",
    "constinit",
    "const_cast",
    "continue",
    "co_await",
    "co_return",
    "co_yield",
    "decltype",
    "default",
    "delete",
    "do",
    "double",
    "dynamic_cast",
    "else",
    "enum",
    "explicit",
    "export",
    "extern",
    "false",
    "float",
    "for",
    "friend",
    "goto",
    "if",
    "inline",
    "int",
    "long",
    "mutable",
    "namespace",
    "new",
    "noexcept",
    "not",
    "not_eq",
    "nullptr",
    "operator",
    "or",
    "or_eq",
    "private",
    "protected",
    "public",
    "register",
    "reinterpret_cast",
    "requires",
    "return",
    "short",
    "signed",
    "sizeof",
    "static",
    "static_assert",
    "static_cast",
    "struct",
    "switch",
    "template",
    "this",
    "thread_local",
    "throw",
    "true",
    "try",
    "typedef",
    "typeid",
    "typename",
    "union",
    "unsigned",
    "using",
    "virtual",
    "void",
    "volatile",
    "wchar_t",
    "while",
    "xor",
    "xor_eq",
    "structstore",
    "store",
    "Store",
    "std",
    "errno",
    "stdin",
    "stdout",
    "stderr",
];

/// A header with a struct for each struct of a field; `store` is what it is of.
pub(crate) fn header(field: &FieldSchema, store: &str) -> String {
    let namespace = identifier(store.trim_start_matches('/'), &mut BTreeSet::new());
    let (structs, names) = (String::new(), BTreeSet::from(["Store".to_owned()]));
    let mut header = Header { namespace: namespace.clone(), structs, names };
    let root = [field.clone()];
    match &field.schema {
        Schema::Struct { fields, .. } => header.structure("Store", fields),
        _ => header.structure("Store", &root),
    }
    let place = text::line(store).replace('\\', "/");
    format!(
        "// The structs of the store {place}, as `structstore schema --cpp` has found them: `{namespace}::Store fields(*shared);`
#pragma once

#include <structstore.hpp>

namespace {namespace} {{

using namespace structstore::literals;

{}}}  // namespace {namespace}
",
        header.structs
    )
}

struct Header {
    namespace: String,
    structs: String,
    /// Those of the structs.
    names: BTreeSet<String>,
}

impl Header {
    /// Writes a struct, after those that it has.
    fn structure(&mut self, name: &str, fields: &[FieldSchema]) {
        let (mut members, mut names) = (String::new(), BTreeSet::from([name.to_owned()]));
        for field in fields {
            for line in [&*field.meta.description, &about(field)] {
                if !line.is_empty() {
                    let line = text::line(line).replace('\\', "/");
                    let _ = writeln!(members, "    // {line}");
                }
            }
            let (member, key) = (identifier(&field.name, &mut names), literal(&field.name));
            let _ = match self.member(name, field) {
                Member::Variable(of) => writeln!(members, "    {of} {member} = store[{key}];"),
                Member::Struct(of) => writeln!(members, "    {of} {member}{{store[{key}]}};"),
                Member::Function(of, how) => {
                    writeln!(members, "    {of} {member}() const {{ return store[{key}].{how}; }}")
                }
                Member::None => writeln!(members, "    // {member}: as store[{key}]"),
            };
        }
        let _ = writeln!(
            self.structs,
            "struct {name} {{\n    explicit {name}(const structstore::Struct& store) : store(store) {{}}\n\n    structstore::Struct store;\n{members}}};\n"
        );
    }

    fn member(&mut self, parent: &str, field: &FieldSchema) -> Member {
        match &field.schema {
            Schema::Scalar(kind) => number(*kind).map_or(Member::None, |of| Member::Variable(reference(of))),
            Schema::Str => Member::Variable(reference("std::string")),
            Schema::List(_) => Member::Variable("structstore::List".to_owned()),
            Schema::Map(_) => Member::Variable("structstore::Struct".to_owned()),
            Schema::Struct { fields, .. } => {
                let of = format!("{}{}", if parent == "Store" { "" } else { parent }, camel(&field.name));
                let of = identifier(&of, &mut self.names);
                self.structure(&of, fields);
                // A member may have the name of a type.
                Member::Struct(format!("::{}::{of}", self.namespace))
            }
            Schema::Array { dtype, .. } => {
                match DType::new(dtype).ok().and_then(|dtype| dtype.kind()).and_then(number) {
                    Some(of) => Member::Function(format!("structstore::View<{of}>"), format!("view<{of}>()")),
                    None => Member::None,
                }
            }
            Schema::Stream { sample, .. } => match **sample {
                Schema::Scalar(kind) if number(kind).is_some() => {
                    let of = number(kind).unwrap_or_default();
                    Member::Function(format!("structstore::Stream<{of}>"), format!("stream<{of}>()"))
                }
                _ => Member::None,
            },
            _ => Member::None,
        }
    }
}

/// How a field is shown in a struct.
enum Member {
    Variable(String),
    Struct(String),
    /// Its type, and what it calls of the field.
    Function(String, String),
    None,
}

fn reference(of: &str) -> String {
    format!("structstore::Ref<{of}>")
}

/// Type, limits and unit.
fn about(field: &FieldSchema) -> String {
    let limits = [type_of(&field.schema), field.meta.to_string(), field.meta.unit.to_string()];
    limits.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

fn number(kind: Kind) -> Option<&'static str> {
    Some(match kind {
        Kind::Bool => "bool",
        Kind::I8 => "std::int8_t",
        Kind::I16 => "std::int16_t",
        Kind::I32 => "std::int32_t",
        Kind::I64 => "std::int64_t",
        Kind::U8 => "std::uint8_t",
        Kind::U16 => "std::uint16_t",
        Kind::U32 => "std::uint32_t",
        Kind::U64 => "std::uint64_t",
        Kind::F32 => "float",
        Kind::F64 => "double",
        _ => return None,
    })
}

/// A name for C++ that is not used yet: others than letters, digits and single `_` are replaced.
fn identifier(name: &str, used: &mut BTreeSet<String>) -> String {
    let mut found = String::new();
    for character in name.chars() {
        match character {
            'a'..='z' | 'A'..='Z' | '0'..='9' => found.push(character),
            _ if found.ends_with('_') => {}
            _ => found.push('_'),
        }
    }
    if !found.starts_with(|first: char| first.is_ascii_alphabetic()) {
        found.insert_str(0, if found.starts_with('_') { "f" } else { "f_" });
    }
    if TAKEN.contains(&&*found) {
        found.push('_');
    }
    let mut number = 1;
    let base = found.clone();
    while !used.insert(found.clone()) {
        number += 1;
        found = format!("{}_{number}", base.trim_end_matches('_'));
    }
    found
}

/// `max_speed` as `MaxSpeed`.
fn camel(name: &str) -> String {
    let words = name.split(|character: char| !character.is_ascii_alphanumeric());
    let upper = |word: &str| {
        let mut characters = word.chars();
        characters.next().map(|first| first.to_ascii_uppercase().to_string() + characters.as_str())
    };
    words.filter_map(upper).collect()
}

/// A name as a key. Bytes beyond ASCII are octal, since C++ ends those after three digits.
fn literal(name: &str) -> String {
    let mut literal = "\"".to_owned();
    for byte in name.bytes() {
        let _ = match byte {
            b'"' | b'\\' | b'?' => write!(literal, "\\{}", char::from(byte)),
            b' '..=b'~' => write!(literal, "{}", char::from(byte)),
            _ => write!(literal, "\\{byte:03o}"),
        };
    }
    literal + "\"_key"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_those_of_cpp() {
        let mut used = BTreeSet::new();
        let mut of = |name: &str| identifier(name, &mut used);
        assert_eq!(of("speed"), "speed");
        assert_eq!(of("max speed"), "max_speed");
        assert_eq!(of("max-speed"), "max_speed_2");
        assert_eq!(of("int"), "int_");
        assert_eq!(of("2nd"), "f_2nd");
        assert_eq!(of("größe"), "gr_e");
        assert_eq!(of("__x__"), "f_x_");
        assert_eq!(of(""), "f_");
        assert_eq!(of("*/"), "f_2");
        assert_eq!(literal("a\"\\?\0ö1"), r#""a\"\\\?\000\303\2661"_key"#);
        assert_eq!(camel("max_speed-2x"), "MaxSpeed2x");
    }
}
