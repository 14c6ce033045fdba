//! One page: what it asked for, what it is told.
//!
//! A thread for each, since reading may wait for a lock. It composes turns of what is newest, and only when the page has drawn the one
//! before.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use structstore::Struct;
use structstore::binding_support::waiting_at_most;
use structstore::path::Path;
use structstore::watch::{Batch, Found};

use crate::clock;
use crate::edit::{self, Refusal};
use crate::elements::Elements;
use crate::feed::Feed;
use crate::inbox::{Inbox, Letters, Newest, State};
use crate::message::{self, Format, Message};
use crate::plot::{Plot, missing};
use crate::source::Opened;
use crate::tree::{Place, Rows};
use crate::viewer::{Settings, VERSION};
use crate::{info, picture, row, text, vector};

/// The most rows in view.
const WINDOW: usize = 1000;
/// The most panels.
const PANELS: usize = 100;
/// How long a turn waits for locks, and how long a request does.
const PATIENCE: Duration = Duration::from_millis(20);
const LONGER: Duration = Duration::from_millis(1500);
/// How often the panel of locks and processes is brought up to date.
const INFO: Duration = Duration::from_secs(1);
/// How often a search is made again while things change.
const SEARCH: Duration = Duration::from_secs(1);
/// What is listed is not listed again for so many times as long as it took.
const REST: u32 = 10;

/// A message to the page.
#[derive(Clone, Debug, PartialEq)]
pub enum Out {
    /// A JSON object.
    Text(String),
    /// A header and data.
    Binary(Vec<u8>),
}

impl Out {
    pub(crate) fn text(message: &Json) -> Out {
        Out::Text(message.to_string())
    }
}

pub(crate) struct Session<S> {
    feed: Arc<Feed>,
    inbox: Arc<Inbox>,
    settings: Arc<Settings>,
    /// Passes a message on. `false` if the page is gone.
    send: S,
    opened: Option<Arc<Opened>>,
    view: View,
    panels: BTreeMap<u64, Panel>,
    /// Whether the page has drawn the last turn.
    ready: bool,
    last_turn: Instant,
}

/// The tree as the page sees it.
#[derive(Default)]
struct View {
    asked: message::View,
    rows: Option<Arc<Rows>>,
    /// The rows in view: what kind each is, its text, the time of that, and how it was sent.
    window: HashMap<Path, Seen>,
    /// The rows in view whose texts have changed.
    changed: HashSet<Path>,
    /// Whether to make a list of the rows again, and when at the earliest; and whether to send those in view.
    stale: bool,
    relist: Option<Instant>,
    send: bool,
}

struct Seen {
    kind: &'static str,
    text: String,
    time: u64,
    row: Json,
}

impl Seen {
    /// The row with the newest text.
    fn into_row(mut self) -> Json {
        self.row["text"] = self.text.into();
        self.row
    }
}

enum Panel {
    Plot(Plot),
    Picture(message::Picture, Content),
    Vector(message::Vector, Content),
    Table(message::Table, Content),
    Info { due: Instant },
}

/// What a panel of an array shows.
#[derive(Default)]
struct Content {
    /// What was found last, if it was not drawn yet.
    fresh: Option<Newest>,
    complaint: Option<String>,
}

impl<S: FnMut(Out) -> bool> Session<S> {
    pub(crate) fn new(feed: Arc<Feed>, inbox: Arc<Inbox>, settings: Arc<Settings>, send: S) -> Session<S> {
        let last_turn = Instant::now();
        let (opened, view, panels) = Default::default();
        Session { feed, inbox, settings, send, opened, view, panels, ready: true, last_turn }
    }

    /// Serves the page until it goes.
    pub(crate) fn run(mut self) {
        self.feed.join(&self.inbox);
        // Nothing of it may be open when the thread of the feed ends.
        while self.step() {}
        self.opened = None;
        self.panels.clear();
        self.feed.leave(&self.inbox);
    }

    fn step(&mut self) -> bool {
        let letters = self.inbox.wait(self.due());
        let Letters { messages, values, rows, state, closed } = letters;
        if closed || state.is_some_and(|state| !self.change_state(state)) {
            return false;
        }
        if !messages.into_iter().all(|text| waiting_at_most(LONGER, || self.hear(&text))) {
            return false;
        }
        self.view.stale |= rows;
        self.take(values);
        let due = self.ready && self.last_turn.elapsed() >= self.pause();
        !due || waiting_at_most(PATIENCE, || self.turn())
    }

