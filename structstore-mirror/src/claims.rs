//! Ownership of parts: of two processes that claim the same part, the older one keeps it.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use structstore::path::Path;
use zenoh::liveliness::LivelinessToken;
use zenoh::pubsub::Subscriber;
use zenoh::query::Reply;
use zenoh::sample::{Sample, SampleKind};
use zenoh::{Session, Wait};

use crate::error::{Error, Result};
use crate::identity::{identity, named, owner_of};
use crate::key::Keys;
use crate::shared::Shared;

/// How often it is asked whether another owner has gone.
const RETRY: Duration = Duration::from_millis(200);
/// How much longer than its lease one that has died is known, at most.
const GRACE: Duration = Duration::from_secs(1);

pub(crate) struct Claims {
    /// What this process is called.
    own: String,
    /// Older owners of a part, and since when each is known: one that has died is forgotten after its lease.
    rivals: Arc<Mutex<HashMap<String, (Path, Instant)>>>,
    _tokens: Vec<LivelinessToken>,
    _others: Vec<Subscriber<()>>,
}

impl Claims {
    pub(crate) fn new() -> Claims {
        Claims { own: identity(), rivals: Arc::default(), _tokens: Vec::new(), _others: Vec::new() }
    }

    /// Host and process id of this owner.
    pub(crate) fn own(&self) -> String {
        named(&self.own)
    }

    /// Claims a part, once no other process owns it: for that it waits for the lease of one that has died.
    pub(crate) fn add(&mut self, session: &Session, shared: &Shared, keys: &Keys, part: &Path) -> Result<()> {
        self.wait_alone(session, shared, keys, part)?;
        let token = session.liveliness().declare_token(keys.owner(&self.own)).wait();
        self._tokens.push(token.map_err(Error::network)?);
        let (rivals, own, part) = (Arc::clone(&self.rivals), self.own.clone(), part.clone());
        let take = move |sample: Sample| {
            // If two start at once, or on both sides of a broken link, the older one stays.
            let other = owner_of(sample.key_expr().as_str());
            let Some(other) = other.filter(|other| *other < own) else { return };
            let mut rivals = rivals.lock();
            match sample.kind() {
                SampleKind::Put => drop(rivals.insert(other, (part.clone(), Instant::now()))),
                SampleKind::Delete => drop(rivals.remove(&other)),
            }
        };
        let others = session.liveliness().declare_subscriber(keys.owners()).history(true).callback(take);
        self._others.push(others.wait().map_err(Error::network)?);
        Ok(())
    }

    fn wait_alone(&self, session: &Session, shared: &Shared, keys: &Keys, part: &Path) -> Result<()> {
        let until = Instant::now() + shared.lease + GRACE;
        loop {
            let Some(owner) = owners(session, keys)?.into_iter().find(|owner| *owner != self.own) else {
                return Ok(());
            };
            if Instant::now() > until || shared.is_over() {
                return Err(Error::Owned { part: part.clone(), owner: named(&owner) });
            }
            thread::sleep(RETRY);
        }
    }

    /// Ends the mirror if an older owner of a part is alive.
    pub(crate) fn check(&self, shared: &Shared) {
        let lease = shared.lease + GRACE;
        let rivals = self.rivals.lock();
        if let Some((owner, (part, _))) = rivals.iter().find(|(_, (_, since))| since.elapsed() > lease) {
            shared.fail(Error::Owned { part: part.clone(), owner: named(owner) });
        }
    }
}

/// Who owns a part, as far as it is known here.
fn owners(session: &Session, keys: &Keys) -> Result<Vec<String>> {
    let (sender, found) = std::sync::mpsc::channel();
    let each = move |reply: Reply| {
        if let Ok(sample) = reply.result() {
            let _ = sender.send(owner_of(sample.key_expr().as_str()));
        }
    };
    let asked = session.liveliness().get(keys.owners()).timeout(Duration::from_secs(1)).callback(each);
    asked.wait().map_err(Error::network)?;
    // It ends when all have answered, for then nobody can send any more.
    Ok(found.into_iter().flatten().collect())
}
