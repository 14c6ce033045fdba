//! Programs that must not compile, with the compiler's messages, and programs that must. By default only a part of the former runs.
//!
//! `STRUCTSTORE_EXHAUSTIVE=1 TRYBUILD=overwrite cargo test -p structstore-tests --test ui` writes the present messages; review them
//! before they are committed.

use structstore_tests::sample;

#[test]
fn compile_errors_are_the_expected_ones() {
    let tests = trybuild::TestCases::new();
    for folder in sample::part(&["sound"][..], &["attributes", "shapes", "types", "sound"]) {
        tests.compile_fail(format!("tests/binding/ui/{folder}/*.rs"));
    }
    tests.pass("tests/binding/ui/usage/*.rs");
}
