//! The side that follows a part: it applies what the owner sends, and asks for the state when something is missing.
//!
//! One thread has all of it: messages, answers, and changes that others make to the store here arrive as events. Beside the store it keeps a
//! copy of what the owner has, to tell what was changed here. Such a change becomes a request to the owner, or is reverted.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use structstore::binding_support::{Thread, waiting_at_most};
use structstore::path::Path;
use structstore::stream::{AnyStream, now, wall_time};
use structstore::{Cleanup, Error as StoreError, Meta, Struct, StructStoreShared, Value};
use zenoh::Session;
use zenoh::bytes::ZBytes;

use crate::apply::{assign, load_part, spared};
use crate::clock::wall_now;
use crate::compare::{differences, shortened, value_at};
use crate::error::Result;
use crate::events::{Event, Events, ROOM};
use crate::followed::{LATER, Part, SOON, Sync};
use crate::identity::named;
use crate::key::Keys;
use crate::message::{Mark, Message};
use crate::parts::{STATUS, Selection};
use crate::protocol::{ANSWER, BEAT};
use crate::shared::Shared;

/// How many deltas are kept until the state is there.
const PENDING: usize = 4096;
/// How long an assignment waits for a lock that somebody here has.
const PATIENCE: Duration = Duration::from_secs(2);
const TICK: Duration = Duration::from_millis(50);
/// After how long without a beat the owner is taken for gone.
const SILENCE: Duration = Duration::from_secs(3);

pub(crate) struct Follower {
    shared: Arc<Shared>,
    parts: Vec<Part>,
    events: Events,
    writable: bool,
    shows_status: bool,
}

/// How the store of a follower is opened: it stays when the mirror ends.
pub(crate) fn following() -> structstore::Options {
    StructStoreShared::options().cleanup(Cleanup::Never)
}

impl Follower {
    pub(crate) fn new(
        session: &Session,
        shared: &Arc<Shared>,
        parts: &[(usize, Selection)],
        writable: bool,
        shows_status: bool,
    ) -> Result<Follower> {
        let mut follower = Follower {
            shared: Arc::clone(shared),
            parts: Vec::new(),
            events: Events::new(session),
            writable,
            shows_status,
        };
        for (at, (index, selection)) in parts.iter().enumerate() {
            let keys = Keys::new(&shared.key, &selection.part);
            follower.events.hear(at, &keys)?;
            follower.parts.push(Part::new(selection.clone(), *index, keys)?);
        }
        Ok(follower)
    }

    /// Follows until the mirror ends. If the store is removed, it creates another one.
    pub(crate) fn run(mut self) {
        while !self.shared.is_over() {
            match following().open(&self.shared.place) {
                Ok(store) => {
                    for part in &mut self.parts {
                        part.sync = Sync::Idle(Instant::now());
                        part.streams.clear();
                    }
                    let parts = self.parts.iter().map(|part| part.selection.clone()).collect();
                    let watching = self.events.watch(&store, &self.shared, parts);
                    self.follow(&store);
                    drop(store);
                    watching.into_iter().for_each(Thread::join);
                }
                Err(error) => {
                    self.shared.log(format!("{}: {error}", self.shared.place.display()));
                    thread::sleep(BEAT);
                }
            }
            thread::sleep(TICK);
        }
    }

    fn follow(&mut self, store: &StructStoreShared) {
        let mut told = Instant::now();
        while !self.shared.is_over() && store.valid() {
            if let Some(event) = self.events.next(TICK) {
                waiting_at_most(PATIENCE, || self.take(store, event));
            }
            for at in 0..self.parts.len() {
                self.tick(at);
            }
            if told.elapsed() >= BEAT {
                told = Instant::now();
                if self.shows_status {
                    self.show_status(store);
                }
            }
        }
    }

