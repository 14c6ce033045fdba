//! What fields may hold, whoever assigns.

use super::{Random, store};
use crate::access::Access;
use crate::edit::record_version;
use crate::error::ErrorKind;
use crate::lock::Mode;
use crate::node::meta::Record;
use crate::node::{Raw, structure};
use crate::sync::Ordering;
use crate::value::{ArrayValue, Meta, TypeVersion, Value};
use crate::{Array, List, Str};

/// Each way to assign, to a field and to what it holds.
#[test]
fn every_way_to_assign_keeps_the_limits() {
    let store = store();
    store.set("gain", 1.5).unwrap();
    store.set("count", 5_u8).unwrap();
    store.set("mode", "idle").unwrap();
    store.set("items", Value::list([1, 2])).unwrap();
    store.set("samples", [0.5_f64, 1.0]).unwrap();
    store.set("other", 1).unwrap();
    let usage = store.statistics();
    store.declare("gain", &Meta::new().range(0.0..10.0).unit("1/s")).unwrap();
    store.declare("count", &Meta::new().multiple_of(5).range(..=100)).unwrap();
    store.declare("mode", &Meta::new().choices(["idle", "running"]).len(..=7)).unwrap();
    store.declare("items", &Meta::new().range(0..9).len(1..4)).unwrap();
    store.declare("samples", &Meta::new().range(0.0..=1.0)).unwrap();
    store.check().unwrap();
    assert_eq!(store.statistics().blocks, usage.blocks + 5);
    let before = store.to_value().unwrap();

    let refused = |result: crate::Result<()>| {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutsideLimits, "{error}");
        error.to_string()
    };
    assert_eq!(
        refused(store.set("gain", 10.0)),
        "gain: found 10.0, expected a number from 0.0 to below 10.0"
    );
    refused(store.set("gain", -1));
    refused(store.set("gain", f64::NAN));
    refused(store.update([("other", 2.0), ("gain", 11.0)]));
    refused(store.replace(Value::record([("gain", Value::from(11.0))])));
    refused(store.transaction(|store| store.set("gain", 11.0)));
    refused(store.write().unwrap().set("gain", 11.0));
    assert_eq!(refused(store.set("count", 7)), "count: found 7, expected a multiple of 5 of at most 100");
    refused(store.set("count", 105));
    assert_eq!(store.set("count", 300).unwrap_err().kind(), ErrorKind::OutOfRange);
    refused(store.set("mode", "runing"));
    refused(store.get::<Str>("mode").unwrap().set("runing"));
    refused(store.write().unwrap().get_mut::<Str>("mode").unwrap().set("runing"));
    let items = store.get::<List>("items").unwrap();
    refused(items.push(9));
    refused(items.set(0, 9));
    refused(items.insert(0, 9));
    refused(items.extend([3, 9]));
    refused(items.extend([3, 4]));
    refused(items.splice(.., [9]));
    refused(items.clear());
    items.write().unwrap().delete(0).unwrap();
    refused(items.delete(0));
    refused(items.pop().map(drop));
    items.insert(0, 1).unwrap();
    refused(store.set("items", Value::list([1, 9])));
    refused(store.set("items", Value::list(Vec::<i32>::new())));
    refused(store.set_at("items[0]", 9));
    let samples = store.get::<Array>("samples").unwrap();
    refused(samples.set(&ArrayValue::from_slice(&[1], &[2.0]).unwrap()));
    assert_eq!(
        refused(store.set("samples", [0.0, 2.0])),
        "samples[1]: found 2.0, expected a number from 0.0 to 1.0"
    );
    refused(store.set_at("samples[0]", 2.0));
    refused(store.update([("samples", [f64::NAN])]));
    assert_eq!(store.to_value().unwrap(), before);
    store.check().unwrap();

    // What was filled in place is copied, for whoever filled it has a view still.
    let view = crate::handle::unpublished(&store.handle, crate::DType::of::<f64>(), &[2]).unwrap();
    view.cells::<f64>().unwrap().iter().for_each(|cell| cell.set(0.5));
    store.set("samples", crate::handle::filled_value(&view).unwrap()).unwrap();
    items.push(1).unwrap();
    items.delete(2).unwrap();
    view.cells::<f64>().unwrap()[0].set(9.0);
    assert_eq!(store.get::<Vec<f64>>("samples").unwrap(), [0.5, 0.5]);
    view.cells::<f64>().unwrap()[0].set(0.5);
    drop(view);

    // What would be plain memory is not lent.
    let plain = |result: crate::Result<()>| assert_eq!(result.unwrap_err().kind(), ErrorKind::WrongType);
    plain(store.write().unwrap().get_mut::<f64>("gain").map(drop));
    plain(items.write().unwrap().get_mut::<i32>(0).map(drop));
    plain(items.write().unwrap().iter_mut::<i32>().next().unwrap().map(drop));
    plain(samples.write().unwrap().as_mut_slice::<f64>().map(drop));
    let view = samples.view().unwrap();
    assert!(!view.is_writable());
    plain(view.cells::<f64>().map(drop));

    store.set("gain", 0).unwrap();
    store.set("mode", "running").unwrap();
    items.set(0, 8).unwrap();
    items.push(0).unwrap();
    items.delete(0).unwrap();
    store.set("samples", [0.0, 0.25, 1.0]).unwrap();
    store.set_at("samples[1]", 0.75).unwrap();
    store.check().unwrap();
    for name in ["gain", "count", "mode", "items", "samples"] {
        store.declare(name, &Meta::new()).unwrap();
        assert!(store.meta(name).unwrap().is_empty());
    }
    store.set("gain", 11.0).unwrap();
    items.push(100).unwrap();
    assert!(samples.view().unwrap().is_writable());
    store.check().unwrap();
}

