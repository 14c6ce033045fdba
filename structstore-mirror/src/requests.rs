//! Applies the changes that followers request, in a thread of its own: an owner goes on publishing while a change waits for a lock.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::Duration;

use structstore::binding_support::waiting_at_most;
use structstore::path::{Path, Step};
use structstore::{StructStoreShared, Value};
use zenoh::Wait;
use zenoh::bytes::ZBytes;
use zenoh::query::Query;

use crate::message::Message;
use crate::parts::{Selection, put, remove};
use crate::room::Taken;
use crate::shared::Shared;

/// How long a change that a follower wants waits for a lock.
const PATIENCE: Duration = Duration::from_millis(500);

/// Something of a follower that waits for this side, with the room that it takes.
pub(crate) struct Waiting<T> {
    /// Which part it is about.
    pub(crate) part: usize,
    pub(crate) of: T,
    pub(crate) place: Taken,
}

/// What the thread that publishes is asked.
pub(crate) enum Question {
    /// For the state, or an array.
    State(Query),
    /// To tell what is at these paths: it was changed on request.
    Changed(Vec<Path>),
}

pub(crate) struct Requests {
    shared: Arc<Shared>,
    place: PathBuf,
    selections: Vec<Selection>,
    /// The store once more, with the right to change it.
    store: Option<StructStoreShared>,
}

impl Requests {
    pub(crate) fn new(shared: &Arc<Shared>, selections: Vec<Selection>) -> Requests {
        Requests { shared: Arc::clone(shared), place: shared.place.clone(), selections, store: None }
    }

    /// Applies what comes until nobody can send anything more, and passes on what was done.
    pub(crate) fn run(mut self, requests: &Receiver<Waiting<Query>>, done: &SyncSender<Waiting<Question>>) {
        while let Ok(Waiting { part, of: query, place }) = requests.recv() {
            if self.shared.is_over() {
                return;
            }
            let applied = waiting_at_most(PATIENCE, || self.apply(part, &query));
            let (refused, paths) = match applied {
                Ok(paths) => (None, paths),
                Err(reason) => (Some(reason), Vec::new()),
            };
            if !paths.is_empty() && done.send(Waiting { part, of: Question::Changed(paths), place }).is_err()
            {
                return;
            }
            if let Ok(bytes) = (Message::Answer { refused }).to_bytes() {
                let _ = query.reply(query.key_expr().clone(), ZBytes::from(bytes)).wait();
            }
        }
    }

    /// Makes the changes that a follower wants. Returns where.
    fn apply(&mut self, at: usize, query: &Query) -> Result<Vec<Path>, String> {
        let payload = query.payload().ok_or("a request without a payload")?;
        let Message::Change { set, gone } = Message::from_bytes(&payload.to_bytes())? else {
            return Err("a message that is no change".to_owned());
        };
        let selection = self.selections.get(at).cloned().ok_or("no such part")?;
        let paths: Vec<Path> = set.iter().map(|(path, _)| path).chain(&gone).cloned().collect();
        let is_field = |path: &Path| path.steps().iter().all(|step| matches!(step, Step::Name(_)));
        if let Some(path) =
            paths.iter().find(|path| !selection.has(path) || path.is_root() || !is_field(path))
        {
            return Err(format!("{path}: it is not part of what is mirrored"));
        }
        if self.store.as_ref().is_none_or(|store| !store.valid()) {
            let options = StructStoreShared::options().create(false);
            self.store = Some(options.open(&self.place).map_err(|error| error.to_string())?);
        }
        let Some(store) = &self.store else { return Ok(Vec::new()) };
        if let Some((path, excluded)) = selection.first_lost(store, &set, &gone) {
            return Err(format!("{path}: {excluded}, which is not mirrored, would be lost"));
        }
        let set = set.into_iter().map(|(path, value)| {
            let value = selection.keep(store, &path, selection.without(&path, value));
            (path, value)
        });
        let set: Vec<(Path, Value<'static>)> = set.collect();
        let done = store.transaction(|root| {
            gone.iter().try_for_each(|path| remove(root, path, false))?;
            set.iter().try_for_each(|(path, value)| put(root, path, value))
        });
        done.map(|()| paths).map_err(|error: structstore::Error| error.to_string())
    }
}
