//! The tree as rows: what is open in it, or what a search has found.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use structstore::path::{Path, Step};
use structstore::{ErrorKind, Item, Kind, List, Result, Struct};

/// How many rows a search finds at most.
const FOUND: usize = 10_000;
/// How many fields a search looks at: a damaged tree may seem to be almost without end.
const SEARCHED: usize = 10_000_000;

/// All rows there are.
pub(crate) enum Rows {
    Tree(Branch),
    Found(Vec<Path>),
}

/// A place in the tree, with its level.
pub(crate) struct Place {
    pub(crate) path: Path,
    pub(crate) level: usize,
    pub(crate) open: bool,
}

/// A struct or list that is open.
pub(crate) struct Branch {
    parts: Parts,
    open: BTreeMap<usize, Branch>,
    /// How many rows there are below.
    rows: usize,
    /// Whether all that is to be open could be read.
    whole: bool,
}

enum Parts {
    Fields { names: Vec<Arc<str>>, known: HashSet<Arc<str>> },
    Items(usize),
}

impl Parts {
    fn len(&self) -> usize {
        match self {
            Parts::Fields { names, .. } => names.len(),
            Parts::Items(count) => *count,
        }
    }

    fn step(&self, at: usize) -> Option<Step> {
        match self {
            Parts::Fields { names, .. } => names.get(at).map(|name| Step::from(&**name)),
            Parts::Items(count) => (at < *count).then(|| at.into()),
        }
    }
}

impl Rows {
    /// The rows of a tree in which some structs and lists are open, and whether all of these could be read.
    pub(crate) fn of_tree(root: &Struct, open: &HashSet<Path>) -> Result<(Rows, bool)> {
        let mut below: HashMap<Path, HashSet<Step>> = HashMap::new();
        for path in open {
            if let (Some(parent), Some(step)) = (path.parent(), path.steps().last()) {
                below.entry(parent).or_default().insert(step.clone());
            }
        }
        let root = Branch::of_struct(root, &Path::ROOT, &below)?;
        let is_whole = root.whole;
        Ok((Rows::Tree(root), is_whole))
    }

    /// The paths that contain a text.
    pub(crate) fn search(root: &Struct, text: &str) -> Result<(Rows, bool)> {
        let mut search = Search { text: text.to_lowercase(), found: Vec::new(), left: SEARCHED, whole: true };
        search.within_struct(root, &Path::ROOT)?;
        Ok((Rows::Found(search.found), search.whole))
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Rows::Tree(root) => root.rows,
            Rows::Found(paths) => paths.len(),
        }
    }

    /// The rows from one on.
    pub(crate) fn window(&self, from: usize, count: usize) -> Vec<Place> {
        match self {
            Rows::Tree(root) => {
                let mut places = Vec::new();
                root.window(&Path::ROOT, 0, &mut from.clone(), count, &mut places);
                places
            }
            Rows::Found(paths) => {
                let place = |path: &Path| Place { path: path.clone(), level: 0, open: false };
                paths.iter().skip(from).take(count).map(place).collect()
            }
        }
    }

    /// How many parts a struct or list has that is open.
    pub(crate) fn count(&self, path: &Path) -> Option<usize> {
        match self {
            Rows::Tree(root) => root.count(path.steps()),
            Rows::Found(_) => None,
        }
    }

    /// Whether a change there can have changed what rows there are: something that is shown has come or gone.
    pub(crate) fn is_affected(&self, changed: &Path) -> bool {
        match self {
            Rows::Tree(root) => root.is_affected(changed.steps()),
            Rows::Found(_) => true,
        }
    }
}

impl Branch {
    fn of_struct(found: &Struct, path: &Path, below: &HashMap<Path, HashSet<Step>>) -> Result<Branch> {
        let names: Vec<Arc<str>> = found.names()?.into_iter().map(Arc::from).collect();
        let known = names.iter().cloned().collect();
        let parts = Parts::Fields { names, known };
        Branch::new(parts, path, below, |step| match step {
            Step::Name(name) => found.find(&**name),
            Step::Index(_) => Ok(None),
        })
    }

