//! The impls of an enum, which is stored as the name of its variant.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

use super::private;
use crate::parse::{Input, Variant};

pub(super) fn enum_impl(input: &Input, variants: &[Variant]) -> TokenStream {
    let Input { ident, krate, .. } = input;
    let (impl_generics, type_generics, clause) = input.generics.split_for_impl();
    let private = private(input);
    let [binder, slot, place, lender, lent, value] = ["binder", "slot", "place", "lender", "lent", "value"]
        .map(|name| Ident::new(name, Span::mixed_site()));
    let names = variants.iter().map(|variant| &variant.name);
    let idents: Vec<_> = variants.iter().map(|variant| &variant.ident).collect();
    let indices: Vec<_> = (0..variants.len()).collect();
    let default = variants.iter().find(|variant| variant.default).or(variants.first());
    let default = default.map(|variant| &variant.ident);
    quote! {
            impl #impl_generics #krate::Choice for #ident #type_generics #clause {
                const NAMES: &'static [&'static str] = &[#(#names),*];

                fn index(&self) -> usize {
                    match self { #(Self::#idents => #indices,)* }
                }

                fn variant(index: usize) -> Self {
                    match index {
                        #(#indices => Self::#idents,)*
                        _ => Self::#default,
                    }
                }
            }

            impl #impl_generics #krate::ToValue for #ident #type_generics #clause {
                fn to_value(&self) -> #krate::Result<#krate::Value<'_>> {
                    #krate::Field::field_value(self)
                }
            }

            impl #impl_generics #krate::Field for #ident #type_generics #clause {
                type Ref<'s> = #krate::ChoiceRef<'s, Self>;
                type Mut<'s> = #krate::ChoiceMut<'s, Self>;
                type Place = #private::ChoicePlace;
                type Repeated = #private::AsList;
                const KIND: #krate::Kind = #krate::Kind::Str;
                const LIMITED: bool = true;
                const TELLS: bool = true;

                fn initial() -> Self {
                    Self::#default
                }

                fn meta() -> #krate::Meta {
                    #private::ChoicePlace::meta::<Self>()
                }

                fn schema() -> #krate::Schema {
                    #private::ChoicePlace::schema::<Self>()
                }

                fn field_value(&self) -> #krate::Result<#krate::Value<'_>> {
                    #private::ChoicePlace::to_value(self)
                }

                fn from_value(#value: #krate::Value<'_>) -> #krate::Result<Self> {
                    #private::ChoicePlace::from_value(&#value)
                }

                fn sample_type() -> #krate::Result<#private::SampleType> {
                    #private::ChoicePlace::sample_type::<Self>()
                }

                fn pack(&self, #place: &mut #private::Packer<'_>) {
                    #private::ChoicePlace::pack(self, #place);
                }

                fn unpack(#place: &mut #private::Unpacker<'_>) -> #krate::Result<Self> {
                    #private::ChoicePlace::unpack(#place)
                }

                fn resolve(
                    #binder: &#private::Binder<'_, '_>,
                    #slot: #private::SlotRef<'_>,
                ) -> #krate::Result<Self::Place> {
                    #private::ChoicePlace::resolve::<Self>(#binder, #slot)
                }

                fn check(#place: &Self::Place, _: #private::Lender<'_>, _: bool) -> #krate::Result<()> {
                    #place.check()
                }

                const IN_PLACE: bool = true;

                fn put(
                    #place: &Self::Place,
                    #lent: &#private::Assignment<'_, '_>,
                    #value: &Self,
                ) -> #krate::Result<()> {
                    #place.put(#lent, #value)
                }

                fn load(#place: &Self::Place, #lender: #private::Lender<'_>) -> #krate::Result<Self> {
                    #place.load(#lender)
                }

                fn assign(#lent: &mut Self::Mut<'_>, #value: &Self) -> #krate::Result<()> {
                    #private::ChoicePlace::assign(#lent, #value)
                }

                fn reborrow<'a, 's: 'a>(#lent: &'a mut Self::Mut<'s>) -> Self::Mut<'a> {
                    #lent.reborrow()
                }

                unsafe fn lend<'s>(#place: &Self::Place, #lender: #private::Lender<'s>) -> Self::Ref<'s> {
                    #place.lend(#lender)
                }

                unsafe fn lend_mut<'s>(#place: &Self::Place, #lender: #private::Lender<'s>) -> Self::Mut<'s> {
                    // SAFETY: the caller's promise.
                    unsafe { #place.lend_mut(#lender) }
                }
            }
    }
}
