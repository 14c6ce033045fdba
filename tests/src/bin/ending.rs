//! The process of the tests of how processes end: opens a shared store, and ends as its argument says.

use std::sync::OnceLock;
use std::time::Duration;

use structstore::{ArrayValue, Cleanup, Error, Result, StructStoreShared};

static STORE: OnceLock<StructStoreShared> = OnceLock::new();

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, how] = &*arguments else { panic!("expected a name and how to end") };
    match how.as_str() {
        "without memory" => return without_memory(name),
        "small files" => return small_files(name),
        _ => {}
    }
    let cleanup = if how == "never" { Cleanup::Never } else { Cleanup::IfLast };
    let store = StructStoreShared::options().cleanup(cleanup).open(name)?;
    store.set("number", 1)?;
    store.set("array", ArrayValue::from_slice(&[2], &[1.0, 2.0])?)?;
    match how.as_str() {
        "static" | "never" => drop(STORE.set(store)),
        "leaked" => std::mem::forget(store),
        "exit" => std::process::exit(0),
        "abort" => std::process::abort(),
        "guard" => {
            std::mem::forget(store.write()?);
            std::mem::forget(store);
        }
        "watch" => {
            std::mem::forget(store.watch()?);
            std::mem::forget(store);
        }
        "view" => {
            std::mem::forget(store.array("array")?.view()?);
            std::mem::forget(store);
        }
        "threads" => {
            for _ in 0..3 {
                let root = store.clone();
                std::thread::spawn(move || {
                    while root.set("number", 2).and_then(|()| root.set("list", vec![1, 2])).is_ok() {}
                });
            }
            std::thread::sleep(Duration::from_millis(20));
            std::mem::forget(store);
        }
        other => panic!("there is no such end: {other}"),
    }
    Ok(())
}

fn limit(resource: u32, bytes: u64) {
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: reads the limit that it is given.
    assert_eq!(unsafe { libc::setrlimit(resource, &limit) }, 0);
}

/// Less address space than the smallest reservation takes.
fn without_memory(name: &str) -> Result<()> {
    limit(libc::RLIMIT_AS, 48 << 20);
    match StructStoreShared::open(name) {
        Err(Error::Io { action: "map", .. }) => Ok(()),
        other => panic!("{other:?}"),
    }
}

fn small_files(name: &str) -> Result<()> {
    limit(libc::RLIMIT_FSIZE, 1 << 20);
    let store = StructStoreShared::open(name)?;
    match store.set("array", vec![0.0; 1 << 20]) {
        Err(Error::OutOfSpace { reason, .. }) if reason.contains("RLIMIT_FSIZE") => Ok(()),
        other => panic!("{other:?}"),
    }
}
