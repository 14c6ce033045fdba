//! Types of Rust that can be assigned.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use super::{ArrayValue, Element, Scalar, Value};
use crate::error::Result;
use crate::for_each_number;

/// A type whose values can be assigned to a field or an item.
///
/// | type | stored as |
/// |---|---|
/// | `bool`, numbers, [`Scalar`] | the scalar of that type |
/// | `&str`, `String`, `Cow<str>` | string |
/// | `()`, `None` | null |
/// | `[T; N]`, `&[T]` and `Vec<T>` of numbers; `[[T; M]; N]`, … | array |
/// | `[T; N]`, `&[T]` and `Vec<T>` of anything else | list |
/// | `BTreeMap<String, T>`, `HashMap<String, T>` | struct |
/// | [`ByteBuf`](crate::typed::ByteBuf) | bytes |
/// | [`ArrayValue`], [`NdArray`](crate::typed::NdArray), `ndarray::Array` | array |
/// | a struct or enum with `#[derive(StructStore)]` | struct, string |
/// | [`Value`] | the kind that it has |
/// | a reference to one of these, `Box`, `Option` | as that |
///
/// ```
/// use structstore::{Kind, Result, Struct, StructStore};
/// use structstore::traits::ToValue;
///
/// #[derive(StructStore)]
/// struct Pose {
///     x: f64,
///     frame: String,
/// }
///
/// fn put<T: ToValue>(store: &Struct, name: &str, value: &T) -> Result<Kind> {
///     store.set(name, value)?;
///     store.kind(name)
/// }
///
/// let store = StructStore::new();
/// assert_eq!(put(&store, "gains", &vec![0.5, 1.5])?, Kind::Array);
/// assert_eq!(put(&store, "names", &vec!["a", "b"])?, Kind::List);
/// assert_eq!(put(&store, "pose", &Pose { x: 1.5, frame: "map".into() })?, Kind::Struct);
/// assert_eq!(store.get::<Pose>("pose")?.x, 1.5);
/// # Ok::<(), structstore::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "a `{Self}` cannot be stored",
    note = "add `#[derive(StructStore)]` to `{Self}`, or make a `Value` of it"
)]
pub trait ToValue {
    /// The value, to be copied into a store.
    ///
    /// # Errors
    ///
    /// Those of parts of other stores that cannot be read.
    fn to_value(&self) -> Result<Value<'_>>;

    /// Several of these in a row: an array of numbers, or a list.
    ///
    /// # Errors
    ///
    /// As [`ToValue::to_value`].
    #[doc(hidden)]
    fn row_to_value(items: &[Self]) -> Result<Value<'_>>
    where
        Self: Sized,
    {
        values(items).map(Value::List)
    }

    /// Several of these, of which there are so many in each dimension.
    ///
    /// # Errors
    ///
    /// As [`ToValue::to_value`].
    #[doc(hidden)]
    fn rows_to_value(items: &[Self], shape: Vec<usize>) -> Result<Value<'_>>
    where
        Self: Sized,
    {
        let Some((count, within)) = shape.split_first().filter(|(_, within)| !within.is_empty()) else {
            return values(items).map(Value::List);
        };
        let size = within.iter().product::<usize>();
        let mut rest = items;
        let row = |_| {
            let (row, after) = rest.split_at_checked(size).unwrap_or((rest, &[]));
            rest = after;
            Self::rows_to_value(row, within.to_vec())
        };
        (0..*count).map(row).collect::<Result<_>>().map(Value::List)
    }

    /// The values of several of these.
    ///
    /// # Errors
    ///
    /// As [`ToValue::to_value`].
    #[doc(hidden)]
    fn to_values(items: &[Self]) -> Result<Cow<'_, [Value<'_>]>>
    where
        Self: Sized,
    {
        values(items).map(Cow::Owned)
    }

    /// Does something with the value.
    ///
    /// # Errors
    ///
    /// As [`ToValue::to_value`], and those of `then`.
    #[doc(hidden)]
    #[inline(always)]
    fn with_value<R>(&self, then: impl FnOnce(&Value<'_>) -> Result<R>) -> Result<R>
    where
        Self: Sized,
    {
        then(&self.to_value()?)
    }
}

fn values<'a, T: ToValue>(items: &'a [T]) -> Result<Vec<Value<'a>>> {
    let value = |(index, item): (usize, &'a T)| item.to_value().map_err(|error| error.under(index));
    items.iter().enumerate().map(value).collect()
}

