//! How much of a large suite runs.
//!
//! By default, a part runs, the same in every run. If `STRUCTSTORE_EXHAUSTIVE` is set, as by `cargo xtask test --exhaustive`, the whole
//! suite runs; of suites that are too large even then, the slice that the variable's number chooses.

use std::env;

/// The name of the variable.
pub const EXHAUSTIVE: &str = "STRUCTSTORE_EXHAUSTIVE";

/// `sampled` by default, `whole` if the variable is set.
pub fn part<T>(sampled: T, whole: T) -> T {
    if env::var_os(EXHAUSTIVE).is_some() { whole } else { sampled }
}

/// The slice to run, of `of` slices: the first one, unless the variable is set.
pub fn slice(of: usize) -> usize {
    let number = env::var(EXHAUSTIVE).ok().and_then(|number| number.parse::<usize>().ok());
    number.unwrap_or(0) % of.max(1)
}

/// The steps to try, for callers that find the last step by trying: the first one, and then every `sampled`-th one, beginning
/// at a step that depends on `name`; or all steps, if the variable is set.
pub fn steps(name: &str, sampled: usize) -> impl Iterator<Item = u64> {
    let step = part(sampled, 1);
    let second = 2 + name.bytes().map(usize::from).sum::<usize>() % step;
    std::iter::once(1).chain((second as u64..).step_by(step))
}
