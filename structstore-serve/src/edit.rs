//! Changes that the page makes: all or nothing, and only where nothing else has changed meanwhile.

use std::time::Duration;

use serde_json::{Value as Json, json};
use structstore::path::{Path, Step};
use structstore::{Error, ErrorKind, Kind, Struct, Value};

use crate::message::{Change, Text};
use crate::source::Source;
use crate::text;

/// How long a change waits for a lock.
const PATIENCE: Duration = Duration::from_secs(1);

/// Why nothing was changed.
pub(crate) struct Refusal {
    path: Path,
    error: String,
    /// What is there in place of what was seen.
    now: Option<String>,
}

impl Refusal {
    pub(crate) fn new(path: &Path, error: impl ToString) -> Refusal {
        Refusal { path: path.clone(), error: error.to_string(), now: None }
    }

    pub(crate) fn message(&self, id: u64) -> Json {
        json!({
            "type": "refused", "id": id, "error": self.error, "path": self.path.to_string(), "conflict": self.now.is_some(),
            "now": self.now,
        })
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        Refusal::new(&error.path().cloned().unwrap_or_default(), error)
    }
}

/// What pages may change.
#[derive(Clone, Default)]
pub(crate) struct Rights(Vec<Path>);

impl Rights {
    pub(crate) fn new(paths: Vec<Path>) -> Rights {
        Rights(paths)
    }

    pub(crate) fn paths(&self) -> Vec<String> {
        self.0.iter().map(Path::to_string).collect()
    }

    pub(crate) fn allow(&self, path: &Path) -> bool {
        self.0.iter().any(|allowed| path.starts_with(allowed))
    }

    /// Fails where nothing may be changed.
    pub(crate) fn check(&self, text: &Text) -> Result<(), Refusal> {
        let path = &text.0;
        if let Some(error) = &text.1 {
            return Err(Refusal::new(path, error));
        }
        if self.allow(path) {
            return Ok(());
        }
        let what = if path.is_root() { "the whole store".to_owned() } else { path.to_string() };
        Err(Refusal::new(path, format!("{what} may not be changed here: it is not below a path of --write")))
    }
}

/// Assigns values, in one transaction on the struct that has them all.
pub(crate) fn set(
    source: &Source,
    rights: &Rights,
    changes: &[Change],
    is_over: impl Fn() -> bool,
) -> Result<(), Refusal> {
    for change in changes {
        rights.check(&change.path)?;
    }
    let opened = source.change()?;
    for change in changes {
        refuse_read_only(opened.root(), &change.path.0, None)?;
    }
    let (part, above) = common(opened.root(), changes)?;
    part.within(PATIENCE).transaction(|part| {
        // It may have waited for the lock.
        if is_over() {
            return Err(Refusal::new(&Path::ROOT, "the viewer was closed"));
        }
        let mut values = Vec::with_capacity(changes.len());
        for change in changes {
            let path: Path = change.path.0.steps().iter().skip(above).cloned().collect();
            let inner = path.to_string();
            let refuse = |error: Error| Refusal::new(&change.path.0, error);
            let create = change.create.as_deref().map(str::parse::<Kind>).transpose().map_err(refuse)?;
            let kind = match (part.get_at::<Value<'static>>(&inner), create) {
                (Ok(there), create) => {
                    checked(change, &there)?;
                    // A field that may be null takes what it is created as otherwise.
                    create.filter(|_| there.kind() == Kind::Null).unwrap_or(there.kind())
                }
                (Err(error), Some(kind)) if error.kind() == ErrorKind::NotFound => kind,
                (Err(error), _) => return Err(refuse(error)),
            };
            values.push((change, inner, Value::parse(&change.value, kind).map_err(refuse)?));
        }
        for (change, inner, value) in values {
            part.set_at(&inner, value).map_err(|error| Refusal::new(&change.path.0, error))?;
        }
        Ok(())
    })
}

/// Fails if something else is there than what was seen.
fn checked(change: &Change, there: &Value<'_>) -> Result<(), Refusal> {
    let text = |value: &Value<'_>| text::of_value(value, false).0;
    let now = text(there);
    // Another way to write the same value is as good.
    let is = |was: &str| *was == now || Value::parse(was, there.kind()).is_ok_and(|was| text(&was) == now);
    match &change.was {
        Some(was) if !is(was) => {
            let error = format!("{}: changed meanwhile", change.path.0);
            Err(Refusal { now: Some(now), ..Refusal::new(&change.path.0, error) })
        }
        _ => Ok(()),
    }
}

/// The innermost struct that has all that is changed, and how many steps lead to it.
fn common(root: &Struct, changes: &[Change]) -> Result<(Struct, usize), Refusal> {
    let parents =
        changes.iter().map(|change| change.path.0.steps().split_last().map_or(&[][..], |(_, way)| way));
    let shared = parents.reduce(|first, next| {
        let shared = first.iter().zip(next).take_while(|(first, next)| first == next).count();
        first.get(..shared).unwrap_or_default()
    });
    let (mut part, mut steps, mut above) = (root.clone(), 0, Path::ROOT);
    for step in shared.unwrap_or_default() {
        above = above.then(step.clone());
        match root.at(&above) {
            Ok(found) => (part, steps) = (found, above.steps().len()),
            // A list, in which further structs may be; or an array.
            Err(error) if error.kind() == ErrorKind::WrongType => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok((part, steps))
}

/// Fails for what only its own program assigns, and for what is in it; or for what a document that is loaded there has of such.
pub(crate) fn refuse_read_only(
    root: &Struct,
    path: &Path,
    document: Option<&Value<'_>>,
) -> Result<(), Refusal> {
    let (mut above, mut part) = (Path::ROOT, Some(root.clone()));
    for step in path.steps() {
        above = above.then(step.clone());
        if let (Step::Name(name), Some(part)) = (step, &part) {
            refuse_field(part, name, path, &above)?;
        }
        part = root.at(&above).ok();
    }
    match (part, document) {
        (Some(part), Some(document)) => refuse_fields(&part, document, path),
        _ => Ok(()),
    }
}

fn refuse_fields(part: &Struct, document: &Value<'_>, path: &Path) -> Result<(), Refusal> {
    let Value::Struct(fields) = document else { return refuse_all(part, path) };
    for (name, value) in fields {
        let inner = path.then(&**name);
        refuse_field(part, name, &inner, &inner)?;
        if let Ok(part) = part.get::<Struct>(&**name) {
            refuse_fields(&part, value, &inner)?;
        }
    }
    Ok(())
}

/// Fails if anything below is read-only: something else is to be in the place of all of it.
fn refuse_all(part: &Struct, path: &Path) -> Result<(), Refusal> {
    for name in part.names()? {
        let inner = path.then(&name);
        refuse_field(part, &name, path, &inner)?;
        if let Ok(part) = part.get::<Struct>(&name) {
            refuse_all(&part, &inner)?;
        }
    }
    Ok(())
}

fn refuse_field(part: &Struct, name: &str, path: &Path, field: &Path) -> Result<(), Refusal> {
    match part.meta(name) {
        Ok(meta) if meta.read_only => Err(Refusal::new(path, format!("{field}: read-only"))),
        _ => Ok(()),
    }
}
