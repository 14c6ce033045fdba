//! Releasing: what RELEASING.md says, by one command.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::licences;
use crate::page::Page;
use crate::step::{self, Result, Steps};
use crate::venv::Venv;
use crate::workspace::Workspace;

/// The oldest C library that wheels are for.
const LIBC: &str = "manylinux_2_28";

const USAGE: &str = "usage: cargo xtask release [--dry-run] [--with FOLDER]";

/// What a release may publish.
struct Release<'w> {
    workspace: &'w Workspace,
    version: String,
    dry: bool,
    /// Where wheels for other platforms are.
    with: Option<PathBuf>,
    /// Where packages for PyPI go.
    dist: PathBuf,
}

/// Publishes all crates and the packages for Python; with `--dry-run`, does everything but that.
///
/// # Errors
///
/// If the tree is not what is to be released, or anything fails.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result {
    let (mut dry, mut with) = (false, None);
    let mut args = args.iter().map(String::as_str);
    while let Some(arg) = args.next() {
        match (arg, &mut args) {
            ("--dry-run", _) => dry = true,
            ("--with", rest) => with = Some(PathBuf::from(rest.next().ok_or(USAGE)?)),
            _ => return Err(USAGE.into()),
        }
    }
    let version = version(&fs::read_to_string(workspace.root.join("Cargo.toml"))?)?;
    let dist = workspace.target.join("dist");
    let release = Release { workspace, version, dry, with, dist };
    let mut steps = Steps::new();
    steps.run("tree", "what is released is committed, and the changelog has it", || release.check())?;
    steps.run("page", "the page of the live viewer", || Page::new(workspace).build())?;
    steps.run("python", "the wheels and the source distributions", || release.build())?;
    steps.run("check", "what PyPI would refuse", || release.check_python())?;
    steps.run("crates", "the crates", || release.publish_crates())?;
    steps.run("pypi", "the packages for Python", || release.publish_python())?;
    println!("{}", steps.summary());
    if dry {
        println!("nothing was published; {} is in {}", release.version, release.dist.display());
    }
    Ok(())
}

/// The version that all packages share.
fn version(manifest: &str) -> Result<String> {
    let section =
        manifest.split("[workspace.package]").nth(1).ok_or("Cargo.toml has no [workspace.package]")?;
    let line = section.lines().find_map(|line| line.strip_prefix("version = \""));
    line.and_then(|rest| rest.split('"').next())
        .map(str::to_owned)
        .ok_or_else(|| "Cargo.toml has no version".into())
}

/// What the changelog says first: a version, and when that was released.
fn newest(changelog: &str) -> Result<(String, String)> {
    let heading =
        changelog.lines().find_map(|line| line.strip_prefix("## ")).ok_or("CHANGELOG.md has no version")?;
    let (version, date) = heading.split_once(", ").ok_or("the newest version in CHANGELOG.md has no date")?;
    Ok((version.to_owned(), date.to_owned()))
}

