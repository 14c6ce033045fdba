//! Lists: values in order.

use std::fmt;
use std::ops::{Bound, RangeBounds};
use std::time::Duration;

use super::access::{Guard, Hold, Lent, at_most, lend_scalar};
use super::get::{Slot, Source};
use super::{Access, ArrayMut, BytesMut, Get, Handle, StrMut, StructMut, slot_value, wrong_kind};
use crate::arena::Arena;
use crate::arena::layout::Node;
use crate::error::{Error, ErrorKind, Result};
use crate::journal::Operation;
use crate::lock::{Mode, Wait};
use crate::node::{self, Raw, list};
use crate::value::{Kind, ScalarType, Value};

/// A handle to a list.
///
/// Each operation locks for itself what it needs, and is done wholly or not at all. [`List::write`] gives a guard
/// that holds the list and everything below it.
///
/// ```
/// use structstore::{StructStore, Value};
///
/// let store = StructStore::new();
/// let list = store.list("list")?;
/// list.push(1)?;
/// list.extend(["two", "three"])?;
/// list.insert(0, Value::Null)?;
/// assert_eq!(list.remove(2)?, Value::from("two"));
/// assert_eq!(list.to_string(), r#"[null, 1, "three"]"#);
/// # Ok::<(), structstore::Error>(())
/// ```
#[derive(Clone)]
pub struct List {
    pub(crate) handle: Handle,
}

impl List {
    pub(crate) fn from_handle(handle: Handle) -> List {
        List { handle }
    }

    fn depth(&self) -> Result<usize> {
        node::depth_of(self.handle.arena(), self.handle.id().index)
    }

    fn locate_item(&self, error: Error, index: usize) -> Error {
        match error.kind() {
            ErrorKind::IndexOutOfRange => self.handle.locate(error),
            _ => self.handle.locate(error.under(index)),
        }
    }

    /// How many items there are.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StaleHandle`] if the list was removed.
    pub fn len(&self) -> Result<usize> {
        // Of the slots, so that no length is told for which there is no room.
        let len = self.handle.read(|arena, node| Ok(list::slots(arena, node)?.len()));
        len.map_err(|error| self.handle.locate(error))
    }

