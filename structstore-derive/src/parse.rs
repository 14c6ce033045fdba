//! From tokens to what there is to generate: the type, its fields or variants, their attributes.

use proc_macro2::TokenTree;
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned;
use syn::{
    Attribute, Data, DataEnum, DataStruct, DeriveInput, Expr, ExprLit, Fields, GenericParam, Generics, Ident,
    Lit, LitStr, Member, Meta, Path, Token, Type, Visibility,
};

use crate::case::Case;
use crate::check;
use crate::errors::Errors;

/// A type to bind.
pub(crate) struct Input {
    pub(crate) ident: Ident,
    pub(crate) vis: Visibility,
    pub(crate) generics: Generics,
    /// Where the `structstore` crate is.
    pub(crate) krate: Path,
    pub(crate) shape: Shape,
    pub(crate) version: Option<Version>,
}

/// The version of a struct's type.
pub(crate) struct Version {
    /// The name under which it is recorded.
    pub(crate) name: String,
    pub(crate) number: u32,
    /// The oldest version whose programs may bind what this one has.
    pub(crate) since: u32,
    /// What makes a struct of an earlier version one of this.
    pub(crate) migrate: Option<Path>,
}

/// What kind of type it is.
pub(crate) enum Shape {
    /// With named fields, at least one of which is stored.
    Struct(Vec<Field>),
    /// With one field, as which it is stored.
    Newtype(Box<Field>),
    /// Without data.
    Enum(Vec<Variant>),
}

/// A field of a struct.
pub(crate) struct Field {
    pub(crate) docs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) member: Member,
    pub(crate) ty: Type,
    /// The name in the store, with the span of what determines it.
    pub(crate) name: LitStr,
    pub(crate) default: Default,
    pub(crate) storage: Storage,
    pub(crate) told: Told,
    /// Other names in the store.
    pub(crate) aliases: Vec<LitStr>,
}

/// The metadata that a field declares: methods of `Meta`, each with its argument if it has one.
#[derive(Default)]
pub(crate) struct Told(pub(crate) Vec<(Ident, Option<Expr>)>);

/// The attributes for metadata: name, whether it takes a value, whether it limits numbers.
const TOLD: [(&str, bool, bool); 11] = [
    ("range", true, true),
    ("multiple_of", true, true),
    ("finite", false, true),
    ("len", true, false),
    ("choices", true, false),
    ("step", true, false),
    ("unit", true, false),
    ("read_only", false, false),
    ("alias", true, false),
    ("growable", false, false),
    ("widened", false, false),
];

/// What a field holds when it is created.
pub(crate) enum Default {
    /// The initial value of its type in a store.
    Initial,
    /// The value of its type's `Default`.
    Trait,
    Expr(Box<Expr>),
}

/// How a field is stored.
pub(crate) enum Storage {
    Plain,
    /// Converted by this module.
    With(Path),
    /// As a live array.
    Live,
    /// As a number, or an array of them, with limits.
    Limited,
    /// Its fields among those of the struct.
    Flatten,
    /// Not at all.
    Skip,
}

/// A variant of an enum.
pub(crate) struct Variant {
    pub(crate) ident: Ident,
    pub(crate) name: LitStr,
    pub(crate) default: bool,
}

