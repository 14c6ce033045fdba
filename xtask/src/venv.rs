use std::cell::Cell;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::step::{self, Result};
use crate::workspace::Workspace;

/// Names, for tests and benchmarks, a Python that can import structstore.
pub(crate) const PYTHON_FOR_TESTS: &str = "STRUCTSTORE_PYTHON";

const OLDEST: (u32, u32) = (3, 10);

/// The Python environment in the target directory, made and brought up to date on demand.
///
/// What it takes to make it is printed to standard error: standard output belongs to what runs in it.
pub(crate) struct Venv<'w> {
    pub(crate) workspace: &'w Workspace,
    dir: PathBuf,
    python: PathBuf,
    created: Cell<bool>,
    /// Whether [`wheel`](crate::wheel) has brought its wheel up to date.
    pub(crate) has_wheel: Cell<bool>,
    /// The profile of Cargo's that the wheel is built with.
    pub(crate) profile: &'static str,
}

impl<'w> Venv<'w> {
    pub(crate) fn new(workspace: &'w Workspace) -> Self {
        let dir = workspace.target.join("venv");
        let python = dir.join("bin/python");
        let (created, has_wheel) = (Cell::new(false), Cell::new(false));
        Venv { workspace, dir, python, created, has_wheel, profile: "tested" }
    }

    /// With a wheel as it is shipped, which takes longer to build.
    pub(crate) fn for_benchmarks(workspace: &'w Workspace) -> Self {
        Venv { profile: "release", ..Venv::new(workspace) }
    }

    /// The environment's interpreter, with nothing installed for sure.
    ///
    /// # Errors
    ///
    /// If there is no Python, it is too old, or it cannot make environments.
    pub(crate) fn python(&self) -> Result<&Path> {
        if !self.created.get() {
            self.create()?;
            self.created.set(true);
        }
        Ok(&self.python)
    }

    /// An environment of another name, with nothing installed for sure.
    pub(crate) fn another(&self, name: &str) -> Venv<'w> {
        let dir = self.workspace.target.join(name);
        Venv { python: dir.join("bin/python"), dir, ..Venv::new(self.workspace) }
    }

    /// $PATH with the commands of the environment first.
    ///
    /// # Errors
    ///
    /// Those of [`python`](Self::python), and for a path that $PATH cannot have.
    pub(crate) fn path(&self) -> Result<OsString> {
        self.python()?;
        let others = env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(self.dir.join("bin")).chain(env::split_paths(&others));
        Ok(env::join_paths(folders)?)
    }

    /// Installs what is not installed yet.
    ///
    /// # Errors
    ///
    /// If pip fails.
    pub(crate) fn pip_install<I>(&self, args: I) -> Result
    where
        I: IntoIterator<Item: AsRef<OsStr>>,
    {
        let mut pip = Command::new(self.python()?);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(args);
        step::run(pip.stdout(io::stderr()))
    }

    fn create(&self) -> Result {
        let base = env::var_os("PYTHON").unwrap_or_else(|| OsString::from("python3"));
        let identity = interpreter_identity(&base)?;
        // Written last, so that an interrupted start is made again; and compared, so that a new $PYTHON takes
        // effect.
        let stamp = self.dir.join("made-from");
        if self.python.exists() && fs::read_to_string(&stamp).is_ok_and(|made_from| made_from == identity) {
            return Ok(());
        }
        eprintln!("making {}", self.dir.display());
        step::run(Command::new(base).args(["-m", "venv", "--clear"]).arg(&self.dir).stdout(io::stderr()))?;
        fs::write(stamp, identity)?;
        Ok(())
    }

    pub(crate) fn requirements(&self) -> PathBuf {
        self.workspace.root.join("tests/python/requirements.txt")
    }

    pub(crate) fn install_requirements(&self) -> Result {
        let requirements = self.requirements();
        let wanted = fs::read_to_string(&requirements)
            .map_err(|error| format!("cannot read {}: {error}", requirements.display()))?;
        let stamp = self.dir.join("installed-requirements.txt");
        if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
            return Ok(());
        }
        eprintln!("installing the requirements of the Python tests");
        self.pip_install([OsStr::new("--requirement"), requirements.as_os_str()])?;
        fs::write(stamp, wanted)?;
        Ok(())
    }
}

/// Where `python` is and its version, after a check that this is new enough.
pub(crate) fn interpreter_identity(python: &OsStr) -> Result<String> {
    let shown = python.to_string_lossy();
    let print = "import sys; print(*sys.version_info[:3], sys.base_prefix)";
    let output = Command::new(python)
        .args(["-c", print])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot start {shown}: {error}; set PYTHON to a Python of {}", oldest()))?;
    if !output.status.success() {
        return Err(format!("{shown} ended with {} when asked for its version", output.status).into());
    }
    let identity = String::from_utf8_lossy(&output.stdout).into_owned();
    match version(&identity) {
        Some(version) if version >= OLDEST => Ok(identity),
        Some((major, minor)) => {
            Err(format!("{shown} is Python {major}.{minor}; set PYTHON to one of {}", oldest()).into())
        }
        None => Err(format!("{shown} does not answer like a Python: {identity:?}").into()),
    }
}

fn oldest() -> String {
    format!("{}.{} or later", OLDEST.0, OLDEST.1)
}

pub(crate) fn version(identity: &str) -> Option<(u32, u32)> {
    let mut words = identity.split_whitespace();
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        assert!(version("3 9 1 /usr") < Some(OLDEST));
        assert!(version("3 10 0 /usr") >= Some(OLDEST));
        assert_eq!(version("3.11.7"), None);
    }
}
