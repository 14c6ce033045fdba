//! Sets of places.

/// A set of small numbers, of which each is a bit.
#[derive(Default)]
pub(super) struct Marks {
    words: Vec<u64>,
    count: usize,
}

impl Marks {
    /// Adds a number; whether it was not there.
    pub(super) fn insert(&mut self, number: u64) -> bool {
        let (at, bit) = ((number / 64) as usize, 1 << (number % 64));
        if at >= self.words.len() {
            // Doubled, so that numbers that come in order do not move it each time.
            self.words.resize(at.saturating_add(1).max(self.words.len().saturating_mul(2)), 0);
        }
        match self.words.get_mut(at) {
            Some(word) if *word & bit == 0 => {
                *word |= bit;
                self.count = self.count.saturating_add(1);
                true
            }
            _ => false,
        }
    }

    /// Takes a number out; whether it was there.
    pub(super) fn remove(&mut self, number: u64) -> bool {
        let bit = 1 << (number % 64);
        match self.words.get_mut((number / 64) as usize) {
            Some(word) if *word & bit != 0 => {
                *word &= !bit;
                self.count = self.count.saturating_sub(1);
                true
            }
            _ => false,
        }
    }

    pub(super) fn contains(&self, number: u64) -> bool {
        self.words.get((number / 64) as usize).is_some_and(|word| word & 1 << (number % 64) != 0)
    }

    /// How many numbers there are.
    pub(super) fn len(&self) -> usize {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::tests::Random;

    #[test]
    fn marks_are_a_set() {
        let (mut marks, mut model, mut random) = (Marks::default(), HashSet::new(), Random(3));
        for _ in 0..20_000 {
            let number = random.below(500) * random.below(50);
            match random.below(3) {
                0 => assert_eq!(marks.remove(number), model.remove(&number)),
                1 => assert_eq!(marks.contains(number), model.contains(&number)),
                _ => assert_eq!(marks.insert(number), model.insert(number)),
            }
            assert_eq!(marks.len(), model.len());
        }
    }
}
