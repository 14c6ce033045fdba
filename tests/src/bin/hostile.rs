//! Tries damaged segments: `flip SEGMENT FIRST STEP SEED` changes one word at a time, from word FIRST on, in steps of STEP words;
//! `mix SEED SEGMENT...` cuts segments short, joins them, or changes several words. Prints the segments that failed, and at last the
//! slowest one, and the number of segments.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use structstore_tests::damage::{Damaged, Random, many_words, one_word, with_word, words_for};
use structstore_tests::hostile::try_image;
use structstore_tests::sample;

/// How many segments with several words changed are tried.
const SEVERAL: usize = 2000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    // Panics are counted, so a short message is enough.
    std::panic::set_hook(Box::new(|panic| eprintln!("{panic}")));
    let mut trial = Trial { tried: 0, failed: 0, slowest: (Duration::ZERO, String::new()) };
    match arguments.as_slice() {
        ["flip", path, first, step, seed] => flip(&mut trial, &read(path), [first, step, seed].map(number)),
        ["mix", seed, paths @ ..] => {
            let segments: Vec<Vec<u8>> = paths.iter().map(|path| read(path)).collect();
            mix(&mut trial, &segments, number(seed) as u64);
        }
        _ => {
            eprintln!("usage: hostile flip SEGMENT FIRST STEP SEED | mix SEED SEGMENT...");
            return ExitCode::FAILURE;
        }
    }
    println!("slowest {} ms {}", trial.slowest.0.as_millis(), trial.slowest.1);
    println!("tried {}", trial.tried);
    if trial.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn read(path: &str) -> Vec<u8> {
    std::fs::read(path).expect("a segment")
}

fn number(text: &&str) -> usize {
    text.parse().expect("a number")
}

/// Tries every word with a dozen values.
fn flip(trial: &mut Trial, segment: &[u8], [first, step, seed]: [usize; 3]) {
    let mut random = Random::new(seed as u64);
    for index in (first..segment.len() / 8).step_by(step.max(1)) {
        for word in words_for(segment, index, &mut random) {
            trial.run(&with_word(segment, index, word), || format!("word {index} value {word:#x}"));
        }
    }
}

/// Tries damage of more than one word.
fn mix(trial: &mut Trial, segments: &[Vec<u8>], seed: u64) {
    let mut random = Random::new(seed);
    for damaged in many_words(segments, &mut random) {
        trial.run(&damaged.segment, || damaged.how.clone());
    }
    for _ in 0..sample::part(SEVERAL / 4, SEVERAL) {
        let Damaged { mut how, mut segment, .. } = one_word(segments, &mut random);
        for _ in 0..=random.below(4) {
            let more = one_word(&[segment], &mut random);
            how += &format!("; {}", more.how);
            segment = more.segment;
        }
        trial.run(&segment, || how.clone());
    }
}

struct Trial {
    tried: u64,
    failed: u64,
    slowest: (Duration, String),
}

impl Trial {
    fn run(&mut self, segment: &[u8], how: impl Fn() -> String) {
        let start = Instant::now();
        if let Some(failure) = try_image(segment).expect("a child") {
            self.failed += 1;
            println!("failed {}: {failure:?}", how());
        }
        self.tried += 1;
        if start.elapsed() > self.slowest.0 {
            self.slowest = (start.elapsed(), how());
        }
    }
}
