//! The live viewer: a server in a thread of this process, and pages in notebooks.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use structstore::path::Path;
use structstore_serve::{Options, Out, Page, Server, Source, Viewer};

use crate::error::Result;
use crate::store::StructStore;
use crate::timeout::duration;

/// How long to wait for a page that ends.
const PATIENCE: Duration = Duration::from_millis(200);

/// A server that runs until it is stopped.
#[pyclass(frozen, module = "structstore._structstore")]
pub(crate) struct _Server {
    /// Gone when it was stopped.
    server: Mutex<Option<Server>>,
    /// The address of the page.
    #[pyo3(get)]
    url: String,
}

#[pymethods]
impl _Server {
    #[new]
    #[pyo3(signature = (store, name, writable, rate, listen, insecure))]
    fn new(
        py: Python<'_>,
        store: Option<&Bound<'_, StructStore>>,
        name: String,
        writable: Vec<String>,
        rate: f64,
        listen: Option<String>,
        insecure: bool,
    ) -> Result<_Server> {
        let source = store.map(|store| source(store, name)).transpose()?;
        let mut options = options(&writable, rate)?.insecure(insecure);
        if let Some(listen) = listen {
            options = options.listen(address(&listen)?);
        }
        let started = py.detach(|| Server::start(source, &options));
        let server = started.map_err(|failure| match failure {
            structstore_serve::Failure::Insecure(_) => PyValueError::new_err(format!("listen: {failure}")),
            _ => PyOSError::new_err(failure.to_string()),
        })?;
        let url = server.url().to_owned();
        Ok(_Server { server: Mutex::new(Some(server)), url })
    }

    /// Stops the server, and waits until it has released the store.
    fn stop(&self, py: Python<'_>) {
        let server = self.server.lock().unwrap_or_else(PoisonError::into_inner).take();
        py.detach(|| server.map(Server::stop));
    }

    #[getter]
    fn running(&self) -> bool {
        self.server.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}

/// A page whose messages Python carries.
#[pyclass(frozen, module = "structstore._structstore")]
pub(crate) struct _Page {
    viewer: Viewer,
    page: Page,
    closed: AtomicBool,
}

#[pymethods]
impl _Page {
    #[new]
    fn new(store: &Bound<'_, StructStore>, name: String, writable: Vec<String>, rate: f64) -> Result<_Page> {
        let viewer = Viewer::new(source(store, name)?, &options(&writable, rate)?).map_err(PyErr::from)?;
        let page = viewer.page().map_err(PyErr::from)?;
        Ok(_Page { viewer, page, closed: AtomicBool::new(false) })
    }

    /// Passes on a message of the page.
    fn send(&self, text: String) {
        self.page.send(text);
    }

    /// The next message for the page, as a string or bytes; `None` if there is none within the timeout, or if the page was closed.
    fn receive<'py>(&self, py: Python<'py>, timeout: f64) -> Result<Option<Bound<'py, PyAny>>> {
        let timeout = duration(py, timeout)?;
        Ok(py.detach(|| self.page.receive(timeout)).map(|out| match out {
            Out::Text(text) => PyString::new(py, &text).into_any(),
            Out::Binary(bytes) => PyBytes::new(py, &bytes).into_any(),
        }))
    }

    /// Ends it.
    fn close(&self, py: Python<'_>) {
        self.closed.store(true, Ordering::SeqCst);
        py.detach(|| {
            self.page.close();
            self.viewer.stop(PATIENCE);
        });
    }

    #[getter]
    fn closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }
}

/// The script of the page for notebooks, if it was built.
#[pyfunction]
pub(crate) fn _widget_script() -> Option<&'static str> {
    structstore_serve::widget().and_then(|script| str::from_utf8(script).ok())
}

/// What is served: the root of a shared store by its name, so that it is found again, and everything else as it is.
fn source(store: &Bound<'_, StructStore>, name: String) -> Result<Source> {
    let store = store.get();
    match store.shared().and_then(|shared| shared.by_name()) {
        Some((place, file, any_owner)) => Ok(Source::Shared { place, file, any_owner }),
        None => Ok(Source::Store { part: store.root()?.into_owned(), name }),
    }
}

fn options(writable: &[String], rate: f64) -> Result<Options> {
    let paths = writable.iter().map(|path| path.parse()).collect::<structstore::Result<Vec<Path>>>()?;
    Ok(Options::new().rate(rate).writable(paths).formats(structstore_cli::FORMATS))
}

/// An address with a port, or without one.
fn address(text: &str) -> PyResult<SocketAddr> {
    let plain = || text.parse::<IpAddr>().map(|address| SocketAddr::new(address, 0));
    text.parse().or_else(|_| plain()).map_err(|_| {
        PyValueError::new_err(format!("listen: found {text:?}, expected an address such as '127.0.0.1:8080'"))
    })
}
