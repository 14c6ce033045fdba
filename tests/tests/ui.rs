//! What must not compile, and what the compiler then says; and what must.
//!
//! `TRYBUILD=overwrite cargo test -p structstore-tests --test ui` writes what it says now; read it before it goes in.

#[test]
fn compiler_says_what_is_wrong() {
    let tests = trybuild::TestCases::new();
    tests.compile_fail("tests/ui/attributes/*.rs");
    tests.compile_fail("tests/ui/shapes/*.rs");
    tests.compile_fail("tests/ui/types/*.rs");
    tests.compile_fail("tests/ui/sound/*.rs");
    tests.pass("tests/ui/usage/*.rs");
}
