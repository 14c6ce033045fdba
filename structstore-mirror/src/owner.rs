//! The side that owns a part: it publishes what changes, answers who asks for the state, and applies what followers want.
//!
//! One thread looks at the store and publishes. It answers questions for the state between two looks, so that the answer has all
//! that was published and nothing that is older than what follows. Nothing here waits for a follower: what finds no room is dropped, which a
//! follower sees by the numbers, and asks for the state again.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use structstore::binding_support::{Thread, Whole, waiting_at_most};
use structstore::path::{Path, Step};
use structstore::stream::{AnySample, AnyStream, Readers};
use structstore::watch::{Batch, Batches, Elements, Found};
use structstore::{ArrayValue, ErrorKind, Meta, Struct, StructStoreShared, Value};
use zenoh::bytes::ZBytes;
use zenoh::liveliness::LivelinessToken;
use zenoh::pubsub::{Publisher, Subscriber};
use zenoh::qos::{CongestionControl, Priority};
use zenoh::query::{Query, Queryable};
use zenoh::sample::{Sample, SampleKind};
use zenoh::{Session, Wait};

use crate::clock::{wall_now, wall_of};
use crate::error::{Error, Result};
use crate::identity::{identity, named, new_epoch, owner_of};
use crate::key::{Keys, text};
use crate::message::{Mark, Message};
use crate::parts::Selection;
use crate::plain::Plain;
use crate::protocol::{BEAT, LARGEST};
use crate::requests::{Question, Requests, Waiting};
use crate::room::{Room, Taken};
use crate::shared::Shared;

/// How long to wait for changes before questions are looked at.
const TICK: Duration = Duration::from_millis(5);
/// How long a beat names an array that has changed.
const RECENT: Duration = Duration::from_secs(60);
/// How often it is looked whether the store is there.
const RETRY: Duration = Duration::from_millis(200);
/// How many answers may wait to be sent.
const ANSWERS: usize = 16;
/// How long an answer waits for what somebody holds.
const BRIEFLY: Duration = Duration::from_millis(20);
/// How many samples go into one message, and how many bytes of them.
const SAMPLES: usize = 256;
const SAMPLE_BYTES: usize = 64 << 10;

/// How many bytes of requests may wait.
const ROOM: usize = 64 << 20;
/// How many requests may wait.
const REQUESTS: usize = 64;

/// A message for all who have asked for the same.
type Answer = (Vec<Asked>, Message);
/// A question for the state, with the room that it takes.
type Asked = (Query, Taken);

pub(crate) struct Owner {
    shared: Arc<Shared>,
    place: PathBuf,
    period: Duration,
    parts: Vec<Part>,
    questions: Receiver<Waiting<Question>>,
    /// Who has asked for the state of a part, or for an array, and has no answer yet.
    asked: BTreeMap<(usize, Option<Path>), Vec<Asked>>,
    /// When questions are looked at again: answers take at most half of the time.
    next_answer: Instant,
    /// Answers, which another thread sends: it may wait for the network.
    answers: SyncSender<Answer>,
    plain: Option<Plain>,
    epoch: u64,
    /// Older owners of a part, and since when each is known: one that has died is forgotten after its lease.
    rivals: Arc<Mutex<HashMap<String, (usize, Instant)>>>,
    _tokens: Vec<LivelinessToken>,
    _queryables: Vec<Queryable<()>>,
    _others: Vec<Subscriber<()>>,
}

