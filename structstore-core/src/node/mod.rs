//! What nodes hold: structs, lists, strings, bytes, arrays and streams as they lie in the arena.
//!
//! Functions here take no locks, and tolerate any bytes, so that they can run optimistically. [`edit`](crate::edit)
//! changes nodes.

mod array;
pub(crate) mod list;
pub(crate) mod meta;
mod path;
mod read;
pub(crate) mod stream;
pub(crate) mod structure;
mod version;

pub(crate) use array::{ArrayBlock, copy_elements};
pub(crate) use path::{depth_of, path_of, path_of_slot, route_of};
#[cfg(feature = "serde")]
pub(crate) use read::slot_snapshot;
pub(crate) use read::{
    Copied, Extent, Leaf, Shallow, Slots, copy_bytes, copy_bytes_node, read_bytes_node, read_leaf,
    read_shallow, read_slots, read_text_node, read_value, slot_value, write_snapshot,
};
pub(crate) use stream::StreamBlock;
pub(crate) use version::{LONGEST as LONGEST_VERSIONS, versions, write_versions};

use crate::arena::Arena;
use crate::arena::block::UNIT;
use crate::arena::layout::{Node, Slot};
use crate::error::{Error, Result};
use crate::lock::{NodeId, generation};
use crate::sync::{AtomicU64, Ordering};
use crate::value::{Kind, Value};

/// Body words of string, bytes, list and array nodes.
pub(crate) const BLOCK: usize = 0;
/// Bytes of a string or of bytes, items of a list.
pub(crate) const LENGTH: usize = 1;
/// The place of the record with the field's limits, or 0. The slot's tag names the same record, and owns it.
pub(crate) const LIMITS: usize = 2;
/// The body words from here on hold the contents of a string or bytes of up to [`SHORT`] bytes; longer ones have a block.
pub(crate) const TEXT: usize = 3;
pub(crate) const SHORT: u64 = 40;
const _: () = assert!(SHORT as usize == size_of::<[AtomicU64; 8]>() - 8 * TEXT);

/// Flag of a slot's tag: a binding has fixed the slot's kind.
pub(crate) const DECLARED: u64 = 1 << 8;
/// Flag of a declared slot's tag: the slot may also hold null. The kind that it holds otherwise stands in the byte from
/// [`OTHERWISE`] on.
pub(crate) const OPTIONAL: u64 = 1 << 9;
pub(crate) const OTHERWISE: u32 = 16;
/// Flag of a declared slot's tag: the field's [metadata record](meta) has limits, which assignments must check.
pub(crate) const LIMITED: u64 = 1 << 10;
/// The bits of a declared slot's tag from here on hold the place of the field's metadata record, in units of blocks.
pub(crate) const META: u32 = 24;
/// All bits of a tag that concern the metadata record.
pub(crate) const RECORD: u64 = !0 << META | LIMITED;
/// Flag of a node's identity: it has declared fields, or is an array whose shape and type are fixed.
pub(crate) const FIXED: u64 = 1 << 8;
/// Flag of an array's identity: type and number of dimensions are fixed, and the extents are not.
pub(crate) const FIXED_RANK: u64 = 1 << 9;
/// Flag of an array's identity: it is live, so that it keeps its block, and with that its type and shape, for as long as it lives.
pub(crate) const LIVE: u64 = 1 << 10;

/// What is fixed of an array, by any of the three flags.
pub(crate) fn array_flags(node: &Node) -> u64 {
    node.head.identity.load(Ordering::Relaxed) & (FIXED | FIXED_RANK | LIVE)
}

/// How many bytes a string or bytes have.
#[inline]
pub(crate) fn length(node: &Node) -> u64 {
    node.body[LENGTH].load(Ordering::Relaxed)
}

/// The words in which the contents of a string or bytes lie, and how many bytes these are.
#[inline]
pub(crate) fn contents<'a>(arena: &'a Arena, node: &'a Node) -> Result<(&'a [AtomicU64], usize)> {
    let length = length(node);
    let words = match length <= SHORT {
        true => node.body.get(TEXT..).unwrap_or_default(),
        false => arena.words(node.body[BLOCK].load(Ordering::Relaxed), length.div_ceil(8))?,
    };
    Ok((words, length as usize))
}

/// How many bytes a string or bytes have; an error if there is no room for them.
pub(crate) fn checked_length(arena: &Arena, node: &Node) -> Result<u64> {
    contents(arena, node).map(|(_, length)| length as u64)
}

