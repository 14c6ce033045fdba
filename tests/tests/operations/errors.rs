//! Bad input: each gets an error that names the value found, the expected one, and the place; and changes nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use structstore::{
    Array, ArrayValue, Cleanup, DType, Error, ErrorKind, StructStore, StructStoreShared, Value,
};
use structstore_tests::{Memory, SegmentName};

fn message<T>(result: Result<T, Error>) -> String {
    match result {
        Ok(_) => panic!("should have been an error"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn invalid_field_names_are_errors() {
    let store = Memory::store();
    let before = store.statistics();
    let long = "x".repeat(1025);
    for name in ["", &long] {
        for result in [store.set(name, 1), store.set(name, "text"), store.ensure_list(name).map(drop)] {
            assert!(matches!(&result, Err(error) if error.subject() == Some("field name")));
        }
        let nested = Value::record([(name.to_owned(), Value::Null)]);
        assert!(matches!(store.set("nested", nested), Err(error) if error.kind() == ErrorKind::InvalidName));
        store.set("a", 1).unwrap();
        assert!(matches!(store.rename("a", name), Err(error) if error.kind() == ErrorKind::InvalidName));
        store.delete("a").unwrap();
    }
    store.set(&"x".repeat(1024), 1).unwrap();
    store.clear().unwrap();
    assert_eq!(store.statistics().nodes, before.nodes);
    store.check().unwrap();
}

#[test]
fn invalid_segment_names_are_errors() {
    for name in ["", "name", "/", "/a/b", "/.", "/..", "/a\0b"] {
        assert!(
            matches!(StructStoreShared::open(name), Err(error) if error.kind() == ErrorKind::InvalidName),
            "{name:?}"
        );
    }
    let long = format!("/{}", "x".repeat(256));
    assert!(matches!(StructStoreShared::open(long), Err(error) if error.kind() == ErrorKind::InvalidName));
    use std::os::unix::ffi::OsStrExt;
    let bytes = std::ffi::OsStr::from_bytes(b"/\xff");
    assert!(matches!(StructStoreShared::open(bytes), Err(error) if error.kind() == ErrorKind::InvalidName));
}

#[test]
fn sizes() {
    let name = SegmentName::new("sizes");
    let options = StructStoreShared::options();
    assert!(matches!(
        options.clone().size(1 << 37).open(&name),
        Err(error) if error.subject() == Some("size")
    ));
    for max in [0, 1 << 37] {
        assert!(matches!(
            options.clone().max_size(max).open(&name),
            Err(error) if error.subject() == Some("max_size")
        ));
    }
    assert!(!name.path().exists(), "nothing was created");
}

#[test]
fn open_of_a_foreign_or_truncated_file_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let open = || StructStoreShared::options().file(true).open(&path);
    fs::write(&path, b"something else entirely, and long enough").unwrap();
    let error = message(open());
    assert!(error.contains("magic") && error.contains("STRUCTST"), "{error}");
    fs::write(&path, b"short").unwrap();
    assert!(message(open()).contains("5 bytes long"));
    fs::write(&path, vec![0; 100_000]).unwrap();
    open().unwrap().set("num", 1).unwrap();

    // A real segment, with another version, another layout, or a shorter file.
    let store = StructStoreShared::options().file(true).cleanup(Cleanup::Never).open(&path).unwrap();
    store.close().unwrap();
    let image = fs::read(&path).unwrap();
    for (at, what) in [(8, "format version"), (16, "layout")] {
        let mut other = image.clone();
        other[at] += 1;
        fs::write(&path, &other).unwrap();
        assert!(message(open()).contains(what));
    }
    fs::write(&path, &image[..4096]).unwrap();
    assert!(message(open()).contains("its length is 4096 bytes"));
    fs::write(&path, &image[..65536 - 512]).unwrap();
    assert!(matches!(open(), Err(error) if matches!(error.kind(), ErrorKind::Mismatch | ErrorKind::Corrupt)));
    // Re-initialising replaces a segment that cannot be used.
    StructStoreShared::options().file(true).reinit(true).open(&path).unwrap().set("num", 1).unwrap();

    let error = message(StructStoreShared::options().file(true).open(directory.path()));
    assert!(error.contains("open"), "{error}");
}

#[test]
fn open_without_a_segment_or_permission_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing/file");
    let error = message(StructStoreShared::options().file(true).open(&missing));
    assert!(error.contains("the directory") && error.contains("does not exist"), "{error}");
    let error = message(StructStoreShared::options().create(false).open(&*SegmentName::new("none")));
    assert!(error.contains("No such file"), "{error}");

    // SAFETY: takes nothing and cannot fail.
    if unsafe { libc::geteuid() } == 0 {
        eprintln!("the part of this test about permissions is skipped: root may do anything");
        return;
    }
    let path = directory.path().join("file");
    fs::write(&path, b"").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    let error = message(StructStoreShared::options().file(true).open(&path));
    assert!(error.contains("mode 0400") && error.contains("file"), "{error}");
}

#[test]
fn open_during_initialisation_is_not_ready() {
    // A process that initialises a segment holds a lock on a byte far behind the file's end.
    let name = SegmentName::new("initialising");
    let file = fs::OpenOptions::new().read(true).write(true).create_new(true).open(name.path()).unwrap();
    let lock = libc::flock {
        l_type: libc::F_WRLCK as i16,
        l_whence: libc::SEEK_SET as i16,
        l_start: 1 << 62,
        l_len: 1,
        l_pid: 0,
    };
    use std::os::fd::AsRawFd;
    // SAFETY: a valid descriptor and a valid request.
    assert_eq!(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &lock) }, 0);
    let options = StructStoreShared::options().timeout(Duration::from_millis(50));
    assert!(matches!(options.open(&name), Err(error) if error.kind() == ErrorKind::NotReady));
    drop(file);
    options.open(&name).unwrap();
}