/// What limited lists hold: strings, lists and arrays that handles lead to.
#[test]
fn parts_of_limited_lists_keep_its_limits() {
    let store = store();
    let value = Value::List(vec!["a".into(), Value::list([1, 2]), [1.0, 2.0].into(), Value::from(3)]);
    store.set("list", &value).unwrap();
    store
        .declare("list", &Meta::new().range(0..=5).choices(["a", "b", "1", "2", "3", "1.0", "2.0"]).len(..=4))
        .unwrap();
    store.check().unwrap();
    let list = store.get::<List>("list").unwrap();
    let refused =
        |result: crate::Result<()>| assert_eq!(result.unwrap_err().kind(), ErrorKind::OutsideLimits);
    refused(list.get::<Str>(0).unwrap().set("c"));
    list.get::<Str>(0).unwrap().set("b").unwrap();
    let inner = list.get::<List>(1).unwrap();
    refused(inner.push(9));
    inner.extend([1, 2, 3, 1, 2]).unwrap();
    let array = list.get::<Array>(2).unwrap();
    refused(array.set(&ArrayValue::from_slice(&[1], &[9.0]).unwrap()));
    refused(list.set(2, [9.0]));
    list.set(3, "a").unwrap();
    refused(list.get::<Str>(3).unwrap().set("c"));
    list.set(0, Value::list(["a"])).unwrap();
    refused(list.get::<List>(0).unwrap().push("c"));
    store.check().unwrap();
    store.set("list", Value::List(vec!["a".into()])).unwrap();
    refused(list.get::<Str>(0).unwrap().set("c"));
    store.check().unwrap();
    store.declare("list", &Meta::new().len(..=1)).unwrap();
    list.get::<Str>(0).unwrap().set("anything").unwrap();
    refused(list.push("b"));
    store.check().unwrap();
}

