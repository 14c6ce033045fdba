//! Arrays as pictures, of as many pixels as the page asks for.

use serde_json::json;
use structstore::Kind;

use crate::elements::Elements;
use crate::message::{self, binary};
use crate::text::number;

/// The most pixels in each direction.
const LARGEST: usize = 4096;

/// How elements become pixels.
#[derive(Clone, Copy, PartialEq)]
enum Pixels {
    /// One byte each, from black to white.
    Grey,
    /// Three or four.
    Colors(usize),
    /// One byte each, from the least to the greatest value, and 0 for what is not a number.
    Map,
}

/// A binary message with the picture, or why there is none.
pub(crate) fn draw(asked: &message::Picture, elements: Elements<'_>) -> Result<Vec<u8>, String> {
    let (whole, dtype) = (elements.shape.clone(), elements.dtype.clone());
    let elements = elements.at(&asked.index);
    let kind = dtype.kind().ok_or_else(|| format!("{dtype} is not a number"))?;
    let mut elements = elements;
    let (height, width, channels) = loop {
        match sizes(&elements.shape)? {
            (Some(height), width, channels) => break (height, width, channels),
            // The first of several pictures.
            (None, ..) => elements = elements.at(&[0]),
        }
    };
    if height * width == 0 {
        return Err(format!("{whole:?} has no elements"));
    }
    let pixels = match (channels, kind) {
        (3 | 4, _) => Pixels::Colors(channels),
        (_, Kind::U8 | Kind::Bool) => Pixels::Grey,
        _ => Pixels::Map,
    };
    let numbers = sample(&elements, kind, height, width, channels, asked);
    let (columns, rows) = fitting(width, height, asked);
    let (low, high) = range(&numbers, asked, kind, pixels);
    // In a map, 0 stands for what is not a number.
    let least = if pixels == Pixels::Map { 1.0 } else { 0.0 };
    let scaled = |value: f64| {
        // By halves, because the whole range may be beyond what a float holds.
        let part = if high > low { (value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0) } else { 0.5 };
        if value.is_nan() { 0 } else { (least + part.clamp(0.0, 1.0) * (255.0 - least)).round() as u8 }
    };
    let data: Vec<u8> = numbers.into_iter().map(scaled).collect();
    let name = match pixels {
        Pixels::Grey => "grey",
        Pixels::Colors(3) => "rgb",
        Pixels::Colors(_) => "rgba",
        Pixels::Map => "map",
    };
    let finite = |number: f64| number.is_finite().then_some(number);
    let header = json!({
        "type": "picture", "id": asked.id, "dtype": dtype.to_string(), "shape": whole, "pixels": name, "width": columns,
        "height": rows, "low": finite(low), "high": finite(high), "time": elements.time,
    });
    Ok(binary(&header, &data))
}

/// Height, width and numbers of a pixel. There is no height where there are several pictures in a row.
fn sizes(shape: &[usize]) -> Result<(Option<usize>, usize, usize), String> {
    match shape {
        [height, width] | [height, width, 1] => Ok((Some(*height), *width, 1)),
        [height, width, channels @ (3 | 4)] => Ok((Some(*height), *width, *channels)),
        [_, inner @ ..] if inner.len() >= 2 => {
            sizes(inner).map(|(_, width, channels)| (None, width, channels))
        }
        _ => Err(format!("an array of the shape {shape:?} cannot be shown as a picture")),
    }
}

/// How many pixels of a picture are sent: as many as fit what was asked for.
fn fitting(width: usize, height: usize, asked: &message::Picture) -> (usize, usize) {
    let limits = (asked.width.clamp(1, LARGEST) as f64, asked.height.clamp(1, LARGEST) as f64);
    let factor = (width as f64 / limits.0).max(height as f64 / limits.1).max(1.0);
    let size =
        |length: usize| ((length as f64 / factor).round() as usize).clamp(usize::from(length > 0), length);
    (size(width), size(height))
}

/// The numbers of the pixels that are sent: the nearest ones.
fn sample(
    elements: &Elements<'_>,
    kind: Kind,
    height: usize,
    width: usize,
    channels: usize,
    asked: &message::Picture,
) -> Vec<f64> {
    let (columns, rows) = fitting(width, height, asked);
    let (size, row_bytes) = (elements.size(), elements.size() * width * channels);
    let nearest = |at: usize, of: usize, length: usize| (2 * at + 1) * length / (2 * of);
    let mut numbers = Vec::with_capacity(columns * rows * channels);
    for row in 0..rows {
        let start = nearest(row, rows, height) * row_bytes;
        let bytes = elements.bytes(start..start + row_bytes);
        for column in 0..columns {
            let pixel = nearest(column, columns, width) * channels * size;
            for channel in 0..channels {
                let bytes = bytes.get(pixel + channel * size..).unwrap_or_default();
                numbers.push(number(Some(kind), bytes));
            }
        }
    }
    numbers
}

