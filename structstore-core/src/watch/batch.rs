//! Batches: what changed, with its values as of one moment. Viewers, recorders and mirrors are built on them.
//!
//! A batch relies on two things. Values are read between two looks at the lock words of all nodes on the way to them
//! ([`Moment`]), so that they are of one moment. And the watch's count of changes is the same before it looks for changed paths and
//! after the values are read: whoever changes something counts it before its lock is released, so whatever a reader can have seen
//! is among the paths. So no batch has one half of a transaction, with one exception: a part that is held for longer than [`BRIEF`] is left
//! for a later batch, and so is what a transaction changed there just before. The same goes for parts that are held in turns for longer than
//! [`LATE`].

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use super::pause::Pause;
use super::{BRIEF, Watch};
use crate::access::{Access, Handle, Located, Obstacle, Part, Scope};
use crate::arena::Arena;
use crate::arena::layout::Node;
use crate::error::{ErrorKind, Path, Result, Step};
use crate::handle::stream::{AnyStream, now};
use crate::handle::{Array, ArrayView, Struct};
use crate::key::Key;
use crate::lock::{Mode, Moment, NodeId, Wait};
use crate::node::{
    self, ArrayBlock, BLOCK, Extent, Leaf, Raw, kind_of, list, read_leaf, read_value, structure,
};
use crate::sync::Ordering;
use crate::value::{ArrayValue, DType, Kind, Value};

/// The largest array that is copied together with the values beside it, in bytes.
pub const COPIED: u64 = 64 << 10;

/// The longest that a batch waits while others hold its parts in turns.
const LATE: Duration = Duration::from_millis(250);

/// How many holds are remembered.
const HOLDS: usize = 64;

/// When to look again at what was held.
const DEFERRED: Duration = Duration::from_millis(10);

/// How often values are read without a lock, before they are read under a shared one.
const TRIES: usize = 20;

/// What is at a path.
pub enum Found {
    /// A number, a truth value, a string, bytes, null, or an array of at most [`COPIED`] bytes; or a struct or list with its contents.
    Value(Value<'static>),
    /// A larger array.
    Array(LargeArray),
    /// A stream. Its samples are of no moment, since publishers take no locks.
    Stream(AnyStream),
    /// A struct with so many fields.
    Struct(u64),
    /// A list with so many items.
    List(u64),
}

impl Found {
    /// What kind of value it is.
    pub fn kind(&self) -> Kind {
        match self {
            Found::Value(value) => value.kind(),
            Found::Array(_) => Kind::Array,
            Found::Stream(_) => Kind::Stream,
            Found::Struct(_) => Kind::Struct,
            Found::List(_) => Kind::List,
        }
    }
}

/// An array that is too large to be copied while others wait. Its elements are those of [`view`](LargeArray::view), soon after the moment.
pub struct LargeArray {
    /// The array.
    pub array: Array,
    /// The element type.
    pub dtype: DType,
    /// The shape.
    pub shape: Vec<usize>,
    /// The first elements, as of the moment.
    pub first: Vec<u8>,
}

impl LargeArray {
    /// The elements as they are now. A lease keeps them: an assignment makes a block for others, as it does anyway, and a write guard
    /// that lends them meanwhile changes a copy. Without write permission they are copied.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StaleHandle`] if the array was removed, and as [`Array::view`].
    pub fn view(&self) -> Result<Elements> {
        match self.array.view() {
            Ok(view) => Ok(Elements::Viewed(view)),
            Err(error) if error.kind() == ErrorKind::ReadOnly => self.array.to_value().map(Elements::Copied),
            Err(error) => Err(error),
        }
    }
}

/// The elements of an array.
pub enum Elements {
    /// In the store's memory.
    Viewed(ArrayView),
    /// A copy, of a process that may not write.
    Copied(ArrayValue<'static>),
}

impl Elements {
    /// The element type.
    pub fn dtype(&self) -> &DType {
        match self {
            Elements::Viewed(view) => view.dtype(),
            Elements::Copied(array) => array.dtype(),
        }
    }

    /// A copy of them, detached from the store.
    ///
    /// # Errors
    ///
    /// As [`ArrayValue::new`], if others have damaged the array.
    pub fn into_value(self) -> Result<ArrayValue<'static>> {
        match self {
            Elements::Copied(array) => Ok(array),
            Elements::Viewed(view) => {
                let data = view.copy_bytes(0..view.byte_len());
                ArrayValue::new(view.dtype().clone(), view.shape(), data)
            }
        }
    }

