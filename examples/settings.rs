//! A tour: a local store, a list, a struct's fields bound to a store, and the same in shared memory.
//!
//! ```sh
//! cargo run -p structstore-examples --example settings
//! ```
//!
//! One should see the local store as JSON, first with the list shown as held, because its guard lives, and then with
//! all that it holds; then what the binding has put there; then the shared store, of which one part is locked while
//! another thread changes the rest. The shared segment is gone at the end.

use std::process;
use std::thread;

use structstore::{Error, Result, StructStore, StructStoreShared, key};

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
    #[structstore(default = true)]
    flag: bool,
    #[structstore(default = "foo")]
    str: String,
    gains: [f64; 6],
    subsettings: Subsettings,
}

fn main() -> Result<()> {
    local()?;
    shared()
}

fn local() -> Result<()> {
    let store = StructStore::new();
    store.set("num", 5)?;
    {
        // Created on first use, and held until the end of the block.
        let mut list = store.list_mut("list")?;
        list.push(5)?;
        list.push(42)?;
        for item in list.iter_mut::<i32>() {
            *item? += 1;
        }
        println!("with the list held: {store}");
    }
    store.list_mut("strlist")?.push("foo")?;
    println!("local store:        {store}");

    // Creates the fields that are missing and keeps those that are there, here `num`.
    let settings = store.bind::<Settings>()?;
    let mut guard = settings.write()?;
    // `fields.num` is a `&mut i32` inside the store.
    let mut fields = guard.fields_mut();
    *fields.num = 42;
    *fields.subsettings.subnum += 1;
    fields.gains[2] = 0.5;
    fields.str.set("a longer text")?;
    drop(guard);
    println!("after the binding:  {store}");

    // A declared field keeps its type.
    match store.set("num", "forty-two") {
        Err(error @ Error::WrongType { .. }) => println!("refused:            {error}"),
        other => other?,
    }
    Ok(())
}

fn shared() -> Result<()> {
    // Any process of this user can open it by this name. Whoever closes it last removes it.
    let name = format!("/structstore_settings_{}", process::id());
    let shared = StructStoreShared::open(&name)?;
    // The name is hashed at compile time.
    shared.set(key!("num"), 53)?;

    // The same type as before: local and shared stores are one API.
    let settings = shared.bind::<Settings>()?;
    println!("shared, at first:   num is {}", settings.read()?.fields().num);
    // No other process sees one of these changes without the other.
    settings.with_mut(|fields| {
        *fields.num = 42;
        *fields.flag = false;
    })?;
    let snapshot: Settings = settings.load()?;
    println!("a copy of them all: {snapshot:?}");

    shared.nested("camera")?.set("exposure", 0.01)?;
    shared.nested("log")?.set("lines", 0)?;
    let mut camera = shared.at("camera")?.write()?;
    *camera.scalar_mut::<f64>("exposure")? *= 2.0;
    // The guard covers the camera and what is in it. Beside it nobody waits.
    let log = shared.at("log")?;
    thread::scope(|scope| scope.spawn(move || log.set("lines", 1)).join().expect("it does not panic"))?;
    println!("with a part held:   {shared}");
    drop(camera);
    println!("shared store:       {shared}");
    shared.close()
}
