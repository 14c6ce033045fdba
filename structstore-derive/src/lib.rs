//! The derive macro of `structstore`, which re-exports it: depend on `structstore-core`, not on this crate.

mod check;
mod expand;
mod parse;

use proc_macro::TokenStream;
use syn::DeriveInput;

use crate::parse::{Errors, Input};

/// Makes a struct bindable to a store: `store.bind::<Settings>()`.
///
/// The struct has named fields of types that implement `Field`: numbers, `bool`, `String`, arrays of numbers such as
/// `[f64; 6]`, and other structs with this derive. It owns what it holds, so it has no lifetime parameters; type and
/// const parameters are allowed.
///
/// ```
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
/// #[derive(StructStore)]
/// struct Settings {
///     /// Which robot this is.
///     #[structstore(default = "arm", rename = "robot name")]
///     name: String,
///     #[structstore(default = [0.5; 6])]
///     gains: [f64; 6],
///     limits: Limits,
/// }
///
/// let store = StructStore::new();
/// let settings = store.bind::<Settings>()?;
/// settings.with_mut(|fields| *fields.limits.high = fields.gains[0])?;
/// assert_eq!(store.get::<String>("robot name")?, "arm");
/// assert_eq!(store.at("limits")?.get::<f64>("high")?, 0.5);
///
/// // A field that is there keeps its value, and must have the type that the struct gives it.
/// let store = StructStore::new();
/// store.nested("limits")?.set("low", "none")?;
/// let error = store.bind::<Settings>().err().unwrap();
/// assert_eq!(error.to_string(), "limits.low: found text, expected f64");
/// # Ok::<(), structstore::Error>(())
/// ```
///
/// # What is generated
///
/// Beside `Settings`, and as visible as it, two companions: `SettingsMut<'s>`, which a write guard lends, and
/// `SettingsRef<'s>`, which a read guard lends. Their fields have the names, documentation and visibility of the
/// source fields, and the types `<T as Field>::Mut<'s>` and `<T as Field>::Ref<'s>`: references into the store for
/// scalars and arrays, handles for text, companions for structs. `SettingsMut::reborrow` lends one again for a shorter
/// time, to pass it on and keep it. And `Field` for `Settings`, so that it can be bound, and be a field itself.
///
/// # Attributes of fields
///
/// - `#[structstore(default = EXPRESSION)]`: what the field holds when binding creates it. Any expression of the
///   field's type; a string literal is converted. Without it, the default of the type: zero, `false`, empty text, the
///   defaults of the nested struct.
/// - `#[structstore(rename = "name")]`: the field's name in the store, which is otherwise the one in the struct. At
///   most 1024 bytes, not empty, and different from those of all other fields.
///
/// # Attributes of the struct
///
/// - `#[structstore(crate = "path")]`: where generated code finds the `structstore` crate, if it is re-exported.
#[proc_macro_derive(StructStore, attributes(structstore))]
pub fn derive_struct_store(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as DeriveInput);
    let mut errors = Errors::default();
    let input = Input::parse(&input, &mut errors);
    if let Some(input) = &input {
        check::names(input, &mut errors);
    }
    let mut output = errors.into_tokens();
    // Also after an error in an attribute, so that code which uses the struct does not add errors of its own.
    output.extend(input.as_ref().map(expand::expand));
    output.into()
}