struct Part {
    selection: Selection,
    /// Which of the parts of the status it is.
    index: usize,
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
type Followed = (usize, Path);

impl Owner {
    pub(crate) fn new(
        session: &Session,
        shared: &Arc<Shared>,
        parts: &[(usize, Selection)],
        period: Duration,
        writable: bool,
        plain: Option<Plain>,
    ) -> Result<Owner> {
        let (sender, questions) = sync_channel(REQUESTS);
        let (answers, to_send) = sync_channel::<Answer>(ANSWERS);
        let answer = {
            let shared = Arc::clone(shared);
            move || to_send.iter().for_each(|(queries, message)| reply(&shared, &queries, &message))
        };
        // These end when nobody can ask any more.
        Thread::start("answer", answer).map_err(Error::thread)?;
        let room = Room::new(ROOM);
        let (change, changes) = sync_channel(REQUESTS);
        if writable {
            let selections = parts.iter().map(|(_, selection)| selection.clone()).collect();
            let (requests, done) = (Requests::new(shared, selections), sender.clone());
            Thread::start("change", move || requests.run(&changes, &done)).map_err(Error::thread)?;
        }
        let own = identity();
        let mut owner = Owner {
            shared: Arc::clone(shared),
            place: shared.place.clone(),
            period,
            parts: Vec::new(),
            questions,
            asked: BTreeMap::new(),
            next_answer: Instant::now(),
            answers,
            plain,
            epoch: 0,
            rivals: Arc::default(),
            _tokens: Vec::new(),
            _queryables: Vec::new(),
            _others: Vec::new(),
        };
        for (number, (index, selection)) in parts.iter().enumerate() {
            let keys = Keys::new(&shared.key, &selection.part);
            alone(session, shared, &keys, selection, &own)?;
            owner
                ._tokens
                .push(session.liveliness().declare_token(keys.owner(&own)).wait().map_err(Error::network)?);
            let (rivals, me) = (Arc::clone(&owner.rivals), own.clone());
            let take = move |sample: Sample| {
                // If two start at once, or on both sides of a broken link, the older one stays.
                let other = owner_of(sample.key_expr().as_str());
                let Some(other) = other.filter(|other| *other < me) else { return };
                let mut rivals = rivals.lock();
                match sample.kind() {
                    SampleKind::Put => drop(rivals.insert(other, (number, Instant::now()))),
                    SampleKind::Delete => drop(rivals.remove(&other)),
                }
            };
            let others = session.liveliness().declare_subscriber(keys.owners()).history(true).callback(take);
            owner._others.push(others.wait().map_err(Error::network)?);
            let state = session
                .declare_queryable(keys.state())
                .callback(queue(number, &room, &sender, Question::State))
                .wait();
            owner._queryables.push(state.map_err(Error::network)?);
            if writable {
                let take = queue(number, &room, &change, |query| query);
                let change = session.declare_queryable(keys.changes()).callback(take).wait();
                owner._queryables.push(change.map_err(Error::network)?);
            }
            let publisher = |key: String, priority: Priority| {
                let publisher = session.declare_publisher(key).congestion_control(CongestionControl::Drop);
                publisher.priority(priority).express(false).wait().map_err(Error::network)
            };
            owner.parts.push(Part {
                selection: selection.clone(),
                index: *index,
                deltas: publisher(keys.deltas(), Priority::RealTime)?,
                bulk: publisher(keys.bulk(), Priority::DataLow)?,
                seq: 0,
                number: 0,
                recent: HashMap::new(),
                metas: HashMap::new(),
                streams: HashMap::new(),
            });
            shared.status(*index, |part| part.owner = Some(named(&own)));
        }
        Ok(owner)
    }

    pub(crate) fn run(mut self) {
        while !self.shared.is_over() {
            let opened = StructStoreShared::options().observe(true).open(&self.place);
            if let Ok(store) = opened {
                self.connected(true);
                let served = self.serve(&store);
                self.connected(false);
                if let Err(error) = served
                    && error.kind() != ErrorKind::StaleHandle
                {
                    self.shared.log(format!("{}: {error}", self.place.display()));
                }
            }
            // Who asks while there is no store gets no answer, and asks again.
            self.asked.clear();
            while self.questions.try_recv().is_ok() {}
            self.look_for_rivals();
            std::thread::sleep(RETRY);
        }
    }

    /// Ends the mirror if an older owner of a part is alive.
    fn look_for_rivals(&self) {
        let rivals = self.rivals.lock();
        let lease = self.shared.lease + Duration::from_secs(1);
        let alive = rivals.iter().find(|(_, (_, since))| since.elapsed() > lease);
        if let Some((owner, (at, _))) = alive
            && let Some(part) = self.parts.get(*at)
        {
            let part = part.selection.part.clone();
            self.shared.fail(Error::Owned { part, owner: named(owner) });
        }
    }

    fn connected(&self, connected: bool) {
        for part in &self.parts {
            self.shared.status(part.index, |status| status.connected = connected);
        }
    }

