//! Tries images of a store with one word changed: arguments are the image, which word to begin with, how many to go on
//! by, and a seed. Prints what did not end well, and at last which took longest, and how many were tried.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use structstore_tests::damage::{Random, with_word, words_for};
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
    let mut random = Random::new(seed as u64);
    let thorough = std::env::var_os("STRUCTSTORE_THOROUGH").is_some();
    for word in (first..image.len() / 8).step_by(step.max(1)).filter(|word| chosen(&image, *word, thorough)) {
        // In everyday tests a third of the values, for other words and seeds another one.
        let in_turn = |at: usize| thorough || (at + word / step.max(1) + seed).is_multiple_of(3);
        let values = words_for(&image, word, &mut random).into_iter().enumerate();
        for (_, value) in values.filter(|(at, _)| in_turn(*at)) {
            let start = Instant::now();
            match try_image(&with_word(&image, word, value)) {
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