    /// Whether there are no items.
    ///
    /// # Errors
    ///
    /// As [`List::len`].
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Reads an item.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::IndexOutOfRange`], and as [`Struct::get`](crate::Struct::get).
    pub fn get<T: Get>(&self, index: usize) -> Result<T> {
        let found = self.handle.follow(
            |arena, node| Ok(Some(Raw::load(list::slot(arena, node, index as u64)?))),
            |raw| raw.map(|raw| T::get(Slot { raw, source: Source::Handle(&self.handle) })).transpose(),
        );
        found.map_err(|error| self.locate_item(error, index))
    }

    /// Appends an item.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TooDeep`], [`ErrorKind::OutOfSpace`], [`ErrorKind::StaleHandle`].
    pub fn push<'v>(&self, value: impl Into<Value<'v>>) -> Result<()> {
        let value = value.into();
        if let Some(item) = Raw::plain(&value)
            && self.push_plain(item).map_err(|error| self.handle.locate(error))?
        {
            return Ok(());
        }
        self.edit(Mode::Node, |operation, node| {
            let item = self.build(operation, &value)?;
            list::insert(operation, node, list::len(node), &[item])
        })
    }

    /// Appends null or a scalar, unless that takes more than two stores.
    #[inline]
    fn push_plain(&self, item: Raw) -> Result<bool> {
        let arena = self.handle.arena();
        if arena.transaction().is_some() {
            return Ok(false);
        }
        let held = self.handle.acquire(Mode::Node, &Wait::FOREVER)?;
        let pushed = list::push_in_place(arena, self.handle.record(), item);
        held.release_of(arena, &self.handle.record().head);
        pushed
    }

    /// Inserts an item before the one at `index`, which may be the end.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::IndexOutOfRange`], and as [`List::push`].
    pub fn insert<'v>(&self, index: usize, value: impl Into<Value<'v>>) -> Result<()> {
        let value = value.into();
        self.edit(Mode::Node, |operation, node| {
            if index as u64 > list::len(node) {
                return Err(list::out_of_range(index as u64, list::len(node)));
            }
            let item = self.build(operation, &value)?;
            list::insert(operation, node, index as u64, &[item])
        })
    }

    /// Appends items; all of them or, after an error, none.
    ///
    /// # Errors
    ///
    /// As [`List::push`].
    ///
    /// ```
    /// let list = structstore::StructStore::new().list("list")?;
    /// list.extend(["a", "b"])?; // in one operation
    /// assert_eq!(list.len()?, 2);
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn extend<'v, T: Into<Value<'v>>>(&self, values: impl IntoIterator<Item = T>) -> Result<()> {
        let values = collect(self.handle.arena(), values)?;
        self.edit(Mode::Node, |operation, node| extend(operation, node, self.handle.id().index, &values))
    }

    /// Appends copies of the items until they are there so many times. For languages whose lists can be multiplied.
    #[doc(hidden)]
    pub fn repeat(&self, times: usize) -> Result<()> {
        self.edit(Mode::Tree, |operation, node| {
            let arena = operation.arena();
            let old = list::items(arena, node)?;
            let Value::List(values) = super::held_value(arena, node, 0)? else { return Ok(()) };
            let total = (old.len() as u64).saturating_mul(times as u64);
            if total <= old.len() as u64 {
                return Ok(());
            }
            let (index, depth) = (self.handle.id().index, self.depth()?);
            // The room for all of them is asked for before any of them is made, so that no count takes memory that the
            // store has not got.
            let mut failure = None;
            let copies = (old.len()..total as usize).zip(values.iter().cycle()).map_while(|(at, value)| {
                build_item(operation, index, depth, at, value).map_err(|error| failure = Some(error)).ok()
            });
            list::lay(operation, node, old.iter().copied().chain(copies), total)?;
            failure.map_or(Ok(()), Err)
        })
    }

    fn build(&self, operation: &Operation<'_>, value: &Value<'_>) -> Result<Raw> {
        value.check_depth(self.depth()?)?;
        node::build(operation, value, self.handle.id().index)
    }

    fn edit<T>(&self, mode: Mode, edit: impl FnOnce(&Operation<'_>, &Node) -> Result<T>) -> Result<T> {
        self.handle
            .change(mode, &Wait::FOREVER, |operation| edit(operation, self.handle.record()))
            .map_err(|error| self.handle.locate(error))
    }

    /// Assigns an item that exists, as [`Struct::set`](crate::Struct::set) assigns a field.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::IndexOutOfRange`], and as [`List::push`].
    pub fn set<'v>(&self, index: usize, value: impl Into<Value<'v>>) -> Result<()> {
        let value = value.into();
        self.depth()
            .and_then(|depth| value.check_depth(depth))
            .and_then(|()| {
                self.with_child(
                    |_| Ok(index as u64),
                    |operation, node, _| {
                        let slot = list::slot(operation.arena(), node, index as u64)?;
                        node::assign_slot(operation, self.handle.id().index, slot, &value)
                    },
                )
            })
            .map_err(|error| self.locate_item(error, index))
    }

    /// Removes an item and returns it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::IndexOutOfRange`].
    pub fn remove(&self, index: usize) -> Result<Value<'static>> {
        self.with_child(|_| Ok(index as u64), |operation, node, raw| take(operation, node, index as u64, raw))
            .map_err(|error| self.locate_item(error, index))
    }

    /// Removes the last item and returns it, if there is one.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StaleHandle`], [`ErrorKind::HeldByGuard`].
    pub fn pop(&self) -> Result<Option<Value<'static>>> {
        let last = |node: &Node| Ok(list::len(node).wrapping_sub(1));
        let popped = self.with_child(last, |operation, node, raw| {
            take(operation, node, list::len(node).wrapping_sub(1), raw)
        });
        match popped {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.kind() == ErrorKind::IndexOutOfRange => Ok(None),
            Err(error) => Err(self.handle.locate(error)),
        }
    }

    /// Runs an operation on an item with all that it takes: what the item names is held tree-exclusively, and
    /// asked for first, then this list node-exclusively.
    fn with_child<T>(
        &self,
        index: impl Fn(&Node) -> Result<u64>,
        change: impl Fn(&Operation<'_>, &Node, Raw) -> Result<T>,
    ) -> Result<T> {
        let current =
            |arena: &Arena, node: &Node| Ok(Some(Raw::load(list::slot(arena, node, index(node)?)?)));
        self.handle.with_child(current, |operation, node, raw| match raw {
            Some(raw) => change(operation, node, raw),
            None => Err(list::out_of_range(0, 0)),
        })
    }

    /// Removes all items.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StaleHandle`], [`ErrorKind::HeldByGuard`].
    pub fn clear(&self) -> Result<()> {
        self.edit(Mode::Tree, |operation, _| operation.retire_contents(self.handle.id().index, Kind::List))
    }

    /// Replaces all items.
    ///
    /// # Errors
    ///
    /// As [`List::push`].
    pub fn assign_all<'v, T: Into<Value<'v>>>(&self, values: impl IntoIterator<Item = T>) -> Result<()> {
        let values = collect(self.handle.arena(), values)?;
        self.edit(Mode::Tree, |operation, node| {
            operation.retire_contents(self.handle.id().index, Kind::List)?;
            extend(operation, node, self.handle.id().index, &values)
        })
    }

    /// Puts the items in another order: the one at `order[0]` first, and so on. Handles to them stay valid.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidArgument`] if the order does not name each item once.
    ///
    /// ```
    /// let list = structstore::StructStore::new().list("list")?;
    /// list.extend(["b", "c", "a"])?;
    /// list.reorder(&[2, 0, 1])?;
    /// assert_eq!(list.to_string(), r#"["a", "b", "c"]"#);
    /// assert!(list.reorder(&[0, 0, 1]).is_err());
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn reorder(&self, order: &[usize]) -> Result<()> {
        self.edit(Mode::Node, |operation, node| {
            let old = list::items(operation.arena(), node)?;
            let mut named = vec![false; old.len()];
            let once = order
                .iter()
                .all(|at| named.get_mut(*at).is_some_and(|named| !std::mem::replace(named, true)));
            if !once || order.len() != named.len() {
                return Err(Error::invalid(
                    "order",
                    format!("{} indices", order.len()),
                    format!("each index of {} items once", named.len()),
                ));
            }
            if order.is_sorted() {
                return Ok(());
            }
            list::lay(operation, node, order.iter().filter_map(|at| old.get(*at).copied()), old.len() as u64)
        })
    }

    /// Replaces the items of a range by others, of which there may be more or fewer. Handles to items outside of the range
    /// stay valid.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidArgument`] for a range that the list does not have, and as [`List::push`].
    ///
    /// ```
    /// let list = structstore::StructStore::new().list("list")?;
    /// list.extend([1, 2, 3])?;
    /// list.splice(..2, ["one", "and", "two"])?;
    /// assert_eq!(list.to_string(), r#"["one", "and", "two", 3]"#);
    /// list.splice(1..=1, [0; 0])?;
    /// assert_eq!(list.to_string(), r#"["one", "two", 3]"#);
    /// assert!(list.splice(2..5, [4]).is_err());
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn splice<'v, T: Into<Value<'v>>>(
        &self,
        range: impl RangeBounds<usize>,
        values: impl IntoIterator<Item = T>,
    ) -> Result<()> {
        let values = collect(self.handle.arena(), values)?;
        let index = self.handle.id().index;
        self.edit(Mode::Tree, |operation, node| splice(operation, node, index, &range, &values))
    }

    /// Replaces the items at some indices, each of which is named once, by values in the same order; and removes those that
    /// there are no values for. For languages whose ranges have steps.
    #[doc(hidden)]
    pub fn replace_at<'v>(&self, indices: &[usize], values: &[Value<'v>]) -> Result<()> {
        self.edit(Mode::Tree, |operation, node| {
            let arena = operation.arena();
            let depth = self.depth()?;
            let old = list::items(arena, node)?;
            let mut items: Vec<Option<Raw>> = old.iter().copied().map(Some).collect();
            for (nth, at) in indices.iter().enumerate() {
                let item =
                    items.get_mut(*at).ok_or_else(|| list::out_of_range(*at as u64, old.len() as u64))?;
                let new = values
                    .get(nth)
                    .map(|value| build_item(operation, self.handle.id().index, depth, *at, value))
                    .transpose()?;
                if let Some(old) = std::mem::replace(item, new) {
                    retire(operation, old)?;
                }
            }
            list::lay(operation, node, items.into_iter().flatten(), old.len() as u64)
        })
    }

    /// The items in order, as of one moment.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::StaleHandle`], [`ErrorKind::HeldByGuard`]; [`ErrorKind::Contended`] for a store that was opened read-only and is changed
    /// again and again meanwhile.
    ///
    /// ```
    /// let list = structstore::StructStore::new().list("list")?;
    /// list.extend([1, 2])?;
    /// for item in list.iter()? {
    ///     list.push(item)?; // what is iterated over is a copy
    /// }
    /// assert_eq!(list.to_string(), "[1, 2, 1, 2]");
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn iter(&self) -> Result<impl Iterator<Item = Value<'static>> + use<>> {
        match self.handle.to_value()? {
            Value::List(items) => Ok(items.into_iter()),
            other => Err(wrong_kind(other.kind(), "list")),
        }
    }

    /// The list with all below it, as of one moment.
    ///
    /// # Errors
    ///
    /// As [`List::iter`].
    pub fn to_value(&self) -> Result<Value<'static>> {
        self.handle.to_value()
    }

    /// Locks the list and all below it for changing, for as long as the guard lives.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::HeldByGuard`] or [`ErrorKind::Deadlock`] if this thread holds it, a part of it or what contains it;
    /// [`ErrorKind::StaleHandle`].
    pub fn write(&self) -> Result<ListMut<'static, Guard>> {
        self.lock(None)
    }

    /// As [`List::write`], but waits for at most `timeout`.
    ///
    /// # Errors
    ///
    /// In addition, [`ErrorKind::LockTimeout`].
    pub fn write_timeout(&self, timeout: Duration) -> Result<ListMut<'static, Guard>> {
        self.lock(Some(timeout))
    }

    fn lock(&self, timeout: Option<Duration>) -> Result<ListMut<'static, Guard>> {
        Access::lock(&self.handle, Mode::Tree, &at_most(timeout)).map(ListMut::new)
    }

    /// Locks the list and all below it against changes, for as long as the guard lives.
    ///
    /// # Errors
    ///
    /// As [`List::write`].
    pub fn read(&self) -> Result<ListRef<'static, Guard>> {
        Access::lock(&self.handle, Mode::Shared, &Wait::FOREVER).map(ListRef::new)
    }

    /// As [`List::read`], but waits for at most `timeout`.
    ///
    /// # Errors
    ///
    /// In addition, [`ErrorKind::LockTimeout`].
    pub fn read_timeout(&self, timeout: Duration) -> Result<ListRef<'static, Guard>> {
        Access::lock(&self.handle, Mode::Shared, &Wait::at_most(timeout)).map(ListRef::new)
    }
}

