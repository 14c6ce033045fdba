//! Limits that types declare, in each kind of field, and in parts that come and go.

use std::collections::BTreeMap;

use structstore::{ErrorKind, List, Meta, Result, Struct, StructStore, StructStoreShared, Value};
use structstore_tests::SegmentName;

#[derive(StructStore, Clone, Copy, Debug, PartialEq)]
#[structstore(rename_all = "lowercase")]
enum Mode {
    Idle,
    Running,
}

/// A number between 0 and 1, wherever it is used.
#[derive(StructStore, Clone, Copy, Debug, PartialEq)]
struct Share(#[structstore(range = 0.0..=1.0, unit = "1", default = 0.5)] f64);

#[derive(StructStore, Clone, Debug, PartialEq)]
struct Part {
    share: Share,
    mode: Mode,
    #[structstore(len = ..=3)]
    name: String,
}

#[derive(StructStore)]
struct Limited {
    /// A number of steps.
    ///
    /// Whole ones.
    #[structstore(multiple_of = 5, range = ..=100, step = 5.0, read_only)]
    steps: u8,
    #[structstore(range = -1.0..1.0)]
    maybe: Option<f64>,
    #[structstore(finite, len = 1..=4, default = vec![0.5])]
    trail: Vec<f64>,
    #[structstore(range = 0..=9)]
    grid: [[i16; 2]; 2],
    #[structstore(choices = ["a", "b"], default = "a")]
    letter: String,
    #[structstore(choices = ["a", "b"])]
    letters: Vec<String>,
    modes: Vec<Mode>,
    share: Share,
    part: Part,
    parts: Vec<Part>,
    named: BTreeMap<String, Part>,
    perhaps: Option<Part>,
    #[structstore(range = 0..10, default = 3)]
    plain: i64,
    #[structstore(len = ..=3)]
    nick: Option<String>,
}

fn on_both(test: impl Fn(&Struct) -> Result<()>) -> Result<()> {
    test(&StructStore::new())?;
    let name = SegmentName::new("limits");
    let shared = StructStoreShared::open(&name)?;
    test(&shared)?;
    shared.check()
}

fn refused<T>(result: Result<T>, path: &str) {
    let error = result.err().unwrap_or_else(|| panic!("{path}: accepted"));
    assert_eq!(error.kind(), ErrorKind::OutsideLimits, "{error}");
    assert!(error.to_string().starts_with(&format!("{path}: found ")), "{path}: {error}");
}

fn part(share: f64) -> Part {
    Part { share: Share(share), mode: Mode::Running, name: "abc".into() }
}

#[test]
fn guards_check_what_is_assigned() -> Result<()> {
    on_both(|store| {
        let bound = store.bind::<Limited>()?;
        bound.with_mut(|mut fields| {
            fields.steps.set(10)?;
            refused(fields.steps.set(11), "steps");
            refused(fields.steps.set(105), "steps");
            refused(fields.steps.set_clamped(255).and_then(|found| fields.steps.set(found + 1)), "steps");
            fields.maybe.set(Some(0.5))?;
            refused(fields.maybe.set(Some(1.0)), "maybe");
            fields.maybe.set(None)?;
            refused(fields.maybe.set(Some(f64::NAN)), "maybe");
            fields.trail.set(&vec![1.0, 2.0])?;
            refused(fields.trail.set(&vec![f64::INFINITY]), "trail[0]");
            refused(fields.trail.set(&vec![]), "trail");
            refused(fields.trail.set_at(&[1], f64::NAN), "trail[1]");
            fields.trail.set_at(&[1], 3.0)?;
            assert_eq!(&fields.trail[..], [1.0, 3.0]);
            refused(fields.grid.set(&[[0, 1], [2, 10]]), "grid[1][1]");
            fields.grid.set(&[[0, 1], [2, 9]])?;
            assert_eq!(fields.grid[1], [2, 9]);
            refused(fields.letter.set("c"), "letter");
            refused(fields.letters.push(&"c".into()), "letters[0]");
            fields.letters.push(&"b".into())?;
            refused(fields.letters.set(0, &"c".into()), "letters[0]");
            fields.modes.push(&Mode::Running)?;
            refused(fields.share.set(1.5), "share");
            refused(fields.part.share.set(1.5), "part.share");
            refused(fields.part.set(&part(1.5)), "part.share");
            assert_eq!(fields.plain.set_clamped(-5)?, 0);
            assert_eq!(fields.plain.set_clamped(50)?, 9);
            Ok(())
        })?;
        // As others see it.
        refused(store.set("letters", vec!["a", "c"]), "letters[1]");
        refused(store.get::<List>("modes")?.push("flying"), "modes[1]");
        refused(store.at("part")?.set("name", "abcd"), "part.name");
        refused(store.set("maybe", 1.0), "maybe");
        // A handle keeps the limits of its field, also where the field was null before.
        store.set("nick", "ann")?;
        refused(store.get::<structstore::Str>("nick")?.set("anna"), "nick");
        let steps = Meta::new().range(..=100_u64).step(5.0).multiple_of(5).read_only();
        let steps = steps.description("A number of steps.\n\nWhole ones.").default_value(0_u8);
        assert_eq!(store.meta("steps")?, steps);
        assert_eq!(store.meta("share")?.unit, "1");
        let loaded = bound.load()?;
        assert_eq!((loaded.steps, loaded.plain, loaded.trail), (100, 9, vec![1.0, 3.0]));
        Ok(())
    })
}

#[test]
fn parts_that_come_and_go_have_their_limits() -> Result<()> {
    on_both(|store| {
        let bound = store.bind::<Limited>()?;
        bound.with_mut(|mut fields| {
            fields.parts.push(&part(0.5))?;
            refused(fields.parts.get_mut(0)?.share.set(1.5), "parts[0].share");
            fields.parts.insert(0, &part(0.25))?;
            fields.parts.set(1, &part(1.0))?;
            fields.named.insert("one", &part(0.5))?;
            fields.perhaps.set(Some(part(0.5)))
        })?;
        refused(store.set_at("parts[0].share", 2.0), "parts[0].share");
        refused(store.set_at("parts[1].mode", "flying"), "parts[1].mode");
        refused(store.set_at("named.one.name", "abcd"), "named.one.name");
        refused(store.set_at("perhaps.share", f64::NAN), "perhaps.share");
        // What another program puts there without limits gets them when the type meets it again.
        store.get::<List>("parts")?.push(structstore::traits::ToValue::to_value(&part(0.5))?)?;
        store.set_at("parts[2].share", 0.75)?;
        drop(bound);
        let bound = store.bind::<Limited>()?;
        refused(store.set_at("parts[2].share", 2.0), "parts[2].share");
        bound.with_mut(|mut fields| {
            fields.parts.remove(0)?;
            fields.named.clear()?;
            fields.perhaps.set(None)
        })?;
        assert_eq!(bound.load()?.parts, [part(1.0), part(0.75)]);
        Ok(())
    })
}

#[test]
fn a_transaction_undoes_what_limited_fields_were_assigned() -> Result<()> {
    on_both(|store| {
        let bound = store.bind::<Limited>()?;
        let undone = bound.transaction(|mut fields| {
            fields.steps.set(10)?;
            fields.plain.set(9)?;
            fields.trail.set(&vec![1.0, 2.0])?;
            fields.grid.set_at(&[0, 0], 7)?;
            fields.letters.push(&"a".into())?;
            fields.plain.set(11)
        });
        refused(undone, "plain");
        let loaded = bound.load()?;
        assert_eq!((loaded.steps, loaded.plain, loaded.grid, loaded.letters.len()), (0, 3, [[0; 2]; 2], 0));
        assert_eq!(loaded.trail, [0.5]);
        Ok(())
    })
}

#[test]
fn the_last_declaration_counts_and_texts_stay() -> Result<()> {
    #[derive(StructStore)]
    struct Older {
        #[structstore(range = 0..5, unit = "m")]
        plain: i64,
    }
    on_both(|store| {
        let newer = store.bind::<Limited>()?;
        store.set("plain", 9)?;
        refused(store.bind::<Older>(), "plain");
        store.set("plain", 3)?;
        let older = store.bind::<Older>()?;
        refused(newer.with_mut(|mut fields| fields.plain.set(6)), "plain");
        assert_eq!(older.load()?.plain, 3);
        store.bind::<Limited>()?;
        store.set("plain", 6)?;
        assert_eq!(store.meta("plain")?.unit, "m");
        Ok(())
    })
}

/// Wherever an array goes when it is assigned, what is lent of it is where it is now.
#[test]
fn what_is_lent_of_checked_arrays_is_never_old() -> Result<()> {
    on_both(|store| {
        let bound = store.bind::<Limited>()?;
        let mut guard = bound.write()?;
        guard.fields_mut().grid.set(&[[1, 2], [3, 4]])?;
        guard.fields_mut().trail.set(&vec![1.0, 2.0, 3.0])?;
        // Blocks that were let go of are used for something else.
        let _ = (store.statistics(), StructStore::new().set("other", vec![9.0; 8]));
        assert_eq!(
            (*guard.fields_mut().grid, guard.fields_mut().trail.to_vec()),
            ([[1, 2], [3, 4]], vec![1.0, 2.0, 3.0])
        );
        assert_eq!(*guard.fields().grid, [[1, 2], [3, 4]]);
        let mut fields = guard.fields_mut();
        let mut again = fields.reborrow();
        again.grid.set(&[[5; 2]; 2])?;
        again.trail.set(&vec![7.0])?;
        assert_eq!((*fields.grid, &fields.trail[..]), ([[5; 2]; 2], &[7.0][..]));
        Ok(())
    })
}

#[test]
fn lengths_hold_for_vectors_that_grow_in_place() -> Result<()> {
    #[derive(StructStore)]
    struct Trail {
        #[structstore(len = ..=3)]
        trail: Vec<f64>,
        #[structstore(len = ..=2)]
        names: Vec<String>,
    }
    on_both(|store| {
        let trail = store.bind::<Trail>()?;
        trail.with_mut(|mut fields| {
            fields.trail.extend_from_slice(&[1.0, 2.0, 3.0])?;
            refused(fields.trail.push(4.0), "trail");
            refused(fields.trail.set([4], &[0.0; 4]), "trail");
            fields.trail.truncate(1)?;
            fields.names.push(&"a".into())?;
            fields.names.push(&"b".into())?;
            refused(fields.names.push(&"c".into()), "names");
            fields.names.set(0, &"longer than the list".into())
        })?;
        assert_eq!(trail.load()?.trail, [1.0]);
        Ok(())
    })
}

/// A part that does not fit is not there afterwards, and one that another program has left there keeps nobody from starting.
#[test]
fn a_part_outside_of_its_limits_does_not_come() -> Result<()> {
    on_both(|store| {
        let bound = store.bind::<Limited>()?;
        let before = store.to_value()?;
        bound.with_mut(|mut fields| {
            refused(fields.parts.push(&part(1.5)), "parts[0].share");
            refused(fields.named.insert("one", &part(1.5)), "named.one.share");
            refused(fields.perhaps.set(Some(part(1.5))), "perhaps.share");
            Ok(())
        })?;
        assert_eq!(store.to_value()?, before);
        let mut value = bound.load()?;
        value.parts.push(part(1.5));
        refused(bound.replace(&value), "parts[0].share");
        assert_eq!(store.to_value()?, before);
        store.get::<List>("parts")?.push(structstore::traits::ToValue::to_value(&part(1.5))?)?;
        drop(bound);
        refused(store.bind::<Limited>().map(drop), "parts[0].share");
        store.remove_at("parts[0]")?;
        store.bind::<Limited>()?;
        Ok(())
    })
}

#[test]
fn what_is_declared_is_not_taken_out_of_a_struct_that_is_bound() -> Result<()> {
    on_both(|store| {
        let bound = store.bind::<Limited>()?;
        for (from, name) in [(store.clone(), "maybe"), (store.at("part")?, "share"), (store.clone(), "part")]
        {
            let error = from.delete_forced(name).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::Bound, "{error}");
        }
        // Nor does an assignment replace a list with something in it that is in use.
        store.set("items", structstore::Value::List(vec![structstore::Value::record::<String>([])]))?;
        let pin = store.get::<List>("items")?.get::<Struct>(0)?.pin()?;
        store.declare("items", &Meta::new().unit("m"))?;
        let others = structstore::Value::list([1, 2]);
        assert_eq!(store.set("items", others).err().unwrap().kind(), ErrorKind::Bound);
        drop(pin);
        drop(bound);
        store.delete_forced("maybe")?;
        store.delete_forced("part")
    })
}

