//! From tokens to what there is to generate: the struct, its fields, their attributes.

use std::fmt::Display;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::meta::ParseNestedMeta;
use syn::{
    Attribute, Data, DeriveInput, Expr, ExprLit, Fields, FieldsNamed, GenericParam, Generics, Ident, Lit,
    LitStr, Path, Token, Type, Visibility,
};

/// A struct to bind.
pub(crate) struct Input {
    pub(crate) ident: Ident,
    pub(crate) vis: Visibility,
    pub(crate) generics: Generics,
    /// Where the `structstore` crate is.
    pub(crate) krate: Path,
    /// At least one.
    pub(crate) fields: Vec<Field>,
}

/// A field of a struct to bind.
pub(crate) struct Field {
    pub(crate) docs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    /// The name in the store, with the span of what determines it.
    pub(crate) name: LitStr,
    pub(crate) default: Option<Expr>,
}

/// Errors to be reported at once.
#[derive(Default)]
pub(crate) struct Errors(Option<syn::Error>);

impl Errors {
    pub(crate) fn push(&mut self, error: syn::Error) {
        match &mut self.0 {
            Some(errors) => errors.combine(error),
            none => *none = Some(error),
        }
    }

    pub(crate) fn at(&mut self, tokens: impl ToTokens, message: impl Display) {
        self.push(syn::Error::new_spanned(tokens, message));
    }

    /// A `compile_error!` for each.
    pub(crate) fn into_tokens(self) -> TokenStream {
        self.0.map(syn::Error::into_compile_error).unwrap_or_default()
    }
}

impl Input {
    /// `None` if this is nothing that could be bound. Where only an attribute is wrong, goes on without it.
    pub(crate) fn parse(input: &DeriveInput, errors: &mut Errors) -> Option<Input> {
        let krate = crate_path(&input.attrs, errors);
        let fields = named_fields(input, errors);
        let owned = owns_its_data(&input.generics, errors);
        // All attributes are looked at before giving up, so that their errors are reported, too.
        let fields = fields?.named.iter().filter_map(|field| Field::parse(field, errors)).collect();
        owned.then(|| Input {
            ident: input.ident.clone(),
            vis: input.vis.clone(),
            generics: input.generics.clone(),
            krate,
            fields,
        })
    }
}

fn named_fields<'a>(input: &'a DeriveInput, errors: &mut Errors) -> Option<&'a FieldsNamed> {
    match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) if !fields.named.is_empty() => return Some(fields),
            Fields::Unnamed(fields) => {
                errors.at(fields, "fields need names to be bound to a store, so a tuple struct cannot be");
            }
            Fields::Named(_) | Fields::Unit => {
                errors.at(&input.ident, "a struct without fields has nothing to bind")
            }
        },
        Data::Enum(data) => errors.at(data.enum_token, "only a struct can be bound to a store, not an enum"),
        Data::Union(data) => {
            errors.at(data.union_token, "only a struct can be bound to a store, not a union")
        }
    }
    None
}

fn owns_its_data(generics: &Generics, errors: &mut Errors) -> bool {
    for lifetime in generics.lifetimes() {
        errors.at(lifetime, "a bound struct owns what it holds: remove this lifetime and what it is for");
    }
    !generics.params.iter().any(|param| matches!(param, GenericParam::Lifetime(_)))
}

impl Field {
    fn parse(field: &syn::Field, errors: &mut Errors) -> Option<Field> {
        let ident = field.ident.clone()?;
        let mut default = None;
        let mut rename = None;
        attributes(&field.attrs, errors, |meta, errors| {
            if meta.path.is_ident("default") {
                set(&mut default, meta, meta.value()?.parse()?, errors);
            } else if meta.path.is_ident("rename") {
                let name = string(meta, "name", errors)?;
                set(&mut rename, meta, name, errors);
            } else {
                unknown(meta, "a field has `default` and `rename`", errors)?;
            }
            Ok(())
        });
        let name = rename.flatten().unwrap_or_else(|| LitStr::new(&ident.unraw().to_string(), ident.span()));
        let docs = field.attrs.iter().filter(|attribute| attribute.path().is_ident("doc")).cloned().collect();
        Some(Field { docs, vis: field.vis.clone(), ident, ty: field.ty.clone(), name, default })
    }
}

fn crate_path(attrs: &[Attribute], errors: &mut Errors) -> Path {
    let mut path = None;
    attributes(attrs, errors, |meta, errors| {
        if meta.path.is_ident("crate") {
            let parsed = match string(meta, "path", errors)? {
                Some(text) => text.parse_with(Path::parse_mod_style).map_err(|error| errors.push(error)).ok(),
                None => None,
            };
            set(&mut path, meta, parsed, errors);
        } else {
            unknown(meta, "a struct has `crate`", errors)?;
        }
        Ok(())
    });
    path.flatten().unwrap_or_else(|| syn::parse_quote!(::structstore))
}

/// Calls `parse` for each item in each `#[structstore(...)]`.
fn attributes(
    attributes: &[Attribute],
    errors: &mut Errors,
    mut parse: impl FnMut(&ParseNestedMeta<'_>, &mut Errors) -> syn::Result<()>,
) {
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("structstore")) {
        if let Err(error) = attribute.parse_nested_meta(|meta| parse(&meta, errors)) {
            errors.push(error);
        }
    }
}

fn set<T>(target: &mut Option<T>, meta: &ParseNestedMeta<'_>, value: T, errors: &mut Errors) {
    if target.is_some() {
        errors.at(&meta.path, format_args!("`{}` is given twice", meta.path.to_token_stream()));
    } else {
        *target = Some(value);
    }
}

/// The string that follows; `None`, if something else does, which is then an error.
fn string(meta: &ParseNestedMeta<'_>, what: &str, errors: &mut Errors) -> syn::Result<Option<LitStr>> {
    let value: Expr = meta.value()?.parse()?;
    match ungroup(&value) {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Ok(Some(text.clone())),
        _ => {
            errors.at(
                &value,
                format_args!(
                    "`{0}` takes a {what} in a string literal: `{0} = \"{what}\"`",
                    meta.path.to_token_stream()
                ),
            );
            Ok(None)
        }
    }
}

fn unknown(meta: &ParseNestedMeta<'_>, known: &str, errors: &mut Errors) -> syn::Result<()> {
    errors.at(&meta.path, format_args!("unknown attribute `{}`; {known}", meta.path.to_token_stream()));
    while !meta.input.is_empty() && !meta.input.peek(Token![,]) {
        meta.input.parse::<TokenTree>()?;
    }
    Ok(())
}

/// Macros wrap the expressions that they pass on in invisible groups.
pub(crate) fn ungroup(mut expr: &Expr) -> &Expr {
    while let Expr::Group(group) = expr {
        expr = &group.expr;
    }
    expr
}
