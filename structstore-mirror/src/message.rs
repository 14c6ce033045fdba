//! The messages between owner and follower: values of a store as its snapshots are, which are checked as a whole before they are used.

use structstore::binding_support::Whole;
use structstore::path::Path;
use structstore::{Meta, Value};

/// What is wrong with a message.
pub(crate) type Result<T> = std::result::Result<T, String>;

/// How far a part has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Of an owner: another one after each start.
    pub(crate) epoch: u64,
    /// How many deltas there were.
    pub(crate) seq: u64,
    /// When, in nanoseconds since 1970 by the owner's clock.
    pub(crate) time: u64,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Message {
    /// What changed, as of one moment. Paths are those in the store.
    Delta {
        mark: Mark,
        bulk: u64,
        set: Vec<(Path, Value<'static>)>,
        gone: Vec<Path>,
        metas: Vec<(Path, Meta)>,
    },
    /// All of a part: nothing if it is not there.
    State { mark: Mark, bulk: u64, value: Option<Value<'static>>, metas: Vec<(Path, Meta)> },
    /// Nothing but how far the owner is, and the newest numbers of arrays that have changed of late.
    Beat { mark: Mark, arrays: Vec<(Path, u64)> },
    /// A large array.
    Array { mark: Mark, number: u64, path: Path, value: Value<'static> },
    /// Samples of a stream, each with its number and its time.
    Samples { mark: Mark, path: Path, samples: Vec<(u64, u64, Vec<u8>)> },
    /// What a follower asks the owner to assign, or to remove.
    Change { set: Vec<(Path, Value<'static>)>, gone: Vec<Path> },
    /// The answer: why not, if it was refused.
    Answer { refused: Option<String> },
}

/// A field of a message.
type Field<'a> = (&'static str, Value<'a>);

fn paths<'p>(paths: impl IntoIterator<Item = &'p Path>) -> Value<'static> {
    Value::list(paths.into_iter().map(|path| Value::from(path.to_string())))
}

fn pairs<'a>(pairs: &'a [(Path, Value<'_>)]) -> Value<'a> {
    Value::list(pairs.iter().map(|(path, value)| Value::List(vec![path.to_string().into(), value.into()])))
}

fn numbered(pairs: &[(Path, u64)]) -> Value<'static> {
    Value::list(
        pairs.iter().map(|(path, number)| Value::List(vec![path.to_string().into(), (*number).into()])),
    )
}

impl Message {
    /// The bytes of a message.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>> {
        let of = |mark: &Mark| -> Vec<Field<'_>> {
            vec![("epoch", mark.epoch.into()), ("seq", mark.seq.into()), ("time", mark.time.into())]
        };
        let none: &[(Path, Meta)] = &[];
        let (kind, fields, metas): (&str, Vec<Field<'_>>, &[(Path, Meta)]) = match self {
            Message::Delta { mark, bulk, set, gone, metas } => {
                let own = vec![("bulk", (*bulk).into()), ("set", pairs(set)), ("gone", paths(gone))];
                ("delta", [of(mark), own].concat(), metas)
            }
            Message::State { mark, bulk, value, metas } => {
                let value = Value::list(value.iter().map(Value::from));
                ("state", [of(mark), vec![("bulk", (*bulk).into()), ("value", value)]].concat(), metas)
            }
            Message::Beat { mark, arrays } => {
                ("beat", [of(mark), vec![("arrays", numbered(arrays))]].concat(), none)
            }
            Message::Array { mark, number, path, value } => {
                let own = vec![
                    ("number", (*number).into()),
                    ("path", path.to_string().into()),
                    ("value", value.into()),
                ];
                ("array", [of(mark), own].concat(), none)
            }
            Message::Samples { mark, path, samples } => {
                let sample = |(seq, time, data): &(u64, u64, Vec<u8>)| {
                    Value::List(vec![(*seq).into(), (*time).into(), Value::bytes(data.clone())])
                };
                let samples = Value::List(samples.iter().map(sample).collect());
                (
                    "samples",
                    [of(mark), vec![("path", path.to_string().into()), ("samples", samples)]].concat(),
                    none,
                )
            }
            Message::Change { set, gone } => {
                ("change", vec![("set", pairs(set)), ("gone", paths(gone))], none)
            }
            Message::Answer { refused } => {
                ("answer", vec![("refused", refused.as_deref().map_or(Value::Null, Value::from))], none)
            }
        };
        let fields = std::iter::once(("kind", Value::from(kind))).chain(fields);
        let whole = Whole { value: Value::record(fields), metas: metas.to_vec(), versions: Vec::new() };
        whole.to_bytes().map_err(|error| error.to_string())
    }

    /// Reads a message, of whatever peer.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Message> {
        let Whole { value, metas, .. } = Whole::from_bytes(bytes).map_err(|error| error.to_string())?;
        let Value::Struct(fields) = value.into_owned() else {
            return Err("a message that is not a struct".to_owned());
        };
        let mut fields = Fields(fields.into_iter().map(|(name, value)| (name.into_owned(), value)).collect());
        let kind = fields.text("kind")?;
        Ok(match kind.as_str() {
            "delta" => {
                let (mark, bulk) = (fields.mark()?, fields.number("bulk")?);
                Message::Delta { mark, bulk, set: fields.pairs("set")?, gone: fields.paths("gone")?, metas }
            }
            "state" => {
                let (mark, bulk) = (fields.mark()?, fields.number("bulk")?);
                Message::State { mark, bulk, value: fields.list("value")?.into_iter().next(), metas }
            }
            "beat" => {
                let (mark, arrays) = (fields.mark()?, fields.pairs("arrays")?);
                let number = |(path, value): (Path, Value<'_>)| Ok((path, number(&value)?));
                Message::Beat { mark, arrays: arrays.into_iter().map(number).collect::<Result<_>>()? }
            }
            "array" => {
                let (mark, number) = (fields.mark()?, fields.number("number")?);
                Message::Array { mark, number, path: fields.path("path")?, value: fields.take("value")? }
            }
            "samples" => {
                let (mark, path) = (fields.mark()?, fields.path("path")?);
                let samples = fields.list("samples")?.into_iter().map(sample).collect::<Result<_>>()?;
                Message::Samples { mark, path, samples }
            }
            "change" => Message::Change { set: fields.pairs("set")?, gone: fields.paths("gone")? },
            "answer" => {
                let refused = match fields.take("refused")? {
                    Value::Str(reason) => Some(reason.into_owned()),
                    _ => None,
                };
                Message::Answer { refused }
            }
            other => return Err(format!("a message of the kind {other:?}")),
        })
    }
}

struct Fields(Vec<(String, Value<'static>)>);

impl Fields {
    fn take(&mut self, name: &str) -> Result<Value<'static>> {
        let at = self.0.iter().position(|(field, _)| field == name);
        at.map(|at| self.0.swap_remove(at).1).ok_or_else(|| format!("a message without {name:?}"))
    }

    fn number(&mut self, name: &str) -> Result<u64> {
        number(&self.take(name)?)
    }

    fn text(&mut self, name: &str) -> Result<String> {
        String::try_from(self.take(name)?).map_err(|error| error.to_string())
    }

    fn path(&mut self, name: &str) -> Result<Path> {
        path(&self.text(name)?)
    }

    fn list(&mut self, name: &str) -> Result<Vec<Value<'static>>> {
        match self.take(name)? {
            Value::List(items) => Ok(items),
            other => Err(format!("{name:?}: found {}, expected a list", other.kind().name())),
        }
    }

    fn pairs(&mut self, name: &str) -> Result<Vec<(Path, Value<'static>)>> {
        let pair = |item: Value<'static>| match item {
            Value::List(mut pair) if pair.len() == 2 => match (pair.pop(), pair.pop()) {
                (Some(value), Some(Value::Str(text))) => Ok((path(&text)?, value)),
                _ => Err("a pair without a path".to_owned()),
            },
            _ => Err("an item that is not a pair".to_owned()),
        };
        self.list(name)?.into_iter().map(pair).collect()
    }

    fn paths(&mut self, name: &str) -> Result<Vec<Path>> {
        let one = |item: Value<'static>| match item {
            Value::Str(text) => path(&text),
            _ => Err("an item that is not a path".to_owned()),
        };
        self.list(name)?.into_iter().map(one).collect()
    }

    fn mark(&mut self) -> Result<Mark> {
        Ok(Mark { epoch: self.number("epoch")?, seq: self.number("seq")?, time: self.number("time")? })
    }
}

