//! The numbers in a sample of a stream.

use structstore::path::Path;
use structstore::stream::AnyStream;
use structstore::typed::RecordField;
use structstore::{DType, Kind};

/// The most numbers of a sample that can be plotted one by one.
const MOST: usize = 256;

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
    let mut columns = Vec::new();
    let fits = add(&mut columns, Path::ROOT, stream.dtype(), &[], stream.shape(), 0);
    if fits { columns } else { Vec::new() }
}

/// Adds the numbers of an element, or of the elements of an array. `false` if there are too many.
fn add(
    columns: &mut Vec<Column>,
    name: Path,
    dtype: &DType,
    fields: &[RecordField],
    shape: &[usize],
    offset: usize,
) -> bool {
    if let [length, inner @ ..] = shape {
        let size = inner.iter().product::<usize>() * dtype.itemsize();
        return *length <= MOST
            && (0..*length).all(|at| add(columns, name.then(at), dtype, fields, inner, offset + at * size));
    }
    match dtype.kind() {
        Some(kind) => columns.push(Column { name: name.to_string(), kind, offset }),
        None => {
            let parsed = if fields.is_empty() { dtype.fields().unwrap_or_default() } else { fields.to_vec() };
            for field in parsed.iter().filter(|field| !field.name.is_empty()) {
                let (name, offset) = (name.then(field.name.as_str()), offset + field.offset);
                if !add(columns, name, &field.dtype, &field.fields, &field.shape, offset) {
                    return false;
                }
            }
        }
    }
    columns.len() <= MOST
}
