//! `doctor`: what of this machine, this user and the stores can keep programs from sharing one.

mod machine;

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::{env, fs, io};

use anstyle::Style;
use nix::unistd::{Uid, User};
use serde_json::{Value as Json, json};
use structstore::inspect::{Participant, format_version};
use structstore::{ErrorKind, StructStoreShared};

use crate::arguments::{Doctor, Name};
use crate::failure::{Failure, MISSING, NO, Result, is_missing};
use crate::list::program;
use crate::output::{BAD, FAINT, Output, TEXT, TYPE};
use crate::text::{bytes, line, plural};

/// What a check has found.
pub(crate) struct Finding {
    /// What was looked at.
    check: &'static str,
    level: Level,
    found: String,
    /// What can be done.
    advice: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Fine,
    /// It works, but may surprise.
    Advice,
    /// A store cannot be used.
    Bad,
}

impl Finding {
    fn fine(check: &'static str, found: impl Into<String>) -> Finding {
        Finding { check, level: Level::Fine, found: found.into(), advice: None }
    }

    fn advise(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Finding {
        Finding { level: Level::Advice, advice: Some(advice.into()), ..Finding::fine(check, found) }
    }

    fn bad(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Finding {
        Finding { level: Level::Bad, ..Finding::advise(check, found, advice) }
    }

    fn style(&self) -> (Style, &'static str) {
        match self.level {
            Level::Fine => (TEXT, "ok"),
            Level::Advice => (TYPE, "advice"),
            Level::Bad => (BAD, "bad"),
        }
    }

    fn to_json(&self) -> Json {
        let (_, level) = self.style();
        json!({ "check": self.check, "level": level, "found": self.found, "advice": self.advice })
    }

    fn print(&self, output: &mut Output) {
        let (style, level) = self.style();
        output.styled(style, &format!("{level:<7}"));
        output.print(&format!("{:<13} {}\n", self.check, self.found));
        for line in self.advice.iter().flat_map(|advice| advice.lines()) {
            output.styled(FAINT, &format!("{:21}{line}\n", ""));
        }
    }
}

pub(crate) fn run(options: &Doctor, output: &mut Output) -> Result<u8> {
    let version = format!("structstore {}, format {}", env!("CARGO_PKG_VERSION"), format_version());
    let mut findings = vec![Finding::fine("version", version)];
    findings.extend(machine::checks());
    let mut status = 0;
    match &options.name {
        Some(name) => {
            let name = Name { name: name.clone(), file: options.file, any_owner: options.any_owner };
            let found = store(&name, true);
            if matches!(&found, Err(Failure::Missing { .. })) {
                status = MISSING;
            }
            findings.extend(found.unwrap_or_else(|failure| vec![unusable(&name.shown(), &failure)]));
        }
        None => {
            for name in structstore::stores()? {
                let name = Name { name: name.into(), file: false, any_owner: options.any_owner };
                let found = store(&name, false);
                findings.extend(found.unwrap_or_else(|failure| vec![unusable(&name.shown(), &failure)]));
            }
        }
    }
    if status == 0 && findings.iter().any(|finding| finding.level == Level::Bad) {
        status = NO;
    }
    if options.json {
        let list = Json::Array(findings.iter().map(Finding::to_json).collect());
        crate::json::print(&list, output)?;
    } else {
        findings.iter().for_each(|finding| finding.print(output));
    }
    Ok(status)
}

/// A message with the name of the store, which it may begin with already.
fn named(shown: &str, message: String) -> String {
    if message.contains(shown) { message } else { format!("{shown}: {message}") }
}

/// What is to be said of a store that cannot be opened.
fn unusable(shown: &str, failure: &Failure) -> Finding {
    let found = match failure {
        Failure::Store(error) => line(&error.to_string()),
        other => other.to_string(),
    };
    let found = named(shown, found);
    match failure {
        Failure::Missing { .. } => {
            Finding::bad("store", found, "Start the program that creates it, or see `structstore ls`.")
        }
        Failure::Store(error) => match error.kind() {
            ErrorKind::Mismatch => Finding::bad(
                "store",
                found,
                "Another version of StructStore has made it. Have all programs use one version; `structstore dump` of that version and\n\
                 `structstore load` of this one carry the contents over. `structstore unlink --force` removes it.",
            ),
            ErrorKind::NotReady => Finding::bad(
                "store",
                found,
                "The process that creates it has died or is stopped. `structstore unlink --force` removes it.",
            ),
            ErrorKind::Corrupt => Finding::bad(
                "store",
                found,
                "`structstore check` says more. The program that creates it can open it with `reinit`.",
            ),
            _ if is_missing(error) => Finding::bad("store", found, "It was removed during this check."),
            _ if error.io().is_some_and(|io| io.kind() == std::io::ErrorKind::PermissionDenied) => {
                let advice =
                    "Its mode or its owner keeps this user out: see `mode`, `group` and `any_owner`.";
                Finding::advise("store", found, advice)
            }
            ErrorKind::ForeignOwner => Finding::advise(
                "store",
                found,
                "Its owner can crash programs that open it. If you trust that user, add --any-owner.",
            ),
            _ => Finding { level: Level::Advice, ..Finding::fine("store", found) },
        },
        _ => Finding { level: Level::Advice, ..Finding::fine("store", found) },
    }
}

/// What is to be said of a store.
fn store(name: &Name, whole: bool) -> Result<Vec<Finding>> {
    let store = name.observe()?;
    let shown = name.shown();
    let (statistics, participants) = (store.statistics(), store.participants()?);
    let mut findings = Vec::new();
    let alive: Vec<&Participant> = participants.iter().filter(|participant| participant.alive).collect();
    let size = format!(
        "{shown}: {} of at most {}, {}",
        bytes(statistics.size),
        bytes(statistics.max_size),
        attached(&alive, &store)
    );
    let owner = owner(name).map_or_else(String::new, |owner| format!(", {owner}"));
    findings.push(Finding::fine("store", format!("{size}{owner}")));
    if store.is_orphan()? {
        findings.push(Finding::advise(
            "store",
            format!("{shown}: no program has it open any more; it was left behind"),
            "`structstore clean` removes such stores; the next program that opens it goes on with it.",
        ));
    }
    let dead = participants.len() - alive.len();
    if dead > 0 {
        let found = format!("{shown}: {} died and left something behind", plural(dead as u64, "process"));
        let advice =
            format!("The next process that changes the store repairs it. At once, {}.", name.remedy());
        findings.push(Finding::advise("store", found, advice));
    }
    if statistics.size >= statistics.max_size / 10 * 9 {
        let found = format!("{shown}: it can hardly grow");
        findings.push(Finding::advise(
            "store",
            found,
            "Create it with a larger `max_size`; `structstore stat` says what takes the memory.",
        ));
    }
    let own = env!("CARGO_PKG_VERSION");
    for other in alive.iter().filter(|other| other.library.as_deref().is_some_and(|library| library != own)) {
        let library = other.library.as_deref().unwrap_or_default();
        let found = format!("{shown}: {} uses structstore {library}, this is {own}", program(other));
        findings.push(Finding::advise(
            "store",
            found,
            "Both have the same format, so that they work together; use one version all the same.",
        ));
    }
    findings.extend(elsewhere(&shown, &alive));
    if whole {
        findings.push(contents(name, &store));
    }
    Ok(findings)
}

/// Whether what is in a store is sound, as far as can be told.
fn contents(name: &Name, store: &StructStoreShared) -> Finding {
    let shown = name.shown();
    let Err(error) = store.check() else {
        return Finding::fine("contents", format!("{shown}: no damage"));
    };
    let found = named(&shown, line(&error.to_string()));
    match error.kind() {
        ErrorKind::Corrupt | ErrorKind::Mismatch => Finding::bad(
            "contents",
            found,
            "`structstore dump` saves what can be read; create it anew with `reinit`.",
        ),
        ErrorKind::Abandoned => Finding::advise("contents", found, format!("{}.", name.remedy())),
        _ => Finding::advise(
            "contents",
            found,
            "It could not be checked now; `structstore check --lock` waits for it.",
        ),
    }
}

fn attached(alive: &[&Participant], store: &StructStoreShared) -> String {
    let mut names: Vec<String> = alive.iter().map(|participant| program(participant)).collect();
    if store.has_readers() {
        names.push("readers".to_owned());
    }
    match names.is_empty() {
        true => "no process".to_owned(),
        false => names.join(", "),
    }
}

/// Mode and owner of the file that holds the store.
fn owner(name: &Name) -> Option<String> {
    let path = match name.file {
        true => name.place(),
        false => Path::new("/dev/shm").join(name.place().strip_prefix("/").ok()?),
    };
    let found = fs::metadata(path).ok()?;
    let user = User::from_uid(Uid::from_raw(found.uid())).ok().flatten();
    let user = user.map_or_else(|| found.uid().to_string(), |user| user.name);
    Some(format!("mode {:04o} of {}", found.mode() & 0o7777, line(&user)))
}

/// Which processes are in other namespaces.
fn elsewhere(shown: &str, alive: &[&Participant]) -> Option<Finding> {
    let own = fs::metadata("/proc/self/ns/pid").map_or(0, |found| found.ino());
    let others: Vec<&Participant> =
        alive.iter().copied().filter(|other| ![0, own].contains(&other.namespace)).collect();
    let different_root = |other: &&&Participant| -> io::Result<bool> {
        let of = |pid: &str| fs::metadata(format!("/proc/{pid}/ns/mnt")).map(|found| found.ino());
        Ok(of("self")? != of(&other.pid.to_string())?)
    };
    let mounts = alive.iter().filter(|other| other.namespace == own);
    let mounts = mounts.filter(|other| different_root(other).unwrap_or(false)).count();
    if others.is_empty() && mounts == 0 {
        return None;
    }
    let mut found = Vec::new();
    if !others.is_empty() {
        let pids: Vec<String> = others.iter().map(|other| other.pid.to_string()).collect();
        found.push(format!("in other PID namespaces, with the ids there: {}", pids.join(", ")));
    }
    if mounts > 0 {
        found.push(format!("{} in other mount namespaces", plural(mounts as u64, "process")));
    }
    let advice = "That is well: locks and deaths are told through the file. Their names are not known here, and they share this store only as\n\
                  long as they have the same /dev/shm.";
    Some(Finding {
        advice: Some(advice.to_owned()),
        ..Finding::fine("namespaces", format!("{shown}: {}", found.join("; ")))
    })
}