    fn of_list(found: &List, path: &Path, below: &HashMap<Path, HashSet<Step>>) -> Result<Branch> {
        let parts = Parts::Items(found.len()?);
        Branch::new(parts, path, below, |step| match step {
            Step::Name(_) => Ok(None),
            Step::Index(index) => found.find(*index),
        })
    }

    /// What goes away meanwhile is not open, nor is what somebody holds.
    fn new(
        parts: Parts,
        path: &Path,
        below: &HashMap<Path, HashSet<Step>>,
        get: impl Fn(&Step) -> Result<Option<Item>>,
    ) -> Result<Branch> {
        let (mut open, mut whole) = (BTreeMap::new(), true);
        if let Some(wanted) = below.get(path) {
            let steps = (0..parts.len()).filter_map(|at| Some((at, parts.step(at)?)));
            for (at, step) in steps.filter(|(_, step)| wanted.contains(step)) {
                let path = path.then(step.clone());
                let branch = get(&step).and_then(|found| match found {
                    Some(Item::Struct(found)) => Branch::of_struct(&found, &path, below).map(Some),
                    Some(Item::List(found)) => Branch::of_list(&found, &path, below).map(Some),
                    _ => Ok(None),
                });
                match branch {
                    Err(error) if error.kind() == ErrorKind::StaleHandle => {}
                    Err(error) if error.kind() == ErrorKind::LockTimeout => whole = false,
                    branch => open.extend(branch?.map(|branch| (at, branch))),
                }
            }
        }
        let rows = open.values().map(|branch: &Branch| branch.rows).sum::<usize>() + parts.len();
        whole &= open.values().all(|branch| branch.whole);
        Ok(Branch { parts, open, rows, whole })
    }

    /// Adds up to `count` places, without the first `skip` rows.
    fn window(&self, path: &Path, level: usize, skip: &mut usize, count: usize, places: &mut Vec<Place>) {
        let mut at = 0;
        while at < self.parts.len() && places.len() < count {
            // In one step to the next part that is open, or to the window.
            let next = self.open.range(at..).next().map_or(self.parts.len(), |(next, _)| *next);
            let skipped = (*skip).min(next - at);
            (at, *skip) = (at + skipped, *skip - skipped);
            if at < self.parts.len()
                && let Some(step) = self.parts.step(at)
            {
                let (path, branch) = (path.then(step), self.open.get(&at));
                match skip {
                    0 => places.push(Place { path: path.clone(), level, open: branch.is_some() }),
                    _ => *skip -= 1,
                }
                match branch {
                    Some(branch) if *skip >= branch.rows => *skip -= branch.rows,
                    Some(branch) => branch.window(&path, level + 1, skip, count, places),
                    None => {}
                }
                at += 1;
            }
        }
    }

    fn is_affected(&self, changed: &[Step]) -> bool {
        let Some((step, rest)) = changed.split_first() else { return true };
        let is_known = match (&self.parts, step) {
            (Parts::Fields { known, .. }, Step::Name(name)) => known.contains(&**name),
            (Parts::Items(count), Step::Index(index)) => index < count,
            _ => false,
        };
        !is_known || self.below(step).is_some_and(|branch| branch.is_affected(rest))
    }

    fn count(&self, path: &[Step]) -> Option<usize> {
        match path.split_first() {
            None => Some(self.parts.len()),
            Some((step, rest)) => self.below(step)?.count(rest),
        }
    }

    /// What is open below.
    fn below(&self, step: &Step) -> Option<&Branch> {
        self.open
            .iter()
            .find(|(at, _)| self.parts.step(**at).as_ref() == Some(step))
            .map(|(_, branch)| branch)
    }
}

struct Search {
    text: String,
    found: Vec<Path>,
    left: usize,
    /// Whether all could be searched.
    whole: bool,
}

impl Search {
    fn within_struct(&mut self, part: &Struct, path: &Path) -> Result<()> {
        for name in part.names()? {
            let path = path.then(name.as_str());
            if !self.visit(&path) {
                return Ok(());
            }
            match part.kind(&*name) {
                Ok(Kind::Struct) => self.below(part.get::<Struct>(&*name).map(Item::Struct), &path),
                Ok(Kind::List) => self.below(part.get::<List>(&*name).map(Item::List), &path),
                _ => {}
            }
        }
        Ok(())
    }

