//! Whether the modules of the core point one way: each uses only those that stand above it in ARCHITECTURE.md's table.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::step::Result;
use crate::workspace::Workspace;

/// Pairs of modules of which the first uses the second although it stands below, each with its reason. This list shrinks.
const EXCEPTIONS: [(&str, &str); 1] = [
    // The head of a node has the words that both need, side by side in one record.
    ("lock", "notice"),
];

/// Macros, which Rust puts at the crate's root, and the modules that have them.
const MACROS: [(&str, &str); 1] = [("for_each_number", "value")];

/// The root, and tests and documentation that stand outside of it.
const ROOT: [&str; 4] = ["lib", "tests", "cookbook", "safety"];

/// What ends the part of a file that is shipped.
const TESTS: &str = "#[cfg(test)]\nmod tests";

/// Fails with all uses that point the wrong way, all modules that the table lacks, and all exceptions that nobody needs.
pub(crate) fn check(workspace: &Workspace) -> Result {
    let source = workspace.root.join("structstore-core/src");
    let table = fs::read_to_string(workspace.root.join("ARCHITECTURE.md"))?;
    let order = modules(&table);
    let rank: HashMap<&str, usize> =
        order.iter().enumerate().map(|(rank, module)| (module.as_str(), rank)).collect();
    let mut wrong = Vec::new();
    let mut excepted = Vec::new();
    for file in files(&source)? {
        let name = file.strip_prefix(&source)?;
        let module = module_of(name);
        if ROOT.contains(&module.as_str()) {
            continue;
        }
        let Some(own) = rank.get(module.as_str()) else {
            wrong.push(format!("{}: the table has no module {module:?}", name.display()));
            continue;
        };
        for (line, used) in uses(&fs::read_to_string(&file)?) {
            let used = MACROS
                .iter()
                .find(|(name, _)| *name == used)
                .map_or(used, |(_, module)| (*module).to_owned());
            match rank.get(used.as_str()) {
                Some(other) if other <= own => {}
                Some(_) if EXCEPTIONS.contains(&(module.as_str(), used.as_str())) => {
                    excepted.push((module.clone(), used));
                }
                Some(_) => {
                    wrong.push(format!(
                        "{}:{line}: {module} uses {used}, which stands below it",
                        name.display()
                    ));
                }
                None => wrong.push(format!("{}:{line}: `crate::{used}` names no module", name.display())),
            }
        }
    }
    for (module, used) in EXCEPTIONS {
        if !excepted.iter().any(|(a, b)| (a.as_str(), b.as_str()) == (module, used)) {
            wrong.push(format!("{module} does not use {used}: the exception can go"));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
}

/// The modules in the table of the code map, in order: rows that begin with a name and no path.
fn modules(architecture: &str) -> Vec<String> {
    let map = architecture.split("\n## ").find(|section| section.starts_with("Code map")).unwrap_or_default();
    let rows = map.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    rows.map(|(name, _)| name.to_owned()).filter(|name| !name.contains('/')).collect()
}

/// Rust files, below a directory.
fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The module at the top that a file is part of.
fn module_of(file: &Path) -> String {
    let first = file.iter().next().unwrap_or_default().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// Each `crate::` of code that is shipped: the line, and the name behind it.
fn uses(source: &str) -> Vec<(usize, String)> {
    let shipped = source.split(TESTS).next().unwrap_or_default();
    let mut found = Vec::new();
    let mut before = "";
    for (number, line) in (1..).zip(shipped.lines()) {
        let for_docs = before.trim() == "#[cfg(doc)]";
        before = line;
        if for_docs || line.trim_start().starts_with("//") {
            continue;
        }
        // `$crate` is the crate's root as macros name it.
        for (at, _) in line.match_indices("crate::") {
            if !line[..at].ends_with(|c: char| c.is_alphanumeric() || "_$".contains(c)) {
                let rest = &line[at + "crate::".len()..];
                let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                found.push((number, name));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_are_found_where_code_has_them() {
        let source = "//! See [`x`](crate::lock).\n#[cfg(doc)]\nuse crate::arena::Arena;\nuse crate::{node, value};\n\
            pub(crate) fn f() { crate::key::new() }\n$crate::Key\n#[cfg(test)]\nmod tests { use crate::store; }\n";
        assert_eq!(uses(source), [(4, String::new()), (5, "key".to_owned())]);
    }

    #[test]
    fn the_table_is_read_in_its_order() {
        let text = "# A\n## Code map\n| `sync` | x |\n| `error/` and | y |\n| `lock` | z |\n## Locks\n| `late` | |\n";
        assert_eq!(modules(text), ["sync", "lock"]);
    }
}
