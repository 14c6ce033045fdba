//! Structs with `#[derive(StructStore)]`, bound to local and shared stores.

// Generated code has unsafe blocks; crates that use it can forbid unsafe code.
#![forbid(unsafe_code)]

use structstore::traits::{Field, Fields, ToValue};
use structstore::{Binding, ErrorKind, Kind, Result, Struct, StructStore, StructStoreShared};
use structstore_tests::SegmentName;

#[derive(StructStore, Clone, Debug, PartialEq)]
struct Subsettings {
    #[structstore(default = 42)]
    subnum: i32,
    #[structstore(default = "bar")]
    substr: String,
    #[structstore(default = [[0.5; 3]; 2])]
    matrix: [[f64; 3]; 2],
}

#[derive(StructStore, Clone, Debug, PartialEq)]
struct Settings {
    #[structstore(default = 5)]
    num: i32,
    #[structstore(default = true)]
    flag: bool,
    #[structstore(default = "foo")]
    str: String,
    gains: [f64; 6],
    subsettings: Subsettings,
}

#[derive(StructStore)]
struct Deep {
    level: u8,
    settings: Settings,
}

/// Runs a test on a local and on a shared store.
fn on_both(test: impl Fn(&Struct) -> Result<()>) -> Result<()> {
    test(&StructStore::new())?;
    let name = SegmentName::new("derive");
    let shared = StructStoreShared::open(&name)?;
    test(&shared)
}

/// The message of the error of a refused binding.
fn refusal<T: Fields>(store: &Struct) -> String {
    store.bind::<T>().expect_err("an error").to_string()
}

#[test]
fn bound_struct_is_changed_by_guards_and_loaded() -> Result<()> {
    on_both(|store| {
        let settings = store.bind::<Settings>()?;
        let mut guard = settings.write()?;
        {
            let s = guard.fields_mut();
            *s.num = 42;
            *s.subsettings.subnum += 1;
        }
        drop(guard);
        assert_eq!(store.get::<i32>("num")?, 42);
        assert_eq!(store.at("subsettings")?.get::<i32>("subnum")?, 43);

        settings.with_mut(|s| *s.num = 7)?;
        assert_eq!(*settings.read()?.fields().num, 7);
        let snapshot: Settings = settings.load()?;
        assert_eq!((snapshot.num, snapshot.subsettings.subnum), (7, 43));
        Ok(())
    })
}

#[test]
fn every_scalar_has_its_own_type() -> Result<()> {
    #[derive(StructStore)]
    struct Scalars {
        #[structstore(default = true)]
        flag: bool,
        #[structstore(default = -128)]
        i8: i8,
        #[structstore(default = -32_768)]
        i16: i16,
        #[structstore(default = -2_147_483_648)]
        i32: i32,
        #[structstore(default = i64::MIN)]
        i64: i64,
        #[structstore(default = 255)]
        u8: u8,
        #[structstore(default = 0xffff)]
        u16: u16,
        #[structstore(default = 4_294_967_295)]
        u32: u32,
        #[structstore(default = u64::MAX)]
        u64: u64,
        #[structstore(default = -0.5)]
        f32: f32,
        #[structstore(default = 1e300)]
        f64: f64,
    }

    on_both(|store| {
        let scalars = store.bind::<Scalars>()?;
        let kinds = [
            ("flag", Kind::Bool),
            ("i8", Kind::I8),
            ("i16", Kind::I16),
            ("i32", Kind::I32),
            ("i64", Kind::I64),
            ("u8", Kind::U8),
            ("u16", Kind::U16),
            ("u32", Kind::U32),
            ("u64", Kind::U64),
            ("f32", Kind::F32),
            ("f64", Kind::F64),
        ];
        for (name, kind) in kinds {
            assert_eq!(store.kind(name)?, kind);
        }
        let guard = scalars.read()?;
        let s = guard.fields();
        assert!(*s.flag);
        assert_eq!((*s.i8, *s.i16, *s.i32, *s.i64), (i8::MIN, i16::MIN, i32::MIN, i64::MIN));
        assert_eq!((*s.u8, *s.u16, *s.u32, *s.u64), (u8::MAX, u16::MAX, u32::MAX, u64::MAX));
        assert_eq!((*s.f32, *s.f64), (-0.5, 1e300));
        Ok(())
    })
}

#[test]
fn arrays_and_text_are_lent_in_place() -> Result<()> {
    on_both(|store| {
        let settings = store.bind::<Settings>()?;
        settings.with_mut(|mut s| {
            s.gains[5] = 1.5;
            s.subsettings.matrix[1][2] = -1.0;
            s.str.set("a text that is longer than the one before")?;
            assert_eq!(s.str.as_str()?, "a text that is longer than the one before");
            s.subsettings.substr.set("")
        })?;
        let loaded = settings.load()?;
        assert_eq!(loaded.gains, [0.0, 0.0, 0.0, 0.0, 0.0, 1.5]);
        assert_eq!(loaded.subsettings.matrix, [[0.5; 3], [0.5, 0.5, -1.0]]);
        assert_eq!(loaded.str, store.get::<String>("str")?);
        assert_eq!(loaded.subsettings.substr, "");
        settings.with(|s| assert_eq!(s.str.as_str().unwrap(), loaded.str))
    })
}

