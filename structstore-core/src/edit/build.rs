//! Building values aside, where no other thread sees them until a slot names them.

use super::{Writer, list};
use crate::arena::BlockKind;
use crate::arena::layout::Node;
use crate::error::{Error, ErrorKind, Result};
use crate::journal::Operation;
use crate::key::Key;
use crate::lock::NodeId;
use crate::node::{
    ArrayBlock, BLOCK, LENGTH, LIVE, Raw, SHORT, StreamBlock, TEXT, contents, words_of, write_bytes,
};
use crate::sync::{AtomicU64, Ordering, step};
use crate::value::{ArrayValue, Kind, StreamValue, Value};

/// The contents of a string, bytes or array node, built but named by no node yet.
#[derive(Clone, Copy)]
pub(crate) struct Aside {
    pub(crate) block: u64,
    pub(crate) length: u64,
}

/// Builds a value that is to hang below `parent`. A level of nesting takes little stack: all but the way down is done out of line.
pub(crate) fn build(operation: &Operation<'_>, value: &Value<'_>, parent: u32) -> Result<Raw> {
    match value {
        Value::List(items) => {
            let id = child(operation, Kind::List, parent)?;
            let mut raws = Vec::with_capacity(items.len());
            for item in items {
                match build(operation, item, id.index) {
                    Ok(raw) => raws.push(raw),
                    Err(error) => return Err(at_item(error, raws.len())),
                }
            }
            list::fill(operation, operation.arena().node(id.index)?, &raws)?;
            Ok(Raw::node(Kind::List, id))
        }
        Value::Struct(fields) => {
            let id = child_with_room(operation, parent, fields.len())?;
            for (name, value) in fields {
                match build(operation, value, id.index) {
                    Ok(raw) => append(operation, id.index, name, raw)?,
                    Err(error) => return Err(at_field(error, name)),
                }
            }
            Ok(Raw::node(Kind::Struct, id))
        }
        leaf => build_leaf(operation, leaf, parent),
    }
}

#[inline(never)]
fn build_leaf(operation: &Operation<'_>, value: &Value<'_>, parent: u32) -> Result<Raw> {
    match value {
        Value::Str(text) => text_node(operation, text.as_bytes(), Kind::Str, BlockKind::Str, parent),
        Value::Bytes(bytes) => text_node(operation, bytes, Kind::Bytes, BlockKind::Bytes, parent),
        Value::Array(array) => {
            let aside = build_array(operation, array)?;
            let id = child(operation, Kind::Array, parent)?;
            let node = operation.arena().node(id.index)?;
            node.body[BLOCK].store(aside.block, Ordering::Relaxed);
            node.body[LENGTH].store(aside.length, Ordering::Relaxed);
            if array.is_live() {
                let identity = node.head.identity.load(Ordering::Relaxed);
                node.head.identity.store(identity | LIVE, Ordering::Relaxed);
            }
            Ok(Raw::node(Kind::Array, id))
        }
        Value::Stream(stream) => {
            let id = child(operation, Kind::Stream, parent)?;
            let block = build_stream(operation, stream, id.index)?;
            operation.arena().node(id.index)?.body[BLOCK].store(block, Ordering::Relaxed);
            Ok(Raw::node(Kind::Stream, id))
        }
        _ => Ok(Raw::plain(value).unwrap_or(Raw::NULL)),
    }
}

/// Builds the block of a stream, whose samples are published.
fn build_stream(operation: &Operation<'_>, stream: &StreamValue<'_>, node: u32) -> Result<u64> {
    let (arena, header) = (operation.arena(), StreamBlock::new(stream)?);
    let block = operation.allocate(header.size(), BlockKind::Stream)?;
    header.write(arena, block, stream, node)?;
    if !stream.samples().is_empty() {
        header.publish_all(arena, block, stream.samples())?;
    }
    Ok(block)
}

/// A struct without fields that has room for this many.
#[inline(never)]
fn child_with_room(operation: &Operation<'_>, parent: u32, fields: usize) -> Result<NodeId> {
    let id = child(operation, Kind::Struct, parent)?;
    Writer { operation, aside: true }.reserve(operation.arena().node(id.index)?, fields as u64)?;
    Ok(id)
}

#[inline(never)]
fn append(operation: &Operation<'_>, index: u32, name: &str, raw: Raw) -> Result<()> {
    let (writer, key) = (Writer { operation, aside: true }, Key::new(name));
    key.check()?;
    if writer.append_aside(operation.arena().node(index)?, &key, raw)? {
        return Ok(());
    }
    Err(Error::new(ErrorKind::AlreadyExists).under(name))
}

