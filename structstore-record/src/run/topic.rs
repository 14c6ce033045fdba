//! A topic of a recording as it is read, and its messages.

use mcap::Channel;
use structstore::binding_support::from_document;
use structstore::path::{Path, Step};
use structstore::stream::StreamValue;
use structstore::{DType, Value};

use crate::decode::{self, SampleSize, Spec};
use crate::file::{MARKS, ONLY, PATH, SOURCE};
use crate::value::inner;

/// What is recorded of one struct, array or stream. A field that has changed its kind makes another topic of the same name.
#[derive(Debug)]
pub struct Topic {
    /// The name in the file.
    pub name: String,
    /// The path in the store.
    pub path: Path,
    /// What it is of.
    pub source: Source,
    /// How many messages it has.
    pub messages: u64,
    pub(crate) spec: Spec,
    pub(crate) stream: Option<StreamType>,
    /// Of a struct that was recorded in part: which fields were.
    pub(super) only: Option<Vec<String>>,
}

/// What a topic is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The values of a struct, at each look at which one of them had changed.
    Struct,
    /// An array, at each look at which it had changed.
    Array,
    /// All samples of a stream.
    Stream,
    /// Remarks.
    Marks,
}

#[derive(Clone, Debug)]
pub(crate) struct StreamType {
    pub(crate) dtype: DType,
    pub(crate) shape: Vec<usize>,
    pub(crate) depth: u64,
    pub(crate) size: SampleSize,
}

impl Topic {
    pub(super) fn new(channel: &Channel<'_>) -> Option<Topic> {
        let told = |name: &str| channel.metadata.get(name);
        let source = match told(SOURCE)?.as_str() {
            "struct" => Source::Struct,
            "array" => Source::Array,
            "stream" => Source::Stream,
            "marks" if channel.topic == MARKS => Source::Marks,
            _ => return None,
        };
        let schema = channel.schema.as_ref().and_then(|schema| serde_json::from_slice(&schema.data).ok());
        let stream = || {
            let itemsize = told("structstore.itemsize")?.parse().ok()?;
            let dtype = DType::from_descr(told("structstore.dtype")?, itemsize).ok()?;
            let depth = told("structstore.depth")?.parse().ok()?;
            let shape: Vec<usize> = serde_json::from_str(told("structstore.shape")?).ok()?;
            Some(StreamType { size: SampleSize::new(&dtype, &shape), dtype, shape, depth })
        };
        Some(Topic {
            name: channel.topic.clone(),
            path: told(PATH)?.parse().ok()?,
            source,
            messages: 0,
            spec: schema.map_or(Spec::Unknown, |schema| Spec::new(&schema, 0)),
            stream: (source == Source::Stream).then(stream).flatten(),
            only: told(ONLY).and_then(|names| serde_json::from_str(names).ok()),
        })
    }

    /// What a path means in its messages: the whole message, or a way into it.
    pub(super) fn way<'p>(&self, path: &'p Path) -> Option<&'p [Step]> {
        let rest =
            path.starts_with(&self.path).then(|| path.steps().get(self.path.steps().len()..)).flatten()?;
        match (self.source, rest) {
            // One field, and what is in a list.
            (Source::Struct, [Step::Name(name), ..]) => {
                matches!(&self.spec, Spec::Struct(fields) if fields.contains_key(&**name)).then_some(rest)
            }
            (Source::Array, []) | (Source::Stream, _) => Some(rest),
            _ => None,
        }
    }
}

/// One message.
#[derive(Clone, Copy)]
pub(crate) struct Entry<'t, 'm> {
    pub(crate) time: u64,
    pub(crate) topic: &'t Topic,
    pub(crate) data: &'m [u8],
}

impl Entry<'_, '_> {
    /// What it has at a way into it.
    pub(super) fn value(&self, way: &[Step]) -> Result<Option<Value<'static>>, String> {
        let whole = match (self.topic.source, &self.topic.stream) {
            (Source::Struct, _) => {
                let Some(Step::Name(name)) = way.first() else { return Ok(None) };
                let field = decode::field(self.data, name, self.topic.spec.field(name))?;
                return Ok(field.and_then(|field| inner(field, way.get(1..).unwrap_or_default())));
            }
            (Source::Array, _) => Value::Array(decode::of_array(self.data)?),
            // A number of a record: the rest of it is not looked at.
            (Source::Stream, Some(StreamType { dtype, shape, .. }))
                if let ([Step::Name(name)], [], true) = (way, shape.as_slice(), dtype.is_structured())
                    && let spec @ Spec::Number(_) = self.topic.spec.field(name) =>
            {
                return decode::field(self.data, name, spec);
            }
            (_, Some(stream)) => self.sample(stream)?,
            _ => return Ok(None),
        };
        Ok(inner(whole, way))
    }

    /// The value of a sample.
    fn sample(&self, stream: &StreamType) -> Result<Value<'static>, String> {
        let bytes = self.sample_bytes(stream)?;
        let value = StreamValue::new(stream.dtype.clone(), &stream.shape, stream.depth.max(1));
        Ok(value.map_err(|error| error.to_string())?.sample(&bytes).into_owned())
    }

    /// The bytes of a sample.
    pub(crate) fn sample_bytes(&self, stream: &StreamType) -> Result<Vec<u8>, String> {
        let named = |error: String| format!("{}: {error}", self.topic.name);
        let size = stream.size.checked(&stream.dtype, self.data.len()).map_err(named)?;
        if !stream.shape.is_empty() {
            let array = decode::of_array(self.data).map_err(named)?;
            return match array.data().len() {
                found if found as u64 == size => Ok(array.data().to_vec()),
                found => Err(named(format!("found a sample of {found} bytes, expected {size}"))),
            };
        }
        let message = serde_json::from_slice::<Value<'static>>(self.data);
        let message = message.map_err(|error| named(error.to_string()))?;
        let message = from_document(message).map_err(|error| named(error.to_string()))?;
        decode::packed(&stream.dtype, &message).map_err(named)
    }
}
