//! The helper process of the tests of endings: opens a shared store, and ends in the way that its argument names.

use std::sync::OnceLock;
use std::time::Duration;

use structstore::{Array, ArrayValue, Cleanup, ErrorKind, Result, StructStore, StructStoreShared};

static STORE: OnceLock<StructStoreShared> = OnceLock::new();

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, how, rest @ ..] = &*arguments else { panic!("expected a name and how to end") };
    match how.as_str() {
        "without descriptors" => return without_descriptors(name, rest[0].parse().unwrap()),
        "without memory" => return without_memory(name),
        "small files" => return small_files(name),
        "locked memory" => return locked_memory(name),
        _ => {}
    }
    let cleanup = if how == "never" { Cleanup::Never } else { Cleanup::IfLast };
    let store = StructStoreShared::options().cleanup(cleanup).open(name)?;
    store.set("number", 1)?;
    store.set("array", ArrayValue::from_slice(&[2], &[1.0, 2.0])?)?;
    match how.as_str() {
        "static" | "never" => drop(STORE.set(store)),
        "leaked" => std::mem::forget(store),
        "at once" => {
            println!("ready");
            let _ = std::io::stdin().read_line(&mut String::new());
            drop(STORE.set(store));
        }
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
            std::mem::forget(store.get::<Array>("array")?.view()?);
            std::mem::forget(store);
        }
        "threads" => {
            for _ in 0..3 {
                let root = store.clone();
                std::thread::spawn(move || {
                    while root
                        .set("number", 2)
                        .and_then(|()| root.set("list", structstore::Value::list([1, 2])))
                        .is_ok()
                    {}
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
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: writes to the limit that it is given, and reads it.
    unsafe {
        assert_eq!(libc::getrlimit(resource, &mut limit), 0);
        limit.rlim_cur = bytes;
        assert_eq!(libc::setrlimit(resource, &limit), 0);
    }
}

/// Opens the store with only `left` free descriptors.
fn without_descriptors(name: &str, left: u64) -> Result<()> {
    let used = std::fs::read_dir("/proc/self/fd").unwrap().count() as u64 - 1;
    limit(libc::RLIMIT_NOFILE, used + left);
    match StructStoreShared::open(name) {
        Err(error) if error.kind() == ErrorKind::Io => Ok(()),
        // If `left` is large enough.
        Ok(store) => store.close(),
        other => panic!("{other:?}"),
    }
}

/// Opens the store with less address space than the smallest reservation takes.
fn without_memory(name: &str) -> Result<()> {
    limit(libc::RLIMIT_AS, 48 << 20);
    match StructStoreShared::open(name) {
        Err(error) if error.subject() == Some("map") => Ok(()),
        other => panic!("{other:?}"),
    }
}

fn small_files(name: &str) -> Result<()> {
    limit(libc::RLIMIT_FSIZE, 1 << 20);
    let store = StructStoreShared::open(name)?;
    match store.set("array", vec![0.0; 1 << 20]) {
        Err(error) if error.expected().is_some_and(|reason| reason.contains("RLIMIT_FSIZE")) => Ok(()),
        other => panic!("{other:?}"),
    }
}

/// Locks all memory, as processes with real-time threads do. Skipped if the system does not allow it.
fn locked_memory(name: &str) -> Result<()> {
    // SAFETY: changes nothing that the program can see.
    if unsafe { libc::mlockall(libc::MCL_CURRENT | libc::MCL_FUTURE) } != 0 {
        eprintln!("skipped: {}", std::io::Error::last_os_error());
        return Ok(());
    }
    let (shared, local) = (StructStoreShared::open(name)?, StructStore::new());
    for store in [&*shared, &*local] {
        store.set("array", vec![1.0; 1 << 20])?;
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kilobytes: u64 = resident.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(kilobytes < 256 << 10, "{kilobytes} kB");
    drop(local);
    shared.close()
}
