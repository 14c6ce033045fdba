//! Completion by shells: names of stores, paths, and values that a field may have.
//!
//! The script of a shell calls this command with [`VARIABLE`] set to the shell's name and the words typed so far. It looks into stores without a
//! trace, as other commands that read do, and is quick or says nothing: somebody waits with a finger on a key.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use clap::{ArgMatches, Command, CommandFactory};
use clap_complete::Shell;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter};
use clap_complete::env::{CompleteEnv, Shells};
use structstore::binding_support::limit_waits;
use structstore::path::Path;
use structstore::{Item, Kind};

use crate::arguments::{Arguments, Name};
use crate::failure::{FAILED, Failure, Result};
use crate::path::{self, Place};

/// What shells set to ask for candidates.
const VARIABLE: &str = "STRUCTSTORE_COMPLETE";
/// What shells call.
const COMMAND: &str = "structstore";
/// How long finding candidates may take.
const PATIENCE: Duration = Duration::from_millis(200);
/// How many items of a list are offered.
const ITEMS: usize = 100;

/// The script that a shell has to run.
pub(crate) fn script(shell: Shell) -> Result<Vec<u8>> {
    let (name, shells) = (shell.to_string(), Shells::builtins());
    let completer = shells
        .completer(&name)
        .ok_or_else(|| Failure::Usage(format!("there is no completion for the shell {name}")))?;
    let mut script = Vec::new();
    completer
        .write_registration(VARIABLE, COMMAND, COMMAND, COMMAND, &mut script)
        .map_err(Failure::file("write", "the script"))?;
    Ok(script)
}

/// Prints candidates, if a shell asks for them. Returns the exit status then.
pub(crate) fn answer(arguments: &[OsString]) -> Option<u8> {
    env::var_os(VARIABLE).filter(|shell| !shell.is_empty())?;
    arguments.first()?;
    limit_waits(PATIENCE);
    let words: Vec<OsString> = arguments.iter().skip_while(|word| *word != "--").skip(1).cloned().collect();
    let typed = Arc::new(Typed::new(&words));
    let answered = CompleteEnv::with_factory(|| command(&typed))
        .var(VARIABLE)
        .try_complete(arguments, env::current_dir().ok().as_deref());
    // The last candidate has no line break, and what runs this may end without writing what it has kept.
    let written = io::stdout().flush();
    Some(if answered.is_ok() && written.is_ok() { 0 } else { FAILED })
}

/// The command, with what finds candidates for its arguments.
fn command(typed: &Arc<Typed>) -> Command {
    let mut command = Arguments::command();
    let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    for name in names {
        let is_path = |id: &str| id == "path" || id == "target" && name == "mv";
        command = command.mut_subcommand(&name, |sub| {
            sub.mut_args(|arg| {
                let find: Find = match arg.get_id().as_str() {
                    "name" if typed.in_file => return arg.add(ArgValueCompleter::new(PathCompleter::file())),
                    "name" | "names" => Typed::stores,
                    "old" | "new" => Typed::sources,
                    "value" => Typed::values,
                    id if is_path(id) => Typed::paths,
                    _ => return arg,
                };
                let typed = Arc::clone(typed);
                arg.add(ArgValueCompleter::new(move |current: &OsStr| typed.candidates(find, current)))
            })
        });
    }
    command
}

