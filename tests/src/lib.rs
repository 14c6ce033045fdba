//! What the tests across processes share.
//!
//! ```
//! use structstore_tests::SegmentName;
//!
//! let name = SegmentName::new("growth");
//! assert!(name.as_str().starts_with("/structstore_test_growth_"));
//! // `StructStoreShared::open(&name)` here; the segment goes when `name` does.
//! ```

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
use structstore::{Options, StructStoreShared};

/// The name of a segment that nobody else uses, removed on drop: also when the test panics.
#[derive(Debug)]
pub struct SegmentName(String);

impl SegmentName {
    /// A new name with `label` in it, so that what a killed test leaves in /dev/shm can be told.
    pub fn new(label: &str) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        // Process ids are reused; what a killed test left behind must not be found under a new name.
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

/// Memory without a name, for tests that need a segment of their own but nobody else in it.
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

/// A Python that can import structstore, as `cargo xtask test` provides it. Without one, says that `test` is skipped.
///
/// # Panics
///
/// If `STRUCTSTORE_PYTHON` names something that is not there: a test that was asked for must not pass by being
/// skipped.
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
