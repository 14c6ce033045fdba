//! Segments of stores, for tests that damage them.

use std::fs::File;
use std::io::{Read, Seek};
use std::os::unix::fs::MetadataExt;

use structstore::stream::Stream;
use structstore::{Meta, Result, StructStore, StructStoreShared, Value};

use crate::{Memory, put_specimens};

/// Segments: at rest with values of every type; bound and watched; with free memory; with streams of which a dead process publishes and
/// reads; within a transaction of a dead process; with a lock of a dead process.
///
/// # Errors
///
/// Those of the stores.
///
/// # Panics
///
/// If the system has no memory for the segments.
pub fn segments() -> Result<Vec<Vec<u8>>> {
    let mut segments = Vec::new();
    let mut keep = |fill: Fill<'_>| -> Result<()> {
        let descriptor = Memory::descriptor();
        let mut file = File::from(descriptor.try_clone().expect("a descriptor"));
        let store = StructStoreShared::options().size(32 << 10).open_fd(descriptor)?;
        fill(&store, &mut || {
            let mut segment = Vec::new();
            file.rewind().expect("a file");
            file.read_to_end(&mut segment).expect("a file");
            forget_who_lives(&mut segment);
            segments.push(segment);
        })
    };
    keep(&|store, snapshot| {
        put_specimens(store)?;
        snapshot();
        Ok(())
    })?;
    keep(&|store, snapshot| {
        let watch = store.watch()?;
        let settings = store.bind::<Settings>()?;
        settings.with_mut(|mut settings| settings.trail.push(1.5).and(settings.mode.set(Mode::Running)))?;
        store.ensure_list("items")?.extend(["a", "b", "a text that is longer than the others"])?;
        store.declare("items", &Meta::new().range(0..).len(..100))?;
        snapshot();
        drop(watch);
        Ok(())
    })?;
    keep(&|store, snapshot| {
        for index in 0..20 {
            store.set(&format!("field {index}"), vec![index; index])?;
        }
        for index in (0..20).step_by(3) {
            store.delete(&format!("field {index}"))?;
        }
        store.ensure_struct("sub")?.ensure_struct("sub")?.set("bytes", Value::Bytes(vec![7; 300].into()))?;
        snapshot();
        Ok(())
    })?;
    keep(&|store, snapshot| {
        let samples = store.ensure_stream::<Sample>("samples", Stream::depth(3))?;
        let frames = store.ensure_stream::<[u8]>("frames", Stream::array([4200]).depth(1))?;
        for at in 0..5 {
            samples.publish_at(&Sample { at, speed: 0.5 }, at.into())?;
            frames.publish_at(&[at; 4200], at.into())?;
        }
        let frame = (frames.latest()?, frames.loan()?);
        snapshot();
        drop(frame);
        Ok(())
    })?;
    keep(&|store, snapshot| {
        store.set("items", vec!["a", "b"])?;
        store.set("text", "before")?;
        store.transaction(|tx| {
            tx.set("text", "a text that takes a block of its own")?;
            tx.ensure_list("items")?.remove(0)?;
            tx.delete("text")?;
            snapshot();
            Ok::<(), structstore::Error>(())
        })?;
        let mut guard = store.write()?;
        guard.set("text", "held")?;
        snapshot();
        Ok(())
    })?;
    Ok(segments)
}

#[derive(StructStore)]
struct Settings {
    #[structstore(default = 5)]
    number: i32,
    gains: [f64; 3],
    #[structstore(default = "text")]
    text: String,
    trail: Vec<f64>,
    limit: Option<i64>,
    /// A number that has all that there is to tell.
    #[structstore(range = 0.0..10.0, step = 0.5, unit = "m/s", default = 1.5)]
    gain: f64,
    mode: Mode,
}

#[derive(StructStore)]
struct Sample {
    at: u8,
    #[structstore(unit = "m/s")]
    speed: f64,
}

#[derive(StructStore)]
enum Mode {
    Idle,
    Running,
}

/// Fills a store, and calls its second argument to keep a copy of the segment in its present state.
type Fill<'f> = &'f dyn Fn(&StructStoreShared, &mut dyn FnMut()) -> Result<()>;

/// Replaces this process's id, so that the segment seems to be that of a dead process: others would wait for locks of a live one.
fn forget_who_lives(segment: &mut [u8]) {
    /// Larger than any process id.
    const NOBODY: u64 = 1 << 30;
    let namespace = std::fs::metadata("/proc/self/ns/pid").expect("a namespace").ino();
    let (words, _) = segment.as_chunks_mut::<8>();
    // A participant's record has the process id, its start and the namespace. The id alone may equal an offset in the segment.
    let (own, namespace) = (u64::from(std::process::id()).to_le_bytes(), namespace.to_le_bytes());
    for at in 2..words.len() {
        if words[at - 2] == own && words[at] == namespace {
            words[at - 2] = NOBODY.to_le_bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offset_that_equals_the_process_id_stays() {
        let own = u64::from(std::process::id());
        let namespace = std::fs::metadata("/proc/self/ns/pid").unwrap().ino();
        let words = [own, 8, 0, own, 7, namespace, own, namespace, 1];
        let mut segment = words.map(u64::to_le_bytes).concat();
        forget_who_lives(&mut segment);
        let (left, _) = segment.as_chunks();
        let left: Vec<u64> = left.iter().copied().map(u64::from_le_bytes).collect();
        assert_eq!(left, [own, 8, 0, 1 << 30, 7, namespace, own, namespace, 1]);
    }
}
