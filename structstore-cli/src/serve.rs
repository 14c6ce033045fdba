//! `serve`: a store in the browser.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path as FilePath, PathBuf};
use std::process::{Command, Stdio};
use std::{env, process};

use nix::sys::signal::Signal;
use structstore::binding_support::to_document;
use structstore::path::Path;
use structstore::{Struct, Value};
use structstore_serve::{Formats, Options, Server, Source};

use crate::arguments::{Name, Serve};
use crate::document::Document;
use crate::failure::{Failure, Result};
use crate::load::fill;
use crate::output::Output;
#[cfg(feature = "record")]
use crate::played::recording;
use crate::served::Served;
use crate::signals::Caught;
use crate::{json, tagged};

/// Documents of the viewer are those of `dump` and `load`.
pub const FORMATS: Formats = Formats { yaml, json: json_text, parse, fill: fill_in };

fn yaml(value: &Value<'_>) -> Result<String, String> {
    tagged::yaml(value).map_err(|error| error.to_string())
}

fn json_text(value: &Value<'_>) -> Result<String, String> {
    let document = to_document(value, true).map_err(|error| error.to_string())?;
    let text = json::text(&document, &Path::ROOT, true).map_err(|failure| failure.to_string())?;
    String::from_utf8(text).map_err(|error| error.to_string())
}

fn parse(text: &str) -> Result<Value<'static>, String> {
    tagged::read_yaml(text.as_bytes()).map_err(|error| error.to_string())
}

fn fill_in(root: &Struct, path: &Path, value: Value<'static>) -> Result<(), String> {
    fill(root, path, &Document::Value(value), false).map_err(|failure| failure.to_string())
}

pub(crate) fn run(options: &Serve, output: &mut Output) -> Result<u8> {
    let (source, timeline) = options.source()?;
    let writable = if options.write_all { vec![Path::ROOT] } else { options.writable.clone() };
    let mut serving = Options::new().rate(options.rate).writable(writable).formats(FORMATS);
    serving = serving.insecure(options.insecure).any_owner(options.any_owner);
    if let Some(timeline) = timeline {
        serving = serving.timeline(timeline);
    }
    if let Some(address) = options.listen {
        serving = serving.listen(address);
    }
    // From here on, signals end what is served before they end this process.
    let mut signals = Caught::new(true).map_err(Failure::file("catch", "signals"))?;
    let server = Server::start(source, &serving).map_err(|failure| Failure::Other(failure.to_string()))?;
    output.print(&format!("{}\n", server.url()));
    output.finish()?;
    let _browser = (!options.no_open && has_desktop()).then(|| Browser::open(server.url()));
    while !matches!(
        signals.next().map_err(Failure::file("catch", "signals"))?,
        Some(Signal::SIGHUP | Signal::SIGINT | Signal::SIGQUIT | Signal::SIGTERM)
    ) {}
    server.stop();
    Ok(0)
}

impl Serve {
    fn source(&self) -> Result<Served> {
        let Some(name) = &self.name else { return Ok((None, None)) };
        if !self.file && FilePath::new(name).extension().is_some_and(|ending| ending == "mcap") {
            return recording(FilePath::new(name));
        }
        // It has to be there at the start.
        let name = Name { name: name.clone(), file: self.file, any_owner: self.any_owner };
        drop(name.observe()?);
        let source = Source::Shared { place: name.place(), file: name.file, any_owner: name.any_owner };
        Ok((Some(source), None))
    }
}

#[cfg(not(feature = "record"))]
fn recording(file: &FilePath) -> Result<Served> {
    let file = crate::text::line(&file.display().to_string());
    Err(Failure::Other(format!("{file}: this tool was built without recordings")))
}

fn has_desktop() -> bool {
    ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// A browser that was asked to show the page: by a file that leads there, which only this user can read. All users see the arguments of
/// programs, and so would see the token.
struct Browser(PathBuf);

impl Browser {
    /// Whether it works is for the user to see: the address is printed.
    fn open(url: &str) -> Browser {
        let folder = env::var_os("XDG_RUNTIME_DIR").map_or_else(env::temp_dir, PathBuf::from);
        let file = folder.join(format!("structstore-{}.html", process::id()));
        if let Err(error) = write(&file, url).and_then(|()| start(&file)) {
            crate::output::remark(&format!("cannot open a browser: {error}"));
        }
        Browser(file)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn write(file: &FilePath, url: &str) -> io::Result<()> {
    let mut file: File = File::options().write(true).create_new(true).mode(0o600).open(file)?;
    writeln!(file, "<!doctype html><meta http-equiv=\"refresh\" content=\"0; url={url}\">")
}

fn start(file: &FilePath) -> io::Result<()> {
    let mut command = Command::new("xdg-open");
    command.arg(file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().map(drop)
}