    /// The shape: that of the array may be another one by now.
    pub fn shape(&self) -> &[usize] {
        match self {
            Elements::Viewed(view) => view.shape(),
            Elements::Copied(array) => array.shape(),
        }
    }
}

/// Values of several paths, as of one moment.
pub struct Batch {
    /// When reading began, in nanoseconds of CLOCK_MONOTONIC.
    pub time: u64,
    /// The paths that have changed since the batch before.
    pub changed: Vec<Path>,
    /// What is at each path that was wanted; `None` where nothing is.
    pub values: Vec<(Path, Option<Found>)>,
}

/// Watches a part of a store, and reads what changed as of one moment.
///
/// It is an observer: writers do not wait for it, unless they leave no moment free. Then it takes a shared lock, if that is free, for as
/// long as copying takes.
///
/// ```
/// use std::time::Duration;
/// use structstore::watch::{Batches, Found};
/// use structstore::{Error, StructStore, Value};
///
/// let store = StructStore::new();
/// store.set("from", 100)?;
/// store.set("to", 0)?;
/// let mut batches = Batches::new(&store)?;
/// store.transaction(|accounts| {
///     accounts.set("from", 30)?;
///     accounts.set("to", 70)?;
///     Ok::<_, Error>(())
/// })?;
/// let batch = batches.wait(Some(Duration::from_secs(1)), <[_]>::to_vec)?.unwrap();
/// assert_eq!(batch.changed, ["from", "to"]);
/// assert!(matches!(&batch.values[1].1, Some(Found::Value(Value::Scalar(to))) if to.to_string() == "70"));
/// # Ok::<(), Error>(())
/// ```
pub struct Batches {
    watch: Watch,
    part: Struct,
    reading: Reading,
    /// What was wanted, and is held: it is in a later batch.
    deferred: BTreeSet<Path>,
    /// The holds that were in the way of reading, and since when each is.
    held: HashMap<Obstacle, Instant>,
}

/// How structs and lists are read.
#[derive(Clone, Copy, PartialEq)]
enum Reading {
    /// How many parts they have.
    Counts,
    /// With all that is below.
    Contents,
}

impl Batches {
    /// Watches a struct and all below it.
    ///
    /// # Errors
    ///
    /// As [`Struct::watch`].
    pub fn new(part: &Struct) -> Result<Batches> {
        Ok(Batches {
            watch: part.watch()?,
            part: part.clone(),
            reading: Reading::Counts,
            deferred: BTreeSet::new(),
            held: HashMap::new(),
        })
    }

    /// As [`Batches::new`], but structs and lists are read with all that is below, as [`Found::Value`]: those that are new, or have been
    /// replaced, are reported by one path.
    ///
    /// # Errors
    ///
    /// As [`Struct::watch`].
    pub fn with_contents(part: &Struct) -> Result<Batches> {
        Ok(Batches { reading: Reading::Contents, ..Batches::new(part)? })
    }