impl<T: ToValue> ToValue for &T {
    #[inline(always)]
    fn to_value(&self) -> Result<Value<'_>> {
        (**self).to_value()
    }

    #[inline(always)]
    fn with_value<R>(&self, then: impl FnOnce(&Value<'_>) -> Result<R>) -> Result<R> {
        (**self).with_value(then)
    }
}

impl ToValue for Value<'_> {
    fn to_value(&self) -> Result<Value<'_>> {
        Ok(self.into())
    }

    fn to_values<'a>(items: &'a [Self]) -> Result<Cow<'a, [Value<'a>]>> {
        Ok(Cow::Borrowed(items))
    }

    #[inline(always)]
    fn with_value<R>(&self, then: impl FnOnce(&Value<'_>) -> Result<R>) -> Result<R> {
        then(self)
    }
}

impl ToValue for ArrayValue<'_> {
    fn to_value(&self) -> Result<Value<'_>> {
        Ok(Value::Array(self.borrowed()))
    }
}

macro_rules! texts {
    ($($type:ty),*) => {$(
        impl ToValue for $type {
            #[inline(always)]
            fn to_value(&self) -> Result<Value<'_>> {
                Ok(Value::Str(Cow::Borrowed(self)))
            }
        }
    )*};
}
texts!(&str, String, Cow<'_, str>);

impl ToValue for () {
    fn to_value(&self) -> Result<Value<'_>> {
        Ok(Value::Null)
    }
}

impl ToValue for Scalar {
    fn to_value(&self) -> Result<Value<'_>> {
        Ok(Value::Scalar(*self))
    }
}

impl ToValue for bool {
    #[inline(always)]
    fn to_value(&self) -> Result<Value<'_>> {
        Ok((*self).into())
    }
}

fn array<'v, T: Element>(elements: &'v [T], shape: &[usize]) -> Result<Value<'v>> {
    Ok(Value::Array(ArrayValue::from_slice(shape, elements)?))
}

macro_rules! number {
    ($type:ty) => {
        impl ToValue for $type {
            #[inline(always)]
            fn to_value(&self) -> Result<Value<'_>> {
                Ok((*self).into())
            }

            #[inline(always)]
            fn with_value<R>(&self, then: impl FnOnce(&Value<'_>) -> Result<R>) -> Result<R> {
                then(&(*self).into())
            }

            fn row_to_value(items: &[$type]) -> Result<Value<'_>> {
                array(items, &[items.len()])
            }

            fn rows_to_value(items: &[$type], shape: Vec<usize>) -> Result<Value<'_>> {
                array(items, &shape)
            }
        }
    };
}

macro_rules! numbers {
    ($($kind:ident $type:ident $typestr:literal $class:ident;)*) => {
        $(number!($type);)*
    };
}
for_each_number!(numbers);
number!(isize);
number!(usize);

impl<T: ToValue, const N: usize> ToValue for [T; N] {
    fn to_value(&self) -> Result<Value<'_>> {
        T::rows_to_value(self, vec![N])
    }

    fn rows_to_value(items: &[[T; N]], mut shape: Vec<usize>) -> Result<Value<'_>> {
        shape.push(N);
        T::rows_to_value(items.as_flattened(), shape)
    }
}

impl<T: ToValue> ToValue for &[T] {
    fn to_value(&self) -> Result<Value<'_>> {
        T::row_to_value(self)
    }
}

impl<T: ToValue> ToValue for Vec<T> {
    fn to_value(&self) -> Result<Value<'_>> {
        T::row_to_value(self)
    }
}

impl<T: ToValue> ToValue for Option<T> {
    fn to_value(&self) -> Result<Value<'_>> {
        self.as_ref().map_or(Ok(Value::Null), T::to_value)
    }
}

impl<T: ToValue> ToValue for Box<T> {
    fn to_value(&self) -> Result<Value<'_>> {
        T::to_value(self)
    }
}

macro_rules! maps {
    ($($map:ty [$($generics:tt)*];)*) => {$(
        impl<T: ToValue, $($generics)*> ToValue for $map {
            fn to_value(&self) -> Result<Value<'_>> {
                let mut fields = Vec::with_capacity(self.len());
                for (name, value) in self {
                    let value = value.to_value().map_err(|error| error.under(name))?;
                    fields.push((Cow::Borrowed(name.as_str()), value));
                }
                Ok(Value::Struct(fields))
            }
        }
    )*};
}
maps! {
    BTreeMap<String, T> [];
    HashMap<String, T, S> [S];
}
