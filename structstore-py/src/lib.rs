//! The Python bindings of StructStore.
//!
//! Everything that is true of a store lives in the engine; here its values become Python objects and back
//! ([`value_in`], [`value_out`], [`array`]), its errors exceptions ([`error`]), and its waits give the GIL up
//! ([`gil`]). Python code never runs inside an operation of the engine: what is to be stored is converted first.

mod array;
mod attribute;
mod document;
mod error;
mod filling;
mod from_bytes;
mod gil;
mod inspecting;
mod lent;
mod list;
mod local;
mod lock;
mod meta;
mod names;
mod object;
mod paths;
mod pickling;
mod printing;
mod recording;
mod reserved;
mod serving;
mod shared;
mod statistics;
mod store;
mod stream;
mod tasks;
mod timeout;
mod transaction;
mod typed;
mod value_in;
mod value_out;
mod watch;

use pyo3::prelude::*;

/// The native half of the package `structstore`. `lent` and iterators of lists rely on the GIL, which an interpreter that can do
/// without then keeps.
#[pymodule(gil_used = true)]
mod _structstore {
    use super::*;

    #[pymodule_export]
    use super::{
        list::StructStoreList, lock::Lock, shared::StructStoreShared, statistics::Statistics,
        store::StructStore, transaction::Transaction, watch::Watch,
    };

    #[pymodule_export]
    use super::array::is_current;

    #[pymodule_export]
    use super::attribute::{Attribute, Laid};

    #[pymodule_export]
    use super::document::{from_json, from_yaml};

    #[pymodule_export]
    use super::from_bytes::FromBytes;

    #[pymodule_export]
    use super::printing::_png;

    #[pymodule_export]
    use super::inspecting::{locks, participants, reserve, usage};

    #[pymodule_export]
    use super::paths::{remove_at, set_at};

    #[pymodule_export]
    use super::meta::{_declare_field, _meta, reset, undeclare};

    #[pymodule_export]
    use super::filling::{Fill, Live, fill, is_live, live};

    #[pymodule_export]
    use super::stream::{Follow, Loan, Sample, Stream, StructStoreStream, wait};

    #[pymodule_export]
    use super::recording::{Recording, Run, read, record};

    #[pymodule_export]
    use super::serving::{_Page, _Server, _widget_script};

    #[pymodule_export]
    use super::error::_unmapped_errors;

    #[pymodule_export]
    use super::typed::{_declare, _join, _path, _pin, _plain, _version};

    /// Runs the command `structstore` with these arguments, the name of the program first. Returns the exit status.
    ///
    /// The process should do nothing else: signals get their default dispositions.
    #[pyfunction]
    #[pyo3(name = "_main")]
    fn main(py: Python<'_>, arguments: Vec<std::ffi::OsString>) -> u8 {
        py.detach(|| structstore_cli::main(arguments))
    }

    /// The names of the shared stores of this machine, sorted. Segments that cannot be read are included.
    ///
    ///     >>> shared = structstore.StructStoreShared("/shdata_store")
    ///     >>> "/shdata_store" in structstore.stores()
    ///     True
    ///     >>> shared.close()
    #[pyfunction]
    fn stores(py: Python<'_>) -> error::Result<Vec<String>> {
        Ok(py.detach(structstore::stores)?)
    }

    /// Removes the name of a shared store, or its file, whether the store is transient or persistent. Raises InUseError while a
    /// process has it open to change it, unless `force` is true. Processes that have it open then keep the memory, and their watches
    /// end. A store of another user is refused, unless `any_owner` is true.
    ///
    ///     >>> settings = structstore.StructStoreShared("/shdata_store", cleanup=structstore.CleanupMode.NEVER)
    ///     >>> settings.close()
    ///     >>> structstore.unlink("/shdata_store")
    ///     >>> "/shdata_store" in structstore.stores()
    ///     False
    #[pyfunction]
    #[pyo3(
        signature = (path, force=false, use_file=false, any_owner=false),
        text_signature = "(path, force=False, use_file=False, any_owner=False)"
    )]
    fn unlink(
        py: Python<'_>,
        path: std::path::PathBuf,
        force: bool,
        use_file: bool,
        any_owner: bool,
    ) -> error::Result<()> {
        let options = structstore::StructStoreShared::options().file(use_file).any_owner(any_owner);
        Ok(py.detach(|| if force { options.unlink_forced(path) } else { options.unlink(path) })?)
    }

    /// The names of orphans: transient stores that no living process has open. Killed processes leave them behind.
    #[pyfunction]
    fn orphans(py: Python<'_>) -> error::Result<Vec<String>> {
        Ok(py.detach(structstore::inspect::orphans)?)
    }

    /// Ends the stores that this process has open, as the end of the process does.
    #[pyfunction]
    #[pyo3(name = "_end")]
    fn end(py: Python<'_>) {
        py.detach(structstore::binding_support::end_process);
    }

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        gil::install_hooks();
        error::add_exceptions(module)?;
        shared::add_cleanup_mode(module)?;
        reserved::learn(module.py())?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
