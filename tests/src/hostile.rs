//! A fixed list of operations on a store that may contain any bytes.
//!
//! Each image is tried in its own child, under limits of time and memory ([`crate::limits`]). The child must end by itself and
//! without a panic, whether the operations succeed or fail.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::time::{Duration, Instant};

use structstore::binding_support::StructExt;
use structstore::stream::{AnyCursor, AnyStream};
use structstore::{
    Array, ArrayValue, Cleanup, Item, Key, Kind, List, Meta, Result, Struct, StructStore, StructStoreShared,
    Value,
};

use crate::limits::limit;

/// How long one operation may wait for a lock.
const PATIENCE: Duration = Duration::from_millis(20);

/// The struct to which segments are bound.
#[derive(StructStore)]
pub(crate) struct Bound {
    #[structstore(default = 5)]
    pub(crate) number: i32,
    pub(crate) gains: [f64; 3],
    pub(crate) text: String,
    pub(crate) trail: Vec<f64>,
    pub(crate) limit: Option<i64>,
    pub(crate) items: Vec<String>,
}

/// How a trial failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// It was ended by this signal.
    Signal(i32),
    /// It panicked.
    Panic,
}

/// Tries an image in a child.
///
/// # Errors
///
/// If the process cannot be forked.
///
/// # Panics
///
/// If the kernel has no memory for a file.
pub fn try_image(image: &[u8]) -> io::Result<Option<Failure>> {
    let file = nix::sys::memfd::memfd_create(c"hostile", nix::sys::memfd::MFdFlags::MFD_CLOEXEC)?;
    File::from(file.try_clone()?).write_all(image)?;
    in_child(|| {
        let other = StructStore::new();
        other.set("text", "sound").expect("a store of its own");
        operate(file);
        // Damage in one store must not affect other stores.
        other.check().expect("a sound store");
        assert_eq!(other.get::<String>("text").expect("a text"), "sound");
    })
}

/// Runs a closure in a child, under limits of time and memory.
///
/// # Errors
///
/// If the process cannot be forked.
pub(crate) fn in_child(run: impl FnOnce()) -> io::Result<Option<Failure>> {
    // SAFETY: this process has one thread, so that its child may do anything.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            limit();
            let tried = panic::catch_unwind(AssertUnwindSafe(run));
            // SAFETY: ends the child, without anything that its parent left to be done.
            unsafe { libc::_exit(if tried.is_ok() { 0 } else { 101 }) }
        }
        child => {
            let mut status = 0;
            // SAFETY: waits for the child just made.
            while unsafe { libc::waitpid(child, &raw mut status, 0) } < 0 {}
            Ok(if libc::WIFSIGNALED(status) {
                Some(Failure::Signal(libc::WTERMSIG(status)))
            } else {
                (libc::WEXITSTATUS(status) != 0).then_some(Failure::Panic)
            })
        }
    }
}

/// Repeats all operations on a store until `end`, while other processes overwrite it. Returns the number of rounds.
///
/// # Panics
///
/// If an operation panics. An operation that takes too much time or memory ends the process.
pub fn live_with(path: &Path, end: Instant) -> u64 {
    let options = StructStoreShared::options().file(true).create(false).timeout(PATIENCE);
    let options = options.cleanup(Cleanup::Never);
    let mut rounds = 0;
    loop {
        let last = Instant::now() >= end;
        let (reader, observer) = (options.clone().read_only(true), options.clone().observe(true));
        for (access, writes) in [(&options, true), (&reader, false), (&observer, false)] {
            limit();
            if let Ok(store) = access.open(path) {
                inspect(&store);
                read(&store);
                write(&store);
                // Without write permission `check` waits until no process writes, so it runs in the last round only.
                if writes || last {
                    let _ = store.check();
                }
                let _ = store.close();
            }
        }
        rounds += 1;
        if last {
            return rounds;
        }
    }
}

/// Opens a file that may be a store, for reading and for writing, and runs all operations on it.
pub(crate) fn operate(file: OwnedFd) {
    let open = |read_only: bool| -> Option<StructStoreShared> {
        let descriptor = File::open(format!("/proc/self/fd/{}", file.as_raw_fd()));
        let descriptor = if read_only { descriptor.map(OwnedFd::from) } else { file.try_clone() };
        let options = StructStoreShared::options().timeout(PATIENCE).create(false);
        options.read_only(read_only).open_fd(descriptor.ok()?).ok()
    };
    if let Some(store) = open(true) {
        inspect(&store);
        read(&store);
        let _ = store.check();
    }
    if let Some(store) = open(false) {
        inspect(&store);
        read(&store);
        let _ = store.check();
        write(&store);
        let _ = store.check();
        let _ = store.close();
    }
}

/// The queries of tools that inspect a store.
fn inspect(store: &StructStoreShared) {
    let _ = store.participants();
    let _ = store.is_orphan();
    let _ = store.has_readers();
    let _ = store.locks();
    let _ = store.usage();
    let _ = store.usage_by_field();
    let _ = store.free_memory();
}

pub(crate) fn read(store: &Struct) {
    let _ = store.to_value();
    let _ = store.to_bytes();
    let _ = store.to_string();
    let _ = store.statistics();
    visit(store, 0, &mut 1000);
    let _ = store.schema().map(|schema| schema.to_string());
    let _ = store.watch().and_then(|mut watch| watch.changes());
    let _ = store.within(PATIENCE).read().and_then(|guard| guard.to_value());
    if let Ok(binding) = store.bind::<Bound>() {
        let _ = binding.load();
    }
}

