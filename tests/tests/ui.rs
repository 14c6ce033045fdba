//! What must not compile, and what the compiler then says; and what must. By default only a part of the former.
//!
//! `STRUCTSTORE_EXHAUSTIVE=1 TRYBUILD=overwrite cargo test -p structstore-tests --test ui` writes what it says now; read it before it goes in.

use structstore_tests::sample;

#[test]
fn compiler_says_what_is_wrong() {
    let tests = trybuild::TestCases::new();
    for folder in sample::part(&["sound"][..], &["attributes", "shapes", "types", "sound"]) {
        tests.compile_fail(format!("tests/ui/{folder}/*.rs"));
    }
    tests.pass("tests/ui/usage/*.rs");
}
