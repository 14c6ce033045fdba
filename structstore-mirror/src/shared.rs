//! What the threads of a mirror share.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::error::Error;
use crate::status::{Part, Status};

/// How many remarks are kept until they are read.
const REMARKS: usize = 1000;

pub(crate) struct Shared {
    /// Where the store is.
    pub(crate) place: PathBuf,
    /// What it is called on the network.
    pub(crate) key: String,
    pub(crate) lease: Duration,
    status: Mutex<Status>,
    pub(crate) remarks: Mutex<VecDeque<String>>,
    pub(crate) over: AtomicBool,
    pub(crate) failed: Mutex<Option<Error>>,
}

impl Shared {
    pub(crate) fn new(place: PathBuf, key: String, lease: Duration, parts: Vec<Part>) -> Shared {
        let (status, remarks) = (Mutex::new(Status { parts }), Mutex::default());
        Shared { place, key, lease, status, remarks, over: AtomicBool::new(false), failed: Mutex::default() }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    /// Changes what is said of a part.
    pub(crate) fn status(&self, index: usize, change: impl FnOnce(&mut Part)) {
        self.status.lock().parts.get_mut(index).map(change);
    }

    pub(crate) fn read_status(&self) -> Status {
        self.status.lock().clone()
    }

    pub(crate) fn log(&self, remark: String) {
        let mut remarks = self.remarks.lock();
        if remarks.len() >= REMARKS {
            remarks.pop_front();
        }
        remarks.push_back(remark);
    }

    pub(crate) fn fail(&self, error: Error) {
        self.failed.lock().get_or_insert(error);
        self.over.store(true, Ordering::SeqCst);
    }
}