/// Takes an item out, which the caller holds, and has what it names freed.
fn take(operation: &Operation<'_>, node: &Node, index: u64, raw: Raw) -> Result<Value<'static>> {
    let value = slot_value(operation.arena(), raw)?;
    list::splice(operation, node, index, 1, &[])?;
    retire(operation, raw)?;
    Ok(value)
}

/// Has what an item names freed.
fn retire(operation: &Operation<'_>, item: Raw) -> Result<()> {
    item.id().map_or(Ok(()), |id| operation.retire_node(id.index))
}

/// How much is made room for because an iterator announces it, before it is there.
const ANNOUNCED: usize = 4096;

/// What is to be put into a store, complete before an operation begins, but for more than the store has slots for. What an
/// iterator announces sizes no allocation: iterators of other languages announce what they like.
pub(super) fn gather<T>(arena: &Arena, items: impl Iterator<Item = T>, most: u64) -> Result<Vec<T>> {
    let (least, _) = items.size_hint();
    let check = |count: usize| match count as u64 {
        count if count > most => {
            Err(list::too_many(arena, count, format!("it has room for {most} items at most")))
        }
        _ => Ok(()),
    };
    let mut gathered: Vec<T> = Vec::with_capacity(least.min(ANNOUNCED));
    for item in items {
        check(gathered.len().saturating_add(1))?;
        if let Err(error) = gathered.try_reserve(1) {
            return Err(list::too_many(arena, gathered.len() as u64, error.to_string()));
        }
        gathered.push(item);
    }
    Ok(gathered)
}

fn collect<'v, T: Into<Value<'v>>>(
    arena: &Arena,
    values: impl IntoIterator<Item = T>,
) -> Result<Vec<Value<'v>>> {
    gather(arena, values.into_iter().map(Into::into), list::most(arena))
}

