//! Damaged segments: one word replaced by another, and worse.

/// How many bytes the header of a segment has at most.
const HEADER: usize = 12 << 10;

/// Pseudo-random numbers, the same in each run.
pub struct Random(u64);

impl Random {
    /// The sequence of a seed.
    pub fn new(seed: u64) -> Random {
        Random(seed | 1)
    }

    /// The next number.
    #[expect(clippy::should_implement_trait, reason = "these never end")]
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// The next number, below a limit.
    pub fn below(&mut self, limit: usize) -> usize {
        self.next() as usize % limit
    }
}

/// The word at an index.
///
/// # Panics
///
/// If the index lies beyond the segment.
pub fn word(segment: &[u8], index: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&segment[8 * index..8 * index + 8]);
    u64::from_le_bytes(bytes)
}

/// The segment with another word at an index.
///
/// # Panics
///
/// If the index lies beyond the segment.
pub fn with_word(segment: &[u8], index: usize, word: u64) -> Vec<u8> {
    let mut changed = segment.to_vec();
    changed[8 * index..8 * index + 8].copy_from_slice(&word.to_le_bytes());
    changed
}

/// Replacements for a word: zero, small and large numbers, its neighbours, a value that occurs elsewhere, and random ones.
pub fn words_for(segment: &[u8], index: usize, random: &mut Random) -> Vec<u64> {
    let was = word(segment, index);
    // Another word that is not zero: perhaps the offset of a block or the name of a node.
    let other = (0..100).map(|_| word(segment, random.below(segment.len() / 8))).find(|other| *other != 0);
    let mut words = vec![
        0,
        1,
        u64::MAX,
        1 << 63,
        was.wrapping_add(1),
        was.wrapping_sub(1),
        was ^ 1 << 32,
        was.rotate_left(32),
        segment.len() as u64 - 8,
        other.unwrap_or(64),
        random.next(),
        random.next() >> (random.next() % 64),
    ];
    words.retain(|word| *word != was);
    words.sort_unstable();
    words.dedup();
    words
}

/// A segment that was damaged, and how.
pub struct Damaged {
    /// The index of the segment that it was made of, or mostly made of.
    pub of: usize,
    /// A description from which it can be reproduced.
    pub how: String,
    /// Its bytes.
    pub segment: Vec<u8>,
}

/// One of several segments with one word replaced, mostly a word that is not zero.
///
/// # Panics
///
/// If there is no segment, or if one contains only zeros.
pub fn one_word(segments: &[Vec<u8>], random: &mut Random) -> Damaged {
    let at = random.below(segments.len());
    let segment = &segments[at];
    let all = 0..segment.len() / 8;
    let index = match random.below(8) {
        0 => random.below(all.len()),
        _ => {
            let used: Vec<usize> = all.filter(|index| word(segment, *index) != 0).collect();
            used[random.below(used.len())]
        }
    };
    let words = words_for(segment, index, random);
    let word = words[random.below(words.len())];
    Damaged {
        of: at,
        how: format!("segment {at}, word {index}: {word:#x}"),
        segment: with_word(segment, index, word),
    }
}

/// Segments that were cut short, joined from two, overwritten with one byte, or filled with random bytes.
pub fn many_words(segments: &[Vec<u8>], random: &mut Random) -> Vec<Damaged> {
    let mut damaged = Vec::new();
    for (of, segment) in segments.iter().enumerate() {
        let mut add = |how: String, segment| {
            damaged.push(Damaged { of, how: format!("segment {of}, {how}"), segment });
        };
        let length = segment.len();
        for length in [0, 1, 31, 4095, HEADER, length / 2, length - 8] {
            add(format!("{length} bytes"), segment[..length].to_vec());
        }
        let others = segments.iter().enumerate().filter(|(other, _)| *other != of);
        for ((other, behind), middle) in others.flat_map(|other| [(other, HEADER), (other, length / 2)]) {
            let behind = behind.get(middle..).unwrap_or_default();
            add(format!("from byte {middle} on segment {other}"), [&segment[..middle], behind].concat());
        }
        for from in [0, 64, HEADER] {
            let mut wild = segment.clone();
            wild[from..].fill_with(|| random.next() as u8);
            add(format!("from byte {from} on anything"), wild);
            for byte in [0, 0xff] {
                let mut filled = segment.clone();
                filled[from..].fill(byte);
                add(format!("from byte {from} on {byte:#x}"), filled);
            }
        }
    }
    damaged
}
