//! `schema --cpp`, which a compiler has to understand.

use std::process::Command;

use structstore::{ArrayValue, Meta, StructStoreShared, Value};
use structstore_tests::{SegmentName, put_specimens};

use crate::command::structstore;

#[test]
fn the_header_of_a_store_is_cpp() {
    let name = SegmentName::new("cpp");
    let store = StructStoreShared::open(&*name).unwrap();
    put_specimens(&store).unwrap();
    let drive = store.ensure_struct("drive").unwrap();
    drive.set("kp", 2.0).unwrap();
    drive.declare("kp", &Meta::new().range(0..=10).unit("1/s").description("Gain. \\\nint x;*/")).unwrap();
    drive.set("gains", ArrayValue::from_slice(&[2], &[1.0_f32, 2.0]).unwrap()).unwrap();
    for odd in [
        "int",
        "a b",
        "a-b",
        "2",
        "*/",
        "größe",
        "say \"no\"??/",
        "drive",
        "Drive",
        "store",
        "Store",
        "nul\0",
    ] {
        store.set(odd, Value::record([(odd, Value::from(1)), ("n", Value::from(true))])).unwrap();
    }
    drive.set("mode", "auto").unwrap();
    let header = structstore(&["schema", &name, "--cpp"]).text();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("schema.hpp"), &header).unwrap();
    let include = concat!(env!("CARGO_MANIFEST_DIR"), "/../structstore-c/include");
    let compiler = std::env::var("CXX").unwrap_or_else(|_| "g++".to_owned());
    let mut compiler = Command::new(compiler);
    compiler.args(["-std=c++17", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I", include, "-include"]);
    let compiled =
        match compiler.arg(folder.path().join("schema.hpp")).args(["-x", "c++", "/dev/null"]).output() {
            Ok(compiled) => compiled,
            Err(error) => return eprintln!("NOT RUN: the compiler of C++: {error}"),
        };
    assert!(compiled.status.success(), "{}\n{header}", String::from_utf8_lossy(&compiled.stderr));
    assert_eq!(structstore(&["schema", &name, "--cpp", "--json"]).code(), 2);
    let one = structstore(&["schema", &name, "drive", "--cpp"]).text();
    let expected = [
        "struct Store {",
        "    // f64, a number from 0.0 to 10.0, 1/s",
        "    structstore::Ref<double> kp = store[\"kp\"_key];",
    ];
    for line in expected {
        assert!(one.contains(line), "{line}: {one}");
    }
    assert!(one.contains("structstore::View<float> gains() const"), "{one}");
}
