//! Segments in which some words are changed.

use std::fs::File;
use std::io::Write;
use std::sync::OnceLock;

use super::Input;
use crate::segments::segments;
use crate::{Memory, hostile};

/// The largest number of changed words.
const MOST: usize = 16;

/// Changes some words of one of several segments, opens the result, and runs all operations on it.
///
/// # Panics
///
/// If an operation panics. It must neither hang nor access memory outside of the mapping.
pub fn run(bytes: &[u8]) {
    static SEEDS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    let seeds = SEEDS.get_or_init(|| segments().expect("stores"));
    let mut input = Input::new(bytes);
    let mut segment = seeds[input.below(seeds.len())].clone();
    for _ in 0..MOST {
        if input.is_empty() {
            break;
        }
        edit(&mut segment, &mut input);
    }
    // A new file each time: within one process, attachments to the same file share one mapping.
    let descriptor = Memory::descriptor();
    File::from(descriptor.try_clone().expect("a descriptor")).write_all(&segment).expect("memory");
    hostile::operate(descriptor);
}

/// Changes one word: to a random value, to a slightly larger or smaller one, or to the value of another word.
fn edit(segment: &mut [u8], input: &mut Input<'_>) {
    let (words, []) = segment.as_chunks_mut::<8>() else { return };
    let how = input.byte();
    // Mostly a word that is not zero, counted among those.
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