#[test]
fn a_declaration_that_makes_no_sense_changes_nothing() {
    let store = store();
    store.set("gain", 1.5).unwrap();
    store.set("name", "arm").unwrap();
    store.set("null", ()).unwrap();
    store.set("live", ArrayValue::from_slice(&[1], &[0.5]).unwrap().live()).unwrap();
    let allocated = store.statistics();
    let of = |name, meta: Meta| store.declare(name, &meta).unwrap_err().to_string();
    assert_eq!(of("gain", Meta::new().range(2.0..)), "gain: found 1.5, expected a number of at least 2.0");
    assert!(of("gain", Meta::new().range(3.0..2.0)).contains("contains a number"));
    assert!(of("gain", Meta::new().range(f64::NAN..)).contains("other than NaN"));
    assert!(of("gain", Meta::new().range(1.5..1.5)).contains("contains a number"));
    assert!(of("gain", Meta::new().len(1..)).starts_with("len: "));
    assert!(of("gain", Meta::new().multiple_of(2)).starts_with("multiple_of: "));
    assert!(of("gain", Meta::new().step(0.0)).starts_with("step: "));
    assert!(of("gain", Meta::new().default_value("text")).starts_with("default: "));
    assert!(of("name", Meta::new().range(0..)).starts_with("range: "));
    assert!(of("name", Meta::new().choices(["leg"])).contains("expected \"leg\""));
    assert!(of("null", Meta::new().unit("m")).contains("null"));
    assert!(of("missing", Meta::new().unit("m")).contains("no such field"));
    assert!(of("live", Meta::new().range(0.0..1.0)).contains("live"));
    store.declare("gain", &Meta::new()).unwrap();
    assert_eq!(store.statistics(), allocated);
    store.delete("gain").unwrap();
    store.check().unwrap();
}

/// Fields that are removed by force take their records with them, and leave a struct like any other.
#[test]
fn what_is_removed_by_force_leaves_nothing() {
    let store = store();
    let part = store.ensure_struct("part").unwrap();
    for name in ["one", "a name that is too long for the field"] {
        part.set(name, 1.5).unwrap();
        part.declare(name, &Meta::new().range(0.0..).unit("m")).unwrap();
    }
    let pin = part.pin().unwrap();
    assert_eq!(store.delete("part").unwrap_err().kind(), ErrorKind::Bound);
    assert_eq!(store.clear().unwrap_err().kind(), ErrorKind::Bound);
    assert_eq!(
        store.replace(Value::record([("other", Value::from(1))])).unwrap_err().kind(),
        ErrorKind::Bound
    );
    store.check().unwrap();
    assert_eq!(part.delete("one").unwrap_err().kind(), ErrorKind::Declared);
    // Whoever has bound the struct knows where the field is.
    assert_eq!(part.delete_forced("one").unwrap_err().kind(), ErrorKind::Bound);
    drop(pin);
    for name in ["one", "a name that is too long for the field"] {
        part.delete_forced(name).unwrap();
        store.check().unwrap();
    }
    let pin = part.pin().unwrap();
    store.delete_forced("part").unwrap();
    assert_eq!(part.pin().err().unwrap().kind(), ErrorKind::StaleHandle);
    drop(pin);
    store.check().unwrap();
    // Whatever the header counts, a check counts as well.
    let pins = &store.handle.arena().header().pins;
    pins.store(1, Ordering::Relaxed);
    store.check().unwrap_err();
    pins.store(0, Ordering::Relaxed);
    // A pin of what is gone keeps nothing from going that has its place now.
    let other = store.ensure_struct("part").unwrap();
    drop(other);
    store.delete("part").unwrap();
}