#[test]
fn structs_nest_two_levels_deep() -> Result<()> {
    on_both(|store| {
        let deep = store.bind::<Deep>()?;
        deep.with_mut(|s| {
            *s.level = 3;
            *s.settings.subsettings.subnum = -1;
        })?;
        assert_eq!(store.at("settings.subsettings")?.get::<i32>("subnum")?, -1);

        // A part of what is bound can be bound on its own.
        let part: Binding<Subsettings> = store.at("settings.subsettings")?.bind()?;
        part.with_mut(|s| *s.subnum -= 1)?;
        assert_eq!(deep.load()?.settings.subsettings.subnum, -2);
        Ok(())
    })
}

#[test]
fn defaults_are_any_expression() -> Result<()> {
    const LIMIT: u16 = 7;
    // Names of variables in generated code must not affect the defaults.
    fn node() -> u32 {
        9
    }

    struct Unit;
    impl Unit {
        const SIZE: usize = 2;
    }

    #[derive(StructStore)]
    struct Defaults {
        #[structstore(default = LIMIT + 1)]
        sum: u16,
        #[structstore(default = node())]
        call: u32,
        #[structstore(default = [1.0; Unit::SIZE])]
        array: [f32; 2],
        #[structstore(default = format!("{}-{}", 1, LIMIT))]
        text: String,
        #[structstore(default = if LIMIT > 3 { -1 } else { 1 })]
        branch: i8,
        #[structstore(default = Inner { value: 4 })]
        inner: Inner,
        none: String,
    }

    #[derive(StructStore, Debug, PartialEq)]
    struct Inner {
        #[structstore(default = 3)]
        value: i64,
    }

    macro_rules! with_default {
        ($name:ident, $type:ty, $default:expr) => {
            #[derive(StructStore)]
            struct $name {
                #[structstore(default = $default)]
                field: $type,
            }
        };
    }
    with_default!(ThroughMacro, String, "expr");

    let initial = Defaults::initial();
    assert_eq!((initial.sum, initial.call, initial.array), (8, 9, [1.0; 2]));
    assert_eq!((initial.text.as_str(), initial.branch), ("1-7", -1));
    assert_eq!(initial.inner, Inner { value: 4 });
    assert_eq!(initial.none, "");
    assert_eq!(ThroughMacro::initial().field, "expr");
    on_both(|store| {
        let loaded = store.bind::<Defaults>()?.load()?;
        assert_eq!(loaded.to_value()?, initial.to_value()?);
        Ok(())
    })
}

