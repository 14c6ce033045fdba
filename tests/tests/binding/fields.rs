//! Every type that can be a field of a bound struct, on local and shared stores.

#![forbid(unsafe_code)]

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use structstore::traits::Field;
use structstore::typed::{ByteBuf, NdArray, Schema};
use structstore::{
    Array, ArrayValue, Error, ErrorKind, Kind, List, Meta, Result, Struct, StructStore, StructStoreShared,
    Value,
};
use structstore_tests::SegmentName;

/// Runs a test on a local and on a shared store, and checks the latter.
fn on_both(test: impl Fn(&Struct) -> Result<()>) -> Result<()> {
    test(&StructStore::new())?;
    let name = SegmentName::new("fields");
    let shared = StructStoreShared::open(&name)?;
    test(&shared)?;
    shared.check()
}

#[derive(StructStore, Clone, Copy, Debug, PartialEq)]
#[structstore(rename_all = "snake_case")]
enum Mode {
    Off,
    #[structstore(default)]
    StandBy,
    #[structstore(rename = "go!")]
    Moving,
}

#[derive(StructStore, Clone, Debug, PartialEq)]
struct Item {
    #[structstore(default = 7)]
    id: u32,
    #[structstore(default = "unnamed")]
    name: String,
}

#[derive(StructStore, Clone, Copy, Debug, PartialEq)]
struct Metres(f64);

#[derive(StructStore, Clone, Debug, PartialEq)]
struct Named(#[structstore(default = "nobody")] String);

mod millis {
    use std::time::Duration;

    pub(super) type Stored = u64;

    pub(super) fn to_stored(duration: &Duration) -> u64 {
        duration.as_millis() as u64
    }

    pub(super) fn from_stored(millis: u64) -> Result<Duration, &'static str> {
        if millis < 1_000_000 { Ok(Duration::from_millis(millis)) } else { Err("longer than anybody waits") }
    }
}

#[derive(StructStore, Clone, Debug, PartialEq)]
struct Everything {
    mode: Mode,
    reach: Metres,
    owner: Named,
    #[structstore(default = Some(1.5))]
    limit: Option<f64>,
    alias: Option<String>,
    best: Option<Item>,
    window: Option<[u8; 2]>,
    #[structstore(default = vec![1, 2, 3])]
    trail: Vec<i16>,
    flags: Vec<bool>,
    words: Vec<String>,
    items: Vec<Item>,
    rows: Vec<Vec<f32>>,
    sorted: BTreeMap<String, f64>,
    unsorted: HashMap<String, Item>,
    image: NdArray<u8, 2>,
    boxed: Box<Item>,
    payload: ByteBuf,
    #[structstore(with = "structstore::bytes")]
    bytes: Vec<u8>,
    #[structstore(with = "millis", default = Duration::from_millis(20))]
    period: Duration,
    count: usize,
    offset: isize,
    #[structstore(live)]
    joints: [[f64; 2]; 3],
}

fn everything() -> Everything {
    let item = |id: u32, name: &str| Item { id, name: name.to_owned() };
    Everything {
        mode: Mode::Moving,
        reach: Metres(2.5),
        owner: Named("somebody".into()),
        limit: None,
        alias: Some("other name".into()),
        best: Some(item(1, "best")),
        window: Some([3, 4]),
        trail: vec![-1; 100],
        flags: vec![true, false],
        words: vec!["one".into(), "two".into()],
        items: vec![item(2, "two"), item(3, "three")],
        rows: vec![vec![0.5], vec![], vec![1.5, 2.5]],
        sorted: [("b".to_owned(), 2.0), ("a".to_owned(), 1.0)].into(),
        unsorted: [("x".to_owned(), item(4, "four"))].into(),
        image: NdArray::new([2, 2], vec![1, 2, 3, 4]).unwrap(),
        boxed: Box::new(item(5, "five")),
        payload: ByteBuf(vec![0xff, 0]),
        bytes: vec![1, 2, 3],
        period: Duration::from_millis(5),
        count: usize::MAX,
        offset: isize::MIN,
        joints: [[0.5, 1.5], [2.5, 3.5], [4.5, 5.5]],
    }
}

#[test]
fn every_field_type_has_its_default_and_round_trips() -> Result<()> {
    on_both(|store| {
        let bound = store.bind::<Everything>()?;
        let initial = bound.load()?;
        assert_eq!(initial, Everything::initial());
        assert_eq!(
            (initial.mode, initial.limit, initial.trail.as_slice()),
            (Mode::StandBy, Some(1.5), &[1, 2, 3][..])
        );
        assert_eq!((initial.owner.0.as_str(), initial.period), ("nobody", Duration::from_millis(20)));
        assert_eq!((initial.best, initial.image.shape()), (None, [0, 0]));

        bound.replace(&everything())?;
        assert_eq!(bound.load()?, everything());
        // Once more, over the same values.
        bound.replace(&everything())?;
        assert_eq!(bound.load()?, everything());
        bound.reset()?;
        assert_eq!(bound.load()?, Everything::initial());
        bound.replace(&everything())?;

        // As a whole, through what a guard lends; in place where something is lent in place.
        bound.reset()?;
        bound.with_mut(|mut fields| {
            fields.set(&everything())?;
            assert_eq!((*fields.count, fields.window.get()?), (usize::MAX, Some(&[3, 4])));
            fields.boxed.set(&everything().boxed)
        })?;
        assert_eq!(bound.load()?, everything());
        let undone = bound.transaction(|mut fields| {
            fields.set(&Everything::initial())?;
            Err::<(), _>(Error::rejected("undone"))
        });
        assert_eq!(undone.unwrap_err().kind(), ErrorKind::Rejected);
        assert_eq!(bound.load()?, everything());

        // Another binding finds the same values.
        assert_eq!(store.bind::<Everything>()?.load()?, everything());
        Ok(())
    })
}