    /// Waits until something changes, and reads the paths that `wanted` chooses, given those that changed. It may be asked several
    /// times, with more paths each time. `None` after `timeout`.
    ///
    /// A part that somebody holds for more than 20 ms does not delay the others: what is wanted of it is reported as changed, and read, in a
    /// later batch. If one transaction has changed that part and others just before, its changes come in two batches.
    ///
    /// In a store that is attached read-only, values are of one moment, but what one transaction changes may be in two batches.
    ///
    /// # Errors
    ///
    /// As [`Watch::wait`], and those of reading.
    pub fn wait(
        &mut self,
        timeout: Option<Duration>,
        mut wanted: impl FnMut(&[Path]) -> Vec<Path>,
    ) -> Result<Option<Batch>> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let again = Some(DEFERRED).filter(|_| !self.deferred.is_empty());
            let changed = match self.watch.wait(left.into_iter().chain(again).min()) {
                // Before the end is told: what was left for later, as far as it is free.
                Err(error) if error.kind() == ErrorKind::StaleHandle && !self.deferred.is_empty() => {
                    let last = std::mem::take(&mut self.deferred).into_iter().collect();
                    let batch = self.read(last, &mut wanted, Duration::ZERO);
                    self.deferred.clear();
                    let told = batch.ok().filter(|batch| !batch.values.is_empty());
                    return told.map_or(Err(error), |batch| Ok(Some(batch)));
                }
                changed => changed?,
            };
            if changed.is_none() && (self.deferred.is_empty() || self.part.handle.store().is_closed()) {
                return Ok(None);
            }
            let mut changed = changed.unwrap_or_default();
            changed.extend(std::mem::take(&mut self.deferred));
            let batch = self.read(changed, &mut wanted, BRIEF)?;
            if !batch.changed.is_empty() || !batch.values.is_empty() {
                return Ok(Some(batch));
            }
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(None);
            }
        }
    }

    /// As [`Batches::wait`], at once, also if nothing has changed: for what is to be read for the first time. What was read by other
    /// means, and has changed back since, is not reported as changed. Waits for what is held.
    ///
    /// # Errors
    ///
    /// As [`Watch::changes`], and those of reading.
    pub fn read_now(&mut self, wanted: impl FnMut(&[Path]) -> Vec<Path>) -> Result<Batch> {
        self.read(Vec::new(), wanted, Duration::MAX)
    }

    /// As [`Batches::read_now`], without waiting for what somebody holds for long: that is in a later batch, as of [`Batches::wait`].
    ///
    /// # Errors
    ///
    /// As [`Watch::changes`], and those of reading.
    pub fn read_free(&mut self, wanted: impl FnMut(&[Path]) -> Vec<Path>) -> Result<Batch> {
        self.read(Vec::new(), wanted, BRIEF)
    }

    /// Reports these paths as changed in the next batch that [`Batches::wait`] returns, whether they have changed or not.
    pub fn report(&mut self, paths: impl IntoIterator<Item = Path>) {
        self.deferred.extend(paths);
    }

    /// Reads what is wanted, but for parts that one hold has kept for longer than `patience`: these are deferred. So is what has changed, if
    /// it cannot be read.
    fn read(
        &mut self,
        mut changed: Vec<Path>,
        wanted: impl FnMut(&[Path]) -> Vec<Path>,
        patience: Duration,
    ) -> Result<Batch> {
        let batch = self.try_read(&mut changed, wanted, patience);
        if batch.is_err() {
            self.deferred.extend(changed);
        }
        batch
    }

    fn try_read(
        &mut self,
        changed: &mut Vec<Path>,
        mut wanted: impl FnMut(&[Path]) -> Vec<Path>,
        patience: Duration,
    ) -> Result<Batch> {
        let Batches { watch, part: Struct { handle: part }, reading, deferred, held: holds } = self;
        let start = Instant::now();
        if holds.len() > HOLDS {
            holds.clear();
        }
        let mut seen: BTreeSet<Path> = changed.iter().cloned().collect();
        let mut add = |paths: Vec<Path>, changed: &mut Vec<Path>| {
            changed.extend(paths.into_iter().filter(|path| seen.insert(path.clone())));
        };
        let mut held: BTreeSet<Path> = BTreeSet::new();
        let mut want = |changed: &[Path], held: &BTreeSet<Path>| {
            let mut paths = wanted(changed);
            paths.retain(|path| !held.contains(path));
            paths
        };
        let mut pause = Pause::default();
        let (time, paths, found) = 'read: loop {
            for _ in 0..TRIES {
                let (time, version) = (now(), watch.version());
                add(watch.look(Duration::ZERO).at(part)?, changed);
                let paths = want(changed, &held);
                // The part itself may be held, too.
                if paths.is_empty() && !held.is_empty() {
                    break 'read (time, paths, Ok(Vec::new()));
                }
                // Those who hold parts in turns, each for a moment, are not waited for without end.
                let is_late = patience < Duration::MAX && start.elapsed() >= LATE;
                match attempt(part, &paths, *reading)? {
                    Ok(found) if watch.version() == version && (is_late || !watch.is_briefly_held()) => {
                        break 'read (time, paths, found);
                    }
                    Ok(_) => {}
                    Err(hold) => {
                        let since = *holds.entry(hold).or_insert_with(Instant::now);
                        if is_late || since.elapsed() >= patience {
                            for path in paths {
                                let found = attempt(part, std::slice::from_ref(&path), *reading)?;
                                if found.is_err_and(|other| is_late || other == hold) {
                                    held.insert(path);
                                }
                            }
                        }
                    }
                }
                std::thread::yield_now();
            }
            if let Some(granted) = hold(part)? {
                let time = now();
                add(watch.look_locked().at(part)?, changed);
                let paths = want(changed, &held);
                let found = part
                    .whole(|arena, node, extent| look(arena, (part.id(), node), &paths, *reading, extent));
                granted.end_unchanged();
                break (time, paths, found);
            }
            pause.rest()?;
        };
        let values = values(part, paths, found)?;
        changed.retain(|path| !held.iter().any(|held| path.starts_with(held)));
        deferred.extend(held);
        Ok(Batch { time, changed: std::mem::take(changed), values })
    }
}

