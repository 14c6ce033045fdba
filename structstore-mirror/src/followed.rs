//! A part that is followed: what is known of it.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use structstore::path::Path;
use structstore::stream::AnyStream;
use structstore::{Meta, Result, Struct, StructStore, Value};

use crate::compare::{differences, value_at};
use crate::key::Keys;
use crate::message::{Mark, Message};
use crate::parts::Selection;
use crate::protocol::ANSWER;

/// How long to wait before the state is asked for again: at first, and at most.
pub(crate) const SOON: Duration = Duration::from_millis(100);
pub(crate) const LATER: Duration = Duration::from_secs(10);
/// How many fields are remembered for each purpose.
const FIELDS: usize = 100_000;
/// How many large arrays are asked for at a time.
const QUESTIONS: usize = 8;

/// How far a part is.
pub(crate) enum Sync {
    /// The state is asked for at this time.
    Idle(Instant),
    /// It was asked for at this time.
    Asked(Instant),
    Live {
        epoch: u64,
        seq: u64,
        since: Instant,
    },
}

pub(crate) struct Part {
    pub(crate) selection: Selection,
    pub(crate) index: usize,
    pub(crate) keys: Keys,
    pub(crate) sync: Sync,
    pub(crate) pause: Duration,
    /// What came while the state was asked for.
    pub(crate) pending: Vec<Message>,
    pub(crate) pending_size: usize,
    /// What the owner has.
    pub(crate) shadow: StructStore,
    /// For each field that deltas have assigned: the number of the last large array before it. Those that come late are older.
    pub(crate) floors: HashMap<Path, u64>,
    /// The number of the newest large array at each path.
    pub(crate) arrays: HashMap<Path, u64>,
    /// What a beat has named, and was not there: asked for if it still is not at the next one.
    pub(crate) awaited: HashMap<Path, u64>,
    pub(crate) behind: Option<u64>,
    /// The large arrays that were asked for, and when.
    pub(crate) questions: HashMap<Path, Instant>,
    /// What could not be assigned here.
    pub(crate) failed: BTreeSet<Path>,
    /// Whether the state has been here before.
    pub(crate) was_live: bool,
    pub(crate) streams: HashMap<Path, (AnyStream, u64)>,
    /// What the owner was asked for, until it has changed there.
    pub(crate) asked: HashMap<Path, Option<Value<'static>>>,
    /// The fields whose limits, units or descriptions come from the owner.
    pub(crate) declared: BTreeSet<Path>,
    pub(crate) owners: BTreeSet<String>,
    pub(crate) heard: Option<Instant>,
}

impl Part {
    pub(crate) fn new(selection: Selection, index: usize, keys: Keys) -> Result<Part> {
        Ok(Part {
            selection,
            index,
            keys,
            sync: Sync::Idle(Instant::now()),
            pause: SOON,
            pending: Vec::new(),
            pending_size: 0,
            shadow: StructStore::try_new()?,
            floors: HashMap::new(),
            arrays: HashMap::new(),
            awaited: HashMap::new(),
            behind: None,
            questions: HashMap::new(),
            failed: BTreeSet::new(),
            was_live: false,
            streams: HashMap::new(),
            asked: HashMap::new(),
            declared: BTreeSet::new(),
            owners: BTreeSet::new(),
            heard: None,
        })
    }

    /// Begins with a state.
    pub(crate) fn begin(&mut self, mark: Mark, bulk: u64) {
        self.floors = HashMap::from([(self.selection.part.clone(), bulk)]);
        self.arrays.clear();
        self.awaited.clear();
        self.asked.clear();
        self.behind = None;
        self.streams.clear();
        self.heard = Some(Instant::now());
        self.sync = Sync::Live { epoch: mark.epoch, seq: mark.seq, since: Instant::now() };
    }

    /// Adds to what a state declares what the owner has declared before, and does not any more.
    pub(crate) fn with_withdrawn(&mut self, mut metas: Vec<(Path, Meta)>) -> Vec<(Path, Meta)> {
        let declared: BTreeSet<Path> = metas.iter().map(|(path, _)| path.clone()).collect();
        let withdrawn = self.declared.difference(&declared).cloned();
        metas.extend(withdrawn.map(|path| (path, Meta::new())));
        self.declared = declared;
        metas
    }