#[test]
fn every_field_type_has_its_kind() -> Result<()> {
    on_both(|store| {
        let bound = store.bind::<Everything>()?;
        bound.replace(&everything())?;
        let kinds = [
            ("mode", Kind::Str),
            ("reach", Kind::F64),
            ("limit", Kind::Null),
            ("alias", Kind::Str),
            ("best", Kind::Struct),
            ("window", Kind::Array),
            ("trail", Kind::Array),
            ("flags", Kind::List),
            ("items", Kind::List),
            ("sorted", Kind::Struct),
            ("image", Kind::Array),
            ("boxed", Kind::Struct),
            ("payload", Kind::Bytes),
            ("bytes", Kind::Bytes),
            ("period", Kind::U64),
            ("count", Kind::U64),
            ("offset", Kind::I64),
        ];
        for (name, kind) in kinds {
            assert_eq!(store.kind(name)?, kind, "{name}");
            assert!(
                matches!(store.delete(name), Err(error) if error.kind() == ErrorKind::Declared),
                "{name}"
            );
        }
        assert_eq!(store.get::<String>("mode")?, "go!");
        assert_eq!(store.get::<Array>("image")?.shape()?, [2, 2]);
        Ok(())
    })
}

#[test]
fn every_field_type_is_lent_by_write_and_read_guards() -> Result<()> {
    on_both(|store| {
        let bound = store.bind::<Everything>()?;
        bound.replace(&everything())?;
        let mut guard = bound.write()?;
        {
            let mut s = guard.fields_mut();
            assert_eq!(s.mode.get()?, Mode::Moving);
            s.mode.set(Mode::Off)?;
            *s.reach += 0.5;
            s.owner.set("else")?;
            assert!(s.limit.is_none() && s.limit.get_mut()?.is_none());
            s.limit.set(Some(0.5))?;
            *s.limit.get_mut()?.unwrap() *= 4.0;
            s.alias.set(None)?;
            s.best.get_mut()?.unwrap().name.set("better")?;
            s.window.get_mut()?.unwrap()[1] = 9;
            s.trail.as_mut_slice()?[0] = 5;
            s.trail.truncate(3)?;
            s.trail.push(6)?;
            assert_eq!(s.trail.as_slice()?, [5, -1, -1, 6]);
            *s.flags.get_mut(1)? = true;
            s.words.push(&"three".into())?;
            s.words.remove(0)?;
            s.items.for_each_mut(|item| {
                *item.id += 10;
                Ok::<_, Error>(())
            })?;
            s.items.insert(0, &Item { id: 0, name: "new".into() })?;
            s.rows.get_mut(1)?.extend_from_slice(&[7.0, 8.0])?;
            s.sorted.insert("c", &3.0)?;
            assert!(s.sorted.remove("a")? && !s.sorted.remove("a")?);
            *s.unsorted.get_mut("x")?.unwrap().id = 40;
            assert!(s.unsorted.get_mut("y")?.is_none());
            s.image.set([1, 3], &[7, 8, 9])?;
            s.boxed.name.set("boxed")?;
            s.payload.set(b"payload")?;
            *s.period = 6;
            *s.count -= 1;
        }
        drop(guard);

        let guard = bound.read()?;
        let s = guard.fields();
        assert_eq!((s.mode.get()?, *s.reach, s.owner.as_str()?), (Mode::Off, 3.0, "else"));
        assert_eq!((s.limit, s.alias.is_none()), (Some(&2.0), true));
        assert_eq!(s.best.unwrap().name.as_str()?, "better");
        assert_eq!(s.window, Some(&[3, 9]));
        assert_eq!(s.trail.as_slice()?, [5, -1, -1, 6]);
        assert_eq!(s.flags.iter().collect::<Result<Vec<_>>>()?, [&true, &true]);
        assert_eq!(s.words.get(1)?.as_str()?, "three");
        assert_eq!(
            s.items.iter().map(|item| item.map(|item| *item.id)).collect::<Result<Vec<_>>>()?,
            [0, 12, 13]
        );
        assert_eq!(s.items.load(0)?, Item { id: 0, name: "new".into() });
        assert_eq!(s.rows.get(1)?.as_slice()?, [7.0, 8.0]);
        assert_eq!(s.sorted.names()?, ["b", "c"].map(String::from));
        assert_eq!(s.sorted.get("c")?, Some(&3.0));
        assert_eq!(*s.unsorted.get("x")?.unwrap().id, 40);
        assert!(s.unsorted.get("y")?.is_none());
        assert_eq!((s.image.shape()?, s.image.as_slice()?), ([1, 3], &[7, 8, 9][..]));
        assert_eq!(s.boxed.name.as_str()?, "boxed");
        assert_eq!(s.payload.as_bytes()?, b"payload");
        assert_eq!((*s.period, *s.count), (6, usize::MAX - 1));
        Ok(())
    })
}

/// A guard lends the values that it has written, also where they have got other memory.
#[test]
fn a_guard_reads_what_it_has_written() -> Result<()> {
    on_both(|store| {
        let bound = store.bind::<Everything>()?;
        bound.replace(&everything())?;
        let mut guard = bound.write()?;
        for round in 0..3_u8 {
            {
                let mut s = guard.fields_mut();
                s.mode.set(if round % 2 == 0 { Mode::Off } else { Mode::Moving })?;
                s.alias.set(None)?;
                s.best.set(None)?;
                s.window.set(Some([round; 2]))?;
                s.image.set([1, 1], &[round])?;
                s.trail.clear()?;
            }
            let s = guard.fields();
            assert_eq!(s.mode.get()?, if round % 2 == 0 { Mode::Off } else { Mode::Moving });
            assert!(s.alias.is_none() && s.best.is_none());
            assert_eq!((s.window, s.image.as_slice()?, s.trail.len()?), (Some(&[round; 2]), &[round][..], 0));
            {
                let mut s = guard.fields_mut();
                s.alias.set(Some(format!("alias {round}")))?;
                s.best.set(Some(Item { id: round.into(), name: "best".into() }))?;
                s.window.set(None)?;
                s.window.set(Some([round + 1; 2]))?;
                s.trail.extend_from_slice(&[i16::from(round); 40])?;
            }
            let s = guard.fields();
            assert_eq!(s.alias.unwrap().as_str()?, format!("alias {round}"));
            assert_eq!(*s.best.unwrap().id, u32::from(round));
            assert_eq!((s.window, s.trail.len()?), (Some(&[round + 1; 2]), 40));
        }
        Ok(())
    })
}