#[test]
fn fields_have_their_names_or_those_of_rename() -> Result<()> {
    #[derive(StructStore)]
    struct Names {
        r#type: i32,
        #[structstore(rename = "a name. with dots", default = 2)]
        renamed: i32,
        // The stored names are swapped, which is odd but allowed.
        #[structstore(rename = "second")]
        first: u8,
        #[structstore(rename = "first")]
        #[structstore(default = 1)]
        second: u8,
    }

    on_both(|store| {
        let names = store.bind::<Names>()?;
        assert_eq!(store.names()?, ["type", "a name. with dots", "second", "first"]);
        names.with_mut(|s| *s.r#type = *s.renamed)?;
        assert_eq!(store.get::<i32>("type")?, 2);
        assert_eq!(store.get::<u8>("first")?, 1);
        let loaded = names.load()?;
        assert_eq!((loaded.r#type, loaded.renamed, loaded.first, loaded.second), (2, 2, 0, 1));

        store.delete("type").expect_err("it is declared");
        Ok(())
    })
}

#[test]
fn structs_may_be_generic() -> Result<()> {
    #[derive(StructStore)]
    struct Pair<T, U = T>
    where
        T: Clone,
    {
        left: T,
        right: U,
    }

    #[derive(StructStore)]
    struct Filter<T: Clone, const N: usize> {
        #[structstore(default = [0.25; N])]
        weights: [f64; N],
        state: [T; N],
        range: Pair<T>,
    }

    // Fields are bound by their types, not by the names of these.
    type Alias = Pair<Subsettings, f32>;
    #[derive(StructStore)]
    struct Aliased {
        alias: Alias,
    }

    on_both(|store| {
        let filter = store.ensure_struct("filter")?.bind::<Filter<i16, 4>>()?;
        filter.with_mut(|mut s| {
            let s = s.reborrow();
            s.state[3] = 7;
            *s.range.left = -7;
        })?;
        let loaded = filter.load()?;
        assert_eq!((loaded.weights, loaded.state), ([0.25; 4], [0, 0, 0, 7]));
        assert_eq!((loaded.range.left, loaded.range.right), (-7, 0));

        // The same generic struct with another parameter is another type.
        let message = refusal::<Filter<i16, 5>>(&store.at("filter")?);
        let remedy = "`undeclare` the field and remove it, or give this one another name";
        assert_eq!(
            message,
            format!(
                "2 fields do not fit:\n  \
                 filter.weights: found f64[4], expected f64[5]; {remedy}\n  \
                 filter.state: found i16[4], expected i16[5]; {remedy}"
            )
        );

        let aliased = store.ensure_struct("aliased")?.bind::<Aliased>()?;
        aliased.with_mut(|s| *s.alias.left.subnum += *s.alias.right as i32 + 1)?;
        assert_eq!(aliased.load()?.alias.left.subnum, 43);
        Ok(())
    })
}

mod without_prelude {
    #![no_implicit_prelude]

    use ::std::string::String;

    // Shadows names that careless generated code would use.
    mod core {}
    #[expect(dead_code, reason = "it is there not to be used")]
    struct Result;

    #[derive(::structstore::StructStore)]
    pub(super) struct Bare {
        #[structstore(default = 1)]
        pub(super) num: i32,
        #[structstore(default = "bare")]
        pub(super) text: String,
        list: [u8; 2],
        inner: Inner,
        mode: Mode,
        metres: Metres,
        #[structstore(flatten)]
        flat: Flat,
        #[structstore(skip)]
        pub(super) skipped: bool,
        #[structstore(with = "halves", default)]
        pub(super) halves: f64,
        optional: ::std::option::Option<Inner>,
        many: ::std::vec::Vec<Inner>,
    }

    #[derive(::structstore::StructStore)]
    struct Inner {
        value: f32,
    }

    #[derive(::structstore::StructStore)]
    struct Flat {
        /// Laid into the other one.
        flattened: i8,
    }

    #[derive(::structstore::StructStore)]
    enum Mode {
        Off,
        #[structstore(default)]
        On,
    }

    #[derive(::structstore::StructStore)]
    struct Metres(#[structstore(with = "halves", default = 2.5)] f64);

    mod halves {
        pub(super) type Stored = i64;

        pub(super) fn to_stored(number: &f64) -> i64 {
            (*number * 2.0) as i64
        }

        pub(super) fn from_stored(halves: i64) -> ::std::result::Result<f64, ::std::convert::Infallible> {
            ::std::result::Result::Ok(halves as f64 / 2.0)
        }
    }
}

#[test]
fn generated_code_needs_no_prelude() -> Result<()> {
    let bare = StructStore::new().bind::<without_prelude::Bare>()?.load()?;
    assert_eq!((bare.num, bare.text.as_str(), bare.halves, bare.skipped), (1, "bare", 0.0, false));
    Ok(())
}

mod reexported {
    pub(crate) use structstore as store;

    #[derive(structstore::StructStore)]
    #[structstore(crate = "crate::reexported::store")]
    pub(super) struct Elsewhere {
        #[structstore(default = 6)]
        pub(super) num: i32,
    }
}

#[test]
fn crate_attribute_names_a_reexport() -> Result<()> {
    assert_eq!(StructStore::new().bind::<reexported::Elsewhere>()?.load()?.num, 6);
    Ok(())
}

#[test]
fn private_types_may_be_fields_of_public_ones() -> Result<()> {
    #[expect(unreachable_pub, reason = "the public interface of a crate is what is tested")]
    mod api {
        #[derive(structstore::StructStore)]
        struct Private {
            #[structstore(default = 8)]
            value: i32,
        }

        #[derive(structstore::StructStore)]
        pub struct Public {
            private: Private,
            pub shown: i32,
        }

        impl PublicMut<'_> {
            pub fn publish(self) {
                *self.shown = *self.private.value;
            }
        }
    }

    let public = StructStore::new().bind::<api::Public>()?;
    public.with_mut(|s| s.publish())?;
    assert_eq!(public.load()?.shown, 8);
    Ok(())
}

#[test]
fn binding_keeps_the_values_that_are_there() -> Result<()> {
    on_both(|store| {
        store.set("num", 1_i32)?;
        store.set("unrelated", "kept")?;
        store.ensure_struct("subsettings")?.set("substr", "there before")?;
        let settings = store.bind::<Settings>()?;
        let loaded = settings.load()?;
        assert_eq!((loaded.num, loaded.str.as_str()), (1, "foo"));
        assert_eq!((loaded.subsettings.substr.as_str(), loaded.subsettings.subnum), ("there before", 42));
        assert_eq!(store.get::<String>("unrelated")?, "kept");
        Ok(())
    })
}

#[test]
fn errors_name_the_whole_path() -> Result<()> {
    on_both(|store| {
        store.ensure_struct("subsettings")?.set("subnum", "text")?;
        let advice = "; remove the old field, or give this one another name";
        let expected = format!("subsettings.subnum: found str, expected i32{advice}");
        assert_eq!(refusal::<Settings>(store), expected);
        // A refused binding creates no fields.
        assert_eq!(store.names()?, ["subsettings"]);
        store.delete("subsettings")?;

        store.set("subsettings", 5)?;
        assert!(
            refusal::<Settings>(store).starts_with("subsettings: found i"),
            "{}",
            refusal::<Settings>(store)
        );
        store.delete("subsettings")?;

        store.set("gains", 1.0)?;
        assert!(
            refusal::<Settings>(store).starts_with("gains: found f64, expected"),
            "{}",
            refusal::<Settings>(store)
        );
        store.delete("gains")?;

        store
            .ensure_struct("outer")?
            .ensure_struct("settings")?
            .ensure_struct("subsettings")?
            .set("subnum", 1.5)?;
        assert_eq!(
            refusal::<Deep>(&store.at("outer")?),
            format!("outer.settings.subsettings.subnum: found f64, expected i32{advice}")
        );
        Ok(())
    })
}

#[test]
fn binding_again_gives_the_same_fields() -> Result<()> {
    on_both(|store| {
        let first = store.bind::<Settings>()?;
        let second = store.bind::<Settings>()?;
        first.with_mut(|s| *s.num = 1)?;
        second.with_mut(|s| *s.num += 1)?;
        assert_eq!(first.load()?, second.load()?);
        assert_eq!(first.load()?.num, 2);
        Ok(())
    })
}

#[test]
fn replace_and_load_round_trip_and_reset_restores_defaults() -> Result<()> {
    on_both(|store| {
        let settings = store.bind::<Settings>()?;
        let value = Settings {
            num: -1,
            flag: false,
            str: "some other text".into(),
            gains: [1.0, 2.0, 3.0, 4.0, 5.0, f64::INFINITY],
            subsettings: Subsettings { subnum: 0, substr: String::new(), matrix: [[9.0; 3]; 2] },
        };
        settings.replace(&value)?;
        assert_eq!(settings.load()?, value);
        assert_eq!(store.at("subsettings")?.get::<i32>("subnum")?, 0);

        settings.reset()?;
        assert_eq!(settings.load()?, Settings::initial());
        assert_eq!(settings.load()?.subsettings.substr, "bar");
        Ok(())
    })
}

#[test]
fn guard_excludes_this_threads_other_handles() -> Result<()> {
    on_both(|store| {
        let settings = store.bind::<Settings>()?;
        let again = store.bind::<Settings>()?;
        let part = store.at("subsettings")?.bind::<Subsettings>()?;
        store.set("beside", 1)?;

        let mut guard = settings.write()?;
        *guard.fields_mut().num = 8;
        assert!(matches!(store.get::<i32>("num"), Err(error) if error.kind() == ErrorKind::HeldByGuard));
        assert!(matches!(store.set("num", 1), Err(error) if error.kind() == ErrorKind::HeldByGuard));
        assert_eq!(again.write().err().unwrap().kind(), ErrorKind::HeldByGuard);
        assert_eq!(again.read().err().unwrap().kind(), ErrorKind::HeldByGuard);
        assert!(matches!(settings.load(), Err(error) if error.kind() == ErrorKind::HeldByGuard));
        assert_eq!(part.write().err().unwrap().kind(), ErrorKind::HeldByGuard);
        assert_eq!(*guard.fields().num, 8);
        drop(guard);

        assert_eq!(store.get::<i32>("num")?, 8);
        part.with_mut(|s| *s.subnum += 1)?;
        Ok(())
    })
}

#[test]
fn companions_can_be_passed_on_and_kept() -> Result<()> {
    fn raise(s: SettingsMut<'_>) {
        *s.num += 1;
        nested(s.subsettings);
    }

    fn nested(mut s: SubsettingsMut<'_>) {
        {
            let again = s.reborrow();
            *again.subnum += 1;
        }
        *s.subnum += 1;
    }

    fn sum(s: &SettingsRef<'_>) -> i32 {
        *s.num + *s.subsettings.subnum
    }

    on_both(|store| {
        let settings = store.bind::<Settings>()?;
        let mut guard = settings.write()?;
        {
            let mut s = guard.fields_mut();
            raise(s.reborrow());
            raise(s.reborrow());
            s.reborrow().str.set("through two reborrows")?;
            assert_eq!(s.str.as_str()?, "through two reborrows");
            raise(s);
        }
        assert_eq!(sum(&guard.fields()), 8 + 48);
        Ok(())
    })
}