    /// Publishes what changes in a store, for as long as it is there.
    fn serve(&mut self, store: &Struct) -> structstore::Result<()> {
        self.epoch = new_epoch();
        for part in &mut self.parts {
            (part.seq, part.number) = (0, 0);
            part.recent.clear();
            part.metas.clear();
            part.streams.clear();
        }
        let mut readers = Readers::default();
        let mut batches = Batches::with_contents(store)?;
        self.find_streams(store, &mut readers)?;
        let (mut beat, mut look) = (Instant::now(), Instant::now());
        while !self.shared.is_over() {
            self.answer(store, &mut batches, &mut readers)?;
            let now = Instant::now();
            if look <= now {
                let selections: Vec<&Selection> = self.parts.iter().map(|part| &part.selection).collect();
                let batch = batches.wait(Some(TICK), |changed| wanted(&selections, changed))?;
                if let Some(batch) = batch {
                    look = now + self.period;
                    batches.report(self.publish(store, batch, &mut readers));
                }
            } else {
                std::thread::sleep(TICK.min(look.saturating_duration_since(now)));
            }
            self.read_streams(&mut readers);
            if beat.elapsed() >= BEAT {
                beat = Instant::now();
                self.parts.iter_mut().for_each(|part| part.beat(self.epoch));
                self.look_for_rivals();
            }
        }
        Ok(())
    }

    /// Reads the streams that are there at the start, from now on.
    fn find_streams(&mut self, store: &Struct, readers: &mut Readers<Followed>) -> structstore::Result<()> {
        for at in 0..self.parts.len() {
            let Some(part) = self.parts.get_mut(at) else { break };
            let path = part.selection.part.clone();
            let value = match path.is_root() {
                true => Some(store.to_value()?),
                false => store.get_at::<Value<'static>>(&path.to_string()).ok(),
            };
            let Some(value) = value else { continue };
            let value = part.selection.without(&path, value);
            part.add_streams(at, store, &path, &value, readers, false)?;
        }
        Ok(())
    }

    /// Sends what is new to each part. Returns the paths of what somebody has taken meanwhile: they are to be told later.
    fn publish(&mut self, store: &Struct, batch: Batch, readers: &mut Readers<Followed>) -> Vec<Path> {
        let (time, epoch) = (wall_of(batch.time), self.epoch);
        let mut changes: Vec<Changes> = self.parts.iter().map(|_| Changes::default()).collect();
        let mut later = Vec::new();
        for (path, found) in batch.values {
            let mut told = || {
                for (at, (part, changes)) in self.parts.iter_mut().zip(&mut changes).enumerate() {
                    if part.selection.has(&path) {
                        part.tell(at, store, (epoch, time), &path, found.as_ref(), readers, changes)?;
                    }
                }
                Ok::<(), structstore::Error>(())
            };
            if waiting_at_most(BRIEFLY, &mut told).is_err() {
                later.push(path);
            }
        }
        for (part, changes) in self.parts.iter_mut().zip(changes) {
            if changes.set.is_empty() && changes.gone.is_empty() && changes.metas.is_empty() {
                continue;
            }
            if let Some(plain) = &self.plain {
                plain.publish(&changes.set);
            }
            part.seq += 1;
            let mark = Mark { epoch: self.epoch, seq: part.seq, time };
            let Changes { set, gone, metas } = changes;
            send(&self.shared, &part.deltas, &Message::Delta { mark, bulk: part.number, set, gone, metas });
            self.shared.status(part.index, |status| status.seq = mark.seq);
        }
        later
    }

    /// Answers what was asked until now: for each state or array once, whoever has asked for it. Then it is silent for as long as that
    /// took, so that many questions keep neither changes nor samples back.
    fn answer(
        &mut self,
        store: &Struct,
        batches: &mut Batches,
        readers: &mut Readers<Followed>,
    ) -> structstore::Result<()> {
        let start = Instant::now();
        if start < self.next_answer {
            return Ok(());
        }
        for _ in 0..REQUESTS {
            let Ok(Waiting { part: at, of, place }) = self.questions.try_recv() else { break };
            match of {
                Question::State(query) => {
                    let Some(part) = self.parts.get(at) else { continue };
                    let what = (at, part.array_wanted(&query));
                    // Who finds no room asks again.
                    if self.asked.len() < REQUESTS || self.asked.contains_key(&what) {
                        let same = self.asked.entry(what).or_default();
                        same.push((query, place));
                        same.truncate(REQUESTS);
                    }
                }
                // Also what was changed back at once is told.
                Question::Changed(paths) => batches.report(paths),
            }
        }
        while let Some(((at, array), queries)) = self.asked.pop_first() {
            match self.answer_to(store, batches, readers, at, array.as_ref()) {
                Err(error) if error.kind() == ErrorKind::LockTimeout => {
                    // Somebody holds something: later.
                    self.asked.insert((at, array), queries);
                    break;
                }
                // Who finds no room asks again.
                Ok(Some(message)) => drop(self.answers.try_send((queries, message))),
                Ok(None) => {}
                Err(error) => return Err(error),
            }
        }
        self.next_answer = Instant::now() + start.elapsed();
        Ok(())
    }