/// A shared lock, if it is to be had at once: whoever waits for one keeps others waiting meanwhile.
fn hold(part: &Handle) -> Result<Option<Scope<'_>>> {
    if !part.arena().writable() {
        return Ok(None);
    }
    match part.lock(Mode::Shared, &Wait::at_most(Duration::ZERO)).at(part) {
        Ok(held) => Ok(Some(held)),
        Err(error) if error.kind() == ErrorKind::LockTimeout => Ok(None),
        Err(error) => Err(error),
    }
}

impl Struct {
    /// Reads what is at several paths below, as of one moment.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::HeldByGuard`], [`ErrorKind::StaleHandle`].
    ///
    /// ```
    /// use structstore::StructStore;
    /// use structstore::watch::Found;
    ///
    /// let store = StructStore::new();
    /// store.ensure_list("items")?.push(5)?;
    /// let batch = store.read_together(vec!["items".parse()?, "items[0]".parse()?, "items[1]".parse()?])?;
    /// assert!(matches!(batch.values[0].1, Some(Found::List(1))));
    /// assert!(matches!(batch.values[1].1, Some(Found::Value(_))));
    /// assert!(batch.values[2].1.is_none());
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn read_together(&self, paths: Vec<Path>) -> Result<Batch> {
        let time = now();
        let (handle, reading, mut pause) = (&self.handle, Reading::Counts, Pause::default());
        let seen = 'read: loop {
            for _ in 0..TRIES {
                if let Ok(seen) = attempt(handle, &paths, reading).at(handle)? {
                    break 'read seen;
                }
            }
            if let Some(held) = hold(handle)? {
                let seen = handle
                    .whole(|arena, node, extent| look(arena, (handle.id(), node), &paths, reading, extent));
                held.end_unchanged();
                break seen;
            }
            pause.rest().at(handle)?;
        };
        Ok(Batch { time, changed: Vec::new(), values: values(handle, paths, seen)? })
    }
}

/// What was seen at a path.
struct Seen {
    leaf: Leaf,
    /// The slot, and the node that it is of.
    raw: Raw,
    parent: NodeId,
}

/// Reads without a lock, once; what is in the way if somebody is at work. The inner result is that of reading.
fn attempt(
    part: &Handle,
    paths: &[Path],
    reading: Reading,
) -> Result<Result<Result<Vec<Option<Seen>>>, Obstacle>> {
    let read = |arena: &Arena, node: &Node| {
        let moment = Moment::default();
        let seen = look(arena, (part.id(), node), paths, reading, &Extent::at(&moment));
        match moment.disturbed() {
            Some(busy) => Ok(Err(Obstacle::of(arena, busy))),
            None => Ok(Ok(seen)),
        }
    };
    Ok(part.near().read_now(read)?.flatten())
}

/// What is at each of several paths below a node.
fn look<'a>(
    arena: &'a Arena,
    part: (NodeId, &'a Node),
    paths: &[Path],
    reading: Reading,
    extent: &Extent<'a>,
) -> Result<Vec<Option<Seen>>> {
    extent.enter(part.1)?;
    let mut way = Way { arena, reading, steps: &[], nodes: vec![part] };
    paths.iter().map(|path| way.to(path.steps(), extent)).collect()
}

/// The nodes on the way to the last path. The way to the next one begins where both part.
struct Way<'a, 'p> {
    arena: &'a Arena,
    reading: Reading,
    steps: &'p [Step],
    /// Where the steps begin, and where each of them leads but the last.
    nodes: Vec<(NodeId, &'a Node)>,
}

impl<'a, 'p> Way<'a, 'p> {
    fn to(&mut self, steps: &'p [Step], extent: &Extent<'a>) -> Result<Option<Seen>> {
        let shared = self.steps.iter().zip(steps).take_while(|(last, next)| last == next).count();
        let inner = steps.len().saturating_sub(1);
        self.nodes.truncate(shared.min(inner).saturating_add(1));
        self.steps = steps;
        let arena = self.arena;
        let known = self.nodes.len().saturating_sub(1);
        for (at, step) in steps.iter().enumerate().skip(known) {
            let Some(&(parent, node)) = self.nodes.last() else { return Ok(None) };
            let raw = match (kind_of(node)?, step) {
                (Kind::Struct, Step::Name(name)) => {
                    structure::find(arena, node, &Key::new(name))?.map(|found| Raw::load(&found.field.slot))
                }
                (Kind::List, Step::Index(index)) if (*index as u64) < list::len(node) => {
                    Some(Raw::load(list::slot(arena, node, *index as u64)?))
                }
                (Kind::Array, _) => {
                    let element = element(arena, node, steps.get(at..).unwrap_or_default())?;
                    let seen = |raw: Raw| Ok(Seen { leaf: Leaf::Value(raw.plain_value()?), raw, parent });
                    return element.map(seen).transpose();
                }
                _ => None,
            };
            let Some(raw) = raw else { return Ok(None) };
            if at == inner {
                return self.leaf(raw, extent).map(|leaf| Some(Seen { leaf, raw, parent }));
            }
            if !raw.kind()?.is_node() {
                return Ok(None);
            }
            let (id, child) = node::resolve(arena, raw)?;
            extent.enter(child)?;
            self.nodes.push((id, child));
        }
        let Some(&(parent, node)) = self.nodes.first() else { return Ok(None) };
        let leaf = match self.reading {
            Reading::Counts => Leaf::Struct(structure::counted(arena, node)),
            Reading::Contents => Leaf::Value(read_value(arena, node, 0, extent)?),
        };
        Ok(Some(Seen { leaf, raw: Raw::NULL, parent }))
    }