/// Bounds of each kind of number, on either side.
#[test]
fn ranges_are_of_the_fields_own_numbers() {
    let store = store();
    let holds = |value: Value<'static>, meta: Meta, ins: &[f64], outs: &[f64]| {
        store.clear().unwrap_or(());
        let part = store.ensure_struct(format!("{}", store.len().unwrap()).as_str()).unwrap();
        part.set("x", &value).unwrap();
        part.declare("x", &meta).unwrap();
        assert_eq!(part.meta("x").unwrap(), meta);
        let set = |number: f64| match value.kind() {
            crate::Kind::F32 => part.set("x", number as f32),
            crate::Kind::F64 => part.set("x", number),
            _ => part.set("x", number as i64),
        };
        ins.iter().for_each(|number| set(*number).unwrap());
        outs.iter().for_each(|number| assert!(set(*number).is_err(), "{number} of {value} in {meta}"));
    };
    holds(
        0.5_f64.into(),
        Meta::new().range(0.0..1.0),
        &[0.0, 0.999],
        &[-1e-300, 1.0, f64::INFINITY, f64::NAN],
    );
    holds(0.5_f32.into(), Meta::new().range(0.1_f32..=0.7), &[0.1, 0.7], &[0.0999, 0.7001, f64::NAN]);
    holds(0.5_f64.into(), Meta::new().finite(), &[f64::MAX, f64::MIN], &[f64::INFINITY, f64::NAN]);
    holds(5_i8.into(), Meta::new().range(-3_i64..6), &[-3.0, 5.0], &[-4.0, 6.0]);
    holds(5_u64.into(), Meta::new().range(3_u64..), &[3.0, 1e18], &[2.0]);
    holds(5_i64.into(), Meta::new().choices(["5", "-7"]), &[-7.0], &[7.0]);
}

/// Whatever stands in a record, or in a tag that should name one: an error or a value, and nothing that ends the process.
#[test]
fn damaged_records_are_errors() {
    let store = store();
    store.set("gain", 1.5).unwrap();
    store.set("mode", "idle").unwrap();
    store.set("items", Value::list([1, 2])).unwrap();
    let gain = Meta::new().range(0.0..=10.0).unit("1/s").default_value(0.5).alias("k").alias("the gain");
    store.declare("gain", &gain).unwrap();
    store.declare("mode", &Meta::new().choices(["idle", "running"]).description("What it does.")).unwrap();
    store.declare("items", &Meta::new().range(0..=5).len(..=9)).unwrap();
    let (arena, root) = (store.handle.arena(), store.handle.node());
    let mut random = Random(7);
    let use_all = || {
        for name in ["gain", "mode", "items"] {
            let _ = store.meta(name);
            let _ = store.reset(name);
            let _ = store.declare(name, &Meta::new().unit("m"));
        }
        let _ = store.set("gain", 2.0);
        let _ = store.set("mode", "running");
        let _ = store.get::<List>("items").and_then(|items| items.push(3));
        let _ = store.get::<Str>("mode").and_then(|mode| mode.set("idle"));
        let _ = store.to_value();
        let _ = store.check();
        let _ = store.usage();
    };
    let fields: Vec<_> = structure::fields(arena, root).map(|found| found.unwrap().field).collect();
    for round in 0..3000_u32 {
        let field = fields[random.below(3) as usize];
        let was = Raw::load(&field.slot);
        let Some(place) = was.meta() else { break };
        let words = arena.words(place, 14).unwrap();
        let kept: Vec<u64> = words.iter().map(|word| word.load(Ordering::Relaxed)).collect();
        let nonsense = match random.below(3) {
            0 => random.below(u64::MAX),
            1 => 1 << random.below(64),
            _ => random.below(70),
        };
        let word = match round % 3 {
            0 => &field.slot.tag,
            _ => &words[random.below(14) as usize],
        };
        let nonsense = if round % 3 == 0 { nonsense & !0x3ff } else { nonsense };
        word.store(word.load(Ordering::Relaxed) ^ nonsense, Ordering::Relaxed);
        // Readers and checkers first, for what the rest does may depend on the nonsense.
        let _ = (store.meta("gain"), store.get::<f64>("k"), store.contains("the gain"));
        let _ = store.check();
        if round % 2 == 0 {
            let _ = store.set("gain", 2.0);
            let _ = store.get::<Str>("mode").and_then(|mode| mode.set("idle"));
            let _ = store.get::<List>("items").and_then(|items| items.set(0, 3));
        }
        field.slot.tag.store(was.tag, Ordering::Relaxed);
        words.iter().zip(kept).for_each(|(word, kept)| word.store(kept, Ordering::Relaxed));
        store.check().unwrap();
    }
    let tag = &fields[0].slot.tag;
    tag.store(tag.load(Ordering::Relaxed) ^ 1 << 40, Ordering::Relaxed);
    use_all();
}

