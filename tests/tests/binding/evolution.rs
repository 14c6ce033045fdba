//! Programs of two versions on stores that either of them has made: types that gained, renamed, widened and lost something.

use std::collections::BTreeMap;
use std::process::Command;

use structstore::guard::StructMut;
use structstore::{Error, ErrorKind, Meta, Result, Struct, StructStore, StructStoreShared, Value};
use structstore_tests::SegmentName;

/// What a program of the first version has.
mod old {
    use super::*;

    #[derive(StructStore, Clone, Copy, Debug, PartialEq)]
    pub(super) enum Mode {
        Idle,
        Running,
        Legacy,
    }

    #[derive(StructStore, Clone, Debug, PartialEq)]
    pub(super) struct Fault {
        pub(super) code: u16,
        pub(super) text: String,
    }

    #[derive(StructStore, Clone, Debug, PartialEq)]
    pub(super) struct Gains {
        pub(super) kp: f32,
        #[structstore(default = 0.25)]
        pub(super) tau: f64,
    }

    #[derive(StructStore, Clone, Debug, PartialEq)]
    pub(super) struct Arm {
        pub(super) gains: Gains,
        pub(super) faults: Vec<Fault>,
        pub(super) last: Option<Fault>,
        pub(super) named: BTreeMap<String, Fault>,
        pub(super) mode: Mode,
        pub(super) cycle: u32,
        pub(super) offset: i16,
        #[structstore(growable, default = [1.0, 2.0, 3.0])]
        pub(super) q: [f64; 3],
        #[structstore(range = 0.0..=10.0, default = 1.0)]
        pub(super) speed: f64,
    }
}

/// And one of the second version.
mod new {
    use super::*;

    #[derive(StructStore, Clone, Copy, Debug, PartialEq)]
    pub(super) enum Mode {
        Idle,
        Running,
        Paused,
    }

    #[derive(StructStore, Clone, Debug, PartialEq)]
    pub(super) struct Fault {
        #[structstore(widened)]
        pub(super) code: u32,
        pub(super) text: String,
        #[structstore(default = 3)]
        pub(super) severity: u8,
    }

    #[derive(StructStore, Clone, Debug, PartialEq)]
    pub(super) struct Gains {
        #[structstore(widened)]
        pub(super) kp: f64,
        #[structstore(alias = "tau", default = 0.25)]
        pub(super) time_constant: f64,
    }

    #[derive(StructStore, Clone, Debug, PartialEq)]
    pub(super) struct Arm {
        pub(super) gains: Gains,
        pub(super) faults: Vec<Fault>,
        pub(super) last: Option<Fault>,
        pub(super) named: BTreeMap<String, Fault>,
        pub(super) mode: Mode,
        #[structstore(widened)]
        pub(super) cycle: u64,
        #[structstore(widened)]
        pub(super) offset: i64,
        #[structstore(growable, default = [1.0, 2.0, 3.0, 4.0])]
        pub(super) q: [f64; 4],
        #[structstore(range = 0.0..=5.0, default = 1.0)]
        pub(super) speed: f64,
        pub(super) label: String,
    }
}

fn old_fault(code: u16) -> old::Fault {
    old::Fault { code, text: "hot".into() }
}

fn new_fault(code: u32) -> new::Fault {
    new::Fault { code, text: "hot".into(), severity: 3 }
}

fn old_arm() -> old::Arm {
    old::Arm {
        gains: old::Gains { kp: 1.5, tau: 0.75 },
        faults: vec![old_fault(7), old_fault(8)],
        last: Some(old_fault(9)),
        named: [("left".to_owned(), old_fault(10))].into(),
        mode: old::Mode::Running,
        cycle: 41,
        offset: -5,
        q: [0.1, 0.2, 0.3],
        speed: 4.0,
    }
}

/// The same, as a program of the second version reads it.
fn new_arm() -> new::Arm {
    new::Arm {
        gains: new::Gains { kp: 1.5, time_constant: 0.75 },
        faults: vec![new_fault(7), new_fault(8)],
        last: Some(new_fault(9)),
        named: [("left".to_owned(), new_fault(10))].into(),
        mode: new::Mode::Running,
        cycle: 41,
        offset: -5,
        q: [0.1, 0.2, 0.3, 4.0],
        speed: 4.0,
        label: String::new(),
    }
}

