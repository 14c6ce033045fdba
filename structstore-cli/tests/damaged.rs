//! Commands on damaged segments: each ends by itself, in time, and its errors do not print contents of the segment.

mod command;

use std::fs::{self, File};
use std::io::{self, Write};
use std::iter;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use structstore::StructStoreShared;
use structstore::binding_support::is_unprintable;
use structstore_tests::damage::{Damaged, Random, many_words, one_word};
use structstore_tests::sample;
use structstore_tests::segments::segments;
use structstore_tests::{Memory, SegmentName};

use command::{Outcome, finish, finish_reading, limited};

/// Commands that open a store. FILE and NAME are places of the segment, PATH is a field of it, SNAPSHOT a file with a snapshot.
const COMMANDS: [&str; 43] = [
    "ls",
    "ls --json",
    "clean NAME --yes",
    "clean NAME --json --yes",
    "show NAME",
    "show FILE --file",
    "show FILE --file --json",
    "show FILE --file --yaml",
    "show FILE --file PATH --types",
    "get FILE --file PATH",
    "get FILE --file PATH --json",
    "get FILE --file missing",
    "set FILE --file PATH 5",
    "set FILE --file PATH --json {\"a\":[1,\"b\",{\"c\":null}]}",
    "set FILE --file new \"text\"",
    "rm FILE --file PATH",
    "describe FILE --file",
    "schema FILE --file --markdown",
    "declare FILE --file PATH --le 100 --unit m",
    "reset FILE --file PATH",
    "watch FILE --file --timeout 0.02",
    "watch FILE --file PATH --json --timeout 0.02 --count 1",
    "stat FILE --file",
    "doctor FILE --file",
    "top FILE --file --interval 0.02 --count 1",
    "stat FILE --file --json",
    "stat FILE --file PATH",
    "check FILE --file",
    "check FILE --file --json",
    "check FILE --file --lock",
    "dump FILE --file -",
    "dump FILE --file - --format json",
    "dump FILE --file - --format yaml",
    "load SNAPSHOT FILE --file",
    "load SNAPSHOT NAME",
    "run FILE --file -- true",
    "set FILE --file -p new.part.field 5",
    "mv FILE --file PATH moved",
    "push FILE --file PATH 5",
    "diff NAME SNAPSHOT",
    "get FILE --file PATH --npy -",
    "get FILE --file PATH --png -",
    "load SNAPSHOT FILE --file part",
];
/// How many segments with one changed word are tried in the whole form.
const SEGMENTS: usize = 1200;
/// The same of the sample, which also has one in 24 of the badly damaged segments.
const SAMPLED: usize = 20;
const EACH: usize = 4;
/// Contents of strings in the segments, which no error message may contain.
const CONTENTS: [&str; 2] = ["grüße", "a text that"];

