//! `dump` and `load`: stores as files.

use std::fs::{self, File};
use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;

use structstore::binding_support::OptionsExt;
use structstore::{Cleanup, Struct, StructStoreShared, Value};

use crate::arguments::{Dump, Format, Load};
use crate::failure::{Failure, Result, is_missing};
use crate::json::{self, Unreadable};
use crate::patience::Watched;
use crate::progress::Progress;

/// How much is written or read at once.
const PIECE: usize = 1 << 20;

pub(crate) fn dump(options: &Dump) -> Result<u8> {
    let format = format(options.format, &options.target);
    let standard = is_standard(&options.target);
    if standard && format == Format::Snapshot && io::stdout().is_terminal() {
        let message = "a snapshot cannot be written to a terminal; name a file, or use --format json or yaml";
        return Err(Failure::Usage(message.to_owned()));
    }
    if options.samples && format != Format::Snapshot {
        let message =
            "--samples: JSON and YAML have the newest samples only; write a snapshot, or use `get --last`";
        return Err(Failure::Usage(message.to_owned()));
    }
    let bytes = match format {
        Format::Snapshot if options.samples => options.store.snapshot(Struct::to_bytes_with_samples)?,
        Format::Snapshot => options.store.snapshot(Struct::to_bytes)?,
        Format::Json => {
            let value = options.store.snapshot(Struct::to_value)?;
            json::numbers_only(&value, "JSON")?;
            json::text(&value, &structstore::path::Path::ROOT, true)?
        }
        Format::Yaml => {
            let value = options.store.snapshot(Struct::to_value)?;
            json::numbers_only(&value, "YAML")?;
            json::yaml(&value, standard && io::stdout().is_terminal())?.into_bytes()
        }
    };
    if standard {
        let written = write(&mut io::stdout().lock(), &bytes);
        written.map_err(Failure::file("write", "standard output"))?;
    } else {
        write_file(&options.target, &bytes).map_err(Failure::file("write", options.target.display()))?;
    }
    Ok(0)
}

pub(crate) fn load(options: &Load) -> Result<u8> {
    let format = format(options.format, &options.source);
    let place = match is_standard(&options.source) {
        true => "standard input".to_owned(),
        false => options.source.display().to_string(),
    };
    let bytes = read(&options.source).map_err(Failure::file("read", &place))?;
    // Before a store is created for it.
    let document: Option<Value<'static>> = match format {
        Format::Snapshot => None,
        Format::Json => Some(json::read(&bytes).map_err(|error| unreadable(&place, &error))?),
        Format::Yaml => Some(json::read_yaml(&bytes).map_err(|error| unreadable(&place, &error))?),
    };
    let existed = match options.store.change() {
        Ok(_) => true,
        Err(Failure::Missing { .. }) => false,
        Err(Failure::Store(error)) if is_missing(&error) => false,
        Err(failure) => return Err(failure),
    };
    // What is created for it is to stay.
    let store =
        Watched::new(options.store.open(StructStoreShared::options().cleanup(Cleanup::Never).passing())?);
    let filled = match document {
        None => store.restore(&bytes),
        Some(value) => store.replace(value),
    };
    if filled.is_err() && !existed {
        // What was created for this is of no use to anybody.
        drop(store);
        let _ = StructStoreShared::options().file(options.store.file).unlink(options.store.place());
    }
    Ok(filled.map(|()| 0)?)
}

fn unreadable(place: &str, error: &Unreadable) -> Failure {
    Failure::Other(format!("cannot read {place}: {error}"))
}

fn is_standard(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn format(asked: Option<Format>, path: &Path) -> Format {
    let ending = path.extension().and_then(|ending| ending.to_str());
    asked.unwrap_or(match ending {
        Some("json") => Format::Json,
        Some("yaml" | "yml") => Format::Yaml,
        _ => Format::Snapshot,
    })
}

/// Replaces a file by another one that is whole. What is no regular file is written to as it is.
fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return write(&mut File::options().write(true).open(path)?, bytes);
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let written = File::create(&part).and_then(|mut file| write(&mut file, bytes));
    let renamed = written.and_then(|()| fs::rename(&part, path));
    if renamed.is_err() {
        let _ = fs::remove_file(&part);
    }
    renamed
}

fn write(target: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    let mut progress = Progress::new("writing", bytes.len() as u64);
    for piece in bytes.chunks(PIECE) {
        target.write_all(piece)?;
        progress.advance(piece.len() as u64);
    }
    target.flush()
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let (mut source, length): (Box<dyn Read>, u64) = match is_standard(path) {
        true => (Box::new(io::stdin().lock()), 0),
        false => {
            let file = File::open(path)?;
            let length = file.metadata()?.len();
            (Box::new(file), length)
        }
    };
    let mut progress = Progress::new("reading", length);
    let mut bytes = Vec::new();
    loop {
        let read = source.by_ref().take(PIECE as u64).read_to_end(&mut bytes)?;
        progress.advance(read as u64);
        // A short piece is the last one. A terminal that was read on would ask for more, and for another end.
        if read < PIECE {
            return Ok(bytes);
        }
    }
}