    fn take(&mut self, store: &Struct, event: Event) {
        match event {
            Event::Owner(at, owner, is_there, place) => {
                drop(place);
                self.owner(at, owner, is_there);
            }
            Event::Message(at, bytes, place) => match Message::from_bytes(&bytes.to_bytes()) {
                Ok(message) => {
                    drop(place);
                    self.hear(store, at, message, bytes.len());
                }
                Err(error) => self.shared.log(format!("a message that cannot be read: {error}")),
            },
            Event::State(at, Some(bytes)) => match Message::from_bytes(&bytes.to_bytes()) {
                Ok(Message::State { mark, bulk, value, metas }) => {
                    self.load(store, at, mark, bulk, value, &metas)
                }
                Ok(_) => self.no_state(at, "an answer that is no state".to_owned()),
                Err(error) => self.no_state(at, format!("a state that cannot be read: {error}")),
            },
            Event::State(at, None) => {
                if let Some(part) = self.parts.get_mut(at)
                    && matches!(part.sync, Sync::Asked(_))
                {
                    part.later();
                }
            }
            Event::Array(at, bytes, place) => {
                drop(place);
                if let Ok(Message::Array { mark, number, path, value }) =
                    Message::from_bytes(&bytes.to_bytes())
                {
                    self.array(store, at, mark, number, path, value);
                }
            }
            Event::Answer(at, paths, answer) => self.answered(store, at, &paths, answer),
            Event::Local(paths) => self.changed_here(store, &paths),
        }
    }

    fn no_state(&mut self, at: usize, why: String) {
        self.shared.log(why);
        if let Some(part) = self.parts.get_mut(at) {
            part.later();
        }
    }

    fn owner(&mut self, at: usize, owner: String, is_there: bool) {
        let Some(part) = self.parts.get_mut(at) else { return };
        match is_there {
            true => {
                part.owners.insert(owner);
                // However often owners come and go.
                let next = match part.sync {
                    Sync::Asked(when) => when + SOON,
                    Sync::Idle(_) | Sync::Live { .. } => Instant::now(),
                };
                (part.sync, part.pause) = (Sync::Idle(next), SOON);
            }
            false => drop(part.owners.remove(&owner)),
        }
        let (owner, is_owned) = (part.owners.first().map(|owner| named(owner)), !part.owners.is_empty());
        self.shared.status(part.index, |status| {
            status.owner = owner;
            status.connected &= is_owned;
        });
    }

    /// Does what is due.
    fn tick(&mut self, at: usize) {
        let Some(part) = self.parts.get_mut(at) else { return };
        if let Sync::Idle(when) = part.sync
            && when <= Instant::now()
        {
            part.sync = Sync::Asked(Instant::now());
            part.clear_pending();
            self.events.ask_state(at, &part.keys);
        }
        if let Sync::Asked(when) = part.sync
            && when.elapsed() > ANSWER + SOON
        {
            part.later();
        }
        let is_silent = part.heard.is_none_or(|heard| heard.elapsed() > SILENCE);
        if is_silent {
            self.shared.status(part.index, |status| status.connected = false);
        }
    }

    fn hear(&mut self, store: &Struct, at: usize, message: Message, size: usize) {
        let Some(part) = self.parts.get_mut(at) else { return };
        part.heard = Some(Instant::now());
        match message {
            delta @ Message::Delta { .. } => match part.sync {
                Sync::Live { .. } => self.delta(store, at, delta),
                _ if part.pending.len() < PENDING && part.pending_size.saturating_add(size) < ROOM => {
                    part.pending_size += size;
                    part.pending.push(delta);
                }
                // The state that is coming is older than what is dropped here: it is asked for again.
                _ => part.clear_pending(),
            },
            Message::Beat { mark, arrays } => self.beat(at, mark, arrays),
            Message::Array { mark, number, path, value } => self.array(store, at, mark, number, path, value),
            Message::Samples { mark, path, samples } => self.samples(store, at, mark, &path, &samples),
            Message::State { .. } | Message::Change { .. } | Message::Answer { .. } => {}
        }
    }

