//! One page: what it asked for, what it is told.
//!
//! A thread for each, since reading may wait for a lock: for a moment, and then what is held is shown as it was. It composes turns of what is
//! newest, and only when the page has drawn the one before.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use structstore::binding_support::waiting_at_most;
use structstore::path::Path;

use crate::edit::{self, Refusal};
use crate::feed::Feed;
use crate::inbox::{Inbox, Letters, Newest, State};
use crate::message::{self, Format, Message, Out, VERSION};
use crate::panel::{Content, Panel};
use crate::plot::Plot;
use crate::settings::Settings;
use crate::source::Opened;
use crate::timeline::Moment;
use crate::view::View;
use crate::{clock, text, timeline};

/// The most panels, and the most lines in all plots.
const PANELS: usize = 100;
const LINES: usize = 200;
/// How long a turn waits for locks, and how long a request does.
const PATIENCE: Duration = Duration::from_millis(20);
const LONGER: Duration = Duration::from_millis(1500);

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
    /// Where a recording was when the page was told.
    moment: Option<Moment>,
    /// When it was last looked whether there is anything to tell.
    looked: Instant,
}

impl<S: FnMut(Out) -> bool> Session<S> {
    pub(crate) fn new(feed: Arc<Feed>, inbox: Arc<Inbox>, settings: Arc<Settings>, send: S) -> Session<S> {
        let (opened, view, panels, moment) = Default::default();
        let (ready, looked) = (true, Instant::now());
        Session { feed, inbox, settings, send, opened, view, panels, ready, moment, looked }
    }

    /// Serves the page until it goes.
    pub(crate) fn run(mut self) {
        self.feed.join(&self.inbox);
        while self.step() {}
        // Nothing of the store may be open when the feed ends.
        self.opened = None;
        self.panels.clear();
        self.view = View::default();
        self.feed.leave(&self.inbox);
    }

    fn step(&mut self) -> bool {
        let letters = self.inbox.wait(self.due());
        let Letters { messages, values, rows, state, closed, .. } = letters;
        if closed || state.is_some_and(|state| !self.change_state(state)) {
            return false;
        }
        if !messages.into_iter().all(|text| waiting_at_most(LONGER, || self.hear(&text))) {
            return false;
        }
        if rows {
            self.view.relist();
        }
        self.take(values);
        let due = self.ready && self.looked.elapsed() >= self.pause();
        !due || waiting_at_most(PATIENCE, || self.turn())
    }

    /// When there is something to do even if nothing is told.
    fn due(&self) -> Option<Instant> {
        if !self.ready || self.opened.is_none() {
            return None;
        }
        let (next, soon) = (self.looked + self.feed.period, self.looked + self.pause());
        let panels = self.panels.values().filter_map(|panel| panel.due(soon, next));
        let moves = self.settings.timeline.as_ref().map(|_| next);
        panels.chain(self.view.due(soon)).chain(moves).min()
    }

    /// The time between two turns, at least. The feed keeps to the rate: what it tells waits no second time.
    fn pause(&self) -> Duration {
        self.feed.period / 2
    }

    fn say(&mut self, message: &Json) -> bool {
        (self.send)(Out::text(message))
    }

    fn change_state(&mut self, state: State) -> bool {
        let said = match state {
            State::Gone(reason) => {
                self.opened = None;
                self.say(&json!({ "type": "state", "state": "gone", "text": reason }))
            }
            State::Live(opened) => {
                (self.opened, self.moment) = (Some(opened), None);
                let hello = json!({
                    "type": "hello", "protocol": VERSION, "version": env!("CARGO_PKG_VERSION"),
                    "store": self.feed.source.name(), "rate": 1.0 / self.feed.period.as_secs_f64(),
                    "writable": self.settings.rights.paths(), "pid": std::process::id(), "session": self.settings.session,
                    "timeline": self.settings.timeline.as_deref().map(timeline::hello),
                });
                self.say(&hello) && self.say(&json!({ "type": "state", "state": "live", "text": "" }))
            }
        };
        self.view.forget_store(&self.inbox);
        let asked: Vec<u64> = self.panels.keys().copied().collect();
        self.panels.values_mut().for_each(Panel::forget_store);
        waiting_at_most(PATIENCE, || asked.into_iter().for_each(|id| self.look_at(id)));
        said
    }

