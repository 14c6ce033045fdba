//! Paths: the way from a store's root to something in it, as errors print it. `camera.lenses[2]."f.number"`
//!
//! Names are separated by dots, indices are in brackets. A name that has a dot, a bracket, a quote, a backslash or
//! control characters in it is written in double quotes, with the escapes of JSON; any name may be.

use std::fmt::{self, Write};
use std::str::FromStr;

use structstore::{Error, Item, Kind, List, Struct, Value};

use crate::failure::{Failure, Result};
use crate::text::{self, quoted};

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    Field(String),
    Item(usize),
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Path(pub(crate) Vec<Step>);

impl FromStr for Path {
    type Err = String;

    fn from_str(text: &str) -> Result<Path, String> {
        let mut steps = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('[') {
                let (index, after) = after.split_once(']').ok_or("a bracket is not closed")?;
                let index = index.parse().map_err(|_| format!("`{index}` is no index"))?;
                steps.push(Step::Item(index));
                rest = after;
                continue;
            }
            if !steps.is_empty() {
                rest = rest.strip_prefix('.').ok_or("a dot or a bracket is missing")?;
            }
            let (name, after) = if rest.starts_with('"') { quoted_name(rest)? } else { plain_name(rest)? };
            steps.push(Step::Field(name));
            rest = after;
        }
        Ok(Path(steps))
    }
}

fn plain_name(text: &str) -> Result<(String, &str), String> {
    let end = text.find(['.', '[', ']', '"']).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    match name {
        "" => Err("a name is missing; a name with dots or brackets is written in double quotes".to_owned()),
        _ => Ok((name.to_owned(), rest)),
    }
}

/// The name in the quotes that the text begins with, and what follows.
fn quoted_name(text: &str) -> Result<(String, &str), String> {
    let mut names = serde_json::Deserializer::from_str(text).into_iter::<String>();
    match names.next() {
        Some(Ok(name)) => Ok((name, text.get(names.byte_offset()..).unwrap_or_default())),
        _ => Err("a quoted name is not closed, or has escapes that JSON does not know".to_owned()),
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Item(index) => write!(f, "[{index}]")?,
                Step::Field(name) => {
                    if at > 0 {
                        f.write_char('.')?;
                    }
                    f.write_str(&quoted(name))?;
                }
            }
        }
        Ok(())
    }
}

impl Path {
    pub(crate) fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn starts_with(&self, other: &Path) -> bool {
        self.0.starts_with(&other.0)
    }

    /// The path of what has the last step; of the root, the root.
    pub(crate) fn parent(&self) -> Path {
        Path(self.0.split_last().map(|(_, way)| way.to_vec()).unwrap_or_default())
    }

    /// What a path from here leads to, as a path from the root.
    pub(crate) fn join(&self, path: &str) -> Result<Path> {
        let further = path.parse::<Path>().map_err(|error| Failure::Other(format!("{path}: {error}")))?;
        Ok(Path([self.0.clone(), further.0].concat()))
    }

    /// The path of something in what this leads to.
    pub(crate) fn then(&self, step: Step) -> Path {
        let mut steps = self.0.clone();
        steps.push(step);
        Path(steps)
    }

    /// What the path leads to.
    pub(crate) fn find(&self, root: &Struct) -> Result<Item> {
        let mut found = Item::Struct(root.clone());
        for at in 0..self.0.len() {
            found = self.place(found, at)?.get()?;
        }
        Ok(found)
    }

    /// Where what the path leads to is, or would be. The root is nowhere.
    pub(crate) fn last(&self, root: &Struct) -> Result<Place<'_>> {
        let Some((_, way)) = self.0.split_last() else {
            return Err(Failure::Usage("a path is needed: the root itself is no field".to_owned()));
        };
        self.place(Path(way.to_vec()).find(root)?, way.len())
    }

    /// The place that the step at `at` leads to from what is found there.
    fn place(&self, found: Item, at: usize) -> Result<Place<'_>> {
        let here = Path(self.0.get(..at).unwrap_or_default().to_vec());
        match (found, self.0.get(at)) {
            (Item::Struct(parent), Some(Step::Field(name))) => Ok(Place::Field { parent, here, name }),
            (Item::List(parent), Some(Step::Item(index))) => Ok(Place::Item { parent, index: *index }),
            (found, step) => {
                let expected = if matches!(step, Some(Step::Field(_))) { "struct" } else { "list" };
                let found = kind(&found).name().into();
                Err(Error::WrongType { path: here.to_string(), found, expected: expected.into() }.into())
            }
        }
    }
}

