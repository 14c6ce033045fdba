//! Several values over time, side by side.

use std::collections::HashMap;
use std::ops::ControlFlow;

use structstore::Value;
use structstore::binding_support::element_path;
use structstore::path::{Path, Step};

use crate::decode;
use crate::error::{Error, Result};
use crate::run::{Run, Source};

/// Up to how many elements of an array have a column each.
const ELEMENTS: usize = 64;
/// How many cells a table has at most for each value in it, and how many more: a file of names that are new in each row would make a table that
/// is much larger than the file.
const CELLS: usize = 16;
const MORE_CELLS: usize = 1 << 20;

/// The fields of a struct or of a stream's records over time.
#[derive(Debug, Default)]
pub struct Table {
    /// When each row was seen, in seconds since the start of the recording.
    pub times: Vec<f64>,
    /// The columns, each as long as the times; null where a field was not there.
    pub columns: Vec<(String, Vec<Value<'static>>)>,
    places: HashMap<String, usize>,
    /// How many cells have a value that was recorded.
    filled: usize,
}

impl Table {
    fn begin_row(&mut self, time: f64, of: &Path) -> Result<()> {
        self.times.push(time);
        self.check(of)
    }

    /// All columns are as long as the times.
    fn complete(mut self, of: &Path) -> Result<Table> {
        self.check(of)?;
        let rows = self.times.len();
        self.columns.iter_mut().for_each(|(_, values)| values.resize(rows, Value::Null));
        Ok(self)
    }

    /// Refuses a table that is nearly empty.
    fn check(&self, of: &Path) -> Result<()> {
        let (rows, columns) = (self.times.len(), self.columns.len());
        let most = self.filled.saturating_mul(CELLS).saturating_add(MORE_CELLS);
        if rows.saturating_mul(columns) <= most {
            return Ok(());
        }
        let last = self.columns.last().map_or("", |(name, _)| name.as_str());
        Err(Error::Invalid(format!(
            "{of}: the table has more than {columns} columns, which are nearly empty; select a path below it, such as that of {last:?}"
        )))
    }

    fn add(&mut self, name: String, value: Value<'static>) {
        match value {
            Value::Struct(fields) => {
                fields.into_iter().for_each(|(field, value)| self.add(format!("{name}.{field}"), value));
            }
            Value::Array(array) => match array.numbers().filter(|numbers| numbers.len() <= ELEMENTS) {
                Some(numbers) => numbers.iter().enumerate().for_each(|(at, number)| {
                    self.put(format!("{name}{}", element_path(at, array.shape())), Value::Scalar(*number));
                }),
                None => self.put(name, Value::Array(array)),
            },
            value => self.put(name, value),
        }
    }

    fn put(&mut self, name: String, value: Value<'static>) {
        let row = self.times.len().saturating_sub(1);
        let place = *self.places.entry(name.clone()).or_insert(self.columns.len());
        if place == self.columns.len() {
            self.columns.push((name, Vec::new()));
        }
        if let Some((_, values)) = self.columns.get_mut(place) {
            values.resize(row, Value::Null);
            values.push(value);
            self.filled = self.filled.saturating_add(1);
        }
    }
}

impl Run {
    /// The fields of a struct, or of the records of a stream, over time: a row for each look at which one of them had changed, or for each
    /// sample. Structs, arrays and streams within a struct have tables of their own. An array, or a vector in a record, of up to 64 elements has a
    /// column for each. Of anything else there is one column.
    ///
    /// # Errors
    ///
    /// As [`series`](Run::series), and [`Error::Invalid`] for a table of many columns that are nearly empty.
    ///
    /// ```
    /// use structstore::StructStore;
    /// use structstore_record::{Options, Recording, Run};
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let file = folder.path().join("run.mcap");
    /// let store = StructStore::new();
    /// let pose = store.ensure_struct("pose")?;
    /// pose.set("x", 1.5)?;
    /// pose.set("frame", "map")?;
    /// Recording::start(&store, "local", &file, Options::new())?.stop()?;
    /// let table = Run::open(&file)?.table(&"pose".parse()?)?;
    /// let names: Vec<&str> = table.columns.iter().map(|(name, _)| name.as_str()).collect();
    /// assert_eq!((table.times.len(), names), (1, vec!["x", "frame"]));
    /// # Ok::<(), structstore_record::Error>(())
    /// ```
    pub fn table(&self, path: &Path) -> Result<Table> {
        let mut table = Table::default();
        let is_struct = |source: Source, of: &Path| source == Source::Struct && of == path;
        if !self.topics().iter().any(|topic| is_struct(topic.source, &topic.path)) {
            let name = match path.steps().last() {
                Some(Step::Name(name)) => name.to_string(),
                _ => path.to_string(),
            };
            let series = self.series(path)?;
            for (time, value) in series.times.into_iter().zip(series.values) {
                table.begin_row(time, path)?;
                match value {
                    Value::Struct(fields) => {
                        fields.into_iter().for_each(|(field, value)| table.add(field.into_owned(), value));
                    }
                    value => table.add(name.clone(), value),
                }
            }
            return table.complete(path);
        }
        let start = self.start();
        self.visit((0, u64::MAX), &|topic| is_struct(topic.source, &topic.path), &mut |entry| {
            let message =
                decode::of_struct(entry.data, &entry.topic.spec).map_err(|error| self.damaged(error))?;
            table.begin_row(entry.time.saturating_sub(start) as f64 / 1e9, path)?;
            for (name, value) in message.fields {
                table.put(name, value);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        table.complete(path)
    }
}
