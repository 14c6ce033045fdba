//! A part that is owned: what was told of it, and what is sent.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use structstore::binding_support::Whole;
use structstore::path::Path;
use structstore::stream::{AnyStream, Readers};
use structstore::watch::{Elements, Found};
use structstore::{ArrayValue, ErrorKind, Meta, Struct, Value};
use zenoh::bytes::ZBytes;
use zenoh::pubsub::Publisher;
use zenoh::qos::{CongestionControl, Priority};
use zenoh::query::Query;
use zenoh::{Session, Wait};

use crate::clock::wall_now;
use crate::error::{Error, Result};
use crate::key::{Keys, text};
use crate::message::{Mark, Message};
use crate::parts::Selection;
use crate::shared::Shared;

/// How long a beat names an array that has changed.
const RECENT: Duration = Duration::from_secs(60);

pub(crate) struct Part {
    pub(crate) selection: Selection,
    /// Which of the parts of the status it is.
    pub(crate) index: usize,
    deltas: Publisher<'static>,
    bulk: Publisher<'static>,
    seq: u64,
    /// The number of the last large array.
    number: u64,
    /// The arrays that have changed of late, with their newest numbers.
    recent: HashMap<Path, (u64, Instant)>,
    /// What followers were told of fields beyond their values.
    metas: HashMap<Path, Meta>,
    /// The streams whose samples are read.
    streams: HashMap<Path, AnyStream>,
}

/// A stream that is read: of which part, and where it is.
pub(crate) type Followed = (usize, Path);

/// What is new in a part.
#[derive(Default)]
pub(crate) struct Changes {
    pub(crate) set: Vec<(Path, Value<'static>)>,
    gone: Vec<Path>,
    metas: Vec<(Path, Meta)>,
}

impl Changes {
    pub(crate) fn is_empty(&self) -> bool {
        self.set.is_empty() && self.gone.is_empty() && self.metas.is_empty()
    }
}

impl Part {
    pub(crate) fn new(session: &Session, keys: &Keys, index: usize, selection: Selection) -> Result<Part> {
        let publisher = |key: String, priority: Priority| {
            let publisher = session.declare_publisher(key).congestion_control(CongestionControl::Drop);
            publisher.priority(priority).express(false).wait().map_err(Error::network)
        };
        Ok(Part {
            selection,
            index,
            deltas: publisher(keys.deltas(), Priority::RealTime)?,
            bulk: publisher(keys.bulk(), Priority::DataLow)?,
            seq: 0,
            number: 0,
            recent: HashMap::new(),
            metas: HashMap::new(),
            streams: HashMap::new(),
        })
    }

    /// Begins with another store, of which nothing was told yet.
    pub(crate) fn begin(&mut self) {
        (self.seq, self.number) = (0, 0);
        self.recent.clear();
        self.metas.clear();
        self.streams.clear();
    }

