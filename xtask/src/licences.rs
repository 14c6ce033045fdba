//! The licence texts of what a package links: most ask to come along with it.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::path::PathBuf;

use crate::step::Result;
use crate::workspace::Workspace;

/// What names of files with licences begin with.
const NAMES: [&str; 5] = ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE"];

/// The licences of all crates that a package of this workspace is linked with, of which the registry has the sources here.
///
/// # Errors
///
/// If cargo does not say which crates these are, or their sources are not here.
pub(crate) fn texts(workspace: &Workspace, package: &str) -> Result<String> {
    let mut cargo = workspace.cargo();
    cargo.args(["tree", "--locked", "--package", package, "--edges", "normal", "--prefix", "none"]);
    let output = cargo.args(["--format", "{p}|{l}"]).current_dir(&workspace.root).output()?;
    if !output.status.success() {
        return Err(format!("cargo tree: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let tree = String::from_utf8(output.stdout)?;
    let sources = sources()?;
    let crates: BTreeSet<(&str, &str, &str)> = tree.lines().filter_map(parse).collect();
    // Most have one of few texts.
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut text = format!("{package} is linked with these crates:\n\n");
    for (name, version, licence) in crates {
        let folder =
            sources.iter().map(|folder| folder.join(format!("{name}-{version}"))).find(|path| path.exists());
        let folder =
            folder.ok_or_else(|| format!("the sources of {name} {version} are not in cargo's registry"))?;
        text += &format!("{name} {version}: {licence}\n");
        let mut files: Vec<PathBuf> =
            fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
        files.sort();
        let is_licence = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().to_uppercase();
            path.is_file() && NAMES.iter().any(|start| name.starts_with(start))
        };
        for file in files.iter().filter(|path| is_licence(path)) {
            let found = String::from_utf8_lossy(&fs::read(file)?).trim().to_owned();
            texts.entry(found).or_default().push(name.to_owned());
        }
    }
    for (found, crates) in texts {
        text += &format!("\n{}\nOf {}:\n\n{found}\n", "=".repeat(78), crates.join(", "));
    }
    Ok(text)
}

/// Name, version and licence of a crate of the registry: one of this workspace has a path as well.
fn parse(line: &str) -> Option<(&str, &str, &str)> {
    let (package, licence) = line.split_once('|')?;
    let (name, rest) = package.split_once(" v")?;
    let version = rest.split(' ').next()?;
    let own = rest.contains("(/");
    (!own).then_some((name, version, licence.trim_end_matches(" (*)").trim()))
}

/// Where cargo keeps the sources of crates.
fn sources() -> Result<Vec<PathBuf>> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home
        .or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")))
        .ok_or("no $CARGO_HOME and no $HOME")?;
    fs::read_dir(home.join("registry/src"))?.map(|entry| Ok(entry?.path())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_of_the_registry_are_told_from_those_of_the_workspace() {
        assert_eq!(parse("clap v4.5.1|MIT OR Apache-2.0 (*)"), Some(("clap", "4.5.1", "MIT OR Apache-2.0")));
        assert_eq!(parse("serde_derive v1.0.1 (proc-macro)|MIT"), Some(("serde_derive", "1.0.1", "MIT")));
        assert_eq!(parse("structstore-core v0.2.0 (/a/b)|BSD-3-Clause"), None);
    }
}