    /// When there is something to do even if nothing is told.
    fn due(&self) -> Option<Instant> {
        if !self.ready || self.opened.is_none() {
            return None;
        }
        let (next, soon) = (self.last_turn + self.feed.period, self.last_turn + self.pause());
        let panel = |panel: &Panel| match panel {
            Panel::Plot(_) => Some(next),
            Panel::Picture(_, content) | Panel::Vector(_, content) | Panel::Table(_, content) => {
                content.fresh.is_some().then_some(soon)
            }
            Panel::Info { due } => Some((*due).max(next)),
        };
        let view = match (self.view.send, self.view.stale) {
            (true, _) => Some(soon),
            (false, true) => Some(self.view.relist.unwrap_or(soon).max(soon)),
            (false, false) => (!self.view.changed.is_empty()).then_some(soon),
        };
        self.panels.values().filter_map(panel).chain(view).min()
    }

    /// The time between two turns, at least. The feed keeps to the rate: what it tells waits no second time.
    fn pause(&self) -> Duration {
        self.feed.period / 2
    }

    fn say(&mut self, message: &Json) -> bool {
        (self.send)(Out::text(message))
    }

    fn change_state(&mut self, state: State) -> bool {
        match state {
            State::Gone(reason) => {
                self.opened = None;
                self.forget_store();
                self.say(&json!({ "type": "state", "state": "gone", "text": reason }))
            }
            State::Live(opened) => {
                self.opened = Some(opened);
                self.forget_store();
                self.view.stale = true;
                let hello = json!({
                    "type": "hello", "protocol": VERSION, "version": env!("CARGO_PKG_VERSION"),
                    "store": self.feed.source.name(), "rate": 1.0 / self.feed.period.as_secs_f64(),
                    "writable": self.settings.rights.paths(), "pid": std::process::id(), "session": self.settings.session,
                });
                self.say(&hello) && self.say(&json!({ "type": "state", "state": "live", "text": "" }))
            }
        }
    }

    /// Lets go of all that is of the store.
    fn forget_store(&mut self) {
        self.view.window.clear();
        self.view.rows = None;
        self.inbox.interest().rows = None;
        for panel in self.panels.values_mut() {
            match panel {
                Panel::Plot(plot) => plot.forget_store(),
                Panel::Picture(_, content) | Panel::Vector(_, content) | Panel::Table(_, content) => {
                    *content = Content::default();
                }
                Panel::Info { .. } => {}
            }
        }
        let asked: Vec<u64> = self.panels.keys().copied().collect();
        asked.into_iter().for_each(|id| self.look_at(id));
    }

    /// Does what the page asks for. `false` if it is gone, or does not keep to the protocol.
    fn hear(&mut self, text: &str) -> bool {
        let Ok(message) = serde_json::from_str(text) else { return false };
        match message {
            Message::Next => self.ready = true,
            Message::View(mut asked) => {
                asked.count = asked.count.min(WINDOW);
                let before = &self.view.asked;
                let same =
                    before.search == asked.search && before.open == asked.open && self.view.rows.is_some();
                self.view.stale |= !same;
                self.view.relist = if same { self.view.relist } else { None };
                self.view.send = true;
                self.view.asked = asked;
            }
            Message::Plot(asked) => {
                let id = asked.id;
                let before = match self.panels.remove(&id) {
                    Some(Panel::Plot(plot)) => Some(plot),
                    _ => None,
                };
                self.open(id, Panel::Plot(Plot::new(asked, before)));
            }
            Message::Picture(asked) => self.open(asked.id, Panel::Picture(asked, Content::default())),
            Message::Vector(asked) => self.open(asked.id, Panel::Vector(asked, Content::default())),
            Message::Table(asked) => self.open(asked.id, Panel::Table(asked, Content::default())),
            Message::Info { id } => self.open(id, Panel::Info { due: Instant::now() }),
            Message::Close { id } => {
                self.panels.remove(&id);
                self.set_interest();
            }
            Message::Set { id, changes } => {
                let done = edit::set(&self.feed.source, &self.settings.rights, &changes);
                return self.answer(id, done.map(|()| json!({ "type": "done", "id": id })));
            }
            Message::Read(asked) => {
                let text = self.read(&asked);
                let answer = text.map(|text| json!({ "type": "text", "id": asked.id, "text": text }));
                return self.answer(asked.id, answer);
            }
            Message::Load(asked) => {
                let done = self.load(&asked).map(|()| json!({ "type": "done", "id": asked.id }));
                return self.answer(asked.id, done);
            }
        }
        true
    }

    fn answer(&mut self, id: u64, answer: Result<Json, Refusal>) -> bool {
        let answer = answer.unwrap_or_else(|refusal| refusal.message(id));
        self.say(&answer)
    }

    fn open(&mut self, id: u64, panel: Panel) {
        self.panels.insert(id, panel);
        if self.panels.len() > PANELS {
            self.panels.pop_first();
        }
        self.set_interest();
        self.look_at(id);
    }