fn extend(operation: &Operation<'_>, node: &Node, index: u32, values: &[Value<'_>]) -> Result<()> {
    let end = list::len(node) as usize;
    splice(operation, node, index, &(end..), values)
}

fn splice(
    operation: &Operation<'_>,
    node: &Node,
    index: u32,
    range: &impl RangeBounds<usize>,
    values: &[Value<'_>],
) -> Result<()> {
    let arena = operation.arena();
    let slots = list::slots(arena, node)?;
    let start = match range.start_bound() {
        Bound::Included(start) => *start,
        Bound::Excluded(before) => before.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(last) => last.saturating_add(1),
        Bound::Excluded(end) => *end,
        Bound::Unbounded => slots.len(),
    };
    let removed = slots.get(start..end).ok_or_else(|| {
        Error::invalid("range", format!("{start}..{end}"), format!("a range of {} items", slots.len()))
    })?;
    let depth = node::depth_of(arena, index)?;
    let new: Vec<Raw> = (start..)
        .zip(values)
        .map(|(at, value)| build_item(operation, index, depth, at, value))
        .collect::<Result<_>>()?;
    if !removed.is_empty() && removed.len() == slots.len() {
        // At once, which takes no room.
        operation.retire_contents(index, Kind::List)?;
        return list::insert(operation, node, 0, &new);
    }
    removed.iter().try_for_each(|slot| retire(operation, Raw::load(slot)))?;
    list::splice(operation, node, start as u64, removed.len() as u64, &new)
}

/// Builds what is to be an item of the list `index`.
fn build_item(
    operation: &Operation<'_>,
    index: u32,
    depth: usize,
    at: usize,
    value: &Value<'_>,
) -> Result<Raw> {
    let built = value.check_depth(depth).and_then(|()| node::build(operation, value, index));
    built.map_err(|error| error.under(at))
}

/// As JSON. Parts that a guard of this thread holds are shown as such.
impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.handle.to_value_for_display() {
            Ok(value) => value.fmt(f),
            Err(error) => write!(f, "<{error}>"),
        }
    }
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "List({self})")
    }
}

