//! Enums without data as fields, stored as the name of the variant.

use std::fmt;
use std::marker::PhantomData;

use super::{Assignment, Binder, BoundNode, Lender, Packer, SampleType, Schema, SlotRef, Unpacker};
use crate::access::{Access, Located, Locked};
use crate::arena::Arena;
#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::{Error, Result};
use crate::handle::StrMut;
use crate::node::{self, Raw};
use crate::ops::leaves::set_within;
use crate::value::{DType, Kind, Meta, Value};

/// An enum without data. Derived by `#[derive(StructStore)]`.
///
/// ```
/// use structstore::StructStore;
/// use structstore::typed::Choice;
///
/// #[derive(StructStore)]
/// #[structstore(rename_all = "kebab-case")]
/// enum Mode {
///     StandBy,
///     Moving,
/// }
///
/// assert_eq!(Mode::NAMES, ["stand-by", "moving"]);
/// assert_eq!(Mode::Moving.index(), 1);
/// ```
pub trait Choice: Sized + 'static {
    /// The names of all variants in the store.
    const NAMES: &'static [&'static str];

    /// The index of this variant's name in [`Choice::NAMES`].
    fn index(&self) -> usize;

    /// The variant whose name has this index; the default, if there are fewer.
    fn variant(index: usize) -> Self;
}

/// Which variant a string names.
fn find<T: Choice>(arena: &Arena, node: &BoundNode) -> Result<usize> {
    node.check()?;
    variant_of::<T>(&node::read_text_node(arena, node.node())?)
}

fn variant_of<T: Choice>(name: &str) -> Result<usize> {
    T::NAMES.iter().position(|known| *known == name).ok_or_else(|| {
        let known: Vec<_> = T::NAMES.iter().map(|name| format!("{name:?}")).collect();
        Error::wrong_type(
            format!("the string {:?}", name.chars().take(64).collect::<String>()),
            known.join(" or "),
        )
    })
}

/// The bytes of the longest name, which has no more characters; at least one.
const fn longest<T: Choice>() -> usize {
    let (mut longest, mut names) = (1, T::NAMES);
    while let [name, rest @ ..] = names {
        if name.len() > longest {
            longest = name.len();
        }
        names = rest;
    }
    longest
}

fn name<T: Choice>(value: &T) -> &'static str {
    T::NAMES.get(value.index()).copied().unwrap_or_default()
}

/// Where an enum is.
///
/// The string is compared with the variants only when the field is read. Any process may assign another text; that is an error for
/// readers of this field, and for no other access to the struct.
#[doc(hidden)]
pub struct ChoicePlace(BoundNode);

impl ChoicePlace {
    pub fn schema<T: Choice>() -> Schema {
        Schema::Str
    }

    pub fn meta<T: Choice>() -> Meta {
        Meta::new().choices(T::NAMES.iter().copied())
    }

    pub fn to_value<T: Choice>(value: &T) -> Result<Value<'_>> {
        Ok(name(value).into())
    }

    pub fn from_value<T: Choice>(value: &Value<'_>) -> Result<T> {
        variant_of::<T>(value.try_into()?).map(T::variant)
    }

    /// In samples, the name is a string of fixed size, in UTF-32 as in NumPy.
    pub fn sample_type<T: Choice>() -> Result<SampleType> {
        Ok(SampleType::of(DType::new(&format!("<U{}", longest::<T>()))?, &[]))
    }

    pub fn pack<T: Choice>(value: &T, to: &mut Packer<'_>) {
        let name = name(value).chars().map(u32::from).chain(std::iter::repeat(0));
        name.take(const { longest::<T>() }).for_each(|char| to.put(&char.to_le_bytes()));
    }

    pub fn unpack<T: Choice>(from: &mut Unpacker<'_>) -> Result<T> {
        let (chars, _) = from.take(const { longest::<T>() }.saturating_mul(4))?.as_chunks::<4>();
        let chars = chars.iter().map(|char| u32::from_le_bytes(*char)).take_while(|char| *char != 0);
        let name: String =
            chars.map(|char| char::from_u32(char).unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
        variant_of::<T>(&name).map(T::variant)
    }

    pub fn put<T: Choice>(&self, to: &Assignment<'_, '_>, value: &T) -> Result<()> {
        self.0.check()?;
        set_within(to.0, self.0.node(), &name(value).into())
    }

    pub fn resolve<T: Choice>(binder: &Binder<'_, '_>, slot: SlotRef<'_>) -> Result<ChoicePlace> {
        let node = binder.node(slot, Kind::Str)?;
        if !Raw::load(slot.slot).declared() {
            // Some string, which is not of this type; one that a process has declared may be nonsense for the moment.
            find::<T>(binder.arena, &node)?;
        }
        Ok(ChoicePlace(node))
    }

    pub fn check(&self) -> Result<()> {
        self.0.check()
    }

    pub fn load<T: Choice>(&self, lender: Lender<'_>) -> Result<T> {
        find::<T>(lender.arena(), &self.0).map(T::variant)
    }

    pub fn assign<T: Choice>(lent: &mut ChoiceMut<'_, T>, value: &T) -> Result<()> {
        lent.text.set(name(value))
    }

    pub fn lend<'s, T: Choice>(&self, lender: Lender<'s>) -> ChoiceRef<'s, T> {
        ChoiceRef {
            locked: Locked::lend(lender.store, self.0.id, self.0.record),
            node: self.0,
            choice: PhantomData,
        }
    }

    /// Lends the enum for changing.
    ///
    /// # Safety
    ///
    /// As [`Field::lend_mut`](super::Field::lend_mut).
    pub unsafe fn lend_mut<'s, T: Choice>(&self, lender: Lender<'s>) -> ChoiceMut<'s, T> {
        ChoiceMut {
            text: StrMut::new(Locked::lend(lender.store, self.0.id, self.0.record)),
            node: self.0,
            choice: PhantomData,
        }
    }
}

