//! Arrays as PNG pictures.

use png::{BitDepth, ColorType, Encoder, EncodingError};
use structstore::path::Path;
use structstore::{ArrayValue, Kind, Scalar};

use crate::failure::{Failure, Result};
use crate::path::shown;
use crate::text;

/// An array as a PNG file. What is found at `path` is meant, for messages.
pub(crate) fn file(array: &ArrayValue<'_>, path: &Path) -> Result<Vec<u8>> {
    let unfit = || {
        let found = text::line(&format!("{}{:?}", array.dtype(), array.shape()));
        let expected = "u8, bool or u16 of the shape [h, w], [h, w, 1], [h, w, 3] or [h, w, 4], or floats of the shape [h, w]";
        Failure::Other(format!("{}: found {found}, expected a picture: {expected}", shown(path)))
    };
    let (height, width, channels) = match *array.shape() {
        [height, width] => (height, width, 1),
        [height, width, channels] => (height, width, channels),
        _ => return Err(unfit()),
    };
    let color = match channels {
        1 => ColorType::Grayscale,
        3 => ColorType::Rgb,
        4 => ColorType::Rgba,
        _ => return Err(unfit()),
    };
    let (depth, pixels) = match array.dtype().kind() {
        Some(Kind::U8) => (BitDepth::Eight, array.data().to_vec()),
        Some(Kind::Bool) => {
            (BitDepth::Eight, array.data().iter().map(|byte| u8::from(*byte != 0) * 255).collect())
        }
        // PNG has the high byte first.
        Some(Kind::U16) => {
            let (samples, _) = array.data().as_chunks::<2>();
            (BitDepth::Sixteen, samples.iter().flat_map(|[low, high]| [*high, *low]).collect())
        }
        Some(Kind::F32 | Kind::F64) if array.shape().len() == 2 => {
            (BitDepth::Eight, scaled(&array.numbers().unwrap_or_default()))
        }
        _ => return Err(unfit()),
    };
    let extent = |extent: usize| u32::try_from(extent).ok().filter(|extent| *extent > 0).ok_or_else(unfit);
    let (width, height) = (extent(width)?, extent(height)?);
    encoded(width, height, color, depth, &pixels)
        .map_err(|error| Failure::Other(format!("{}: cannot make a picture of it: {error}", shown(path))))
}

fn encoded(
    width: u32,
    height: u32,
    color: ColorType,
    depth: BitDepth,
    pixels: &[u8],
) -> std::result::Result<Vec<u8>, EncodingError> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, width, height);
    encoder.set_color(color);
    encoder.set_depth(depth);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(file)
}

/// Floats as grey values: the least of them is black, the greatest white. NaN is black.
fn scaled(numbers: &[Scalar]) -> Vec<u8> {
    let floats: Vec<f64> = numbers
        .iter()
        .map(|number| match number {
            Scalar::F32(float) => f64::from(*float),
            Scalar::F64(float) => *float,
            _ => f64::NAN,
        })
        .collect();
    let finite = || floats.iter().copied().filter(|float| float.is_finite());
    let (least, most) = (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
    // Half of each, because the whole range may be beyond what a float holds.
    let span = most / 2.0 - least / 2.0;
    let grey = |float: f64| ((float / 2.0 - least / 2.0) / span * 255.0).round();
    // A cast takes NaN to 0, and what is beyond the ends to the ends.
    floats.iter().map(|float| grey(*float) as u8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_scaled_by_their_range() {
        let scaled = |floats: &[f64]| {
            super::scaled(&floats.iter().map(|float| Scalar::F64(*float)).collect::<Vec<_>>())
        };
        assert_eq!(scaled(&[1.0, 2.0, 3.0]), [0, 128, 255]);
        assert_eq!(scaled(&[f64::NAN, f64::NEG_INFINITY, 1.0, 2.0, f64::INFINITY]), [0, 0, 0, 255, 255]);
        assert_eq!(scaled(&[f64::MIN, 0.0, f64::MAX]), [0, 128, 255]);
        assert_eq!(scaled(&[5.0, 5.0]), [0, 0]);
        assert_eq!(scaled(&[f64::NAN]), [0]);
    }
}