#[test]
fn assignment_to_a_declared_field_converts_or_fails() -> Result<()> {
    on_both(|store| {
        let bound = store.bind::<Everything>()?;
        store.set("limit", 3)?;
        assert_eq!(store.kind("limit")?, Kind::F64, "converted");
        store.set("limit", Value::Null)?;
        store.set("limit", 4.5_f32)?;
        assert!(matches!(store.set("limit", "text"), Err(error) if error.kind() == ErrorKind::WrongType));
        assert!(
            matches!(store.set("reach", Value::Null), Err(error) if error.kind() == ErrorKind::WrongType)
        );

        store.set("best", Value::record([("name", Value::from("from elsewhere"))]))?;
        assert!(matches!(store.set("best", 5), Err(error) if error.kind() == ErrorKind::WrongType));
        store.set("trail", vec![1, 2, 3, 4, 5])?;
        store.set("trail", ArrayValue::from_slice(&[2], &[1.0, 2.0])?).expect_err("floats are no integers");
        store.set("trail", ArrayValue::from_slice(&[2, 1], &[1_i16, 2])?).expect_err("another dimension");
        store.set("trail", vec![70_000]).expect_err("too large");
        store.set("items", vec![Value::record([("id", Value::from(9_u32))])])?;
        store.set("sorted", Value::record([("z", Value::from(1.0))]))?;
        store.set("image", ArrayValue::from_slice(&[1, 2], &[5_u8, 6])?)?;
        store.set("window", ArrayValue::from_slice(&[2], &[1_u8, 2])?)?;

        // Who reads finds defaults for missing fields of the parts; a write guard creates them.
        assert_eq!(bound.with(|s| s.best.map(|best| *best.id))?, Some(7));
        assert_eq!(store.at("best")?.names()?, ["name"]);
        bound.with_mut(|mut s| {
            assert_eq!(*s.best.get_mut()?.unwrap().id, 7);
            assert_eq!(s.items.get_mut(0)?.name.as_str()?, "unnamed");
            Ok::<_, Error>(())
        })?;
        store.set("window", Value::Null)?;
        let loaded = bound.load()?;
        assert_eq!(loaded.limit, Some(4.5));
        assert_eq!(loaded.best, Some(Item { id: 7, name: "from elsewhere".into() }));
        assert_eq!(loaded.trail, [1, 2, 3, 4, 5]);
        assert_eq!(loaded.items, [Item { id: 9, name: "unnamed".into() }]);
        assert_eq!(loaded.sorted, [("z".to_owned(), 1.0)].into());
        assert_eq!(loaded.image, NdArray::new([1, 2], vec![5, 6])?);
        assert_eq!(loaded.window, None);
        Ok(())
    })
}