impl Release<'_> {
    fn check(&self) -> Result {
        let mut complaints = Vec::new();
        let mut git = Command::new("git");
        let status = git.args(["status", "--porcelain"]).current_dir(&self.workspace.root).output();
        match status {
            Ok(output) if output.status.success() && output.stdout.is_empty() => {}
            Ok(output) if output.status.success() => {
                complaints.push("the tree has changes that are not committed".to_owned())
            }
            _ => complaints.push("this is no checkout of git".to_owned()),
        }
        let (version, date) = newest(&fs::read_to_string(self.workspace.root.join("CHANGELOG.md"))?)?;
        if version != self.version {
            complaints.push(format!("CHANGELOG.md begins with {version}, Cargo.toml has {}", self.version));
        }
        if date == "unreleased" {
            complaints.push(format!("CHANGELOG.md says that {version} is unreleased; give it the date"));
        }
        for complaint in &complaints {
            println!("before a release: {complaint}");
        }
        match complaints.first() {
            Some(complaint) if !self.dry => Err(complaint.clone().into()),
            _ => Ok(()),
        }
    }

    /// Everything that goes to PyPI.
    fn build(&self) -> Result {
        let _ = fs::remove_dir_all(&self.dist);
        let venv = Venv::new(self.workspace);
        venv.pip_install(["maturin>=1.9.4,<2", "wheel>=0.45", "ziglang"])?;
        for package in ["structstore-py", "structstore-mirror"] {
            let folder = self.workspace.root.join(package);
            let maturin = |command: &str| -> Result<Command> {
                let mut maturin = Command::new(venv.python()?);
                maturin.args(["-m", "maturin", command, "--out"]).arg(&self.dist).current_dir(&folder);
                Ok(maturin)
            };
            step::run(&mut maturin("sdist")?)?;
            // The dry run compiles what tests have compiled.
            if !self.dry || package == "structstore-py" {
                let profile = if self.dry { ["--profile", "tested"] } else { ["--profile", "release"] };
                let before = self.files()?;
                let mut build = maturin("build")?;
                build.arg("--locked").args(profile);
                if !self.dry {
                    // For older systems than this one.
                    build.args(["--zig", "--compatibility", LIBC]).env("PATH", venv.path()?);
                }
                step::run(&mut build)?;
                for wheel in self.files()?.iter().filter(|file| !before.contains(file)) {
                    self.add_licences(&venv, package, wheel)?;
                }
            }
        }
        let with = self.with.iter().map(fs::read_dir).collect::<std::io::Result<Vec<_>>>()?;
        for wheel in with.into_iter().flatten() {
            let wheel = wheel?.path();
            let name = wheel.file_name().unwrap_or_default().to_string_lossy();
            let packages =
                [("structstore_rs-", "structstore-py"), ("structstore_mirror-", "structstore-mirror")];
            let package = packages.iter().find(|(begins, _)| name.starts_with(begins));
            if let Some((_, package)) = package
                && name.contains(&format!("-{}-", self.version))
                && wheel.extension().is_some_and(|extension| extension == "whl")
            {
                self.add_licences(&venv, package, &wheel)?;
            }
        }
        for file in self.files()? {
            println!(
                "{:>9} bytes  {}",
                fs::metadata(&file)?.len(),
                file.file_name().unwrap_or_default().to_string_lossy()
            );
        }
        Ok(())
    }

    /// Puts the licences of what it is linked with into a wheel.
    fn add_licences(&self, venv: &Venv<'_>, package: &str, wheel: &Path) -> Result {
        let scratch = self.workspace.target.join("wheel");
        let _ = fs::remove_dir_all(&scratch);
        let tool = |arguments: &[&str], path: &Path| -> Result {
            let mut tool = Command::new(venv.python()?);
            tool.args(["-m", "wheel"]).args(arguments).arg(path);
            step::run(&mut tool)
        };
        tool(&["unpack", "--dest", &scratch.to_string_lossy()], wheel)?;
        let unpacked = only(&scratch, |_| true)?;
        let info = only(&unpacked, |name| name.ends_with(".dist-info"))?;
        fs::create_dir_all(info.join("licenses"))?;
        fs::write(info.join("licenses/THIRD-PARTY.txt"), licences::texts(self.workspace, package)?)?;
        tool(&["pack", "--dest-dir", &self.dist.to_string_lossy()], &unpacked)
    }

    fn files(&self) -> Result<Vec<PathBuf>> {
        let mut files: Vec<PathBuf> =
            fs::read_dir(&self.dist)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
        files.sort();
        Ok(files)
    }

    fn publish_crates(&self) -> Result {
        let mut cargo = self.workspace.cargo();
        // The page that is in the crate of the viewer is built, and not committed: the tree was looked at before.
        cargo.args(["publish", "--workspace", "--locked", "--allow-dirty"]);
        if self.dry {
            // Tests have compiled them; verifying would compile each once more.
            cargo.args(["--dry-run", "--no-verify"]);
        }
        step::run(cargo.current_dir(&self.workspace.root))
    }

    fn check_python(&self) -> Result {
        step::run(self.twine("check")?.arg("--strict"))
    }

    fn publish_python(&self) -> Result {
        if self.dry { Ok(()) } else { step::run(&mut self.twine("upload")?) }
    }

    fn twine(&self, command: &str) -> Result<Command> {
        let venv = Venv::new(self.workspace);
        venv.pip_install(["twine>=6"])?;
        let mut twine = Command::new(venv.python()?);
        twine.args(["-m", "twine", command]).args(self.files()?);
        Ok(twine)
    }
}

/// The one entry of a folder whose name fits.
fn only(folder: &Path, fits: impl Fn(&str) -> bool) -> Result<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| fits(&name.to_string_lossy())) {
            found.push(path);
        }
    }
    match found.pop() {
        Some(path) if found.is_empty() => Ok(path),
        _ => Err(format!("expected one entry of that kind in {}", folder.display()).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_says_which_version_it_is() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let version = version(&fs::read_to_string(root.join("Cargo.toml")).unwrap()).unwrap();
        assert_eq!(version, env!("CARGO_PKG_VERSION"));
        let (newest, _) = newest(&fs::read_to_string(root.join("CHANGELOG.md")).unwrap()).unwrap();
        assert_eq!(newest, version);
    }

    #[test]
    fn a_changelog_without_a_date_is_an_error() {
        assert_eq!(
            newest("# Changelog\n\n## 0.2.0, 2026-01-01\n").unwrap(),
            ("0.2.0".into(), "2026-01-01".into())
        );
        assert!(newest("# Changelog\n\n## 0.2.0\n").is_err() && newest("# Changelog\n").is_err());
        assert!(version("[workspace]\n").is_err());
    }
}