#[test]
fn wrong_types_and_ranges_name_the_path() {
    let store = StructStore::new();
    store.set("sub", Value::record([("items", vec![Value::from("x"), 300.into()].into())])).unwrap();
    let list = store.at("sub").unwrap().ensure_list("items").unwrap();
    assert_eq!(message(list.get::<i64>(0)), "sub.items[0]: found str, expected i64");
    assert_eq!(message(list.get::<u8>(1)), "sub.items[1]: 300 does not fit u8");
    assert_eq!(message(list.get::<u8>(2)), "sub.items: index 2 is out of range for length 2");
    assert_eq!(message(store.at("sub").unwrap().get::<i64>("nope")), "sub.nope: no such field");
    let dotted = store.ensure_struct("a.b").unwrap();
    assert_eq!(message(dotted.get::<i64>("[0]")), r#""a.b"."[0]": no such field"#);
    assert_eq!(message(dotted.rename("c.d", "e")), r#""a.b"."c.d": no such field"#);
    assert_eq!(message(list.insert(3, 1)), "sub.items: index 3 is out of range for length 2");
}

#[test]
fn nesting_has_a_limit() {
    let store = Memory::store();
    let nest = |levels: usize| (0..levels).fold(Value::Null, |inner, _| Value::List(vec![inner]));
    store.set("deep", nest(127)).unwrap();
    assert_eq!(store.get::<Value>("deep").unwrap(), nest(127));
    store.check().unwrap();
    let before = store.statistics();
    let error = message(store.set("deeper", nest(200)));
    assert!(error.starts_with("deeper[0][0]") && error.contains("limit of 128"), "{error}");
    assert_eq!(store.statistics(), before);
    let mut innermost = store.get::<structstore::List>("deep").unwrap();
    while let Ok(inner) = innermost.get::<structstore::List>(0) {
        innermost = inner;
    }
    // The deepest possible list: it takes scalars, and locks, but no nested values.
    innermost.push(1).unwrap();
    drop(innermost.write().unwrap());
    for deeper in [nest(1), nest(3), "text".into()] {
        assert!(
            matches!(innermost.push(deeper), Err(error) if (error.kind(), error.expected()) == (ErrorKind::TooDeep, Some("128")))
        );
    }
    store.check().unwrap();
}

#[test]
fn a_bad_value_deep_inside_leaves_everything_as_it_was() {
    let store = Memory::store();
    store.set("state", Value::record([("x", Value::from(1))])).unwrap();
    let before = (store.statistics(), store.to_string());
    let bad = Value::record([
        ("array", Value::from([1.0; 1000])),
        ("list", vec![Value::record([("twice", Value::Null), ("twice", Value::Null)])].into()),
    ]);
    let error = message(store.set("state", bad));
    assert_eq!(error, "state.list[0].twice: a field of this name exists already");
    assert_eq!((store.statistics(), store.to_string()), before);
    store.check().unwrap();
}

#[test]
fn out_of_space_changes_nothing() {
    let store = Memory::options(StructStoreShared::options().max_size(1 << 20));
    store.set("array", [1.0; 100]).unwrap();
    let before = store.statistics();
    let large = vec![0_u8; 2 << 20];
    let list = Value::List(vec![Value::from("first"), Value::Bytes((&large).into())]);
    let error = message(store.set("array", list));
    assert!(error.contains("maximum size of 1048576"), "{error}");
    let after = store.statistics();
    assert_eq!((after.allocated, after.blocks, after.nodes), (before.allocated, before.blocks, before.nodes));
    assert_eq!(store.get::<Array>("array").unwrap().to_vec::<f64>().unwrap(), [1.0; 100]);
    store.check().unwrap();
}

#[test]
fn object_arrays_and_bad_shapes_are_errors() {
    assert!(matches!(DType::new("|O8"), Err(error) if error.subject() == Some("dtype")));
    let dtype = DType::new("<f8").unwrap();
    let shape =
        |shape: &[usize], bytes: usize| ArrayValue::new(dtype.clone(), shape, vec![0; bytes]).map(drop);
    assert!(matches!(shape(&[2], 8), Err(error) if error.subject() == Some("data")));
    assert!(matches!(shape(&[1; 33], 8), Err(error) if error.subject() == Some("shape")));
    assert!(matches!(shape(&[usize::MAX, 2], 8), Err(error) if error.subject() == Some("shape")));
    assert!(matches!(shape(&[0, usize::MAX, 2], 0), Err(error) if error.subject() == Some("shape")));
}

#[test]
fn read_only_attachments_change_nothing() {
    let name = SegmentName::new("read_only");
    let store = StructStoreShared::open(&name).unwrap();
    store.set("num", 5).unwrap();
    store.set("sub", Value::record([("text", Value::from("x"))])).unwrap();
    store.set("array", [1.0, 2.0]).unwrap();
    fs::set_permissions(name.path(), fs::Permissions::from_mode(0o400)).unwrap();
    let reader = StructStoreShared::options().read_only(true).open(&name).unwrap();
    assert_eq!(reader.get::<i32>("num").unwrap(), 5);
    assert_eq!(reader.to_value().unwrap(), store.to_value().unwrap());
    assert_eq!(reader.get::<Array>("array").unwrap().to_vec::<f64>().unwrap(), [1.0, 2.0]);
    for result in [
        reader.set("num", 6),
        reader.delete("num"),
        reader.write().map(drop),
        reader.read().map(drop),
        reader.get::<Array>("array").unwrap().view().map(drop),
    ] {
        assert!(matches!(&result, Err(error) if error.kind() == ErrorKind::ReadOnly), "{result:?}");
    }
    reader.check().unwrap();
    // It sees growth and later values.
    store.set("large", vec![7_u8; 10 << 20].as_slice()).unwrap();
    assert_eq!(reader.get::<Vec<u8>>("large").unwrap().len(), 10 << 20);
    // It keeps the memory, and not the name.
    store.close().unwrap();
    assert!(!name.path().exists() && !reader.valid());
    assert_eq!(reader.get::<i32>("num").unwrap(), 5);
}

/// The record of a removed node is reused for the next one.
#[test]
fn stale_handle_names_no_other_structure() {
    let store = StructStore::new();
    store.ensure_struct("first").unwrap().set("x", 1).unwrap();
    let stale = store.at("first").unwrap();
    store.delete("first").unwrap();
    store.ensure_struct("innocent").unwrap().set("x", 2).unwrap();
    for error in [
        stale.get::<i32>("x").unwrap_err(),
        stale.set("x", 5).unwrap_err(),
        stale.to_value().unwrap_err(),
        stale.write().map(drop).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::StaleHandle);
        assert_eq!(
            error.to_string(),
            "first: the structure was removed or replaced since this handle was made"
        );
    }
}
