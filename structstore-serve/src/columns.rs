//! The numbers in a sample of a stream.

use structstore::stream::AnyStream;
use structstore::typed::RecordField;

/// The most numbers of a sample that can be plotted one by one.
const MOST: usize = 256;
/// How many parts a sample has at the most, numbers or not.
const PARTS: usize = 16 * MOST;

/// All numbers in a sample, by their paths; none if there are too many.
pub(crate) fn columns(stream: &AnyStream) -> Vec<RecordField> {
    let mut columns = stream.dtype().columns(stream.shape(), PARTS).unwrap_or_default();
    columns.retain(|column| column.dtype.kind().is_some());
    if columns.len() > MOST { Vec::new() } else { columns }
}

#[cfg(test)]
mod tests {
    use structstore::stream::Stream;
    use structstore::{DType, StreamValue, StructStore};

    use super::*;

    #[test]
    fn arrays_without_numbers_are_soon_done() {
        let (store, fields) = (StructStore::new(), "[('a', '<f8', (256, 256, 256, 256, 0)), ('b', '<f8')]");
        store.set("odd", StreamValue::new(DType::structured(fields, 8).unwrap(), &[], 2).unwrap()).unwrap();
        assert_eq!(columns(&store.get::<AnyStream>("odd").unwrap())[0].name, "b");
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
