//! Whether modules point one way. In no crate do they form a cycle, and those of the core use only what stands above them in
//! ARCHITECTURE.md's table.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};

use crate::step::Result;
use crate::workspace::Workspace;

/// The crate whose modules are in the table.
const CORE: &str = "structstore-core";

/// Modules of a crate that use each other all the same, each group with its reason. This list shrinks.
const KNOTS: [(&str, &[&str]); 2] = [
    // The head of a node has the words that both need, side by side in one record.
    (CORE, &["lock", "notice"]),
    // Classes of Python make each other: a struct returns lists, arrays and streams, and takes them, and has methods for all else.
    (
        "structstore-py",
        &[
            "array",
            "attribute",
            "document",
            "filling",
            "from_bytes",
            "list",
            "lock",
            "meta",
            "object",
            "printing",
            "reserved",
            "shared",
            "store",
            "stream",
            "value_in",
            "value_out",
        ],
    ),
];

/// Macros, which Rust puts at the crate's root, and the modules that have them.
const MACROS: [(&str, &str); 1] = [("for_each_number", "value")];

/// The roots of crates, and tests and documentation that stand outside of them.
const ROOT: [&str; 5] = ["lib", "main", "tests", "cookbook", "safety"];

/// What ends the part of a file that is shipped.
const TESTS: &str = "#[cfg(test)]\nmod tests";

/// Fails with all uses that point the wrong way, all modules that the table lacks, and all exceptions that nobody needs.
pub(crate) fn check(workspace: &Workspace) -> Result {
    let table = fs::read_to_string(workspace.root.join("ARCHITECTURE.md"))?;
    let mut wrong = Vec::new();
    for name in crates(&workspace.root)? {
        let found = Crate::read(&workspace.root, name)?;
        wrong.extend(found.strangers());
        if found.name == CORE {
            wrong.extend(found.against(&modules(&table)));
        }
        wrong.extend(found.cycles(&found.exceptions()));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
}

/// What the modules at the top of a crate use of each other.
struct Crate {
    name: String,
    modules: BTreeSet<String>,
    uses: Vec<Use>,
}

/// A line in which one module uses another, or itself.
struct Use {
    /// The file and the line.
    place: String,
    module: String,
    used: String,
}

impl Crate {
    fn new(name: String) -> Crate {
        Crate { name, modules: BTreeSet::new(), uses: Vec::new() }
    }

    fn read(root: &Path, name: String) -> Result<Crate> {
        let source = root.join(&name).join("src");
        let mut read = Crate::new(name);
        for file in files(&source)? {
            read.add(file.strip_prefix(&source)?, &fs::read_to_string(&file)?);
        }
        Ok(read)
    }

    fn add(&mut self, file: &Path, source: &str) {
        let module = module_of(file);
        if ROOT.contains(&module.as_str()) {
            return;
        }
        for (line, used) in uses(source, depth_of(file)) {
            let macro_of = MACROS.iter().find(|(name, _)| *name == used);
            let used = macro_of.map_or(used, |(_, module)| (*module).to_owned());
            let place = format!("{}/src/{}:{line}", self.name, file.display());
            self.uses.push(Use { place, module: module.clone(), used });
        }
        self.modules.insert(module);
    }

    fn exceptions(&self) -> Vec<&'static [&'static str]> {
        KNOTS.iter().filter(|(name, _)| *name == self.name).map(|(_, knot)| *knot).collect()
    }

    /// Uses of what is no module.
    fn strangers(&self) -> Vec<String> {
        let strange = self.uses.iter().filter(|one| !self.modules.contains(&one.used));
        strange.map(|one| format!("{}: `crate::{}` names no module", one.place, one.used)).collect()
    }

    /// What does not go by the order of a table.
    fn against(&self, order: &[String]) -> Vec<String> {
        let rank: HashMap<&str, usize> =
            order.iter().enumerate().map(|(rank, module)| (module.as_str(), rank)).collect();
        let missing = self.modules.iter().filter(|module| !rank.contains_key(module.as_str()));
        let mut wrong: Vec<String> =
            missing.map(|module| format!("{}: the table has no module {module:?}", self.name)).collect();
        let exceptions = self.exceptions();
        for Use { place, module, used } in &self.uses {
            let (module, used) = (module.as_str(), used.as_str());
            let ranks = (rank.get(module), rank.get(used));
            let is_below = matches!(ranks, (Some(own), Some(other)) if own < other);
            if is_below && !exceptions.iter().any(|knot| knot.contains(&module) && knot.contains(&used)) {
                wrong.push(format!("{place}: {module} uses {used}, which stands below it"));
            }
        }
        wrong
    }

    /// Cycles beyond those that are excepted, and exceptions that nobody needs.
    fn cycles(&self, exceptions: &[&[&str]]) -> Vec<String> {
        let used = self.used();
        let knots = knots(&used);
        let mut wrong = Vec::new();
        for knot in &knots {
            let excepted = exceptions.iter().find(|excepted| excepted.iter().any(|one| knot.contains(one)));
            let further = knot.iter().find(|one| !excepted.is_some_and(|excepted| excepted.contains(one)));
            if let Some(module) = further {
                wrong.push(format!(
                    "{}: modules use each other{}",
                    self.name,
                    self.told(&cycle(module, &used))
                ));
            }
        }
        for module in exceptions.iter().copied().flatten() {
            if !knots.iter().any(|knot| knot.contains(module)) {
                wrong.push(format!("{}: {module} is in no cycle: the exception can go", self.name));
            }
        }
        wrong
    }

    /// What each module uses of others.
    fn used(&self) -> Used<'_> {
        let mut all = Used::new();
        for Use { module, used, .. } in &self.uses {
            if module != used && self.modules.contains(used) {
                all.entry(module).or_default().insert(used);
            }
        }
        all
    }

    /// A line for each step of a cycle, with all places that make it.
    fn told(&self, cycle: &[&str]) -> String {
        let steps = cycle.iter().zip(cycle.iter().skip(1)).map(|(module, used)| {
            let made = self.uses.iter().filter(|one| one.module == *module && one.used == *used);
            let places: Vec<&str> = made.map(|one| one.place.as_str()).collect();
            format!("\n  {module} uses {used}: {}", places.join(", "))
        });
        steps.collect()
    }
}

