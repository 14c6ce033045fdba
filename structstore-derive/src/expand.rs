//! The code that is generated.
//!
//! It works under `#![no_implicit_prelude]`: all paths are absolute, and methods of traits are called by path. It
//! names its variables with `Span::mixed_site`, so that the expressions of defaults do not see them.

use std::collections::HashSet;

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, ExprLit, Generics, Lit, parse_quote};

use crate::parse::{Field, Input, ungroup};

/// The companions and the impl of `Field`.
pub(crate) fn expand(input: &Input) -> TokenStream {
    let shared = companion(input, "Ref", "read");
    let exclusive = companion(input, "Mut", "write");
    let reborrow = reborrow(input);
    let field = field_impl(input);
    quote! {
        #shared
        #exclusive
        #reborrow
        #field
    }
}

impl Input {
    fn companion(&self, suffix: &str) -> Ident {
        format_ident!("{}{suffix}", self.ident)
    }

    /// The generics with what the fields' types must satisfy. For types without parameters the compiler sees that
    /// for itself, and says so at the field.
    fn bounded(&self) -> Generics {
        let krate = &self.krate;
        let mut generics = self.generics.clone();
        let params: Vec<_> = generics.type_params().map(|param| param.ident.clone()).collect();
        let mut bounded = HashSet::new();
        for Field { ty, .. } in &self.fields {
            if mentions(ty.to_token_stream(), &params) && bounded.insert(ty.to_token_stream().to_string()) {
                generics.make_where_clause().predicates.push(parse_quote!(#ty: #krate::Field));
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
}

fn mentions(tokens: TokenStream, idents: &[Ident]) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => idents.contains(&ident),
        TokenTree::Group(group) => mentions(group.stream(), idents),
        _ => false,
    })
}

impl Field {
    /// `<T as Field>::item`, with the span of the type, so that the compiler's complaints are about that, and all
    /// the same, so that it makes each once.
    fn item(&self, input: &Input, item: TokenStream) -> TokenStream {
        let (ty, krate) = (&self.ty, &input.krate);
        let end = ty.to_token_stream().into_iter().last().map_or(ty.span(), |token| token.span());
        let open = quote_spanned!(ty.span()=> <);
        let item = item.into_iter().map(|mut token| {
            token.set_span(end);
            token
        });
        quote_spanned!(end=> #open #ty as #krate::Field>::#(#item)*)
    }

    fn default(&self, input: &Input) -> TokenStream {
        let Some(default) = &self.default else {
            return self.item(input, quote!(initial()));
        };
        match ungroup(default) {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
                quote_spanned!(text.span()=> ::core::convert::From::from(#text))
            }
            _ => default.to_token_stream(),
        }
    }
}

/// `SettingsRef` or `SettingsMut`.
fn companion(input: &Input, suffix: &str, guard: &str) -> TokenStream {
    let Input { ident, vis, .. } = input;
    let companion = input.companion(suffix);
    let lent = format_ident!("{suffix}");
    let generics = input.lent();
    let clause = &generics.where_clause;
    let doc = format!("The fields of [`{ident}`], as a {guard} guard lends them.");
    let fields = input.fields.iter().map(|field| {
        let Field { docs, vis, ident: name, .. } = field;
        let ty = field.item(input, quote!(#lent<'s>));
        let fallback = docs.is_empty().then(|| {
            let doc = format!("As [`{ident}::{name}`].");
            quote!(#[doc = #doc])
        });
        quote! {
            #(#docs)*
            #fallback
            #vis #name: #ty
        }
    });
    quote! {
        #[doc = #doc]
        // Nobody uses all that is lent, and the names are those of the source.
        #[allow(dead_code, nonstandard_style)]
        #vis struct #companion #generics #clause {
            #(#fields,)*
        }
    }
}

/// `SettingsMut::reborrow`.
fn reborrow(input: &Input) -> TokenStream {
    let Input { ident, vis, krate, .. } = input;
    let companion = input.companion("Mut");
    let generics = input.lent();
    let (impl_generics, companion_generics, clause) = generics.split_for_impl();
    let (_, type_generics, _) = input.generics.split_for_impl();
    let params = params(input);
    quote! {
        impl #impl_generics #companion #companion_generics #clause {
            /// The same fields for a shorter time, to pass on.
            #[allow(dead_code)]
            #[inline]
            #vis fn reborrow(&mut self) -> #companion<'_, #params> {
                <#ident #type_generics as #krate::Field>::reborrow(self)
            }
        }
    }
}

/// The struct's parameters, as arguments.
fn params(input: &Input) -> TokenStream {
    let params = input.generics.params.iter().map(|param| match param {
        syn::GenericParam::Type(param) => param.ident.to_token_stream(),
        syn::GenericParam::Const(param) => param.ident.to_token_stream(),
        syn::GenericParam::Lifetime(param) => param.lifetime.to_token_stream(),
    });
    quote!(#(#params),*)
}

fn field_impl(input: &Input) -> TokenStream {
    let Input { ident, krate, .. } = input;
    let lent_ref = input.companion("Ref");
    let lent_mut = input.companion("Mut");
    let generics = input.bounded();
    let (impl_generics, type_generics, clause) = generics.split_for_impl();
    let params = params(input);
    let vis = &input.vis;
    // Items have no hygiene, so its name must be one that the struct's code does not use.
    let place_type = format_ident!("__{ident}Place");
    let private = quote!(#krate::private);
    let result = quote!(::core::result::Result);

    let [binder, slot, node, place, lender, exclusive, lent, error] =
        ["binder", "slot", "node", "place", "lender", "exclusive", "lent", "error"]
            .map(|name| Ident::new(name, Span::mixed_site()));
    let count = input.fields.len();
    let variables: Vec<_> =
        (0..count).map(|at| format_ident!("field{at}", span = Span::mixed_site())).collect();
    let idents: Vec<_> = input.fields.iter().map(|field| &field.ident).collect();
    let names: Vec<_> = input.fields.iter().map(|field| &field.name).collect();
    let item = |item: &str| -> Vec<_> {
        let item = Ident::new(item, Span::call_site());
        input.fields.iter().map(|field| field.item(input, quote!(#item))).collect()
    };
    let [places, to_values, checks, loads, reborrows, lends, lends_mut] =
        ["Place", "to_value", "check", "load", "reborrow", "lend", "lend_mut"].map(item);
    let types: Vec<_> = input.fields.iter().map(|field| &field.ty).collect();
    let defaults: Vec<_> = input.fields.iter().map(|field| field.default(input)).collect();

    quote! {
        const _: () = {
            // A type of its own, because a tuple of places would show private types in the interface of a public one.
            #vis struct #place_type #impl_generics(#private::BoundNode, #(#places,)*) #clause;

            // The source has these warnings already.
            #[allow(deprecated)]
            impl #impl_generics #krate::Field for #ident #type_generics #clause {
                type Ref<'s> = #lent_ref<'s, #params>;
                type Mut<'s> = #lent_mut<'s, #params>;
                type Place = #place_type #type_generics;

                fn initial() -> Self {
                    Self { #(#idents: #defaults,)* }
                }

                fn to_value(&self) -> #krate::Value<'_> {
                    #krate::Value::record([#((#names, #to_values(&self.#idents)),)*])
                }

                fn resolve(
                    #binder: &#private::Binder<'_, '_>,
                    #slot: &#private::SlotRef,
                ) -> #krate::Result<Self::Place> {
                    let #node = #binder.enter(#slot, #count)?;
                    #(
                        let #variables = #binder.field::<#types>(
                            &#node,
                            const { #krate::Key::new(#names) },
                            || #defaults,
                        )?;
                    )*
                    #result::Ok(#place_type(#node, #(#variables,)*))
                }

                #[inline]
                fn check(
                    #place: &Self::Place,
                    #lender: #private::Lender<'_>,
                    #exclusive: bool,
                ) -> #krate::Result<()> {
                    let #place_type(#node, #(#variables,)*) = #place;
                    #node.check()?;
                    #(
                        #checks(#variables, #lender, #exclusive).map_err(|#error| #error.under(#names))?;
                    )*
                    #result::Ok(())
                }

                fn load(#place: &Self::Place, #lender: #private::Lender<'_>) -> #krate::Result<Self> {
                    let #place_type(#node, #(#variables,)*) = #place;
                    #node.check()?;
                    #result::Ok(Self {
                        #(#idents: #loads(#variables, #lender).map_err(|#error| #error.under(#names))?,)*
                    })
                }

                #[inline]
                fn reborrow<'a, 's: 'a>(#lent: &'a mut Self::Mut<'s>) -> Self::Mut<'a> {
                    #lent_mut { #(#idents: #reborrows(&mut #lent.#idents),)* }
                }

                #[inline]
                unsafe fn lend<'s>(#place: &Self::Place, #lender: #private::Lender<'s>) -> Self::Ref<'s> {
                    let #place_type(_, #(#variables,)*) = #place;
                    // SAFETY: the check of this struct was that of all its fields.
                    unsafe { #lent_ref { #(#idents: #lends(#variables, #lender),)* } }
                }

                #[inline]
                unsafe fn lend_mut<'s>(#place: &Self::Place, #lender: #private::Lender<'s>) -> Self::Mut<'s> {
                    let #place_type(_, #(#variables,)*) = #place;
                    // SAFETY: as above, and the names of all fields differ, so that none is lent twice.
                    unsafe { #lent_mut { #(#idents: #lends_mut(#variables, #lender),)* } }
                }
            }
        };
    }
}