fn number(value: &Value<'_>) -> Result<u64> {
    u64::try_from(value).map_err(|error| error.to_string())
}

fn path(text: &str) -> Result<Path> {
    text.parse().map_err(|error: structstore::Error| error.to_string())
}

fn sample(value: Value<'static>) -> Result<(u64, u64, Vec<u8>)> {
    match value {
        Value::List(parts) => match &*parts {
            [seq, time, Value::Bytes(data)] => Ok((number(seq)?, number(time)?, data.to_vec())),
            _ => Err("an item that is not a sample".to_owned()),
        },
        _ => Err("an item that is not a sample".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Path {
        text.parse().unwrap()
    }

    #[test]
    fn messages_are_read_as_they_were_written() {
        let mark = Mark { epoch: u64::MAX, seq: 7, time: 5 };
        let set = vec![
            (at("arm.x"), Value::from(0.5)),
            (at(r#""a.b""#), Value::record([("n", Value::from(7_u8))])),
        ];
        let metas = vec![(at("arm.x"), Meta::new().range(0.0..=1.0).unit("m"))];
        for message in [
            Message::Delta { mark, bulk: 3, set: set.clone(), gone: vec![at("old")], metas: metas.clone() },
            Message::State { mark, bulk: 3, value: Some(Value::Null), metas },
            Message::State { mark, bulk: 0, value: None, metas: Vec::new() },
            Message::Beat { mark, arrays: vec![(at("camera"), 9)] },
            Message::Array { mark, number: 4, path: at("camera"), value: Value::list([1, 2]) },
            Message::Samples { mark, path: at("imu"), samples: vec![(1, 2, vec![3, 4]), (2, 3, Vec::new())] },
            Message::Change { set, gone: Vec::new() },
            Message::Answer { refused: Some("no".to_owned()) },
            Message::Answer { refused: None },
        ] {
            assert_eq!(Message::from_bytes(&message.to_bytes().unwrap()).unwrap(), message);
        }
    }

    proptest! {
        #[test]
        fn other_bytes_are_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Message::from_bytes(&bytes).is_err());
        }

        #[test]
        fn damaged_messages_are_an_error(at in 0_usize..1000, by in 1_u8..) {
            let mark = Mark { epoch: 1, seq: 7, time: 5 };
            let message = Message::Array { mark, number: 4, path: "camera".parse().unwrap(), value: Value::list([1, 2]) };
            let mut bytes = message.to_bytes().unwrap();
            let at = at % bytes.len();
            bytes[at] ^= by;
            prop_assert!(Message::from_bytes(&bytes).is_err());
        }
    }
}
