//! Nodes by their place in a store, to be locked for each operation: what handles are made of.

use std::sync::Arc;
use std::time::Duration;

use super::holder::holder_of;
use super::own::{Scope, operate};
use super::patience::{Disturbance, Obstacle, Patience};
use super::{Access, Located, Part, Store};
use crate::arena::Arena;
use crate::arena::layout::Node;
use crate::error::{Error, ErrorKind, Path, Result};
use crate::journal::Operation;
use crate::key::pack;
use crate::lock::{Above, Ancestors, Locker, Look, Mode, NodeId, Own, Wait, generation, optimistic};
use crate::node::{self, Extent, Raw};
use crate::sync::Ordering;

/// How often a read is tried without writing anything, before it takes a shared lock.
const OPTIMISTIC_TRIES: usize = 100;

/// After how long a wait the error says who has the lock.
const NAMED: Duration = Duration::from_millis(1);

/// How often a change is prepared before its lock is taken.
const PREPARED_TRIES: usize = 3;

/// A node: (index, generation), and the address of its record, which never changes.
#[derive(Clone, Copy)]
pub(crate) struct Place<W> {
    way: W,
    id: NodeId,
    node: *const Node,
}

/// What leads to a node, and keeps its store.
pub(crate) trait Way {
    fn store(&self) -> &Arc<Store>;
    /// The last step to the node, where it is remembered.
    fn trail(&self) -> &Trail;
}

/// A node that the API has given out.
pub(crate) type Handle = Place<Kept>;

/// A node that an operation passes.
pub(crate) type Near<'a> = Place<&'a Arc<Store>>;

#[derive(Clone)]
pub(crate) struct Kept {
    store: Arc<Store>,
    trail: Trail,
}

/// The step that led to a node when its handle was made: for what is said of it when it is gone, together with its name.
#[derive(Clone, Copy)]
pub(crate) struct Trail {
    parent: NodeId,
    /// The beginning of a name, or an index.
    words: [u64; 2],
    step: Brief,
}

/// What a step is whose words are at hand.
#[derive(Clone, Copy, PartialEq)]
enum Brief {
    /// There is no step to the root.
    None,
    /// A name of so many bytes.
    Name(u8),
    /// The beginning of a longer name.
    Longer,
    Index,
}

/// How many bytes of a name are remembered.
const BRIEF: usize = 16;

// SAFETY: the record lies in the mapping that the store keeps, and consists of atomics.
unsafe impl<W: Send> Send for Place<W> {}
// SAFETY: as above.
unsafe impl<W: Sync> Sync for Place<W> {}

impl Way for Kept {
    #[inline(always)]
    fn store(&self) -> &Arc<Store> {
        &self.store
    }

    fn trail(&self) -> &Trail {
        &self.trail
    }
}

impl Way for &Arc<Store> {
    #[inline(always)]
    fn store(&self) -> &Arc<Store> {
        self
    }

    fn trail(&self) -> &Trail {
        &Trail::ROOT
    }
}

impl Trail {
    const ROOT: Trail =
        Trail { parent: NodeId { index: 0, generation: 0 }, words: [0; 2], step: Brief::None };

    #[inline(always)]
    fn new(parent: NodeId, part: Part<'_>) -> Trail {
        let (words, step) = match part {
            Part::Index(index) => ([index as u64, 0], Brief::Index),
            Part::Name(name) => match name.as_bytes().get(..BRIEF) {
                Some(start) if name.len() > BRIEF => (pack(start), Brief::Longer),
                _ => (pack(name.as_bytes()), Brief::Name(name.len() as u8)),
            },
        };
        Trail { parent, words, step }
    }