/// Visits everything below a struct by handles, up to a bound on depth and number.
fn visit(node: &Struct, depth: usize, left: &mut usize) {
    let Ok(names) = node.names() else { return };
    for name in names {
        let item = node.get::<Item>(&*name);
        look(item, depth, left);
        if *left == 0 {
            return;
        }
    }
}

fn look(item: Result<Item>, depth: usize, left: &mut usize) {
    *left = left.saturating_sub(1);
    match item {
        Ok(Item::Struct(node)) if depth < 8 => visit(&node, depth + 1, left),
        Ok(Item::List(list)) if depth < 8 => {
            for index in 0..list.len().unwrap_or(0).min(*left) {
                look(list.get(index), depth + 1, left);
            }
        }
        Ok(Item::Array(array)) => {
            let _ = array.view().map(|view| view.byte_len());
            let _ = array.to_value();
            let _ = array.read().and_then(|guard| guard.as_slice::<f64>().map(<[f64]>::len));
            let _ = array.is_live();
        }
        Ok(Item::Stream(stream)) => follow(&stream),
        _ => {}
    }
}

fn follow(stream: &AnyStream) {
    let _ = stream.value().map(|value| value.to_string());
    let _ = stream.latest().map(|sample| sample.data.as_slice().to_vec());
    let _ = stream.history(20).map(|history| (history.times(), history.into_array().map(drop)));
    for from in [0, stream.published().saturating_sub(3), u64::MAX] {
        let mut cursor = AnyCursor::at(from);
        for _ in 0..5 {
            let _ = stream.try_next(&mut cursor).map(|sample| sample.map(|sample| sample.seq));
        }
        let _ = stream.wait(cursor.next(), Some(Duration::from_millis(1)));
    }
}

pub(crate) fn write(store: &Struct) {
    let names = store.names().unwrap_or_default();
    for name in names.iter().take(20) {
        change(store, name);
    }
    let _ = store.set("new", 5);
    let _ = store.set("another new field with a long name", vec!["a", "b"]);
    let _ =
        store.set("array", ArrayValue::from_slice(&[100], &[0.5; 100]).unwrap_or_else(|_| unreachable!()));
    let _ = store.transaction(|tx| tx.set("new", "text").and_then(|()| tx.delete("array")));
    if let Ok(mut guard) = store.within(PATIENCE).write() {
        let _ = guard.set("guarded", 1);
        let _ = guard.ensure_list("made").and_then(|mut list| list.push(5));
        let _ = guard.get_mut::<Array>("array").map(|array| array.shape().map(|shape| shape.len()));
    }
    if let Ok(binding) = store.bind::<Bound>() {
        let _ = binding.with_mut(|mut fields| {
            *fields.number += 1;
            fields.gains[0] += 1.0;
            let _ = fields.trail.push(1.0);
            let _ = fields.items.push(&"item".to_owned());
            let _ = fields.limit.set(Some(5));
        });
    }
    if let Ok(place) = store.lend_for_good(&Key::new("number"), Kind::I32) {
        // SAFETY: lent while the store is open; nobody else uses this copy of the image.
        unsafe { place.write(5) };
    }
    let image = store.to_bytes();
    let _ = store.clear();
    let _ = image.and_then(|image| store.restore(&image));
}

fn change(store: &Struct, name: &str) {
    match store.get::<Item>(name) {
        Ok(Item::Scalar(scalar)) => {
            let _ = store.set(name, Value::Scalar(scalar));
        }
        Ok(Item::List(list)) => change_list(&list),
        Ok(Item::Struct(node)) => {
            let _ = node.set("more", "text");
            let _ = node.within(PATIENCE).write().map(drop);
        }
        Ok(Item::Array(array)) => {
            let _ = array.view().map(drop);
            if let Ok(mut guard) = array.within(PATIENCE).write() {
                let _ = guard.cells::<f64>().map(|cells| cells.iter().for_each(|cell| cell.set(0.5)));
                let _ = guard.as_mut_slice::<f64>().map(|elements| elements.fill(0.5));
            }
            let _ = array.to_value().and_then(|elements| array.set(&elements));
            let _ = array.shape().and_then(|shape| array.set_element(&vec![0; shape.len()], 5));
            if let Ok(mut filling) = array.shape().and_then(|shape| store.fill::<f64>(name, &shape)) {
                filling.as_mut_slice().fill(0.5);
                let _ = filling.publish();
            }
        }
        Ok(Item::Stream(stream)) => {
            for byte in 0..5 {
                let _ = stream.publish(byte.into(), |sample| {
                    sample.fill(byte);
                    Ok(())
                });
                let kept = stream.latest();
                let loan = stream.loan().map(|mut loan| loan.as_mut_slice().fill(byte));
                drop((loan, kept));
            }
            let _ = stream.release();
        }
        Ok(Item::Str(text)) => {
            let _ = store.set(name, text + "!");
        }
        _ => {}
    }
    let _ = store.meta(name);
    let _ = store.reset(name);
    let _ = store.declare(name, &Meta::new().range(0..).unit("m"));
    let _ = store.declare(name, &Meta::new().len(1..).choices(["a", "b"]));
    let _ = store.declare(name, &Meta::new().alias("other").alias("a name that is longer than a field"));
    let _ = store.get::<Item>("other");
    let _ = store.undeclare(name);
    let _ = store.rename(name, "renamed");
    let _ = store.remove("renamed");
    let _ = store.set(name, "replaced");
    let _ = store.delete(name);
}

fn change_list(list: &List) {
    let _ = list.push(5);
    let _ = list.push("text");
    let _ = list.insert(0, vec![1, 2]);
    let _ = list.set(1, "five");
    let _ = list.remove(0);
    let _ = list.pop();
    let _ = list.extend([1, 2, 3]);
    let _ = list.clear();
}