    /// Which of the arrays that a beat names are to be asked for.
    pub(crate) fn wanted_arrays(&mut self, arrays: Vec<(Path, u64)>) -> Vec<Path> {
        let mut wanted = Vec::new();
        let mut awaited = HashMap::new();
        for (path, number) in arrays.into_iter().filter(|(path, _)| self.selection.has(path)) {
            if self.is_stale(&path, number) || self.arrays.get(&path).is_some_and(|newest| *newest >= number)
            {
                continue;
            }
            match self.awaited.get(&path) {
                Some(before) if self.arrays.get(&path).is_none_or(|newest| newest < before) => {
                    wanted.push(path.clone());
                }
                _ => {}
            }
            awaited.insert(path, number);
        }
        self.awaited = awaited;
        self.questions.retain(|_, asked| asked.elapsed() < ANSWER);
        wanted.retain(|path| !self.questions.contains_key(path));
        wanted.truncate(QUESTIONS.saturating_sub(self.questions.len()));
        self.questions.extend(wanted.iter().map(|path| (path.clone(), Instant::now())));
        wanted
    }

    /// Whether a large array of this number is older than what deltas have assigned at the path, or around it.
    pub(crate) fn is_stale(&self, path: &Path, number: u64) -> bool {
        let steps = path.steps();
        (0..=steps.len()).any(|length| {
            let above: Path = steps.iter().take(length).cloned().collect();
            self.floors.get(&above).is_some_and(|floor| number <= *floor)
        })
    }

    /// What was asked for at a path, above or below is what the owner says now.
    pub(crate) fn forget_asked(&mut self, path: &Path) {
        self.asked.retain(|asked, _| !asked.starts_with(path) && !path.starts_with(asked));
    }

    /// Whether what is at a path here is neither what the owner has, nor what it was asked for.
    pub(crate) fn is_changed(&self, store: &Struct, path: &Path) -> bool {
        let here = value_at(store, path).map(|value| self.selection.without(path, value));
        let mut found = Vec::new();
        differences(path, here.as_ref(), self.expected(store, path).as_ref(), &mut found);
        !found.is_empty()
    }

    /// What the owner has at a path, or was asked for, as it looks here: structs stay for what is excluded in them.
    pub(crate) fn expected(&self, store: &Struct, path: &Path) -> Option<Value<'static>> {
        let expected = match self.asked.get(path) {
            Some(asked) => asked.clone(),
            None => value_at(&self.shadow, path),
        };
        match expected {
            None => self.selection.excluded_below(store, path).map(|_| self.with_excluded(store, path, None)),
            Some(value) => Some(self.with_excluded(store, path, Some(value))),
        }
    }

    /// A value of the owner, or nothing, with the structs in it that stay for what is excluded here, and without that.
    fn with_excluded(&self, store: &Struct, path: &Path, value: Option<Value<'static>>) -> Value<'static> {
        let value = value.unwrap_or_else(|| Value::Struct(Vec::new()));
        self.selection.without(path, self.selection.keep(store, path, value))
    }

    /// Forgets what is known of more fields than a store is likely to have: an owner may name any number of them. Then large arrays that are
    /// still on their way count as new, and fields that could not be assigned, or that the owner has declared, as any other.
    pub(crate) fn forget_some(&mut self) {
        if self.floors.len() > FIELDS {
            self.floors.clear();
        }
        if self.arrays.len() > FIELDS {
            self.arrays.clear();
        }
        if self.failed.len() > FIELDS {
            self.failed.clear();
        }
        if self.declared.len() > FIELDS {
            self.declared.clear();
        }
    }

    pub(crate) fn clear_pending(&mut self) {
        self.pending.clear();
        self.pending_size = 0;
    }

    /// Asks for the state after a pause, which is longer each time.
    pub(crate) fn later(&mut self) {
        self.sync = Sync::Idle(Instant::now() + self.pause);
        self.pause = (self.pause * 2).min(LATER);
        self.clear_pending();
    }
}
