//! The impls of a newtype, which is stored as what it wraps.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

use super::private;
use crate::parse::{Field, Input, Storage};

pub(super) fn newtype_impl(input: &Input, field: &Field) -> TokenStream {
    let Input { ident, krate, .. } = input;
    let generics = input.bounded();
    let (impl_generics, type_generics, clause) = generics.split_for_impl();
    let private = private(input);
    let [binder, slot, place, lender, exclusive, lent, inner] =
        ["binder", "slot", "place", "lender", "exclusive", "lent", "inner"]
            .map(|name| Ident::new(name, Span::mixed_site()));
    let item = |tokens: TokenStream| field.item(input, tokens);
    let (lent_ref, lent_mut) = (item(quote!(Ref<'s>)), item(quote!(Mut<'s>)));
    let lent_some = item(quote!(Mut<'_>));
    let assign = {
        let assign = item(quote!(assign));
        match &field.storage {
            Storage::With(module) => quote!(#assign(#lent, &#module::to_stored(&#inner.0))),
            _ => match field.wrapper(input) {
                Some(wrapper) => quote!(#assign(#lent, #wrapper::of(&#inner.0))),
                None => quote!(#assign(#lent, &#inner.0)),
            },
        }
    };
    let (lent_again, place_type) = (item(quote!(Mut<'a>)), item(quote!(Place)));
    let (kind, optional, schema) = (item(quote!(KIND)), item(quote!(OPTIONAL)), item(quote!(schema())));
    let (told, of_type, limited) = (field.told(input), item(quote!(meta())), item(quote!(LIMITED)));
    let tells = match field.tells() {
        true => quote!(true),
        false => item(quote!(TELLS)),
    };
    let (in_slot, slots_only) = match field.storage {
        // As for the fields of a struct.
        Storage::With(_) => (quote!(false), quote!(false)),
        _ => (item(quote!(IN_SLOT)), item(quote!(SLOTS_ONLY))),
    };
    let [resolve, check, log, reborrow, lend, lend_mut] =
        [quote!(resolve), quote!(check), quote!(log), quote!(reborrow), quote!(lend), quote!(lend_mut)]
            .map(item);
    let (default, to_value) = (field.default(input), field.to_value(input));
    let load = field.load(input, &place, &lender);
    let (in_place, put) = (item(quote!(IN_PLACE)), field.put(input, &place, &lent, &inner));
    let (sample_type, pack, unpack) =
        (item(quote!(sample_type())), field.pack(input, &inner), item(quote!(unpack)));
    let unpack = field.of_stored(input, quote!(#unpack(#inner)));
    let from_value = item(quote!(from_value));
    let from_value = field.of_stored(input, quote!(#from_value(#inner)));
    quote! {
            impl #impl_generics #krate::ToValue for #ident #type_generics #clause {
                fn to_value(&self) -> #krate::Result<#krate::Value<'_>> {
                    #krate::Field::field_value(self)
                }
            }

            impl #impl_generics #krate::Field for #ident #type_generics #clause {
                type Ref<'s> = #lent_ref;
                type Mut<'s> = #lent_mut;
                type Place = #place_type;
                type Repeated = #private::AsList;
                const KIND: #krate::Kind = #kind;
                const OPTIONAL: bool = #optional;
                const IN_SLOT: bool = #in_slot;
                const SLOTS_ONLY: bool = #slots_only;
                const LIMITED: bool = #limited;
                const TELLS: bool = #tells;

                fn initial() -> Self {
                    Self(#default)
                }

                fn meta() -> #krate::Meta {
                    #private::told(#told, #of_type)
                }

                fn schema() -> #krate::Schema {
                    #schema
                }

                fn field_value(&self) -> #krate::Result<#krate::Value<'_>> {
                    #to_value
                }

                fn from_value(#inner: #krate::Value<'_>) -> #krate::Result<Self> {
                    let #inner = #from_value?;
                    ::core::result::Result::Ok(Self(#inner))
                }

                fn sample_type() -> #krate::Result<#private::SampleType> {
                    #sample_type
                }

                fn pack(&self, #inner: &mut #private::Packer<'_>) {
                    #pack
                }

                fn unpack(#inner: &mut #private::Unpacker<'_>) -> #krate::Result<Self> {
                    let #inner = #unpack?;
                    ::core::result::Result::Ok(Self(#inner))
                }

                fn resolve(
                    #binder: &#private::Binder<'_, '_>,
                    #slot: #private::SlotRef<'_>,
                ) -> #krate::Result<#place_type> {
                    #resolve(#binder, #slot)
                }

                #[inline]
                fn check(
                    #place: &#place_type,
                    #lender: #private::Lender<'_>,
                    #exclusive: bool,
                ) -> #krate::Result<()> {
                    #check(#place, #lender, #exclusive)
                }

                fn log(#place: &#place_type, #binder: &#private::Binder<'_, '_>) -> #krate::Result<()> {
                    #log(#place, #binder)
                }

                const IN_PLACE: bool = #in_place;

                #[inline]
                fn put(
                    #place: &#place_type,
                    #lent: &#private::Assignment<'_, '_>,
                    #inner: &Self,
                ) -> #krate::Result<()> {
                    #put
                }

                fn load(#place: &#place_type, #lender: #private::Lender<'_>) -> #krate::Result<Self> {
                    let #inner = #load?;
                    ::core::result::Result::Ok(Self(#inner))
                }

                fn assign(#lent: &mut #lent_some, #inner: &Self) -> #krate::Result<()> {
                    #assign
                }

                #[inline]
                fn reborrow<'a, 's: 'a>(#lent: &'a mut #lent_mut) -> #lent_again {
                    #reborrow(#lent)
                }

                #[inline]
                unsafe fn lend<'s>(#place: &#place_type, #lender: #private::Lender<'s>) -> #lent_ref {
                    // SAFETY: the caller's promise.
                    unsafe { #lend(#place, #lender) }
                }

                #[inline]
                unsafe fn lend_mut<'s>(#place: &#place_type, #lender: #private::Lender<'s>) -> #lent_mut {
                    // SAFETY: the caller's promise.
                    unsafe { #lend_mut(#place, #lender) }
                }
            }
    }
}