/// A list that is held exclusively, with all below it.
///
/// ```
/// use structstore::StructStore;
///
/// let store = StructStore::new();
/// let mut list = store.list_mut("list")?;
/// list.extend([3, 4])?;
/// for item in list.iter_mut::<i32>() {
///     *item? *= 10;
/// }
/// assert_eq!(list.get::<i32>(1)?, 40);
/// assert!(list.iter_mut::<f64>().next().unwrap().is_err());
/// # Ok::<(), structstore::Error>(())
/// ```
pub struct ListMut<'s, H = Lent<'s>> {
    pub(super) access: Access<'s, H>,
}

impl<'s, H: Hold> ListMut<'s, H> {
    pub(crate) fn new(access: Access<'s, H>) -> ListMut<'s, H> {
        ListMut { access }
    }

    /// How many items there are.
    pub fn len(&self) -> usize {
        list::counted(self.access.arena(), self.access.node()) as usize
    }

    /// Whether there are no items.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn raw(&self, index: usize) -> Result<Raw> {
        Ok(Raw::load(list::slot(self.access.arena(), self.access.node(), index as u64)?))
    }

    /// Reads an item as a scalar, `String`, `Vec<u8>`, `Option` or [`Value`].
    ///
    /// # Errors
    ///
    /// [`ErrorKind::IndexOutOfRange`], and as [`StructMut::get`].
    pub fn get<T: Get>(&self, index: usize) -> Result<T> {
        self.raw(index)
            .and_then(|raw| T::get(Slot { raw, source: Source::Held(self.access.arena()) }))
            .map_err(|error| self.access.locate_item(error, index))
    }