    fn root(&self) -> Option<Struct> {
        self.opened.as_ref().map(|opened| opened.root().clone())
    }

    /// Reads what a panel shows.
    fn look_at(&mut self, id: u64) {
        let Some(root) = self.root() else { return };
        if let Some((path, content)) = self.panels.get_mut(&id).and_then(Panel::content)
            && let Ok(batch) = root.read_together(vec![path.clone()])
        {
            let found = batch.values.into_iter().next().and_then(|(_, found)| found);
            content.fresh = Some((batch.time, Arc::new(found)));
        }
    }

    fn read(&self, asked: &message::Read) -> Result<String, Refusal> {
        let path = &asked.path.0;
        let opened = self.feed.source.glance()?;
        let value = match path.is_root() {
            true => opened.root().to_value()?,
            false => opened.root().get_at(&path.to_string())?,
        };
        let written = match (asked.format, self.settings.formats) {
            (Format::Text, _) => return Ok(text::of_value(&value, false).0),
            (_, None) => return Err(Refusal::new(path, "this viewer has no YAML and no JSON")),
            (Format::Yaml, Some(formats)) => (formats.yaml)(&value),
            (Format::Json, Some(formats)) => (formats.json)(&value),
        };
        written.map_err(|error| Refusal::new(path, error))
    }

    fn load(&self, asked: &message::Load) -> Result<(), Refusal> {
        let path = &asked.path.0;
        self.settings.rights.check(path)?;
        let Some(formats) = self.settings.formats else {
            return Err(Refusal::new(path, "this viewer has no YAML and no JSON"));
        };
        let opened = self.feed.source.change()?;
        (formats.load)(opened.root(), path, &asked.text).map_err(|error| Refusal::new(path, error))
    }

    /// Takes note of new values.
    fn take(&mut self, values: HashMap<Path, Newest>) {
        for panel in self.panels.values_mut() {
            if let Some((path, content)) = panel.content()
                && let Some(newest) = values.get(path)
            {
                content.fresh = Some(newest.clone());
            }
        }
        for (path, (time, found)) in values {
            let count = match &*found {
                Some(Found::Struct(count) | Found::List(count)) => Some(*count as usize),
                _ => None,
            };
            let known = self.view.rows.as_ref().and_then(|rows| rows.count(&path));
            self.view.stale |= known.is_some() && known != count;
            self.view.see(path, time, &found);
        }
    }

    /// Sends what is new, if anything is.
    fn turn(&mut self) -> bool {
        let Some(opened) = self.opened.clone() else { return true };
        let root = opened.root();
        let mut out = Vec::new();
        self.draw_view(root, &mut out);
        let now = Instant::now();
        for (id, panel) in &mut self.panels {
            match panel {
                Panel::Plot(plot) => plot.draw(root, &self.feed.sampler, &mut out),
                Panel::Picture(asked, content) => {
                    let draw = |elements: Elements<'_>| picture::draw(asked, elements).map(Out::Binary);
                    content.draw(*id, draw, &mut out);
                }
                Panel::Vector(asked, content) => {
                    let draw = |elements: Elements<'_>| vector::line(asked, elements).map(Out::Binary);
                    content.draw(*id, draw, &mut out);
                }
                Panel::Table(asked, content) => {
                    let writable = self.settings.rights.allow(&asked.path.0);
                    let is_stream = matches!(
                        content.fresh.as_ref().map(|(_, found)| &**found),
                        Some(Some(Found::Stream(_)))
                    );
                    let draw = |elements: Elements<'_>| {
                        Ok(Out::text(&vector::table(asked, elements, writable && !is_stream)))
                    };
                    content.draw(*id, draw, &mut out);
                }
                Panel::Info { due } if *due <= now => {
                    *due = now + INFO;
                    let message = info::message(*id, &opened);
                    out.push(Out::text(
                        &message.unwrap_or_else(|error| missing(*id, None, &error.to_string())),
                    ));
                }
                Panel::Info { .. } => {}
            }
        }
        if out.is_empty() {
            return true;
        }
        out.push(Out::text(&json!({ "type": "turn", "time": clock::wall_now() })));
        (self.ready, self.last_turn) = (false, now);
        out.into_iter().all(&mut self.send)
    }

    fn draw_view(&mut self, root: &Struct, out: &mut Vec<Out>) {
        let now = Instant::now();
        if self.view.stale && self.view.relist.is_none_or(|relist| relist <= now) {
            self.view.list(root, now);
            self.view.send = true;
        }
        if !std::mem::take(&mut self.view.send) {
            out.extend(self.view.values());
            return;
        }
        let Some(rows) = self.view.rows.clone() else { return };
        let places = rows.window(self.view.asked.from, self.view.asked.count);
        let (mut parents, mut before) = (HashMap::new(), std::mem::take(&mut self.view.window));
        let mut sent = Vec::with_capacity(places.len());
        for (place, found) in places.iter().zip(self.view.read(root, &places)) {
            let row = match &found {
                Some((_, found)) => {
                    let meta = row::meta(root, &mut parents, &place.path);
                    let writable = self.settings.rights.allow(&place.path) && !meta.read_only;
                    row::row(place, found, &meta, writable)
                }
                // What somebody holds is shown as it was. What has gone is going to be told.
                None => before.remove(&place.path).map_or_else(|| row::unreadable(place), Seen::into_row),
            };
            sent.push(row.clone());
            let (kind, text, time) = match &found {
                Some((time, found)) => (row::kind(found), row::text(found).0, *time),
                None => ("", row["text"].as_str().unwrap_or_default().to_owned(), 0),
            };
            self.view.window.insert(place.path.clone(), Seen { kind, text, time, row });
        }
        out.push(Out::text(&json!({
            "type": "rows", "from": self.view.asked.from, "total": rows.len(), "rows": sent,
        })));
        self.set_interest();
    }

    /// Tells the feed what is in view.
    fn set_interest(&mut self) {
        let panels =
            self.panels.values_mut().filter_map(|panel| panel.content().map(|(path, _)| path.clone()));
        let open = self.view.asked.open.iter().map(|path| path.0.clone());
        let window = self.view.window.keys().cloned();
        let mut interest = self.inbox.interest();
        interest.paths = panels.chain(open).chain(window).chain([Path::ROOT]).collect();
        interest.rows = self.view.rows.clone();
    }
}