    /// The state of a part, or an array in it.
    fn answer_to(
        &mut self,
        store: &Struct,
        batches: &mut Batches,
        readers: &mut Readers<Followed>,
        at: usize,
        array: Option<&Path>,
    ) -> structstore::Result<Option<Message>> {
        let Some(part) = self.parts.get(at) else { return Ok(None) };
        let path = array.unwrap_or(&part.selection.part).clone();
        // What has changed until now is published, so that what comes after the answer is newer; and the answer is of the same moment.
        let found = self.look(store, batches, readers, &path)?;
        let Some(part) = self.parts.get(at) else { return Ok(None) };
        match array {
            Some(_) => waiting_at_most(BRIEFLY, || part.array(self.epoch, path, found)),
            None => waiting_at_most(BRIEFLY, || part.state(self.epoch, store, found)).map(Some),
        }
    }

    /// Publishes what has changed. Returns what is at a path, as of the same moment.
    fn look(
        &mut self,
        store: &Struct,
        batches: &mut Batches,
        readers: &mut Readers<Followed>,
        asked: &Path,
    ) -> structstore::Result<Option<Found>> {
        let selections: Vec<&Selection> = self.parts.iter().map(|part| &part.selection).collect();
        let all = |changed: &[Path]| {
            wanted(&selections, changed).into_iter().chain([asked.clone()]).collect::<Vec<Path>>()
        };
        let mut batch = waiting_at_most(BRIEFLY, || batches.read_now(all))?;
        let found = batch.values.pop().and_then(|(_, found)| found);
        if !batch.values.is_empty() {
            batches.report(self.publish(store, batch, readers));
        }
        Ok(found)
    }

    /// Sends the samples that were published.
    fn read_streams(&mut self, readers: &mut Readers<Followed>) {
        let mut read: HashMap<Followed, Vec<(u64, u64, Vec<u8>)>> = HashMap::new();
        let (parts, epoch) = (&mut self.parts, self.epoch);
        readers.read(SAMPLES, &mut |of: &mut Followed, sample: AnySample| {
            let samples = read.entry(of.clone()).or_default();
            samples.push((sample.seq, wall_of(sample.time), sample.data.as_slice().to_vec()));
            let bytes: usize = samples.iter().map(|(_, _, data)| data.len()).sum();
            if bytes >= SAMPLE_BYTES
                && let Some(part) = parts.get_mut(of.0)
            {
                part.send_samples(epoch, &of.1, std::mem::take(samples));
            }
        });
        for ((at, path), samples) in read {
            if let Some(part) = parts.get_mut(at).filter(|_| !samples.is_empty()) {
                part.send_samples(epoch, &path, samples);
            }
        }
    }
}

/// Puts what comes from followers into a queue. Who finds no room asks again.
fn queue<T: Send + 'static>(
    part: usize,
    room: &Room,
    sender: &SyncSender<Waiting<T>>,
    make: impl Fn(Query) -> T + Send + std::marker::Sync + 'static,
) -> impl Fn(Query) + Send + std::marker::Sync + 'static {
    let (room, sender) = (room.clone(), sender.clone());
    move |query: Query| {
        if let Some(place) = room.take(query.payload().map_or(0, ZBytes::len)) {
            let _ = sender.try_send(Waiting { part, of: make(query), place });
        }
    }
}

/// What is new in a part.
#[derive(Default)]
struct Changes {
    set: Vec<(Path, Value<'static>)>,
    gone: Vec<Path>,
    metas: Vec<(Path, Meta)>,
}

impl Part {
    fn mark(&self, epoch: u64, time: u64) -> Mark {
        Mark { epoch, seq: self.seq, time }
    }

