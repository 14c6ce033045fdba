//! What guards lend of a struct: `SettingsRef` and `SettingsMut`.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};

use crate::parse::{Field, Input};

/// `SettingsRef` or `SettingsMut`.
pub(super) fn companion(input: &Input, stored: &[&Field], suffix: &str, guard: &str) -> TokenStream {
    let Input { ident, vis, .. } = input;
    let companion = input.companion(suffix);
    let lent = format_ident!("{suffix}");
    let generics = input.lent();
    let clause = &generics.where_clause;
    let doc = format!("The fields of [`{ident}`], as a {guard} guard lends them.");
    let fields = stored.iter().map(|field| {
        let Field { docs, vis, member, .. } = field;
        let ty = field.item(input, quote!(#lent<'s>));
        let fallback = docs.is_empty().then(|| {
            let doc = format!("As [`{ident}::{}`].", member.to_token_stream());
            quote!(#[doc = #doc])
        });
        quote! {
            #(#docs)*
            #fallback
            #vis #member: #ty
        }
    });
    quote! {
        #[doc = #doc]
        // Code need not use all that is lent, and the names are those of the source.
        #[allow(dead_code, nonstandard_style)]
        #vis struct #companion #generics #clause {
            #(#fields,)*
        }
    }
}

/// The methods of `SettingsMut`.
pub(super) fn reborrow(input: &Input) -> TokenStream {
    let Input { ident, vis, krate, .. } = input;
    let companion = input.companion("Mut");
    let generics = input.lent();
    let (impl_generics, companion_generics, clause) = generics.split_for_impl();
    let (_, type_generics, _) = input.generics.split_for_impl();
    let params = input.params();
    quote! {
        impl #impl_generics #companion #companion_generics #clause {
            /// The same fields for a shorter time, to pass on.
            #[allow(dead_code)]
            #[inline]
            #vis fn reborrow(&mut self) -> #companion<'_, #params> {
                <#ident #type_generics as #krate::Field>::reborrow(self)
            }

            /// Assigns all fields. After an error some may have been assigned; a transaction assigns all or none.
            ///
            /// # Errors
            ///
            /// Those of the fields, such as a lack of space.
            // Not all code that lends the struct assigns it.
            #[allow(dead_code)]
            #vis fn set(&mut self, value: &#ident #type_generics) -> #krate::Result<()> {
                <#ident #type_generics as #krate::Field>::assign(self, value)
            }
        }
    }
}
