//! Code that the tests across processes share.
//!
//! ```
//! use structstore_tests::SegmentName;
//!
//! let name = SegmentName::new("growth");
//! assert!(name.as_str().starts_with("/structstore_test_growth_"));
//! // `StructStoreShared::open(&name)` here; the segment goes when `name` does.
//! ```

pub mod bench;
pub mod consequences;
pub mod damage;
#[cfg(feature = "crash-points")]
pub mod deaths;
#[cfg(doctest)]
mod docs;
pub mod fuzz;
pub mod hostile;
pub mod limits;
pub mod model;
pub mod sample;
pub mod segments;
pub mod soak;
pub mod words;

use std::env;
use std::fmt;
use std::fs;
use std::ops::Deref;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use nix::sys::memfd::{MFdFlags, memfd_create};
use structstore::{ArrayValue, DType, ErrorKind, List, Options, Result, Struct, StructStoreShared, Value};

/// The unique name of a segment, which is removed on drop: also when the test panics.
#[derive(Debug)]
pub struct SegmentName(String);

impl SegmentName {
    /// A new name that contains `label`, so that files that a killed test left in /dev/shm can be identified.
    pub fn new(label: &str) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        // Process ids are reused; a new name must not find the segment of a killed test.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        SegmentName(format!("/structstore_test_{label}_{}_{count}_{now:x}", process::id()))
    }

    /// The name, as `shm_open` wants it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The file in which Linux keeps the segment.
    pub fn path(&self) -> PathBuf {
        PathBuf::from(format!("/dev/shm{}", self.0))
    }
}

/// Fills a store until it has no room for another block, in a list `filling`; nor for another node, if there are as many
/// `places` as free records.
///
/// # Errors
///
/// Those of the store, except that it is full.
pub fn fill(store: &Struct, places: usize) -> Result<()> {
    let done = |result: Result<()>| match result {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::OutOfSpace => Ok(false),
        Err(error) => Err(error),
    };
    let bytes = |size| Value::Bytes(vec![0; size].into());
    // Places for nodes without blocks, and then for blocks without nodes, which use up the last of both. 41 bytes are the fewest that do not
    // fit a node.
    store.set("filling", vec![Value::Null; places])?;
    let list: List = store.get("filling")?;
    for size in [1 << 20, 1 << 16, 1 << 12, 1 << 10, 1 << 8, 41, 0] {
        while done(list.push(bytes(size)))? {}
    }
    for size in [0, 41] {
        for place in 0..places {
            if !done(list.set(place, bytes(size)))? {
                break;
            }
        }
    }
    while done(list.push(Value::Null))? {}
    Ok(())
}

impl Drop for SegmentName {
    fn drop(&mut self) {
        // Fails if the test removed the segment itself, or never made it.
        let _ = fs::remove_file(self.path());
    }
}

impl Deref for SegmentName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<std::path::Path> for SegmentName {
    fn as_ref(&self) -> &std::path::Path {
        self.0.as_ref()
    }
}

impl AsRef<str> for SegmentName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl AsRef<std::ffi::OsStr> for SegmentName {
    fn as_ref(&self) -> &std::ffi::OsStr {
        self.0.as_ref()
    }
}

impl fmt::Display for SegmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Memory without a name, for tests that need a segment of their own and no other process in it.
pub struct Memory;

impl Memory {
    /// A store in a new memfd.
    ///
    /// # Panics
    ///
    /// If the system has no memory for it.
    pub fn store() -> StructStoreShared {
        Memory::options(StructStoreShared::options())
    }

    /// The same with options.
    ///
    /// # Panics
    ///
    /// As [`Memory::store`].
    pub fn options(options: Options) -> StructStoreShared {
        options.open_fd(Memory::descriptor()).expect("a store in a new memfd")
    }

    /// A new, empty memfd.
    ///
    /// # Panics
    ///
    /// As [`Memory::store`].
    pub fn descriptor() -> OwnedFd {
        memfd_create("structstore_test", MFdFlags::MFD_CLOEXEC).expect("a memfd")
    }
}

/// Fills a store with a value of every type, as `tests/python/peer.py` does.
///
/// # Errors
///
/// Those of the store.
pub fn put_specimens(store: &Struct) -> Result<()> {
    for (name, value) in specimens() {
        store.set(name, value)?;
    }
    Ok(())
}

