//! Values over time, one below the other.

use structstore::{ArrayValue, DType, Value};

/// Values over time, the oldest first.
#[derive(Debug, Default)]
pub struct Series {
    /// When each was seen, in seconds since the start of the recording.
    pub times: Vec<f64>,
    /// What it was; null where the field was not there.
    pub values: Vec<Value<'static>>,
}

impl Series {
    /// The values as the rows of one array, if all are numbers or arrays of one type.
    ///
    /// ```
    /// use structstore::Value;
    /// use structstore_record::Series;
    ///
    /// let mut series = Series::default();
    /// (series.times, series.values) = (vec![0.0, 0.5], vec![Value::from(1_u8), Value::from(2_u8)]);
    /// assert_eq!(series.array().unwrap().data(), [1, 2]);
    /// series.values.push("three".into());
    /// assert_eq!(series.array(), None);
    /// ```
    pub fn array(&self) -> Option<ArrayValue<'static>> {
        stacked(&self.values)
    }
}

/// Values as the rows of one array, if all are numbers or arrays of one type.
pub fn stacked(values: &[Value<'_>]) -> Option<ArrayValue<'static>> {
    let (dtype, row) = match values.first()? {
        Value::Scalar(first) => (DType::of_kind(first.kind())?, Vec::new()),
        Value::Array(first) => (first.dtype().clone(), first.shape().to_vec()),
        _ => return None,
    };
    let mut data = Vec::new();
    for value in values {
        match value {
            Value::Scalar(scalar) if row.is_empty() && dtype.kind() == Some(scalar.kind()) => {
                data.extend_from_slice(scalar.to_le_bytes().get(..dtype.itemsize())?);
            }
            Value::Array(array) if *array.dtype() == dtype && array.shape() == row => {
                data.extend_from_slice(array.data());
            }
            _ => return None,
        }
    }
    let shape: Vec<usize> = std::iter::once(values.len()).chain(row).collect();
    ArrayValue::new(dtype, &shape, data).ok()
}