impl Input {
    /// `None` if the type cannot be bound. Where only an attribute is wrong, goes on without it.
    pub(crate) fn parse(input: &DeriveInput, errors: &mut Errors) -> Option<Input> {
        let (mut krate, mut case) = (None, None);
        let (mut version, mut since, mut migrate, mut name) = (None, None, None, None);
        attributes(&input.attrs, errors, |meta, errors| {
            if meta.path.is_ident("crate") {
                let path = string(meta, "path", errors)?;
                set(&mut krate, meta, path.and_then(|path| mod_path(&path, errors)), errors);
            } else if meta.path.is_ident("rename_all") {
                let found = string(meta, "case", errors)?;
                set(&mut case, meta, found.and_then(|found| case_of(&found, errors)), errors);
            } else if meta.path.is_ident("version") {
                let number = number(meta, errors)?;
                set(&mut version, meta, (meta.path.clone(), number), errors);
            } else if meta.path.is_ident("since") {
                let number = number(meta, errors)?;
                set(&mut since, meta, (meta.path.clone(), number), errors);
            } else if meta.path.is_ident("migrate") {
                let path = string(meta, "function", errors)?.and_then(|path| mod_path(&path, errors));
                set(&mut migrate, meta, (meta.path.clone(), path), errors);
            } else if meta.path.is_ident("name") {
                let text = string(meta, "name", errors)?;
                set(&mut name, meta, (meta.path.clone(), text), errors);
            } else {
                let known = "a type has `crate`, `rename_all`, `version`, `since`, `migrate` and `name`";
                unknown(meta, known, errors)?;
            }
            Ok(())
        });
        let (krate, case) = (krate.flatten(), case.flatten());
        if version.is_none() || !matches!(input.data, Data::Struct(_)) {
            let others = [
                version.as_ref().map(|(path, _)| path),
                since.as_ref().map(|(path, _)| path),
                migrate.as_ref().map(|(path, _)| path),
                name.as_ref().map(|(path, _)| path),
            ];
            for other in others.into_iter().flatten() {
                let other = other.to_token_stream();
                let wanted = if version.is_some() { "structs" } else { "a struct with a `version`" };
                errors.at(&other, format_args!("`{other}` is for {wanted}"));
            }
        }
        let version = version.and_then(|(path, number)| {
            let number = number?;
            let since = since.and_then(|(_, since)| since).unwrap_or(number);
            if number == 0 || since > number {
                errors.at(path, "`version` starts at 1, and `since` must not be greater than it");
            }
            Some(Version {
                name: match name.and_then(|(_, name)| name) {
                    Some(name) => name.value(),
                    None => input.ident.unraw().to_string(),
                },
                number,
                since,
                migrate: migrate.and_then(|(_, migrate)| migrate),
            })
        });
        let shape = match &input.data {
            Data::Struct(data) => Shape::of_struct(input, data, case, errors),
            Data::Enum(data) => Shape::of_enum(input, data, case, errors),
            Data::Union(data) => {
                errors.at(data.union_token, "a union cannot be bound to a store, only a struct or an enum");
                None
            }
        };
        let owned = owns_its_data(&input.generics, errors);
        let shape = shape?;
        owned.then(|| Input {
            ident: input.ident.clone(),
            vis: input.vis.clone(),
            generics: input.generics.clone(),
            krate: {
                let krate: Path = krate.unwrap_or_else(|| syn::parse_quote!(::structstore));
                syn::parse_quote!(#krate::derive_support)
            },
            shape,
            version,
        })
    }
}

impl Shape {
    fn of_struct(
        input: &DeriveInput,
        data: &DataStruct,
        case: Option<Case>,
        errors: &mut Errors,
    ) -> Option<Shape> {
        // All attributes are looked at before giving up, so that their errors are reported, too.
        let mut fields: Vec<Field> = data
            .fields
            .members()
            .zip(&data.fields)
            .map(|(member, field)| Field::parse(field, member, case, errors))
            .collect();
        match &data.fields {
            Fields::Named(_) => {
                let stored = || fields.iter().filter(|field| !matches!(field.storage, Storage::Skip));
                check::names(
                    stored()
                        .filter(|field| !matches!(field.storage, Storage::Flatten))
                        .filter_map(|field| Some((field.ident()?, field)))
                        .flat_map(|(ident, field)| {
                            std::iter::once(&field.name).chain(&field.aliases).map(move |name| (ident, name))
                        }),
                    errors,
                );
                if stored().next().is_some() {
                    return Some(Shape::Struct(fields));
                }
                errors.at(&input.ident, "a struct without stored fields has nothing to bind");
            }
            Fields::Unit => errors.at(&input.ident, "a struct without stored fields has nothing to bind"),
            Fields::Unnamed(tuple) => match (tuple.unnamed.len(), fields.pop()) {
                (1, Some(field)) => {
                    if matches!(field.storage, Storage::Skip | Storage::Flatten) {
                        errors.at(tuple, "the only field of a newtype is what is stored");
                    }
                    return Some(Shape::Newtype(Box::new(field)));
                }
                _ => errors.at(
                    tuple,
                    "a tuple struct cannot be bound to a store unless it has one field: fields need names",
                ),
            },
        }
        None
    }