    /// Does what the page asks for. `false` if it is gone.
    fn hear(&mut self, text: &str) -> bool {
        let message = match serde_json::from_str(text) {
            Ok(message) => message,
            Err(error) => return self.say(&json!({ "type": "error", "error": error.to_string() })),
        };
        match message {
            Message::Next => self.ready = true,
            Message::Timeline { control } => {
                let timeline = self.settings.timeline.as_ref();
                if let Some(Err(error)) = timeline.map(|timeline| timeline.control(control)) {
                    return self.say(&json!({ "type": "error", "error": error }));
                }
            }
            Message::View(asked) => self.view.ask(asked),
            Message::Plot(asked) => {
                let id = asked.id;
                let before = match self.panels.remove(&id) {
                    Some(Panel::Plot(plot)) => Some(plot),
                    _ => None,
                };
                let room = LINES.saturating_sub(self.panels.values().map(Panel::lines).sum());
                self.open(id, Panel::Plot(Plot::new(asked, before, room)));
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
                let is_over = || self.feed.is_stopped();
                let done = edit::set(&self.feed.source, &self.settings.rights, &changes, is_over);
                let said = self.answer(id, done.map(|()| json!({ "type": "done", "id": id })));
                if let Some(opened) = &self.opened {
                    let paths = changes.into_iter().map(|change| change.path.0).collect();
                    self.view.confirm(opened.root(), paths, &self.inbox);
                }
                return said;
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

    /// Reads what a panel shows.
    fn look_at(&mut self, id: u64) {
        let Some(opened) = &self.opened else { return };
        if let Some((path, content)) = self.panels.get_mut(&id).and_then(Panel::content)
            && let Ok(batch) = opened.root().read_together(vec![path.clone()])
        {
            self.inbox.interest().fresh.insert(path.clone());
            let found = batch.values.into_iter().next().and_then(|(_, found)| found);
            content.fresh = Some((batch.time, Arc::new(found)));
        }
    }

    fn read(&self, asked: &message::Read) -> Result<String, Refusal> {
        let path = &asked.path.0;
        let value = self.feed.source.glance()?.root().get_at(path)?;
        let written = match (asked.format, self.settings.formats) {
            (Format::Text, _) => return Ok(text::of_value(&value, false).0),
            (_, None) => return Err(Refusal::new(path, "this viewer has no YAML and no JSON")),
            (Format::Yaml, Some(formats)) => (formats.yaml)(&value),
            (Format::Json, Some(formats)) => (formats.json)(&value),
        };
        written.map_err(|error| Refusal::new(path, error))
    }

    fn load(&self, asked: &message::Load) -> Result<(), Refusal> {
        self.settings.rights.check(&asked.path)?;
        let path = &asked.path.0;
        let Some(formats) = self.settings.formats else {
            return Err(Refusal::new(path, "this viewer has no YAML and no JSON"));
        };
        let value = (formats.parse)(&asked.text).map_err(|error| Refusal::new(path, error))?;
        let opened = self.feed.source.change()?;
        edit::refuse_read_only(opened.root(), path, Some(&value))?;
        (formats.fill)(opened.root(), path, value).map_err(|error| Refusal::new(path, error))
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
            self.view.see(path, time, &found);
        }
    }

    /// Sends what is new, if anything is.
    fn turn(&mut self) -> bool {
        self.looked = Instant::now();
        let Some(opened) = self.opened.clone() else { return true };
        let (rights, mut out) = (&self.settings.rights, Vec::new());
        self.view.draw(opened.root(), rights, &self.inbox, &mut out);
        for (id, panel) in &mut self.panels {
            panel.draw(*id, &opened, &self.feed.sampler, rights, &mut out);
        }
        self.set_interest();
        let moment = self.settings.timeline.as_ref().map(|timeline| timeline.now());
        if let Some(moment) = moment.filter(|_| moment != self.moment) {
            out.push(Out::text(&timeline::message(moment)));
        }
        self.moment = moment;
        if out.is_empty() {
            return true;
        }
        out.push(Out::text(&json!({ "type": "turn", "time": clock::wall_now() })));
        self.ready = false;
        out.into_iter().all(&mut self.send)
    }

    /// Tells the feed what is in view.
    fn set_interest(&mut self) {
        let panels =
            self.panels.values_mut().filter_map(|panel| panel.content().map(|(path, _)| path.clone()));
        let paths = panels.chain(self.view.paths()).collect();
        self.inbox.interest().paths = paths;
    }
}