/// Finds candidates that begin with what is typed, and what to say of each.
type Find = fn(&Typed, &str) -> Option<Vec<(String, &'static str)>>;

/// What the words before the one that is to be completed say.
struct Typed {
    store: Option<OsString>,
    in_file: bool,
    any_owner: bool,
    path: Option<Path>,
}

impl Typed {
    fn new(words: &[OsString]) -> Typed {
        let index = env::var("_CLAP_COMPLETE_INDEX").ok().and_then(|index| index.parse().ok());
        let before = words.get(..index.unwrap_or(words.len().saturating_sub(1))).unwrap_or(words);
        let command = Arguments::command().ignore_errors(true);
        let matches = command.try_get_matches_from(before).ok();
        let sub = matches.as_ref().and_then(ArgMatches::subcommand).map(|(_, sub)| sub);
        let flag =
            |id: &str| sub.and_then(|sub| sub.try_get_one(id).ok().flatten().copied()).unwrap_or(false);
        Typed {
            store: sub.and_then(|sub| sub.try_get_one("name").ok().flatten().cloned()),
            in_file: flag("file"),
            any_owner: flag("any_owner"),
            path: sub.and_then(|sub| sub.try_get_one("path").ok().flatten().cloned()),
        }
    }

    /// What is found in time.
    fn candidates(self: &Arc<Typed>, find: Find, current: &OsStr) -> Vec<CompletionCandidate> {
        let Some(current) = current.to_str().map(str::to_owned) else { return Vec::new() };
        let (sender, found) = mpsc::channel();
        let typed = Arc::clone(self);
        // If it takes longer it is left alone: it changes nothing, and ends with the process.
        let started = thread::Builder::new().spawn(move || {
            let candidates = find(&typed, &current).unwrap_or_default().into_iter();
            let _ = sender.send(candidates.filter(|(text, _)| text.starts_with(&current)).collect());
        });
        let found: Vec<(String, &str)> = match started {
            Ok(_) => found.recv_timeout(PATIENCE).unwrap_or_default(),
            Err(_) => Vec::new(),
        };
        let candidate = |(text, help): (String, &str)| {
            let help = (!help.is_empty()).then(|| help.to_owned().into());
            is_plain(&text).then(|| CompletionCandidate::new(text).help(help))
        };
        found.into_iter().filter_map(candidate).collect()
    }

    /// The names of stores: with a slash if one was typed.
    fn stores(&self, current: &str) -> Option<Vec<(String, &'static str)>> {
        let names = structstore::stores().ok()?.into_iter();
        let shown = |name: String| match current.starts_with('/') {
            true => name,
            false => name.trim_start_matches('/').to_owned(),
        };
        Some(names.map(|name| (shown(name), "")).collect())
    }

    /// The names of stores, and files.
    fn sources(&self, current: &str) -> Option<Vec<(String, &'static str)>> {
        let files = PathCompleter::any().complete(OsStr::new(current)).into_iter();
        let files = files.filter_map(|file| Some((file.get_value().to_str()?.to_owned(), "")));
        Some(self.stores(current)?.into_iter().chain(files).collect())
    }

    fn open(&self) -> Option<crate::patience::Watched> {
        let name = Name { name: self.store.clone()?, file: self.in_file, any_owner: self.any_owner };
        name.observe().ok()
    }

    /// The fields or items of the part whose path was typed, each with the beginning of paths to what is in it.
    fn paths(&self, current: &str) -> Option<Vec<(String, &'static str)>> {
        let store = self.open()?;
        let parent = current.rmatch_indices(['.', '[']).find_map(|(at, _)| current.get(..at)?.parse().ok());
        let parent: Path = parent.unwrap_or_default();
        let mut found = Vec::new();
        let mut add = |path: Path, kind: Kind| {
            let path = path.to_string();
            let further = match kind {
                Kind::Struct => Some(format!("{path}.")),
                Kind::List => Some(format!("{path}[")),
                _ => None,
            };
            found.push((path, kind.name()));
            found.extend(further.map(|further| (further, "its contents")));
        };
        match path::find(&store, &parent).ok()? {
            Item::Struct(part) => {
                for name in part.names().ok()? {
                    // It may have gone meanwhile.
                    if let Ok(kind) = part.kind(name.as_str()) {
                        add(parent.then(&name), kind);
                    }
                }
            }
            Item::List(list) => {
                for index in 0..list.len().ok()?.min(ITEMS) {
                    if let Ok(kind) = list.kind(index) {
                        add(parent.then(index), kind);
                    }
                }
            }
            _ => {}
        }
        Some(found)
    }

    /// The choices of the field whose path was typed.
    fn values(&self, _: &str) -> Option<Vec<(String, &'static str)>> {
        let store = self.open()?;
        let place = path::last(&store, self.path.as_ref()?).ok()?;
        let Place::Field { parent, name, .. } = &place else { return None };
        let mut values: Vec<(String, &'static str)> = Vec::new();
        if let Ok(meta) = parent.meta(*name) {
            values.extend(meta.choices.iter().map(|choice| (choice.to_string(), "")));
        }
        if parent.kind(*name).is_ok_and(|kind| kind == Kind::Bool) {
            values.extend([("false".to_owned(), ""), ("true".to_owned(), "")]);
        }
        Some(values)
    }
}

/// Whether a shell takes a text as it stands. What is written otherwise in each shell is not offered.
fn is_plain(text: &str) -> bool {
    let plain = |character: char| character.is_alphanumeric() || "_-+=./:@%,[]".contains(character);
    !text.is_empty() && text.chars().all(plain)
}