/// A part of a store of this process, and of one that is attached twice.
fn on_two(test: impl Fn(&Struct, &Struct) -> Result<()>) -> Result<()> {
    let local = StructStore::new();
    test(&local, &local)?;
    let segment = SegmentName::new("evolution");
    let (one, other) =
        (StructStoreShared::open(segment.as_str())?, StructStoreShared::open(segment.as_str())?);
    test(&one, &other)
}

fn lines(error: &Error) -> Vec<String> {
    error.errors().map(ToString::to_string).collect()
}

#[test]
fn a_new_program_says_all_that_does_not_fit_in_an_old_store() -> Result<()> {
    on_two(|one, other| {
        let old = one.ensure_struct("arm")?.bind::<old::Arm>()?;
        old.replace(&old_arm())?;
        let before = one.to_string();

        let error = other.at("arm")?.bind::<new::Arm>().err().unwrap();
        assert_eq!(
            lines(&error),
            [
                "arm.gains.kp: found f32, expected f64; `bind_widening` converts it",
                "arm.faults[0].code: found u16, expected u32; `bind_widening` converts it",
                "arm.faults[1].code: found u16, expected u32; `bind_widening` converts it",
                "arm.last.code: found u16, expected u32; `bind_widening` converts it",
                "arm.named.left.code: found u16, expected u32; `bind_widening` converts it",
                "arm.cycle: found u32, expected u64; `bind_widening` converts it",
                "arm.offset: found i16, expected i64; `bind_widening` converts it",
                "arm.q: found f64[3], expected f64[4]; `bind_widening` converts it",
            ]
        );
        assert!(error.to_string().starts_with("8 fields do not fit:\n  arm.gains.kp: found f32"));
        // Nothing is changed.
        assert_eq!(one.to_string(), before);
        assert_eq!(old.load()?, old_arm());
        Ok(())
    })
}

#[test]
fn both_programs_run_on_an_old_store() -> Result<()> {
    on_two(|one, other| {
        let old = one.ensure_struct("arm")?.bind::<old::Arm>()?;
        assert!(old.created().is_empty(), "nothing was there: {:?}", old.created());
        old.replace(&old_arm())?;

        let arm = other.at("arm")?;
        let new = arm.bind_widening::<new::Arm>()?;
        let created: Vec<String> = new.created().iter().map(ToString::to_string).collect();
        assert_eq!(created, ["faults[*].severity (2 times)", "last.severity", "named.*.severity", "label"]);
        assert_eq!(new.load()?, new_arm());

        // The one that runs goes on reading, as its types are.
        assert_eq!(old.load()?, old_arm());
        old.with(|old| {
            assert_eq!((*old.gains.kp, *old.gains.tau, *old.cycle), (1.5, 0.75, 41));
            assert_eq!((old.q, old.faults.load(1)?), (&[0.1, 0.2, 0.3], old_fault(8)));
            assert_eq!(*old.last.as_ref().unwrap().code, 9);
            Ok::<_, Error>(())
        })??;
        // It can be started again.
        let again = one.at("arm")?.bind::<old::Arm>()?;
        assert_eq!((again.load()?, again.created()), (old_arm(), &[][..]));

        // Both names are of one field.
        new.with_mut(|new| *new.gains.time_constant = 0.5)?;
        assert_eq!((old.load()?.gains.tau, one.get_at::<f64>("arm.gains.tau")?), (0.5, 0.5));
        one.set_at("arm.gains.tau", 0.75)?;
        assert_eq!(new.load()?.gains.time_constant, 0.75);
        assert_eq!(arm.at("gains")?.names()?, ["kp", "time_constant"]);
        assert_eq!(arm.at("gains")?.meta("tau")?.aliases, ["tau"]);

        // Also where they are read without a binding.
        let gains: old::Gains = arm.get("gains")?;
        assert_eq!((gains.kp, gains.tau), (1.5, 0.75));
        assert_eq!(one.get_at::<new::Gains>("arm.gains")?.time_constant, 0.75);
        assert_eq!(arm.get::<old::Fault>("gains").err().unwrap().kind(), ErrorKind::NotFound);

        // What fits no longer is an error that says so.
        new.with_mut(|new| *new.cycle = 5_000_000_000)?;
        let message =
            "arm.cycle: 5000000000 does not fit u32; the field is of type u64 now, so bind it as that";
        for binding in [&old, &again] {
            let error = binding.load().err().unwrap();
            assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::OutOfRange, message));
            assert_eq!(binding.with(|_| ()).err().unwrap().to_string(), message);
        }
        new.with_mut(|new| *new.cycle = 41)?;
        assert_eq!(again.load()?, old_arm());

        // Write guards lend plain memory, which is of another type now. Assignments convert.
        let error = old.with_mut(|old| *old.cycle += 1).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::WrongType);
        let message = error.to_string();
        assert!(message.starts_with("arm.gains.kp: found f64, expected f32, as it was when"), "{message}");
        one.set_at("arm.cycle", 42_u32)?;
        assert_eq!((new.load()?.cycle, old.load()?.cycle), (42, 42));
        Ok(())
    })
}