#[test]
fn commands_on_damaged_segments_end_by_themselves() {
    let sample = Sample::new();
    // In memory, because writing to a disk may have to wait.
    let folder = tempfile::tempdir_in("/dev/shm").unwrap();
    let image = folder.path().join("image");
    fs::write(&image, open(&sample.segments[0]).to_bytes().unwrap()).unwrap();
    let next = AtomicUsize::new(0);
    // More than there are cores, because some segments make the command wait.
    let workers = 4 * thread::available_parallelism().map_or(2, usize::from);
    let trials: Vec<Trial> = thread::scope(|scope| {
        let start = |worker: usize| {
            let (file, name) = (folder.path().join(worker.to_string()), SegmentName::new("hostile_tool"));
            let place = Place { file, name, image: &image };
            let (sample, next) = (&sample, &next);
            scope.spawn(move || {
                iter::from_fn(|| {
                    Some(next.fetch_add(1, Ordering::Relaxed)).filter(|at| *at < sample.trials())
                })
                .map(|at| sample.try_nth(at, &place))
                .collect::<Vec<_>>()
            })
        };
        let started: Vec<_> = (0..workers).map(start).collect();
        started.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    let slowest = trials.iter().max_by_key(|trial| trial.time).unwrap();
    // To standard error directly, because the harness captures printed output.
    let _ = writeln!(
        io::stderr(),
        "{} segments, {} runs; the slowest took {} ms: {}",
        sample.badly_damaged.len() + sample.others,
        trials.len(),
        slowest.time.as_millis(),
        slowest.what
    );
    let faults: Vec<_> =
        trials.iter().filter_map(|trial| Some((&trial.what, trial.fault.as_ref()?))).collect();
    assert!(faults.is_empty(), "{} runs: {:#?}", faults.len(), &faults[..faults.len().min(30)]);
}

/// One command on one segment.
struct Trial {
    what: String,
    time: Duration,
    fault: Option<String>,
}

/// The segments to be tried, the same in each run.
struct Sample {
    segments: Vec<Vec<u8>>,
    /// Paths of fields and items in each segment.
    fields: Vec<Vec<String>>,
    badly_damaged: Vec<Damaged>,
    others: usize,
}

impl Sample {
    fn new() -> Sample {
        let segments = segments().unwrap();
        let badly_damaged = many_words(&segments, &mut Random::new(1));
        let thorough = std::env::var_os("STRUCTSTORE_THOROUGH").is_some();
        Sample {
            fields: segments.iter().map(|segment| fields(segment)).collect(),
            badly_damaged: badly_damaged.into_iter().step_by(sample::part(60, 1)).collect(),
            segments,
            others: if thorough { 10 * SEGMENTS } else { sample::part(SAMPLED, SEGMENTS) },
        }
    }

    fn trials(&self) -> usize {
        self.badly_damaged.len() * COMMANDS.len() + self.others * EACH
    }

    /// Tries a command: each on badly damaged segments, one after the other, and some on the others.
    fn try_nth(&self, at: usize, place: &Place<'_>) -> Trial {
        let random = |seed: usize| Random::new((seed as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let others = at.checked_sub(self.badly_damaged.len() * COMMANDS.len());
        let (segment, nth) = match others {
            None => (at % self.badly_damaged.len(), at / self.badly_damaged.len()),
            Some(at) => (self.badly_damaged.len() + at / EACH, at % EACH),
        };
        let mut of_segment = random(segment);
        let first = of_segment.below(COMMANDS.len());
        let one;
        let damaged = match self.badly_damaged.get(segment) {
            Some(damaged) => damaged,
            None => {
                one = one_word(&self.segments, &mut of_segment);
                &one
            }
        };
        // 7 and the number of commands have no divisor in common.
        let line = COMMANDS[(first + 7 * nth) % COMMANDS.len()];
        let fields = &self.fields[damaged.of];
        let start = Instant::now();
        let outcome = place.run(damaged, line, &fields[random(at).below(fields.len())]);
        let what = format!("{}: {line}", damaged.how);
        Trial { what, time: start.elapsed(), fault: fault(line, &outcome) }
    }
}

/// The places of a worker's segments.
struct Place<'i> {
    file: PathBuf,
    name: SegmentName,
    image: &'i Path,
}

impl Place<'_> {
    fn run(&self, damaged: &Damaged, line: &str, field: &str) -> Outcome {
        let segment = if line.contains("FILE") { self.file.clone() } else { self.name.path() };
        fs::write(&segment, &damaged.segment).unwrap();
        let arguments = line.split(' ').map(|word| match word {
            "FILE" => self.file.as_os_str(),
            "NAME" => self.name.as_ref(),
            "SNAPSHOT" => self.image.as_os_str(),
            "PATH" => field.as_ref(),
            other => other.as_ref(),
        });
        let outcome = finish(limited(&arguments.collect::<Vec<_>>()).spawn().unwrap());
        let _ = fs::remove_file(&segment);
        if line.starts_with("dump") && outcome.code() == 0 {
            // The dumped contents of a damaged store must load like any other value.
            let format = line.rsplit(' ').next().filter(|format| *format != "-").unwrap_or("snapshot");
            let arguments = ["load", "-", self.name.as_str(), "--format", format];
            let loaded = finish_reading(limited(&arguments), &outcome.out);
            let _ = fs::remove_file(self.name.path());
            if fault("load", &loaded).is_some() {
                return loaded;
            }
        }
        outcome
    }
}

/// The fault of a command, if it has one.
fn fault(line: &str, outcome: &Outcome) -> Option<String> {
    let controls = |text: &str| text.contains(|found| is_unprintable(found) && found != '\n');
    // These commands print strings unescaped, for programs.
    let raw = line.starts_with("get") || line.starts_with("dump");
    if let Some(fault) = outcome.fault() {
        Some(fault)
    } else if controls(&outcome.err) || CONTENTS.iter().any(|contents| outcome.err.contains(contents)) {
        Some(format!("it tells what is there: {:?}", outcome.err))
    } else if !raw && controls(&String::from_utf8_lossy(&outcome.out)) {
        Some(format!("it prints {:?}", String::from_utf8_lossy(&outcome.out)))
    } else {
        None
    }
}

/// The store in a segment.
fn open(segment: &[u8]) -> StructStoreShared {
    let descriptor = Memory::descriptor();
    File::from(descriptor.try_clone().unwrap()).write_all(segment).unwrap();
    StructStoreShared::options().open_fd(descriptor).unwrap()
}

/// Paths of fields and items in a segment.
fn fields(segment: &[u8]) -> Vec<String> {
    let names = open(segment).names().unwrap();
    let more = ["items[0]", "struct.inner.deep", "sub.sub.bytes"].map(str::to_owned);
    names.into_iter().chain(more).collect()
}