    /// Takes the state, and the deltas that have come since.
    fn load(
        &mut self,
        store: &Struct,
        at: usize,
        mark: Mark,
        bulk: u64,
        value: Option<Value<'static>>,
        metas: &[(Path, Meta)],
    ) {
        let Some(part) = self.parts.get_mut(at) else { return };
        if !matches!(part.sync, Sync::Asked(_)) {
            return;
        }
        let value = value.map(|value| part.selection.without(&part.selection.part.clone(), value));
        let metas = metas.iter().filter(|(path, _)| part.selection.has(path)).cloned().collect();
        let metas = part.with_withdrawn(metas);
        part.begin(mark, bulk);
        let (selection, shadow, path) =
            (part.selection.clone(), part.shadow.clone(), part.selection.part.clone());
        if part.was_live {
            // What is changed here while the state is asked for is lost, and said.
            let here = value_at(store, &path).map(|value| selection.without(&path, value));
            let mut lost = Vec::new();
            differences(&path, here.as_ref(), part.expected(store, &path).as_ref(), &mut lost);
            lost.retain(|path| !part.failed.iter().any(|failed| path.starts_with(failed)));
            let (index, count) = (part.index, lost.len() as u64);
            for path in lost.iter().take(PENDING) {
                self.shared
                    .log(format!("{path}: local change reverted; it was made while the state was requested"));
            }
            self.shared.status(index, |status| status.reverted = status.reverted.saturating_add(count));
        }
        let mut errors = Vec::new();
        load_part(&shadow, &selection, value.as_ref(), &metas, &mut Vec::new());
        if !load_part(store, &selection, value.as_ref(), &metas, &mut errors) {
            return self.resync(at);
        }
        let Some(part) = self.parts.get_mut(at) else { return };
        part.was_live = true;
        part.failed = errors.iter().map(|(path, _)| path.clone()).collect();
        let index = part.index;
        let pending = std::mem::take(&mut part.pending);
        part.pending_size = 0;
        self.shared.status(index, |status| {
            (status.seq, status.connected) = (mark.seq, true);
            status.errors.clear();
            errors.into_iter().for_each(|(path, error)| status.set_error(&path, Some(error)));
        });
        for delta in pending {
            self.delta(store, at, delta);
        }
    }

    fn delta(&mut self, store: &Struct, at: usize, delta: Message) {
        let Message::Delta { mark, bulk, set, gone, metas } = delta else { return };
        let Some(part) = self.parts.get_mut(at) else { return };
        let Sync::Live { epoch, seq, since } = part.sync else { return };
        if mark.epoch == epoch && mark.seq <= seq {
            return;
        }
        if mark.epoch != epoch || mark.seq != seq.wrapping_add(1) {
            return self.resync(at);
        }
        part.sync = Sync::Live { epoch, seq: mark.seq, since };
        if since.elapsed() > LATER {
            part.pause = SOON;
        }
        let selection = &part.selection;
        let set = set.into_iter().filter(|(path, _)| selection.has(path));
        let set: Vec<_> = set
            .map(|(path, value)| {
                let value = selection.without(&path, value);
                (path, value)
            })
            .collect();
        let gone: Vec<_> = gone.into_iter().filter(|path| selection.has(path)).collect();
        // What was changed here meanwhile, and is still to be asked for, stays until it was.
        let touched = set.iter().map(|(path, _)| path).chain(&gone);
        let kept: Vec<Path> = match self.writable {
            true => touched
                .filter(|path| !part.failed.contains(path) && part.is_changed(store, path))
                .cloned()
                .collect(),
            false => Vec::new(),
        };
        part.forget_some();
        for path in set.iter().map(|(path, _)| path).chain(&gone) {
            part.floors.insert(path.clone(), bulk);
            part.forget_asked(path);
            part.failed.retain(|failed| !failed.starts_with(path));
            part.streams.retain(|stream, _| !stream.starts_with(path));
        }
        let metas: Vec<_> = metas.into_iter().filter(|(path, _)| part.selection.has(path)).collect();
        part.declared.extend(metas.iter().map(|(path, _)| path.clone()));
        let mut errors = Vec::new();
        let here = set.iter().filter(|(path, _)| !kept.contains(path));
        let gone_here: Vec<Path> = gone.iter().filter(|path| !kept.contains(path)).cloned().collect();
        let (here, gone_here) =
            spared(store, &part.selection, here.cloned().collect(), gone_here, &mut errors);
        // Others wait for the store; the shadow has time.
        let is_done = assign(store, &here, &gone_here, &metas, &mut errors);
        assign(&part.shadow.clone(), &set, &gone, &metas, &mut Vec::new());
        part.failed.extend(errors.iter().map(|(path, _)| path.clone()));
        let lag = wall_now().saturating_sub(mark.time) as f64 / 1e9;
        self.shared.status(part.index, |status| {
            (status.seq, status.lag, status.connected) = (mark.seq, lag, true);
            for (path, _) in &set {
                status.set_error(path, None);
            }
            errors.into_iter().for_each(|(path, error)| status.set_error(&path, Some(error)));
        });
        if !is_done {
            return self.resync(at);
        }
        if !kept.is_empty() {
            self.request(store, at, kept);
        }
    }

