//! Limits that types declare, in each kind of field, and in parts that come and go.

use std::collections::BTreeMap;

use structstore::{ErrorKind, List, Meta, Result, Struct, StructStore, StructStoreShared};
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
