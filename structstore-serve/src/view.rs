//! The tree as a page sees it: a window of rows, and what has changed in it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use structstore::binding_support::waiting_at_most;
use structstore::path::Path;
use structstore::stream::AnyStream;
use structstore::watch::{Batch, Found};
use structstore::{Kind, Struct};

use crate::edit::Rights;
use crate::inbox::Inbox;
use crate::message::{self, Out};
use crate::row;
use crate::tree::{Place, Rows};

/// The most rows in view.
const WINDOW: usize = 1000;
/// How often a search is made again while things change.
const SEARCH: Duration = Duration::from_secs(1);
/// What is listed is not listed again for so many times as long as it took.
const REST: u32 = 10;
/// When rows are read again of which somebody holds some.
const AGAIN: Duration = Duration::from_millis(200);
/// How often the age of what streams have published last is brought up to date.
const AGE: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(crate) struct View {
    asked: message::View,
    /// Whether the page has asked for anything yet. Until then, it gets nothing.
    is_asked: bool,
    rows: Option<Arc<Rows>>,
    /// The rows in view.
    window: HashMap<Path, Seen>,
    /// Those whose texts have changed.
    changed: HashSet<Path>,
    /// Whether to make a list of the rows again, and when at the earliest.
    stale: bool,
    relist: Option<Instant>,
    /// When to send the rows in view, and the last message that had them.
    send: Option<Instant>,
    sent: String,
    /// When to look at streams again, if there are any.
    streams: Option<Instant>,
}

/// A row in view, as it was sent.
struct Seen {
    /// `None` if it could not be read.
    kind: Option<Kind>,
    text: String,
    /// When it was read.
    time: u64,
    row: Json,
    /// Of a stream, the text says how long ago it has published.
    stream: Option<AnyStream>,
}

impl Seen {
    fn new(found: &Found, time: u64, row: Json) -> Seen {
        let stream = match found {
            Found::Stream(stream) => Some(stream.clone()),
            _ => None,
        };
        Seen { kind: Some(found.kind()), text: row::text(found).0, time, row, stream }
    }

    /// A row that could not be read: as it was before, if it was there.
    fn unread(before: Option<Seen>, place: &Place) -> Seen {
        let mut seen = before.unwrap_or_else(|| Seen {
            kind: None,
            text: row::UNREADABLE.to_owned(),
            time: 0,
            row: row::unreadable(place),
            stream: None,
        });
        seen.row["text"] = seen.text.as_str().into();
        seen
    }
}

impl View {
    /// Shows another part.
    pub(crate) fn ask(&mut self, mut asked: message::View) {
        asked.count = asked.count.min(WINDOW);
        let is_same =
            self.asked.search == asked.search && self.asked.open == asked.open && self.rows.is_some();
        if !is_same {
            (self.stale, self.relist) = (true, None);
        }
        (self.asked, self.is_asked) = (asked, true);
        self.send = Some(Instant::now());
        self.sent.clear();
    }

    /// Has a list of the rows made again.
    pub(crate) fn relist(&mut self) {
        self.stale = true;
    }

    /// Lets go of all that is of the store.
    pub(crate) fn forget_store(&mut self, inbox: &Inbox) {
        self.window.clear();
        (self.rows, self.streams, self.stale) = (None, None, true);
        self.sent.clear();
        inbox.interest().rows = None;
    }

    /// When there is something to do, if nothing is told: `soon` at the earliest.
    pub(crate) fn due(&self, soon: Instant) -> Option<Instant> {
        if !self.is_asked {
            return None;
        }
        let changed = (!self.changed.is_empty()).then_some(soon);
        let listed = self.stale.then(|| self.relist.unwrap_or(soon));
        [changed, listed, self.send, self.streams].into_iter().flatten().min().map(|due| due.max(soon))
    }

    /// The paths that the feed is to tell of.
    pub(crate) fn paths(&self) -> impl Iterator<Item = Path> {
        let open = self.asked.open.iter().map(|path| path.0.clone());
        open.chain(self.window.keys().cloned()).chain([Path::ROOT])
    }

    /// Takes note of a value.
    pub(crate) fn see(&mut self, path: Path, time: u64, found: &Option<Found>) {
        let count = match found {
            Some(Found::Struct(count) | Found::List(count)) => Some(*count as usize),
            _ => None,
        };
        let known = self.rows.as_ref().and_then(|rows| rows.count(&path));
        self.stale |= known.is_some() && known != count;
        let Some(seen) = self.window.get_mut(&path).filter(|seen| seen.time <= time) else { return };
        match found {
            Some(found) if Some(found.kind()) == seen.kind => {
                let (text, _) = row::text(found);
                if text != seen.text {
                    (seen.text, seen.time) = (text, time);
                    self.changed.insert(path);
                }
            }
            Some(_) => self.send = Some(Instant::now()),
            None => self.stale = true,
        }
    }

    /// Reads what the page has assigned, and tells it in any case: the page shows what it wanted to be there.
    pub(crate) fn confirm(&mut self, root: &Struct, paths: Vec<Path>, inbox: &Inbox) {
        inbox.interest().fresh.extend(paths.iter().cloned());
        let Ok(batch) = root.read_together(paths) else { return };
        for (path, found) in batch.values {
            if let Some(seen) = self.window.get_mut(&path) {
                self.changed.insert(path.clone());
                seen.time = 0;
            }
            self.see(path, batch.time, &found);
        }
    }

