//! What reaches a follower: messages and answers of owners, and changes that others make to the store here.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use structstore::Struct;
use structstore::binding_support::Thread;
use structstore::path::Path;
use structstore::watch::Batches;
use zenoh::bytes::ZBytes;
use zenoh::pubsub::Subscriber;
use zenoh::sample::{Sample, SampleKind};
use zenoh::{Session, Wait};

use crate::error::{Error, Result};
use crate::identity::owner_of;
use crate::key::{Keys, chunk};
use crate::parts::{Selection, wanted};
use crate::protocol::LARGEST;
use crate::question::ask;
use crate::room::{Room, Taken};
use crate::shared::Shared;

/// How many bytes of messages may wait. What comes beyond is dropped, and missed.
pub(crate) const ROOM: usize = LARGEST as usize;
/// How often it is looked whether the mirror is over.
const TICK: Duration = Duration::from_millis(50);

/// Something that concerns a part, by its number.
pub(crate) enum Event {
    /// From the owner of a part, with the room that it takes.
    Message(usize, ZBytes, Taken),
    Owner(usize, String, bool, Taken),
    /// The answer to a question for the state; nothing if there was none.
    State(usize, Option<ZBytes>),
    Array(usize, ZBytes, Taken),
    /// The answer to a change that was made here.
    Answer(usize, Vec<Path>, Option<ZBytes>),
    /// What others have changed here, or this process.
    Local(Vec<Path>),
}

pub(crate) struct Events {
    session: Session,
    room: Room,
    sender: Sender<Event>,
    events: Receiver<Event>,
    _subscribers: Vec<Subscriber<()>>,
}

impl Events {
    pub(crate) fn new(session: &Session) -> Events {
        let (sender, events) = channel();
        Events { session: session.clone(), room: Room::new(ROOM), sender, events, _subscribers: Vec::new() }
    }

    /// Hears from now on what owners of a part send.
    pub(crate) fn hear(&mut self, at: usize, keys: &Keys) -> Result<()> {
        for key in [keys.deltas(), keys.bulk()] {
            let (sender, room) = (self.sender.clone(), self.room.clone());
            let take = move |sample: Sample| {
                // What finds no room is missed, as the numbers tell.
                if let Some(place) = room.take(sample.payload().len()) {
                    let _ = sender.send(Event::Message(at, sample.payload().clone(), place));
                }
            };
            let subscriber = self.session.declare_subscriber(key).callback(take).wait();
            self._subscribers.push(subscriber.map_err(Error::network)?);
        }
        let (sender, room) = (self.sender.clone(), self.room.clone());
        let take = move |sample: Sample| {
            let key = sample.key_expr().as_str();
            if let (Some(owner), Some(place)) = (owner_of(key), room.take(key.len())) {
                let _ = sender.send(Event::Owner(at, owner, sample.kind() == SampleKind::Put, place));
            }
        };
        let owners = self.session.liveliness().declare_subscriber(keys.owners()).history(true).callback(take);
        self._subscribers.push(owners.wait().map_err(Error::network)?);
        Ok(())
    }

    /// Tells of what changes in the store here, by whomever.
    pub(crate) fn watch(
        &self,
        store: &Struct,
        shared: &Arc<Shared>,
        parts: Vec<Selection>,
    ) -> Option<Thread> {
        let mut batches = Batches::with_contents(store).ok()?;
        let (shared, sender) = (Arc::clone(shared), self.sender.clone());
        let watch = move || {
            let parts: Vec<&Selection> = parts.iter().collect();
            while !shared.is_over() {
                let Ok(batch) = batches.wait(Some(TICK), |_| Vec::new()) else { return };
                let Some(batch) = batch else { continue };
                if sender.send(Event::Local(wanted(&parts, &batch.changed))).is_err() {
                    return;
                }
            }
        };
        Thread::start("watch", watch).ok()
    }

    /// The next one, if it comes in time.
    pub(crate) fn next(&self, timeout: Duration) -> Option<Event> {
        self.events.recv_timeout(timeout).ok()
    }

    /// Asks the owner of a part for its state.
    pub(crate) fn ask_state(&self, at: usize, keys: &Keys) {
        let sender = self.sender.clone();
        ask(&self.session, &keys.state(), None, move |bytes| drop(sender.send(Event::State(at, bytes))));
    }

    /// Asks for an array in it.
    pub(crate) fn ask_array(&self, at: usize, keys: &Keys, path: &Path) {
        let selector = format!("{}?array={}", keys.state(), chunk(&path.to_string()));
        let (sender, room) = (self.sender.clone(), self.room.clone());
        ask(&self.session, &selector, None, move |bytes| {
            if let Some(bytes) = bytes
                && let Some(place) = room.take(bytes.len())
            {
                let _ = sender.send(Event::Array(at, bytes, place));
            }
        });
    }

    /// Asks for changes of these paths, as a message says them.
    pub(crate) fn ask_change(&self, at: usize, keys: &Keys, paths: Vec<Path>, message: Vec<u8>) {
        let sender = self.sender.clone();
        ask(&self.session, &keys.changes(), Some(message), move |bytes| {
            let _ = sender.send(Event::Answer(at, paths.clone(), bytes));
        });
    }
}
