//! The suites that plain `cargo test` cannot run, because they need another build. Here they are listed as ignored.

const COMMAND: &str = "this suite has a command of its own, which its reason for being ignored names";

#[cfg(not(feature = "crash-points"))]
#[test]
#[ignore = "compiled with crash points: cargo xtask test --only deaths"]
fn deaths() {
    panic!("{COMMAND}");
}

#[cfg(not(feature = "crash-points"))]
#[test]
#[ignore = "compiled with crash points: cargo xtask test --only hostile"]
fn hostile() {
    panic!("{COMMAND}");
}

#[test]
#[ignore = "compiled for loom: cargo xtask test --only loom"]
fn models_of_locks_and_notices() {
    panic!("{COMMAND}");
}

#[test]
#[ignore = "in Python: cargo xtask test --only pytest"]
fn python() {
    panic!("{COMMAND}");
}