#[test]
fn binding_guard_refuses_values_of_other_types() -> Result<()> {
    on_both(|store| {
        let bound = store.bind::<Everything>()?;
        let error = store.set("mode", "fly").err().unwrap();
        assert_eq!(error.to_string(), r#"mode: found "fly", expected "off" or "stand_by" or "go!""#);
        store.declare("mode", &Meta::new())?;
        store.set("mode", "fly")?;
        let message = r#"mode: found the string "fly", expected "off" or "stand_by" or "go!""#;
        assert_eq!(bound.load().err().unwrap().to_string(), message);
        assert_eq!(bound.with(|fields| fields.mode.get())?.err().unwrap().to_string(), message);
        bound.with_mut(|mut fields| {
            assert_eq!(fields.mode.get().err().unwrap().to_string(), message);
            *fields.count += 1;
            fields.mode.set(Mode::Off)
        })?;
        assert_eq!(bound.load()?.count, 1);
        // A program that starts while it is nonsense cannot declare the choices.
        store.set("mode", "fly")?;
        let error = store.bind::<Everything>().err().unwrap();
        assert_eq!(error.to_string(), r#"mode: found "fly", expected "off" or "stand_by" or "go!""#);
        store.set("mode", "off")?;
        store.bind::<Everything>()?;

        // A null field does not fix the type and shape of the array, so the guard finds the mismatch.
        store.set("window", ArrayValue::from_slice(&[1], &[0.5])?)?;
        let message = bound.read().err().unwrap().to_string();
        assert_eq!(message, "window: found f64[1], expected u8[2]");
        store.set("window", Value::Null)?;
        store.set("period", 2_000_000_u64)?;
        assert_eq!(bound.load().err().unwrap().to_string(), "period: longer than anybody waits");
        store.set("period", 1)?;

        store.set("items", vec![Value::from(1), "two".into()])?;
        let guard = bound.write()?;
        let s = guard.fields();
        assert_eq!(s.items.get(1).err().unwrap().to_string(), "items[1]: found str, expected struct");
        assert_eq!(s.items.get(2).err().unwrap().kind(), ErrorKind::IndexOutOfRange);
        drop(guard);
        assert_eq!(bound.load().err().unwrap().to_string(), "items[0]: found i32, expected struct");
        store.set("items", Vec::<Value<'_>>::new())?;
        store.set("sorted", Value::record([("z", Value::from("text"))]))?;
        assert_eq!(
            bound.with(|s| s.sorted.get("z").err().unwrap().to_string())?,
            "sorted.z: found str, expected f64"
        );
        Ok(())
    })
}

#[test]
fn dynamic_parts_hold_anything() -> Result<()> {
    #[derive(StructStore)]
    struct Robot {
        num: i32,
        log: List,
        extra: Struct,
    }

    on_both(|store| {
        let robot = store.bind::<Robot>()?;
        robot.with_mut(|mut s| {
            s.log.push("started")?;
            s.log.push(5)?;
            s.extra.set("anything", Value::list([1, 2]))?;
            s.extra.set("name", "of any type")
        })?;
        assert_eq!(
            store.to_string(),
            r#"{"num": 0, "log": ["started", 5], "extra": {"anything": [1, 2], "name": "of any type"}}"#
        );
        robot.with(|s| {
            assert_eq!((s.log.get::<String>(0)?.as_str(), s.log.len()?), ("started", 2));
            assert_eq!(s.extra.get::<String>("name")?, "of any type");
            Ok::<_, Error>(())
        })??;
        let copy = robot.load()?;
        copy.log.push("only in the copy")?;
        copy.extra.set("name", "only in the copy")?;
        assert_eq!(store.ensure_list("log")?.len()?, 2);
        robot.replace(&copy)?;
        assert_eq!(store.ensure_list("log")?.len()?, 3);
        assert_eq!(store.at("extra")?.get::<String>("name")?, "only in the copy");
        Ok(())
    })
}

#[test]
fn flattened_and_skipped_fields() -> Result<()> {
    #[derive(StructStore, Debug, PartialEq)]
    #[structstore(rename_all = "camelCase")]
    struct Outer {
        first_field: i32,
        #[structstore(flatten)]
        inner: Item,
        #[structstore(flatten)]
        generic: Pair<f64>,
        #[structstore(skip)]
        runtime: Vec<std::path::PathBuf>,
        #[structstore(skip, default = 5)]
        cycles: u64,
        #[structstore(default)]
        last_field: [u8; 3],
    }

    #[derive(StructStore, Debug, PartialEq)]
    struct Pair<T> {
        #[structstore(rename = "x")]
        left: T,
        right: Option<T>,
    }

    on_both(|store| {
        let outer = store.bind::<Outer>()?;
        assert_eq!(store.names()?, ["firstField", "id", "name", "x", "right", "lastField"]);
        outer.with_mut(|mut s| {
            *s.first_field = 1;
            *s.inner.id = 2;
            *s.generic.left = 3.0;
            s.generic.right.set(Some(4.0))
        })?;
        let mut loaded = outer.load()?;
        assert_eq!((loaded.first_field, loaded.inner.id, loaded.cycles), (1, 2, 5));
        assert_eq!(loaded.generic, Pair { left: 3.0, right: Some(4.0) });
        loaded.runtime.push("/tmp".into());
        loaded.inner.name = "renamed".into();
        outer.replace(&loaded)?;
        assert_eq!(store.get::<String>("name")?, "renamed");
        assert_eq!(outer.load()?.runtime, Vec::<std::path::PathBuf>::new());

        store.set("name", "five")?;
        let other = store.ensure_struct("other")?;
        other.set("id", "text")?;
        let error = other.bind::<Outer>().err().unwrap().to_string();
        assert!(error.starts_with("other.id: found str, expected u32"), "{error}");
        assert_eq!(other.names()?, ["id"], "nothing is created by what fails");
        Ok(())
    })
}

#[test]
fn schemas_describe_themselves() {
    /// The struct's own documentation is not a field's.
    #[derive(StructStore)]
    struct Documented {
        /// How fast,
        /// in metres per second.
        ///
        /// Never negative.
        #[structstore(default = 1.0)]
        speed: f64,
        mode: Mode,
        /// Where it has been.
        trail: Vec<f32>,
        grid: NdArray<u8, 2>,
        matrix: [[f64; 3]; 2],
        items: Vec<Item>,
        /// Perhaps nobody.
        owner: Option<String>,
        #[structstore(flatten)]
        pair: Item,
        extra: Struct,
    }

    let schema = Documented::schema();
    assert_eq!(
        schema.field("speed").unwrap().meta.description,
        "How fast,\nin metres per second.\n\nNever negative."
    );
    assert_eq!(schema.field("speed").unwrap().schema, Schema::Scalar(Kind::F64));
    assert_eq!(
        schema.to_string(),
        r#"struct
  speed: f64  -- How fast,
  mode: "off" | "stand_by" | "go!"
  trail: f32[_]  -- Where it has been.
  grid: u8[_, _]
  matrix: f64[2, 3]
  items: list of struct
    id: u32
    name: str
  owner: null or str  -- Perhaps nobody.
  id: u32
  name: str
  extra: struct of any fields"#
    );
}

#[test]
fn bind_widening_converts_an_older_schema() -> Result<()> {
    mod old {
        #[derive(structstore::StructStore)]
        pub(super) struct Settings {
            pub(super) speed: f32,
            pub(super) count: i16,
            pub(super) gains: [f32; 2],
            pub(super) trail: Vec<u8>,
            pub(super) name: String,
        }
    }
    mod new {
        #[derive(structstore::StructStore)]
        pub(super) struct Settings {
            pub(super) speed: f64,
            pub(super) count: i64,
            pub(super) gains: [f64; 2],
            pub(super) trail: Vec<i32>,
            pub(super) name: Option<String>,
            #[structstore(default = 3)]
            pub(super) added: u8,
        }
    }

    on_both(|store| {
        let before = store.bind::<old::Settings>()?;
        before.replace(&old::Settings {
            speed: 1.5,
            count: -2,
            gains: [0.5, 2.0],
            trail: vec![1, 2],
            name: "arm".into(),
        })?;
        let error = store.bind::<new::Settings>().err().unwrap().to_string();
        assert_eq!(
            error.lines().collect::<Vec<_>>(),
            [
                "5 fields do not fit:",
                "  speed: found f32, expected f64; `bind_widening` converts it",
                "  count: found i16, expected i64; `bind_widening` converts it",
                "  gains: found f32[2], expected f64[2]; `bind_widening` converts it",
                "  trail: found u8[2], expected i32[_]; `bind_widening` converts it",
                "  name: found str, expected str or null; `bind_widening` converts it",
            ]
        );
        assert!(!store.contains("added")?, "all or nothing");

        let after = store.bind_widening::<new::Settings>()?;
        let loaded = after.load()?;
        assert_eq!((loaded.speed, loaded.count, loaded.gains), (1.5, -2, [0.5, 2.0]));
        assert_eq!((loaded.trail, loaded.name.as_deref(), loaded.added), (vec![1, 2], Some("arm"), 3));
        // The old binding reads what fits, also when it is made again, and narrows nothing.
        let again = store.bind_widening::<old::Settings>()?;
        for old in [&before, &again] {
            let loaded = old.load()?;
            assert_eq!((loaded.speed, loaded.count, loaded.gains), (1.5, -2, [0.5, 2.0]));
            assert_eq!((loaded.trail, loaded.name.as_str()), (vec![1, 2], "arm"));
            assert_eq!(old.read()?.fields().trail.as_slice()?, [1, 2]);
            assert_eq!(old.write().err().unwrap().kind(), ErrorKind::WrongType);
        }
        assert_eq!(store.kind("speed")?, Kind::F64);
        after.with_mut(|mut fields| fields.name.set(None))?;
        let error = before.load().err().unwrap();
        assert_eq!(error.to_string(), "name: found null, expected str");
        assert_eq!(after.load()?.name, None);

        // Lists of numbers, as Python has put them there, become arrays.
        let python = store.ensure_struct("python")?;
        python.set("gains", Value::list([1_i64, 2]))?;
        python.set("trail", Value::list([1_i64, 2, 3]))?;
        python.set("count", 5_i64)?;
        let error = python.bind::<new::Settings>().err().unwrap().to_string();
        assert!(error.contains("python.gains: found list, expected f64[2]; `bind_w"), "{error}");
        let loaded = python.bind_widening::<new::Settings>()?.load()?;
        assert_eq!((loaded.gains, loaded.trail), ([1.0, 2.0], vec![1, 2, 3]));
        Ok(())
    })
}

#[test]
fn vectors_grow_in_place_and_never_under_views() -> Result<()> {
    #[derive(StructStore)]
    struct Trail {
        points: Vec<f64>,
    }

    on_both(|store| {
        let trail = store.bind::<Trail>()?;
        for round in 0..1000 {
            trail.with_mut(|mut s| s.points.push(f64::from(round)))?;
        }
        let expected: Vec<f64> = (0..1000).map(f64::from).collect();
        assert_eq!(trail.load()?.points, expected);

        let view = store.get::<Array>("points")?.view()?;
        trail.with_mut(|mut s| {
            s.points.push(1000.0)?;
            s.points.as_mut_slice()?[0] = -1.0;
            s.points.resize(1002, 0.25)
        })?;
        assert_eq!(view.to_vec::<f64>()?, expected, "a view keeps what it saw");
        let now = trail.load()?.points;
        assert_eq!((now.len(), now[0], now[1000], now[1001]), (1002, -1.0, 1000.0, 0.25));
        trail.with_mut(|mut s| s.points.clear())?;
        assert_eq!(trail.load()?.points, Vec::<f64>::new());
        assert_eq!(view.shape(), [1000]);
        drop(view);
        trail.with_mut(|mut s| s.points.extend_from_slice(&[1.0, 2.0]))?;
        assert_eq!(store.get::<Array>("points")?.to_vec::<f64>()?, [1.0, 2.0]);
        Ok(())
    })
}

#[test]
fn bindings_take_part_in_transactions() -> Result<()> {
    on_both(|store| {
        let bound = store.bind::<Everything>()?;
        bound.replace(&everything())?;
        let failed: Result<()> = bound.transaction(|mut s| {
            s.mode.set(Mode::Off)?;
            *s.reach = 0.0;
            s.limit.set(Some(1.0))?;
            s.alias.set(None)?;
            *s.best.get_mut()?.unwrap().id = 100;
            s.window.get_mut()?.unwrap()[0] = 100;
            s.trail.push(1)?;
            s.trail.truncate(1)?;
            s.trail.extend_from_slice(&[9, 9])?;
            *s.flags.get_mut(0)? = false;
            *s.items.get_mut(0)?.id = 100;
            s.items.remove(1)?;
            s.sorted.insert("new", &1.0)?;
            *s.unsorted.get_mut("x")?.unwrap().id = 100;
            s.image.set([0, 0], &[])?;
            s.boxed.name.set("changed")?;
            *s.period = 100;
            Err(Error::rejected("undone"))
        });
        assert!(matches!(&failed, Err(error) if error.kind() == ErrorKind::Rejected));
        assert_eq!(bound.load()?, everything());

        let array = store.ensure_struct("array")?.bind::<Arrays>()?;
        let failed: Result<()> = array.transaction(|s| {
            s.gains[1] = 5.0;
            s.matrix[1][1] = 5;
            Err(Error::rejected("undone"))
        });
        assert!(failed.is_err());
        assert_eq!(array.load()?.gains, [0.0; 3]);
        assert_eq!(array.load()?.matrix, [[0; 2]; 2]);

        bound.transaction(|s| {
            *s.reach = 9.0;
            Ok::<_, Error>(())
        })?;
        assert_eq!(bound.load()?.reach, Metres(9.0));

        // Together with undeclared fields, in a transaction and in a guard.
        store.transaction(|tx| {
            tx.set("undeclared", 5)?;
            *tx.fields_of(&bound)?.count = 1;
            tx.fields_of(&array)?.gains[0] = 2.0;
            assert_eq!(bound.read().err().unwrap().kind(), ErrorKind::HeldByGuard);
            Ok::<_, Error>(())
        })?;
        assert_eq!((bound.load()?.count, array.load()?.gains[0]), (1, 2.0));
        assert_eq!(*store.read()?.fields_of(&bound)?.count, 1);

        let elsewhere = StructStore::new().bind::<Arrays>()?;
        let mut guard = store.at("array")?.write()?;
        assert_eq!(guard.fields_of(&elsewhere).err().unwrap().kind(), ErrorKind::InvalidArgument);
        assert!(
            guard.fields_of(&bound).err().is_some_and(|error| error.kind() == ErrorKind::InvalidArgument),
            "it lies above"
        );
        guard.fields_of(&array)?.gains[2] = 1.0;
        Ok(())
    })
}

#[derive(StructStore, Debug)]
struct Arrays {
    gains: [f64; 3],
    matrix: [[i32; 2]; 2],
}

#[test]
fn rebind_works_after_reinit() -> Result<()> {
    let name = SegmentName::new("rebind");
    let store = StructStoreShared::open(&name)?;
    let mut settings = store.ensure_struct("robot")?.ensure_struct("arm.left")?.bind::<Item>()?;
    let mut root = store.bind::<Arrays>()?;
    assert!(settings.valid());
    settings.with_mut(|s| *s.id = 1)?;
    let fresh = StructStoreShared::options().reinit(true).open(&name)?;
    assert!(!settings.valid());
    assert_eq!(settings.write().err().unwrap().kind(), ErrorKind::StaleHandle);
    assert_eq!(settings.load().err().unwrap().kind(), ErrorKind::StaleHandle);
    assert_eq!(settings.replace(&Item::initial()).err().unwrap().kind(), ErrorKind::StaleHandle);
    settings.rebind()?;
    root.rebind()?;
    assert_eq!(settings.load()?, Item::initial());
    settings.with_mut(|s| *s.id = 2)?;
    root.with_mut(|s| s.gains[0] = 1.0)?;
    assert_eq!(fresh.at(r#"robot."arm.left""#)?.get::<u32>("id")?, 2);
    settings.rebind()?;
    assert_eq!(settings.load()?.id, 2, "what is valid stays");

    // An item of a list has no name to find it by.
    fresh.set("list", vec![Value::record::<String>([])])?;
    let mut item = fresh.ensure_list("list")?.get::<Struct>(0)?.bind::<Item>()?;
    let error = fresh.ensure_list("list")?.clear().err().unwrap();
    let expected = "list[0]: in use by this process, so it cannot be removed or replaced unless forced";
    assert_eq!(error.to_string(), expected);
    fresh.delete_forced("list")?;
    assert!(matches!(item.rebind(), Err(error) if error.kind() == ErrorKind::StaleHandle));
    fresh.check()
}

#[test]
fn view_of_an_optional_array_keeps_its_elements() -> Result<()> {
    #[derive(StructStore)]
    struct Frames {
        last: Option<[u8; 4]>,
        all: Vec<[u8; 4]>,
    }

    on_both(|store| {
        let frames = store.bind::<Frames>()?;
        frames.with_mut(|mut s| {
            s.last.set(Some([1; 4]))?;
            s.all.push(&[2; 4])
        })?;
        let last = store.get::<Array>("last")?.view()?;
        let all = store.ensure_list("all")?.get::<structstore::Array>(0)?.view()?;
        frames.with_mut(|mut s| {
            s.last.get_mut()?.unwrap()[0] = 10;
            s.all.get_mut(0)?[0] = 20;
            Ok::<_, Error>(())
        })?;
        assert_eq!((last.to_vec::<u8>()?, all.to_vec::<u8>()?), (vec![1; 4], vec![2; 4]));
        let again = store.get::<Array>("last")?.view()?;
        // Reading gives the array a block of its own, too.
        assert_eq!(frames.with(|s| s.last.copied())?, Some([10, 1, 1, 1]));
        assert_eq!(again.to_vec::<u8>()?, [10, 1, 1, 1]);
        assert_eq!(frames.load()?.all, [[20, 2, 2, 2]]);
        Ok(())
    })
}

/// A struct of scalars is copied without a lock, but still as of one moment.
#[test]
fn load_without_a_lock_is_never_torn() -> Result<()> {
    #[derive(StructStore, Debug)]
    struct Pair {
        first: u64,
        flag: bool,
        second: u64,
        third: f64,
    }

    let name = SegmentName::new("torn");
    let store = StructStoreShared::open(&name)?;
    let pair = store.ensure_struct("pair")?.bind::<Pair>()?;
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let pair = store.at("pair")?.bind::<Pair>()?;
            for round in 1..=100_000_u64 {
                pair.with_mut(|pair| {
                    *pair.first = round;
                    *pair.flag = round % 2 == 1;
                    *pair.second = round;
                    *pair.third = round as f64;
                })?;
            }
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
            Ok::<_, Error>(())
        });
        let mut loads = 0;
        while !stop.load(std::sync::atomic::Ordering::Relaxed) {
            let Pair { first, flag, second, third } = pair.load()?;
            assert_eq!((first, first % 2 == 1, first as f64), (second, flag, third));
            loads += 1;
        }
        assert!(loads > 0);
        writer.join().unwrap()
    })?;
    assert_eq!(pair.load()?.first, 100_000);
    let _guard = store.at("pair")?.write()?;
    assert_eq!(pair.load().err().unwrap().kind(), ErrorKind::HeldByGuard);
    Ok(())
}

#[test]
fn arrays_of_ndarray_are_fields() -> Result<()> {
    #[derive(StructStore, Debug, PartialEq)]
    struct Frame {
        #[structstore(default = ndarray::array![[1, 2, 3], [4, 5, 6]])]
        pixels: ndarray::Array2<u16>,
        weights: ndarray::Array1<f32>,
    }

    on_both(|store| {
        let frame = store.bind::<Frame>()?;
        frame.with_mut(|mut s| {
            let mut pixels = s.pixels.view_mut()?;
            pixels.row_mut(1).fill(7);
            pixels[[0, 2]] = 9;
            s.weights.extend_from_slice(&[0.5, 1.5])
        })?;
        let guard = frame.read()?;
        assert_eq!(guard.fields().pixels.view()?, ndarray::array![[1, 2, 9], [7, 7, 7]]);
        assert_eq!(guard.fields().weights.view()?.sum(), 2.0);
        drop(guard);
        let mut loaded = frame.load()?;
        // Not in C order; the stored array is.
        loaded.pixels = loaded.pixels.reversed_axes();
        frame.replace(&loaded)?;
        assert_eq!(store.get::<Array>("pixels")?.to_vec::<u16>()?, [1, 7, 2, 7, 9, 7]);
        assert_eq!(frame.load()?, loaded);
        let owned: ndarray::Array2<u8> = NdArray::new([1, 2], vec![3, 4])?.try_into()?;
        assert_eq!(owned, ndarray::array![[3, 4]]);
        Ok(())
    })
}

/// Memory is lent once, however often a store is opened, and from however many bindings.
#[test]
fn guard_excludes_bindings_of_other_openings() -> Result<()> {
    let name = SegmentName::new("openings");
    let (first, second) = (StructStoreShared::open(&name)?, StructStoreShared::open(&name)?);
    let (one, two) = (first.bind::<Arrays>()?, second.bind::<Arrays>()?);
    let mut guard = one.write()?;
    let gains = guard.fields_mut().gains;
    assert_eq!(two.write().err().unwrap().kind(), ErrorKind::HeldByGuard);
    assert_eq!(two.read().err().unwrap().kind(), ErrorKind::HeldByGuard);
    assert_eq!(two.load().err().unwrap().kind(), ErrorKind::HeldByGuard);
    assert_eq!(second.get::<Array>("gains").err().unwrap().kind(), ErrorKind::HeldByGuard);
    std::thread::scope(|scope| {
        // Another thread waits.
        let waited = scope.spawn(|| two.within(Duration::ZERO).write().err()).join().unwrap();
        assert!(waited.is_some_and(|error| error.kind() == ErrorKind::LockTimeout));
    });
    gains[0] = 1.0;
    drop(guard);
    assert_eq!(two.load()?.gains[0], 1.0);
    Ok(())
}

/// If user code panics under a lock of a binding, the lock is released.
#[test]
fn panic_in_load_releases_the_lock() -> Result<()> {
    #[derive(StructStore)]
    struct Fussy {
        #[structstore(with = "fussy")]
        number: i64,
        inner: Option<Picky>,
    }

    #[derive(StructStore)]
    struct Picky {
        #[structstore(default = panic_if_asked())]
        value: i64,
    }

    fn panic_if_asked() -> i64 {
        panic!("no default")
    }

    mod fussy {
        pub(super) type Stored = i64;

        pub(super) fn to_stored(number: &i64) -> i64 {
            *number
        }

        pub(super) fn from_stored(number: i64) -> Result<i64, &'static str> {
            assert_ne!(number, 13, "unlucky");
            Ok(number)
        }
    }

    let panics = |run: &dyn Fn()| {
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err());
    };
    on_both(|store| {
        let fussy = store.bind::<Fussy>()?;
        store.set("number", 13)?;
        panics(&|| drop(fussy.load()));
        store.set("number", 12)?;
        assert_eq!(fussy.load()?.number, 12);

        // The struct is incomplete, so the guard asks for the default.
        store.set("inner", Value::record::<String>([]))?;
        panics(&|| drop(fussy.write()));
        store.set("inner", Value::Null)?;
        drop(fussy.write()?);
        Ok(())
    })
}