/// Against a plain list of fields, each with its names: what each name leads to, after random changes, some of which fail or are undone.
#[test]
fn all_names_lead_to_their_fields_after_random_changes() {
    let store = store();
    let names: Vec<String> = (0..80_usize).map(|at| format!("{at} ").repeat(1 + at % 9)).collect();
    // Its own name first.
    let mut model: Vec<(Vec<&str>, i64)> = Vec::new();
    let mut random = Random(3);
    let (mut refused, mut most) = (0, 0);
    for round in 0..6000_i64 {
        let mut pick = || names[random.below(names.len() as u64) as usize].as_str();
        let (name, chosen) = (pick(), [pick(), pick(), pick()]);
        let at = model.iter().position(|(known, _)| known.contains(&name));
        let mut after = model.clone();
        let change = random.below(6);
        let done = store.transaction(|store| {
            match (change, at) {
                (0, Some(at)) => {
                    after.remove(at);
                    store.delete_forced(name)?;
                }
                (1, Some(at)) => {
                    store.undeclare(name)?;
                    after[at].0.truncate(1);
                }
                (2 | 3, Some(at)) => {
                    let chosen = &chosen[..random.below(4) as usize];
                    let aliases = chosen.iter().map(|alias| alias.to_string());
                    let meta = aliases.fold(Meta::new().unit("m"), Meta::alias);
                    after[at].0.truncate(1);
                    for alias in chosen {
                        if !after[at].0.contains(alias) {
                            after[at].0.push(alias);
                        }
                    }
                    store.declare(name, &meta)?;
                }
                (_, Some(at)) => {
                    after[at].1 = round;
                    store.set(name, round)?;
                }
                // Few enough for others to have aliases.
                (_, None) if after.len() < 24 => {
                    after.push((vec![name], round));
                    store.set(name, round)?;
                }
                _ => {}
            }
            if random.below(8) == 0 { Err(crate::Error::rejected("undone")) } else { Ok(()) }
        });
        match done {
            Ok(()) => model = after,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => refused += 1,
            Err(error) => assert_eq!(error.kind(), ErrorKind::Rejected, "{error}"),
        }
        for name in &names {
            let expected = model.iter().find(|(known, _)| known.contains(&name.as_str()));
            assert_eq!(
                store.find::<i64>(name).unwrap(),
                expected.map(|(_, value)| *value),
                "round {round}: {name}"
            );
        }
        let own: Vec<&str> = model.iter().map(|(known, _)| known[0]).collect();
        assert_eq!(store.names().unwrap(), own, "round {round}");
        most = most.max(model.iter().map(|(known, _)| known.len() - 1).sum());
        if round % 16 == 0 {
            store.check().unwrap();
        }
    }
    store.check().unwrap();
    assert!(refused > 100 && most > 8, "{refused} {most}");
}

/// What a later version adds to a record or to the metadata in a snapshot is left alone.
#[test]
fn additions_of_later_versions_are_ignored() {
    let known = Meta::new().unit("m").alias("other");
    let Value::Struct(mut fields) = known.to_value() else { panic!("not a struct") };
    fields.push(("later".into(), Value::list([1, 2])));
    assert_eq!(Meta::from_value(Value::Struct(fields)).unwrap(), known);

    let store = store();
    store.set("gain", 1.5).unwrap();
    store.declare("gain", &known).unwrap();
    let arena = store.handle.arena();
    let field = structure::fields(arena, store.handle.node()).next().unwrap().unwrap().field;
    let place = Raw::load(&field.slot).meta().unwrap();
    let mut record = Record::read(arena, place).unwrap().bytes().to_vec();
    // One more text behind the others, a longer length, and the hash.
    record.truncate(record.len() - 8);
    record.extend_from_slice(&5_u64.to_le_bytes());
    record.extend_from_slice(b"later\0\0\0");
    let head = u64::from_le_bytes(*record.first_chunk().unwrap()) + (16 << 40);
    record[..8].copy_from_slice(&head.to_le_bytes());
    let hash = rapidhash::v3::rapidhash_v3(&record);
    record.extend_from_slice(&hash.to_le_bytes());
    let words = arena.words(place, record.len() as u64 / 8).unwrap();
    for (word, bytes) in words.iter().zip(record.chunks(8)) {
        word.store(u64::from_le_bytes(bytes.try_into().unwrap()), Ordering::Relaxed);
    }
    store.check().unwrap();
    assert_eq!(store.meta("gain").unwrap(), known);
    assert_eq!(store.get::<f64>("other").unwrap(), 1.5);
}