    /// Reads the streams that are there at the start, from now on.
    pub(crate) fn find_streams(
        &mut self,
        at: usize,
        store: &Struct,
        readers: &mut Readers<Followed>,
    ) -> structstore::Result<()> {
        let path = self.selection.part.clone();
        let Some(value) = unless_held(store.get_at::<Value<'static>>(&path))? else { return Ok(()) };
        let value = self.selection.without(&path, value);
        self.add_streams(at, store, &path, &value, readers, false)
    }

    /// Sends what is new.
    pub(crate) fn send_changes(&mut self, shared: &Shared, (epoch, time): (u64, u64), changes: Changes) {
        self.seq += 1;
        let (mark, bulk) = (self.mark(epoch, time), self.number);
        let Changes { set, gone, metas } = changes;
        send(shared, &self.deltas, &Message::Delta { mark, bulk, set, gone, metas });
        shared.status(self.index, |status| status.seq = mark.seq);
    }

    fn mark(&self, epoch: u64, time: u64) -> Mark {
        Mark { epoch, seq: self.seq, time }
    }

    pub(crate) fn beat(&mut self, epoch: u64) {
        self.recent.retain(|_, (_, since)| since.elapsed() < RECENT);
        let arrays = self.recent.iter().map(|(path, (number, _))| (path.clone(), *number)).collect();
        send_plain(&self.deltas, &Message::Beat { mark: self.mark(epoch, wall_now()), arrays });
    }

    fn send_array(&mut self, epoch: u64, time: u64, path: &Path, array: ArrayValue<'static>) {
        self.number += 1;
        self.recent.insert(path.clone(), (self.number, Instant::now()));
        let (mark, number, path) = (self.mark(epoch, time), self.number, path.clone());
        send_plain(&self.bulk, &Message::Array { mark, number, path, value: Value::Array(array) });
    }

    pub(crate) fn send_samples(&mut self, epoch: u64, path: &Path, samples: Vec<(u64, u64, Vec<u8>)>) {
        let mark = self.mark(epoch, wall_now());
        send_plain(&self.bulk, &Message::Samples { mark, path: path.clone(), samples });
    }

    /// The path of the array that a question is about, if it is about one.
    pub(crate) fn array_wanted(&self, query: &Query) -> Option<Path> {
        let wanted = text(query.parameters().get("array")?)?;
        wanted.parse().ok().filter(|path| self.selection.has(path))
    }

    pub(crate) fn array(
        &self,
        epoch: u64,
        path: Path,
        found: Option<Found>,
    ) -> structstore::Result<Option<Message>> {
        let (mark, number) = (self.mark(epoch, wall_now()), self.number);
        Ok(value_of(found)?.map(|value| Message::Array { mark, number, path, value }))
    }

    /// Takes note of what is at a path, for the message of a batch; large arrays are sent at once. Fails only for what is held.
    #[expect(clippy::too_many_arguments, reason = "what is told, of what, and where to")]
    pub(crate) fn tell(
        &mut self,
        at: usize,
        store: &Struct,
        (epoch, time): (u64, u64),
        path: &Path,
        found: Option<&Found>,
        readers: &mut Readers<Followed>,
        changes: &mut Changes,
    ) -> structstore::Result<()> {
        match found {
            None => {
                self.forget(path);
                changes.gone.push(path.clone());
            }
            Some(Found::Value(value)) => {
                let value = self.selection.without(path, value.clone());
                self.streams.retain(|stream, _| !stream.starts_with(path));
                self.add_streams(at, store, path, &value, readers, true)?;
                self.new_metas(store, path, &value, &mut changes.metas)?;
                changes.set.push((path.clone(), value));
            }
            Some(Found::Stream(stream)) => {
                let is_known = self.streams.get(path).is_some_and(|known| known.is_same(stream));
                if !is_known && let Some(value) = unless_held(stream.value())? {
                    self.streams.insert(path.clone(), stream.clone());
                    readers.add((at, path.clone()), stream.clone(), 0);
                    changes.set.push((path.clone(), Value::Stream(value)));
                }
            }
            Some(Found::Array(large)) => {
                self.streams.retain(|stream, _| !stream.starts_with(path));
                if let Some(array) = unless_held(large.view().and_then(Elements::into_value))? {
                    self.send_array(epoch, time, path, array);
                }
            }
            Some(Found::Struct(_) | Found::List(_)) => {}
        }
        Ok(())
    }

    /// All of the part, with what was found there.
    pub(crate) fn state(
        &self,
        epoch: u64,
        store: &Struct,
        found: Option<Found>,
    ) -> structstore::Result<Message> {
        let path = &self.selection.part;
        let (mark, bulk) = (self.mark(epoch, wall_now()), self.number);
        let value = value_of(found)?.map(|value| self.selection.without(path, value));
        let mut metas = Vec::new();
        match &value {
            Some(Value::Struct(_)) => {
                if let Some(bytes) = unless_held(store.at(path).and_then(|part| part.to_bytes()))? {
                    let told = Whole::from_bytes(&bytes)?.metas.into_iter();
                    metas.extend(told.map(|(inner, meta)| (path.join(&inner), meta)));
                    metas.extend(unless_held(store.meta_at(path))?.map(|meta| (path.clone(), meta)));
                }
            }
            Some(_) => metas.extend(unless_held(store.meta_at(path))?.map(|meta| (path.clone(), meta))),
            None => {}
        }
        metas.retain(|(path, meta)| self.selection.has(path) && !meta.is_empty());
        Ok(Message::State { mark, bulk, value, metas })
    }

    /// What was said of a field, and of those in it, is to be said again if it comes back.
    fn forget(&mut self, path: &Path) {
        self.metas.retain(|known, _| !known.starts_with(path));
        self.streams.retain(|stream, _| !stream.starts_with(path));
        self.recent.retain(|array, _| !array.starts_with(path));
    }

    /// Reads the streams in a value; from their first sample if they are new.
    fn add_streams(
        &mut self,
        at: usize,
        store: &Struct,
        path: &Path,
        value: &Value<'_>,
        readers: &mut Readers<Followed>,
        is_new: bool,
    ) -> structstore::Result<()> {
        match value {
            Value::Struct(fields) => {
                for (name, value) in fields {
                    self.add_streams(at, store, &path.then(&**name), value, readers, is_new)?;
                }
            }
            Value::Stream(_) => {
                if let Some(stream) = unless_held(store.get_at::<AnyStream>(path))? {
                    let from = if is_new { 0 } else { stream.published() };
                    self.streams.insert(path.clone(), stream.clone());
                    readers.add((at, path.clone()), stream, from);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// What followers do not know yet of a field, and of those in it.
    fn new_metas(
        &mut self,
        store: &Struct,
        path: &Path,
        value: &Value<'_>,
        new: &mut Vec<(Path, Meta)>,
    ) -> structstore::Result<()> {
        if let Some(meta) = unless_held(store.meta_at(path))?
            && self.metas.get(path).map_or(!meta.is_empty(), |known| *known != meta)
        {
            self.metas.insert(path.clone(), meta.clone());
            new.push((path.clone(), meta));
        }
        if let Value::Struct(fields) = value {
            // Fields that are new in it have been told of nowhere yet.
            self.metas.retain(|known, _| known == path || !known.starts_with(path));
            for (name, value) in fields {
                self.new_metas(store, &path.then(&**name), value, new)?;
            }
        }
        Ok(())
    }
}

/// What was read, if it is there. An error if somebody holds it, so that it is not known.
fn unless_held<T>(read: structstore::Result<T>) -> structstore::Result<Option<T>> {
    match read {
        Err(error) if error.kind() == ErrorKind::LockTimeout => Err(error),
        read => Ok(read.ok()),
    }
}

/// What was found as a value.
fn value_of(found: Option<Found>) -> structstore::Result<Option<Value<'static>>> {
    Ok(match found {
        Some(Found::Value(value)) => Some(value),
        Some(Found::Array(large)) => {
            unless_held(large.view().and_then(Elements::into_value))?.map(Value::Array)
        }
        Some(Found::Stream(stream)) => unless_held(stream.value())?.map(Value::Stream),
        None | Some(Found::Struct(_) | Found::List(_)) => None,
    })
}

/// Sends a message to whoever listens. Nobody waits for it.
fn send(shared: &Shared, publisher: &Publisher<'static>, message: &Message) {
    match message.to_bytes() {
        Ok(bytes) => drop(publisher.put(ZBytes::from(bytes)).wait()),
        Err(error) => shared.log(format!("what has changed cannot be sent: {error}")),
    }
}

fn send_plain(publisher: &Publisher<'static>, message: &Message) {
    if let Ok(bytes) = message.to_bytes() {
        let _ = publisher.put(ZBytes::from(bytes)).wait();
    }
}
