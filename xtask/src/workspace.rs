use std::env;
use std::ffi::OsString;
use std::path::{self, PathBuf};
use std::process::Command;

use crate::step::Result;

/// Where the repository and its build products are, whatever the current directory is.
pub(crate) struct Workspace {
    /// The repository.
    pub(crate) root: PathBuf,
    /// Cargo's target directory, absolute.
    pub(crate) target: PathBuf,
}

impl Workspace {
    pub(crate) fn locate() -> Result<Self> {
        // The variable is right where the compiled-in path is not: in a repository that was moved.
        let xtask = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = PathBuf::from(xtask).join("..").canonicalize()?;
        let target = match env::var_os("CARGO_TARGET_DIR") {
            // Cargo resolves it against the current directory, which our children do not share.
            Some(target) => path::absolute(target)?,
            None => root.join("target"),
        };
        Ok(Workspace { root, target })
    }

    /// The cargo that runs us, to be run in the repository.
    pub(crate) fn cargo(&self) -> Command {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let mut command = Command::new(cargo);
        command.current_dir(&self.root).env("CARGO_TARGET_DIR", &self.target);
        command
    }
}