#[test]
fn widening_keeps_limits_for_the_wider_type() -> Result<()> {
    #[derive(StructStore)]
    struct Wider {
        gain: f64,
        #[structstore(live)]
        q: [f64; 2],
    }
    on_both(|store| {
        store.set("gain", 5_i32)?;
        store.declare("gain", &Meta::new().range(0..=9))?;
        store.declare("gain", &Meta::new().multiple_of(5))?;
        let error = store.bind_widening::<Gain>().err().unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
        assert_eq!(store.kind("gain")?, structstore::Kind::I32);
        store.declare("gain", &Meta::new().range(0..=9))?;
        store.bind_widening::<Gain>()?;
        store.set("gain", 8.5)?;
        refused(store.set("gain", 9.5), "gain");
        store.set("q", [0.5_f64; 2])?;
        store.declare("q", &Meta::new().range(0.0..=1.0))?;
        assert!(store.bind_widening::<Wider>().is_err());
        Ok(())
    })
}

#[derive(StructStore)]
struct Gain {
    gain: f64,
}

#[test]
fn snapshots_keep_metadata() {
    let (store, copy) = (StructStore::new(), StructStore::new());
    store.set("gain", 1.5).unwrap();
    store.set("plain", 5).unwrap();
    store
        .set("joints", vec![Value::record([("kp", Value::from(0.5))]), Value::record([("kp", 1.0.into())])])
        .unwrap();
    let meta = Meta::new().range(0.0..=10.0).unit("1/s").description("Of the loop.").default_value(1.0);
    store.declare("gain", &meta).unwrap();
    for joint in 0..2 {
        let joint: Struct = store.get_at(format!("joints[{joint}]")).unwrap();
        joint.declare("kp", &Meta::new().range(..2.0).step(0.1)).unwrap();
    }
    let snapshot = store.to_bytes().unwrap();
    copy.restore(&snapshot).unwrap();
    assert_eq!(copy.meta("gain").unwrap(), store.meta("gain").unwrap());
    assert_eq!(copy.to_bytes().unwrap(), snapshot);
    for (path, value) in [("gain", 11.0), ("joints[1].kp", 2.0)] {
        assert_eq!(copy.set_at(path, value).unwrap_err().kind(), ErrorKind::OutsideLimits, "{path}");
    }
    copy.set("plain", "anything").unwrap();
    copy.reset("gain").unwrap();
    assert_eq!(copy.get::<f64>("gain").unwrap(), 1.0);
    copy.check().unwrap();

    // What a store declares itself stays, and refuses a snapshot beyond it, of which nothing is kept then.
    let own = StructStore::new();
    own.set("gain", 1.0).unwrap();
    own.declare("gain", &Meta::new().range(0.0..=1.0)).unwrap();
    let error = own.restore(&snapshot).unwrap_err();
    assert_eq!(error.to_string(), "gain: found 1.5, expected a number from 0.0 to 1.0");
    assert_eq!(own.to_string(), r#"{"gain": 1.0}"#);
    store.set("gain", 0.5).unwrap();
    own.restore(&store.to_bytes().unwrap()).unwrap();
    assert_eq!(own.meta("gain").unwrap(), Meta::new().range(0.0..=1.0));
    assert_eq!(own.set_at("joints[0].kp", 5.0).unwrap_err().kind(), ErrorKind::OutsideLimits);
    own.check().unwrap();

    // Values alone have none.
    let value = StructStore::new();
    value.replace(store.to_value().unwrap()).unwrap();
    assert!(value.meta("gain").unwrap().is_empty());
}