    /// Asks for the state once more, since something is missing.
    fn resync(&mut self, at: usize) {
        let Some(part) = self.parts.get_mut(at) else { return };
        part.later();
        self.shared.status(part.index, |status| status.resyncs = status.resyncs.saturating_add(1));
    }

    fn beat(&mut self, at: usize, mark: Mark, arrays: Vec<(Path, u64)>) {
        let Some(part) = self.parts.get_mut(at) else { return };
        let Sync::Live { epoch, seq, .. } = part.sync else { return };
        if mark.epoch != epoch {
            return self.resync(at);
        }
        self.shared.status(part.index, |status| status.connected = true);
        // The last delta may be on its way at the first beat that names it, and not at the second.
        match part.behind {
            Some(behind) if seq < behind => return self.resync(at),
            _ => part.behind = (mark.seq > seq).then_some(mark.seq),
        }
        for path in part.wanted_arrays(arrays) {
            self.events.ask_array(at, &part.keys, &path);
        }
    }

    fn array(
        &mut self,
        store: &Struct,
        at: usize,
        mark: Mark,
        number: u64,
        path: Path,
        value: Value<'static>,
    ) {
        let Some(part) = self.parts.get_mut(at) else { return };
        let Sync::Live { epoch, .. } = part.sync else { return };
        part.questions.remove(&path);
        let known = part.arrays.get(&path).is_some_and(|newest| *newest > number);
        if mark.epoch != epoch || known || !part.selection.has(&path) || part.is_stale(&path, number) {
            return;
        }
        part.arrays.insert(path.clone(), number);
        part.forget_asked(&path);
        let mut errors = Vec::new();
        part.forget_some();
        let value = part.selection.without(&path, value);
        let set = [(path, value)];
        assign(&part.shadow.clone(), &set, &[], &[], &mut Vec::new());
        let (here, _) = spared(store, &part.selection, set.to_vec(), Vec::new(), &mut errors);
        let is_done = assign(store, &here, &[], &[], &mut errors);
        let [(path, _)] = &set;
        if errors.is_empty() {
            part.failed.remove(path);
        } else {
            part.failed.insert(path.clone());
        }
        self.shared.status(part.index, |status| {
            status.set_error(path, errors.into_iter().next().map(|(_, error)| error));
        });
        if !is_done {
            self.resync(at);
        }
    }

    fn samples(
        &mut self,
        store: &Struct,
        at: usize,
        mark: Mark,
        path: &Path,
        samples: &[(u64, u64, Vec<u8>)],
    ) {
        let Some(part) = self.parts.get_mut(at) else { return };
        let is_current = matches!(part.sync, Sync::Live { epoch, .. } if epoch == mark.epoch);
        if !is_current || !part.selection.has(path) {
            return;
        }
        let mut missed = 0;
        if !part.streams.contains_key(path) {
            let Ok(stream) = store.get_at::<AnyStream>(path) else { return };
            let first = samples.first().map_or(0, |(seq, ..)| *seq);
            part.streams.insert(path.clone(), (stream, first));
        }
        let mut failed = None;
        if let Some((stream, next)) = part.streams.get_mut(path) {
            for (seq, time, data) in samples {
                // One that was made anew counts from the beginning.
                missed = u64::saturating_add(missed, seq.saturating_sub(*next));
                *next = seq.wrapping_add(1);
                let fill = |place: &mut [u8]| match place.len() == data.len() {
                    true => {
                        place.copy_from_slice(data);
                        Ok(())
                    }
                    false => Err(StoreError::rejected("a sample of another size")),
                };
                if let Err(error) = stream.publish(monotonic(*time), fill) {
                    failed = Some(error);
                    break;
                }
            }
        }
        if failed.is_some() {
            part.streams.remove(path);
        }
        self.shared.status(part.index, |status| {
            status.missed = status.missed.saturating_add(missed);
            status.set_error(path, failed.map(|error| error.to_string()));
        });
    }

