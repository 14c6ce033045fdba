//! `show`: what is in a store, as a tree.

use anstyle::Style;
use structstore::binding_support::elements;
use structstore::stream::AnyStream;
use structstore::{Array, Error, ErrorKind, Item, Kind, List, Meta, Struct};

use crate::arguments::Show;
use crate::failure::{Failure, Result};
use crate::item::{brief, newest, value};
use crate::json;
use crate::output::{BAD, FAINT, HEADING, NAME, NUMBER, Output, PLAIN, TEXT, TYPE};
use crate::path;
use crate::stream;
use crate::text::{self, plural, quoted};
use crate::types::{also, tell};
use structstore::limits::MAX_DEPTH;

/// How many items of a list are shown.
const ITEMS: usize = 100;
/// The largest array whose elements are looked at, in bytes.
const SMALL: usize = 4096;
/// The least that a part takes in a store, in bytes.
const SLOT: u64 = 16;

pub(crate) fn run(options: &Show, output: &mut Output) -> Result<u8> {
    if options.json || options.yaml {
        let value = options.store.snapshot(|root| value(&path::find(root, &options.path)?))?;
        match options.json {
            true => output.write(&json::text(&value, &options.path, output.is_terminal())?),
            false => output.print(&json::yaml(&value, output.is_terminal())?),
        }
        return Ok(0);
    }
    let store = options.store.observe()?;
    let found = path::find(&store, &options.path)?;
    let depth = options.depth.unwrap_or(MAX_DEPTH).min(MAX_DEPTH);
    // No store has room for more.
    let left = store.statistics().size / SLOT;
    let mut tree = Tree {
        output,
        values: !options.types,
        depth,
        left,
        unreadable: 0,
        abandoned: false,
        meta: None,
        also: String::new(),
    };
    let name = if options.path.is_root() { options.store.shown() } else { options.path.to_string() };
    tree.item(&name, HEADING, &found, 0)?;
    match tree.unreadable {
        0 => Ok(0),
        count => {
            let remedy = if tree.abandoned { format!("; {}", options.store.remedy()) } else { String::new() };
            Err(Failure::Other(format!("{} cannot be read{remedy}", plural(count, "part"))))
        }
    }
}

/// Prints an item on one line: of a structure, what it is.
pub(crate) fn print_line(name: &str, item: &Item, output: &mut Output) -> Result<()> {
    let also = String::new();
    Tree { output, values: true, depth: 0, left: 0, unreadable: 0, abandoned: false, meta: None, also }
        .item(name, NAME, item, 0)
}

struct Tree<'o> {
    output: &'o mut Output,
    values: bool,
    depth: usize,
    /// How many more parts there may be: a damaged tree seems to be almost without end.
    left: u64,
    /// How many parts could not be read.
    unreadable: u64,
    /// Whether a process died while it modified one of them.
    abandoned: bool,
    /// The metadata to print on the line of the next field, with `--types`.
    meta: Option<Meta>,
    /// The other names of the next field.
    also: String,
}