type Used<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

/// The groups of modules that use each other, directly or by way of others.
fn knots<'a>(used: &Used<'a>) -> Vec<BTreeSet<&'a str>> {
    let all: Used<'a> = used.keys().copied().map(|module| (module, reached(module, used))).collect();
    let mut knots = Vec::new();
    for (module, others) in &all {
        let leads_back = |other: &&str| all.get(*other).is_some_and(|others| others.contains(*module));
        let knot: BTreeSet<&str> = others.iter().copied().filter(leads_back).collect();
        if knot.contains(*module) && !knots.contains(&knot) {
            knots.push(knot);
        }
    }
    knots
}

/// What a module uses, directly or by way of others.
fn reached<'a>(module: &'a str, used: &Used<'a>) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut left = vec![module];
    while let Some(module) = left.pop() {
        let others = used.get(module).into_iter().flatten();
        left.extend(others.copied().filter(|other| found.insert(*other)));
    }
    found
}

/// The shortest way from a module back to it, which is its first and its last; empty if there is none.
fn cycle<'a>(start: &'a str, used: &Used<'a>) -> Vec<&'a str> {
    let mut before: BTreeMap<&str, &str> = BTreeMap::new();
    let mut left = VecDeque::from([start]);
    while let Some(module) = left.pop_front() {
        for other in used.get(module).into_iter().flatten().copied() {
            if other == start {
                let mut way = vec![start, module];
                while let Some(earlier) = way.last().and_then(|module| before.get(module)) {
                    way.push(earlier);
                }
                way.reverse();
                return way;
            }
            if let Entry::Vacant(vacant) = before.entry(other) {
                vacant.insert(module);
                left.push_back(other);
            }
        }
    }
    Vec::new()
}

