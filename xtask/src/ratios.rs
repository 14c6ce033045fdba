//! What the core may cost in terms of what it is measured against, from the estimates that criterion left.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

/// A benchmark, what it is compared with, and how many times as long it may take.
const LIMITS: [(&str, &str, &str, f64); 15] = [
    ("write guard over ten bound fields", "locks/write_ten", "locks/write_one", 2.0),
    ("read guard over ten bound fields", "locks/read_ten", "locks/read_one", 1.5),
    ("two cores set two structs, over one", "cores/set_both", "cores/set_alone", 1.11),
    ("two cores set one struct, one map", "cores/set_in_one_struct_both", "cores/set_in_one_map_both", 1.5),
    ("two cores read one struct, over one", "cores/read_both", "cores/read_alone", 1.3),
    ("the same, with a binding each", "cores/read_fields_both", "cores/read_fields_alone", 1.3),
    ("store through a field in a guard", "locks/store_in_guard", "locks/store_plain", 1.05),
    ("load of ten scalars", "locks/load_flat", "locks/copy_flat", 3.0),
    ("set while something else is watched", "watch/set_watched_elsewhere", "watch/set", 1.1),
    ("waking a process, and being woken", "watch/there_and_back", "watch/futex_there_and_back", 1.3),
    ("the same, by samples of 64 bytes", "watch/sample_there_and_back", "watch/futex_there_and_back", 1.1),
    ("by loaned frames of 1 MB", "watch/frame_of_1mb_there_and_back", "watch/futex_there_and_back", 1.1),
    ("publish 64 bytes, over a clock read", "streams/publish_at", "streams/clock", 1.0),
    ("newest sample of 64 bytes, likewise", "streams/latest", "streams/clock", 0.7),
    ("history of 1,000 rows of 40 bytes", "streams/history", "streams/memcpy_history", 1.5),
];

/// Prints the ratios of the benchmarks that ran since `start`, beside their limits. Timings are noisy: nothing fails.
pub(crate) fn print(target: &Path, start: SystemTime) {
    let rows: Vec<_> = LIMITS
        .iter()
        .filter_map(|(what, ours, theirs, limit)| {
            Some((what, nanoseconds(target, ours, start)?, nanoseconds(target, theirs, start)?, limit))
        })
        .collect();
    if rows.is_empty() {
        return;
    }
    println!("\n{:38} {:>12} {:>12} {:>7} {:>8}", "median", "ours", "compared to", "ratio", "at most");
    for (what, ours, theirs, limit) in rows {
        let ratio = ours / theirs;
        let remark = if ratio <= *limit { "" } else { "  over" };
        println!("{what:38} {ours:9.1} ns {theirs:9.1} ns {ratio:7.2} {limit:8}{remark}");
    }
}

/// The median of a benchmark. The file is JSON, of which one number is wanted.
fn nanoseconds(target: &Path, name: &str, start: SystemTime) -> Option<f64> {
    let path = target.join("criterion").join(name).join("new/estimates.json");
    let written = fs::metadata(&path).and_then(|found| found.modified()).ok()?;
    let text = fs::read_to_string(path).ok().filter(|_| written >= start)?;
    median(&text)
}

fn median(estimates: &str) -> Option<f64> {
    let (_, median) = estimates.split_once("\"median\":")?;
    let (_, point) = median.split_once("\"point_estimate\":")?;
    point.split([',', '}']).next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_median_is_found() {
        let estimates = r#"{"mean":{"point_estimate":1.0},"median":{"confidence_interval":{"lower_bound":2.0},
            "point_estimate":23.5,"standard_error":0.1},"slope":null}"#;
        assert_eq!(super::median(estimates), Some(23.5));
        assert_eq!(super::median("{}"), None);
    }
}
