//! The impls of a struct with named fields.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;

use super::private;
use crate::parse::{Field, Input, Storage, Version};

pub(super) fn struct_impl(input: &Input, all: &[Field], stored: &[&Field]) -> TokenStream {
    let Input { ident, krate, vis, .. } = input;
    let lent_ref = input.companion("Ref");
    let lent_mut = input.companion("Mut");
    let generics = input.bounded();
    let (impl_generics, type_generics, clause) = generics.split_for_impl();
    let params = input.params();
    // Items have no hygiene, so its name must be one that the struct's code does not use.
    let place_type = format_ident!("__{ident}Place");
    let private = private(input);
    let result = quote!(::core::result::Result);

    let [binder, slot, node, place, lender, exclusive, lent, value, fields, from, to] =
        ["binder", "slot", "node", "place", "lender", "exclusive", "lent", "value", "fields", "from", "to"]
            .map(|name| Ident::new(name, Span::mixed_site()));
    let variables: Vec<_> =
        (0..stored.len()).map(|at| format_ident!("field{at}", span = Span::mixed_site())).collect();
    let members: Vec<_> = stored.iter().map(|field| &field.member).collect();
    let item = |item: &str| -> Vec<_> {
        let item = Ident::new(item, Span::call_site());
        stored.iter().map(|field| field.item(input, quote!(#item))).collect()
    };
    let [places, schemas, checks, logs, reborrows, lends, lends_mut] =
        ["Place", "schema", "check", "log", "reborrow", "lend", "lend_mut"].map(item);

    let slots = stored.iter().map(|field| match field.storage {
        Storage::Flatten => field.item(input, quote!(SLOTS_ONLY)),
        // The user's code converts it, and must not run on a value that may be discarded.
        Storage::With(_) => quote!(false),
        _ => field.item(input, quote!(IN_SLOT)),
    });
    let initial = all.iter().map(|field| {
        let (member, default) = (&field.member, field.default(input));
        quote!(#member: #default)
    });
    // A flattened struct has no name, neither in the store nor in errors.
    let names: Vec<_> = stored
        .iter()
        .map(|field| match field.storage {
            Storage::Flatten => quote!(""),
            _ => field.name.to_token_stream(),
        })
        .collect();
    let own = stored.iter().filter(|field| !matches!(field.storage, Storage::Flatten));
    let own: Vec<_> = own.map(|field| &field.name).collect();
    let flattened = stored.iter().filter(|field| matches!(field.storage, Storage::Flatten));
    let flattened = flattened.map(|field| {
        let ty = &field.ty;
        quote_spanned!(ty.span()=> <#ty as #krate::Fields>::NAMES)
    });
    let metas: Vec<_> = stored
        .iter()
        .map(|field| {
            let (told, of_type) = (field.told(input), field.item(input, quote!(meta())));
            match field.storage {
                Storage::Flatten => told,
                _ => quote!(#private::told(#told, #of_type)),
            }
        })
        .collect();
    let sample_types: Vec<_> = stored.iter().map(|field| field.item(input, quote!(sample_type()))).collect();
    let packs = stored.iter().map(|field| field.pack(input, &to));
    let unpacks = stored.iter().map(|field| {
        let unpack = field.item(input, quote!(unpack));
        let (unpacked, name) = (field.of_stored(input, quote!(#unpack(#from))), &field.name);
        match field.storage {
            Storage::Flatten => quote!(#unpacked?),
            _ => quote!(#private::named(#unpacked, #name)?),
        }
    });
    let limited = stored.iter().map(|field| match field.storage {
        Storage::Limited => quote!(true),
        _ if field.told.0.iter().any(|(name, _)| name == "len" || name == "choices") => quote!(true),
        _ => field.item(input, quote!(LIMITED)),
    });
    let in_place = stored.iter().map(|field| field.item(input, quote!(IN_PLACE)));
    let puts = stored.iter().zip(&variables).map(|(field, variable)| field.put(input, variable, &to, &value));
    let assigns = stored.iter().map(|field| field.assign(input, &lent, &value));
    let takes = stored.iter().map(|field| {
        let (from_value, name) = (field.item(input, quote!(from_value)), &field.name);
        match field.storage {
            Storage::Flatten => quote!(#from_value(#fields.flattened()?)?),
            _ => {
                let aliases = &field.aliases;
                let taken = quote!(#fields.take(#name, &[#(#aliases),*]).and_then(#from_value));
                let taken = field.of_stored(input, taken);
                quote!(#private::named(#taken, #name)?)
            }
        }
    });
    let mut taken = variables.iter();
    let made: Vec<_> = all
        .iter()
        .map(|field| {
            let member = &field.member;
            let value = match field.storage {
                Storage::Skip => field.default(input),
                _ => taken.next().map(ToTokens::to_token_stream).unwrap_or_default(),
            };
            quote!(#member: #value)
        })
        .collect();
    let to_values = stored.iter().map(|field| field.to_value(input));
    let resolutions = stored.iter().map(|field| {
        let (ty, name) = (field.stored(input), &field.name);
        match field.storage {
            Storage::Flatten => quote!(<#ty as #krate::Fields>::resolve_in(#binder, #node)),
            _ => {
                let key = quote!(const { #krate::Key::new(#name) });
                match field.tells() {
                    true => {
                        let told = field.told(input);
                        quote!(#binder.field_with::<#ty>(#node, #key, &|| #told))
                    }
                    false => quote!(#binder.field::<#ty>(#node, #key)),
                }
            }
        }
    });
    let (mut at, mut loads, mut loads_to) = (variables.iter().zip(&names), Vec::new(), Vec::new());
    for field in all {
        let member = &field.member;
        let at = if let Storage::Skip = field.storage { None } else { at.next() };
        let loaded = match at {
            None => field.default(input),
            Some((variable, name)) => {
                let load = field.load(input, variable, &lender);
                quote!(#private::named(#load, #name)?)
            }
        };
        loads_to.push(match (&field.storage, at) {
            (Storage::Plain | Storage::Flatten, Some((variable, name))) => {
                let load_to = field.item(input, quote!(load_to));
                quote!(#private::named(unsafe { #load_to(#variable, #lender, &raw mut (*#to).#member) }, #name)?)
            }
            _ => quote!({
                let #value = #loaded;
                unsafe { (&raw mut (*#to).#member).write(#value) }
            }),
        });
        loads.push(quote!(#member: #loaded));
    }

    let version = input.version.as_ref().map(|version| {
        let Version { name, number, since, migrate } = version;
        let migrate = migrate.as_ref().map(|migrate| {
            quote! {
                const MIGRATES: bool = true;

                fn migrate(#from: u32, #fields: &mut #private::StructMut<'_>) -> #krate::Result<()> {
                    #migrate(#from, #fields)
                }
            }
        });
        quote! {
            const VERSION: ::core::option::Option<#private::TypeVersion> =
                ::core::option::Option::Some(#private::TypeVersion::new(#name, #number, #since));
            #migrate
        }
    });

    quote! {
            // A type of its own, because a tuple of places would show private types in the interface of a public one.
            #vis struct #place_type #impl_generics(#private::BoundNode, #(#places,)*) #clause;

            impl #impl_generics #krate::ToValue for #ident #type_generics #clause {
                fn to_value(&self) -> #krate::Result<#krate::Value<'_>> {
                    #krate::Field::field_value(self)
                }
            }

            impl #impl_generics #krate::Field for #ident #type_generics #clause {
                type Ref<'s> = #lent_ref<'s, #params>;
                type Mut<'s> = #lent_mut<'s, #params>;
                type Place = #place_type #type_generics;
                type Repeated = #private::AsList;
                const KIND: #krate::Kind = #krate::Kind::Struct;
                const SLOTS_ONLY: bool = #(#slots)&&*;
                const LIMITED: bool = #(#limited)||*;
                #version

                fn initial() -> Self {
                    Self { #(#initial,)* }
                }

                fn schema() -> #krate::Schema {
                    let #value = <Self as #krate::Field>::initial();
                    #private::struct_schema([#((#names, #metas, #schemas),)*], #krate::Field::field_value(&#value), <Self as #krate::Field>::VERSION)
                }

                fn field_value(&self) -> #krate::Result<#krate::Value<'_>> {
                    #private::struct_value([#((#names, #to_values),)*])
                }

                fn from_value(#value: #krate::Value<'_>) -> #krate::Result<Self> {
                    let mut #fields = #private::Fieldwise::of(#value)?;
                    #(let #variables = #takes;)*
                    #result::Ok(Self { #(#made,)* })
                }

                fn sample_type() -> #krate::Result<#private::SampleType> {
                    #private::packed_struct([#((#names, #sample_types, #metas),)*])
                }

                fn pack(&self, #to: &mut #private::Packer<'_>) {
                    #(#packs;)*
                }

                fn unpack(#from: &mut #private::Unpacker<'_>) -> #krate::Result<Self> {
                    #(let #variables = #unpacks;)*
                    #result::Ok(Self { #(#made,)* })
                }

                fn resolve(
                    #binder: &#private::Binder<'_, '_>,
                    #slot: #private::SlotRef<'_>,
                ) -> #krate::Result<Self::Place> {
                    <Self as #krate::Fields>::resolve_in(#binder, &#binder.enter(#slot)?)
                }

                #[inline]
                fn check(
                    #place: &Self::Place,
                    #lender: #private::Lender<'_>,
                    #exclusive: bool,
                ) -> #krate::Result<()> {
                    let #place_type(#node, #(#variables,)*) = #place;
                    #node.check()?;
                    #(#private::named(#checks(#variables, #lender, #exclusive), #names)?;)*
                    #result::Ok(())
                }

                fn log(#place: &Self::Place, #binder: &#private::Binder<'_, '_>) -> #krate::Result<()> {
                    let #place_type(_, #(#variables,)*) = #place;
                    #(#logs(#variables, #binder)?;)*
                    #result::Ok(())
                }

                const IN_PLACE: bool = #(#in_place)&&*;

                #[inline]
                fn put(
                    #place: &Self::Place,
                    #to: &#private::Assignment<'_, '_>,
                    #value: &Self,
                ) -> #krate::Result<()> {
                    let #place_type(#node, #(#variables,)*) = #place;
                    #node.check()?;
                    #(#puts?;)*
                    #result::Ok(())
                }

                #[inline]
                fn load(#place: &Self::Place, #lender: #private::Lender<'_>) -> #krate::Result<Self> {
                    let #place_type(#node, #(#variables,)*) = #place;
                    #node.check()?;
                    #result::Ok(Self { #(#loads,)* })
                }

                #[inline]
                unsafe fn load_to(
                    #place: &Self::Place,
                    #lender: #private::Lender<'_>,
                    #to: *mut Self,
                ) -> #krate::Result<()> {
                    if ::core::mem::needs_drop::<Self>() {
                        // SAFETY: the caller's promise. What is loaded before a field fails has to be dropped.
                        unsafe { #to.write(Self::load(#place, #lender)?) };
                        return #result::Ok(());
                    }
                    let #place_type(#node, #(#variables,)*) = #place;
                    #node.check()?;
                    #(
                        // SAFETY: as above.
                        #loads_to;
                    )*
                    #result::Ok(())
                }

                fn assign(#lent: &mut Self::Mut<'_>, #value: &Self) -> #krate::Result<()> {
                    #(#private::named(#assigns, #names)?;)*
                    #result::Ok(())
                }

                #[inline]
                fn reborrow<'a, 's: 'a>(#lent: &'a mut Self::Mut<'s>) -> Self::Mut<'a> {
                    #lent_mut { #(#members: #reborrows(&mut #lent.#members),)* }
                }

                #[inline]
                unsafe fn lend<'s>(#place: &Self::Place, #lender: #private::Lender<'s>) -> Self::Ref<'s> {
                    let #place_type(_, #(#variables,)*) = #place;
                    // SAFETY: the check of this struct was that of all its fields.
                    unsafe { #lent_ref { #(#members: #lends(#variables, #lender),)* } }
                }

                #[inline]
                unsafe fn lend_mut<'s>(#place: &Self::Place, #lender: #private::Lender<'s>) -> Self::Mut<'s> {
                    let #place_type(_, #(#variables,)*) = #place;
                    // SAFETY: as above, and the names of all fields differ, so that none is lent twice.
                    unsafe { #lent_mut { #(#members: #lends_mut(#variables, #lender),)* } }
                }
            }

            impl #impl_generics #krate::Fields for #ident #type_generics #clause {
                const NAMES: &'static #private::Names =
                    &#private::Names { own: &[#(#own),*], flattened: &[#(#flattened),*] };

                fn resolve_in(
                    #binder: &#private::Binder<'_, '_>,
                    #node: &#private::BoundNode,
                ) -> #krate::Result<Self::Place> {
                    const {
                        ::core::assert!(
                            <Self as #krate::Fields>::NAMES.distinct(),
                            "two fields of this struct, one of them flattened into it, have the same name in the store",
                        );
                    }
                    #binder.make_room(#node, <Self as #krate::Fields>::NAMES.own)?;
                    // All of them, so that an error names every field that does not fit.
                    match (#(#resolutions,)*) {
                        (#(#result::Ok(#variables),)*) => #result::Ok(#place_type(*#node, #(#variables,)*)),
                        (#(#variables,)*) => {
                            #result::Err(#private::misfits([#(#result::err(#variables)),*]))
                        }
                    }
                }
            }
    }
}