/// The modules in the table of the code map, in order: rows that begin with a name and no path.
fn modules(architecture: &str) -> Vec<String> {
    let map = architecture.split("\n## ").find(|section| section.starts_with("Code map")).unwrap_or_default();
    let rows = map.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    rows.map(|(name, _)| name.to_owned()).filter(|name| !name.contains('/')).collect()
}

/// The folders of the crates that are checked.
fn crates(root: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if (name.starts_with("structstore-") || name == "xtask") && entry.path().join("src").is_dir() {
            found.push(name);
        }
    }
    found.sort();
    Ok(found)
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

/// How many steps lead from a file's module up to the crate's root.
fn depth_of(file: &Path) -> usize {
    let is_folder = file.file_name().is_some_and(|name| name == "mod.rs");
    file.iter().count() - usize::from(is_folder)
}

/// Each module that shipped code names, with its line: behind `crate::`, or behind as many `super::` as lead to the root from a
/// file of this depth.
fn uses(source: &str, depth: usize) -> Vec<(usize, String)> {
    let code = shipped(source);
    let mut paths = Vec::new();
    for (at, root) in code.match_indices("crate::") {
        // `$crate` is the crate's root as macros name it. Messages have quoted paths.
        if !code[..at].ends_with(|c: char| is_word(c) || "$`\"".contains(c)) {
            paths.push(at + root.len());
        }
    }
    let up = "super::".repeat(depth);
    for (at, _) in code.match_indices("super::") {
        // Within a module of the file, which is indented, it leads elsewhere.
        let line = code[..at].rfind('\n').map_or(0, |end| end + 1);
        let is_use = ["use ", "pub use ", "pub(crate) use "].contains(&&code[line..at]);
        let behind = code[at..].strip_prefix(up.as_str()).filter(|behind| !behind.starts_with("super::"));
        if is_use && behind.is_some() {
            paths.push(at + up.len());
        }
    }
    paths.sort_unstable();
    let mut found = Vec::new();
    for path in paths {
        for (at, name) in names(&code[path..]) {
            found.push((line_of(&code, path + at), name.to_owned()));
        }
    }
    found
}

/// A file without comments, what only its documentation uses, and tests; with all of its lines, which may be empty.
fn shipped(source: &str) -> String {
    let shipped = source.split(TESTS).next().unwrap_or_default();
    let (mut code, mut before) = (String::new(), "");
    for line in shipped.lines() {
        let for_docs = before.trim() == "#[cfg(doc)]";
        before = line;
        if !for_docs && !line.trim_start().starts_with("//") {
            code += line;
        }
        code.push('\n');
    }
    code
}

/// The first name of a path, or of each path in braces, and where it begins.
fn names(path: &str) -> Vec<(usize, &str)> {
    if !path.starts_with('{') {
        return vec![(0, name(path))];
    }
    let (mut found, mut depth, mut begins) = (Vec::new(), 0, true);
    for (at, c) in path.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => break,
            '}' => depth -= 1,
            ',' if depth == 1 => begins = true,
            _ if begins && is_word(c) => {
                found.push((at, name(&path[at..])));
                begins = false;
            }
            _ => {}
        }
    }
    found
}

