//! What a session is told: by its page, and by the feed. The newest state, never a queue of states.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};
use structstore::path::Path;
use structstore::watch::Found;

use crate::source::Opened;
use crate::tree::Rows;

/// How many messages of a page may wait, and how many bytes of them; one may be as long as the server takes.
const MESSAGES: usize = 1000;
const BYTES: usize = 64 << 20;

/// How many changes are noted while a list is made.
const MEANWHILE: usize = 10_000;

/// A value as it was found, with the time of the batch.
pub(crate) type Newest = (u64, Arc<Option<Found>>);

#[derive(Default)]
pub(crate) struct Inbox {
    letters: Mutex<Letters>,
    bell: Condvar,
    interest: Mutex<Interest>,
}

/// What was told since the session has last looked.
#[derive(Default)]
pub(crate) struct Letters {
    pub(crate) messages: VecDeque<String>,
    bytes: usize,
    pub(crate) values: HashMap<Path, Newest>,
    /// Whether there may be other rows.
    pub(crate) rows: bool,
    pub(crate) state: Option<State>,
    /// The page is gone, or the viewer stops.
    pub(crate) closed: bool,
}

impl Letters {
    fn is_empty(&self) -> bool {
        self.messages.is_empty()
            && self.values.is_empty()
            && !self.rows
            && self.state.is_none()
            && !self.closed
    }
}

/// Whether the store is there.
#[derive(Clone)]
pub(crate) enum State {
    Live(Arc<Opened>),
    Gone(String),
}

/// What the session wants to be told of.
#[derive(Default)]
pub(crate) struct Interest {
    pub(crate) paths: BTreeSet<Path>,
    pub(crate) rows: Option<Arc<Rows>>,
    /// What the session has read itself: the feed reads it once more, for it compares with what it has read itself.
    pub(crate) fresh: BTreeSet<Path>,
    /// What has changed while there are no rows.
    meanwhile: Vec<Path>,
}

impl Inbox {
    pub(crate) fn tell(&self, tell: impl FnOnce(&mut Letters)) {
        tell(&mut self.letters.lock());
        self.bell.notify_one();
    }

    /// A message of the page. One that sends more than it waits for is cut off.
    pub(crate) fn message(&self, text: String) {
        self.tell(|letters| {
            letters.bytes = letters.bytes.saturating_add(text.len());
            letters.messages.push_back(text);
            letters.closed |= letters.messages.len() > MESSAGES || letters.bytes > BYTES;
        });
    }

    pub(crate) fn interest(&self) -> MutexGuard<'_, Interest> {
        self.interest.lock()
    }

    /// Waits until something was told, or until then.
    pub(crate) fn wait(&self, until: Option<Instant>) -> Letters {
        let mut letters = self.letters.lock();
        while letters.is_empty() {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            match left {
                Some(Duration::ZERO) => break,
                Some(left) => _ = self.bell.wait_for(&mut letters, left),
                None => self.bell.wait(&mut letters),
            }
        }
        std::mem::take(&mut letters)
    }
}

impl Interest {
    /// Notes from now on what changes, which a list that is being made may not have.
    pub(crate) fn begin_list(&mut self) {
        (self.rows, self.meanwhile) = (None, Vec::new());
    }

    /// Whether the list is out of date already.
    pub(crate) fn end_list(&mut self, rows: &Arc<Rows>) -> bool {
        self.rows = Some(Arc::clone(rows));
        let meanwhile = std::mem::take(&mut self.meanwhile);
        meanwhile.len() >= MEANWHILE || meanwhile.iter().any(|path| rows.is_affected(path))
    }

    /// Whether what rows there are may have changed.
    pub(crate) fn rows_changed(&mut self, changed: &[Path]) -> bool {
        match &self.rows {
            Some(rows) => changed.iter().any(|path| rows.is_affected(path)),
            None => {
                let room = MEANWHILE.saturating_sub(self.meanwhile.len());
                self.meanwhile.extend(changed.iter().take(room).cloned());
                false
            }
        }
    }

    /// The paths of interest that a change there can have changed: what is there, what is below, and what has it.
    pub(crate) fn affected(&self, changed: &Path, add: &mut impl FnMut(&Path)) {
        let below = self.paths.range(changed.clone()..).take_while(|path| path.starts_with(changed));
        below.for_each(&mut *add);
        if let Some(parent) = changed.parent().filter(|parent| self.paths.contains(parent)) {
            add(&parent);
        }
    }
}
