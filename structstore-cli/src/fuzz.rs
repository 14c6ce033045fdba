//! What a fuzzer does with the strings that people give to commands: `cargo xtask fuzz command`.

use crate::path;
use structstore::binding_support::{not_finite, to_document};
use structstore::{ArrayValue, Item, StructStore, Value};

use crate::text::{line, printable};
use crate::{given, json};
use structstore::path::Path;

/// Reads the first line as a path, and what follows as a value, in place of nothing and of a value of each type. Panics
/// if a path is printed as another, or what is printed is not what it should be.
pub fn command(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (path, value) = text.split_once('\n').unwrap_or((&text, ""));
    read_path(path);
    let store = specimens().expect("a store");
    if let Ok(value) = given::parse(value) {
        print(&value);
        let _ = store.set("new", value);
    }
    for name in store.names().expect("names") {
        let item = store.get::<Item>(&name).expect("a field");
        let kind = item.kind();
        if let Ok(value) = given::convert(value, &item) {
            assert!(value.kind() == kind || kind == structstore::Kind::Null, "{name}: another type");
            print(&value);
            store.set(&name, value).expect("a value of the type that is there");
        }
    }
    if let Ok(path) = path.parse::<Path>() {
        let _ = path::find(&store, &path);
        let _ = path::last(&store, &path).and_then(|place| place.find().and_then(|_| place.remove()));
    }
    print(&store.to_value().expect("a value"));
    store.check().expect("a whole store");
}

fn read_path(text: &str) {
    let Ok(path) = text.parse::<Path>() else { return };
    let printed = path.to_string();
    assert_eq!(printed.parse::<Path>().unwrap(), path, "{text:?} is printed as {printed:?}");
    assert_eq!(printable(&printed), printed);
}

fn print(value: &Value<'_>) {
    if json::text(value, &Path::ROOT, false).is_err() {
        assert!(not_finite(value).is_some());
    }
    for indented in [false, true] {
        let Ok(document) = to_document(value, true) else {
            assert!(depth(value) >= 100);
            continue;
        };
        let text = json::text(&document, &Path::ROOT, indented).unwrap_or_else(|failure| panic!("{failure}"));
        let text = String::from_utf8(text).expect("text");
        assert_eq!(printable(&text), text);
        // What nests as deep as this is refused by the parser, not by the writer.
        if depth(&document) < 100 {
            given::parse(&text).unwrap_or_else(|failure| panic!("{failure}"));
        }
    }
    if let Ok(yaml) = json::yaml(value, true) {
        assert_eq!(printable(&yaml), yaml);
    }
    assert!(!line(&value.to_string()).contains('\n'));
}

fn depth(value: &Value<'_>) -> usize {
    match value {
        Value::List(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Struct(fields) => 1 + fields.iter().map(|(_, value)| depth(value)).max().unwrap_or(0),
        Value::Array(array) => array.shape().len(),
        _ => 0,
    }
}

/// A store with a field of every type that a string is converted to.
fn specimens() -> structstore::Result<StructStore> {
    let store = StructStore::new();
    store.set("null", Value::Null)?;
    store.set("flag", true)?;
    store.set("i8", -8_i8)?;
    store.set("u64", 8_u64)?;
    store.set("f32", 0.5_f32)?;
    store.set("f64", 0.5)?;
    store.set("text", "text")?;
    store.set("bytes", Value::Bytes(vec![1, 2].into()))?;
    store.set("list", Value::list([1]))?;
    store.ensure_struct("sub")?.set("a.b", 1)?;
    store.set("bytes in an array", ArrayValue::from_slice(&[2], &[1_u8, 2])?)?;
    store.set("matrix", ArrayValue::from_slice(&[1, 1], &[0.5])?)?;
    Ok(store)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    #[test]
    fn inputs_of_the_fuzzer_do_no_harm() {
        let mut count = 0;
        for folder in ["../fuzz/corpus/command", "../fuzz/regressions/command"] {
            // There need not be any.
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
            let Ok(inputs) = fs::read_dir(folder) else { continue };
            for input in inputs {
                let path = input.unwrap().path();
                println!("{}", path.display());
                super::command(&fs::read(path).unwrap());
                count += 1;
            }
        }
        assert!(count > 0);
    }
}