/// Values under a read guard do not change, not even through views that existed before.
#[test]
fn read_guard_does_not_change_through_views() -> Result<()> {
    #[derive(StructStore)]
    struct Viewed {
        #[structstore(default = [1.0; 3])]
        fixed: [f64; 3],
        #[structstore(default = vec![1.0; 3])]
        free: Vec<f64>,
        #[structstore(default = Some([1.0; 3]))]
        optional: Option<[f64; 3]>,
    }

    on_both(|store| {
        let viewed = store.bind::<Viewed>()?;
        for name in ["fixed", "free", "optional"] {
            let view = store.get::<Array>(name)?.view()?;
            let held = store.read()?;
            assert!(
                held.fields_of(&viewed).err().is_some_and(|error| error.kind() == ErrorKind::Leased),
                "{name}"
            );
            drop(held);
            let guard = viewed.read()?;
            view.cells::<f64>()?[0].set(9.0);
            let fields = guard.fields();
            assert_eq!((fields.fixed[0], fields.free.as_slice()?[0]), (1.0, 1.0), "{name}");
            assert_eq!(fields.optional.unwrap()[0], 1.0, "{name}");
        }
        Ok(())
    })
}

#[test]
fn option_is_not_bound_to_another_kind() {
    #[derive(StructStore, Debug, PartialEq)]
    struct Limits {
        limit: Option<i64>,
        name: Option<String>,
    }

    let store = StructStore::new();
    for other in [Value::from("text"), Value::list([1, 2]), Value::from(1.5)] {
        store.set("limit", other).unwrap();
        let refused = store.bind::<Limits>().map(drop);
        assert!(
            matches!(&refused, Err(error) if error.kind() == ErrorKind::WrongType && error.path().unwrap() == "limit"),
            "{refused:?}"
        );
        store.check().unwrap();
        // The field is not declared, so any value may replace it.
        store.set("limit", Value::Null).unwrap();
    }
    store.set("limit", 5_i64).unwrap();
    let limits = store.bind::<Limits>().unwrap().load().unwrap();
    assert_eq!(limits, Limits { limit: Some(5), name: None });
    store.check().unwrap();
}

