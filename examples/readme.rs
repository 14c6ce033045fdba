//! A tour in five stops, for those who know the README of the C++ library that this one reimplements.
//!
//! ```sh
//! cargo run -p structstore-examples --example readme
//! ```
//!
//! One should see a local store as JSON, with numbers, a string, lists, a nested structure, a vector and a matrix; then what
//! a name that is hashed at compile time leads to; a Rust struct bound to a store, and how the store refuses a value
//! of another type; a shared store that a second process (this program, started again) has changed; and a struct that
//! knows nothing of stores, written to one and read back. The shared segment is gone at the end.

mod peer;

use peer::{Outcome, Peer, part, unique_name};
use structstore::{
    Array, ArrayValue, ErrorKind, Key, Result, Struct, StructStore, StructStoreShared, Value, key,
};

fn main() -> Outcome {
    if let Some((_, name)) = part() {
        return second_process(&name);
    }
    local()?;
    names()?;
    bound()?;
    shared()?;
    existing()?;
    Ok(())
}

/// Values of all kinds, in a store of this process's own.
fn local() -> Result<()> {
    let store = StructStore::new();
    store.set("num", 5)?;
    store.set("value", 3.25)?;
    store.set("flag", true)?;
    store.set("str", "foo")?;
    {
        // Created on first use, and held until the end of the block.
        let mut list = store.ensure_list("list")?.write()?;
        list.push(5)?;
        list.push(42)?;
        for item in list.iter_mut::<i32>() {
            *item? += 1;
        }
    }
    store.ensure_list("strlist")?.extend(["foo", "bar"])?;
    store.ensure_struct("substore")?.set("subnum", 43)?;
    // Arrays are blocks of numbers with a shape: NumPy arrays in Python.
    store.set("vec", ArrayValue::from_slice(&[4], &[1.0, 2.0, 3.0, 4.0])?)?;
    store.set("mat", ArrayValue::from_slice(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])?)?;
    store.get::<Array>("mat")?.write()?.as_mut_slice::<f64>()?[5] = 7.0;
    println!("local:    {store}");

    // What is read says of which type it is to be; numbers convert where that keeps their value.
    let num: i64 = store.get("num")?;
    let missing: Option<f64> = store.find("nothing of that name")?;
    assert_eq!((num, missing), (5, None));
    assert_eq!(store.ensure_list("list")?.iter()?.collect::<Vec<_>>(), [Value::from(6), Value::from(43)]);
    assert_eq!(store.get::<Array>("mat")?.to_vec::<f64>()?, [1.0, 2.0, 3.0, 4.0, 5.0, 7.0]);
    Ok(())
}

/// Names that are hashed at compile time, so that looking one up costs no hashing.
fn names() -> Result<()> {
    const NUM: Key<'static> = key!("num");
    let store = StructStore::new();
    store.set(NUM, 5)?;
    store.set(key!("substore"), Value::record([("subnum", 43.into())]))?;
    let subnum: i32 = store.at("substore")?.get(key!("subnum"))?;
    println!("names:    num is {}, substore.subnum is {subnum}", store.get::<i32>(NUM)?);
    // The same field by a name that only running shows.
    assert_eq!(store.get::<i32>(&["n", "um"].concat())?, 5);
    Ok(())
}

#[derive(StructStore, Debug)]
struct Subsettings {
    #[structstore(default = 42)]
    subnum: i32,
    #[structstore(default = "bar")]
    substr: String,
}

#[derive(StructStore, Debug)]
struct Settings {
    #[structstore(default = 5)]
    num: i32,
    #[structstore(default = 3.25)]
    value: f64,
    #[structstore(default = true)]
    flag: bool,
    #[structstore(default = "foo")]
    str: String,
    #[structstore(default = [1.0, 2.0, 3.0])]
    vec: [f64; 3],
    subsettings: Subsettings,
}

/// A Rust struct whose fields are references into a store.
fn bound() -> Result<()> {
    let store = StructStore::new();
    store.set("num", 53)?;
    // Keeps the fields that are there, here `num`, and creates the others with their defaults.
    let settings = store.bind::<Settings>()?;
    let mut guard = settings.write()?;
    let mut fields = guard.fields_mut();
    // A `&mut i32` inside the store.
    *fields.num += 1;
    *fields.subsettings.subnum += 1;
    fields.vec[2] = 0.5;
    fields.str.set("a longer text")?;
    drop(guard);
    println!("bound:    {store}");
    assert_eq!(store.get::<i32>("num")?, 54);
    assert_eq!(settings.load()?.subsettings.subnum, 43);

    // A field that is bound keeps its type.
    match store.set("num", "fifty-four") {
        Err(error) if error.kind() == ErrorKind::WrongType => println!("refused:  {error}"),
        other => panic!("a text is no i32, but the store said {other:?}"),
    }
    Ok(())
}

/// One store, two processes.
fn shared() -> Outcome {
    let name = unique_name("readme");
    // Creates or attaches. Who closes it last removes the name.
    let store = StructStoreShared::open(&name)?;
    let settings = store.bind::<Settings>()?;
    // No other process sees one of these changes without the other.
    settings.with_mut(|fields| {
        *fields.num = 42;
        *fields.flag = false;
    })?;

    Peer::start("second process", &name)?.finish()?;
    let changed = settings.load()?;
    println!("shared:   num is {}, and the second process says {:?}", changed.num, changed.str);
    assert_eq!((changed.num, changed.str.as_str()), (43, "hello from the second process"));
    assert_eq!(store.get::<Vec<u8>>("raw bytes")?, b"raw");
    store.close()?;
    Ok(())
}

fn second_process(name: &str) -> Outcome {
    let store = StructStoreShared::options().create(false).open(name)?;
    // It need not know the struct: its fields are fields like any others.
    assert!(!store.get::<bool>("flag")?);
    store.set("raw bytes", b"raw")?;
    // It may know it as well. The lock is one for all processes.
    let settings = store.bind::<Settings>()?;
    settings.with_mut(|mut fields| {
        *fields.num += 1;
        fields.str.set("hello from the second process")
    })?;
    Ok(())
}

/// A struct of somebody else's.
#[derive(Debug, PartialEq)]
struct Track {
    name: String,
    points: Vec<f64>,
}

/// Writing and reading what is not bound and derives nothing; see the example `adapters` for more ways.
fn existing() -> Result<()> {
    fn save(track: &Track, store: &Struct) -> Result<()> {
        store.replace(Value::record([
            ("name", Value::from(&track.name)),
            ("points", ArrayValue::from_slice(&[track.points.len()], &track.points)?.into()),
        ]))
    }
    fn load(store: &Struct) -> Result<Track> {
        // Nobody changes it while this lives.
        let guard = store.read()?;
        Ok(Track { name: guard.get("name")?, points: store.get::<Array>("points")?.to_vec()? })
    }

    let store = StructStore::new();
    let track = Track { name: "first lap".into(), points: vec![0.5, 1.5, 2.5] };
    save(&track, &store.ensure_struct("track")?)?;
    println!("existing: {store}");
    assert_eq!(load(&store.at("track")?)?, track);
    Ok(())
}
