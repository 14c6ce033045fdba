//! Reading nodes: one at a time without its children, or, where they are held, with all below.

use super::{BLOCK, LENGTH, Raw, kind_of, list, read_bytes, resolve, structure};
use crate::arena::Arena;
use crate::arena::layout::Node;
use crate::error::{BoxedResult as Result, Error};
use crate::lock::MAX_DEPTH;
use crate::sync::Ordering;
use crate::value::{ArrayBlock, ArrayValue, Kind, Value};

/// A node's own contents.
pub(crate) enum Shallow {
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Raw>),
    Struct(Vec<(String, Raw)>),
    Array(ArrayValue<'static>),
}

pub(crate) fn read_shallow(arena: &Arena, node: &Node) -> Result<Shallow> {
    Ok(match kind_of(node)? {
        Kind::Text => Shallow::Text(text(read_bytes_node(arena, node)?)?),
        Kind::Bytes => Shallow::Bytes(read_bytes_node(arena, node)?),
        Kind::List => Shallow::List(list::items(arena, node)?),
        Kind::Array => Shallow::Array(read_array(arena, node)?),
        _ => Shallow::Struct(
            structure::fields(arena, node)
                .map(|found| {
                    let field = found?.field;
                    Ok((structure::name(arena, field)?, Raw::load(&field.slot)))
                })
                .collect::<Result<_>>()?,
        ),
    })
}

/// The value of a node that is held, with all below it.
pub(crate) fn read_value(arena: &Arena, node: &Node, depth: usize) -> Result<Value<'static>> {
    if depth > MAX_DEPTH {
        return Err(Error::TooDeep { path: String::new(), limit: MAX_DEPTH }.into());
    }
    Ok(match kind_of(node)? {
        Kind::Text => Value::Text(read_text_node(arena, node)?.into()),
        Kind::Bytes => Value::Bytes(read_bytes_node(arena, node)?.into()),
        Kind::Array => Value::Array(read_array(arena, node)?),
        Kind::List => {
            let slots = list::slots(arena, node)?;
            let mut items = Vec::with_capacity(slots.len());
            for slot in slots {
                let item = read_slot(arena, Raw::load(slot), depth);
                items.push(item.map_err(|error| error.under_index(items.len()))?);
            }
            Value::List(items)
        }
        _ => {
            // What the struct counts is believed only as far as its fields are there.
            let mut fields = Vec::with_capacity(structure::count(node).min(1024) as usize);
            for found in structure::fields(arena, node) {
                let field = found?.field;
                let name = structure::name(arena, field)?;
                match read_slot(arena, Raw::load(&field.slot), depth) {
                    Ok(value) => fields.push((name.into(), value)),
                    Err(error) => return Err(error.under(&name).into()),
                }
            }
            Value::Struct(fields)
        }
    })
}

/// The value of a slot below a node that is held.
#[inline]
fn read_slot(arena: &Arena, raw: Raw, depth: usize) -> Result<Value<'static>> {
    match raw.id() {
        Some(_) => read_value(arena, resolve(arena, raw)?.1, depth + 1),
        None => raw.plain_value(),
    }
}

/// The bytes of a text or bytes node.
pub(crate) fn read_bytes_node(arena: &Arena, node: &Node) -> Result<Vec<u8>> {
    let length = node.body[LENGTH].load(Ordering::Relaxed);
    if length == 0 {
        return Ok(Vec::new());
    }
    let words = arena.words(node.body[BLOCK].load(Ordering::Relaxed), length.div_ceil(8))?;
    Ok(read_bytes(words, length as usize))
}

/// Bytes that were copied out of a store; few of them without an allocation.
pub(crate) enum Copied {
    Few([u8; FEW], usize),
    Many(Vec<u8>),
}

const FEW: usize = 32;

impl Copied {
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Copied::Few(bytes, length) => &bytes[..(*length).min(FEW)],
            Copied::Many(bytes) => bytes,
        }
    }
}

/// As [`read_bytes_node`].
#[inline]
pub(crate) fn copy_bytes_node(arena: &Arena, node: &Node) -> Result<Copied> {
    let length = node.body[LENGTH].load(Ordering::Relaxed);
    if length > FEW as u64 {
        return Ok(Copied::Many(read_bytes_node(arena, node)?));
    }
    let mut few = [0; FEW];
    if length != 0 {
        let words = arena.words(node.body[BLOCK].load(Ordering::Relaxed), length.div_ceil(8))?;
        for (copy, word) in few.chunks_exact_mut(8).zip(words) {
            copy.copy_from_slice(&word.load(Ordering::Relaxed).to_le_bytes());
        }
    }
    Ok(Copied::Few(few, length as usize))
}

/// The text of a text node: copied first, and checked only then.
pub(crate) fn read_text_node(arena: &Arena, node: &Node) -> Result<String> {
    text(read_bytes_node(arena, node)?)
}

fn text(bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).map_err(|_| Error::corrupt("a text", "other bytes", "UTF-8"))
}

fn read_array(arena: &Arena, node: &Node) -> Result<ArrayValue<'static>> {
    let block = node.body[BLOCK].load(Ordering::Relaxed);
    let header = ArrayBlock::read(arena, block)?;
    let source = arena.bytes(block + header.data, header.bytes)?;
    let mut data = vec![0_u8; header.bytes as usize];
    // SAFETY: the source has as many bytes (checked), the vector too. Views may write there meanwhile; what is
    // copied is bytes, of which any are an element.
    unsafe { std::ptr::copy_nonoverlapping(source, data.as_mut_ptr(), data.len()) };
    Ok(ArrayValue::new(header.dtype, &header.shape, data)?)
}