/// The name that a path begins with.
fn name(path: &str) -> &str {
    &path[..path.find(|c: char| !is_word(c)).unwrap_or(path.len())]
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn line_of(code: &str, at: usize) -> usize {
    code[..at].matches('\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[(usize, &str)]) -> Vec<(usize, String)> {
        names.iter().map(|(line, name)| (*line, (*name).to_owned())).collect()
    }

    /// A crate of files with their sources.
    fn of(files: &[(&str, &str)]) -> Crate {
        let mut made = Crate::new("made".to_owned());
        files.iter().for_each(|(file, source)| made.add(Path::new(file), source));
        made
    }

    #[test]
    fn uses_are_found_where_code_has_them() {
        let source = "//! See [`x`](crate::lock).\n#[cfg(doc)]\nuse crate::arena::Arena;\nuse crate::{node, value};\n\
            pub(crate) fn f() { crate::key::new(\"`crate::no`\") }\n$crate::Key\n#[cfg(test)]\nmod tests { use crate::store; }\n";
        assert_eq!(uses(source, 1), named(&[(4, "node"), (4, "value"), (5, "key")]));
    }

    #[test]
    fn lists_in_braces_are_read() {
        let source = "use crate::{\n    node::{self, List, read::{all, one}},\n    value,\n    // crate::key\n    \
            error::Error,\n};\nuse crate::wait::{Wait, far};\nuse crate::late;\n";
        assert_eq!(
            uses(source, 1),
            named(&[(2, "node"), (3, "value"), (5, "error"), (7, "wait"), (8, "late")])
        );
    }

    #[test]
    fn parents_are_followed_to_the_root() {
        let source = "use super::super::{a, b};\nuse super::near;\n    use super::super::within;\npub(crate) use super::super::c::C;\n";
        assert_eq!(depth_of(Path::new("folder/file.rs")), 2);
        assert_eq!(uses(source, 2), named(&[(1, "a"), (1, "b"), (4, "c")]));
        assert_eq!(depth_of(Path::new("folder/mod.rs")), 1);
        assert_eq!(uses("use super::a;\nuse super::super::b;\n", 1), named(&[(1, "a")]));
    }

    #[test]
    fn cycles_are_found() {
        let made = of(&[
            ("lib.rs", "use crate::{a, b};"),
            ("a.rs", "use crate::{b, d};"),
            ("b/mod.rs", "mod inner;"),
            ("b/inner.rs", "use crate::c::C;\nuse crate::b::B;"),
            ("c.rs", "use crate::d;\n\nfn f() { crate::a::g() }\nuse crate::a::A;"),
            ("d.rs", "use crate::e;"),
            ("e.rs", ""),
        ]);
        let told = "made: modules use each other\n  a uses b: made/src/a.rs:1\n  b uses c: made/src/b/inner.rs:1\n  \
            c uses a: made/src/c.rs:3, made/src/c.rs:4";
        assert_eq!(made.cycles(&[]), [told]);
        assert_eq!(
            of(&[("a.rs", "use crate::{b, c};"), ("b.rs", "use crate::c;"), ("c.rs", "")]).cycles(&[]).len(),
            0
        );
        assert_eq!(made.strangers().len(), 0);
        assert_eq!(
            of(&[("a.rs", "use crate::A;")]).strangers(),
            ["made/src/a.rs:1: `crate::A` names no module"]
        );
    }

    #[test]
    fn exceptions_are_for_those_who_need_them() {
        let files = [
            ("a.rs", "use crate::b;"),
            ("b.rs", "use crate::{a, c};"),
            ("c.rs", "use crate::b;"),
            ("d.rs", ""),
        ];
        let made = of(&files);
        assert_eq!(made.cycles(&[&["a", "b", "c"]]).len(), 0);
        // Of a cycle that grows, the part that is new is told.
        let told = "made: modules use each other\n  c uses b: made/src/c.rs:1\n  b uses c: made/src/b.rs:1";
        assert_eq!(made.cycles(&[&["a", "b"]]), [told]);
        assert_eq!(made.cycles(&[&["a", "b", "c", "d"]]), ["made: d is in no cycle: the exception can go"]);
    }

    #[test]
    fn modules_use_what_stands_above_them() {
        let made = of(&[("a.rs", "use crate::b;"), ("b.rs", "use crate::b;"), ("c.rs", "use crate::a;")]);
        let order = |modules: &[&str]| modules.iter().map(|module| (*module).to_owned()).collect::<Vec<_>>();
        assert_eq!(made.against(&order(&["b", "a", "c"])).len(), 0);
        let wrong = made.against(&order(&["a", "b"]));
        assert_eq!(
            wrong,
            ["made: the table has no module \"c\"", "made/src/a.rs:1: a uses b, which stands below it"]
        );
    }

    #[test]
    fn the_table_is_read_in_its_order() {
        let text = "# A\n## Code map\n| `sync` | x |\n| `error/` and | y |\n| `lock` | z |\n## Locks\n| `late` | |\n";
        assert_eq!(modules(text), ["sync", "lock"]);
    }
}
