//! The wheel of structstore, and environments that have it.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::page::Page;
use crate::step::{self, Result};
use crate::venv::{Venv, interpreter_identity, version};

impl<'w> Venv<'w> {
    /// The interpreter, with the requirements of the tests and structstore itself as it is now.
    ///
    /// # Errors
    ///
    /// Those of [`python`](Self::python), and whatever building and installing the wheel fails with.
    pub(crate) fn python_with_wheel(&self) -> Result<&Path> {
        self.python()?;
        if !self.has_wheel.get() {
            self.install_requirements()?;
            let wheel = self.build_wheel()?;
            self.pip_install([OsStr::new("--force-reinstall"), OsStr::new("--no-deps"), wheel.as_os_str()])?;
            self.has_wheel.set(true);
        }
        self.python()
    }

    /// An environment with the same wheel and the oldest NumPy that there is for its Python, of those that the package allows.
    ///
    /// # Errors
    ///
    /// Those of [`python_with_wheel`](Self::python_with_wheel).
    pub(crate) fn with_oldest_numpy(&self) -> Result<(Venv<'w>, &'static str)> {
        let base = self.python_with_wheel()?;
        let numpy = match version(&interpreter_identity(base.as_os_str())?) {
            Some((3, 10)) => "1.22.4",
            Some((3, 11)) => "1.23.2",
            Some((3, 12)) => "1.26.0",
            Some((3, 13)) => "2.1.0",
            _ => "2.3.2",
        };
        let oldest = self.another("venv-oldest");
        let requirements = self.requirements();
        let numpy_only = format!("numpy=={numpy}");
        let wanted = [OsStr::new("--requirement"), requirements.as_os_str(), OsStr::new(&numpy_only)];
        oldest.pip_install(wanted)?;
        let wheel = self.wheel()?;
        oldest.pip_install([OsStr::new("--force-reinstall"), OsStr::new("--no-deps"), wheel.as_os_str()])?;
        Ok((oldest, numpy))
    }

    fn build_wheel(&self) -> Result<PathBuf> {
        Page::new(self.workspace).build()?;
        let wheels = self.workspace.target.join("wheels");
        // Else wheels of earlier versions would be found beside the new one.
        match fs::remove_dir_all(&wheels) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let python = self.python()?;
        let mut maturin = Command::new(python);
        maturin.args(["-m", "maturin", "build", "--profile", self.profile, "--locked", "--out"]).arg(&wheels);
        maturin.arg("--interpreter").arg(python);
        maturin.arg("--manifest-path").arg(self.workspace.root.join("structstore-py/Cargo.toml"));
        maturin.current_dir(&self.workspace.root).env("CARGO_TARGET_DIR", &self.workspace.target);
        step::run(maturin.stdout(io::stderr()))?;

        self.wheel()
    }

    /// The wheel that was built.
    fn wheel(&self) -> Result<PathBuf> {
        let wheels = self.workspace.target.join("wheels");
        let mut found = fs::read_dir(&wheels)?.collect::<io::Result<Vec<_>>>()?;
        match (found.pop(), found.is_empty()) {
            (Some(wheel), true) => Ok(wheel.path()),
            _ => Err(format!("expected one wheel in {}", wheels.display()).into()),
        }
    }
}
