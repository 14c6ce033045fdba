//! The code of one field.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, ExprLit, Lit};

use super::private;
use crate::parse::{Default, Field, Input, Storage, ungroup};

impl Field {
    /// The type as which it is stored.
    pub(super) fn stored(&self, input: &Input) -> TokenStream {
        match &self.storage {
            Storage::With(module) => quote!(#module::Stored),
            _ => match self.wrapper(input) {
                Some(wrapper) => {
                    let ty = &self.ty;
                    quote_spanned!(ty.span()=> #wrapper<#ty>)
                }
                None => self.ty.to_token_stream(),
            },
        }
    }

    /// What the field's type is wrapped in, where it is stored.
    pub(super) fn wrapper(&self, input: &Input) -> Option<TokenStream> {
        let krate = &input.krate;
        match self.storage {
            Storage::Live => Some(quote!(#krate::Live)),
            Storage::Limited => Some(quote!(#krate::Limited)),
            _ => None,
        }
    }

    /// Whether the field declares metadata.
    pub(super) fn tells(&self) -> bool {
        !self.told.0.is_empty() || !self.description().is_empty()
    }

    /// The metadata that the field declares.
    pub(super) fn told(&self, input: &Input) -> TokenStream {
        let krate = &input.krate;
        let description = self.description();
        let described = (!description.is_empty()).then(|| quote!(.description(#description)));
        let told = self.told.0.iter().map(|(method, value)| quote!(.#method(#value)));
        quote!(#krate::Meta::new()#described #(#told)*)
    }

    /// `<T as Field>::item`, with the span of the type, so that the compiler's errors point to that, and are all the
    /// same, so that it reports each once.
    pub(super) fn item(&self, input: &Input, item: TokenStream) -> TokenStream {
        let krate = &input.krate;
        let ty = self.stored(input);
        let end = ty.clone().into_iter().last().map_or(ty.span(), |token| token.span());
        let open = quote_spanned!(ty.span()=> <);
        let item = item.into_iter().map(|mut token| {
            token.set_span(end);
            token
        });
        quote_spanned!(end=> #open #ty as #krate::Field>::#(#item)*)
    }

    /// The value that the field begins with, of the source's type.
    pub(super) fn default(&self, input: &Input) -> TokenStream {
        let ty = &self.ty;
        match &self.default {
            Default::Expr(default) => match ungroup(default) {
                Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
                    quote_spanned!(text.span()=> ::core::convert::From::from(#text))
                }
                _ => default.to_token_stream(),
            },
            Default::Initial if matches!(self.storage, Storage::Plain | Storage::Flatten) => {
                self.item(input, quote!(initial()))
            }
            Default::Initial if self.wrapper(input).is_some() => {
                let initial = self.item(input, quote!(initial()));
                quote!(#initial.0)
            }
            _ => quote_spanned!(ty.span()=> <#ty as ::core::default::Default>::default()),
        }
    }

    pub(super) fn to_value(&self, input: &Input) -> TokenStream {
        let member = &self.member;
        let krate = &input.krate;
        let to_value = self.item(input, quote!(field_value));
        match &self.storage {
            Storage::With(module) => {
                quote!(#to_value(&#module::to_stored(&self.#member)).map(#krate::Value::into_owned))
            }
            _ => match self.wrapper(input) {
                Some(wrapper) => quote!(#to_value(#wrapper::of(&self.#member))),
                None => quote!(#to_value(&self.#member)),
            },
        }
    }

    /// Writes the member into a sample.
    pub(super) fn pack(&self, input: &Input, to: &Ident) -> TokenStream {
        let (member, pack) = (&self.member, self.item(input, quote!(pack)));
        match &self.storage {
            Storage::With(module) => quote!(#pack(&#module::to_stored(&self.#member), #to)),
            _ => match self.wrapper(input) {
                Some(wrapper) => quote!(#pack(#wrapper::of(&self.#member), #to)),
                None => quote!(#pack(&self.#member, #to)),
            },
        }
    }

    /// Assigns the member of a value to the field at a place.
    pub(super) fn put(&self, input: &Input, place: &Ident, to: &Ident, value: &Ident) -> TokenStream {
        let (member, put) = (&self.member, self.item(input, quote!(put)));
        match &self.storage {
            Storage::With(module) => quote!(#put(#place, #to, &#module::to_stored(&#value.#member))),
            _ => match self.wrapper(input) {
                Some(wrapper) => quote!(#put(#place, #to, #wrapper::of(&#value.#member))),
                None => quote!(#put(#place, #to, &#value.#member)),
            },
        }
    }

    /// Assigns the member of a value to what is lent.
    pub(super) fn assign(&self, input: &Input, lent: &Ident, value: &Ident) -> TokenStream {
        let member = &self.member;
        let assign = self.item(input, quote!(assign));
        match &self.storage {
            Storage::With(module) => {
                quote!(#assign(&mut #lent.#member, &#module::to_stored(&#value.#member)))
            }
            _ => match self.wrapper(input) {
                Some(wrapper) => quote!(#assign(&mut #lent.#member, #wrapper::of(&#value.#member))),
                None => quote!(#assign(&mut #lent.#member, &#value.#member)),
            },
        }
    }

    /// The value of the source's type that is stored at a place.
    pub(super) fn load(&self, input: &Input, place: &Ident, lender: &Ident) -> TokenStream {
        let load = self.item(input, quote!(load));
        self.of_stored(input, quote!(#load(#place, #lender)))
    }

    /// The value of the source's type, of a result of the type as which it is stored.
    pub(super) fn of_stored(&self, input: &Input, stored: TokenStream) -> TokenStream {
        match &self.storage {
            Storage::With(module) => {
                let private = private(input);
                quote!(#stored.and_then(|stored| #module::from_stored(stored).map_err(#private::rejected)))
            }
            _ if self.wrapper(input).is_some() => quote!(#stored.map(|stored| stored.0)),
            _ => stored,
        }
    }
}