/// Whatever the block with the versions of types holds.
#[test]
fn damaged_versions_are_errors() {
    let store = store();
    let versions = [TypeVersion::new("Arm", 3, 2), TypeVersion::new("Camera", 1, 1)];
    store
        .handle
        .change(Mode::Node, |operation, node| {
            versions.iter().try_for_each(|version| record_version(operation, node, version))
        })
        .unwrap();
    store.check().unwrap();
    let (arena, node) = (store.handle.arena(), store.handle.node());
    assert_eq!(crate::node::versions(arena, node).unwrap(), versions);
    let place = node.body[structure::VERSIONS].load(Ordering::Relaxed);
    let words = arena.words(place, 12).unwrap();
    for (at, word) in words.iter().enumerate() {
        let kept = word.load(Ordering::Relaxed);
        for nonsense in [0, 1, kept ^ 1 << 17, kept ^ 1 << 40, u64::MAX] {
            word.store(nonsense, Ordering::Relaxed);
            let same = crate::node::versions(arena, node).is_ok_and(|found| found == versions);
            assert!(!same || nonsense == kept, "word {at}: {nonsense:#x}");
            let _ = (store.check(), store.schema(), store.to_bytes(), store.usage());
        }
        word.store(kept, Ordering::Relaxed);
    }
    for nonsense in [8, place + 8, u64::MAX, 1 << 40] {
        node.body[structure::VERSIONS].store(nonsense, Ordering::Relaxed);
        let _ = (store.schema(), store.to_bytes(), store.usage());
        store.check().unwrap_err();
    }
    node.body[structure::VERSIONS].store(place, Ordering::Relaxed);
    store.check().unwrap();
}

/// What a guard of a binding lends of fields whose limits its type does not know.
#[cfg(feature = "derive")]
#[test]
fn types_that_know_no_limits_are_lent_nothing_that_breaks_them() {
    #[derive(crate::StructStore)]
    struct Plain {
        gain: f64,
        pair: [f64; 2],
        trail: Vec<f64>,
        maybe: Option<f64>,
        each: Vec<Option<f64>>,
        name: String,
        other: u64,
    }

    let store = store();
    let bind = || store.bind::<Plain>().unwrap();
    bind().with_mut(|mut fields| fields.maybe.set(Some(0.5)).and(fields.each.push(&Some(0.5)))).unwrap();
    let refused = |result: crate::Result<()>, path: &str| {
        let message = result.unwrap_err().to_string();
        assert!(message.starts_with(&format!("{path}: found a field that has to hold")), "{message}");
    };
    for name in ["gain", "pair", "trail"] {
        // While it may be lent, there is no way to keep limits.
        let before = bind();
        let late = store.declare(name, &Meta::new().range(0.0..=1.0)).unwrap_err();
        let expected =
            "in use by this process, so it cannot be given limits now: it may be lent without a check";
        assert_eq!(late.to_string(), format!("{name}: {expected}"));
        before.write().map(drop).unwrap();
        drop(before);

        store.declare(name, &Meta::new().range(0.0..=1.0)).unwrap();
        let plain = bind();
        refused(plain.write().map(drop), name);
        plain.read().map(drop).unwrap();
        plain.load().unwrap();
        store.declare(name, &Meta::new().unit("m")).unwrap();
        plain.write().map(drop).unwrap();
    }
    let plain = bind();
    for name in ["maybe", "each", "name"] {
        let meta = if name == "name" { Meta::new().len(..=4) } else { Meta::new().range(0.0..=1.0) };
        store.declare(name, &meta).unwrap();
    }
    plain
        .with_mut(|mut fields| {
            *fields.other += 1;
            assert!(fields.maybe.get_mut().is_err() && fields.maybe.set(Some(2.0)).is_err());
            fields.maybe.set(Some(0.25))?;
            assert!(fields.each.push(&Some(2.0)).is_err());
            assert!(
                fields.each.get_mut(0)?.get_mut().is_err() && fields.each.get_mut(0)?.set(Some(2.0)).is_err()
            );
            assert!(fields.name.set("longer").is_err());
            fields.name.set("arm")
        })
        .unwrap();
    store.check().unwrap();
}

