//! Reading nodes: one at a time without its children, or, where they are held, with all below.

use std::cell::Cell;

use super::meta::Record;
use super::{
    ArrayBlock, BLOCK, LIVE, Raw, SHORT, StreamBlock, array_flags, contents, copy_elements, kind_of, list,
    read_bytes, resolve, structure, versions,
};
use crate::arena::Arena;
use crate::arena::layout::{Field, Node, Slot};
use crate::error::{Error, Result};
use crate::lock::Moment;
use crate::sync::{AtomicU64, Ordering};
use crate::value::{ArrayValue, DType, Kind, SnapshotWriter, StreamValue, Value, deeper};

/// A node's own contents.
pub(crate) enum Shallow {
    Str(String),
    Bytes(Vec<u8>),
    List(Vec<Raw>),
    Struct(Vec<(String, Raw)>),
    Array(ArrayValue<'static>),
    Stream(StreamValue<'static>),
}

impl Shallow {
    /// The size of the contents, in bytes of a segment.
    pub(crate) fn bytes(&self) -> u64 {
        let bytes = match self {
            Shallow::Str(text) => text.len(),
            Shallow::Bytes(bytes) => bytes.len(),
            Shallow::List(items) => items.len().saturating_mul(size_of::<Slot>()),
            Shallow::Struct(fields) => fields.len().saturating_mul(size_of::<Field>()),
            Shallow::Array(array) => array.data().len(),
            Shallow::Stream(stream) => stream.sample_size(),
        };
        bytes as u64
    }
}

pub(crate) fn read_shallow(arena: &Arena, node: &Node) -> Result<Shallow> {
    Ok(match kind_of(node)? {
        Kind::Str => Shallow::Str(read_text_node(arena, node)?),
        Kind::Bytes => Shallow::Bytes(read_bytes_node(arena, node)?),
        Kind::List => Shallow::List(list::items(arena, node)?),
        Kind::Array => Shallow::Array(read_array(arena, node)?),
        Kind::Stream => Shallow::Stream(read_stream(arena, node, false)?),
        _ => Shallow::Struct(fields(arena, node)?),
    })
}

/// How much was read of a tree. A damaged tree, in which nodes are named many times, may seem almost endless: no more
/// is read of it than the segment has room for.
#[derive(Default)]
pub(crate) struct Extent<'a> {
    read: Cell<u64>,
    limit: Cell<u64>,
    /// For a tree that is not held: the nodes that are read as of one moment.
    moment: Option<&'a Moment<'a>>,
}

impl<'a> Extent<'a> {
    /// The extent of a tree that is not held for its reader.
    pub(crate) fn at(moment: &'a Moment<'a>) -> Extent<'a> {
        Extent { moment: Some(moment), ..Extent::default() }
    }

    /// Looks at a node that is about to be read.
    #[inline]
    pub(crate) fn enter(&self, node: &'a Node) -> Result<()> {
        self.moment.map_or(Ok(()), |moment| moment.enter(&node.head))
    }

    /// Counts a node and this many bytes in it.
    #[inline]
    pub(crate) fn add(&self, arena: &Arena, bytes: u64) -> Result<()> {
        let read = self.read.get().saturating_add(size_of::<Node>() as u64).saturating_add(bytes);
        self.read.set(read);
        if read <= self.limit.get() { Ok(()) } else { self.enlarge(arena) }
    }

    /// How much was counted, for [`Self::forget`].
    pub(crate) fn counted(&self) -> u64 {
        self.read.get()
    }

    /// Goes back to an earlier count: what was counted since has gone while it was read, and is looked for again.
    pub(crate) fn forget(&self, counted: u64) {
        self.read.set(counted);
    }

    #[cold]
    fn enlarge(&self, arena: &Arena) -> Result<()> {
        // What others move meanwhile is seen twice.
        self.limit.set(arena.size()?.saturating_mul(2));
        if self.read.get() <= self.limit.get() {
            return Ok(());
        }
        Err(Error::corrupt("a tree", "nodes that are named more than once", "a tree"))
    }
}

