//! What bound types store, as data.

use std::borrow::Cow;
use std::fmt;

use crate::value::{Extents, Kind, Meta, TypeVersion, Value, shown_dtype};

/// What a type stores: see [`Field::schema`](crate::traits::Field::schema).
///
/// ```
/// use structstore::StructStore;
/// use structstore::traits::Field;
///
/// #[derive(StructStore)]
/// struct Limits {
///     /// Metres per second.
///     speed: f64,
///     names: Vec<String>,
/// }
///
/// assert_eq!(Limits::schema().to_string(), "\
/// struct
///   speed: f64  -- Metres per second.
///   names: list of str");
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Schema {
    /// A truth value or a number of this kind; null; or an array, where nothing else is known of it.
    Scalar(Kind),
    /// Any string.
    Str,
    /// Bytes.
    Bytes,
    /// An array.
    Array {
        /// NumPy's type string of the elements.
        dtype: Cow<'static, str>,
        /// The extent of each dimension; `None` where it is free.
        shape: Vec<Option<usize>>,
        /// Whether it is [live](crate::ArrayValue::live).
        live: bool,
    },
    /// A list of any values, or of values of one type.
    List(Option<Box<Schema>>),
    /// A struct of any fields, or of values of one type by name.
    Map(Option<Box<Schema>>),
    /// Null, or this.
    Optional(Box<Schema>),
    /// A struct.
    #[non_exhaustive]
    Struct {
        /// Its fields.
        fields: Vec<FieldSchema>,
        /// The version of the type; of a struct in a store, of each type that it was bound to.
        versions: Vec<TypeVersion>,
    },
    /// A stream.
    Stream {
        /// What its samples are.
        sample: Box<Schema>,
        /// How many samples it keeps.
        depth: u64,
    },
}

/// A field of a struct.
///
/// ```
/// use structstore::{Kind, StructStore};
/// use structstore::traits::Field;
/// use structstore::typed::Schema;
///
/// #[derive(StructStore)]
/// struct Limits {
///     /// Metres per second.
///     speed: f64,
/// }
///
/// let schema = Limits::schema();
/// let speed = schema.field("speed").unwrap();
/// assert_eq!(speed.meta.description, "Metres per second.");
/// assert_eq!(speed.schema, Schema::Scalar(Kind::F64));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct FieldSchema {
    /// Its name in the store.
    pub name: Cow<'static, str>,
    /// Its metadata: limits, unit, description.
    pub meta: Meta,
    /// What it stores.
    pub schema: Schema,
}

/// Gives fields the values of a struct as defaults. Those of an outer struct go before those of an inner one.
pub(super) fn set_defaults(fields: &mut [FieldSchema], values: Vec<(Cow<'_, str>, Value<'_>)>) {
    for (name, value) in values {
        let Some(field) = fields.iter_mut().find(|field| field.name == name) else { continue };
        let value = value.into_owned();
        if let (Schema::Struct { fields, .. }, Value::Struct(values)) = (&mut field.schema, &value) {
            set_defaults(fields, values.clone());
        }
        field.meta.default = Some(value);
    }
}

impl FieldSchema {
    /// That of a field of this name.
    pub fn new(name: impl Into<Cow<'static, str>>, meta: Meta, schema: Schema) -> FieldSchema {
        FieldSchema { name: name.into(), meta, schema }
    }
}

impl Schema {
    /// The schema of the field with this name, if this is one of a struct that has it.
    pub fn field(&self, name: &str) -> Option<&FieldSchema> {
        match self {
            Schema::Struct { fields, .. } => fields.iter().find(|field| field.name == name),
            _ => None,
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, indent: usize, meta: &Meta) -> fmt::Result {
        match self {
            Schema::Scalar(kind) => write!(f, "{kind}")?,
            Schema::Str if !meta.choices.is_empty() => {
                for (at, choice) in meta.choices.iter().enumerate() {
                    write!(f, "{}{choice:?}", if at == 0 { "" } else { " | " })?;
                }
            }
            Schema::Str => f.write_str("str")?,
            Schema::Bytes => f.write_str("bytes")?,
            Schema::Array { dtype, shape, live } => {
                let live = if *live { "live " } else { "" };
                write!(f, "{live}{}[{}]", shown_dtype(dtype), Extents(shape))?;
            }
            Schema::List(None) => f.write_str("list")?,
            Schema::Map(None) => f.write_str("struct of any fields")?,
            Schema::List(Some(item)) => {
                f.write_str("list of ")?;
                return item.write(f, indent, meta);
            }
            Schema::Map(Some(value)) => {
                f.write_str("struct of ")?;
                return value.write(f, indent, meta);
            }
            Schema::Optional(value) => {
                f.write_str("null or ")?;
                return value.write(f, indent, meta);
            }
            Schema::Struct { versions, .. } => {
                f.write_str("struct")?;
                versions.iter().try_for_each(|version| write!(f, ", {version}"))?;
            }
            Schema::Stream { sample, depth } => {
                write!(f, "stream of {depth} samples, each ")?;
                return sample.write(f, indent, meta);
            }
        }
        let shown = matches!(self, Schema::Str);
        let limits =
            if shown { Meta { choices: Vec::new(), ..meta.clone() } } else { meta.clone() }.to_string();
        if !limits.is_empty() {
            write!(f, ", {limits}")?;
        }
        if !meta.unit.is_empty() {
            write!(f, ", in {}", meta.unit)?;
        }
        if meta.read_only {
            f.write_str(", read-only")?;
        }
        if let Some(line) = meta.description.lines().map(str::trim).find(|line| !line.is_empty()) {
            write!(f, "  -- {line}")?;
        }
        if let Schema::Struct { fields, .. } = self {
            let indent = indent.saturating_add(2);
            for field in fields {
                write!(f, "\n{:indent$}{}: ", "", field.name)?;
                field.schema.write(f, indent, &field.meta)?;
            }
        }
        Ok(())
    }
}

/// A tree, with the first line of each description.
impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, 0, &Meta::new())
    }
}