/// An enum in a store that is held for reading.
///
/// The names of the variants are the field's choices in the store, so no process can assign another string unless it declares other
/// choices. Then reading this field is an error, but the other fields can be used:
///
/// ```
/// use structstore::{Meta, StructStore};
///
/// #[derive(StructStore, Clone, Copy, Debug, PartialEq)]
/// enum Mode {
///     Idle,
///     Running,
/// }
///
/// #[derive(StructStore)]
/// struct Robot {
///     mode: Mode,
///     cycle: u64,
/// }
///
/// let store = StructStore::new();
/// let robot = store.bind::<Robot>()?;
/// assert_eq!(robot.with(|robot| robot.mode.get())??, Mode::Idle);
///
/// let error = store.set("mode", "runing").err().unwrap();
/// assert_eq!(error.to_string(), r#"mode: found "runing", expected "Idle" or "Running"; did you mean "Running"?"#);
///
/// store.declare("mode", &Meta::new().choices(["Idle", "Resting"]))?;
/// store.set("mode", "Resting")?;
/// robot.with_mut(|robot| *robot.cycle += 1)?;
/// assert_eq!(robot.with(|robot| *robot.cycle)?, 1);
/// let error = robot.load().err().unwrap();
/// assert_eq!(error.to_string(), r#"mode: found the string "Resting", expected "Idle" or "Running""#);
/// # Ok::<(), structstore::Error>(())
/// ```
pub struct ChoiceRef<'s, T> {
    locked: Locked<'s>,
    node: BoundNode,
    choice: PhantomData<fn() -> T>,
}

impl<T: Choice> ChoiceRef<'_, T> {
    /// The variant.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::WrongType`] if the string is not the name of a variant; [`ErrorKind::Corrupt`] if the memory is damaged.
    pub fn get(&self) -> Result<T> {
        find::<T>(self.locked.arena(), &self.node).map(T::variant).at(&self.locked)
    }
}

impl<T: Choice> fmt::Debug for ChoiceRef<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.get() {
            Ok(variant) => f.write_str(name(&variant)),
            Err(error) => write!(f, "<{error}>"),
        }
    }
}

/// An enum in a store that is held exclusively.
///
/// ```
/// use structstore::StructStore;
///
/// #[derive(StructStore, Clone, Copy, Debug, PartialEq)]
/// #[structstore(rename_all = "snake_case")]
/// enum Mode {
///     Idle,
///     FollowPath,
/// }
///
/// #[derive(StructStore)]
/// struct Robot {
///     mode: Mode,
/// }
///
/// let store = StructStore::new();
/// let robot = store.bind::<Robot>()?;
/// robot.with_mut(|mut robot| robot.mode.set(Mode::FollowPath))?;
/// assert_eq!(store.get::<String>("mode")?, "follow_path");
/// assert_eq!(robot.load()?.mode, Mode::FollowPath);
/// # Ok::<(), structstore::Error>(())
/// ```
pub struct ChoiceMut<'s, T> {
    text: StrMut<'s>,
    node: BoundNode,
    choice: PhantomData<fn() -> T>,
}

impl<T: Choice> ChoiceMut<'_, T> {
    /// The variant.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::WrongType`] if the string is not the name of a variant; [`ErrorKind::Corrupt`] if the memory is damaged.
    pub fn get(&self) -> Result<T> {
        find::<T>(self.text.locked.arena(), &self.node).map(T::variant).at(&self.text.locked)
    }

    /// Assigns a variant.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::OutOfSpace`] if there is no room for its name.
    pub fn set(&mut self, value: T) -> Result<()> {
        self.text.set(name(&value))
    }

    /// Reborrows the access for a shorter time, to pass it on.
    pub fn reborrow(&mut self) -> ChoiceMut<'_, T> {
        ChoiceMut { text: self.text.reborrow(), node: self.node, choice: PhantomData }
    }
}
