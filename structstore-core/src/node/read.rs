//! Reading nodes: one at a time, without their children.

use super::{BLOCK, LENGTH, Raw, kind_of, list, read_bytes, structure};
use crate::arena::Arena;
use crate::arena::layout::Node;
use crate::error::{BoxedResult as Result, Error};
use crate::sync::Ordering;
use crate::value::{ArrayBlock, ArrayValue, Kind};

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

/// The bytes of a text or bytes node.
pub(crate) fn read_bytes_node(arena: &Arena, node: &Node) -> Result<Vec<u8>> {
    let length = node.body[LENGTH].load(Ordering::Relaxed);
    if length == 0 {
        return Ok(Vec::new());
    }
    let words = arena.words(node.body[BLOCK].load(Ordering::Relaxed), length.div_ceil(8))?;
    Ok(read_bytes(words, length as usize))
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
