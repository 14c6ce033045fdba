//! One-dimensional arrays as lines, and parts of arrays as tables.

use serde_json::{Value, json};

use crate::elements::Elements;
use crate::message::{self, binary, numbers};
use crate::reduce::columns;
use crate::text::{number, texts};

/// The most points of a line.
const WIDEST: usize = 10_000;
/// The most rows, or columns, of a table.
const CELLS: usize = 500;

/// A binary message with the elements as a line, or why there is none.
pub(crate) fn line(asked: &message::Vector, elements: Elements<'_>) -> Result<Vec<u8>, String> {
    let (shape, dtype) = (elements.shape.clone(), elements.dtype.clone());
    let kind = dtype.kind().ok_or_else(|| format!("{dtype} is not a number"))?;
    let mut elements = elements.at(&asked.index);
    while elements.shape.len() > 1 {
        elements = elements.at(&[0]);
    }
    let length = elements.shape.first().copied().unwrap_or(1);
    let bytes = elements.bytes(0..length * elements.size());
    let points = bytes.chunks_exact(elements.size().max(1)).enumerate();
    let points = points.map(|(at, bytes)| (at as f64, number(Some(kind), bytes)));
    let step = (length as f64 / asked.width.clamp(1, WIDEST) as f64).max(1.0);
    let points = columns(points, step);
    let data = numbers(points.iter().map(|(x, _)| x).chain(points.iter().map(|(_, y)| y)));
    let (id, count) = (asked.id, points.len());
    let header =
        json!({ "type": "vector", "id": id, "dtype": dtype.to_string(), "shape": shape, "count": count });
    Ok(binary(&header, &data))
}

/// A message with a part of the elements as texts.
pub(crate) fn table(asked: &message::Table, elements: Elements<'_>, writable: bool) -> Value {
    let (shape, dtype) = (elements.shape.clone(), elements.dtype.clone());
    let mut elements = elements.at(&asked.index);
    while elements.shape.len() > 2 {
        elements = elements.at(&[0]);
    }
    let (rows, columns) = match *elements.shape.as_slice() {
        [rows, columns] => (rows, columns),
        [rows] => (rows, 1),
        _ => (1, 1),
    };
    let window = |from: usize, count: usize, length: usize| {
        let from = from.min(length);
        from..from.saturating_add(count.min(CELLS)).min(length)
    };
    let (row_range, column_range) =
        (window(asked.row, asked.rows, rows), window(asked.column, asked.columns, columns));
    let row = |row: usize| {
        let cell = |column: usize| (row * columns + column) * elements.size();
        texts(&dtype, &elements.bytes(cell(column_range.start)..cell(column_range.end)))
    };
    json!({
        "type": "table", "id": asked.id, "dtype": dtype.to_string(), "shape": shape, "row": row_range.start,
        "column": column_range.start, "cells": row_range.map(row).collect::<Vec<_>>(), "writable": writable,
    })
}

#[cfg(test)]
mod tests {
    use structstore::watch::Found;
    use structstore::{ArrayValue, Value};

    use super::*;

    fn found(shape: &[usize]) -> Found {
        let elements: Vec<i16> = (0..shape.iter().product::<usize>() as i16).collect();
        let data: Vec<u8> = elements.iter().flat_map(|element| element.to_le_bytes()).collect();
        let array = ArrayValue::new(structstore::DType::of::<i16>(), shape, data).unwrap();
        Found::Value(Value::Array(array))
    }

    #[test]
    fn a_table_is_a_part_of_the_elements() {
        let path = || message::Text::new("");
        let cells = |shape: &[usize], row, column, index: &[usize]| {
            let asked = message::Table {
                id: 1,
                path: path(),
                row,
                column,
                rows: 2,
                columns: 2,
                index: index.to_vec(),
            };
            let found = found(shape);
            table(&asked, Elements::of(&found).unwrap(), false)["cells"].to_string()
        };
        assert_eq!(cells(&[3, 4], 1, 2, &[]), r#"[["6","7"],["10","11"]]"#);
        assert_eq!(cells(&[3, 4], 2, 3, &[]), r#"[["11"]]"#);
        assert_eq!(cells(&[3, 4], 9, 9, &[]), "[]");
        assert_eq!(cells(&[3], 1, 0, &[]), r#"[["1"],["2"]]"#);
        assert_eq!(cells(&[2, 2, 2], 0, 0, &[1]), r#"[["4","5"],["6","7"]]"#);
        assert_eq!(cells(&[], 0, 0, &[]), r#"[["0"]]"#);
    }

    #[test]
    fn a_long_line_keeps_its_extremes() {
        let asked = message::Vector { id: 1, path: message::Text::new(""), width: 10, index: Vec::new() };
        let found = found(&[1000]);
        let message = line(&asked, Elements::of(&found).unwrap()).unwrap();
        let length = u32::from_le_bytes(*message.first_chunk().unwrap()) as usize;
        let numbers: Vec<f64> = message[4 + length..]
            .chunks(8)
            .map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap()))
            .collect();
        assert_eq!(numbers.len(), 40);
        assert_eq!((numbers[0], numbers[19], numbers[20], numbers[39]), (0.0, 999.0, 0.0, 999.0));
    }
}