#[cold]
fn at_item(error: Error, index: usize) -> Error {
    error.under(index)
}

#[cold]
fn at_field(error: Error, name: &str) -> Error {
    error.under(name)
}

/// Builds a node of a string or bytes. A document has many of them, so that this locks the heap only once.
fn text_node(
    operation: &Operation<'_>,
    bytes: &[u8],
    kind: Kind,
    block_kind: BlockKind,
    parent: u32,
) -> Result<Raw> {
    let length = bytes.len() as u64;
    let (id, block) = operation.allocate_node_with(kind, block_size(length), block_kind)?;
    let arena = operation.arena();
    let node = arena.node(id.index)?;
    node.head.parent.store(u64::from(parent) + 1, Ordering::Relaxed);
    node.body[BLOCK].store(block, Ordering::Relaxed);
    node.body[LENGTH].store(length, Ordering::Relaxed);
    write_bytes(contents(arena, node)?.0, bytes);
    Ok(Raw::node(kind, id))
}

#[inline(never)]
fn child(operation: &Operation<'_>, kind: Kind, parent: u32) -> Result<NodeId> {
    let id = operation.allocate_node(kind)?;
    operation.arena().node(id.index)?.head.parent.store(u64::from(parent) + 1, Ordering::Relaxed);
    Ok(id)
}

/// How large the block of a string or bytes of this length is: short ones lie in the node itself.
fn block_size(length: u64) -> u64 {
    if length <= SHORT { 0 } else { length }
}

/// Gives a string or bytes node other contents. It is held exclusively, in either mode.
pub(crate) fn set_contents(operation: &Operation<'_>, node: &Node, value: &Value<'_>) -> Result<()> {
    let (bytes, kind) = match value {
        Value::Str(text) => (text.as_bytes(), BlockKind::Str),
        Value::Bytes(bytes) => (&**bytes, BlockKind::Bytes),
        _ => return Err(Error::wrong_type(value.kind().name(), "str or bytes")),
    };
    let length = bytes.len() as u64;
    let block = operation.allocate(block_size(length), kind)?;
    let set = |word: &AtomicU64, new: u64| match word.load(Ordering::Relaxed) {
        old if old == new => Ok(()),
        _ => operation.set(word, new),
    };
    if block == 0 {
        let words = node.body.get(TEXT..).unwrap_or_default();
        words.iter().zip(words_of(bytes)).try_for_each(|(word, new)| set(word, new))?;
    } else {
        write_bytes(operation.arena().words(block, length.div_ceil(8))?, bytes);
    }
    operation.retire_block(node.body[BLOCK].load(Ordering::Relaxed))?;
    set(&node.body[BLOCK], block)?;
    set(&node.body[LENGTH], length)
}

/// Builds the block of an array, or takes over the one that has it already.
pub(crate) fn build_array(operation: &Operation<'_>, array: &ArrayValue<'_>) -> Result<Aside> {
    if let Some(block) = array.block() {
        operation.claim(block)?;
        return Ok(Aside { block, length: 0 });
    }
    let header = ArrayBlock::new(array.dtype().clone(), array.shape())?;
    let block = operation.allocate(header.size(), BlockKind::Array)?;
    let arena = operation.arena();
    header.write(arena, block)?;
    let target = header.elements(arena, block)?;
    step();
    // SAFETY: the target has as many bytes as the array (checked by both constructors), nothing else refers to it, and
    // private memory of the caller does not overlap with it.
    unsafe { std::ptr::copy(array.data().as_ptr(), target, array.data().len()) };
    Ok(Aside { block, length: 0 })
}

/// Builds a copy of an array's block. Others may write to the elements meanwhile through views.
pub(crate) fn copy_array(operation: &Operation<'_>, block: u64) -> Result<Aside> {
    let arena = operation.arena();
    let header = ArrayBlock::read(arena, block)?;
    let copy = operation.allocate(header.size(), BlockKind::Array)?;
    header.write(arena, copy)?;
    let (source, target) = (header.elements(arena, block)?, header.elements(arena, copy)?);
    step();
    // SAFETY: both are in bounds (checked). Nothing else refers to the target; in a damaged heap they may overlap.
    unsafe { std::ptr::copy(source, target, header.bytes as usize) };
    Ok(Aside { block: copy, length: 0 })
}
