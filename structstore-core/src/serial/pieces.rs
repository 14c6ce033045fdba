//! Values piece by piece, as they are deserialised: detached ones, and snapshots, for which no value is built.

use std::borrow::Cow;
use std::slice;

use crate::error::{Error, Result};
use crate::value::{Event, SnapshotReader, Value};

/// What is left of a value that is read piece by piece. Streams are read as the values of their newest samples.
pub(super) trait Pieces<'de> {
    /// The next value; of a list or struct its length, and what is in it comes next.
    fn event(&mut self) -> Result<Event<'de>>;

    /// The name of the field whose value comes next.
    fn name(&mut self) -> Result<&'de str>;

    /// Leaves out the next value if that is null, and says so.
    fn null(&mut self) -> Result<bool>;

    /// Leaves out the next value with all in it.
    fn skip(&mut self) -> Result<()>;

    /// A measure of what is left, which changes with every piece.
    fn left(&self) -> usize;
}

impl<'de> Pieces<'de> for SnapshotReader<'de> {
    #[inline(always)]
    fn event(&mut self) -> Result<Event<'de>> {
        SnapshotReader::event(self)
    }

    #[inline(always)]
    fn name(&mut self) -> Result<&'de str> {
        SnapshotReader::name(self)
    }

    #[inline(always)]
    fn null(&mut self) -> Result<bool> {
        self.null()
    }

    fn skip(&mut self) -> Result<()> {
        self.skip()
    }

    #[inline(always)]
    fn left(&self) -> usize {
        self.left()
    }
}

/// Goes through a detached value.
pub(super) struct Walk<'de> {
    /// What comes next, if it is not in what is open.
    next: Option<&'de Value<'de>>,
    /// What is left of the lists and structs that this is in, of those that have not come to their end.
    open: Vec<Open<'de>>,
    /// Counts down the pieces.
    left: usize,
}

enum Open<'de> {
    Items(slice::Iter<'de, Value<'de>>),
    Fields(slice::Iter<'de, (Cow<'de, str>, Value<'de>)>),
}

impl<'de> Walk<'de> {
    pub(super) fn new(value: &'de Value<'_>) -> Walk<'de> {
        Walk { next: Some(value), open: Vec::new(), left: usize::MAX }
    }

    /// The next value, which is not entered.
    #[inline]
    fn value(&mut self) -> Result<&'de Value<'de>> {
        let value = match (self.next.take(), self.open.last_mut()) {
            (None, Some(Open::Items(items))) => {
                let item = items.next();
                if items.len() == 0 {
                    self.open.pop();
                }
                item
            }
            (next, _) => next,
        };
        self.left = self.left.wrapping_sub(1);
        match value {
            Some(Value::Stream(stream)) => Ok(stream.newest_value()),
            Some(value) => Ok(value),
            None => Err(no_more()),
        }
    }
}

#[cold]
fn no_more() -> Error {
    Error::corrupt("a value", "its end too early", "all of its parts")
}

impl<'de> Pieces<'de> for Walk<'de> {
    #[inline]
    fn event(&mut self) -> Result<Event<'de>> {
        Ok(match self.value()? {
            Value::Null => Event::Null,
            Value::Scalar(scalar) => Event::Scalar(*scalar),
            Value::Str(text) => Event::Str(text),
            Value::Bytes(bytes) => Event::Bytes(bytes),
            Value::Array(array) => Event::Array(array.borrowed()),
            Value::Stream(stream) => Event::Stream(stream.borrowed()),
            Value::List(items) => {
                if !items.is_empty() {
                    self.open.push(Open::Items(items.iter()));
                }
                Event::List(items.len())
            }
            Value::Struct(fields) => {
                if !fields.is_empty() {
                    self.open.push(Open::Fields(fields.iter()));
                }
                Event::Struct(fields.len())
            }
        })
    }

    #[inline]
    fn name(&mut self) -> Result<&'de str> {
        let Some(Open::Fields(fields)) = self.open.last_mut() else { return Err(no_more()) };
        let (name, value) = fields.next().ok_or_else(no_more)?;
        if fields.len() == 0 {
            self.open.pop();
        }
        self.next = Some(value);
        self.left = self.left.wrapping_sub(1);
        Ok(name)
    }

    #[inline]
    fn null(&mut self) -> Result<bool> {
        let value = self.value()?;
        let null = matches!(value, Value::Null);
        if !null {
            (self.next, self.left) = (Some(value), self.left.wrapping_add(1));
        }
        Ok(null)
    }

    fn skip(&mut self) -> Result<()> {
        self.value().map(drop)
    }

    #[inline]
    fn left(&self) -> usize {
        self.left
    }
}