impl View {
    /// What is at some places, with the time of that, as of one moment. While somebody holds some of them for long, they are read one by
    /// one, and again the next time.
    fn read(&mut self, root: &Struct, places: &[Place]) -> Vec<Option<(u64, Found)>> {
        let values = |batch: Batch| {
            let time = batch.time;
            batch.values.into_iter().map(move |(_, found)| found.map(|found| (time, found)))
        };
        if let Ok(batch) = root.read_together(places.iter().map(|place| place.path.clone()).collect()) {
            return values(batch).collect();
        }
        self.send = true;
        let one = |place: &Place| {
            let read = || root.read_together(vec![place.path.clone()]);
            waiting_at_most(Duration::ZERO, read).ok().and_then(|batch| values(batch).next().flatten())
        };
        places.iter().map(one).collect()
    }

    /// Makes a list of the rows.
    fn list(&mut self, root: &Struct, start: Instant) {
        let open: HashSet<Path> = self.asked.open.iter().map(|path| path.0.clone()).collect();
        let (rows, rest) = match self.asked.search.trim() {
            "" => (Rows::of_tree(root, &open), Duration::ZERO),
            search => (Rows::search(root, search), SEARCH),
        };
        // A store that cannot be read now is tried again.
        if let Ok(rows) = rows {
            (self.rows, self.stale) = (Some(Arc::new(rows)), false);
        }
        let now = Instant::now();
        self.relist = Some(now + rest.max((now - start) * REST));
    }

    /// Takes note of a value in view.
    fn see(&mut self, path: Path, time: u64, found: &Option<Found>) {
        let Some(seen) = self.window.get_mut(&path).filter(|seen| seen.time <= time) else { return };
        match found {
            Some(found) if row::kind(found) == seen.kind => {
                let (text, _) = row::text(found);
                if text != seen.text {
                    (seen.text, seen.time) = (text, time);
                    self.changed.insert(path);
                }
            }
            Some(_) => self.send = true,
            None => self.stale = true,
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

impl Panel {
    /// The array that it shows, and what is known of it.
    fn content(&mut self) -> Option<(&Path, &mut Content)> {
        match self {
            Panel::Picture(asked, content) => Some((&asked.path.0, content)),
            Panel::Vector(asked, content) => Some((&asked.path.0, content)),
            Panel::Table(asked, content) => Some((&asked.path.0, content)),
            Panel::Plot(_) | Panel::Info { .. } => None,
        }
    }
}

impl Content {
    fn draw(&mut self, id: u64, draw: impl FnOnce(Elements<'_>) -> Result<Out, String>, out: &mut Vec<Out>) {
        let Some((_, found)) = self.fresh.take() else { return };
        let drawn = match &*found {
            None => Err("there is no such field".to_owned()),
            Some(found) => Elements::of(found).and_then(draw),
        };
        match drawn {
            Ok(message) => {
                out.push(message);
                self.complaint = None;
            }
            Err(error) if self.complaint.as_ref() == Some(&error) => {}
            Err(error) => {
                out.push(Out::text(&missing(id, None, &error)));
                self.complaint = Some(error);
            }
        }
    }
}
