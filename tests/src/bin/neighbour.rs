//! A process that overwrites words of a live segment, or one that works with it meanwhile. The arguments are `scribble` or `work`, the
//! path of the segment, the time in milliseconds, and a seed.

use std::fs::File;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::mman::{MapFlags, ProtFlags, mmap};
use structstore_tests::damage::{Random, word, words_for};
use structstore_tests::hostile::live_with;

/// How many bytes from the beginning of the segment are overwritten: all bytes of a new segment.
const SIZE: usize = 64 << 10;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (Some(task), Some(path), Some(time), Some(seed)) = (
        arguments.first(),
        arguments.get(1),
        arguments.get(2).and_then(|time| time.parse().ok()),
        arguments.get(3).and_then(|seed| seed.parse().ok()),
    ) else {
        eprintln!("usage: neighbour scribble|work PATH MILLISECONDS SEED");
        return ExitCode::FAILURE;
    };
    let end = Instant::now() + Duration::from_millis(time);
    match &**task {
        "scribble" => println!("{} words changed", scribble(path, end, seed)),
        _ => println!("{} rounds", live_with(path.as_ref(), end)),
    }
    ExitCode::SUCCESS
}

/// Changes words until `end`, and mostly restores them a little later: otherwise the store would be unusable at once.
fn scribble(path: &str, end: Instant, seed: u64) -> u64 {
    let file = File::options().read(true).write(true).open(path).expect("a segment");
    let size = std::num::NonZero::new(SIZE).expect("a size");
    let (protection, flags) = (ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, MapFlags::MAP_SHARED);
    // SAFETY: a new mapping, of a file that never shrinks and is as large; it stays for as long as the process.
    let start = unsafe { mmap(None, size, protection, flags, &file, 0) }.expect("a mapping");
    // SAFETY: as above, and words of any value.
    let words = unsafe { std::slice::from_raw_parts(start.as_ptr().cast::<AtomicU64>(), SIZE / 8) };
    let mut random = Random::new(seed);
    let mut count = 0;
    while Instant::now() < end {
        let image: Vec<u8> =
            words.iter().flat_map(|word| word.load(Ordering::Relaxed).to_le_bytes()).collect();
        let mut index = random.below(words.len());
        // Mostly a word that is not zero.
        if random.below(4) != 0 {
            index = (index..words.len()).chain(0..index).find(|at| word(&image, *at) != 0).unwrap_or(index);
        }
        let (was, values) = (word(&image, index), words_for(&image, index, &mut random));
        let value = values[random.below(values.len())];
        words[index].store(value, Ordering::Relaxed);
        count += 1;
        thread::sleep(Duration::from_micros(random.below(300) as u64));
        if random.below(50) != 0 {
            let _ = words[index].compare_exchange(value, was, Ordering::Relaxed, Ordering::Relaxed);
        }
    }
    count
}