    /// Adds messages for what is new.
    pub(crate) fn draw(&mut self, root: &Struct, rights: &Rights, inbox: &Inbox, out: &mut Vec<Out>) {
        if !self.is_asked {
            return;
        }
        let now = Instant::now();
        if self.stale && self.relist.is_none_or(|relist| relist <= now) {
            self.list(root, inbox, now);
            self.send = Some(now);
        }
        if self.send.is_some_and(|send| send <= now) {
            self.send = None;
            out.extend(self.rows(root, rights, inbox));
        }
        if self.streams.is_some_and(|streams| streams <= now) {
            self.look_at_streams(now);
        }
        out.extend(self.values());
    }

    /// Makes a list of the rows. What changes meanwhile may not be in it.
    fn list(&mut self, root: &Struct, inbox: &Inbox, start: Instant) {
        let open: HashSet<Path> = self.asked.open.iter().map(|path| path.0.clone()).collect();
        inbox.interest().begin_list();
        let (rows, rest) = match self.asked.search.trim() {
            "" => (Rows::of_tree(root, &open), Duration::ZERO),
            search => (Rows::search(root, search), SEARCH),
        };
        let now = Instant::now();
        self.relist = Some(now + rest.max((now - start) * REST));
        match rows {
            // While somebody holds a part that is open, what was there stays, if anything was.
            Ok((rows, is_whole)) => {
                let before = self.rows.take().filter(|_| !is_whole);
                let rows = before.unwrap_or_else(|| Arc::new(rows));
                self.stale = inbox.interest().end_list(&rows) || !is_whole;
                self.rows = Some(rows);
                if !is_whole {
                    self.relist = Some(now + AGAIN);
                }
            }
            Err(_) => self.relist = Some(now + AGAIN),
        }
    }

    /// A message with the rows in view.
    fn rows(&mut self, root: &Struct, rights: &Rights, inbox: &Inbox) -> Option<Out> {
        let rows = self.rows.clone()?;
        let places = rows.window(self.asked.from, self.asked.count);
        // Before they are read: what changes afterwards is told.
        {
            let mut interest = inbox.interest();
            let paths = || places.iter().map(|place| place.path.clone());
            interest.paths.extend(paths());
            interest.fresh.extend(paths());
        }
        let (mut parents, mut before) = (HashMap::new(), std::mem::take(&mut self.window));
        let read = self.read(root, &places);
        for (place, found) in places.iter().zip(read) {
            let seen = match &found {
                Some((time, found)) => {
                    let meta = row::meta(root, &mut parents, &place.path);
                    let writable = rights.allow(&place.path) && !meta.read_only;
                    Seen::new(found, *time, row::row(place, found, &meta, writable))
                }
                // What somebody holds is shown as it was. What has gone is going to be told.
                None => Seen::unread(before.remove(&place.path), place),
            };
            self.window.insert(place.path.clone(), seen);
        }
        self.changed.clear();
        let has_streams = self.window.values().any(|seen| seen.stream.is_some());
        self.streams = has_streams.then(|| Instant::now() + AGE);
        let sent: Vec<&Json> =
            places.iter().filter_map(|place| Some(&self.window.get(&place.path)?.row)).collect();
        let message = json!({ "type": "rows", "from": self.asked.from, "total": rows.len(), "rows": sent });
        let text = message.to_string();
        if text == self.sent {
            return None;
        }
        self.sent.clone_from(&text);
        Some(Out::Text(text))
    }

    /// What is at some places, with the time of that, as of one moment. While somebody holds some of them for long, they are read one by
    /// one, and again after a while.
    fn read(&mut self, root: &Struct, places: &[Place]) -> Vec<Option<(u64, Found)>> {
        let values = |batch: Batch| {
            let time = batch.time;
            batch.values.into_iter().map(move |(_, found)| found.map(|found| (time, found)))
        };
        if let Ok(batch) = root.read_together(places.iter().map(|place| place.path.clone()).collect()) {
            return values(batch).collect();
        }
        self.send = Some(Instant::now() + AGAIN);
        let one = |place: &Place| {
            let read = || root.read_together(vec![place.path.clone()]);
            waiting_at_most(Duration::ZERO, read).ok().and_then(|batch| values(batch).next().flatten())
        };
        places.iter().map(one).collect()
    }

    fn look_at_streams(&mut self, now: Instant) {
        self.streams = Some(now + AGE);
        for (path, seen) in &mut self.window {
            if let Some(stream) = &seen.stream {
                let text = row::summary(stream);
                if text != seen.text {
                    seen.text = text;
                    self.changed.insert(path.clone());
                }
            }
        }
    }

    /// A message with the values that have changed.
    fn values(&mut self) -> Option<Out> {
        let changed = std::mem::take(&mut self.changed);
        let text = |path: Path| Some((path.to_string(), self.window.get(&path)?.text.clone()));
        let set: Vec<(String, String)> = changed.into_iter().filter_map(text).collect();
        (!set.is_empty()).then(|| Out::text(&json!({ "type": "values", "set": set })))
    }
}