    /// The path that the trail is the end of, as far as it is known: what is gone is nowhere any more.
    fn path(&self, arena: &Arena) -> Path {
        let parent = arena.node(self.parent.index).ok();
        let lives = parent.is_some_and(|node| {
            generation(node.head.identity.load(Ordering::Acquire)) == self.parent.generation
        });
        let start = if lives { node::path_of(arena, self.parent) } else { Path::from_iter(["…".into()]) };
        let length = match self.step {
            Brief::None => return Path::ROOT,
            Brief::Index => return start.then(usize::try_from(self.words[0]).unwrap_or(usize::MAX)),
            Brief::Name(length) => length.into(),
            Brief::Longer => BRIEF,
        };
        let bytes: Vec<u8> = self.words.iter().flat_map(|word| word.to_le_bytes()).take(length).collect();
        // A character may be cut.
        let known = bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid());
        let rest = if self.step == Brief::Longer { "…" } else { "" };
        start.then(&format!("{known}{rest}"))
    }
}

impl Handle {
    /// The root of a store.
    pub(crate) fn root(store: Arc<Store>, id: NodeId) -> Result<Handle> {
        let node = std::ptr::from_ref(store.arena.node(id.index)?);
        Ok(Place { way: Kept { store, trail: Trail::ROOT }, id, node })
    }

    /// A handle to a node that is resolved already.
    pub(crate) fn again(store: &Arc<Store>, id: NodeId) -> Result<Handle> {
        let arena = &*store.arena;
        let node = arena.node(id.index)?;
        let parent = Ancestors::new(arena, &node.head).next().transpose()?;
        let trail = match (parent, node::path_of(arena, id).steps().last()) {
            (Some((index, head)), Some(step)) => {
                let generation = generation(head.identity.load(Ordering::Acquire));
                Trail::new(NodeId { index, generation }, Part::from(step))
            }
            _ => Trail::ROOT,
        };
        Ok(Place { way: Kept { store: Arc::clone(store), trail }, id, node: std::ptr::from_ref(node) })
    }

    /// What a slot of a node names.
    pub(crate) fn child(store: &Arc<Store>, parent: NodeId, raw: Raw, part: Part<'_>) -> Result<Handle> {
        let (id, node) = node::resolve(&store.arena, raw)?;
        let trail = Trail::new(parent, part);
        Ok(Place { way: Kept { store: Arc::clone(store), trail }, id, node: std::ptr::from_ref(node) })
    }
}

impl<'a> Near<'a> {
    /// What a slot names.
    #[inline(always)]
    pub(crate) fn new(store: &'a Arc<Store>, raw: Raw) -> Result<Near<'a>> {
        let (id, node) = node::resolve(&store.arena, raw)?;
        Ok(Place { way: store, id, node: std::ptr::from_ref(node) })
    }
}

impl<W: Way> Place<W> {
    /// The same node for as long as this place is there.
    #[inline(always)]
    pub(crate) fn near(&self) -> Near<'_> {
        Place { way: self.way.store(), id: self.id, node: self.node }
    }

