//! What elements consist of, down to what is no record: the columns of a table of samples.

use super::{DType, RecordField, size_in_bytes};
use crate::error::Path;

impl DType {
    /// What an array of this type and shape consists of, down to single numbers and strings: a field for each. Its name is the path that leads to it, empty if it is the
    /// whole, and its offset is that from the start. What cannot be taken apart is one field; what takes no bytes is left out.
    ///
    /// `None` for more than `most` of them, or for a shape of which memory can hold no array.
    ///
    /// ```
    /// use structstore::{DType, Value};
    ///
    /// let imu = DType::structured("[('t', '<f8'), ('acc', '<f4', (2,))]", 16)?;
    /// let columns = imu.columns(&[], 100).unwrap();
    /// let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    /// assert_eq!(names, ["t", "acc[0]", "acc[1]"]);
    /// assert_eq!(columns[0].value(&1.5_f64.to_le_bytes()), Value::from(1.5));
    /// assert!(imu.columns(&[480, 640], 100).is_none());
    /// # Ok::<(), structstore::Error>(())
    /// ```
    pub fn columns(&self, shape: &[usize], most: usize) -> Option<Vec<RecordField>> {
        let mut columns = Columns { found: Vec::new(), most };
        columns.add(&Path::ROOT, self, &self.fields().unwrap_or_default(), shape, 0)?;
        Some(columns.found)
    }
}

struct Columns {
    found: Vec<RecordField>,
    most: usize,
}

impl Columns {
    /// Adds those of an element, or of the elements of an array; `None` if there are too many.
    fn add(
        &mut self,
        path: &Path,
        dtype: &DType,
        fields: &[RecordField],
        shape: &[usize],
        offset: usize,
    ) -> Option<()> {
        // All else has a column at least, so that the way is not much longer than the columns are many.
        if size_in_bytes(dtype, shape).ok()? == 0 {
            return Some(());
        }
        if let Some((length, inner)) = shape.split_first() {
            let size = size_in_bytes(dtype, inner).ok()? as usize;
            return (0..*length).try_for_each(|at| {
                let offset = offset.saturating_add(at.saturating_mul(size));
                self.add(&path.then(at), dtype, fields, inner, offset)
            });
        }
        let named: Vec<&RecordField> =
            fields.iter().filter(|field| !field.name.is_empty() && field.size() > 0).collect();
        if named.is_empty() {
            let (name, dtype, fields) = (path.to_string(), dtype.clone(), fields.to_vec());
            self.found.push(RecordField { name, dtype, fields, shape: Vec::new(), offset });
        }
        named.iter().try_for_each(|field| {
            let (path, offset) = (path.then(field.name.as_str()), offset.saturating_add(field.offset));
            self.add(&path, &field.dtype, &field.fields, &field.shape, offset)
        })?;
        (self.found.len() <= self.most).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value;

    fn told(descr: &str, itemsize: u32, shape: &[usize], data: &[u8]) -> Option<Vec<String>> {
        let columns = DType::from_descr(descr, itemsize).unwrap().columns(shape, 6)?;
        Some(columns.iter().map(|column| format!("{}={}", column.name, column.value(data))).collect())
    }

    #[test]
    fn samples_are_taken_apart() {
        assert_eq!(told("<i2", 2, &[], &[1, 0]).unwrap(), ["=1"]);
        assert_eq!(
            told("|u1", 1, &[2, 2], &[1, 2, 3, 4]).unwrap(),
            ["[0][0]=1", "[0][1]=2", "[1][0]=3", "[1][1]=4"]
        );
        let parts = "[('a.b', '|S2'), ('', '|V1'), ('p', [('x', '|u1'), ('ok', '|b1')], (2,))]";
        let found = told(parts, 7, &[], &[b'h', b'i', 0, 1, 1, 2, 0]).unwrap();
        assert_eq!(found, [r#""a.b"="hi""#, "p[0].x=1", "p[0].ok=true", "p[1].x=2", "p[1].ok=false"]);
        assert!(told(parts, 7, &[2], &[]).is_none() && told("|u1", 1, &[7], &[]).is_none());
    }

    /// A segment may say anything: the way through what has no columns has an end.
    #[test]
    fn what_has_no_columns_is_soon_done() {
        let empty = "[('a', '<f8', (65536, 65536, 65536, 0)), ('b', '|u1')]";
        assert_eq!(told(empty, 1, &[], &[5]).unwrap(), ["b=5"]);
        let padding = "[('a', [('', '|V1')], (1000000000,)), ('b', '|u1')]";
        assert!(told(padding, 1_000_000_001, &[], &[]).is_none());
        let unreadable = DType::structured("[('x', '|O8')]", 8).unwrap();
        let columns = unreadable.columns(&[], 6).unwrap();
        assert!(matches!(columns[0].value(&[0; 8]), Value::Array(_)), "{columns:?}");
        assert!(unreadable.columns(&[usize::MAX], 6).is_none());
    }
}