    fn leaf(&self, raw: Raw, extent: &Extent<'a>) -> Result<Leaf> {
        let leaf = read_leaf(self.arena, raw, COPIED, extent)?;
        match (self.reading, leaf) {
            (Reading::Contents, Leaf::Struct(_) | Leaf::List(_)) => {
                let (_, node) = node::resolve(self.arena, raw)?;
                read_value(self.arena, node, 0, extent).map(Leaf::Value)
            }
            (_, leaf) => Ok(leaf),
        }
    }
}

/// An element of an array, if there is one at these indices.
fn element(arena: &Arena, array: &Node, steps: &[Step]) -> Result<Option<Raw>> {
    let index = |step: &Step| match step {
        Step::Index(index) => Some(*index),
        Step::Name(_) => None,
    };
    let Some(indices) = steps.iter().map(index).collect::<Option<Vec<usize>>>() else { return Ok(None) };
    let payload = array.body[BLOCK].load(Ordering::Relaxed);
    match ArrayBlock::read(arena, payload)?.element(arena, payload, &indices) {
        Ok(element) => Ok(Some(element)),
        Err(error) if matches!(error.kind(), ErrorKind::IndexOutOfRange | ErrorKind::WrongType) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What was seen, with handles to what was not copied. What has gone since is not there.
fn values(
    part: &Handle,
    paths: Vec<Path>,
    seen: Result<Vec<Option<Seen>>>,
) -> Result<Vec<(Path, Option<Found>)>> {
    let found = |(path, seen): (Path, Option<Seen>)| {
        let found = match seen.map(|seen| found(part, &path, seen)).transpose() {
            Err(error) if error.kind() == ErrorKind::StaleHandle => Ok(None),
            other => other,
        };
        found.map(|found| (path, found))
    };
    paths.into_iter().zip(seen.at(part)?).map(found).collect()
}

fn found(part: &Handle, path: &Path, seen: Seen) -> Result<Found> {
    let handle = || {
        let step = path.steps().last().map_or(Part::Name(""), Part::from);
        Handle::child(part.store(), seen.parent, seen.raw, step)
    };
    Ok(match seen.leaf {
        Leaf::Value(value) => Found::Value(value),
        Leaf::Struct(fields) => Found::Struct(fields),
        Leaf::List(items) => Found::List(items),
        Leaf::Large { dtype, shape, first } => {
            Found::Array(LargeArray { array: Array::from_handle(handle()?), dtype, shape, first })
        }
        Leaf::Stream => Found::Stream(AnyStream::open(handle()?)?),
    })
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::store::StructStore;

    /// A writer that waits for a shared lock has the lock's word already.
    #[test]
    fn under_a_lock_all_that_has_changed_is_found() {
        let store = StructStore::new();
        let parts = ["left", "right"].map(|name| store.ensure_struct(name).unwrap());
        let mut watch = store.watch().unwrap();
        parts.iter().for_each(|part| part.set("x", 1).unwrap());
        let held = hold(&store.handle).unwrap().unwrap();
        thread::scope(|scope| {
            scope.spawn(|| store.write().unwrap().set("y", 1).unwrap());
            while store.handle.near().read_now(|_, _| Ok(())).unwrap().is_ok() {
                thread::yield_now();
            }
            assert!(watch.look(Duration::ZERO).unwrap().is_empty(), "the writer is in the way");
            assert_eq!(watch.look_locked().unwrap(), ["left.x", "right.x"]);
            held.end_unchanged();
        });
        assert_eq!(watch.changes().unwrap(), ["y"]);
    }
}