#[test]
fn both_programs_run_on_a_new_store() -> Result<()> {
    on_two(|one, other| {
        let new = one.ensure_struct("arm")?.bind::<new::Arm>()?;
        new.replace(&new_arm())?;
        let old = other.at("arm")?.bind::<old::Arm>()?;
        assert_eq!(old.load()?, old_arm());
        assert_eq!(old.with(|old| (*old.offset, *old.gains.kp))?, (-5, 1.5));
        assert_eq!(new.load()?, new_arm());
        // Back to the new one, and no field was retyped meanwhile.
        drop(new);
        let new = one.at("arm")?.bind::<new::Arm>()?;
        assert_eq!((new.load()?, new.created()), (new_arm(), &[][..]));
        Ok(())
    })
}

#[test]
fn what_an_old_program_adds_is_completed_when_it_is_met() -> Result<()> {
    on_two(|one, other| {
        let new = one.ensure_struct("arm")?.bind::<new::Arm>()?;
        let old_item = || Value::record([("code", Value::from(7_u16)), ("text", "hot".into())]);
        let faults = other.at("arm")?.ensure_list("faults")?;
        faults.push(old_item())?;
        other.set_at("arm.last", old_item())?;
        other.set_at("arm.named.left", old_item())?;

        // To read is not to change.
        let loaded = new.load()?;
        assert_eq!((&loaded.faults[0], loaded.last), (&new_fault(7), Some(new_fault(7))));
        assert_eq!(loaded.named["left"], new_fault(7));
        new.with(|new| {
            assert_eq!(new.faults.load(0)?, new_fault(7));
            assert_eq!(new.named.load("left")?, Some(new_fault(7)));
            assert_eq!(new.last.as_ref().map(|last| *last.severity), Some(3));
            Ok::<_, Error>(())
        })??;
        assert_eq!(faults.get::<Struct>(0)?.names()?, ["code", "text"]);

        // A write guard completes what it lends.
        new.with_mut(|mut new| {
            *new.faults.get_mut(0)?.severity += 1;
            *new.named.get_mut("left")?.unwrap().severity += 2;
            *new.last.get_mut()?.unwrap().code += 100_000;
            Ok(())
        })?;
        assert_eq!(faults.get::<Struct>(0)?.names()?, ["code", "text", "severity"]);
        let loaded = new.load()?;
        assert_eq!((loaded.faults[0].severity, loaded.named["left"].severity), (4, 5));
        assert_eq!(loaded.last.unwrap().code, 100_007);
        Ok(())
    })
}

