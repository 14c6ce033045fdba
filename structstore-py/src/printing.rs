//! Structures as people read them: JSON, in which what is long is cut short, and representations of one line.

use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use structstore::binding_support::{HandleExt, ListExt, Slot, StructExt};
use structstore::{Array, ErrorKind, Key, Kind, List, Result, Scalar, Struct, Value};

use crate::value_in::Inputs;

/// How many elements of an array, items of a list, characters, and bytes are printed; as many as NumPy prints.
const SHOWN: usize = 1000;

/// What is printed of a value, or of the error in its place. Other than what interrupts reading it: that is the exception of a signal handler.
pub(crate) fn printed(value: Result<Value<'static>>) -> crate::error::Result<String> {
    match value.map(cut) {
        Ok(value) => Ok(value.to_string()),
        Err(error) if error.kind() == ErrorKind::Interrupted => Err(error.into()),
        Err(error) => Ok(format!("<{error}>")),
    }
}

/// Where something is left out, a string says so.
fn cut(value: Value<'static>) -> Value<'static> {
    match value {
        Value::Array(array) if array.shape().iter().product::<usize>() > SHOWN => {
            format!("{}{:?}", array.dtype(), array.shape()).into()
        }
        Value::Bytes(bytes) if bytes.len() > SHOWN => format!("{} bytes", bytes.len()).into(),
        Value::Str(text) => match text.char_indices().nth(SHOWN) {
            Some((end, _)) => {
                let more = text[end..].chars().count();
                format!("{}… and {more} characters more", &text[..end]).into()
            }
            None => Value::Str(text),
        },
        Value::List(mut items) => {
            let more = items.len().saturating_sub(SHOWN);
            items.truncate(SHOWN);
            let mut items: Vec<_> = items.into_iter().map(cut).collect();
            if more > 0 {
                items.push(format!("… and {more} items more").into());
            }
            Value::List(items)
        }
        Value::Struct(fields) => {
            Value::Struct(fields.into_iter().map(|(name, value)| (name, cut(value))).collect())
        }
        other => other,
    }
}

/// A structure as notebooks show it.
pub(crate) fn html<'py>(structure: &Bound<'py, PyAny>) -> crate::error::Result<Bound<'py, PyAny>> {
    Ok(PyModule::import(structure.py(), "structstore._html")?.getattr("tree")?.call1((structure,))?)
}

/// An array as a PNG file, if it has the type and shape of a picture.
#[pyfunction]
pub(crate) fn _png<'py>(array: &Bound<'py, PyAny>) -> crate::error::Result<Option<Bound<'py, PyBytes>>> {
    let (py, inputs) = (array.py(), Inputs::default());
    let value = inputs.value(array)?;
    let png = inputs.run(py, || {
        Ok(match &value {
            Value::Array(array) => structstore_cli::png(array),
            _ => None,
        })
    })?;
    Ok(png.map(|png| PyBytes::new(py, &png)))
}

/// How many characters a representation has, more or less.
const WIDTH: usize = 80;
/// How long a representation waits for a lock that another thread holds: a debugger asks for many.
const PATIENCE: Duration = Duration::from_millis(20);

/// The representation of a structure: its class, and its contents on one line, which is cut.
///
/// `head` stands before the contents, and `write` adds them under a lock, so that it does not wait.
pub(crate) fn represented<H: HandleExt>(
    handle: &H,
    class: &str,
    head: &str,
    write: impl FnOnce(&mut Brief) -> Result<()>,
) -> String {
    let held = match handle.lock_token(false, Some(PATIENCE)) {
        Err(error) if error.kind() == ErrorKind::ReadOnly => Ok(None),
        other => other.map(Some),
    };
    let mut brief = Brief { text: format!("{class}({head}"), first: head.is_empty() };
    let said = match held.and_then(|_held| write(&mut brief)) {
        Ok(()) => return brief.text + ")",
        Err(error) if error.kind() == ErrorKind::StaleHandle => "removed or replaced".to_owned(),
        Err(error) if error.kind() == ErrorKind::LockTimeout => "locked by another thread".to_owned(),
        Err(error) => error.to_string(),
    };
    let head = if head.is_empty() { String::new() } else { format!(" {head}") };
    format!("<{class}{head}: {said}>")
}

/// A line that grows until it is long enough.
pub(crate) struct Brief {
    text: String,
    first: bool,
}

impl Brief {
    /// Adds the fields of a struct.
    pub(crate) fn fields(&mut self, py: Python<'_>, node: &Struct) -> Result<()> {
        let names = node.names()?;
        for name in &names {
            if !self.has_room() {
                break;
            }
            if let Some(look) = node.look(&Key::new(name))? {
                let shown = if is_identifier(name) { name.clone() } else { format!("{name:?}") };
                self.text.push_str(&shown);
                self.text.push('=');
                self.value(py, look)?;
            }
        }
        Ok(())
    }

    /// Adds the items of a list.
    pub(crate) fn items(&mut self, py: Python<'_>, list: &List) -> Result<()> {
        self.text.push('[');
        self.first = true;
        let mut at = 0;
        while at < list.len()? && self.has_room() {
            let Some(look) = list.look(at)? else { break };
            self.value(py, look)?;
            at += 1;
        }
        self.text.push(']');
        Ok(())
    }

    /// Begins the next part; where there is no room, it says that there is more.
    fn has_room(&mut self) -> bool {
        if !std::mem::take(&mut self.first) {
            self.text.push_str(", ");
        }
        let room = self.text.chars().count() < WIDTH - 10;
        if !room {
            self.text.push('…');
        }
        room
    }

    fn value(&mut self, py: Python<'_>, look: Slot<'_>) -> Result<()> {
        let room = WIDTH.saturating_sub(self.text.chars().count()).max(10);
        let text = match look.kind()? {
            Kind::Null => "None".to_owned(),
            Kind::Str => match look.text(SHOWN, |text| literal(py, text, room))? {
                Some(text) => text,
                None => format!("<str of {} bytes>", look.byte_len()?),
            },
            Kind::Bytes => format!("<{} bytes>", look.byte_len()?),
            Kind::Struct if look.get::<Struct>()?.is_empty()? => "{}".to_owned(),
            Kind::Struct => "{…}".to_owned(),
            Kind::List if look.get::<List>()?.is_empty()? => "[]".to_owned(),
            Kind::List => "[…]".to_owned(),
            Kind::Array => {
                let array: Array = look.get()?;
                format!("<{} {:?}>", array.dtype()?, array.shape()?)
            }
            Kind::Stream => "<stream>".to_owned(),
            _ => match look.get::<Scalar>()? {
                Scalar::Bool(true) => "True".to_owned(),
                Scalar::Bool(false) => "False".to_owned(),
                number => number.to_string(),
            },
        };
        self.text.push_str(&text);
        Ok(())
    }
}

/// A string as Python writes it, cut.
fn literal(py: Python<'_>, text: &str, room: usize) -> String {
    let cut: String = match text.chars().count() {
        length if length > room => text.chars().take(room).chain(['…']).collect(),
        _ => text.to_owned(),
    };
    PyString::new(py, &cut)
        .repr()
        .map_or_else(|_| "<str>".to_owned(), |text| text.to_string_lossy().into_owned())
}

fn is_identifier(name: &str) -> bool {
    name.starts_with(|first: char| first.is_alphabetic() || first == '_')
        && name.chars().all(|character| character.is_alphanumeric() || character == '_')
}