/// The value of a node with all below it, which is held or, if the extent has a moment, read as of that.
pub(crate) fn read_value<'a>(
    arena: &'a Arena,
    node: &'a Node,
    depth: usize,
    extent: &Extent<'a>,
) -> Result<Value<'static>> {
    extent.enter(node)?;
    let leaf = |value: Value<'static>, bytes: usize| extent.add(arena, bytes as u64).map(|()| value);
    Ok(match kind_of(node)? {
        Kind::Str => {
            let text = read_text_node(arena, node)?;
            let bytes = text.len();
            leaf(Value::Str(text.into()), bytes)?
        }
        Kind::Bytes => {
            let contents = read_bytes_node(arena, node)?;
            let bytes = contents.len();
            leaf(Value::Bytes(contents.into()), bytes)?
        }
        Kind::Array => {
            let array = read_array(arena, node)?;
            let bytes = array.data().len();
            leaf(Value::Array(array), bytes)?
        }
        Kind::Stream => {
            let stream = read_stream(arena, node, false)?;
            let bytes = stream.sample_size();
            leaf(Value::Stream(stream), bytes)?
        }
        Kind::List => {
            let slots = list::slots(arena, node)?;
            extent.add(arena, size_of_val(slots) as u64)?;
            let mut items = Vec::with_capacity(slots.len());
            for slot in slots {
                let item = read_slot(arena, Raw::load(slot), depth, extent);
                items.push(item.map_err(|error| error.under(items.len()))?);
            }
            Value::List(items)
        }
        _ => {
            // The struct's count is trusted only as far as its fields are there.
            let mut fields = Vec::with_capacity(structure::count(node).min(1024) as usize);
            extent.add(arena, structure::count(node).saturating_mul(size_of::<Field>() as u64))?;
            for found in structure::fields(arena, node) {
                let field = found?.field;
                let name = structure::name(arena, field)?;
                match read_slot(arena, Raw::load(&field.slot), depth, extent) {
                    Ok(value) => fields.push((name.into(), value)),
                    Err(error) => return Err(error.under(&name)),
                }
            }
            Value::Struct(fields)
        }
    })
}

/// Writes the value of a node with all below it, as [`read_value`]. The reader of the snapshot finds out whether
/// strings are UTF-8, and truth values valid.
pub(crate) fn write_snapshot<'a>(
    arena: &'a Arena,
    node: &'a Node,
    depth: usize,
    extent: &Extent<'a>,
    snapshot: &mut SnapshotWriter,
) -> Result<()> {
    extent.enter(node)?;
    match kind_of(node)? {
        kind @ (Kind::Str | Kind::Bytes) => {
            let contents = copy_bytes_node(arena, node)?;
            extent.add(arena, contents.bytes().len() as u64)?;
            snapshot.leaf(kind, contents.bytes());
        }
        Kind::Array => {
            let (header, source) = array_block(arena, node)?;
            extent.add(arena, header.bytes)?;
            let bytes = header.bytes as usize;
            let live = array_flags(node) & LIVE != 0;
            snapshot.array(&header.dtype, &header.shape, live, bytes, |snapshot| {
                let start = snapshot.len();
                snapshot.resize(start.saturating_add(bytes), 0);
                let target = snapshot.get_mut(start..).unwrap_or_default();
                // SAFETY: as many bytes as there are in the source, as checked, and were just added. Views may write
                // there meanwhile; bytes are copied, of which any are an element.
                unsafe { std::ptr::copy_nonoverlapping(source, target.as_mut_ptr(), target.len()) };
            });
        }
        Kind::Stream => {
            let stream = read_stream(arena, node, snapshot.extras().samples)?;
            let count = stream.samples().len().max(1);
            extent.add(arena, count.saturating_mul(stream.sample_size()) as u64)?;
            snapshot.stream(&stream);
        }
        Kind::List => {
            let slots = list::slots(arena, node)?;
            extent.add(arena, size_of_val(slots) as u64)?;
            snapshot.begin(Kind::List, slots.len());
            for (index, slot) in slots.iter().enumerate() {
                let told = snapshot.told();
                write_slot(arena, Raw::load(slot), depth, extent, snapshot)
                    .map_err(|error| error.under(index))?;
                snapshot.lead(told, || Ok(index.into()))?;
            }
        }
        _ => {
            extent.add(arena, structure::count(node).saturating_mul(size_of::<Field>() as u64))?;
            snapshot.begin(Kind::Struct, structure::count(node) as usize);
            if snapshot.extras().metas && structure::load(&node.body[structure::VERSIONS]) != 0 {
                snapshot.tell_versions(versions(arena, node)?);
            }
            for found in structure::fields(arena, node) {
                let field = found?.field;
                snapshot.name(structure::copy_name(arena, field)?.bytes());
                let (told, raw) = (snapshot.told(), Raw::load(&field.slot));
                if let Err(error) = write_slot(arena, raw, depth, extent, snapshot) {
                    return Err(error.under(&structure::name(arena, field)?));
                }
                // Of what is null, nothing says what it is to be otherwise.
                if let Some(place) =
                    raw.meta().filter(|_| snapshot.extras().metas && !matches!(raw.kind(), Ok(Kind::Null)))
                {
                    snapshot.tell(Record::read(arena, place)?.meta()?);
                }
                snapshot.lead(told, || Ok(structure::name(arena, field)?.as_str().into()))?;
            }
        }
    }
    Ok(())
}

