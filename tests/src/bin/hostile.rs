//! Tries images of a store with one word changed: arguments are the image, which word to begin with, how many to go on
//! by, and a seed. Prints what did not end well, and at last which took longest, and how many were tried.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use structstore_tests::hostile::try_image;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let numbers: Option<Vec<usize>> =
        arguments.iter().skip(1).map(|argument| argument.parse().ok()).collect();
    let (Some(path), Some(&[first, step, seed])) = (arguments.first(), numbers.as_deref()) else {
        eprintln!("usage: hostile IMAGE FIRST STEP SEED");
        return ExitCode::FAILURE;
    };
    let image = match std::fs::read(path) {
        Ok(image) => image,
        Err(error) => {
            eprintln!("{path}: {error}");
            return ExitCode::FAILURE;
        }
    };
    // Panics are counted, and need not be told at length.
    std::panic::set_hook(Box::new(|panic| eprintln!("{panic}")));
    let (mut tried, mut failed, mut slowest) = (0_u64, 0_u64, (Duration::ZERO, 0, 0));
    let mut random = seed as u64 | 1;
    let thorough = std::env::var_os("STRUCTSTORE_THOROUGH").is_some();
    for word in (first..image.len() / 8).step_by(step.max(1)).filter(|word| chosen(&image, *word, thorough)) {
        // In everyday tests a third of the values, for other words and seeds another one.
        let in_turn = |at: usize| thorough || (at + word / step.max(1) + seed).is_multiple_of(3);
        let values = values(&image, word, &mut random).into_iter().enumerate();
        for (_, value) in values.filter(|(at, _)| in_turn(*at)) {
            let mut changed = image.clone();
            changed[8 * word..8 * word + 8].copy_from_slice(&value.to_le_bytes());
            let start = Instant::now();
            match try_image(&changed) {
                Ok(None) => {}
                Ok(Some(failure)) => {
                    failed += 1;
                    println!("failed word {word} value {value:#x}: {failure:?}");
                }
                Err(error) => {
                    eprintln!("cannot try anything: {error}");
                    return ExitCode::FAILURE;
                }
            }
            tried += 1;
            slowest = slowest.max((start.elapsed(), word, value));
        }
    }
    println!("slowest {} ms word {} value {:#x}", slowest.0.as_millis(), slowest.1, slowest.2);
    println!("tried {tried}");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Whether to try a word. Of those that are zero, and mostly in free memory, some are enough in everyday tests.
fn chosen(image: &[u8], word: usize, thorough: bool) -> bool {
    thorough || word % 32 < 2 || image[8 * word..8 * word + 8] != [0; 8]
}

/// What to put in place of a word: nothing, little, all, its neighbours, places that exist, and anything.
fn values(image: &[u8], word: usize, random: &mut u64) -> Vec<u64> {
    let at = |word: usize| {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&image[8 * word..8 * word + 8]);
        u64::from_le_bytes(bytes)
    };
    let was = at(word);
    let mut next = || {
        *random ^= *random << 13;
        *random ^= *random >> 7;
        *random ^= *random << 17;
        *random
    };
    // Another word that is not zero, as an offset or name of something that exists.
    let other = (0..100).map(|_| at(next() as usize % (image.len() / 8))).find(|other| *other != 0);
    let mut values = vec![
        0,
        1,
        u64::MAX,
        1 << 63,
        was.wrapping_add(1),
        was.wrapping_sub(1),
        was ^ 1 << 32,
        was.rotate_left(32),
        image.len() as u64 - 8,
        other.unwrap_or(64),
        next(),
        next() >> (next() % 64),
    ];
    values.retain(|value| *value != was);
    values.sort_unstable();
    values.dedup();
    values
}
