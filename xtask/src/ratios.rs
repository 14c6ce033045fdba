//! What the core may cost in terms of what it is measured against, from the estimates that criterion left.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

/// A benchmark, what it is compared with, and how many times as long it may take.
const LIMITS: [(&str, &str, &str, f64); 33] = [
    ("get of one of 100 fields", "fields/get", "fields/get_of_map", 0.8),
    ("exclusive guard, 1 seat", "locks/exclusive_1", "locks/mutex", 1.3),
    ("exclusive guard, 8 seats", "locks/exclusive_8", "locks/mutex", 1.3),
    ("exclusive guard, 64 seats", "locks/exclusive_64", "locks/mutex", 1.3),
    ("exclusive guard, 1,024 seats", "locks/exclusive_1024", "locks/mutex", 1.3),
    ("exclusive guard of a handle, 1 seat", "locks/exclusive_of_handle_1", "locks/mutex", 2.0),
    ("exclusive guard of a handle, 1,024", "locks/exclusive_of_handle_1024", "locks/mutex", 2.0),
    ("set of one of 100 fields, 1 seat", "locks/set_1", "locks/set_of_map", 1.5),
    ("set of one of 100 fields, 8 seats", "locks/set_8", "locks/set_of_map", 1.5),
    ("set of one of 100 fields, 1,024 seats", "locks/set_1024", "locks/set_of_map", 1.5),
    ("shared guard, 8 seats", "locks/shared_8", "locks/rwlock", 1.5),
    ("shared guard, 1,024 seats", "locks/shared_1024", "locks/rwlock", 1.5),
    ("two cores set two structs, over one", "cores/set_both", "cores/set_alone", 1.11),
    ("two cores set one struct, one map", "cores/set_in_one_struct_both", "cores/set_in_one_map_both", 1.5),
    ("two cores read one struct, over one", "cores/read_both", "cores/read_alone", 1.3),
    ("the same, with a binding each", "cores/read_fields_both", "cores/read_fields_alone", 1.3),
    ("store through a field in a guard", "locks/store_in_guard", "locks/store_plain", 1.05),
    ("list push in a guard", "lists/push", "lists/push_of_vec", 2.0),
    ("assign an array of 8 MB", "arrays/assign_8mb", "arrays/memcpy_8mb", 1.2),
    ("get of one of 100,000 fields", "fields/get_of_100000", "fields/get_of_10", 5.0),
    ("write guard over ten bound fields", "locks/write_ten", "locks/exclusive_8", 2.0),
    ("read guard over ten bound fields", "locks/read_ten", "locks/shared_8", 1.5),
    ("load of ten scalars", "locks/load_flat", "locks/copy_flat", 3.0),
    ("set while something else is watched", "watch/set_watched_elsewhere", "watch/set", 1.1),
    ("waking a process, and being woken", "watch/there_and_back", "watch/futex_there_and_back", 1.3),
    ("the same, by samples of 64 bytes", "watch/sample_there_and_back", "watch/futex_there_and_back", 1.1),
    ("by loaned frames of 1 MB", "watch/frame_of_1mb_there_and_back", "watch/futex_there_and_back", 1.1),
    ("publish 64 bytes, over a clock read", "streams/publish_at", "streams/clock", 1.0),
    ("newest sample of 64 bytes, likewise", "streams/latest", "streams/clock", 0.7),
    ("history of 1,000 rows of 40 bytes", "streams/history", "streams/memcpy_history", 1.5),
    ("put of a document of 1 MB", "documents/put", "documents/to_json_value", 3.0),
    ("put over another such document", "documents/put_over", "documents/to_json_value", 7.0),
    ("get_as of a document of 1 MB", "documents/get_as", "documents/from_json_value", 3.0),
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
