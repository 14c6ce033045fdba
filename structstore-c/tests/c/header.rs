//! The header is what cbindgen writes, and has all functions that the library has.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn header() -> String {
    fs::read_to_string(root().join("include/structstore.h")).unwrap_or_default()
}

#[test]
fn the_header_is_up_to_date() {
    let config = cbindgen::Config::from_file(root().join("cbindgen.toml")).unwrap();
    let mut written = Vec::new();
    let bindings = cbindgen::Builder::new().with_crate(root()).with_config(config).generate().unwrap();
    bindings.write(&mut written);
    let written = String::from_utf8(written).unwrap();
    if env::var_os("STRUCTSTORE_WRITE_HEADER").is_some() {
        return fs::write(root().join("include/structstore.h"), written).unwrap();
    }
    assert!(written == header(), "STRUCTSTORE_WRITE_HEADER=1 cargo test -p structstore-c --test header");
}

/// cbindgen leaves out, without a word, what macros make.
#[test]
fn the_header_has_what_the_library_exports() {
    let words = header();
    let words = words.split(|c: char| !c.is_alphanumeric() && c != '_');
    let declared: BTreeSet<&str> = words.filter(|word| word.starts_with("stst_")).collect();
    let library = crate::compiler::library();
    let output = match Command::new("nm").args(["-D", "--defined-only"]).arg(&library).output() {
        Ok(output) => output,
        Err(error) => return eprintln!("NOT RUN: nm: {error}"),
    };
    let symbols = String::from_utf8(output.stdout).unwrap();
    let exported: BTreeSet<&str> = symbols
        .lines()
        .filter_map(|line| line.split_whitespace().nth(2))
        .map(|name| name.split('@').next().unwrap())
        .collect();
    assert!(exported.len() > 50, "{}: {symbols}", library.display());
    for name in &exported {
        assert!(name.starts_with("stst_"), "{name} is exported");
        assert!(declared.contains(name), "{name} is not in the header");
    }
}
