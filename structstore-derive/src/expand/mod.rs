//! The code that is generated.
//!
//! It works under `#![no_implicit_prelude]`: all paths are absolute, and methods of traits are called by path. It
//! names its variables with `Span::mixed_site`, so that the expressions of defaults do not see them.

mod companion;
mod enums;
mod field;
mod newtype;
mod structs;

use std::collections::HashSet;

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote};
use syn::{Generics, Type, parse_quote};

use crate::parse::{Default, Field, Input, Shape, Storage};
use companion::{companion, reborrow};
use enums::enum_impl;
use newtype::newtype_impl;
use structs::struct_impl;

/// The companions and the impls.
pub(crate) fn expand(input: &Input) -> TokenStream {
    let (companions, impls) = match &input.shape {
        Shape::Struct(fields) => {
            let stored: Vec<&Field> =
                fields.iter().filter(|field| !matches!(field.storage, Storage::Skip)).collect();
            let shared = companion(input, &stored, "Ref", "read");
            let exclusive = companion(input, &stored, "Mut", "write");
            let reborrow = reborrow(input);
            let field = struct_impl(input, fields, &stored);
            (quote!(#shared #exclusive #reborrow), field)
        }
        Shape::Newtype(field) => (TokenStream::new(), newtype_impl(input, field)),
        Shape::Enum(variants) => (TokenStream::new(), enum_impl(input, variants)),
    };
    quote! {
        #companions
        // The source has these warnings already, and `expect` would warn where it has none.
        #[allow(deprecated)]
        const _: () = {
            #impls
        };
    }
}

impl Input {
    fn companion(&self, suffix: &str) -> Ident {
        format_ident!("{}{suffix}", self.ident)
    }

    fn fields(&self) -> &[Field] {
        match &self.shape {
            Shape::Struct(fields) => fields,
            Shape::Newtype(field) => std::slice::from_ref(field),
            Shape::Enum(_) => &[],
        }
    }

    /// The generics, with bounds for what the fields' types must satisfy. For types without parameters the compiler
    /// checks that itself, and reports it at the field.
    fn bounded(&self) -> Generics {
        let krate = &self.krate;
        let mut generics = self.generics.clone();
        let params: Vec<_> = generics.type_params().map(|param| param.ident.clone()).collect();
        let mut bounded = HashSet::new();
        let mut bind = |ty: &Type, bound: TokenStream| {
            let predicate = quote!(#ty: #bound);
            if mentions(ty.to_token_stream(), &params) && bounded.insert(predicate.to_string()) {
                generics.make_where_clause().predicates.push(parse_quote!(#predicate));
            }
        };
        for field in self.fields() {
            match field.storage {
                Storage::Plain => bind(&field.ty, quote!(#krate::Field)),
                Storage::Flatten => bind(&field.ty, quote!(#krate::Fields)),
                Storage::Live | Storage::Limited => {
                    let stored = field.stored(self);
                    bind(&parse_quote!(#stored), quote!(#krate::Field));
                }
                Storage::With(_) | Storage::Skip => bind(&field.ty, quote!('static)),
            }
            let unstored = matches!(field.storage, Storage::With(_) | Storage::Skip);
            match field.default {
                Default::Expr(_) => {}
                Default::Initial if !unstored => {}
                _ => bind(&field.ty, quote!(::core::default::Default)),
            }
        }
        generics
    }

    /// As [`Input::bounded`], with `'s` in front, which no struct that gets here has.
    fn lent(&self) -> Generics {
        let mut generics = self.bounded();
        generics.params.insert(0, parse_quote!('s));
        generics
    }

    /// The parameters, as arguments.
    fn params(&self) -> TokenStream {
        let params = self.generics.params.iter().map(|param| match param {
            syn::GenericParam::Type(param) => param.ident.to_token_stream(),
            syn::GenericParam::Const(param) => param.ident.to_token_stream(),
            syn::GenericParam::Lifetime(param) => param.lifetime.to_token_stream(),
        });
        quote!(#(#params),*)
    }
}

fn mentions(tokens: TokenStream, idents: &[Ident]) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => idents.contains(&ident),
        TokenTree::Group(group) => mentions(group.stream(), idents),
        _ => false,
    })
}

fn private(input: &Input) -> TokenStream {
    let krate = &input.krate;
    quote!(#krate)
}