impl Tree<'_> {
    /// A field or an item, or what keeps it from being read: that is no reason not to show the others.
    fn part(&mut self, name: &str, style: Style, item: Result<Item, Error>, level: usize) {
        if self.left == 0 {
            self.unreadable += 1;
            return;
        }
        self.left -= 1;
        let shown = match item {
            Ok(item) => self.item(name, style, &item, level),
            Err(error) => {
                self.indent(level);
                self.output.styled(style, name);
                self.output.print(": ");
                Err(error.into())
            }
        };
        match shown {
            Ok(()) => {}
            Err(Failure::Store(error))
                if matches!(error.kind(), ErrorKind::StaleHandle | ErrorKind::IndexOutOfRange) =>
            {
                self.output.styled(FAINT, "removed meanwhile\n");
            }
            Err(failure) => {
                self.unreadable += 1;
                self.abandoned |=
                    matches!(&failure, Failure::Store(error) if error.kind() == ErrorKind::Abandoned);
                self.output.styled(BAD, &text::line(&failure.to_string()));
                self.output.print("\n");
            }
        }
    }

    fn item(&mut self, name: &str, style: Style, item: &Item, level: usize) -> Result<()> {
        self.indent(level);
        self.output.styled(style, name);
        self.output.styled(FAINT, &std::mem::take(&mut self.also));
        self.output.print(": ");
        match item {
            Item::Struct(found) => self.structure(found, level),
            Item::List(list) => self.list(list, level),
            Item::Array(array) => self.array(array),
            Item::Stream(stream) => self.stream(stream),
            plain => {
                self.output.styled(TYPE, plain.kind().name());
                if self.values && plain.kind() != Kind::Null {
                    let style = match plain {
                        Item::Str(_) | Item::Bytes(_) => TEXT,
                        _ => NUMBER,
                    };
                    self.assign(style, &brief(&value(plain)?)?);
                }
                self.end();
                Ok(())
            }
        }
    }

    fn structure(&mut self, found: &Struct, level: usize) -> Result<()> {
        let names = found.names()?;
        self.output.styled(TYPE, &format!("struct of {}", plural(names.len() as u64, "field")));
        self.end();
        if level >= self.depth {
            return Ok(());
        }
        for name in &names {
            match found.find::<Item>(name.as_str()) {
                Ok(Some(item)) => {
                    let meta = found.meta(name.as_str()).ok();
                    self.also = meta.as_ref().map_or(String::new(), also);
                    self.meta = meta.filter(|_| !self.values);
                    self.part(&quoted(name), NAME, Ok(item), level + 1);
                    self.meta = None;
                }
                // Removed since the names were read.
                Ok(None) => {}
                Err(error) => self.part(&quoted(name), NAME, Err(error), level + 1),
            }
        }
        Ok(())
    }

    fn list(&mut self, list: &List, level: usize) -> Result<()> {
        let length = list.len()?;
        self.output.styled(TYPE, &format!("list of {}", plural(length as u64, "item")));
        self.end();
        if level >= self.depth {
            return Ok(());
        }
        for index in 0..length.min(ITEMS) {
            self.part(&format!("[{index}]"), FAINT, list.get(index), level + 1);
        }
        if length > ITEMS {
            self.indent(level + 1);
            self.output.styled(FAINT, &format!("… {} more", length - ITEMS));
            self.output.print("\n");
        }
        Ok(())
    }

    fn array(&mut self, array: &Array) -> Result<()> {
        let (dtype, shape) = (array.dtype()?, array.shape()?);
        let live = if array.is_live()? { "live " } else { "" };
        self.output.styled(TYPE, &format!("{live}{}{shape:?}", text::line(&dtype.to_string())));
        let size = shape.iter().try_fold(dtype.itemsize(), |size, extent| size.checked_mul(*extent));
        if self.values && size.is_some_and(|size| size <= SMALL) {
            let value = array.to_value()?;
            if value.numbers().is_some() || elements(&value).is_some() {
                self.assign(NUMBER, &brief(&value.into())?);
            }
        }
        self.end();
        Ok(())
    }

    fn stream(&mut self, stream: &AnyStream) -> Result<()> {
        self.output.styled(TYPE, &text::line(&stream.value()?.to_string()));
        if self.values {
            self.output.styled(FAINT, &format!(" ({})", stream::summary(stream)?));
            if stream.published() > 0 && stream.sample_size() <= SMALL {
                self.assign(NUMBER, &brief(&newest(stream)?)?);
            }
        }
        self.end();
        Ok(())
    }

    /// Ends the line of a field, with its metadata if that is to be shown.
    fn end(&mut self) {
        match self.meta.take() {
            Some(meta) => tell(&meta, self.output),
            None => self.output.print("\n"),
        }
    }

    fn assign(&mut self, style: Style, value: &str) {
        self.output.styled(PLAIN, " = ");
        self.output.styled(style, value);
    }

    fn indent(&mut self, level: usize) {
        self.output.print(&"  ".repeat(level));
    }
}
