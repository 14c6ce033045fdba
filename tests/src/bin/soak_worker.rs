//! One process of the soak: runs random operations on a store until it is killed, and reports faults.
//!
//! The arguments are the segment and a seed. The process ends by itself only with an error.

use std::process::ExitCode;
use std::time::Instant;

use structstore::{
    Array, ArrayValue, ArrayView, Cleanup, Error, ErrorKind, Result, Struct, StructStoreShared, Value,
};
use structstore_tests::soak::{PATIENCE, Random, TOTAL};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [segment, seed] = arguments.as_slice() else {
        eprintln!("usage: soak_worker SEGMENT SEED");
        return ExitCode::FAILURE;
    };
    let store = match StructStoreShared::options().cleanup(Cleanup::Never).create(false).open(segment) {
        Ok(store) => store,
        Err(error) => {
            eprintln!("cannot open: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut random = Random::new(seed.parse().unwrap_or(1));
    let mut views = Vec::new();
    loop {
        let kind = random.below(16);
        let start = Instant::now();
        let done = step(&store, kind, &mut random, &mut views);
        let waited = start.elapsed();
        match done {
            Ok(()) => {}
            // Another process was faster.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::NotFound
                        | ErrorKind::StaleHandle
                        | ErrorKind::WrongType
                        | ErrorKind::IndexOutOfRange
                        | ErrorKind::AlreadyExists
                ) => {}
            Err(error) => {
                eprintln!("operation {kind} failed: {error}");
                return ExitCode::FAILURE;
            }
        }
        if waited > PATIENCE {
            eprintln!("operation {kind} took {waited:?}");
            return ExitCode::FAILURE;
        }
    }
}

fn array(random: &mut Random) -> Value<'static> {
    let elements: Vec<f64> = (0..random.below(2000)).map(|at| at as f64).collect();
    ArrayValue::from_slice(&[elements.len()], &elements)
        .map_or(Value::Null, |array| Value::from(array).into_owned())
}

fn value(random: &mut Random) -> Value<'static> {
    match random.below(7) {
        0 => Value::Null,
        1 => (random.below(1000) as i64).into(),
        2 => 0.5.into(),
        3 => "text ".repeat(random.below(40) as usize).into(),
        4 => (0..random.below(20) as i64).map(Value::from).collect::<Vec<_>>().into(),
        5 => Value::record([("x", Value::from(1_i64)), ("list", vec!["a", "b"].into())]),
        _ => array(random),
    }
}

fn part(store: &StructStoreShared, random: &mut Random) -> Result<Struct> {
    store.ensure_struct(&format!("part {}", random.below(4)))
}

fn name(random: &mut Random) -> String {
    format!("field {}", random.below(12))
}

fn step(store: &StructStoreShared, kind: u64, random: &mut Random, views: &mut Vec<ArrayView>) -> Result<()> {
    match kind {
        0..=2 => part(store, random)?.set(&name(random), value(random)),
        3 => part(store, random)?.delete(&name(random)),
        4 => part(store, random)?.rename(&name(random), &name(random)),
        5 => {
            let list = part(store, random)?.ensure_list("list")?;
            if list.len()? > 60 { list.clear() } else { list.push(value(random)) }
        }
        6 => part(store, random)?.ensure_list("list")?.insert(0, value(random)),
        7 => part(store, random)?.ensure_list("list")?.pop().map(drop),
        8 => {
            let part = part(store, random)?;
            let mut guard = part.write()?;
            guard.set(&name(random), value(random))?;
            guard.set("count", guard.get::<i64>("count").unwrap_or(0) + 1)
        }
        9 => part(store, random)?.read()?.to_value().map(drop),
        10 => {
            let part = part(store, random)?;
            part.set("array", array(random))?;
            views.push(part.get::<Array>("array")?.view()?);
            if views.len() > 6 {
                views.remove(random.below(6) as usize);
            }
            Ok(())
        }
        11 => {
            let Some(view) = views.first() else { return Ok(()) };
            let elements = view.to_vec::<f64>()?;
            assert!(elements.iter().zip(0..).all(|(found, at)| *found == f64::from(at)), "a view dangles");
            Ok(())
        }
        12 => store.delete(&format!("part {}", random.below(4))),
        13 => {
            let accounts = store.at("accounts")?;
            let guard = accounts.read()?;
            let total = guard.get::<i64>("left")? + guard.get::<i64>("right")?;
            assert_eq!(total, TOTAL, "half a transaction was seen");
            Ok(())
        }
        _ => {
            let (amount, fails) = (random.below(100) as i64, random.below(3) == 0);
            let (first, second) = (value(random), value(random));
            let moved = store.at("accounts")?.transaction(|accounts| {
                *accounts.get_mut::<i64>("left")? -= amount;
                accounts.set("note", first)?;
                accounts.ensure_list("log")?.push(second)?;
                if accounts.ensure_list("log")?.len()? > 30 {
                    accounts.ensure_list("log")?.clear()?;
                }
                accounts.set("right", accounts.get::<i64>("right")? + amount)?;
                if fails { Err(Error::rejected("undone")) } else { Ok(()) }
            });
            match moved {
                Err(error) if error.kind() == ErrorKind::Rejected && fails => Ok(()),
                other => other,
            }
        }
    }
}
