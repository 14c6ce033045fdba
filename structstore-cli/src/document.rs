//! Documents: files and streams that hold the contents of a store, or of a part.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use structstore::Value;

use crate::arguments::Format;
use crate::failure::{Failure, Result};
use crate::progress::Progress;
use crate::tagged;

/// How much is written or read at once.
const PIECE: usize = 1 << 20;
/// What a snapshot begins with.
const MAGIC: &[u8] = b"STRUCTIM";

/// What was read.
pub(crate) enum Document {
    Snapshot(Vec<u8>),
    Value(Value<'static>),
}

impl Document {
    /// Reads it wholly.
    pub(crate) fn read(source: &Path, asked: Option<Format>) -> Result<Document> {
        let place = match is_standard(source) {
            true => "standard input".to_owned(),
            false => source.display().to_string(),
        };
        let bytes = read(source).map_err(Failure::file("read", &place))?;
        let known = asked.or_else(|| Format::of(source));
        let unreadable = |error: &dyn fmt::Display| {
            let hint = if known.is_some() { "" } else { "; use --format to say what it is" };
            Failure::Other(format!("cannot read {place}: {error}{hint}"))
        };
        Ok(match known.unwrap_or_else(|| Format::guess(&bytes)) {
            Format::Snapshot => Document::Snapshot(bytes),
            Format::Json => Document::Value(tagged::read_json(&bytes).map_err(|error| unreadable(&error))?),
            Format::Yaml => Document::Value(tagged::read_yaml(&bytes).map_err(|error| unreadable(&error))?),
        })
    }
}

impl Format {
    /// The format that the ending of a file tells.
    pub(crate) fn of(path: &Path) -> Option<Format> {
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("json") => Some(Format::Json),
            Some("yaml" | "yml") => Some(Format::Yaml),
            Some("snapshot") => Some(Format::Snapshot),
            _ => None,
        }
    }

    /// The format that the first bytes tell.
    fn guess(bytes: &[u8]) -> Format {
        match bytes.trim_ascii_start().first() {
            _ if bytes.starts_with(MAGIC) => Format::Snapshot,
            Some(b'{' | b'[' | b'"') => Format::Json,
            _ => Format::Yaml,
        }
    }
}

/// Whether a path stands for standard input or output.
pub(crate) fn is_standard(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Writes to a file, which is replaced by another one that is whole, or to standard output.
pub(crate) fn write(target: &Path, bytes: &[u8]) -> Result<()> {
    match is_standard(target) {
        true => put(&mut io::stdout().lock(), bytes).map_err(Failure::file("write", "standard output")),
        false => write_file(target, bytes).map_err(Failure::file("write", target.display())),
    }
}

/// A pipe or device is opened and written to; a regular file is replaced.
fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return put(&mut File::options().write(true).open(path)?, bytes);
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let written = File::create(&part).and_then(|mut file| put(&mut file, bytes));
    let renamed = written.and_then(|()| fs::rename(&part, path));
    if renamed.is_err() {
        let _ = fs::remove_file(&part);
    }
    renamed
}

fn put(target: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
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
