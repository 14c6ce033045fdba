//! Segments with some words changed.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::sync::OnceLock;

use structstore::{Result, StructStore, StructStoreShared, Value};

use super::Input;
use crate::{Memory, hostile, put_specimens};

/// How many words are changed at most.
const MOST: usize = 16;

/// Changes some words of one of several segments, opens the result and does all there is to be done.
///
/// # Panics
///
/// If that panics. It is not to hang, either, nor to touch memory that is not there.
pub fn run(bytes: &[u8]) {
    static SEEDS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    let seeds = SEEDS.get_or_init(|| seeds().expect("stores"));
    let mut input = Input::new(bytes);
    let mut segment = seeds[input.below(seeds.len())].clone();
    for _ in 0..MOST {
        if input.is_empty() {
            break;
        }
        edit(&mut segment, &mut input);
    }
    // A new one each time: attachments within one process share what is the same file.
    let descriptor = Memory::descriptor();
    File::from(descriptor.try_clone().expect("a descriptor")).write_all(&segment).expect("memory");
    hostile::operate(descriptor);
}

/// Changes one word: to anything, to a little more or less, to what another holds.
fn edit(segment: &mut [u8], input: &mut Input<'_>) {
    let (words, []) = segment.as_chunks_mut::<8>() else { return };
    let how = input.byte();
    // Mostly one that says something, counted from the first of them.
    let mut index = input.word(2) as usize % words.len();
    if how & 0x80 == 0 {
        let used = words.iter().enumerate().filter(|(_, word)| **word != [0; 8]).map(|(index, _)| index);
        let used: Vec<usize> = used.collect();
        index = used[index % used.len()];
    }
    let was = u64::from_le_bytes(words[index]);
    let value = match how & 0x7f {
        0 => u64::MAX,
        1 => 0,
        2 => was.wrapping_add(u64::from(input.byte())),
        3 => was.wrapping_sub(u64::from(input.byte())),
        4 => was ^ 1 << input.below(64),
        5 => was.rotate_left(32),
        6 => u64::from_le_bytes(words[input.word(2) as usize % words.len()]),
        7 => 1 << input.below(64),
        8 => 8 * input.word(2),
        9 => input.word(4) << 32 | was & 0xffff_ffff,
        10 => was & !0xffff_ffff | input.word(4),
        11 => was & !0xff | u64::from(input.byte()),
        _ => input.word(8),
    };
    words[index] = value.to_le_bytes();
}

/// Makes it the segment of a process that is dead, whose locks are nobody's: this one lives, and would be waited for.
fn forget_who_lives(segment: &mut [u8]) {
    /// More than there can be.
    const NOBODY: u64 = 1 << 30;
    let own = u64::from(std::process::id()).to_le_bytes();
    segment.as_chunks_mut::<8>().0.iter_mut().filter(|word| **word == own).for_each(|word| {
        *word = NOBODY.to_le_bytes();
    });
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
}

/// Fills a store, and calls to have its segment kept as it is.
type Fill<'f> = &'f dyn Fn(&StructStoreShared, &mut dyn FnMut()) -> Result<()>;

/// Segments of stores: at rest, bound and watched, with free memory, and within a transaction and a lock.
fn seeds() -> Result<Vec<Vec<u8>>> {
    let mut seeds = Vec::new();
    let mut keep = |fill: Fill<'_>| -> Result<()> {
        let descriptor = Memory::descriptor();
        let mut file = File::from(descriptor.try_clone().expect("a descriptor"));
        let store = StructStoreShared::options().size(32 << 10).open_fd(descriptor)?;
        fill(&store, &mut || {
            let mut segment = Vec::new();
            file.rewind().expect("a file");
            file.read_to_end(&mut segment).expect("a file");
            forget_who_lives(&mut segment);
            seeds.push(segment);
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
        settings.with_mut(|mut settings| settings.trail.push(1.5))??;
        store.list("items")?.extend(["a", "b", "a text that is longer than the others"])?;
        snapshot();
        drop(watch);
        Ok(())
    })?;
    keep(&|store, snapshot| {
        for index in 0..20 {
            store.set(&format!("field {index}"), vec![index; index])?;
        }
        for index in (0..20).step_by(3) {
            store.remove(&format!("field {index}"))?;
        }
        store.nested("sub")?.nested("sub")?.set("bytes", Value::Bytes(vec![7; 300].into()))?;
        snapshot();
        Ok(())
    })?;
    keep(&|store, snapshot| {
        store.set("items", vec!["a", "b"])?;
        store.set("text", "before")?;
        store.transaction(|tx| {
            tx.set("text", "a text that takes a block of its own")?;
            tx.list("items")?.remove(0)?;
            tx.remove("text")?;
            snapshot();
            Ok::<(), structstore::Error>(())
        })?;
        let mut guard = store.write()?;
        guard.set("text", "held")?;
        snapshot();
        Ok(())
    })?;
    Ok(seeds)
}
