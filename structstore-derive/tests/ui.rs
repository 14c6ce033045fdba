//! Programs that must not compile, with the compiler's messages, and programs that must. By default only a part of the former runs.
//!
//! They are here, and not beside the other tests, because they compile all that these depend on once more.
//!
//! `STRUCTSTORE_EXHAUSTIVE=1 TRYBUILD=overwrite cargo test -p structstore-derive --test ui` writes the present messages; review them
//! before they are committed.

#[test]
fn compile_errors_are_the_expected_ones() {
    let tests = trybuild::TestCases::new();
    let whole = std::env::var_os("STRUCTSTORE_EXHAUSTIVE").is_some();
    let folders = if whole { &["attributes", "shapes", "types", "sound"][..] } else { &["sound"] };
    for folder in folders {
        tests.compile_fail(format!("tests/ui/{folder}/*.rs"));
    }
    tests.pass("tests/ui/usage/*.rs");
}