    /// Looks whether others have changed what is followed, and asks the owner for it, or puts it back.
    fn changed_here(&mut self, store: &Struct, paths: &[Path]) {
        for at in 0..self.parts.len() {
            let Some(part) = self.parts.get(at).filter(|part| matches!(part.sync, Sync::Live { .. })) else {
                continue;
            };
            let mut other = Vec::new();
            for path in paths.iter().filter(|path| part.selection.has(path)) {
                let here = value_at(store, path).map(|value| part.selection.without(path, value));
                differences(path, here.as_ref(), part.expected(store, path).as_ref(), &mut other);
            }
            // What could not be assigned here is said, and stays as it is.
            other.retain(|path| !part.failed.iter().any(|failed| path.starts_with(failed)));
            if other.is_empty() {
                continue;
            }
            if self.writable {
                self.request(store, at, other);
            } else {
                let (index, count) = (part.index, other.len() as u64);
                for path in &other {
                    let here =
                        value_at(store, path).map_or_else(|| "nothing".to_owned(), |value| shortened(&value));
                    self.shared.log(format!("{path}: local change to {here} reverted"));
                }
                self.revert(store, at, &other);
                self.shared.status(index, |status| status.reverted = status.reverted.saturating_add(count));
            }
        }
    }

    /// Makes it again as the owner has it.
    fn revert(&mut self, store: &Struct, at: usize, paths: &[Path]) {
        let Some(part) = self.parts.get_mut(at) else { return };
        let (mut set, mut gone) = (Vec::new(), Vec::new());
        for path in paths {
            part.asked.remove(path);
            match value_at(&part.shadow, path) {
                Some(value) => set.push((path.clone(), value)),
                None => gone.push(path.clone()),
            }
        }
        let mut errors = Vec::new();
        let (set, gone) = spared(store, &part.selection, set, gone, &mut errors);
        let is_done = assign(store, &set, &gone, &[], &mut errors);
        self.shared.status(part.index, |status| {
            errors.into_iter().for_each(|(path, error)| status.set_error(&path, Some(error)));
        });
        if !is_done {
            self.resync(at);
        }
    }

    /// Asks the owner for what was changed here.
    fn request(&mut self, store: &Struct, at: usize, paths: Vec<Path>) {
        let Some(part) = self.parts.get_mut(at) else { return };
        let (mut set, mut gone) = (Vec::new(), Vec::new());
        for path in &paths {
            let value = value_at(store, path).map(|value| part.selection.without(path, value));
            part.asked.insert(path.clone(), value.clone());
            match value {
                Some(value) => set.push((path.clone(), value)),
                None => gone.push(path.clone()),
            }
        }
        let Ok(bytes) = (Message::Change { set, gone }).to_bytes() else { return };
        self.events.ask_change(at, &part.keys, paths, bytes);
    }

    fn answered(&mut self, store: &Struct, at: usize, paths: &[Path], answer: Option<ZBytes>) {
        let answer = answer.map(|bytes| Message::from_bytes(&bytes.to_bytes()));
        let refused = match answer {
            Some(Ok(Message::Answer { refused: None })) => return,
            Some(Ok(Message::Answer { refused: Some(reason) })) => reason,
            Some(_) => "an answer that cannot be read".to_owned(),
            None => "the owner has not answered".to_owned(),
        };
        let names: Vec<String> = paths.iter().map(Path::to_string).collect();
        self.shared.log(format!("{}: refused: {}", names.join(", "), shortened(&Value::from(refused))));
        self.revert(store, at, paths);
        if let Some(part) = self.parts.get(at) {
            self.shared.status(part.index, |status| {
                status.refused = status.refused.saturating_add(paths.len() as u64)
            });
        }
    }

