//! What is run, and what of it is over its limit.

/// What the arguments select, and the ratios that were over their limits.
pub struct Report {
    filter: String,
    missed: Vec<String>,
}

/// By how much a ratio may be over its limit before `--check` fails: timings are noisy.
const TOLERANCE: f64 = 1.1;

impl Report {
    pub fn new(filter: &str) -> Report {
        Report { filter: filter.to_owned(), missed: Vec::new() }
    }

    /// Whether the arguments select what has this title.
    pub fn wants(&self, title: &str) -> bool {
        title.contains(&self.filter)
    }

    /// Compares a ratio with its limit. The remark to print beside it.
    pub fn judge(&mut self, what: &str, ratio: f64, limit: Option<f64>) -> String {
        let Some(limit) = limit else { return String::new() };
        if ratio > limit * TOLERANCE {
            self.missed.push(format!("{what}: {ratio:.2}, at most {limit}"));
        }
        format!("  at most {limit}{}", if ratio > limit { ", over" } else { "" })
    }

    /// The ratios that are over their limits by more than a tenth.
    pub fn missed(&self) -> &[String] {
        &self.missed
    }
}
