//! Test programs of Cargo's, as many at a time as there are processors: most of them wait more than they work.
//!
//! Cargo runs them one after the other, by a runner that may be configured. The runner here only notes down what to run, in which folder and
//! with which environment.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;

use crate::step::{self, Result};
use crate::workspace::Workspace;

/// Runs the programs that `cargo test` with some arguments would run, documentation apart. All of them run, also when one fails.
///
/// # Errors
///
/// If they cannot be built, or one of them fails.
pub(crate) fn run(workspace: &Workspace, tests: &mut Command) -> Result {
    let folder = workspace.target.join("programs");
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => fs::create_dir_all(&folder)?,
    }
    let runner = format!("target.'cfg(unix)'.runner = [{:?}, 'defer', {folder:?}]", env::current_exe()?);
    step::run(tests.args(["--config", &runner]))?;
    let mut noted = fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    noted.sort();
    if noted.is_empty() {
        return Err(format!("`{}` had no test program to run", step::shown(tests)).into());
    }
    let (noted, failed) = (Mutex::new(noted.into_iter()), Mutex::new(Vec::new()));
    let work = || {
        while let Some(note) = next(&noted) {
            let name = note.with_extension("");
            if let Err(error) = run_noted(&note) {
                let mut failed = failed.lock().unwrap_or_else(|failed| failed.into_inner());
                failed.push(format!("{}: {error}", name.file_name().unwrap_or_default().to_string_lossy()));
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let failed = failed.into_inner().unwrap_or_else(|failed| failed.into_inner());
    if failed.is_empty() { Ok(()) } else { Err(failed.join("; ").into()) }
}

fn next(noted: &Mutex<impl Iterator<Item = PathBuf>>) -> Option<PathBuf> {
    noted.lock().unwrap_or_else(|noted| noted.into_inner()).next()
}

/// Runs a program, and prints what it has printed when it is over.
fn run_noted(note: &Path) -> Result {
    let (mut command, printed) = (Note::parse(&fs::read(note)?)?.command(), note.with_extension("printed"));
    eprintln!("     Running {}", step::shown(&command));
    let output = File::create(&printed)?;
    let status = command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).status()?;
    let mut out = io::stdout().lock();
    writeln!(out, "     Printed by {}", step::shown(&command))?;
    io::copy(&mut File::open(&printed)?, &mut out)?;
    if status.success() { Ok(()) } else { Err(status.to_string().into()) }
}

/// Notes a program down: the folder for notes, the program and its arguments.
///
/// # Errors
///
/// If the note cannot be written.
pub(crate) fn defer(args: &[String]) -> Result {
    let [folder, program, arguments @ ..] = args else {
        return Err("expected a folder and a program".into());
    };
    let note = Note {
        folder: env::current_dir()?.into_os_string(),
        words: std::iter::once(program).chain(arguments).map(OsString::from).collect(),
        environment: env::vars_os().collect(),
    };
    let name = Path::new(program).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let before = fs::read_dir(folder)?.count();
    Ok(fs::write(Path::new(folder).join(format!("{before:03} {name}.note")), note.bytes())?)
}

/// What to run.
#[derive(Debug, PartialEq)]
struct Note {
    folder: OsString,
    words: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
}

impl Note {
    /// The folder; the words; an empty one; names and values by turns. None of them contains a zero, which ends each.
    fn bytes(&self) -> Vec<u8> {
        let end = OsString::new();
        let environment = self.environment.iter().flat_map(|(name, value)| [name, value]);
        let all = std::iter::once(&self.folder).chain(&self.words).chain([&end]);
        all.chain(environment).flat_map(|word| word.as_bytes().iter().copied().chain([0])).collect()
    }

    fn parse(bytes: &[u8]) -> Result<Note> {
        let mut words = bytes.split(|byte| *byte == 0).map(|word| OsString::from_vec(word.to_vec()));
        let folder = words.next().ok_or("an empty note")?;
        let program = words.by_ref().take_while(|word| !word.is_empty()).collect();
        let (mut environment, mut rest) = (Vec::new(), words);
        while let (Some(name), Some(value)) = (rest.next(), rest.next()) {
            environment.push((name, value));
        }
        Ok(Note { folder, words: program, environment })
    }

    fn command(&self) -> Command {
        let (program, arguments) =
            self.words.split_first().map_or((OsStr::new(""), &[][..]), |(first, rest)| (first, rest));
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.folder).env_clear();
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_read_as_they_were_written() {
        let pair = |name: &str, value: &str| (OsString::from(name), OsString::from(value));
        let note = Note {
            folder: "/a folder".into(),
            words: ["program", "--flag", "two words"].map(OsString::from).to_vec(),
            environment: vec![pair("A", ""), pair("B", "x\ny"), pair("C", "=")],
        };
        assert_eq!(Note::parse(&note.bytes()).unwrap(), note);
    }
}