#[test]
fn an_enum_gains_and_loses_variants() -> Result<()> {
    on_two(|one, other| {
        let old = one.ensure_struct("arm")?.bind::<old::Arm>()?;
        let new = other.at("arm")?.bind_widening::<new::Arm>()?;
        let again = one.at("arm")?.bind::<old::Arm>()?;

        // Neither program takes the other's variants away, whoever was bound last.
        new.with_mut(|mut new| new.mode.set(new::Mode::Paused))?;
        let error = again.load().err().unwrap().to_string();
        assert!(
            error.starts_with(r#"arm.mode: found the string "Paused", expected "Idle" or "Running""#),
            "{error}"
        );
        // It harms that field alone.
        assert_eq!(new.with(|new| *new.cycle)?, 0);
        one.at("arm")?.bind::<old::Arm>()?;
        one.set_at("arm.mode", "Legacy")?;
        assert_eq!(again.load()?.mode, old::Mode::Legacy);
        assert!(new.with(|new| new.mode.get())?.is_err());
        other.at("arm")?.bind::<new::Arm>()?;

        // No other text is one.
        let error = one.set_at("arm.mode", "Pausde").err().unwrap();
        assert_eq!(error.kind(), ErrorKind::OutsideLimits);
        drop(old);
        Ok(())
    })
}

#[test]
fn a_value_outside_of_tighter_limits_is_reported() -> Result<()> {
    on_two(|one, other| {
        let old = one.ensure_struct("arm")?.bind::<old::Arm>()?;
        one.set_at("arm.speed", 7.5)?;
        let error = other.at("arm")?.bind_widening::<new::Arm>().err().unwrap();
        assert_eq!(lines(&error), ["arm.speed: found 7.5, expected a number from 0.0 to 5.0"]);
        one.set_at("arm.speed", 4.5)?;
        other.at("arm")?.bind_widening::<new::Arm>()?;
        assert!(one.set_at("arm.speed", 7.5).is_err());
        assert_eq!(old.load()?.speed, 4.5);
        Ok(())
    })
}

#[test]
fn a_field_has_one_of_its_names_only_once() -> Result<()> {
    #[derive(StructStore, Debug)]
    struct Renamed {
        #[structstore(alias = "tau", alias = "t")]
        time_constant: f64,
    }

    on_two(|one, _| {
        one.set_at("t", 0.5)?;
        one.set_at("tau", 0.75)?;
        one.set_at("other", 1)?;
        let error = one.bind::<Renamed>().err().unwrap();
        let advice = "its alias \"t\" is the name of another field; remove one of the two";
        assert_eq!(error.to_string(), format!("time_constant: {advice}"));
        assert_eq!(one.names()?, ["t", "tau", "other"]);

        one.delete("t")?;
        let renamed = one.bind::<Renamed>()?;
        assert_eq!(
            (renamed.load()?.time_constant, one.names()?),
            (0.75, vec!["time_constant".into(), "other".into()])
        );
        for name in ["t", "tau", "time_constant"] {
            one.set(name, name.len() as f64)?;
            assert_eq!(renamed.load()?.time_constant, name.len() as f64);
            assert!(one.contains(name)? && one.meta(name)?.aliases == ["tau", "t"]);
            let error = one.delete(name).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::Declared);
        }
        // A new field of one of the names is the field itself.
        one.update([("t", 0.5), ("tau", 0.25)])?;
        assert_eq!((one.len()?, renamed.load()?.time_constant), (2, 0.25));

        // Ordinary fields cannot take one of the names.
        let error = one.rename("other", "tau").err().unwrap();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        let error = one.declare("other", &Meta::new().alias("t")).err().unwrap();
        assert_eq!(error.to_string(), format!("other: {advice}"));

        // Names come and go with the declaration, through growth of the index, too.
        drop(renamed);
        one.update(
            (0..100)
                .map(|at| (format!("field{at}"), at))
                .collect::<Vec<_>>()
                .iter()
                .map(|(name, at)| (name.as_str(), *at)),
        )?;
        assert_eq!(one.get::<f64>("t")?, 0.25);
        one.declare("time_constant", &Meta::new().alias("seconds"))?;
        assert_eq!((one.contains("tau")?, one.get::<f64>("seconds")?), (false, 0.25));
        let bytes = one.to_bytes()?;
        one.undeclare("seconds")?;
        assert!(!one.contains("seconds")?);
        one.delete("time_constant")?;
        let restored = StructStore::new();
        restored.restore(&bytes)?;
        assert_eq!(restored.get::<f64>("seconds")?, 0.25);
        one.update(
            (0..100)
                .map(|at| (format!("field{at}"), at))
                .collect::<Vec<_>>()
                .iter()
                .map(|(name, at)| (name.as_str(), *at)),
        )
    })
}

