//! Versions of types, as structs record them.

use std::borrow::Cow;
use std::fmt;

use super::Value;
use crate::error::{Error, Result};

/// The version of a type, which a store records in the structs that are bound to it.
///
/// ```
/// use structstore::traits::Field;
/// use structstore::typed::{Schema, TypeVersion};
/// use structstore::StructStore;
///
/// #[derive(StructStore)]
/// #[structstore(version = 3, since = 2)]
/// struct Arm {
///     speed: f64,
/// }
///
/// let store = StructStore::new();
/// store.bind::<Arm>()?;
/// let Schema::Struct { versions, .. } = store.schema()? else { unreachable!() };
/// assert_eq!(versions, [TypeVersion::new("Arm", 3, 2)]);
/// assert_eq!(versions[0].to_string(), "version 3 of Arm");
/// # Ok::<(), structstore::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TypeVersion {
    /// The name of the type.
    pub name: Cow<'static, str>,
    /// Its version, from 1.
    pub version: u32,
    /// The oldest version whose programs may bind what this one has.
    pub since: u32,
}

impl TypeVersion {
    /// A version of a type of this name.
    pub const fn new(name: &'static str, version: u32, since: u32) -> TypeVersion {
        TypeVersion { name: Cow::Borrowed(name), version, since }
    }
}

impl fmt::Display for TypeVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "version {} of {}", self.version, self.name)
    }
}

/// Versions as a value, for stores and snapshots.
pub(crate) fn versions_value(versions: &[TypeVersion]) -> Value<'_> {
    let numbers = |version: &TypeVersion| Value::list([version.version, version.since]);
    Value::record(versions.iter().map(|version| (&*version.name, numbers(version))))
}

/// The versions that [`versions_value`] made a value of.
pub(crate) fn versions_of(value: Value<'_>) -> Result<Vec<TypeVersion>> {
    let broken = || {
        Error::corrupt("the versions of a struct", "values that are no versions", "a version for each type")
    };
    let Value::Struct(types) = value else { return Err(broken()) };
    let version = |(name, numbers): (Cow<'_, str>, Value<'_>)| {
        let Value::List(numbers) = numbers else { return Err(broken()) };
        let number = |at: usize| numbers.get(at).ok_or_else(broken).and_then(u32::try_from);
        Ok(TypeVersion { name: Cow::Owned(name.into_owned()), version: number(0)?, since: number(1)? })
    };
    types.into_iter().map(version).collect()
}