    /// Appends an item.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TooDeep`], [`ErrorKind::OutOfSpace`].
    #[inline]
    pub fn push<'v>(&mut self, value: impl Into<Value<'v>>) -> Result<()> {
        let value = value.into();
        // By reference: what has just been written in parts is slow to be read as a whole.
        if let Some(raw) = Raw::plain(&value)
            && !self.access.in_transaction()
            && list::push_in_place(self.access.arena(), self.access.node(), raw)?
        {
            // Nothing is to be dropped of it, which the compiler cannot know.
            std::mem::forget(value);
            return Ok(());
        }
        self.push_slow(value)
    }

    #[cold]
    fn push_slow(&mut self, value: Value<'_>) -> Result<()> {
        self.edit(|operation, node, index| extend(operation, node, index, std::slice::from_ref(&value)))
    }

    fn edit<T>(&mut self, edit: impl FnOnce(&Operation<'_>, &Node, u32) -> Result<T>) -> Result<T> {
        let index = self.access.id().index;
        self.access
            .operate(|operation| edit(operation, operation.arena().node(index)?, index))
            .map_err(|error| self.access.locate(error))
    }

    /// Inserts an item before the one at `at`, which may be the end.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::IndexOutOfRange`], and as [`ListMut::push`].
    pub fn insert<'v>(&mut self, at: usize, value: impl Into<Value<'v>>) -> Result<()> {
        let value = value.into();
        self.edit(|operation, node, index| {
            if at as u64 > list::len(node) {
                return Err(list::out_of_range(at as u64, list::len(node)));
            }
            value.check_depth(node::depth_of(operation.arena(), index)?)?;
            let item = node::build(operation, &value, index)?;
            list::insert(operation, node, at as u64, &[item])
        })
    }

    /// Appends items; all of them or, after an error, none.
    ///
    /// # Errors
    ///
    /// As [`ListMut::push`].
    pub fn extend<'v, T: Into<Value<'v>>>(&mut self, values: impl IntoIterator<Item = T>) -> Result<()> {
        let values = collect(self.access.arena(), values)?;
        self.edit(|operation, node, index| extend(operation, node, index, &values))
    }

    /// Replaces the items of a range by others; see [`List::splice`].
    ///
    /// # Errors
    ///
    /// As [`List::splice`].
    pub fn splice<'v, T: Into<Value<'v>>>(
        &mut self,
        range: impl RangeBounds<usize>,
        values: impl IntoIterator<Item = T>,
    ) -> Result<()> {
        let values = collect(self.access.arena(), values)?;
        self.edit(|operation, node, index| splice(operation, node, index, &range, &values))
    }

    /// Assigns an item that exists.
    ///
    /// # Errors
    ///
    /// As [`List::set`].
    pub fn set<'v>(&mut self, at: usize, value: impl Into<Value<'v>>) -> Result<()> {
        let value = value.into();
        let index = self.access.id().index;
        let set = node::depth_of(self.access.arena(), index)
            .and_then(|depth| value.check_depth(depth))
            .and_then(|()| {
                self.access.operate(|operation| {
                    let slot = list::slot(operation.arena(), operation.arena().node(index)?, at as u64)?;
                    node::assign_slot(operation, index, slot, &value)
                })
            });
        set.map_err(|error| self.access.locate_item(error, at))
    }

    /// Removes an item and returns it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::IndexOutOfRange`].
    pub fn remove(&mut self, at: usize) -> Result<Value<'static>> {
        let raw = self.raw(at).map_err(|error| self.access.locate(error))?;
        self.edit(|operation, node, _| take(operation, node, at as u64, raw))
    }

    /// Removes the last item and returns it, if there is one.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] if the memory is damaged.
    pub fn pop(&mut self) -> Result<Option<Value<'static>>> {
        self.len().checked_sub(1).map(|last| self.remove(last)).transpose()
    }

    /// Removes all items. That needs no room, unless it is part of a transaction.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] if the memory is damaged.
    pub fn clear(&mut self) -> Result<()> {
        self.edit(|operation, _, index| operation.retire_contents(index, Kind::List))
    }

    /// The list with all below it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] if the memory is damaged.
    pub fn to_value(&self) -> Result<Value<'static>> {
        super::held_value(self.access.arena(), self.access.node(), 0)
    }

    /// The items, each as its own memory. An item that is not of exactly this type is an error in its place.
    ///
    /// ```
    /// let list = structstore::StructStore::new().list("list")?;
    /// list.extend([1, 2])?;
    /// let mut guard = list.write()?;
    /// for item in guard.iter_mut::<i32>() {
    ///     *item? *= 10;
    /// }
    /// assert_eq!(guard.get::<i32>(1)?, 20);
    /// guard.push("three")?;
    /// assert!(guard.iter_mut::<i32>().last().unwrap().is_err());
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn iter_mut<'a, T: ScalarType + 'a>(&'a mut self) -> impl Iterator<Item = Result<&'a mut T>> {
        let access = &self.access;
        list::each(access.arena(), access.node()).map(move |found| {
            let (index, slot) = found?;
            let place = access.note(&slot.payload).and_then(|()| lend_scalar::<T>(slot));
            // SAFETY: a valid T (checked) in a slot that stays where it is while the iterator borrows the guard,
            // which nobody else touches; each slot of the one block is given out once.
            place.map(|place| unsafe { &mut *place }).map_err(|error| error.under(index))
        })
    }

    /// An item's own memory.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::IndexOutOfRange`], or [`ErrorKind::WrongType`] if the item is not of exactly this type.
    pub fn scalar_mut<T: ScalarType>(&mut self, index: usize) -> Result<&mut T> {
        let slot = list::slot(self.access.arena(), self.access.node(), index as u64);
        let place = slot.and_then(|slot| {
            self.access.note(&slot.payload)?;
            lend_scalar::<T>(slot)
        });
        match place {
            // SAFETY: as in `iter_mut`; `&mut self` keeps this guard from giving out another one.
            Ok(place) => Ok(unsafe { &mut *place }),
            Err(error) => Err(self.access.locate_item(error, index)),
        }
    }

    /// The struct that is an item.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::IndexOutOfRange`], or [`ErrorKind::WrongType`] if the item is of another kind.
    pub fn at(&mut self, index: usize) -> Result<StructMut<'_>> {
        self.child(index, Kind::Struct).map(StructMut::new)
    }

    /// The list that is an item.
    ///
    /// # Errors
    ///
    /// As [`ListMut::at`].
    pub fn list(&mut self, index: usize) -> Result<ListMut<'_>> {
        self.child(index, Kind::List).map(ListMut::new)
    }

    /// The string that is an item.
    ///
    /// # Errors
    ///
    /// As [`ListMut::at`].
    pub fn text(&mut self, index: usize) -> Result<StrMut<'_>> {
        self.child(index, Kind::Str).map(StrMut::new)
    }

    /// The bytes that are an item.
    ///
    /// # Errors
    ///
    /// As [`ListMut::at`].
    pub fn bytes(&mut self, index: usize) -> Result<BytesMut<'_>> {
        self.child(index, Kind::Bytes).map(BytesMut::new)
    }

    /// The array that is an item.
    ///
    /// # Errors
    ///
    /// As [`ListMut::at`].
    pub fn array(&mut self, index: usize) -> Result<ArrayMut<'_>> {
        self.child(index, Kind::Array).map(ArrayMut::new)
    }

    fn child(&mut self, index: usize, kind: Kind) -> Result<Access<'_>> {
        let child = self.raw(index).and_then(|raw| match raw.kind()? {
            found if found == kind => self.access.child(raw),
            found => Err(wrong_kind(found, kind.name())),
        });
        child.map_err(|error| self.access.locate_item(error, index))
    }

    /// The same access for a shorter time, to pass on.
    pub fn reborrow(&mut self) -> ListMut<'_> {
        ListMut::new(self.access.reborrow())
    }
}

