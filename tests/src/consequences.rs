//! Consequences of damage that `check` did not find: runs the same operations on the sound and on the damaged segment, and compares
//! the results.

use std::fmt::{Debug, Write as _};
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::OwnedFd;
use std::time::Duration;

use nix::sys::memfd::{MFdFlags, memfd_create};
use structstore::inspect::Statistics;
use structstore::{ArrayValue, Item, Result, Struct, StructStoreShared};

use crate::hostile::{Bound, Failure, in_child};

/// How long an operation may wait for a lock.
const PATIENCE: Duration = Duration::from_millis(20);

/// The contents of a segment, and the results of operations on it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Consequences {
    /// The error of `check`, or of opening the store.
    pub found: Option<String>,
    /// All values, and the marks of dead lock holders: the segment stores each of these only once, so damage to them cannot be found.
    pub values: String,
    /// The results of operations, line by line.
    pub answers: String,
}

/// Opens a segment, checks it and, if `check` finds nothing, runs a fixed list of operations on it.
///
/// # Errors
///
/// If the process cannot be forked.
///
/// # Panics
///
/// If the kernel has no memory for a file.
pub fn consequences(segment: &[u8]) -> io::Result<Result<Consequences, Failure>> {
    let file = memfd_create(c"segment", MFdFlags::MFD_CLOEXEC)?;
    let mut output = File::from(memfd_create(c"consequences", MFdFlags::MFD_CLOEXEC)?);
    File::from(file.try_clone()?).write_all(segment)?;
    let mut told = output.try_clone()?;
    let failure = in_child(|| {
        let Consequences { found, values, answers } = observe(file);
        let parts = [found.unwrap_or_default(), values, answers].join("\0");
        told.write_all(parts.as_bytes()).expect("memory");
    })?;
    if let Some(failure) = failure {
        return Ok(Err(failure));
    }
    let mut parts = String::new();
    output.rewind()?;
    output.read_to_string(&mut parts)?;
    let mut parts = parts.splitn(3, '\0').map(str::to_owned);
    let mut next = || parts.next().unwrap_or_default();
    let found = Some(next()).filter(|found| !found.is_empty());
    Ok(Ok(Consequences { found, values: next(), answers: next() }))
}

fn observe(file: OwnedFd) -> Consequences {
    let options = StructStoreShared::options().timeout(PATIENCE).create(false);
    let store = match options.open_fd(file) {
        Ok(store) => store,
        Err(error) => return Consequences { found: Some(error.to_string()), ..Consequences::default() },
    };
    match store.check() {
        Ok(()) => {
            let samples = store.to_bytes_with_samples().ok().filter(|_| store.to_value().is_ok());
            let values = format!("{:?} {samples:?}", store.to_value());
            let mut answers = Answers::default();
            answers.looking(&store);
            answers.changing(&store);
            answers.tell(store.close());
            Consequences { found: None, values: values + &answers.marks, answers: answers.all }
        }
        Err(error) => Consequences { found: Some(error.to_string()), ..Consequences::default() },
    }
}

#[derive(Default)]
struct Answers {
    /// The results of operations.
    all: String,
    /// For each locked node, whether its lock says that a holder died.
    marks: String,
}

impl Answers {
    fn tell<T: Debug>(&mut self, answer: Result<T>) {
        let _ = match answer {
            Ok(value) => writeln!(self.all, "{value:?}"),
            Err(error) => writeln!(self.all, "error: {error}"),
        };
    }

    fn lock(&mut self, node: &Struct) {
        let recovered = node.within(PATIENCE).write().map(|guard| guard.recovered());
        if let Ok(recovered) = recovered {
            let _ = writeln!(self.marks, "{recovered}");
        }
        self.tell(recovered.map(drop));
    }

    /// All but the number of repairs, which is independent of everything else.
    fn statistics(&mut self, store: &Struct) {
        let Statistics { size, max_size, allocated, blocks, nodes, watchers, .. } = store.statistics();
        self.tell(Ok((size, max_size, allocated, blocks, nodes, watchers)));
    }

    fn looking(&mut self, store: &StructStoreShared) {
        self.tell(store.names());
        self.tell(store.to_bytes().map(|image| image.len()));
        self.tell(store.schema().map(|schema| schema.to_string()));
        self.statistics(store);
        self.tell(store.usage());
        self.tell(store.usage_by_field());
        self.tell(store.free_memory());
        self.tell(store.locks());
        self.tell(store.participants().map(|participants| participants.len()));
        self.tell(store.is_orphan());
    }

    fn changing(&mut self, store: &Struct) {
        self.lock(store);
        let names = store.names().unwrap_or_default();
        for name in &names {
            self.tell(store.meta(&**name).map(|meta| format!("{meta:?}")));
            self.tell(store.reset(&**name));
            self.tell(store.rename(&**name, "renamed"));
            self.tell(store.rename("renamed", &**name));
            self.changing_item(store.get::<Item>(&**name));
        }
        for number in 0..40 {
            self.tell(store.set(&format!("number {number} with a long name"), vec![number; number]));
            self.tell(
                ArrayValue::from_slice(&[number], &vec![0.5; number])
                    .and_then(|array| store.set(&format!("array {number}"), array)),
            );
        }
        self.tell(store.check());
        let bound = store.bind::<Bound>().and_then(|binding| {
            binding.with_mut(|mut fields| {
                *fields.number += 1;
                fields.gains[0] += 1.0;
                fields.trail.push(1.0)?;
                fields.items.push(&"item".to_owned())?;
                fields.limit.set(Some(5))
            })
        });
        self.tell(bound);
        self.tell(store.transaction(|tx| tx.set("new", "text").and_then(|()| tx.delete("array 3"))));
        self.tell(store.to_value());
        self.tell(store.watch().and_then(|mut watch| {
            store.set("watched", 1)?;
            Ok(watch.changes()?.len())
        }));
        let (elsewhere, other) = (store.clone(), |root: Struct| {
            root.within(PATIENCE).write().and_then(|mut guard| guard.set("elsewhere", 5))
        });
        self.tell(std::thread::spawn(move || other(elsewhere)).join().unwrap_or(Ok(())));
        for name in &names {
            self.tell(store.set(&**name, "replaced"));
            self.tell(store.remove(&**name));
        }
        let image = store.to_bytes();
        self.tell(store.clear());
        self.tell(image.and_then(|image| store.restore(&image)));
        for doubled in 0..7 {
            self.tell(store.set("large", vec![0.5; 1000 << doubled]));
        }
        self.tell(store.check());
        self.statistics(store);
    }

    fn changing_item(&mut self, item: Result<Item>) {
        match item {
            Ok(Item::List(list)) => {
                self.tell(list.push(5));
                self.tell(list.push("text"));
                self.tell(list.insert(0, vec![1, 2]));
                self.tell(list.remove(1));
                self.tell(list.to_value());
            }
            Ok(Item::Struct(node)) => {
                self.tell(node.set("more", "text"));
                self.lock(&node);
                self.tell(node.names());
            }
            Ok(Item::Array(array)) => {
                self.tell(array.view().map(|view| view.byte_len()));
                self.tell(array.within(PATIENCE).write().map(drop));
            }
            Ok(Item::Stream(stream)) => {
                self.tell(stream.value().map(|value| value.to_string()));
                self.tell(stream.history(10).map(|history| (history.times(), history.missed)));
                self.tell(stream.publish(7, |sample| {
                    sample.fill(7);
                    Ok(())
                }));
                self.tell(stream.latest().map(|sample| sample.data.as_slice().to_vec()));
            }
            other => self.tell(other.map(drop)),
        }
    }
}