/// The node of an optional struct stays while others remove its fields, and other fields reuse their memory.
#[test]
fn option_of_a_struct_looks_up_its_fields_on_each_use() {
    #[derive(StructStore, Debug, PartialEq, Clone)]
    struct Inner {
        a: f64,
        n: i64,
    }

    #[derive(StructStore)]
    struct Outer {
        inner: Option<Inner>,
    }

    on_both(|store| {
        let outer = store.bind::<Outer>()?;
        outer.with_mut(|mut outer| outer.inner.set(Some(Inner { a: 1.5, n: 7 })))?;
        let read = || outer.with(|outer| outer.inner.map(|inner| (*inner.a, *inner.n)));
        assert_eq!(read()?, Some((1.5, 7)));
        let inner = store.at("inner")?;
        inner.clear()?;
        inner.set("x", 42.0)?;
        inner.set("y", 99)?;
        // The defaults, not what lies where the fields were.
        assert_eq!(read()?, Some((0.0, 0)));
        // The same fields in another order.
        inner.clear()?;
        inner.set("n", 8_i64)?;
        inner.set("a", 2.5)?;
        assert_eq!(read()?, Some((2.5, 8)));
        outer.with_mut(|mut outer| outer.inner.get_mut().map(|inner| *inner.unwrap().a += 1.0))?;
        assert_eq!((read()?, inner.get::<f64>("a")?), (Some((3.5, 8)), 3.5));
        Ok(())
    })
    .unwrap();
}

