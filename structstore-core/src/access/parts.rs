//! Reading a struct or list a part at a time: for those who may not take a lock, and are disturbed whenever they read it
//! as a whole.
//!
//! Each field is read as of one moment, but not all of the same one. What is there all the time is seen, what comes or
//! goes meanwhile may be.

use std::borrow::Cow;
use std::collections::HashSet;

use super::{Access, Near};
use crate::arena::Arena;
use crate::arena::layout::Node;
use crate::error::{Error, ErrorKind, Result};
use crate::key::Key;
use crate::node::structure::{self, Step};
use crate::node::{Extent, Raw, Shallow, kind_of, list, read_shallow};
use crate::value::{Kind, Value, deeper};

/// How often a node is tried to be read as a whole.
const WHOLE_TRIES: usize = 30;

/// How often a slot is looked at whose structure is replaced all the time.
const PART_TRIES: usize = 1000;

/// The same for those who do not wait.
const ESTIMATE_TRIES: usize = 5;

impl Near<'_> {
    /// The node's own contents: as of one moment, or of more than one where it is changed all the time and this process
    /// may not take a lock.
    pub(crate) fn read_contents(&self) -> Result<Shallow> {
        if self.arena().writable() {
            return self.read(read_shallow);
        }
        let whole = self.read_patiently(WHOLE_TRIES, read_shallow)?;
        match (whole, kind_of(self.node())) {
            (Some(contents), _) => Ok(contents),
            (None, Ok(Kind::Struct)) => self.fields_in_parts().map(Shallow::Struct),
            (None, Ok(Kind::List)) => self.items_in_parts().map(Shallow::List),
            (None, _) => self.read(read_shallow),
        }
    }

    /// The value of the node and all below it: each node as of one moment, but not all of the same one. What comes or goes
    /// meanwhile may be there or not; nothing else stands in the place of what is there all the time. Parts that a guard of
    /// this thread holds are replaced by a remark.
    pub(crate) fn value_by_node(&self, depth: usize, extent: &Extent<'_>) -> Result<Value<'static>> {
        let contents = match self.read_contents() {
            Err(error) if error.kind() == ErrorKind::HeldByGuard => {
                return Ok("<held by a guard of this thread>".into());
            }
            other => other?,
        };
        extent.add(self.arena(), contents.bytes())?;
        Ok(match contents {
            Shallow::Str(text) => text.into(),
            Shallow::Bytes(bytes) => Value::Bytes(bytes.into()),
            Shallow::Array(array) => Value::Array(array),
            Shallow::Stream(stream) => Value::Stream(stream),
            Shallow::List(items) => {
                let mut values = Vec::with_capacity(items.len());
                for (index, raw) in items.into_iter().enumerate() {
                    let again = |arena: &Arena, node: &Node| {
                        let there = (index as u64) < list::len(node);
                        there.then(|| list::slot(arena, node, index as u64).map(Raw::load)).transpose()
                    };
                    let value = self.part(raw, again, depth, extent);
                    values.extend(value.map_err(|error| error.under(index))?);
                }
                Value::List(values)
            }
            Shallow::Struct(fields) => {
                let mut values = Vec::with_capacity(fields.len());
                for (name, raw) in fields {
                    let key = Key::new(&name);
                    let again = |arena: &Arena, node: &Node| {
                        Ok(structure::find(arena, node, &key)?.map(|found| Raw::load(&found.field.slot)))
                    };
                    let value = self.part(raw, again, depth, extent).map_err(|error| error.under(&name))?;
                    values.extend(value.map(|value| (Cow::Owned(name), value)));
                }
                Value::Struct(values)
            }
        })
    }

    /// The value of a slot, which is looked at again if what it named was replaced. `None` if the slot is gone.
    fn part(
        &self,
        mut raw: Raw,
        again: impl Fn(&Arena, &Node) -> Result<Option<Raw>>,
        depth: usize,
        extent: &Extent<'_>,
    ) -> Result<Option<Value<'static>>> {
        for _ in 0..PART_TRIES {
            if raw.id().is_none() {
                return raw.plain_value().map(Some);
            }
            let (depth, counted) = (deeper(depth)?, extent.counted());
            match Near::new(self.store(), raw).and_then(|child| child.value_by_node(depth, extent)) {
                Err(error) if error.kind() == ErrorKind::StaleHandle => extent.forget(counted),
                other => return other.map(Some),
            }
            raw = match self.read(&again)? {
                Some(raw) => raw,
                None => return Ok(None),
            };
        }
        Err(Error::new(ErrorKind::Contended))
    }

    /// Reads without waiting for whoever holds the node: as of one moment, if that is to be had, or else as it is, perhaps in
    /// the middle of a change, if that makes sense. Good enough for estimates, and nothing else.
    pub(crate) fn estimate<T>(&self, read: impl Fn(&Arena, &Node) -> Result<T>) -> Result<Option<T>> {
        match self.read_patiently(ESTIMATE_TRIES, &read)? {
            None => Ok(read(self.arena(), self.node()).ok()),
            found => Ok(found),
        }
    }

    fn fields_in_parts(&self) -> Result<Vec<(String, Raw)>> {
        // New fields go to the end, so that those that are there now come first.
        let count = self.read(|arena, node| Ok(structure::counted(arena, node)))?;
        let mut seen = HashSet::new();
        let mut fields = Vec::new();
        // The fields on the way here, to go back to when the last one is gone.
        let mut way: Vec<String> = Vec::new();
        for _ in 0..count.saturating_mul(2) {
            if seen.len() as u64 == count {
                break;
            }
            let last = way.last().map(|name| Key::new(name));
            match self.read(|arena, node| structure::step(arena, node, last.as_ref()))? {
                Step::To(name, raw) => {
                    if seen.insert(name.clone()) {
                        fields.push((name.clone(), raw));
                    }
                    way.push(name);
                }
                Step::Lost => {
                    way.pop();
                }
                Step::End => break,
            }
        }
        Ok(fields)
    }

    fn items_in_parts(&self) -> Result<Vec<Raw>> {
        let mut items = Vec::new();
        for index in 0..self.read(|_, node| Ok(list::len(node)))? {
            match self.read(|arena, node| Ok(Raw::load(list::slot(arena, node, index)?))) {
                Ok(raw) => items.push(raw),
                Err(error) if error.kind() == ErrorKind::IndexOutOfRange => break,
                Err(error) => return Err(error),
            }
        }
        Ok(items)
    }
}