/// Verifies the values and types that [`put_specimens`] or `tests/python/peer.py` wrote.
///
/// # Errors
///
/// Those of the store.
///
/// # Panics
///
/// If a value differs, or its type.
pub fn assert_specimens(store: &Struct) -> Result<()> {
    for (name, value) in specimens() {
        assert_eq!(store.kind(name)?, value.kind(), "{name}");
        let found = store.get::<Value>(name)?;
        assert_eq!(found, value, "{name}");
        if let (Value::Array(found), Value::Array(expected)) = (&found, &value) {
            assert_eq!((found.dtype(), found.data()), (expected.dtype(), expected.data()), "{name}");
        }
    }
    assert_eq!(store.len()?, specimens().len());
    store.check()
}

/// One value of every type that Rust and Python share.
fn specimens() -> Vec<(&'static str, Value<'static>)> {
    let array = |dtype: &str, shape: &[usize], data: &[u8]| {
        let dtype = if dtype.starts_with('[') { DType::structured(dtype, 9) } else { DType::new(dtype) };
        Value::from(ArrayValue::new(dtype.unwrap(), shape, data.to_vec()).unwrap())
    };
    let numbers: Vec<u8> = (0..6).flat_map(|number| f64::from(number).to_le_bytes()).collect();
    vec![
        ("none", Value::Null),
        ("truth", true.into()),
        ("i8", (-8_i8).into()),
        ("i16", (-16_i16).into()),
        ("i32", (-32_i32).into()),
        ("int", (-(1_i64 << 62)).into()),
        ("u8", 8_u8.into()),
        ("u16", 16_u16.into()),
        ("u32", 32_u32.into()),
        ("u64", u64::MAX.into()),
        ("f32", 0.25_f32.into()),
        ("float", 1e300.into()),
        ("text", "grüße, 世界".into()),
        ("empty text", "".into()),
        ("bytes", Value::Bytes(vec![0, 255, 10].into())),
        ("list", vec![Value::from(1_i64), "two".into(), Value::Null, Value::list([3.5])].into()),
        (
            "struct",
            Value::record([
                ("x", Value::from(1_i64)),
                ("inner", Value::record([("deep", Value::from("yes"))])),
            ]),
        ),
        ("matrix", array("<f8", &[2, 3], &numbers)),
        ("scalar array", array("<i4", &[], &7_i32.to_le_bytes())),
        ("empty array", array("<u2", &[0, 4], &[])),
        ("big endian", array(">i2", &[2], &[1, 0, 2, 0])),
        ("flags", array("|b1", &[3], &[1, 0, 1])),
        ("complex", array("<c8", &[1], &[0, 0, 128, 63, 0, 0, 0, 64])),
        ("times", array("<M8[us]", &[1], &1_000_000_u64.to_le_bytes())),
        ("strings", array("<U2", &[1], &[104, 0, 0, 0, 105, 0, 0, 0])),
        ("records", array("[('a', '|u1'), ('b', '<f8')]", &[1], &[5, 0, 0, 0, 0, 0, 0, 240, 63])),
    ]
}

/// A Python that can import structstore, as `cargo xtask test` provides it. Without one, says that `test` is skipped.
///
/// # Panics
///
/// If `STRUCTSTORE_PYTHON` names a file that does not exist: a requested test must not pass by being skipped.
pub fn python(test: &str) -> Option<PathBuf> {
    let Some(python) = env::var_os("STRUCTSTORE_PYTHON").map(PathBuf::from) else {
        eprintln!("{test} is skipped: STRUCTSTORE_PYTHON is not set; `cargo xtask test --only rust` sets it");
        return None;
    };
    assert!(python.exists(), "STRUCTSTORE_PYTHON is {}, which does not exist", python.display());
    Some(python)
}

#[cfg(test)]
mod tests {
    use std::panic;

    use super::*;

    #[test]
    fn names_differ() {
        assert_ne!(SegmentName::new("same").as_str(), SegmentName::new("same").as_str());
    }

    #[test]
    fn segment_goes_with_its_name_even_in_a_panic() {
        let name = SegmentName::new("panic");
        let path = name.path();
        fs::write(&path, "left behind").unwrap();
        let outcome = panic::catch_unwind(move || {
            assert!(name.path().exists());
            panic::resume_unwind(Box::new(name.to_string()));
        });
        assert!(outcome.is_err());
        assert!(!path.exists());
    }
}