    /// Says in the store how it is going.
    fn show_status(&self, store: &Struct) {
        let status = self.shared.read_status();
        let lag = status.parts.iter().map(|part| part.lag).fold(0.0, f64::max);
        let seq = status.parts.iter().fold(0_u64, |seq, part| seq.wrapping_add(part.seq));
        let fields = [
            ("connected", Value::from(status.connected())),
            ("lag", Value::from(lag)),
            ("seq", Value::from(seq)),
            ("time", Value::from(wall_now() as f64 / 1e9)),
        ];
        let shown = store.ensure_struct(STATUS).and_then(|part| part.update(fields));
        if let Err(error) = shown {
            self.shared.log(format!("{STATUS}: {error}"));
        }
    }
}

/// A time of CLOCK_MONOTONIC here, from one of another machine since 1970: not later than now.
fn monotonic(time: u64) -> u64 {
    let now = now();
    now.saturating_sub(wall_time(now).saturating_sub(time))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use structstore::StructStore;

    use super::*;
    use crate::network::Network;

    const MARK: Mark = Mark { epoch: 1, seq: 0, time: 0 };

    fn at(text: &str) -> Path {
        text.parse().unwrap()
    }

    /// A follower of all of a store, which hears nobody but the test.
    struct Fed {
        store: StructStore,
        follower: Follower,
        mark: Mark,
    }

    impl Fed {
        /// Has the state in which `camera` and `x` are 1.
        fn new() -> Fed {
            let shared = Arc::new(Shared::new(
                "unused".into(),
                "robot".to_owned(),
                SILENCE,
                vec![crate::Part::default()],
            ));
            let network = Network::new().insecure(true).listen("tcp/127.0.0.1:0");
            let all = [(0, Selection::new(Path::ROOT, &[]))];
            let follower = Follower::new(
                &network.prepare("robot").unwrap().open(&shared).unwrap(),
                &shared,
                &all,
                false,
                false,
            )
            .unwrap();
            let mut fed = Fed { store: StructStore::new(), follower, mark: MARK };
            fed.load();
            fed
        }

        fn load(&mut self) {
            self.load_with(&[]);
        }

        fn load_with(&mut self, metas: &[(Path, Meta)]) {
            self.follower.parts[0].sync = Sync::Asked(Instant::now());
            let value = Value::record([("camera", Value::from(1)), ("x", Value::from(1))]);
            self.follower.load(&self.store, 0, self.mark, 0, Some(value), metas);
        }

        fn hear(&mut self, message: Message) {
            waiting_at_most(Duration::from_millis(50), || self.follower.hear(&self.store, 0, message, 0));
        }

        /// A delta that assigns one field, when there have been so many large arrays.
        fn delta(&mut self, path: &str, value: i32, bulk: u64) {
            self.mark.seq += 1;
            let set = vec![(at(path), Value::from(value))];
            self.hear(Message::Delta { mark: self.mark, bulk, set, gone: Vec::new(), metas: Vec::new() });
        }

        fn array(&mut self, path: &str, number: u64) {
            let value = Value::from(vec![number; 3]);
            self.hear(Message::Array { mark: self.mark, number, path: at(path), value });
        }

        fn is_live(&self) -> bool {
            matches!(self.follower.parts[0].sync, Sync::Live { .. })
        }

        fn resyncs(&self) -> u64 {
            self.follower.shared.read_status().parts[0].resyncs
        }
    }

    #[test]
    fn a_large_array_that_comes_late_is_older_than_what_has_taken_its_place() {
        let mut fed = Fed::new();
        fed.delta("camera", 2, 1);
        fed.array("camera", 1);
        assert_eq!(fed.store.get::<i32>("camera").unwrap(), 2);
        fed.array("camera", 2);
        assert_eq!(fed.store.get::<Vec<u64>>("camera").unwrap(), [2; 3]);
        // The numbers are those of the part: the newest array of one path does not make that of another old.
        fed.array("x", 3);
        fed.array("camera", 4);
        fed.array("x", 2);
        assert_eq!(fed.store.get::<Vec<u64>>("x").unwrap(), [3; 3]);
        assert_eq!(fed.store.get::<Vec<u64>>("camera").unwrap(), [4; 3]);
    }

    #[test]
    fn a_large_array_does_not_come_back_in_a_struct_that_was_made_anew() {
        let mut fed = Fed::new();
        fed.mark.seq += 1;
        let set = vec![(at("arm"), Value::record([("n", Value::from(1))]))];
        fed.hear(Message::Delta { mark: fed.mark, bulk: 3, set, gone: Vec::new(), metas: Vec::new() });
        fed.array("arm.scan", 3);
        assert!(!fed.store.get_at::<structstore::Struct>("arm").unwrap().contains("scan").unwrap());
        fed.array("arm.scan", 4);
        assert_eq!(fed.store.get_at::<Vec<u64>>("arm.scan").unwrap(), [4; 3]);
    }

    #[test]
    fn a_gap_another_epoch_and_a_beat_that_is_further_ask_for_the_state() {
        let mut fed = Fed::new();
        fed.mark.seq += 1;
        fed.delta("x", 3, 0);
        assert_eq!((fed.is_live(), fed.store.get::<i32>("x").unwrap()), (false, 1));
        fed.load();
        fed.mark.epoch += 1;
        fed.delta("x", 3, 0);
        assert_eq!((fed.is_live(), fed.store.get::<i32>("x").unwrap()), (false, 1));
        fed.load();
        let further = Mark { seq: fed.mark.seq + 1, ..fed.mark };
        // The delta may be on its way at the first.
        fed.hear(Message::Beat { mark: further, arrays: Vec::new() });
        assert!(fed.is_live());
        fed.hear(Message::Beat { mark: further, arrays: Vec::new() });
        assert_eq!((fed.is_live(), fed.resyncs()), (false, 3));
    }

    #[test]
    fn limits_that_were_withdrawn_meanwhile_are_not_kept() {
        let mut fed = Fed::new();
        let limit = Meta::new().range(0.0..=1.0);
        // Those that are from here stay.
        fed.store.declare("camera", &limit).unwrap();
        fed.load_with(&[(at("x"), limit.clone())]);
        assert!(fed.store.set("x", 7).is_err());
        fed.mark.seq += 1;
        let metas = vec![(at("x"), limit.clone().unit("m")), (at("y"), limit)];
        let set = vec![(at("y"), Value::from(1))];
        fed.hear(Message::Delta { mark: fed.mark, bulk: 0, set, gone: Vec::new(), metas });
        assert_eq!(fed.store.meta("x").unwrap().unit, "m");
        fed.load();
        let status = fed.follower.shared.read_status();
        assert_eq!(status.parts[0].errors.len(), 0, "{status:?}");
        fed.store.set("x", 7).unwrap();
        assert!(fed.store.set("camera", 7).is_err());
    }

    /// Holds the lock of a store while something is done.
    fn while_locked(store: &StructStore, work: impl FnOnce()) {
        let (held, is_held) = channel();
        let (over, is_over) = channel();
        thread::scope(|scope| {
            let holder = scope.spawn(move || {
                store.with_mut(|_| {
                    held.send(()).unwrap();
                    is_over.recv().unwrap();
                })
            });
            is_held.recv().unwrap();
            work();
            over.send(()).unwrap();
            holder.join().unwrap().unwrap();
        });
    }

    #[test]
    fn a_delta_that_meets_a_lock_is_not_lost() {
        let mut fed = Fed::new();
        while_locked(&fed.store.clone(), || fed.delta("x", 2, 0));
        assert_eq!((fed.is_live(), fed.resyncs(), fed.store.get::<i32>("x").unwrap()), (false, 1, 1));
        while_locked(&fed.store.clone(), || waiting_at_most(Duration::from_millis(50), || fed.load()));
        assert_eq!((fed.is_live(), fed.resyncs()), (false, 2));
        fed.store.set("x", 7).unwrap();
        fed.load();
        assert_eq!((fed.is_live(), fed.store.get::<i32>("x").unwrap()), (true, 1));
    }

    #[test]
    fn what_cannot_be_reverted_for_a_lock_is_reverted_by_the_state() {
        let mut fed = Fed::new();
        fed.store.set("x", 7).unwrap();
        while_locked(&fed.store.clone(), || {
            waiting_at_most(Duration::from_millis(50), || {
                fed.follower.revert(&fed.store, 0, &[at("x")]);
            });
        });
        assert_eq!((fed.is_live(), fed.resyncs(), fed.store.get::<i32>("x").unwrap()), (false, 1, 7));
        fed.load();
        assert_eq!(fed.store.get::<i32>("x").unwrap(), 1);
    }
}
