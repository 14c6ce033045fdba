//! The code that is generated.
//!
//! It works under `#![no_implicit_prelude]`: all paths are absolute, and methods of traits are called by path. It
//! names its variables with `Span::mixed_site`, so that the expressions of defaults do not see them.

use std::collections::HashSet;

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, ExprLit, Generics, Lit, Type, parse_quote};

use crate::parse::{Default, Field, Input, Shape, Storage, Variant, Version, ungroup};

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

impl Field {
    /// The type as which it is stored.
    fn stored(&self, input: &Input) -> TokenStream {
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
    fn wrapper(&self, input: &Input) -> Option<TokenStream> {
        let krate = &input.krate;
        match self.storage {
            Storage::Live => Some(quote!(#krate::Live)),
            Storage::Limited => Some(quote!(#krate::Limited)),
            _ => None,
        }
    }

    /// Whether the field declares metadata.
    fn tells(&self) -> bool {
        !self.told.0.is_empty() || !self.description().is_empty()
    }

    /// The metadata that the field declares.
    fn told(&self, input: &Input) -> TokenStream {
        let krate = &input.krate;
        let description = self.description();
        let described = (!description.is_empty()).then(|| quote!(.description(#description)));
        let told = self.told.0.iter().map(|(method, value)| quote!(.#method(#value)));
        quote!(#krate::Meta::new()#described #(#told)*)
    }

    /// `<T as Field>::item`, with the span of the type, so that the compiler's errors point to that, and are all the
    /// same, so that it reports each once.
    fn item(&self, input: &Input, item: TokenStream) -> TokenStream {
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
    fn default(&self, input: &Input) -> TokenStream {
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

    fn to_value(&self, input: &Input) -> TokenStream {
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
    fn pack(&self, input: &Input, to: &Ident) -> TokenStream {
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
    fn put(&self, input: &Input, place: &Ident, to: &Ident, value: &Ident) -> TokenStream {
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
    fn assign(&self, input: &Input, lent: &Ident, value: &Ident) -> TokenStream {
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
    fn load(&self, input: &Input, place: &Ident, lender: &Ident) -> TokenStream {
        let load = self.item(input, quote!(load));
        self.of_stored(input, quote!(#load(#place, #lender)))
    }

    /// The value of the source's type, of a result of the type as which it is stored.
    fn of_stored(&self, input: &Input, stored: TokenStream) -> TokenStream {
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

fn private(input: &Input) -> TokenStream {
    let krate = &input.krate;
    quote!(#krate)
}

/// `SettingsRef` or `SettingsMut`.
fn companion(input: &Input, stored: &[&Field], suffix: &str, guard: &str) -> TokenStream {
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
fn reborrow(input: &Input) -> TokenStream {
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

fn struct_impl(input: &Input, all: &[Field], stored: &[&Field]) -> TokenStream {
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
    let (mut at, mut loads) = (variables.iter().zip(&names), Vec::new());
    for field in all {
        let member = &field.member;
        let value = match (&field.storage, field.default(input)) {
            (Storage::Skip, default) => default,
            _ => {
                let Some((variable, name)) = at.next() else { break };
                let load = field.load(input, variable, &lender);
                quote!(#private::named(#load, #name)?)
            }
        };
        loads.push(quote!(#member: #value));
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

fn newtype_impl(input: &Input, field: &Field) -> TokenStream {
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

fn enum_impl(input: &Input, variants: &[Variant]) -> TokenStream {
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
