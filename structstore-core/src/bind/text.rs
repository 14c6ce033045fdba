//! Strings and bytes as fields.

use super::list::AsList;
use super::{Assignment, Binder, BoundNode, Field, Lender, Schema, SlotRef};
use crate::access::Locked;
use crate::error::Result;
use crate::handle::{BytesMut, BytesRef, StrMut, StrRef};
use crate::node;
use crate::ops::Slot;
use crate::ops::leaves::set_within;
use crate::value::{Kind, ToValue, Value, wrong_kind};

/// Bytes as a field of a bound struct, stored as bytes and not as an array of numbers, as a `Vec<u8>` would be.
///
/// ```
/// use structstore::StructStore;
/// use structstore::typed::ByteBuf;
///
/// #[derive(StructStore)]
/// struct Message {
///     payload: ByteBuf,
/// }
///
/// let store = StructStore::new();
/// let message = store.bind::<Message>()?;
/// message.with_mut(|mut message| message.payload.set(b"abc"))?;
/// assert_eq!(store.get::<Vec<u8>>("payload")?, b"abc");
/// # Ok::<(), structstore::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ByteBuf(pub Vec<u8>);

impl ToValue for ByteBuf {
    fn to_value(&self) -> Result<Value<'_>> {
        Ok(Value::bytes(&self.0))
    }
}

impl ByteBuf {
    fn as_slice(&self) -> &[u8] {
        &self.0
    }
}

macro_rules! leaf_field {
    ($type:ty, $kind:ident, $ref:ident, $mut:ident, $contents:path, $read:path, $from:expr) => {
        impl Field for $type {
            type Ref<'s> = $ref<'s>;
            type Mut<'s> = $mut<'s>;
            type Place = BoundNode;
            type Repeated = AsList;
            const KIND: Kind = Kind::$kind;

            fn initial() -> $type {
                <$type>::default()
            }

            fn schema() -> Schema {
                Schema::$kind
            }

            fn field_value(&self) -> Result<Value<'_>> {
                ToValue::to_value(self)
            }

            fn from_value(value: Value<'_>) -> Result<$type> {
                match value {
                    Value::$kind(contents) => Ok($from(contents.into_owned())),
                    other => Err(wrong_kind(other.kind(), Kind::$kind.name())),
                }
            }

            fn get(slot: Slot<'_>) -> Result<$type> {
                Ok($from(slot.read(Kind::$kind, $read)?))
            }

            fn resolve(binder: &Binder<'_, '_>, slot: SlotRef<'_>) -> Result<BoundNode> {
                binder.node(slot, Kind::$kind)
            }

            fn check(place: &BoundNode, _: Lender<'_>, _: bool) -> Result<()> {
                place.check()
            }

            const IN_PLACE: bool = true;

            fn put(place: &BoundNode, to: &Assignment<'_, '_>, value: &$type) -> Result<()> {
                place.check()?;
                set_within(to.0, place.node(), &value.field_value()?)
            }

            fn load(place: &BoundNode, lender: Lender<'_>) -> Result<$type> {
                place.check()?;
                Ok($from($read(lender.arena(), place.node())?))
            }

            fn assign(lent: &mut $mut<'_>, value: &$type) -> Result<()> {
                lent.set($contents(value))
            }

            fn reborrow<'a, 's: 'a>(lent: &'a mut $mut<'s>) -> $mut<'a> {
                lent.reborrow()
            }

            unsafe fn lend<'s>(place: &BoundNode, lender: Lender<'s>) -> $ref<'s> {
                $ref::new(Locked::lend(lender.store, place.id, place.record))
            }

            unsafe fn lend_mut<'s>(place: &BoundNode, lender: Lender<'s>) -> $mut<'s> {
                $mut::new(Locked::lend(lender.store, place.id, place.record))
            }
        }
    };
}
leaf_field!(String, Str, StrRef, StrMut, String::as_str, node::read_text_node, String::from);
leaf_field!(ByteBuf, Bytes, BytesRef, BytesMut, ByteBuf::as_slice, node::read_bytes_node, ByteBuf);
