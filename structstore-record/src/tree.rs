//! The state of a store as a recording has it: what was seen last, a struct for each topic.

use std::collections::{BTreeSet, HashMap};

use structstore::path::{Path, Step};
use structstore::{ArrayValue, Value};

use crate::shape::Fields;

/// A struct.
#[derive(Clone, Default)]
pub(crate) struct Node {
    names: Vec<String>,
    fields: HashMap<String, Field>,
}

#[derive(Clone)]
pub(crate) enum Field {
    /// A value that is in the messages of its struct.
    Leaf(Value<'static>),
    /// What has topics of its own.
    Struct(Node),
    Array,
    Stream,
}

impl Field {
    /// How a struct's message calls what has a topic of its own.
    pub(crate) fn part(&self) -> Option<&'static str> {
        match self {
            Field::Leaf(_) => None,
            Field::Struct(_) => Some("struct"),
            Field::Array => Some("array"),
            Field::Stream => Some("stream"),
        }
    }
}

/// What is to be written after a change.
#[derive(Default)]
pub(crate) struct Touched {
    pub(crate) structs: BTreeSet<Path>,
    pub(crate) arrays: Vec<(Path, ArrayValue<'static>)>,
}

impl Node {
    fn new(value: Value<'static>, path: &Path, touched: &mut Touched) -> Node {
        let mut node = Node::default();
        touched.structs.insert(path.clone());
        if let Value::Struct(fields) = value {
            for (name, value) in fields {
                let inner = path.then(&*name);
                node.set(&name, Field::new(value, &inner, touched));
            }
        }
        node
    }

    fn set(&mut self, name: &str, field: Field) {
        if self.fields.insert(name.to_owned(), field).is_none() {
            self.names.push(name.to_owned());
        }
    }

    fn remove(&mut self, name: &str) -> bool {
        let removed = self.fields.remove(name).is_some();
        if removed {
            self.names.retain(|other| other != name);
        }
        removed
    }

    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, &Field)> {
        self.names.iter().filter_map(|name| Some((name.as_str(), self.fields.get(name)?)))
    }

    /// The values that are in messages of this struct.
    pub(crate) fn leaves(&self) -> Fields<'_> {
        self.fields()
            .filter_map(|(name, field)| match field {
                Field::Leaf(value) => Some((name, value)),
                _ => None,
            })
            .collect()
    }

    /// The struct at a path.
    pub(crate) fn at(&self, path: &Path) -> Option<&Node> {
        path.steps().iter().try_fold(self, |node, step| match step {
            Step::Name(name) => match node.fields.get(&**name)? {
                Field::Struct(inner) => Some(inner),
                _ => None,
            },
            Step::Index(_) => None,
        })
    }

    /// Takes note of what is at a path now: `None` if nothing is. The path has names only.
    pub(crate) fn apply(&mut self, path: &Path, value: Option<Value<'static>>, touched: &mut Touched) {
        let Some((last, way)) = path.steps().split_last() else {
            *self = Node::new(value.unwrap_or(Value::Null), path, touched);
            return;
        };
        let mut node = self;
        let mut here = Path::ROOT;
        for step in way {
            let Step::Name(name) = step else { return };
            if !matches!(node.fields.get(&**name), Some(Field::Struct(_))) {
                // It contains what is recorded, and is not recorded itself.
                if value.is_none() {
                    return;
                }
                node.set(name, Field::Struct(Node::default()));
                touched.structs.insert(here.clone());
            }
            here = here.then(&**name);
            let Some(Field::Struct(inner)) = node.fields.get_mut(&**name) else { return };
            node = inner;
        }
        let Step::Name(name) = last else { return };
        let is_part = |field: Option<&Field>| field.and_then(Field::part);
        let before = is_part(node.fields.get(&**name));
        match value {
            None if node.remove(name) => drop(touched.structs.insert(here)),
            None => {}
            Some(value) => {
                let field = Field::new(value, path, touched);
                let after = field.part();
                node.set(name, field);
                // The struct's message has the value, or says what has a topic of its own.
                if after.is_none() || before != after {
                    touched.structs.insert(here);
                }
            }
        }
    }
}

impl Field {
    fn new(value: Value<'static>, path: &Path, touched: &mut Touched) -> Field {
        match value {
            value @ Value::Struct(_) => Field::Struct(Node::new(value, path, touched)),
            Value::Array(array) => {
                touched.arrays.push((path.clone(), array));
                Field::Array
            }
            Value::Stream(_) => Field::Stream,
            leaf => Field::Leaf(leaf),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(node: &Node) -> String {
        let field = |(name, field): (&str, &Field)| match field {
            Field::Leaf(value) => format!("{name}={value}"),
            Field::Struct(inner) => format!("{name}({})", shown(inner)),
            other => format!("{name}:{}", other.part().unwrap()),
        };
        node.fields().map(field).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn changes_touch_the_structs_that_say_so() {
        let mut tree = Node::default();
        let mut apply = |path: &str, value: Option<Value<'static>>| {
            let mut touched = Touched::default();
            tree.apply(&path.parse().unwrap(), value, &mut touched);
            let structs: Vec<String> = touched.structs.iter().map(Path::to_string).collect();
            (shown(&tree), structs.join(" "), touched.arrays.len())
        };
        let pose = Value::record([("x", Value::from(1)), ("inner", Value::record([("y", Value::from(2))]))]);
        let initial = Value::record([("n", Value::from(5)), ("pose", pose)]);
        let said = |tree: &str, structs: &str, arrays| (tree.to_owned(), structs.to_owned(), arrays);
        assert_eq!(apply("", Some(initial)), said("n=5 pose(x=1 inner(y=2))", " pose pose.inner", 0));
        assert_eq!(apply("pose.x", Some(7.into())), said("n=5 pose(x=7 inner(y=2))", "pose", 0));
        assert_eq!(apply("pose.inner", None), said("n=5 pose(x=7)", "pose", 0));
        let frame = || Value::from(ArrayValue::from_slice(&[2], &[1_u8, 2]).unwrap());
        assert_eq!(apply("frame", Some(frame())), said("n=5 pose(x=7) frame:array", "", 1));
        assert_eq!(apply("frame", Some(frame())).1, "", "the array's own topic has it");
        assert_eq!(apply("frame", Some(3.into())), said("n=5 pose(x=7) frame=3", "", 0));
        assert_eq!(apply("gone.x", None), said("n=5 pose(x=7) frame=3", "", 0));
        assert_eq!(apply("pose", Some(Value::Null)), said("n=5 pose=null frame=3", "", 0));
        assert_eq!(apply("of.part", Some(3.into())), said("n=5 pose=null frame=3 of(part=3)", " of", 0));
    }
}
