//! What a fuzzer does with files: `cargo xtask fuzz recording`.

use std::path::{Path as FilePath, PathBuf};
use std::{env, fs, process, thread};

use structstore::StructStore;

use crate::repair::repair;
use crate::replay::{Go, Playing};
use crate::run::Run;

/// Reads the bytes as a file, and as the records of one that was not finished: states, series, tables, a replay, a repair. Panics if a
/// file that was repaired has lost messages.
///
/// # Panics
///
/// Then, and if there is no room for a file.
pub fn recording(bytes: &[u8]) {
    let file = Scratch::new();
    read(&file.0, bytes);
    read(&file.0, &[mcap::MAGIC, bytes].concat());
}

/// How many messages are read one by one.
const MANY: u64 = 10_000;

fn read(file: &FilePath, bytes: &[u8]) {
    fs::write(file, bytes).expect("room for a file");
    let Ok(run) = Run::open(file) else {
        let _ = repair(file).map(|repaired| repaired.original.map(fs::remove_file));
        return;
    };
    for time in [0.0, run.duration() / 2.0, run.duration()] {
        if let Ok(state) = run.store_at(time) {
            state.check().expect("a whole store");
        }
    }
    let _ = run.marks();
    let count = run.topics().iter().map(|topic| topic.messages).sum::<u64>();
    if count < MANY {
        for topic in run.topics() {
            let _ = run.series(&topic.path);
            let _ = run.table(&topic.path).map(|table| {
                assert!(table.columns.iter().all(|(_, values)| values.len() == table.times.len()));
            });
        }
        let store = StructStore::new();
        let _ = run.replay(&store, &Playing::default(), &mut || Go::AtOnce);
        store.check().expect("a whole store");
    }
    let was_finished = run.is_finished();
    drop(run);
    let Ok(repaired) = repair(file) else { return };
    let _ = repaired.original.map(fs::remove_file);
    if let (Ok(run), false) = (Run::open(file), was_finished) {
        assert!(run.is_finished());
        assert!(run.topics().iter().map(|topic| topic.messages).sum::<u64>() <= repaired.messages);
    }
}

/// A file of this thread.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Scratch {
        let name = format!("structstore-{}-{:?}.mcap", process::id(), thread::current().id());
        Scratch(env::temp_dir().join(name))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_of_the_fuzzer_do_no_harm() {
        let mut count = 0;
        for folder in ["../fuzz/corpus/recording", "../fuzz/regressions/recording"] {
            // There need not be any.
            let folder = FilePath::new(env!("CARGO_MANIFEST_DIR")).join(folder);
            let Ok(inputs) = fs::read_dir(folder) else { continue };
            for input in inputs {
                let path = input.unwrap().path();
                println!("{}", path.display());
                let bytes = fs::read(path).unwrap();
                recording(&bytes);
                // Without what makes it whole, each part of it is there once.
                for cut in (0..bytes.len()).step_by(31) {
                    recording(&bytes[..cut]);
                }
                count += 1;
            }
        }
        assert!(count > 0);
    }
}
