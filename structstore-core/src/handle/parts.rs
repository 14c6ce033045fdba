//! Reading a struct or list a part at a time: for those who may not take a lock, and are disturbed whenever they read it
//! as a whole.
//!
//! Each field is read as of one moment, but not all of the same one. What is there all the time is seen, what comes or
//! goes meanwhile may be.

use std::collections::HashSet;

use super::Handle;
use crate::arena::Arena;
use crate::arena::layout::Node;
use crate::error::{BoxedResult as Result, Error};
use crate::key::Key;
use crate::node::structure::{self, Step};
use crate::node::{Raw, Shallow, kind_of, list, read_shallow};
use crate::value::Kind;

/// How often a node is tried to be read as a whole.
const WHOLE_TRIES: usize = 30;

/// The same for those who do not wait.
const ESTIMATE_TRIES: usize = 5;

impl Handle {
    /// The node's own contents: as of one moment, or of more than one where it is changed all the time and this process
    /// may not take a lock.
    pub(super) fn read_contents(&self) -> Result<Shallow> {
        if self.arena().writable() {
            return self.read(read_shallow);
        }
        let whole = self.near().read_patiently(WHOLE_TRIES, read_shallow)?;
        match (whole, kind_of(self.record())) {
            (Some(contents), _) => Ok(contents),
            (None, Ok(Kind::Struct)) => self.fields_in_parts().map(Shallow::Struct),
            (None, Ok(Kind::List)) => self.items_in_parts().map(Shallow::List),
            (None, _) => self.read(read_shallow),
        }
    }

    /// Reads without waiting for whoever holds the node: as of one moment, if that is to be had, or else as it is, perhaps in
    /// the middle of a change, if that makes sense. Good enough for estimates, and nothing else.
    pub(super) fn estimate<T>(&self, read: impl Fn(&Arena, &Node) -> Result<T>) -> Result<Option<T>> {
        match self.near().read_patiently(ESTIMATE_TRIES, &read)? {
            None => Ok(read(self.arena(), self.record()).ok()),
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
                Err(error) if matches!(*error, Error::IndexOutOfRange { .. }) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(items)
    }
}
