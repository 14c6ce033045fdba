//! `clean`: removes what programs that were killed have left behind.

use std::ffi::OsString;
use std::io::{self, BufRead, IsTerminal, Write};

use structstore::inspect::{Lifetime, remove_orphan};

use crate::arguments::{Clean, Name};
use crate::failure::{FAILED, Failure, Result};
use crate::list::{Entry, program};
use crate::output::Output;
use crate::{json, text};

pub(crate) fn run(options: &Clean, output: &mut Output) -> Result<u8> {
    let orphans = match options.names.as_slice() {
        [] => structstore::inspect::orphans()?,
        names => names.iter().map(chosen).collect::<Result<_>>()?,
    };
    if !orphans.is_empty() && !options.yes && !confirmed(&orphans)? {
        return Ok(0);
    }
    let mut removed = Vec::new();
    let mut status = 0;
    for name in orphans {
        match remove_orphan(&name) {
            Ok(true) => removed.push(name),
            // A process has opened it meanwhile.
            Ok(false) => {}
            Err(error) => {
                output.complain(&error.to_string());
                status = FAILED;
            }
        }
    }
    if options.json {
        json::print(&removed.into(), output)?;
    } else {
        for name in &removed {
            output.print(&format!("removed {}\n", text::line(name)));
        }
    }
    Ok(status)
}

/// The name of a store, which must be an orphan.
fn chosen(name: &OsString) -> Result<String> {
    let name = Name { name: name.clone(), file: false, any_owner: false };
    let store = name.observe()?;
    if !store.is_orphan()? {
        let reason = match store.lifetime() {
            Lifetime::Persistent => {
                format!("persistent: `structstore unlink {}` removes it", name.shown())
            }
            _ => {
                let attached: Vec<String> = store.participants()?.iter().map(program).collect();
                format!("in use by {}", attached.join(", "))
            }
        };
        return Err(Failure::Other(format!("{} is {reason}", name.shown())));
    }
    // What was opened has a name that is text.
    Ok(name.place().to_string_lossy().into_owned())
}

/// Asks at the terminal.
fn confirmed(orphans: &[String]) -> Result<bool> {
    let refused = Failure::file("read", "the answer");
    if !io::stdin().is_terminal() {
        return Err(Failure::Usage(
            "there is no terminal for confirmation; pass --yes to remove the stores".to_owned(),
        ));
    }
    let mut terminal = io::stderr().lock();
    let mut ask = || {
        for name in orphans {
            let entry = Entry::of(name.clone(), false);
            let size = entry.found.map_or("? bytes".to_owned(), |found| text::bytes(found.size));
            let age = entry.age.map_or("?".to_owned(), text::duration);
            writeln!(terminal, "{}  {size}, {age} old", text::line(name))?;
        }
        write!(terminal, "remove {}? [y/N] ", if orphans.len() == 1 { "it" } else { "them" })?;
        terminal.flush()?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
    };
    ask().map_err(refused)
}