#[test]
fn what_cannot_widen_can_be_undeclared() -> Result<()> {
    #[derive(StructStore)]
    struct Before {
        q: f64,
        parts: Vec<old::Arm>,
    }

    #[derive(StructStore)]
    struct After {
        q: String,
        parts: String,
    }

    on_two(|one, other| {
        let before = one.ensure_struct("state")?.bind::<Before>()?;
        before.with_mut(|mut before| before.parts.push(&old_arm()))?;
        let state = other.at("state")?;
        let error = state.bind::<After>().err().unwrap();
        let remedy = "`undeclare` the field and remove it, or give this one another name";
        assert_eq!(
            lines(&error),
            [
                format!("state.q: found f64, expected str; {remedy}"),
                format!("state.parts: found list, expected str; {remedy}"),
            ]
        );
        // Not under a program that runs.
        for path in ["q", "parts"] {
            let error = state.undeclare(path).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::Bound);
        }
        drop(before);
        state.undeclare("q")?;
        state.delete("q")?;
        assert_eq!(state.delete("parts").err().unwrap().kind(), ErrorKind::Declared);
        state.undeclare("parts")?;
        let item = state.ensure_list("parts")?.get::<Struct>(0)?;
        item.set("speed", 1e9)?;
        item.delete("q")?;
        state.delete("parts")?;
        assert_eq!(state.bind::<After>()?.load()?.q, "");
        Ok(())
    })
}

/// Three versions of a type, of which the second one changes a unit.
mod versions {
    use super::*;

    #[derive(StructStore)]
    #[structstore(version = 1)]
    pub(super) struct Arm {
        pub(super) speed_mm: f64,
        pub(super) legacy: bool,
    }

    pub(super) mod second {
        use super::*;

        #[derive(StructStore)]
        #[structstore(version = 2, migrate = "from_first")]
        pub(crate) struct Arm {
            pub(crate) speed: f64,
            #[structstore(default = 7)]
            pub(crate) gain: i32,
        }

        fn from_first(from: u32, arm: &mut StructMut<'_>) -> Result<()> {
            arm.set("migrations", arm.find::<i64>("migrations")?.unwrap_or(0) + 1)?;
            if let (0 | 1, Some(speed)) = (from, arm.find::<f64>("speed_mm")?) {
                if speed < 0.0 {
                    return Err(Error::rejected("a negative speed"));
                }
                arm.undeclare("speed_mm")?;
                arm.delete("speed_mm")?;
                arm.set("speed", speed / 1000.0)?;
            }
            Ok(())
        }
    }

    pub(super) mod third {
        use super::*;

        #[derive(StructStore)]
        #[structstore(version = 3, since = 2)]
        pub(crate) struct Arm {
            pub(crate) speed: f64,
            pub(crate) gain: i32,
            pub(crate) label: String,
        }
    }
}

#[test]
fn the_first_program_of_a_version_migrates_once() -> Result<()> {
    use versions::{Arm, second, third};

    on_two(|one, other| {
        one.ensure_struct("arm")?.set("other", 1)?;
        let first = one.at("arm")?.bind::<Arm>()?;
        first.replace(&Arm { speed_mm: 1500.0, legacy: true })?;

        // A program that uses what is to be removed keeps it, and nothing is changed.
        let arm = other.at("arm")?;
        let before = one.to_bytes()?;
        let error = arm.bind::<second::Arm>().err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Bound);
        assert_eq!(one.to_bytes()?, before);
        first.with_mut(|first| *first.speed_mm = -1.0)?;
        drop(first);

        // Nor is it if the migration fails, or if what it makes does not fit.
        let before = one.to_bytes()?;
        let error = arm.bind::<second::Arm>().err().unwrap();
        assert_eq!(error.to_string(), "arm: a negative speed");
        assert_eq!(one.to_bytes()?, before);
        arm.set("speed_mm", 1500.0)?;
        arm.set("gain", "high")?;
        let before = one.to_bytes()?;
        let error = arm.bind::<second::Arm>().err().unwrap();
        assert_eq!(error.kind(), ErrorKind::WrongType);
        assert_eq!(one.to_bytes()?, before);
        arm.delete("gain")?;

        for store in [other, one] {
            let second = store.at("arm")?.bind::<second::Arm>()?;
            assert_eq!((second.load()?.speed, second.load()?.gain), (1.5, 7));
        }
        assert_eq!(arm.names()?, ["other", "legacy", "migrations", "speed", "gain"]);
        assert_eq!(arm.get::<i64>("migrations")?, 1);

        // The older program is told of both versions.
        let error = arm.bind::<Arm>().err().unwrap();
        assert_eq!(error.kind(), ErrorKind::OtherVersion);
        let message =
            "arm: found version 2 of Arm, which programs from version 2 on can bind, expected version 1";
        assert_eq!(error.to_string(), message);

        // One that is compatible is not refused.
        let third = arm.bind::<third::Arm>()?;
        let second = one.at("arm")?.bind::<second::Arm>()?;
        second.with_mut(|second| *second.gain += 1)?;
        assert_eq!((third.load()?.gain, arm.get::<i64>("migrations")?), (8, 1));
        let schema = one.schema()?.to_string();
        assert!(schema.contains("  arm: struct, version 3 of Arm\n    other: i32"), "{schema}");

        // Snapshots have it.
        let copy = StructStore::new();
        copy.restore(&one.to_bytes()?)?;
        assert_eq!(copy.at("arm")?.bind::<Arm>().err().unwrap().kind(), ErrorKind::OtherVersion);
        assert_eq!(copy.at("arm")?.bind::<second::Arm>()?.load()?.gain, 8);
        drop((second, third));
        one.undeclare("arm")?;
        one.at("arm")?.bind::<second::Arm>()?;
        Ok(())
    })
}