/// A null field does not fix the shape of the array.
#[test]
fn option_of_an_array_of_another_shape_can_be_replaced() {
    #[derive(StructStore, Debug)]
    struct Goal {
        rate: f64,
        position: Option<[f64; 3]>,
    }

    on_both(|store| {
        let goal = store.bind::<Goal>()?;
        store.set("position", ArrayValue::from_slice(&[4], &[1.0; 4])?)?;
        match goal.load() {
            Err(error) if error.kind() == ErrorKind::WrongType => {
                assert_eq!(error.path().unwrap(), "position")
            }
            other => panic!("{other:?}"),
        }
        assert!(goal.read().is_err());
        goal.with_mut(|mut goal| {
            *goal.rate = 5.0;
            assert!(matches!(goal.position.get_mut(), Err(error) if error.kind() == ErrorKind::WrongType));
            goal.position.set(Some([1.0, 2.0, 3.0]))
        })?;
        assert_eq!(goal.load()?.position, Some([1.0, 2.0, 3.0]));
        Ok(())
    })
    .unwrap();
}

#[test]
fn option_that_is_null_is_of_its_declared_type() {
    #[derive(StructStore)]
    struct Number {
        limit: Option<f64>,
    }
    #[derive(StructStore)]
    struct Text {
        limit: Option<String>,
    }
    let store = StructStore::new();
    let number = store.bind::<Number>().unwrap();
    let error = store.bind::<Text>().err().unwrap();
    assert_eq!(
        error.to_string(),
        "limit: found f64 or null, expected str or null; \
         `undeclare` the field and remove it, or give this one another name"
    );
    number.with_mut(|mut fields| fields.limit.set(Some(1.5))).unwrap();
    assert_eq!(number.load().unwrap().limit, Some(1.5));
}

#[test]
fn observer_changes_no_live_array() {
    #[derive(StructStore)]
    struct Arm {
        #[structstore(live)]
        q: [f64; 2],
        scan: [f64; 2],
    }
    let name = SegmentName::new("observed_live");
    let store = StructStoreShared::open(&name).unwrap();
    store.bind::<Arm>().unwrap().with_mut(|fields| fields.q[1].set(1.5)).unwrap();
    let observer = StructStoreShared::options().observe(true).open(&name).unwrap();
    let arm = observer.bind::<Arm>().unwrap();
    assert_eq!(arm.load().unwrap().q, [0.0, 1.5]);
    assert_eq!(arm.read().map(drop).unwrap_err().kind(), ErrorKind::ReadOnly);
    // A view that others have of an array is not taken away by those who only look.
    let _view = store.get::<Array>("scan").unwrap().view().unwrap();
    assert_eq!(arm.load().unwrap().scan, [0.0; 2]);
}

