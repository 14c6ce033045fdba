//! What is to be written, between those who read the store and the thread that waits for a disk. Bounded: who finds no room leaves out.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use structstore::Value;
use structstore::path::Path;
use structstore::stream::StreamValue;

/// How many bytes may wait.
const ROOM: usize = 256 << 20;

/// Something to be written. Times are of CLOCK_MONOTONIC, in nanoseconds.
pub(crate) enum Item {
    /// The whole state, or only the moment of it, if not all is recorded.
    State {
        time: u64,
        snapshot: Option<Vec<u8>>,
    },
    /// What changed, as of one moment; `None` for what is gone.
    Look {
        time: u64,
        changes: Vec<(Path, Option<Value<'static>>)>,
    },
    Sample {
        time: u64,
        stream: Arc<Followed>,
        seq: u64,
        data: Vec<u8>,
    },
    /// A remark of somebody.
    Mark {
        time: u64,
        text: String,
    },
    /// A remark, at which a black box is to be saved.
    Save {
        time: u64,
        text: String,
    },
}

/// A stream that is recorded.
pub(crate) struct Followed {
    pub(crate) path: Path,
    pub(crate) value: StreamValue<'static>,
}

impl Item {
    pub(crate) fn time(&self) -> u64 {
        match self {
            Item::State { time, .. }
            | Item::Look { time, .. }
            | Item::Sample { time, .. }
            | Item::Mark { time, .. }
            | Item::Save { time, .. } => *time,
        }
    }

    /// About how many bytes it takes.
    pub(crate) fn weight(&self) -> usize {
        const OVERHEAD: usize = 64;
        OVERHEAD
            + match self {
                Item::State { snapshot, .. } => snapshot.as_ref().map_or(0, Vec::len),
                Item::Look { changes, .. } => {
                    changes.iter().map(|(_, value)| OVERHEAD + value.as_ref().map_or(0, weight)).sum()
                }
                Item::Sample { data, .. } => data.len(),
                Item::Mark { text, .. } | Item::Save { text, .. } => text.len(),
            }
    }
}

fn weight(value: &Value<'_>) -> usize {
    size_of::<Value<'_>>()
        + match value {
            Value::Str(text) => text.len(),
            Value::Bytes(bytes) => bytes.len(),
            Value::Array(array) => array.data().len(),
            Value::List(items) => items.iter().map(weight).sum(),
            Value::Struct(fields) => fields.iter().map(|(name, value)| name.len() + weight(value)).sum(),
            _ => 0,
        }
}

pub(crate) struct Queue {
    inner: Mutex<Inner>,
    bell: Condvar,
    /// How many bytes may wait.
    room: usize,
}

impl Default for Queue {
    fn default() -> Queue {
        Queue::with_room(ROOM)
    }
}

#[derive(Default)]
struct Inner {
    items: VecDeque<Item>,
    weight: usize,
    closed: bool,
}

/// What a reader of the queue gets.
pub(crate) enum Next {
    Item(Item),
    /// Nothing came in time.
    Nothing,
    /// Nothing is going to come.
    End,
}

impl Queue {
    pub(crate) fn with_room(room: usize) -> Queue {
        Queue { inner: Mutex::default(), bell: Condvar::new(), room }
    }

    /// Adds an item. `false` if there is no room for it.
    pub(crate) fn push(&self, item: Item) -> bool {
        let weight = item.weight();
        let mut inner = self.inner.lock();
        if inner.closed || inner.weight > 0 && inner.weight.saturating_add(weight) > self.room {
            return false;
        }
        inner.weight += weight;
        inner.items.push_back(item);
        self.bell.notify_one();
        true
    }

    /// The weight of the heaviest item that waits.
    pub(crate) fn heaviest(&self) -> usize {
        self.inner.lock().items.iter().map(Item::weight).max().unwrap_or(0)
    }

    pub(crate) fn pop(&self, timeout: Duration) -> Next {
        let waits = |inner: &mut Inner| inner.items.is_empty() && !inner.closed;
        let mut inner = self.inner.lock();
        self.bell.wait_while_for(&mut inner, waits, timeout);
        match inner.items.pop_front() {
            Some(item) => {
                inner.weight -= item.weight();
                Next::Item(item)
            }
            None if inner.closed => Next::End,
            None => Next::Nothing,
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.inner.lock().closed
    }

    /// What is there is still to be read.
    pub(crate) fn close(&self) {
        self.inner.lock().closed = true;
        self.bell.notify_all();
    }
}
