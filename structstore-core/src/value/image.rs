//! Images: a value as bytes, exact in types and order, independent of where it lay.
//!
//! Magic, version, length of the body, hash of the body, body. In the body each value is a kind byte and what the
//! kind needs; lengths are 64-bit, everything is little-endian. An image is read back as an ordinary value, so that
//! importing it is an ordinary operation.

use std::borrow::Cow;

use super::{ArrayValue, DType, Kind, Scalar, Value, decode_scalar};
use crate::error::{Error, Result};
use crate::lock::MAX_DEPTH;

const MAGIC: &[u8; 8] = b"STRUCTIM";
const VERSION: u64 = 1;
const HEADER: usize = 32;

/// A value as an image.
pub(crate) fn encode(value: &Value<'_>) -> Vec<u8> {
    let mut image = vec![0; HEADER];
    write(&mut image, value);
    let (length, hash) = ((image.len() - HEADER) as u64, rapidhash::v3::rapidhash_v3(&image[HEADER..]));
    image[..8].copy_from_slice(MAGIC);
    image[8..16].copy_from_slice(&VERSION.to_le_bytes());
    image[16..24].copy_from_slice(&length.to_le_bytes());
    image[24..32].copy_from_slice(&hash.to_le_bytes());
    image
}

fn write(image: &mut Vec<u8>, value: &Value<'_>) {
    fn sized(image: &mut Vec<u8>, bytes: &[u8]) {
        image.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        image.extend_from_slice(bytes);
    }
    image.push(value.kind() as u8);
    match value {
        Value::Null => {}
        Value::Scalar(scalar) => image.extend_from_slice(&scalar.payload().to_le_bytes()),
        Value::Text(text) => sized(image, text.as_bytes()),
        Value::Bytes(bytes) => sized(image, bytes),
        Value::List(items) => {
            image.extend_from_slice(&(items.len() as u64).to_le_bytes());
            items.iter().for_each(|item| write(image, item));
        }
        Value::Struct(fields) => {
            image.extend_from_slice(&(fields.len() as u64).to_le_bytes());
            for (name, value) in fields {
                sized(image, name.as_bytes());
                write(image, value);
            }
        }
        Value::Array(array) => {
            sized(image, array.dtype().descr().as_bytes());
            image.extend_from_slice(&(array.dtype().itemsize() as u64).to_le_bytes());
            image.extend_from_slice(&(array.shape().len() as u64).to_le_bytes());
            array.shape().iter().for_each(|extent| image.extend_from_slice(&(*extent as u64).to_le_bytes()));
            sized(image, array.data());
        }
    }
}

/// The value of an image, which is checked to the last byte.
pub(crate) fn decode(image: &[u8]) -> Result<Value<'_>> {
    let mismatch = |what, found: String, expected: &str| Error::Mismatch {
        place: "the image".to_owned(),
        what,
        found,
        expected: expected.to_owned(),
    };
    let Some((header, body)) = image.split_at_checked(HEADER) else {
        return Err(mismatch("its length", format!("{} bytes", image.len()), "at least 32 bytes"));
    };
    let mut header = Reader { rest: header, length: image.len() };
    if header.take(8)? != MAGIC {
        return Err(mismatch("its magic", "another".to_owned(), "STRUCTIM"));
    }
    let (version, length, hash) = (header.word()?, header.word()?, header.word()?);
    if version != VERSION {
        return Err(mismatch("its version", version.to_string(), "1"));
    }
    if length != body.len() as u64 {
        return Err(mismatch("its length", body.len().to_string(), &length.to_string()));
    }
    if hash != rapidhash::v3::rapidhash_v3(body) {
        return Err(mismatch("its hash", "another".to_owned(), "the hash of its bytes"));
    }
    let mut reader = Reader { rest: body, length: image.len() };
    let value = reader.value(0)?;
    if reader.rest.is_empty() { Ok(value) } else { Err(reader.broken("bytes behind the value").into()) }
}

struct Reader<'a> {
    rest: &'a [u8],
    length: usize,
}

impl<'a> Reader<'a> {
    fn broken(&self, found: impl std::fmt::Display) -> Box<Error> {
        let at = self.length - self.rest.len();
        Error::corrupt(format_args!("byte {at} of the image"), found, "a value")
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) =
            self.rest.split_at_checked(count).ok_or_else(|| self.broken("the end of the image"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn word(&mut self) -> Result<u64> {
        let mut word = [0; 8];
        word.copy_from_slice(self.take(8)?);
        Ok(u64::from_le_bytes(word))
    }

    /// A count of things of at least `least` bytes each, of which there cannot be more than bytes are left.
    fn count(&mut self, least: usize) -> Result<usize> {
        let count = self.word()?;
        match usize::try_from(count) {
            Ok(count) if count <= self.rest.len() / least => Ok(count),
            _ => Err(self.broken(format_args!("a count of {count}")).into()),
        }
    }

    fn sized(&mut self) -> Result<&'a [u8]> {
        let count = self.count(1)?;
        self.take(count)
    }

    fn text(&mut self) -> Result<&'a str> {
        let bytes = self.sized()?;
        Ok(std::str::from_utf8(bytes).map_err(|_| self.broken("text that is not UTF-8"))?)
    }

    fn value(&mut self, depth: usize) -> Result<Value<'a>> {
        if depth > MAX_DEPTH {
            return Err(Error::TooDeep { path: String::new(), limit: MAX_DEPTH });
        }
        let code = self.take(1)?[0];
        let kind = Kind::of(code).ok_or_else(|| self.broken(format_args!("the kind {code}")))?;
        Ok(match kind {
            Kind::Null => Value::Null,
            Kind::Text => Value::Text(Cow::Borrowed(self.text()?)),
            Kind::Bytes => Value::Bytes(Cow::Borrowed(self.sized()?)),
            Kind::List => {
                let count = self.count(1)?;
                Value::List((0..count).map(|_| self.value(depth + 1)).collect::<Result<_>>()?)
            }
            Kind::Struct => {
                let count = self.count(9)?;
                let field = |_| Ok((Cow::Borrowed(self.text()?), self.value(depth + 1)?));
                Value::Struct((0..count).map(field).collect::<Result<_>>()?)
            }
            Kind::Array => {
                let descr = self.text()?;
                let itemsize = self.word()?;
                let itemsize = u32::try_from(itemsize).map_err(|_| self.broken("a huge item size"))?;
                let dtype = DType::parse(descr, itemsize)?;
                let dimensions = self.count(8)?;
                let shape: Vec<usize> =
                    (0..dimensions).map(|_| Ok(self.word()? as usize)).collect::<Result<_>>()?;
                let data = self.sized()?;
                let array = ArrayValue::new(dtype, &shape, data);
                Value::Array(array.map_err(|_| self.broken(format_args!("the shape {shape:?}")))?)
            }
            scalar => {
                let payload = self.word()?;
                let scalar: Option<Scalar> = decode_scalar(scalar, payload)?;
                Value::Scalar(scalar.ok_or_else(|| self.broken("no scalar"))?)
            }
        })
    }
}
