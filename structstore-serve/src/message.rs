//! What the page asks for, and what it is told; see [`protocol`](crate::protocol).

use serde::{Deserialize, Deserializer};
use structstore::path::Path;

use crate::timeline::Control;

/// The version of the protocol.
pub(crate) const VERSION: u32 = 1;

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum Message {
    Next,
    View(View),
    Plot(Plot),
    Picture(Picture),
    Vector(Vector),
    Table(Table),
    Info { id: u64 },
    Close { id: u64 },
    Set { id: u64, changes: Vec<Change> },
    Read(Read),
    Load(Load),
    Timeline { control: Control },
}

/// The part of the tree that is in view.
#[derive(Deserialize, Default)]
pub(crate) struct View {
    pub(crate) open: Vec<Text>,
    pub(crate) from: usize,
    pub(crate) count: usize,
    #[serde(default)]
    pub(crate) search: String,
}

#[derive(Deserialize)]
pub(crate) struct Plot {
    pub(crate) id: u64,
    pub(crate) lines: Vec<LineOf>,
    /// Where the plot begins, in seconds since 1970. `None`: the last `span` seconds.
    pub(crate) from: Option<f64>,
    pub(crate) span: f64,
    pub(crate) width: f64,
    pub(crate) rate: f64,
}

#[derive(Deserialize, Clone, PartialEq, Eq, Hash)]
pub(crate) struct LineOf {
    pub(crate) path: Text,
    /// The field of a record, for a stream of such.
    pub(crate) column: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Picture {
    pub(crate) id: u64,
    pub(crate) path: Text,
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) low: Option<f64>,
    pub(crate) high: Option<f64>,
    #[serde(default)]
    pub(crate) index: Vec<usize>,
}

#[derive(Deserialize)]
pub(crate) struct Vector {
    pub(crate) id: u64,
    pub(crate) path: Text,
    pub(crate) width: usize,
    #[serde(default)]
    pub(crate) index: Vec<usize>,
}

#[derive(Deserialize)]
pub(crate) struct Table {
    pub(crate) id: u64,
    pub(crate) path: Text,
    pub(crate) row: usize,
    pub(crate) column: usize,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    #[serde(default)]
    pub(crate) index: Vec<usize>,
}

#[derive(Deserialize)]
pub(crate) struct Change {
    pub(crate) path: Text,
    pub(crate) value: String,
    /// What was there when the change was decided on.
    pub(crate) was: Option<String>,
    /// The kind of a field that may be missing.
    pub(crate) create: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Read {
    pub(crate) id: u64,
    pub(crate) path: Text,
    #[serde(rename = "as")]
    pub(crate) format: Format,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    Yaml,
    Json,
    Text,
}

#[derive(Deserialize)]
pub(crate) struct Load {
    pub(crate) id: u64,
    pub(crate) path: Text,
    pub(crate) text: String,
}

/// How many steps a path has at the most: nothing lies deeper, elements of arrays included.
const LONGEST: usize = 256;

/// A path as text. What is no path leads nowhere: a layout of another version may have one.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Text(pub(crate) Path, pub(crate) Option<String>);

impl Text {
    pub(crate) fn new(text: &str) -> Text {
        match text.parse::<Path>() {
            Ok(path) if path.steps().len() > LONGEST => {
                let error = format!("a path of {} steps, expected at most {LONGEST}", path.steps().len());
                Text(path.steps().iter().take(1).cloned().collect(), Some(error))
            }
            Ok(path) => Text(path, None),
            Err(error) => Text(Path::from_iter([text.into()]), Some(structstore::Error::to_string(&error))),
        }
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Text, D::Error> {
        String::deserialize(deserializer).map(|text| Text::new(&text))
    }
}

/// A message to the page.
#[derive(Clone, Debug, PartialEq)]
pub enum Out {
    /// A JSON object.
    Text(String),
    /// A header and data.
    Binary(Vec<u8>),
}

impl Out {
    pub(crate) fn text(message: &serde_json::Value) -> Out {
        Out::Text(message.to_string())
    }
}

/// A binary message: a header, and data that begins at a multiple of eight.
pub(crate) fn binary(header: &serde_json::Value, data: &[u8]) -> Vec<u8> {
    const WORD: usize = 8;
    let mut header = header.to_string().into_bytes();
    let padded = (header.len() + size_of::<u32>()).next_multiple_of(WORD) - size_of::<u32>();
    header.resize(padded, b' ');
    let mut message = Vec::with_capacity(size_of::<u32>() + padded + data.len());
    message.extend_from_slice(&(padded as u32).to_le_bytes());
    message.extend_from_slice(&header);
    message.extend_from_slice(data);
    message
}

/// Numbers as the data of a binary message.
pub(crate) fn numbers<'n>(numbers: impl IntoIterator<Item = &'n f64>) -> Vec<u8> {
    numbers.into_iter().flat_map(|number| number.to_le_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_of_binary_messages_is_aligned() {
        for text in ["", "a", "ab", "abc", "abcd", "abcde", "abcdef", "abcdefg"] {
            let message = binary(&serde_json::json!({ "type": text }), &[1, 2, 3]);
            let (length, rest) = message.split_first_chunk().unwrap();
            let length = u32::from_le_bytes(*length) as usize;
            assert_eq!((length + 4) % 8, 0);
            let header: serde_json::Value = serde_json::from_slice(&rest[..length]).unwrap();
            assert_eq!((header["type"].as_str(), &rest[length..]), (Some(text), &[1, 2, 3][..]));
        }
    }

    #[test]
    fn messages_are_read() {
        let view = r#"{"type": "view", "open": ["a.\"b.c\"", ""], "from": 3, "count": 60}"#;
        let Ok(Message::View(view)) = serde_json::from_str(view) else { panic!("no view") };
        assert_eq!(view.open[0].0.steps(), ["a".into(), "b.c".into()]);
        let plot = r#"{"type": "plot", "id": 7, "lines": [{"path": "x"}], "from": null, "span": 10, "width": 800, "rate": 100}"#;
        assert!(matches!(serde_json::from_str(plot), Ok(Message::Plot(_))));
        let set = r#"{"type": "set", "id": 1, "changes": [{"path": "a..b", "value": "1"}]}"#;
        let Ok(Message::Set { changes, .. }) = serde_json::from_str(set) else { panic!("no change") };
        assert!(changes[0].path.1.is_some());
    }
}