#[inline]
fn write_slot<'a>(
    arena: &'a Arena,
    raw: Raw,
    depth: usize,
    extent: &Extent<'a>,
    snapshot: &mut SnapshotWriter,
) -> Result<()> {
    match raw.kind()? {
        Kind::Null => snapshot.null(),
        kind if kind.is_node() => {
            return write_snapshot(arena, resolve(arena, raw)?.1, deeper(depth)?, extent, snapshot);
        }
        kind => snapshot.scalar(kind, raw.payload),
    }
    Ok(())
}

/// The value of a slot below a node that is held.
#[inline]
fn read_slot<'a>(arena: &'a Arena, raw: Raw, depth: usize, extent: &Extent<'a>) -> Result<Value<'static>> {
    match raw.id() {
        Some(_) => read_value(arena, resolve(arena, raw)?.1, deeper(depth)?, extent),
        None => raw.plain_value(),
    }
}

/// The value of a slot whose node is held.
pub(crate) fn slot_value(arena: &Arena, raw: Raw) -> Result<Value<'static>> {
    read_slot(arena, raw, 0, &Extent::default())
}

/// Writes the value of a slot whose node is held.
#[cfg(feature = "serde")]
pub(crate) fn slot_snapshot(arena: &Arena, raw: Raw, snapshot: &mut SnapshotWriter) -> Result<()> {
    write_slot(arena, raw, 0, &Extent::default(), snapshot)
}

/// The bytes of a string or bytes node.
pub(crate) fn read_bytes_node(arena: &Arena, node: &Node) -> Result<Vec<u8>> {
    let (words, length) = contents(arena, node)?;
    Ok(read_bytes(words, length))
}

/// Bytes that were copied out of a store; few of them without an allocation.
pub(crate) enum Copied {
    Few([u8; FEW], usize),
    Many(Vec<u8>),
}

const FEW: usize = SHORT as usize;

impl Copied {
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Copied::Few(bytes, length) => bytes.get(..*length).unwrap_or(bytes),
            Copied::Many(bytes) => bytes,
        }
    }

    #[inline]
    pub(crate) fn text(&self) -> Result<&str> {
        str::from_utf8(self.bytes())
            .map_err(|_| Error::corrupt("a string", "bytes that are not UTF-8", "UTF-8"))
    }
}

/// As [`read_bytes_node`].
#[inline]
pub(crate) fn copy_bytes_node(arena: &Arena, node: &Node) -> Result<Copied> {
    let (words, length) = contents(arena, node)?;
    Ok(copy_bytes(words, length))
}

/// As [`read_bytes`].
#[inline]
pub(crate) fn copy_bytes(words: &[AtomicU64], length: usize) -> Copied {
    if length > FEW {
        return Copied::Many(read_bytes(words, length));
    }
    let mut few = [0; FEW];
    for (copy, word) in few.chunks_exact_mut(8).zip(words) {
        copy.copy_from_slice(&word.load(Ordering::Relaxed).to_le_bytes());
    }
    Copied::Few(few, length)
}

/// The text of a string node: copied first, and checked only then.
pub(crate) fn read_text_node(arena: &Arena, node: &Node) -> Result<String> {
    let bytes = read_bytes_node(arena, node)?;
    String::from_utf8(bytes).map_err(|_| Error::corrupt("a string", "bytes that are not UTF-8", "UTF-8"))
}

/// The head of an array's block, and where its elements are.
fn array_block(arena: &Arena, node: &Node) -> Result<(ArrayBlock, *const u8)> {
    let block = node.body[BLOCK].load(Ordering::Relaxed);
    let header = ArrayBlock::read(arena, block)?;
    let source = header.elements(arena, block)?;
    Ok((header, source))
}

fn read_array(arena: &Arena, node: &Node) -> Result<ArrayValue<'static>> {
    let (header, source) = array_block(arena, node)?;
    // SAFETY: there are as many bytes (checked).
    let data = unsafe { copy_elements(source, header.bytes as usize) };
    ArrayValue::new(header.dtype, &header.shape, data)
}

/// A stream with its newest sample, or `all` that it keeps.
fn read_stream(arena: &Arena, node: &Node, all: bool) -> Result<StreamValue<'static>> {
    let block = node.body[BLOCK].load(Ordering::Relaxed);
    StreamBlock::read(arena, block)?.value(arena, block, all)
}

