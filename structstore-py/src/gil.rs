//! What the engine's waits do about the interpreter: they release the GIL, and heed signals. An operation whose cost grows with the
//! size of what it reads or copies releases it from its start; one on a single field or item does not.

use std::cell::RefCell;
use std::ptr;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use structstore::binding_support::WaitHooks;

/// Copies of more bytes than this run without the GIL.
pub(crate) const LONG_COPY: usize = 64 << 10;

/// Bytes of Python's own with these contents.
pub(crate) fn bytes<'py>(py: Python<'py>, contents: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    if contents.len() <= LONG_COPY {
        return Ok(PyBytes::new(py, contents));
    }
    // SAFETY: without contents given, the new object has room for as many bytes, which nobody else knows of and which are
    // written to before anybody does.
    unsafe {
        let object = ffi::PyBytes_FromStringAndSize(ptr::null(), contents.len() as ffi::Py_ssize_t);
        let object = Bound::from_owned_ptr_or_err(py, object)?.cast_into_unchecked::<PyBytes>();
        let target = ffi::PyBytes_AsString(object.as_ptr()) as usize;
        py.detach(|| ptr::copy_nonoverlapping(contents.as_ptr(), target as *mut u8, contents.len()));
        Ok(object)
    }
}

thread_local! {
    /// What a signal handler raised during a wait, until the wait has returned.
    static RAISED: RefCell<Option<PyErr>> = const { RefCell::new(None) };
}

/// Tells the engine what to do when a thread waits.
pub(crate) fn install_hooks() {
    WaitHooks { interrupted, asleep }.install();
}

/// What the signal handler raised that interrupted this thread's wait.
pub(crate) fn take_raised() -> Option<PyErr> {
    RAISED.take()
}

fn interrupted() -> bool {
    let raised = Python::try_attach(|py| py.check_signals().err()).flatten();
    let interrupted = raised.is_some();
    if interrupted {
        RAISED.set(raised);
    }
    interrupted
}

fn asleep(sleep: &mut dyn FnMut()) {
    struct Sleep<'a>(&'a mut dyn FnMut());

    // SAFETY: `detach` runs its closure on the thread that calls it; Send is asked for to keep Python objects out,
    // and the engine's sleep has none.
    unsafe impl Send for Sleep<'_> {}

    impl Sleep<'_> {
        fn run(&mut self) {
            (self.0)();
        }
    }

    let mut sleep = Sleep(sleep);
    // The interpreter cannot be attached to while it shuts down; this thread has nothing to give up then.
    if Python::try_attach(|py| py.detach(|| sleep.run())).is_none() {
        sleep.run();
    }
}