    fn within_list(&mut self, part: &List, path: &Path) -> Result<()> {
        for index in 0..part.len()? {
            let path = path.then(index);
            if !self.visit(&path) {
                return Ok(());
            }
            match part.kind(index) {
                Ok(Kind::Struct) => self.below(part.get::<Struct>(index).map(Item::Struct), &path),
                Ok(Kind::List) => self.below(part.get::<List>(index).map(Item::List), &path),
                _ => {}
            }
        }
        Ok(())
    }

    /// What goes away meanwhile is not found, nor is what somebody holds.
    fn below(&mut self, part: Result<Item>, path: &Path) {
        let searched = match part {
            Ok(Item::Struct(part)) => self.within_struct(&part, path),
            Ok(Item::List(part)) => self.within_list(&part, path),
            other => other.map(drop),
        };
        self.whole &= !searched.is_err_and(|error| error.kind() == ErrorKind::LockTimeout);
    }

    /// Looks at a path. `false` if that was enough.
    fn visit(&mut self, path: &Path) -> bool {
        self.left = self.left.saturating_sub(1);
        if path.to_string().to_lowercase().contains(&self.text) {
            self.found.push(path.clone());
        }
        self.left > 0 && self.found.len() < FOUND
    }
}

#[cfg(test)]
mod tests {
    use structstore::{StructStore, Value};

    use super::*;

    fn store() -> StructStore {
        let store = StructStore::new();
        store.set("a", 1).unwrap();
        store.ensure_struct("b").unwrap().ensure_struct("c").unwrap().set("d", 1).unwrap();
        store.at("b").unwrap().set("e", 1).unwrap();
        store.set("items", Value::list([1, 2, 3])).unwrap();
        store.set("z", 1).unwrap();
        store
    }

    fn open(paths: &[&str]) -> HashSet<Path> {
        paths.iter().map(|path| path.parse().unwrap()).collect()
    }

    fn shown(rows: &Rows, from: usize, count: usize) -> Vec<String> {
        let mark = |place: &Place| if place.open { "-" } else { "" };
        let shown = |place: &Place| format!("{}{}{}", " ".repeat(place.level), place.path, mark(place));
        rows.window(from, count).iter().map(shown).collect()
    }

    #[test]
    fn windows_are_parts_of_all_rows() {
        let store = store();
        for paths in [&[][..], &["b"], &["b", "b.c", "items"], &["items", "missing", "a"], &["b.c"]] {
            let rows = Rows::of_tree(&store, &open(paths)).unwrap().0;
            let all = shown(&rows, 0, 100);
            assert_eq!(all.len(), rows.len());
            for from in 0..=all.len() {
                for count in 0..=all.len() - from {
                    assert_eq!(
                        shown(&rows, from, count),
                        all[from..from + count],
                        "{paths:?} {from} {count}"
                    );
                }
            }
        }
        let rows = Rows::of_tree(&store, &open(&["b", "b.c", "items"])).unwrap().0;
        assert_eq!(
            shown(&rows, 0, 100),
            ["a", "b-", " b.c-", "  b.c.d", " b.e", "items-", " items[0]", " items[1]", " items[2]", "z"]
        );
    }

    #[test]
    fn changes_of_values_leave_the_rows_as_they_are() {
        let store = store();
        let rows = Rows::of_tree(&store, &open(&["b", "items"])).unwrap().0;
        let affected = |path: &str| rows.is_affected(&path.parse().unwrap());
        for path in ["a", "b", "b.c", "b.c.d", "b.c.new", "b.e", "items[0]", "items[2]", "z"] {
            assert_eq!(affected(path), ["b", "items"].contains(&path), "{path}");
        }
        for path in ["", "new", "b.new", "items[3]"] {
            assert!(affected(path), "{path}");
        }
    }

    #[test]
    fn a_search_finds_what_is_anywhere() {
        let store = store();
        assert_eq!(shown(&Rows::search(&store, "C.D").unwrap().0, 0, 9), ["b.c.d"]);
        assert_eq!(shown(&Rows::search(&store, "items").unwrap().0, 0, 9).len(), 4);
        assert_eq!(Rows::search(&store, "nowhere").unwrap().0.len(), 0);
    }
}