/// The values of black and white.
fn range(numbers: &[f64], asked: &message::Picture, kind: Kind, pixels: Pixels) -> (f64, f64) {
    let (low, high) = match (pixels, kind) {
        (_, Kind::Bool) => (0.0, 1.0),
        (Pixels::Grey | Pixels::Colors(_), Kind::U8) => (0.0, 255.0),
        (Pixels::Colors(_), Kind::U16) => (0.0, f64::from(u16::MAX)),
        (Pixels::Colors(_), Kind::F32 | Kind::F64) => (0.0, 1.0),
        _ => {
            let finite = || numbers.iter().copied().filter(|number| number.is_finite());
            (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max))
        }
    };
    (asked.low.unwrap_or(low), asked.high.unwrap_or(high))
}

#[cfg(test)]
mod tests {
    use structstore::watch::Found;
    use structstore::{ArrayValue, DType, Value};

    use super::*;

    fn drawn(
        array: ArrayValue<'static>,
        change: impl FnOnce(&mut message::Picture),
    ) -> (serde_json::Value, Vec<u8>) {
        let path = message::Text::new("");
        let mut asked = message::Picture {
            id: 1,
            path,
            width: 100,
            height: 100,
            low: None,
            high: None,
            index: Vec::new(),
        };
        change(&mut asked);
        let found = Found::Value(Value::Array(array));
        let message = draw(&asked, Elements::of(&found).unwrap()).unwrap();
        let length = u32::from_le_bytes(*message.first_chunk().unwrap()) as usize;
        (serde_json::from_slice(&message[4..4 + length]).unwrap(), message[4 + length..].to_vec())
    }

    fn array<T: structstore::traits::Element>(
        shape: &[usize],
        elements: &'static [T],
    ) -> ArrayValue<'static> {
        ArrayValue::from_slice(shape, elements).unwrap()
    }

    #[test]
    fn small_pictures_stay_as_they_are() {
        let (header, data) = drawn(array(&[2, 3], &[0_u8, 1, 2, 253, 254, 255]), |_| {});
        assert_eq!((header["pixels"].as_str(), data), (Some("grey"), vec![0, 1, 2, 253, 254, 255]));
        assert_eq!((&header["width"], &header["height"]), (&json!(3), &json!(2)));
        let (header, data) = drawn(array(&[1, 2, 3], &[9_u8, 8, 7, 6, 5, 4]), |_| {});
        assert_eq!((header["pixels"].as_str(), data), (Some("rgb"), vec![9, 8, 7, 6, 5, 4]));
        let truth = ArrayValue::new(DType::new("|b1").unwrap(), &[1, 2], vec![1, 0]).unwrap();
        let (header, data) = drawn(truth, |_| {});
        assert_eq!((header["pixels"].as_str(), data), (Some("grey"), vec![255, 0]));
    }

    #[test]
    fn numbers_are_scaled_by_their_range() {
        let values = &[f32::NAN, -1.0, 0.0, 1.0, f32::INFINITY, f32::NEG_INFINITY];
        let (header, data) = drawn(array(&[2, 3], values), |_| {});
        assert_eq!((header["pixels"].as_str(), data), (Some("map"), vec![0, 1, 128, 255, 255, 1]));
        assert_eq!((&header["low"], &header["high"]), (&json!(-1.0), &json!(1.0)));
        let (_, data) =
            drawn(array(&[1, 2], &[5_i32, 15]), |asked| (asked.low, asked.high) = (Some(10.0), Some(20.0)));
        assert_eq!(data, [1, 128]);
        let (_, data) = drawn(array(&[1, 2], &[5.0, 5.0]), |_| {});
        assert_eq!(data, [128, 128]);
        let (header, data) = drawn(array(&[1, 1], &[f64::NAN]), |_| {});
        assert_eq!((&header["low"], data), (&json!(null), vec![0]));
    }

    #[test]
    fn large_pictures_are_reduced() {
        static PIXELS: [u8; 1600] = {
            let mut pixels = [0; 1600];
            pixels[41] = 9;
            pixels
        };
        let (header, data) =
            drawn(array(&[40, 40], &PIXELS), |asked| (asked.width, asked.height) = (20, 100));
        assert_eq!((&header["width"], &header["height"], data.len()), (&json!(20), &json!(20), 400));
        assert_eq!((data[0], data.iter().filter(|pixel| **pixel != 0).count()), (9, 1));
    }

    #[test]
    fn an_index_chooses_one_of_several() {
        let several = || array(&[2, 1, 2], &[1_u8, 2, 3, 4]);
        assert_eq!(drawn(several(), |_| {}).1, [1, 2]);
        assert_eq!(drawn(several(), |asked| asked.index = vec![1]).1, [3, 4]);
        assert_eq!(drawn(several(), |asked| asked.index = vec![7]).1, [3, 4]);
        assert_eq!(drawn(array(&[1, 2, 1, 2], &[1_u8, 2, 3, 4]), |_| {}).1, [1, 2]);
        assert!(sizes(&[5]).is_err() && sizes(&[]).is_err());
    }
}