#[test]
fn types_of_one_struct_have_versions_of_their_own() -> Result<()> {
    #[derive(StructStore)]
    #[structstore(version = 5)]
    struct Camera {
        exposure: f64,
    }

    use versions::{Arm, second};
    on_two(|one, other| {
        // What others have put there may be of a time without versions, which only the type knows: version 0.
        other.set("exposure_mode", "auto")?;
        one.bind::<Camera>()?;
        one.bind::<second::Arm>()?;
        one.bind::<second::Arm>()?;
        assert_eq!(one.get::<i64>("migrations")?, 1);
        other.bind::<Camera>()?;
        assert_eq!(other.bind::<Arm>().err().unwrap().kind(), ErrorKind::OtherVersion);

        // And so is this.
        let part = one.ensure_struct("part")?;
        part.update([("speed_mm", 250.0)])?;
        assert_eq!(part.bind::<second::Arm>()?.load()?.speed, 0.25);
        assert_eq!(part.get::<i64>("migrations")?, 1);
        Ok(())
    })
}

#[test]
fn a_process_that_reads_binds_what_it_knows() -> Result<()> {
    let segment = SegmentName::new("evolution_reading");
    let store = StructStoreShared::open(segment.as_str())?;
    let reader = StructStoreShared::options().read_only(true).open(segment.as_str())?;
    let observer = StructStoreShared::options().observe(true).open(segment.as_str())?;
    let arm = store.ensure_struct("arm")?.bind::<new::Arm>()?;
    arm.replace(&new_arm())?;
    for reading in [&reader, &observer] {
        let old = reading.at("arm")?.bind::<old::Arm>()?;
        assert_eq!((old.load()?, old.created()), (old_arm(), &[][..]));
    }
    assert_eq!(observer.at("arm")?.bind::<old::Arm>()?.with(|old| *old.offset)?, -5);

    store.ensure_struct("versioned")?.bind::<versions::second::Arm>()?;
    for reading in [&reader, &observer] {
        let error = reading.at("versioned")?.bind::<versions::Arm>().err().unwrap();
        assert_eq!(error.kind(), ErrorKind::OtherVersion);
        let error = reading.at("versioned")?.bind::<versions::third::Arm>().err().unwrap();
        let message = "versioned: found version 2 of Arm, expected version 3; a process that may write has to bind it first";
        assert_eq!(error.to_string(), message);
    }
    Ok(())
}

/// What the programs in Python have in common.
const PYTHON: &str = r#"
import dataclasses, enum, sys
from typing import Annotated
import numpy as np
import structstore
from structstore import Meta

class Mode(enum.Enum):
    IDLE = "Idle"
    RUNNING = "Running"

@dataclasses.dataclass
class Old:
    kp: np.float32 = np.float32(0.0)
    tau: float = 0.25
    cycle: np.uint32 = np.uint32(0)
    mode: Mode = Mode.IDLE
    faults: list[dict] = dataclasses.field(default_factory=list)