    fn beat(&mut self, epoch: u64) {
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

    fn send_samples(&mut self, epoch: u64, path: &Path, samples: Vec<(u64, u64, Vec<u8>)>) {
        let mark = self.mark(epoch, wall_now());
        send_plain(&self.bulk, &Message::Samples { mark, path: path.clone(), samples });
    }

    /// The path of the array that a question is about, if it is about one.
    fn array_wanted(&self, query: &Query) -> Option<Path> {
        let wanted = text(query.parameters().get("array")?)?;
        wanted.parse().ok().filter(|path| self.selection.has(path))
    }

    fn array(&self, epoch: u64, path: Path, found: Option<Found>) -> structstore::Result<Option<Message>> {
        let (mark, number) = (self.mark(epoch, wall_now()), self.number);
        Ok(value_of(found)?.map(|value| Message::Array { mark, number, path, value }))
    }

    /// Takes note of what is at a path, for the message of a batch; large arrays are sent at once. Fails only for what is held.
    #[expect(clippy::too_many_arguments, reason = "what is told, of what, and where to")]
    fn tell(
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
    fn state(&self, epoch: u64, store: &Struct, found: Option<Found>) -> structstore::Result<Message> {
        let path = &self.selection.part;
        let (mark, bulk) = (self.mark(epoch, wall_now()), self.number);
        let value = value_of(found)?.map(|value| self.selection.without(path, value));
        let mut metas = Vec::new();
        match &value {
            Some(Value::Struct(_)) => {
                let part = if path.is_root() {
                    Ok(store.clone())
                } else {
                    store.get_at::<Struct>(&path.to_string())
                };
                if let Some(bytes) = unless_held(part.and_then(|part| part.to_bytes()))? {
                    let told = Whole::from_bytes(&bytes)?.metas.into_iter();
                    metas.extend(told.map(|(inner, meta)| (path.join(&inner), meta)));
                    metas.extend(meta_of(store, path)?.map(|meta| (path.clone(), meta)));
                }
            }
            Some(_) => metas.extend(meta_of(store, path)?.map(|meta| (path.clone(), meta))),
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
                if let Some(stream) = unless_held(store.get_at::<AnyStream>(&path.to_string()))? {
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
        if let Some(meta) = meta_of(store, path)?
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

/// What is declared of a field, if anything is.
fn meta_of(store: &Struct, path: &Path) -> structstore::Result<Option<Meta>> {
    let Some((Step::Name(name), above)) = path.steps().split_last() else { return Ok(None) };
    let parent: Path = above.iter().cloned().collect();
    unless_held(match parent.is_root() {
        true => store.meta(&**name),
        false => store.get_at::<Struct>(&parent.to_string()).and_then(|parent| parent.meta(&**name)),
    })
}

/// What was read, if it is there. An error if somebody holds it, so that it is not known.
fn unless_held<T>(read: structstore::Result<T>) -> structstore::Result<Option<T>> {
    match read {
        Err(error) if error.kind() == ErrorKind::LockTimeout => Err(error),
        read => Ok(read.ok()),
    }
}

fn wanted(selections: &[&Selection], changed: &[Path]) -> Vec<Path> {
    let all = changed.iter().flat_map(|path| selections.iter().filter_map(|selection| selection.of(path)));
    let unique: std::collections::BTreeSet<Path> = all.collect();
    unique.into_iter().collect()
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

fn reply(shared: &Shared, queries: &[Asked], message: &Message) {
    match message.to_bytes() {
        Ok(bytes) if bytes.len() as u64 > LARGEST => {
            shared
                .log(format!("a state of {} bytes is too large to be sent; exclude some of it", bytes.len()));
        }
        Ok(bytes) => {
            let bytes = ZBytes::from(bytes);
            for (query, _) in queries {
                let _ = query.reply(query.key_expr().clone(), bytes.clone()).wait();
            }
        }
        Err(error) => shared.log(format!("a state cannot be sent: {error}")),
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

/// Waits until no other process owns a part, for the lease of one that has died.
fn alone(session: &Session, shared: &Shared, keys: &Keys, selection: &Selection, own: &str) -> Result<()> {
    let until = Instant::now() + shared.lease + Duration::from_secs(1);
    loop {
        let Some(owner) = owners(session, keys)?.into_iter().find(|owner| owner != own) else {
            return Ok(());
        };
        if Instant::now() > until || shared.is_over() {
            return Err(Error::Owned { part: selection.part.clone(), owner: named(&owner) });
        }
        std::thread::sleep(RETRY);
    }
}

/// Who owns a part, as far as it is known here.
fn owners(session: &Session, keys: &Keys) -> Result<Vec<String>> {
    let (sender, found) = std::sync::mpsc::channel();
    let each = move |reply: zenoh::query::Reply| {
        if let Ok(sample) = reply.result() {
            let _ = sender.send(owner_of(sample.key_expr().as_str()));
        }
    };
    let asked = session.liveliness().get(keys.owners()).timeout(Duration::from_secs(1)).callback(each);
    asked.wait().map_err(Error::network)?;
    // It ends when all have answered, for then nobody can send any more.
    Ok(found.into_iter().flatten().collect())
}