/// What kind of value an item is.
pub(crate) fn kind(item: &Item) -> Kind {
    match item {
        Item::Scalar(scalar) => scalar.kind(),
        Item::Text(_) => Kind::Text,
        Item::Bytes(_) => Kind::Bytes,
        Item::List(_) => Kind::List,
        Item::Struct(_) => Kind::Struct,
        Item::Array(_) => Kind::Array,
        _ => Kind::Null,
    }
}

/// A field or an item.
pub(crate) enum Place<'p> {
    /// Of a struct, which is here.
    Field {
        parent: Struct,
        here: Path,
        name: &'p str,
    },
    Item {
        parent: List,
        index: usize,
    },
}

impl Place<'_> {
    pub(crate) fn get(&self) -> Result<Item> {
        match self {
            Place::Field { parent, name, .. } => parent.find(*name)?.ok_or_else(|| self.missing()),
            Place::Item { parent, index } => Ok(parent.get(*index)?),
        }
    }

    /// The same, if there is such a field.
    pub(crate) fn find(&self) -> Result<Option<Item>> {
        match self {
            Place::Field { parent, name, .. } => Ok(parent.find(*name)?),
            Place::Item { parent, index } => Ok(Some(parent.get(*index)?)),
        }
    }

    pub(crate) fn set(&self, value: Value<'_>) -> Result<()> {
        match self {
            Place::Field { parent, name, .. } => Ok(parent.set(*name, value)?),
            Place::Item { parent, index } => Ok(parent.set(*index, value)?),
        }
    }

    pub(crate) fn remove(&self) -> Result<()> {
        match self {
            Place::Field { parent, name, .. } => match parent.remove(*name) {
                Err(Error::NotFound { .. }) => Err(self.missing()),
                other => Ok(other?),
            },
            Place::Item { parent, index } => Ok(parent.remove(*index).map(drop)?),
        }
    }

    /// The failure for a field that is not there, with the path of one that has nearly that name.
    fn missing(&self) -> Failure {
        let Place::Field { parent, here, name } = self else {
            return Failure::Missing { what: "no such item".to_owned(), near: None };
        };
        let path_of = |name: &str| here.then(Step::Field(name.to_owned())).to_string();
        let names = parent.names().unwrap_or_default();
        let near = text::nearest(name, names.iter().map(String::as_str)).map(path_of);
        Failure::Missing { what: format!("{}: no such field", path_of(name)), near }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(text: &str) -> Result<Vec<Step>, String> {
        text.parse::<Path>().map(|path| path.0)
    }

    fn field(name: &str) -> Step {
        Step::Field(name.to_owned())
    }

    #[test]
    fn paths_are_read_as_they_are_printed() {
        for (text, expected) in [
            ("", vec![]),
            ("a", vec![field("a")]),
            ("a.b[2].c", vec![field("a"), field("b"), Step::Item(2), field("c")]),
            ("a[0][1]", vec![field("a"), Step::Item(0), Step::Item(1)]),
            (
                r#"two words."f.number"."say \"no\"\n""#,
                vec![field("two words"), field("f.number"), field("say \"no\"\n")],
            ),
            (r#""\u001b[2J"[3]"#, vec![field("\u{1b}[2J"), Step::Item(3)]),
        ] {
            assert_eq!(steps(text).as_deref(), Ok(expected.as_slice()), "{text}");
            assert_eq!(Path(expected).to_string(), text);
        }
        assert_eq!(steps(r#""plain""#), Ok(vec![field("plain")]));
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for text in [
            ".", "a.", "a..b", "a[", "a[x]", "a[-1]", "a[0]b", "a]", "\"a", "\"a\"b", "a\"b\"", "[0].",
            "\"\\x\"",
        ] {
            assert!(steps(text).is_err(), "{text}");
        }
    }

    #[test]
    fn errors_of_the_store_print_paths_that_can_be_read() {
        let store = structstore::StructStore::new();
        let names = ["a.b", "c[0]", "say \"no\"", "\u{1b}", "plain one", "back\\slash"];
        for name in names {
            store.nested(name).unwrap();
            let error = store.at(name).unwrap().get::<i32>("x.y").unwrap_err();
            assert_eq!(steps(error.path().unwrap()), Ok(vec![field(name), field("x.y")]));
        }
    }
}