/// What a slot holds, as read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Raw {
    pub(crate) tag: u64,
    pub(crate) payload: u64,
}

impl Raw {
    pub(crate) const NULL: Raw = Raw { tag: Kind::Null as u64, payload: 0 };

    #[inline]
    pub(crate) fn load(slot: &Slot) -> Raw {
        Raw { tag: slot.tag.load(Ordering::Relaxed), payload: slot.payload.load(Ordering::Relaxed) }
    }

    /// What a slot holds for null or a scalar.
    #[inline(always)]
    pub(crate) fn plain(value: &Value<'_>) -> Option<Raw> {
        match value {
            Value::Null => Some(Raw::NULL),
            Value::Scalar(scalar) => Some(Raw { tag: scalar.kind() as u64, payload: scalar.payload() }),
            _ => None,
        }
    }

    pub(crate) fn node(kind: Kind, id: NodeId) -> Raw {
        Raw { tag: kind as u64, payload: u64::from(id.index) | u64::from(id.generation) << 32 }
    }

    #[inline]
    pub(crate) fn kind(self) -> Result<Kind> {
        Kind::of(self.tag as u8).ok_or_else(|| {
            Error::corrupt("a slot", format_args!("the kind {}", self.tag as u8), "a valid kind")
        })
    }

    /// The value, unless the slot names a node.
    #[inline]
    pub(crate) fn plain_value(self) -> Result<Value<'static>> {
        Ok(crate::value::decode_scalar(self.kind()?, self.payload)?.map_or(Value::Null, Value::Scalar))
    }

    /// Whether it is the same value, or the same node, as another one.
    pub(crate) fn same_value(self, other: Raw) -> bool {
        self.tag as u8 == other.tag as u8 && self.payload == other.payload
    }

    pub(crate) fn declared(self) -> bool {
        self.tag & DECLARED != 0
    }

    pub(crate) fn optional(self) -> bool {
        self.tag & OPTIONAL != 0
    }

    /// Whether assignments must check limits.
    pub(crate) fn limited(self) -> bool {
        self.tag & LIMITED != 0
    }

    /// The place of the field's metadata record.
    pub(crate) fn meta(self) -> Option<u64> {
        Some((self.tag >> META).wrapping_mul(UNIT)).filter(|place| *place != 0)
    }

    /// The kind that a binding has fixed; null beside it, if the slot is optional.
    pub(crate) fn declared_kind(self) -> Result<Option<Kind>> {
        match (self.declared(), self.optional()) {
            (false, _) => Ok(None),
            (true, false) => self.kind().map(Some),
            (true, true) => Raw { tag: self.tag >> OTHERWISE, payload: 0 }.kind().map(Some),
        }
    }

    /// Whether what the tag says of declarations is possible.
    pub(crate) fn is_declared_as_it_may_be(self) -> bool {
        let (kind, flags) = (self.tag & 0xff, self.tag & !0xff & !RECORD);
        let otherwise = flags >> OTHERWISE;
        if self.tag & RECORD != 0 && (self.meta().is_none() || !self.declared()) {
            return false;
        }
        let names_one = |code: u64| Kind::of(code as u8).is_some_and(|other| other != Kind::Null);
        match flags & ((1 << OTHERWISE) - 1) {
            0 | DECLARED => otherwise == 0,
            both if both == DECLARED | OPTIONAL => {
                otherwise <= 0xff && names_one(otherwise) && (kind == Kind::Null as u64 || kind == otherwise)
            }
            _ => false,
        }
    }

    /// This value, in a slot whose declarations `old` has.
    pub(crate) fn in_place_of(self, old: Raw) -> Raw {
        Raw { tag: self.tag & 0xff | old.tag & !0xff, payload: self.payload }
    }

    /// The node that the slot names, if it names one.
    #[inline]
    pub(crate) fn id(self) -> Option<NodeId> {
        let code = self.tag as u8;
        (code >= Kind::Str as u8)
            .then_some(NodeId { index: self.payload as u32, generation: (self.payload >> 32) as u32 })
    }

    /// Stores this in a slot that no other thread sees yet.
    pub(crate) fn store(self, slot: &Slot) {
        slot.payload.store(self.payload, Ordering::Relaxed);
        slot.tag.store(self.tag, Ordering::Relaxed);
    }
}

