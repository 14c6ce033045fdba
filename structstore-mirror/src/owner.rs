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

use structstore::binding_support::{Thread, waiting_at_most};
use structstore::path::Path;
use structstore::stream::{AnySample, Readers};
use structstore::watch::{Batch, Batches, Found};
use structstore::{ErrorKind, Struct, StructStoreShared};
use zenoh::bytes::ZBytes;
use zenoh::query::{Query, Queryable};
use zenoh::{Session, Wait};

use crate::claims::Claims;
use crate::clock::wall_of;
use crate::error::{Error, Result};
use crate::identity::new_epoch;
use crate::key::Keys;
use crate::message::Message;
use crate::owned::{Changes, Followed, Part};
use crate::parts::{Selection, wanted};
use crate::plain::Plain;
use crate::protocol::{BEAT, LARGEST};
use crate::requests::{Question, Requests, Waiting};
use crate::room::{Room, Taken};
use crate::shared::Shared;

/// How long to wait for changes before questions are looked at.
const TICK: Duration = Duration::from_millis(5);
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
    claims: Claims,
    _queryables: Vec<Queryable<()>>,
}

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
            claims: Claims::new(),
            _queryables: Vec::new(),
        };
        for (number, (index, selection)) in parts.iter().enumerate() {
            let keys = Keys::new(&shared.key, &selection.part);
            owner.claims.add(session, shared, &keys, &selection.part)?;
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
            owner.parts.push(Part::new(session, &keys, *index, selection.clone())?);
            shared.status(*index, |part| part.owner = Some(owner.claims.own()));
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
            self.claims.check(&self.shared);
            std::thread::sleep(RETRY);
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
        self.parts.iter_mut().for_each(Part::begin);
        let mut readers = Readers::default();
        let mut batches = Batches::with_contents(store)?;
        for (at, part) in self.parts.iter_mut().enumerate() {
            part.find_streams(at, store, &mut readers)?;
        }
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
                self.claims.check(&self.shared);
            }
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
            if changes.is_empty() {
                continue;
            }
            if let Some(plain) = &self.plain {
                plain.publish(&changes.set);
            }
            part.send_changes(&self.shared, (epoch, time), changes);
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