@dataclasses.dataclass
class New:
    kp: Annotated[np.float64, Meta(widened=True)] = np.float64(0.0)
    time_constant: Annotated[float, Meta(alias="tau")] = 0.25
    cycle: Annotated[np.uint64, Meta(widened=True)] = np.uint64(0)
    mode: Mode = Mode.IDLE
    faults: list[dict] = dataclasses.field(default_factory=list)
    label: str = ""

store = structstore.StructStoreShared(sys.argv[1], create=False)
"#;

/// The same in Rust.
mod flat {
    use super::*;

    #[derive(StructStore)]
    pub(super) struct Old {
        pub(super) kp: f32,
        #[structstore(default = 0.25)]
        pub(super) tau: f64,
        pub(super) cycle: u32,
        pub(super) mode: String,
        pub(super) faults: Vec<old::Fault>,
    }

    #[derive(StructStore)]
    pub(super) struct New {
        #[structstore(widened)]
        pub(super) kp: f64,
        #[structstore(alias = "tau", default = 0.25)]
        pub(super) time_constant: f64,
        #[structstore(widened)]
        pub(super) cycle: u64,
        pub(super) mode: String,
        pub(super) faults: Vec<new::Fault>,
        pub(super) label: String,
    }
}

#[test]
fn programs_in_both_languages_are_of_any_version() -> Result<()> {
    let Some(python) = structstore_tests::python("programs_in_both_languages_are_of_any_version") else {
        return Ok(());
    };
    let segment = SegmentName::new("evolution_languages");
    let store = StructStoreShared::open(segment.as_str())?;
    let run = |program: &str| {
        let source = format!("{PYTHON}{program}");
        let done = Command::new(&python).args(["-c", &source, segment.as_str()]).output().unwrap();
        assert!(done.status.success(), "{program}: {}", String::from_utf8_lossy(&done.stderr));
    };

    // An old program in Rust has made the store.
    let arm = store.ensure_struct("arm")?;
    arm.set("mode", "Idle")?;
    let rust = arm.bind::<flat::Old>()?;
    rust.with_mut(|mut fields| {
        (*fields.kp, *fields.tau, *fields.cycle) = (1.5, 0.75, 41);
        fields.faults.push(&old_fault(7))
    })?;
    run("arm = structstore.bind(store.arm, Old)\nassert (arm.kp, arm.tau, arm.cycle) == (1.5, 0.75, 41)");
    run("arm = structstore.bind(store.arm, New, widen=True)\n\
         assert structstore.created(arm) == {'label': 1}\n\
         assert (arm.kp, arm.time_constant, arm.cycle) == (1.5, 0.75, 41)\n\
         arm.time_constant = 0.5\narm.faults.append({'code': 8, 'text': 'cold'})");
    assert_eq!((rust.load()?.tau, rust.load()?.faults.len()), (0.5, 2));
    let new = arm.bind_widening::<flat::New>()?;
    let created: Vec<String> = new.created().iter().map(ToString::to_string).collect();
    assert_eq!(created, ["faults[*].severity (2 times)"]);
    assert_eq!((new.load()?.time_constant, new.load()?.faults[1].code), (0.5, 8));
    // And back, while all of them run.
    run("arm = structstore.bind(store.arm, Old)\narm.tau = 0.25\narm.cycle = np.uint32(42)");
    assert_eq!((rust.load()?.tau, rust.load()?.cycle, new.load()?.cycle), (0.25, 42, 42));

    // A new program in Python has made it.
    run("store.new = {'mode': 'Running'}\narm = structstore.bind(store.new, New)\narm.cycle = np.uint64(5)");
    let made = store.at("new")?;
    let old = made.bind::<flat::Old>()?;
    assert_eq!((old.load()?.cycle, old.load()?.tau, old.load()?.mode.as_str()), (5, 0.25, "Running"));
    assert_eq!(made.bind::<flat::New>()?.load()?.label, "");
    run("arm = structstore.bind(store.new, Old)\nassert arm.mode is Mode.RUNNING\narm.tau = 2.0");
    assert_eq!(old.load()?.tau, 2.0);
    Ok(())
}
