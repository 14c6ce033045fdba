//! The numbers in a sample of a stream.

use structstore::path::Path;
use structstore::stream::AnyStream;
use structstore::typed::RecordField;
use structstore::{DType, Kind};

/// The most numbers of a sample that can be plotted one by one.
const MOST: usize = 256;
/// How many elements and fields are looked at in search of them.
const LOOKS: usize = 16 * MOST;

/// A number in each sample.
pub(crate) struct Column {
    /// How it is called: `acc.x`, `q[1]`; empty for a sample that is a number.
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// Where it lies, in bytes from the start of the sample.
    pub(crate) offset: usize,
}

/// All numbers in a sample; none if there are too many.
pub(crate) fn columns(stream: &AnyStream) -> Vec<Column> {
    let (mut columns, mut looks) = (Vec::new(), LOOKS);
    let fits = add(&mut columns, &mut looks, Path::ROOT, stream.dtype(), &[], stream.shape(), 0);
    if fits { columns } else { Vec::new() }
}

/// Adds the numbers of an element, or of the elements of an array. `false` if there are too many.
fn add(
    columns: &mut Vec<Column>,
    looks: &mut usize,
    name: Path,
    dtype: &DType,
    fields: &[RecordField],
    shape: &[usize],
    offset: usize,
) -> bool {
    let Some(left) = looks.checked_sub(1) else { return false };
    *looks = left;
    if let [length, inner @ ..] = shape {
        // The size of a sample was checked: no product of lengths is too large.
        let size = inner.iter().product::<usize>() * dtype.itemsize();
        let mut items = 0..*length;
        return *length <= MOST
            && items.all(|at| add(columns, looks, name.then(at), dtype, fields, inner, offset + at * size));
    }
    match dtype.kind() {
        Some(kind) => columns.push(Column { name: name.to_string(), kind, offset }),
        None => {
            let parsed = if fields.is_empty() { dtype.fields().unwrap_or_default() } else { fields.to_vec() };
            for field in parsed.iter().filter(|field| !field.name.is_empty()) {
                let (name, offset) = (name.then(field.name.as_str()), offset + field.offset);
                if !add(columns, looks, name, &field.dtype, &field.fields, &field.shape, offset) {
                    return false;
                }
            }
        }
    }
    columns.len() <= MOST
}

#[cfg(test)]
mod tests {
    use structstore::stream::Stream;
    use structstore::{StreamValue, StructStore};

    use super::*;

    #[test]
    fn arrays_without_numbers_are_soon_done() {
        let (store, fields) = (StructStore::new(), "[('a', '<f8', (256, 256, 256, 256, 0)), ('b', '<f8')]");
        store.set("odd", StreamValue::new(DType::structured(fields, 8).unwrap(), &[], 2).unwrap()).unwrap();
        assert!(columns(&store.get::<AnyStream>("odd").unwrap()).is_empty());
        let fields = "[('a', '|S1', (256, 256)), ('b', '<f8')]";
        let size = 256 * 256 + 8;
        store
            .set("texts", StreamValue::new(DType::structured(fields, size).unwrap(), &[], 2).unwrap())
            .unwrap();
        assert!(columns(&store.get::<AnyStream>("texts").unwrap()).is_empty());
        store.ensure_stream::<[f64]>("q", Stream::array([2]).depth(2)).unwrap();
        let names = columns(&store.get::<AnyStream>("q").unwrap()).into_iter().map(|column| column.name);
        assert_eq!(names.collect::<Vec<_>>(), ["[0]", "[1]"]);
    }
}