/// The record of a node that a slot names, if its generation and kind are those that the slot says.
#[inline]
pub(crate) fn resolve(arena: &Arena, raw: Raw) -> Result<(NodeId, &Node)> {
    let id = raw.id().ok_or_else(|| {
        Error::corrupt("a slot", format_args!("the tag {:#x}", raw.tag), "the name of a node")
    })?;
    let node = arena.node(id.index)?;
    let identity = node.head.identity.load(Ordering::Acquire);
    if generation(identity) != id.generation {
        return Err(Error::stale());
    }
    if identity as u8 != raw.tag as u8 {
        let found = format_args!("a node of kind {}", identity as u8).to_string();
        return Err(Error::corrupt(
            format_args!("node {}", id.index),
            found,
            "a node of the kind that its slot names",
        ));
    }
    Ok((id, node))
}

/// The kind of a node record in use.
pub(crate) fn kind_of(node: &Node) -> Result<Kind> {
    let code = node.head.identity.load(Ordering::Acquire) as u8;
    Kind::of(code)
        .filter(|kind| kind.is_node())
        .ok_or_else(|| Error::corrupt("a node", format_args!("the kind {code}"), "the kind of a node"))
}

/// Bytes as words; the rest of the last one is zero.
pub(crate) fn words_of(bytes: &[u8]) -> impl Iterator<Item = u64> {
    let (whole, last) = bytes.as_chunks::<8>();
    let last = (!last.is_empty()).then(|| {
        let mut padded = [0; 8];
        padded.iter_mut().zip(last).for_each(|(padded, byte)| *padded = *byte);
        u64::from_le_bytes(padded)
    });
    whole.iter().map(|bytes| u64::from_le_bytes(*bytes)).chain(last)
}

/// Fills words with bytes; the rest of the last word is zero.
pub(crate) fn write_bytes(words: &[AtomicU64], bytes: &[u8]) {
    words.iter().zip(words_of(bytes)).for_each(|(word, new)| word.store(new, Ordering::Relaxed));
}

/// The first `length` bytes of words; fewer if there are fewer.
#[inline]
pub(crate) fn read_bytes(words: &[AtomicU64], length: usize) -> Vec<u8> {
    let length = length.min(size_of_val(words));
    // Whole words, the last of which is cut afterwards.
    let words = words.iter().take(length.div_ceil(8));
    let mut bytes = Vec::with_capacity(words.len().saturating_mul(8));
    for word in words {
        bytes.extend_from_slice(&word.load(Ordering::Relaxed).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// How large the payload of a block is.
#[inline]
pub(crate) fn capacity(arena: &Arena, payload: u64) -> Result<u64> {
    use crate::arena::block::{HEADER, bytes, units};
    if payload == 0 {
        return Ok(0);
    }
    let header = arena.at::<AtomicU64>(payload.wrapping_sub(HEADER))?.load(Ordering::Relaxed);
    Ok(bytes(units(header)).saturating_sub(HEADER))
}

/// The words that a node's kind keeps: those of its record or, once it was emptied, those that a journal has of it.
pub(crate) type Body<'a> = [&'a AtomicU64; 8];

/// What is still to be freed of a node that was removed, and the words to change in the same step.
#[derive(Clone, Copy)]
pub(crate) enum Child<'a> {
    Node { index: u32, forget: Forget<'a> },
    Block { payload: u64, forget: Forget<'a> },
    None,
}

pub(crate) type Forget<'a> = [Option<(&'a AtomicU64, u64)>; 2];

/// The next part to free of a node that is being freed, or has been emptied.
pub(crate) fn next_child<'a>(arena: &'a Arena, index: u32, kind: Kind, body: Body<'a>) -> Result<Child<'a>> {
    let child = match kind {
        Kind::Struct => structure::next_child(arena, body)?,
        Kind::List => list::next_child(arena, body)?,
        _ => match body[BLOCK].load(Ordering::Relaxed) {
            0 => Child::None,
            payload => Child::Block { payload, forget: [Some((body[BLOCK], 0)), None] },
        },
    };
    if let Child::Node { index: child, .. } = child
        && arena.node(child)?.head.parent.load(Ordering::Relaxed) != u64::from(index) + 1
    {
        let place = format_args!("node {child}").to_string();
        return Err(Error::corrupt(place, "a link to another parent", "a link to the node that contains it"));
    }
    Ok(child)
}
