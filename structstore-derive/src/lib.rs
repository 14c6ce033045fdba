//! The derive macro of `structstore`, which re-exports it: depend on `structstore-core`, not on this crate.

#![deny(missing_docs)]

mod case;
mod check;
mod errors;
mod expand;
mod parse;

use proc_macro::TokenStream;
use syn::DeriveInput;

use crate::errors::Errors;
use crate::parse::Input;

/// Makes a struct bindable to a store: `store.bind::<Settings>()`. Makes an enum without data, or a struct with one
/// unnamed field, a type that fields can have.
///
/// The fields have types that implement `Field`; see there for all of them. The struct owns its fields, so it has no
/// lifetime parameters; type and const parameters are allowed.
///
/// ```
/// use std::time::Duration;
///
/// use structstore::StructStore;
///
/// #[derive(StructStore)]
/// struct Limits {
///     #[structstore(default = -1.5)]
///     low: f64,
///     #[structstore(default = 1.5)]
///     high: f64,
/// }
///
/// #[derive(StructStore, Debug, PartialEq)]
/// #[structstore(rename_all = "kebab-case")]
/// enum Mode {
///     StandBy,
///     Moving,
/// }
///
/// #[derive(StructStore)]
/// struct Metres(f64);
///
/// #[derive(StructStore)]
/// struct Settings {
///     /// Which robot this is.
///     #[structstore(default = "arm", rename = "robot name")]
///     name: String,
///     #[structstore(default = [0.5; 6])]
///     gains: [f64; 6],
///     limits: Limits,
///     mode: Mode,
///     reach: Metres,
///     trail: Vec<f32>,
///     speed: Option<f64>,
///     #[structstore(with = "seconds", default = Duration::from_millis(10))]
///     period: Duration,
///     #[structstore(skip)]
///     cycles: u64,
/// }
///
/// mod seconds {
///     use std::time::Duration;
///
///     /// The type in the store.
///     pub type Stored = f64;
///
///     pub fn to_stored(duration: &Duration) -> f64 {
///         duration.as_secs_f64()
///     }
///
///     pub fn from_stored(seconds: f64) -> Result<Duration, impl std::fmt::Display> {
///         Duration::try_from_secs_f64(seconds)
///     }
/// }
///
/// let store = StructStore::new();
/// let settings = store.bind::<Settings>()?;
/// settings.with_mut(|mut fields| {
///     *fields.limits.high = fields.gains[0];
///     *fields.reach += 1.5;
///     *fields.period /= 2.0;
///     fields.trail.push(0.25)?;
///     fields.speed.set(Some(0.5))?;
///     fields.mode.set(Mode::Moving)
/// })?;
/// assert_eq!(store.get::<String>("robot name")?, "arm");
/// assert_eq!(store.at("limits")?.get::<f64>("high")?, 0.5);
/// assert_eq!(store.get::<String>("mode")?, "moving");
/// assert_eq!(settings.load()?.period, Duration::from_millis(5));
///
/// // An existing field keeps its value, and must have the type that the struct gives it.
/// let store = StructStore::new();
/// store.ensure_struct("limits")?.set("low", "none")?;
/// let error = store.bind::<Settings>().err().unwrap();
/// assert!(error.to_string().starts_with("limits.low: found str, expected f64"));
/// # Ok::<(), structstore::Error>(())
/// ```
///
/// # What is generated
///
/// Beside `Settings`, and as visible as it, two companions: `SettingsMut<'s>`, which a write guard lends, and
/// `SettingsRef<'s>`, which a read guard lends. Their fields have the names, documentation and visibility of the
/// source fields, and the types `<T as Field>::Mut<'s>` and `<T as Field>::Ref<'s>`: references into the store for
/// scalars and arrays, handles for types that can grow, companions for structs. `SettingsMut::reborrow` lends one again for
/// a shorter time, to pass it on and keep it. `Settings` also implements `Field`, so that it can be bound, and be a field
/// itself.
///
/// # Attributes of fields
///
/// - `#[structstore(default = EXPRESSION)]`: the value of the field when binding creates it. Any expression of the
///   field's type; a string literal is converted. `#[structstore(default)]` takes the value of `Default`. Without it,
///   the default of the store's type: zero, `false`, an empty string, the defaults of the nested struct, the first variant.
/// - `#[structstore(rename = "name")]`: the field's name in the store, which is otherwise the one in the struct. At
///   most 1024 bytes, not empty, and different from those of all other fields.
/// - `#[structstore(with = "module")]`: stores a type of another crate as one of these. The module has the type `Stored`,
///   the function `to_stored`, from a reference to the field's type, and `from_stored`, which gives it back or an error
///   that can be displayed. The companions lend the stored type. Its default, unless one is given, is that of `Default`.
/// - `#[structstore(live)]`: stores a Rust array of numbers as a live array, which keeps its memory: assigning to it changes the
///   elements in place, and views of it, such as NumPy arrays, never become stale. The companions lend its elements as cells.
/// - `#[structstore(range = 0.0..=10.0)]`, `finite`, `multiple_of = 5`: limits of a number, an option of one, or the elements of a Rust array or
///   a `Vec` of numbers. They are part of the store, so every process in any language checks them. The companions lend the field as
///   `Checked` or `CheckedArray`, whose `set` can fail, instead of `&mut`. Entries of a map that are numbers themselves have no limits.
/// - `#[structstore(len = 1..=8)]`: limits of the length of a string, bytes, a list or an array. `choices = ["a", "b"]`: the allowed strings, also
///   of the items of a list. An enum declares the names of its variants by itself.
/// - `#[structstore(unit = "m/s")]`, `step = 0.05`, `read_only`: hints for user interfaces. The documentation of the field is its
///   description in the store.
/// - `#[structstore(alias = "name")]`, any number of times: other names of the field in the store, such as its names in earlier versions
///   of the program. Programs that know it by any of these names share one field.
/// - `#[structstore(widened)]`: the field had a narrower type. Programs that still have that type read values that fit. `growable`: the
///   array may have another length in programs of other versions.
/// - `#[structstore(flatten)]`: puts the fields of a nested struct among those of this one.
/// - `#[structstore(skip)]`: leaves the field out. A loaded struct has its default.
///
/// # Attributes of variants
///
/// - `#[structstore(default)]`: a new field has this variant instead of the first.
/// - `#[structstore(rename = "name")]`: its name in the store.
///
/// # Attributes of the type
///
/// - `#[structstore(rename_all = "camelCase")]`: the convention for names in the store; also `"lowercase"`,
///   `"UPPERCASE"`, `"PascalCase"`, `"snake_case"`, `"SCREAMING_SNAKE_CASE"`, `"kebab-case"`, `"SCREAMING-KEBAB-CASE"`.
/// - `#[structstore(version = 2)]`: the version of a struct, from 1, which the store records. `migrate = "path"`: the function that
///   converts a struct of an earlier version to this version, with the signature `fn(from: u32, fields: &mut StructMut<'_>) -> Result<()>`;
///   the first program of the version calls it, in one transaction with the binding. `from` is 0 if the struct has fields and records no
///   version. `since = 1`: the oldest version whose programs may still bind the struct; without it, all older ones are refused. `name =
///   "Arm"`: the name under which the version is recorded, by default that of the type.
/// - `#[structstore(crate = "path")]`: where generated code finds the `structstore` crate, if it is re-exported.
#[proc_macro_derive(StructStore, attributes(structstore))]
pub fn derive_struct_store(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as DeriveInput);
    let mut errors = Errors::default();
    let input = Input::parse(&input, &mut errors);
    let mut output = errors.into_tokens();
    // Also after an error in an attribute, so that code which uses the struct does not add errors of its own.
    output.extend(input.as_ref().map(expand::expand));
    output.into()
}