#[derive(StructStore, Clone, Debug, PartialEq)]
struct Drive {
    speed: f64,
    #[structstore(range = 0..=9)]
    gear: u8,
    mode: Mode,
    name: String,
    gains: [f64; 3],
    table: [[f64; 20]; 4],
    #[structstore(with = "millis")]
    period: Duration,
    place: Place,
}

#[derive(StructStore, Clone, Debug, PartialEq)]
struct Place {
    x: i32,
    seen: bool,
}

fn drive(speed: f64) -> Drive {
    Drive {
        speed,
        gear: 3,
        mode: Mode::Moving,
        name: "wheels".repeat(speed as usize),
        gains: [speed; 3],
        table: [[-speed; 20]; 4],
        period: Duration::from_millis(7),
        place: Place { x: speed as i32, seen: true },
    }
}

#[test]
fn replace_assigns_all_fields_or_none() -> Result<()> {
    on_both(|store| {
        let bound = store.bind::<Drive>()?;
        let node = store.at("place")?;
        for speed in [2.0, 1.0, 20.0, 3.0] {
            bound.replace(&drive(speed))?;
            assert_eq!(bound.load()?, drive(speed));
        }
        assert_eq!(node.get::<i32>("x")?, 3, "it is still the same struct");

        // What does not fit is refused by name, and nothing is changed.
        let error = bound.replace(&Drive { gear: 10, ..drive(5.0) }).unwrap_err();
        assert_eq!(error.to_string(), "gear: found 10, expected a number from 0 to 9");
        assert_eq!(bound.load()?, drive(3.0));
        Ok(())
    })
}

#[test]
fn replace_leaves_views_what_they_have() -> Result<()> {
    on_both(|store| {
        let bound = store.bind::<Drive>()?;
        bound.replace(&drive(1.0))?;
        let view = store.get::<Array>("gains")?.view()?;
        bound.replace(&drive(2.0))?;
        assert_eq!(view.to_vec::<f64>()?, [1.0; 3]);
        assert!(!view.is_current());
        drop(view);
        bound.replace(&drive(3.0))?;
        assert_eq!(store.get::<[f64; 3]>("gains")?, [3.0; 3]);
        Ok(())
    })
}

#[test]
fn replace_converts_what_another_program_has_widened() -> Result<()> {
    #[derive(StructStore)]
    struct Wider {
        x: i64,
        seen: bool,
    }
    on_both(|store| {
        let bound = store.bind::<Place>()?;
        store.bind_widening::<Wider>()?;
        bound.replace(&Place { x: 5, seen: true })?;
        assert_eq!(store.get::<Value>("x")?, 5_i64.into());
        assert_eq!(bound.load()?, Place { x: 5, seen: true });
        Ok(())
    })
}

#[test]
fn replace_in_a_transaction_is_a_part_of_it() -> Result<()> {
    on_both(|store| {
        let bound = store.ensure_struct("part")?.bind::<Place>()?;
        let failed: Result<()> = store.transaction(|held| {
            held.fields_of(&bound)?.set(&Place { x: 1, seen: true })?;
            assert!(matches!(bound.replace(&Place { x: 2, seen: true }), Err(error) if error.kind() == ErrorKind::HeldByGuard));
            Err(Error::rejected("no"))
        });
        assert!(failed.is_err());
        assert_eq!(bound.load()?, Place { x: 0, seen: false });
        Ok(())
    })
}

#[derive(StructStore, Clone, Copy, Debug, PartialEq)]
struct Calibration {
    matrix: [[f64; 3]; 3],
    #[structstore(skip, default = 7)]
    uses: u32,
    #[structstore(with = "millis", default = Duration::from_millis(20))]
    exposure: Duration,
    lens: Lens,
    #[structstore(flatten)]
    size: Size,
}

#[derive(StructStore, Clone, Copy, Debug, PartialEq)]
struct Lens {
    curve: [f32; 64],
    #[structstore(live)]
    shading: [u8; 4],
    focal: f64,
}

#[derive(StructStore, Clone, Copy, Debug, PartialEq)]
struct Size {
    #[structstore(default = [640, 480])]
    pixels: [u16; 2],
}

/// A struct without anything to drop is loaded field by field, in place.
#[test]
fn plain_data_is_loaded_whole_or_not_at_all() -> Result<()> {
    on_both(|store| {
        let bound = store.ensure_struct("camera")?.bind::<Calibration>()?;
        let mut value = bound.load()?;
        assert_eq!(
            (value.uses, value.exposure, value.size.pixels),
            (7, Duration::from_millis(20), [640, 480])
        );
        value.matrix = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]];
        value.exposure = Duration::from_millis(5);
        value.lens = Lens { curve: std::array::from_fn(|at| at as f32), shading: [1, 2, 3, 4], focal: 0.5 };
        bound.replace(&value)?;
        assert_eq!(bound.load()?, value);
        assert_eq!(bound.within(Duration::from_secs(9)).load()?, value);
        bound.with_mut(|fields| fields.lens.curve[63] = -1.0)?;
        value.lens.curve[63] = -1.0;
        assert_eq!(bound.load()?, value);
        Ok(())
    })
}

mod even {
    pub(super) type Stored = i64;

    pub(super) fn to_stored(number: &i64) -> i64 {
        *number
    }

    pub(super) fn from_stored(number: i64) -> Result<i64, &'static str> {
        if number % 2 == 0 { Ok(number) } else { Err("it is odd") }
    }
}

#[derive(StructStore)]
struct Outer {
    bytes: [u8; 64],
    part: Part,
}

#[derive(StructStore)]
struct Part {
    bytes: [u8; 64],
    #[structstore(with = "even", default)]
    number: i64,
}

#[test]
fn field_that_cannot_be_loaded_is_named() -> Result<()> {
    on_both(|store| {
        let bound = store.bind::<Outer>()?;
        assert_eq!((bound.load()?.bytes, bound.load()?.part.bytes), ([0; 64], [0; 64]));
        store.set_at("part.number", 3)?;
        let error = bound.load().err().unwrap().to_string();
        assert!(error.starts_with("part.number: ") && error.contains("it is odd"), "{error}");
        store.set_at("part.number", 4)?;
        assert_eq!(bound.load()?.part.number, 4);
        Ok(())
    })
}