    fn of_enum(
        input: &DeriveInput,
        data: &DataEnum,
        case: Option<Case>,
        errors: &mut Errors,
    ) -> Option<Shape> {
        let mut plain = true;
        for variant in &data.variants {
            if !matches!(variant.fields, Fields::Unit) {
                errors.at(
                    &variant.fields,
                    "only an enum without data can be bound to a store; keep the data in fields beside it",
                );
                plain = false;
            }
        }
        let variants: Vec<_> =
            data.variants.iter().map(|variant| Variant::parse(variant, case, errors)).collect();
        check::names(variants.iter().map(|variant| (&variant.ident, &variant.name)), errors);
        for again in variants.iter().filter(|variant| variant.default).skip(1) {
            errors.at(&again.ident, "another variant is the default already");
        }
        if variants.is_empty() {
            errors.at(&input.ident, "an enum without variants has nothing to bind");
        }
        (plain && !variants.is_empty()).then_some(Shape::Enum(variants))
    }
}

fn owns_its_data(generics: &Generics, errors: &mut Errors) -> bool {
    for lifetime in generics.lifetimes() {
        errors.at(
            lifetime,
            "a bound struct owns its fields: remove this lifetime and the references that use it",
        );
    }
    !generics.params.iter().any(|param| matches!(param, GenericParam::Lifetime(_)))
}

impl Field {
    fn parse(field: &syn::Field, member: Member, case: Option<Case>, errors: &mut Errors) -> Field {
        let (mut default, mut rename, mut with, mut live, mut flatten, mut skip) =
            (None, None, None, None, None, None);
        let (mut told, mut limited, mut given, mut aliases) = (Told::default(), None, None, Vec::new());
        let named = matches!(member, Member::Named(_));
        attributes(&field.attrs, errors, |meta, errors| {
            if meta.path.is_ident("default") {
                let value = match meta.input.peek(Token![=]) {
                    true => Default::Expr(Box::new(meta.value()?.parse()?)),
                    false => Default::Trait,
                };
                set(&mut default, meta, (meta.path.clone(), value), errors);
            } else if meta.path.is_ident("with") {
                let module = string(meta, "path", errors)?.and_then(|path| mod_path(&path, errors));
                set(&mut with, meta, (meta.path.clone(), module), errors);
            } else if meta.path.is_ident("live") {
                set(&mut live, meta, meta.path.clone(), errors);
            } else if let Some((name, valued, numbers)) =
                TOLD.iter().find(|(name, ..)| meta.path.is_ident(name))
            {
                let value = match *name {
                    "alias" => {
                        let Some(alias) = string(meta, "name", errors)? else { return Ok(()) };
                        let value = syn::parse_quote!(#alias);
                        aliases.push(alias);
                        Some(value)
                    }
                    _ if *valued => Some(meta.value()?.parse()?),
                    _ => None,
                };
                if *name != "alias" && told.0.iter().any(|(other, _)| other == name) {
                    errors.at(&meta.path, format_args!("`{name}` is given twice"));
                }
                told.0.push((Ident::new(name, meta.path.span()), value));
                if *numbers {
                    limited.get_or_insert_with(|| meta.path.clone());
                }
                given.get_or_insert_with(|| meta.path.clone());
            } else if named && meta.path.is_ident("rename") {
                let name = string(meta, "name", errors)?;
                set(&mut rename, meta, (meta.path.clone(), name), errors);
            } else if named && meta.path.is_ident("flatten") {
                set(&mut flatten, meta, meta.path.clone(), errors);
            } else if named && meta.path.is_ident("skip") {
                set(&mut skip, meta, meta.path.clone(), errors);
            } else if named {
                unknown(
                    meta,
                    "a field has `default`, `rename`, `with`, `live`, `flatten`, `skip`, and metadata: `range`, \
                     `multiple_of`, `finite`, `len`, `choices`, `step`, `unit`, `read_only`, `alias`, \
                     `growable` and `widened`",
                    errors,
                )?;
            } else {
                unknown(
                    meta,
                    "the field of a newtype has `default`, `with`, `live`, and metadata, such as `range` and `unit`",
                    errors,
                )?;
            }
            Ok(())
        });
        if let Some(skip) = &skip {
            let others = [
                rename.as_ref().map(|(path, _)| path),
                with.as_ref().map(|(path, _)| path),
                live.as_ref(),
                flatten.as_ref(),
                given.as_ref(),
            ];
            for other in others.into_iter().flatten() {
                conflict(other, skip, "a field that is not stored has no use for it", errors);
            }
        } else if let Some(flatten) = &flatten {
            let others = [
                rename.as_ref().map(|(path, _)| path),
                with.as_ref().map(|(path, _)| path),
                live.as_ref(),
                default.as_ref().map(|(path, _)| path),
                given.as_ref(),
            ];
            for other in others.into_iter().flatten() {
                conflict(other, flatten, "its fields have names, types and defaults of their own", errors);
            }
        } else if let (Some(live), Some((with, _))) = (&live, &with) {
            conflict(live, with, "what the module stores may be `Live` itself", errors);
        } else if let (Some(limited), Some((with, _))) = (&limited, &with) {
            conflict(limited, with, "what the module stores may be `Limited` itself", errors);
        } else if let (Some(limited), Some(live)) = (&limited, &live) {
            conflict(limited, live, "writes through views of a live array cannot be checked", errors);
        }
        let storage = match (skip, flatten, with.and_then(|(_, module)| module), live) {
            (Some(_), ..) => Storage::Skip,
            (None, Some(_), ..) => Storage::Flatten,
            (None, None, Some(module), _) => Storage::With(module),
            (None, None, None, Some(_)) => Storage::Live,
            (None, None, None, None) if limited.is_some() => Storage::Limited,
            (None, None, None, None) => Storage::Plain,
        };
        let name = rename.and_then(|(_, name)| name).unwrap_or_else(|| match &member {
            Member::Named(ident) => {
                let plain = ident.unraw().to_string();
                LitStr::new(&case.map_or(plain.clone(), |case| case.apply(&plain)), ident.span())
            }
            Member::Unnamed(index) => LitStr::new(&index.index.to_string(), index.span),
        });
        Field {
            docs: docs(&field.attrs),
            vis: field.vis.clone(),
            member,
            ty: field.ty.clone(),
            name,
            default: default.map_or(Default::Initial, |(_, default)| default),
            storage,
            told,
            aliases,
        }
    }

    pub(crate) fn ident(&self) -> Option<&Ident> {
        match &self.member {
            Member::Named(ident) => Some(ident),
            Member::Unnamed(_) => None,
        }
    }

    /// The text of the documentation.
    pub(crate) fn description(&self) -> String {
        let lines: Vec<String> = self
            .docs
            .iter()
            .filter_map(|attribute| match &attribute.meta {
                Meta::NameValue(meta) => match ungroup(&meta.value) {
                    Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value().trim().to_owned()),
                    _ => None,
                },
                _ => None,
            })
            .collect();
        lines.join("\n").trim().to_owned()
    }
}

fn docs(attributes: &[Attribute]) -> Vec<Attribute> {
    attributes.iter().filter(|attribute| attribute.path().is_ident("doc")).cloned().collect()
}

fn conflict(other: impl ToTokens, with: &Path, reason: &str, errors: &mut Errors) {
    errors.at(
        &other,
        format_args!("`{}` does not go with `{}`: {reason}", other.to_token_stream(), with.to_token_stream()),
    );
}

impl Variant {
    fn parse(variant: &syn::Variant, case: Option<Case>, errors: &mut Errors) -> Variant {
        let (mut rename, mut default) = (None, None);
        attributes(&variant.attrs, errors, |meta, errors| {
            if meta.path.is_ident("rename") {
                let name = string(meta, "name", errors)?;
                set(&mut rename, meta, name, errors);
            } else if meta.path.is_ident("default") {
                set(&mut default, meta, (), errors);
            } else {
                unknown(meta, "a variant has `rename` and `default`", errors)?;
            }
            Ok(())
        });
        let ident = variant.ident.clone();
        let name = rename.flatten().unwrap_or_else(|| {
            let plain = ident.unraw().to_string();
            LitStr::new(&case.map_or(plain.clone(), |case| case.apply(&plain)), ident.span())
        });
        Variant { ident, name, default: default.is_some() }
    }
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

/// The string that follows; `None`, with an error, if something else does.
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

/// A version.
fn number(meta: &ParseNestedMeta<'_>, errors: &mut Errors) -> syn::Result<Option<u32>> {
    let value: Expr = meta.value()?.parse()?;
    let number = match ungroup(&value) {
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => number.base10_parse().ok(),
        _ => None,
    };
    if number.is_none() {
        errors.at(&value, format_args!("`{0}` takes an integer: `{0} = 2`", meta.path.to_token_stream()));
    }
    Ok(number)
}

fn mod_path(text: &LitStr, errors: &mut Errors) -> Option<Path> {
    let path = text.parse_with(Path::parse_mod_style).ok();
    if path.is_none() {
        errors.at(text, "not a path, such as `crate::seconds`");
    }
    path
}

fn case_of(text: &LitStr, errors: &mut Errors) -> Option<Case> {
    let found = Case::ALL.into_iter().find(|(name, _)| *name == text.value());
    if found.is_none() {
        let known: Vec<_> = Case::ALL.iter().map(|(name, _)| format!("{name:?}")).collect();
        errors.at(text, format_args!("unknown case; there are {}", known.join(", ")));
    }
    found.map(|(_, case)| case)
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