/// A list that is held for reading, with all below it.
///
/// ```
/// let store = structstore::StructStore::new();
/// store.set("list", vec![1, 2, 3])?;
/// let list = store.list("list")?.read()?; // nobody changes it meanwhile
/// assert_eq!(list.iter::<i32>().sum::<Result<i32, _>>()?, 6);
/// assert!(list.get::<i32>(3).is_err());
/// # Ok::<(), structstore::Error>(())
/// ```
pub struct ListRef<'s, H = Lent<'s>> {
    pub(super) access: Access<'s, H>,
}

impl<'s, H: Hold> ListRef<'s, H> {
    pub(crate) fn new(access: Access<'s, H>) -> ListRef<'s, H> {
        ListRef { access }
    }

    /// How many items there are.
    pub fn len(&self) -> usize {
        list::counted(self.access.arena(), self.access.node()) as usize
    }

    /// Whether there are no items.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads an item as a scalar, `String`, `Vec<u8>`, `Option` or [`Value`].
    ///
    /// # Errors
    ///
    /// As [`List::get`].
    pub fn get<T: Get>(&self, index: usize) -> Result<T> {
        list::slot(self.access.arena(), self.access.node(), index as u64)
            .and_then(|slot| T::get(Slot { raw: Raw::load(slot), source: Source::Held(self.access.arena()) }))
            .map_err(|error| self.access.locate_item(error, index))
    }

    /// The items, one by one.
    pub fn iter<T: Get>(&self) -> impl Iterator<Item = Result<T>> {
        let access = &self.access;
        list::each(access.arena(), access.node()).map(move |found| {
            let (index, slot) = found?;
            T::get(Slot { raw: Raw::load(slot), source: Source::Held(access.arena()) })
                .map_err(|error| access.locate_item(error, index))
        })
    }
}
