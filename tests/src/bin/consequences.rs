//! Changes words of a segment, and compares the consequences of changes that `check` does not find. The arguments are the segment, the
//! index of the first word, and the step. Prints the changes that were missed, and at last the counts.

use std::process::ExitCode;

use structstore_tests::consequences::{Consequences, consequences};
use structstore_tests::damage::{Random, with_word, word, words_for};
use structstore_tests::hostile::Failure;

/// The word of the header with the maximum size, for which every larger number has the same effect.
const MAX_SIZE: usize = 5;

/// How often each outcome occurred.
#[derive(Default)]
struct Count {
    tried: u64,
    /// `check` found it.
    found: u64,
    /// It had no effect.
    idle: u64,
    /// It replaced a value by another one: another number, a shorter list.
    values: u64,
    missed: u64,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let numbers = arguments.iter().skip(1).map(|argument| argument.parse::<usize>().ok());
    let numbers: Option<Vec<usize>> = numbers.collect();
    let (Some(path), Some(&[first, step])) = (arguments.first(), numbers.as_deref()) else {
        eprintln!("usage: consequences SEGMENT FIRST STEP");
        return ExitCode::FAILURE;
    };
    let segment = std::fs::read(path).expect("a segment");
    std::panic::set_hook(Box::new(|panic| eprintln!("{panic}")));
    let healthy = consequences(&segment).expect("a child").expect("a sound segment");
    assert_eq!(healthy.found, None, "a sound segment");
    let thorough = std::env::var_os("STRUCTSTORE_THOROUGH").is_some();
    let (mut count, mut random) = (Count::default(), Random::new(first as u64 + 1));
    for index in (first..segment.len() / 8).step_by(step.max(1)).filter(|index| *index != MAX_SIZE) {
        // Everyday tries only some of the words that are zero, which lie mostly in free memory, and only a few values.
        if !thorough && word(&segment, index) == 0 && !index.is_multiple_of(8) {
            continue;
        }
        let mut values = words_for(&segment, index, &mut random);
        values.push(word(&segment, index) ^ 1 << random.below(64));
        while !thorough && values.len() > 3 {
            values.swap_remove(random.below(values.len()));
        }
        for value in values {
            let outcome = consequences(&with_word(&segment, index, value)).expect("a child");
            let missed = count.add(&healthy, outcome);
            if let Some(missed) = missed {
                println!("missed word {index} {:#x} value {value:#x}: {missed}", word(&segment, index));
            }
        }
    }
    let Count { tried, found, idle, values, missed } = count;
    println!("tried {tried} {found} {idle} {values} {missed}");
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Count {
    /// Counts an outcome. Returns a description if it was missed.
    fn add(&mut self, healthy: &Consequences, outcome: Result<Consequences, Failure>) -> Option<String> {
        self.tried += 1;
        match outcome {
            Ok(damaged) if damaged.found.is_some() => self.found += 1,
            Ok(damaged) if damaged == *healthy => self.idle += 1,
            Ok(damaged) if damaged.values != healthy.values => self.values += 1,
            Ok(damaged) => {
                self.missed += 1;
                let mut lines = healthy.answers.lines().zip(damaged.answers.lines());
                let other = lines.find(|(healthy, damaged)| healthy != damaged);
                return Some(format!("{other:?}"));
            }
            Err(failure) => {
                self.missed += 1;
                return Some(format!("{failure:?}"));
            }
        }
        None
    }
}
