//! How much of a large suite runs.
//!
//! By default a part of it, the same in every run. Where `STRUCTSTORE_EXHAUSTIVE` is set, as `cargo xtask test --exhaustive` does,
//! all of it; of suites that are too large even then, the slice that the variable's number chooses.

use std::env;

/// The name of the variable.
pub const EXHAUSTIVE: &str = "STRUCTSTORE_EXHAUSTIVE";

/// What to do by default, or otherwise.
pub fn part<T>(sampled: T, whole: T) -> T {
    if env::var_os(EXHAUSTIVE).is_some() { whole } else { sampled }
}

/// Which of so many slices is to run: the first one, unless the variable is set.
pub fn slice(of: usize) -> usize {
    let number = env::var(EXHAUSTIVE).ok().and_then(|number| number.parse::<usize>().ok());
    number.unwrap_or(0) % of.max(1)
}

/// Which of all steps of something to try, of which there is an end that is found out by trying: the first one, and then each
/// `sampled`-th, not the same ones for each `name`; or all.
pub fn steps(name: &str, sampled: usize) -> impl Iterator<Item = u64> {
    let step = part(sampled, 1);
    let second = 2 + name.bytes().map(usize::from).sum::<usize>() % step;
    std::iter::once(1).chain((second as u64..).step_by(step))
}