/// What a slot holds: with its contents, if these are neither other slots nor large.
pub(crate) enum Leaf {
    Value(Value<'static>),
    /// A struct of so many fields.
    Struct(u64),
    /// A list of so many items.
    List(u64),
    /// An array of more bytes than were to be copied, with its first elements.
    Large {
        dtype: DType,
        shape: Vec<usize>,
        first: Vec<u8>,
    },
    Stream,
}

/// How many bytes of a large array are read.
const FIRST: usize = 256;

/// What a slot holds, with the elements of an array of up to so many bytes.
pub(crate) fn read_leaf<'a>(arena: &'a Arena, raw: Raw, limit: u64, extent: &Extent<'a>) -> Result<Leaf> {
    if !raw.kind()?.is_node() {
        return raw.plain_value().map(Leaf::Value);
    }
    let (_, node) = resolve(arena, raw)?;
    extent.enter(node)?;
    Ok(match kind_of(node)? {
        Kind::Struct => Leaf::Struct(structure::counted(arena, node)),
        Kind::List => Leaf::List(list::len(node)),
        Kind::Stream => Leaf::Stream,
        Kind::Array => {
            let (header, source) = array_block(arena, node)?;
            if header.bytes <= limit {
                return read_value(arena, node, 0, extent).map(Leaf::Value);
            }
            let size = header.dtype.itemsize().max(1);
            let bytes = FIRST.saturating_sub(FIRST.checked_rem(size).unwrap_or(0)).min(header.bytes as usize);
            // SAFETY: there are as many bytes (checked).
            let first = unsafe { copy_elements(source, bytes) };
            Leaf::Large { dtype: header.dtype, shape: header.shape, first }
        }
        _ => Leaf::Value(read_value(arena, node, 0, extent)?),
    })
}

/// The slots of a struct or list, as a watcher compares them.
pub(crate) enum Slots {
    /// A field has no name here if its name is the one known at this place.
    Fields(Vec<(Option<String>, Raw)>),
    Items(Vec<Raw>),
    /// The node has no slots: a digest of its contents. `None` for an array whose elements were not to be read.
    None(Option<u64>),
}

/// The slots of a node, or a digest of its contents.
pub(crate) fn read_slots<N: AsRef<str>>(
    arena: &Arena,
    node: &Node,
    known: &[N],
    with_elements: bool,
) -> Result<Slots> {
    Ok(match kind_of(node)? {
        Kind::Str | Kind::Bytes => Slots::None(Some(digest(0, copy_bytes_node(arena, node)?.bytes()))),
        Kind::List => Slots::Items(list::items(arena, node)?),
        Kind::Array if !with_elements => Slots::None(None),
        Kind::Stream => {
            let block = node.body[BLOCK].load(Ordering::Relaxed);
            Slots::None(Some(StreamBlock::read(arena, block)?.ring(arena, block)?.head().published()))
        }
        Kind::Array => {
            let (header, source) = array_block(arena, node)?;
            let shape = header.shape.iter().flat_map(|extent| extent.to_le_bytes()).collect::<Vec<_>>();
            let mut sum = digest(digest(0, header.dtype.descr().as_bytes()), &shape);
            let bytes = header.bytes as usize;
            let mut buffer = vec![0; PIECE.min(bytes)];
            for start in (0..bytes).step_by(PIECE) {
                buffer.truncate(bytes.saturating_sub(start));
                // SAFETY: within the elements, as checked, and as long as the buffer. Others may write there meanwhile;
                // only bytes are copied.
                unsafe {
                    std::ptr::copy_nonoverlapping(source.add(start), buffer.as_mut_ptr(), buffer.len());
                }
                sum = digest(sum, &buffer);
            }
            Slots::None(Some(sum))
        }
        _ => {
            let mut known = known.iter();
            let field = |found: Result<structure::Found<'_>>| {
                let field = found?.field;
                let name = structure::copy_name(arena, field)?;
                let same = known.next().is_some_and(|known| known.as_ref().as_bytes() == name.bytes());
                let name = if same { None } else { Some(name.text()?.to_owned()) };
                Ok((name, Raw::load(&field.slot)))
            };
            Slots::Fields(structure::fields(arena, node).map(field).collect::<Result<_>>()?)
        }
    })
}

/// How many bytes of an array are copied out at once.
const PIECE: usize = 64 << 10;

fn digest(before: u64, bytes: &[u8]) -> u64 {
    rapidhash::v3::rapidhash_v3(bytes) ^ before.rotate_left(1)
}

fn fields(arena: &Arena, node: &Node) -> Result<Vec<(String, Raw)>> {
    let field = |found: Result<structure::Found<'_>>| {
        let field = found?.field;
        Ok((structure::name(arena, field)?, Raw::load(&field.slot)))
    };
    structure::fields(arena, node).map(field).collect()
}