    /// Locks the node for as long as a scope.
    #[inline(always)]
    pub(crate) fn lock(&self, mode: Mode, wait: &Wait) -> Result<Scope<'_>> {
        Scope::new(self.way.store(), self.node(), self.id, mode, wait)
    }

    /// Locks the node, if need be exclusively, in order to lease its block: an observer may do so, too.
    pub(crate) fn lock_to_lease(&self, mode: Mode) -> Result<Scope<'_>> {
        Scope::to_lease(self.way.store(), self.node(), self.id, mode)
    }

    /// What this thread itself holds around the node.
    #[inline]
    pub(crate) fn own(&self) -> Result<Own> {
        match self.arena().seat_if_any() {
            Some(seat) => Locker::new(&**self.arena(), seat.own).own(self.id.index),
            None => Ok(Own::default()),
        }
    }

    /// As [`Access::follow`], and again where `visit` finds that something else is there by now (`None`).
    #[inline(always)]
    fn follow_until<T>(
        &self,
        slot: impl Fn(&Arena, &Node) -> Result<Option<Raw>>,
        visit: impl Fn(Option<Raw>) -> Result<Option<T>>,
    ) -> Result<T> {
        let mut gone = None;
        loop {
            let raw = self.read(&slot)?;
            match visit(raw) {
                Ok(Some(value)) => return Ok(value),
                Ok(None) => gone = None,
                Err(error) if error.kind() == ErrorKind::StaleHandle => {
                    gone_again(&mut gone, raw)?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Fails if a child, but not this node, is covered by a transaction of this thread.
    #[inline(always)]
    fn refuse_to_part(&self, child: NodeId) -> Result<()> {
        match self.arena().transaction() {
            Some((_, top)) if top == child.index => Err(Error::new(ErrorKind::InTransaction)),
            _ => Ok(()),
        }
    }

    /// The seat of this thread, whose own locks do not count when it reads.
    #[inline(always)]
    fn reader(&self) -> Result<Option<u32>> {
        let arena: &Arena = self.arena();
        let seat = arena.seat_if_any().map(|seat| seat.own);
        if let Some(seat) = seat
            && !self.store().reentrant
            && seat.line.any()
            && Locker::new(arena, seat).own(self.id.index)?.exclusive
        {
            return Err(Error::new(ErrorKind::HeldByGuard));
        }
        Ok(seat.map(|seat| seat.index))
    }

    /// As [`Access::read`], of a value that is large, so that each move of it costs more than reading: it is not handed from one
    /// result to another.
    #[inline(always)]
    pub(crate) fn read_large<T>(&self, read: impl Fn() -> Result<T>) -> Result<T> {
        let (arena, head): (&Arena, _) = (self.arena(), &self.node().head);
        let seat = self.reader()?;
        for _ in 0..OPTIMISTIC_TRIES {
            let (mut look, mut above) = (Look::new(head, seat), Above::new());
            if look.first(arena, self.id, &mut above)?.is_none() {
                let result = read();
                // SAFETY: the first look was taken with it.
                if unsafe { look.second(&above) }.is_none() {
                    return result;
                }
            }
            std::hint::spin_loop();
        }
        self.read_contended(|_, _| read())
    }

    /// As [`Access::read`], tried once: what is in the way if the node or what it is a part of is being changed.
    #[inline]
    pub(crate) fn read_now<T>(
        &self,
        read: impl FnOnce(&Arena, &Node) -> Result<T>,
    ) -> Result<Result<T, Obstacle>> {
        let arena: &Arena = self.arena();
        let seat = arena.seat_if_any().map(|seat| seat.own.index);
        let read = optimistic(arena, &self.node().head, self.id, seat, || read(arena, self.node()))?;
        Ok(read.map_err(|busy| Obstacle::of(arena, busy)))
    }

    /// As [`Access::read`], but waits for at most so long for what is in its way, and says what that is.
    pub(crate) fn read_within<T>(
        &self,
        patience: Duration,
        read: impl Fn(&Arena, &Node) -> Result<T>,
    ) -> Result<Result<T, Obstacle>> {
        let (arena, node): (&Arena, &Node) = (self.arena(), self.node());
        let seat = self.reader()?;
        let attempt = || optimistic(arena, &node.head, self.id, seat, || read(arena, node));
        for _ in 0..OPTIMISTIC_TRIES {
            if let Ok(result) = attempt()? {
                return Ok(Ok(result));
            }
            std::hint::spin_loop();
        }
        if arena.writable() {
            match self.lock(Mode::Shared, &Wait::at_most(patience)) {
                Ok(_held) => return read(arena, node).map(Ok),
                Err(error) if error.kind() == ErrorKind::LockTimeout => {}
                Err(error) => return Err(error),
            }
            return Ok(attempt()?.map_err(|busy| Obstacle::of(arena, busy)));
        }
        arena.ensure_attached()?;
        let mut disturbance = Disturbance::new(arena);
        loop {
            match attempt()? {
                Ok(result) => return Ok(Ok(result)),
                Err(busy) if disturbance.waited() >= patience => return Ok(Err(Obstacle::of(arena, busy))),
                Err(busy) => disturbance.pause(busy)?,
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn read_contended<T>(&self, read: impl Fn(&Arena, &Node) -> Result<T>) -> Result<T> {
        let arena: &Arena = self.arena();
        if arena.writable() {
            let _held = self.lock(Mode::Shared, &Wait::FOREVER)?;
            return read(arena, self.node());
        }
        self.read_patiently(usize::MAX, read)?.ok_or_else(|| Error::new(ErrorKind::Interrupted))
    }

    /// Reads without a lock, as often as it takes: for those who may not take one. `None` if each try was disturbed.
    #[cold]
    pub(crate) fn read_patiently<T>(
        &self,
        tries: usize,
        read: impl Fn(&Arena, &Node) -> Result<T>,
    ) -> Result<Option<T>> {
        let arena: &Arena = self.arena();
        arena.ensure_attached()?;
        let mut disturbance = Disturbance::new(arena);
        for _ in 0..tries {
            let again = || read(arena, self.node());
            match optimistic(arena, &self.node().head, self.id, None, again)? {
                Ok(result) => return Ok(Some(result)),
                Err(busy) => disturbance.pause(busy)?,
            }
        }
        Ok(None)
    }

    /// The path of the node.
    pub(crate) fn path(&self) -> Path {
        node::path_of(self.arena(), self.id)
    }
}

/// Takes note of a slot that named what was gone. Names are taken out before what they name goes, and never come back, so that
/// finding the same one again is an error.
#[cold]
pub(crate) fn gone_again(before: &mut Option<NodeId>, raw: Option<Raw>) -> Result<()> {
    let id = raw.and_then(Raw::id);
    if before.is_some() && *before == id {
        return Err(Error::corrupt("a slot", "the name of a removed node", "an existing node"));
    }
    *before = id;
    Ok(())
}

impl<W: Way> Access for Place<W> {
    const LOCKS: bool = true;

    #[inline(always)]
    fn store(&self) -> &Arc<Store> {
        self.way.store()
    }

    #[inline(always)]
    fn id(&self) -> NodeId {
        self.id
    }

    #[inline(always)]
    fn node(&self) -> &Node {
        // SAFETY: from a checked reference into the mapping that the store keeps; records never move.
        unsafe { &*self.node }
    }

    /// Writes nothing, unless writers are always in the way.
    #[inline(always)]
    fn read<T>(&self, read: impl Fn(&Arena, &Node) -> Result<T>) -> Result<T> {
        let (arena, node): (&Arena, &Node) = (self.arena(), self.node());
        let seat = self.reader()?;
        for _ in 0..OPTIMISTIC_TRIES {
            if let Ok(result) = optimistic(arena, &node.head, self.id, seat, || read(arena, node))? {
                return Ok(result);
            }
            std::hint::spin_loop();
        }
        self.read_contended(read)
    }

    fn whole<T>(&self, read: impl for<'a> Fn(&'a Arena, &'a Node, &Extent<'a>) -> Result<T>) -> Result<T> {
        if !self.arena().writable() {
            return self.read_whole(Patience::SNAPSHOT, read);
        }
        let _held = self.lock(Mode::Shared, &Wait::FOREVER)?;
        read(self.arena(), self.node(), &Extent::default())
    }

    #[inline(always)]
    fn follow<T>(
        &self,
        slot: impl Fn(&Arena, &Node) -> Result<Option<Raw>>,
        visit: impl Fn(Option<Raw>) -> Result<T>,
    ) -> Result<T> {
        self.follow_until(slot, |raw| visit(raw).map(Some))
    }

    #[inline(always)]
    fn hold(&self, mode: Mode) -> Result<Option<Scope<'_>>> {
        self.lock(mode, &Wait::FOREVER).map(Some)
    }

    /// What the slot names is held tree-exclusively, and asked for first, then this node node-exclusively. (The other order
    /// would deadlock against a guard on the child whose thread asks for this node.)
    fn change_part<T>(
        &self,
        slot: impl Fn(&Arena, &Node) -> Result<Option<Raw>>,
        change: impl Fn(&Operation<'_>, &Node, Option<Raw>) -> Result<T>,
    ) -> Result<T> {
        let (arena, node) = (self.arena(), self.node());
        self.follow_until(&slot, |seen| {
            let id = seen.and_then(Raw::id);
            let child = match seen {
                Some(raw) if id.is_some() => Some(Near::new(self.store(), raw)?),
                _ => None,
            };
            let _child = match &child {
                Some(child) => {
                    self.refuse_to_part(child.id)?;
                    Some(child.lock(Mode::Tree, &Wait::FOREVER)?)
                }
                None => None,
            };
            let _held = self.lock(Mode::Node, &Wait::FOREVER)?;
            operate(arena, self.id, |operation| match slot(arena, node)? {
                // A structure has come or gone meanwhile.
                now if now.and_then(Raw::id) != id => Ok(None),
                now => change(operation, node, now).map(Some),
            })
        })
    }

    /// A thread does not sleep with an operation under way, for it may be called upon to do another one meanwhile (a signal
    /// handler of its runtime). If the lock is not to be had at once, what was prepared is given up; when that has happened too
    /// often, the preparations are made under the lock.
    fn change_prepared<A, T>(
        &self,
        prepare: impl Fn(&Operation<'_>) -> Result<A>,
        change: impl Fn(&Operation<'_>, &Node, A) -> Result<T>,
    ) -> Result<T> {
        let node = self.node();
        // Before anything is allocated.
        if self.store().asks() {
            self.store().ask()?;
        }
        for _ in 0..PREPARED_TRIES {
            let operation = Operation::begin_for(self.arena(), self.id.index)?;
            let prepared = prepare(&operation)?;
            match self.lock(Mode::Node, &Wait::at_most(Duration::ZERO)) {
                Ok(_held) => return operation.conclude(|operation| change(operation, node, prepared)),
                Err(error) if error.kind() == ErrorKind::LockTimeout => {
                    drop(operation);
                    self.lock(Mode::Node, &Wait::FOREVER)?.end_unchanged();
                }
                Err(error) => return Err(error),
            }
        }
        self.change(Mode::Node, |operation, node| change(operation, node, prepare(operation)?))
    }

    #[inline(always)]
    fn in_transaction(&self) -> bool {
        self.arena().transaction().is_some()
    }

    #[cold]
    fn locate(&self, error: Error) -> Error {
        // There is nothing in the memory of a process that could not be attached, and no generation that names it.
        if let Err(detached) = self.arena().ensure_attached() {
            return detached;
        }
        match error.kind() {
            // Not for those who only tried.
            ErrorKind::LockTimeout if error.waited().is_some_and(|waited| waited >= NAMED) => {
                let holder = holder_of(self.arena(), self.id.index).unwrap_or_default();
                error.finding(holder).below(self.path())
            }
            ErrorKind::StaleHandle if self.store().is_replaced() => {
                error.finding("re-initialised").below(self.way.trail().path(self.arena()))
            }
            ErrorKind::StaleHandle if self.is_stale() => error.below(self.way.trail().path(self.arena())),
            _ => error.below(self.path()),
        }
    }

    fn is_stale(&self) -> bool {
        generation(self.node().head.identity.load(Ordering::Acquire)) != self.id.generation
    }
}

impl Handle {
    /// The node's value for display: as of one moment if that is to be had, or else each node as of one, but not all of the
    /// same one. Parts that a guard of this thread holds are replaced by a remark.
    pub(crate) fn value_for_display(&self) -> Result<crate::value::Value<'static>> {
        let whole = if self.arena().writable() {
            self.whole(|arena, node, extent| node::read_value(arena, node, 0, extent))
        } else {
            self.read_whole(Patience::DISPLAY, |arena, node, extent| node::read_value(arena, node, 0, extent))
        };
        match whole {
            Err(error) if matches!(error.kind(), ErrorKind::HeldByGuard | ErrorKind::Contended) => {
                self.near().value_by_node(0, &Extent::default())
            }
            other => other.at(self),
        }
    }
}