/// Views of arrays in a list, kinds of elements that nothing looks at, and choices of numbers.
#[test]
fn nothing_in_a_limited_field_is_out_of_reach() {
    let store = store();
    store.set("items", Value::List(vec![[0.5].into(), "a".into()])).unwrap();
    let list = store.get::<List>("items").unwrap();
    let view = list.get::<Array>(0).unwrap().view().unwrap();
    store.declare("items", &Meta::new().range(0.0..=1.0)).unwrap();
    view.cells::<f64>().unwrap()[0].set(5.0);
    assert_eq!(list.get::<Vec<f64>>(0).unwrap(), [0.5]);
    store.declare("items", &Meta::new().len(..=4)).unwrap();
    list.push("b").unwrap();
    list.set(0, "c").unwrap();
    store.check().unwrap();

    // What was filled in place and put into a list is a copy as well.
    store.declare("items", &Meta::new().range(0.0..=1.0)).unwrap();
    let view = crate::handle::unpublished(&store.handle, crate::DType::of::<f64>(), &[1]).unwrap();
    view.cells::<f64>().unwrap()[0].set(0.5);
    list.push(crate::handle::filled_value(&view).unwrap()).unwrap();
    view.cells::<f64>().unwrap()[0].set(5.0);
    store.check().unwrap();

    // A record that is longer than all that lies behind the one that it replaces.
    store.declare("items", &Meta::new().description("x".repeat(500_000))).unwrap();

    store.set("q", [0.5_f64]).unwrap();
    store.declare("q", &Meta::new().range(0.0..=1.0)).unwrap();
    let half = crate::DType::new("<f2").unwrap();
    let foreign = ArrayValue::new(half, &[1], vec![0_u8, 0x50]).unwrap();
    assert_eq!(store.set("q", foreign).unwrap_err().kind(), ErrorKind::WrongType);

    store.set("x", 1.5_f64).unwrap();
    assert!(store.declare("x", &Meta::new().choices(["1", "2"])).is_err());
    store.set("single", 0.5_f32).unwrap();
    store.declare("single", &Meta::new().range(..=1e39_f64)).unwrap();
    store.set("single", f32::MAX).unwrap();
    assert!(store.set("single", f32::INFINITY).is_err());
    store.set("large", Value::list([1])).unwrap();
    store.declare("large", &Meta::new().range(0..)).unwrap();
    store.get::<List>("large").unwrap().extend([u64::MAX]).unwrap();
    store.set("n", Value::list([1])).unwrap();
    store.declare("n", &Meta::new().choices(["1", "a"])).unwrap();
    assert!(store.get::<List>("n").unwrap().push(2.5).is_err());

    let undone: crate::Result<()> = store.transaction(|store| {
        store.declare("q", &Meta::new())?;
        store.get_mut::<Array>("q")?.as_mut_slice::<f64>()?[0] = 99.0;
        Err(crate::Error::rejected("no"))
    });
    undone.unwrap_err();
    assert_eq!(store.get::<Vec<f64>>("q").unwrap(), [0.5]);
    store.check().unwrap();
}
