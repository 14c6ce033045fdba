//! Where results go: buffered, and coloured on a terminal.

use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};

use crate::failure::{Failure, Result};
use crate::text;

/// Names of fields, of stores and of columns.
pub(crate) const NAME: Style = AnsiColor::Cyan.on_default();
pub(crate) const HEADING: Style = Style::new().bold();
/// Types and shapes.
pub(crate) const TYPE: Style = AnsiColor::Blue.on_default();
pub(crate) const TEXT: Style = AnsiColor::Green.on_default();
pub(crate) const NUMBER: Style = AnsiColor::Yellow.on_default();
pub(crate) const PLAIN: Style = Style::new();
/// What is of less interest.
pub(crate) const FAINT: Style = Style::new().dimmed();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();

pub(crate) struct Output {
    out: BufWriter<Stdout>,
    coloured: bool,
    /// The first failure to write, which [`Output::finish`] reports.
    failed: Option<io::Error>,
}

impl Output {
    /// Standard output, as the options and the environment want it coloured.
    pub(crate) fn new() -> Output {
        let stdout = io::stdout();
        let coloured = AutoStream::choice(&stdout) != ColorChoice::Never;
        Output { out: BufWriter::with_capacity(1 << 16, stdout), coloured, failed: None }
    }

    pub(crate) fn is_terminal(&self) -> bool {
        self.out.get_ref().is_terminal()
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        if self.failed.is_none() {
            self.failed = self.out.write_all(bytes).err();
        }
    }

    pub(crate) fn print(&mut self, text: &str) {
        self.write(text.as_bytes());
    }

    /// Text in a style, if this is coloured.
    pub(crate) fn styled(&mut self, style: Style, text: &str) {
        if self.coloured && !style.is_plain() {
            self.print(&style.render().to_string());
            self.print(text);
            self.print(&style.render_reset().to_string());
        } else {
            self.print(text);
        }
    }

    /// Says on standard error what went wrong, after all that was written before.
    pub(crate) fn complain(&mut self, message: &str) {
        let _ = self.out.flush();
        remark(message);
    }

    /// Writes out what is buffered, and says what went wrong.
    pub(crate) fn finish(&mut self) -> Result<()> {
        let flushed = self.out.flush();
        match self.failed.take().map_or(flushed, Err) {
            Err(source) => Err(Failure::file("write", "standard output")(source)),
            Ok(()) => Ok(()),
        }
    }
}

/// Says something on standard error.
pub(crate) fn remark(message: &str) {
    // Nobody is left to be told if it cannot be printed.
    let _ = writeln!(anstream::stderr().lock(), "{BAD}structstore:{BAD:#} {}", text::printable(message));
}

/// Rows whose columns line up.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<Vec<(Style, String)>>,
    right: Vec<usize>,
}

impl Table {
    /// A table with headings, of which some columns are aligned to the right.
    pub(crate) fn new(headings: &[&str], right: &[usize]) -> Table {
        let headings = headings.iter().map(|heading| (HEADING, (*heading).to_owned())).collect();
        Table { rows: vec![headings], right: right.to_vec() }
    }

    pub(crate) fn add(&mut self, cells: Vec<(Style, String)>) {
        self.rows.push(cells);
    }

    pub(crate) fn print(&self, output: &mut Output) {
        let mut widths = Vec::new();
        for row in &self.rows {
            widths.resize(widths.len().max(row.len()), 0);
            for (width, (_, cell)) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        for row in &self.rows {
            for (column, ((style, cell), width)) in row.iter().zip(&widths).enumerate() {
                let padding = " ".repeat(width - cell.chars().count());
                let last = column + 1 == row.len();
                if self.right.contains(&column) {
                    output.print(&padding);
                }
                output.styled(*style, cell);
                if !last {
                    if !self.right.contains(&column) {
                        output.print(&padding);
                    }
                    output.print("  ");
                }
            }
            output.print("\n");
        }
    }
}
