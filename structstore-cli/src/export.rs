//! `get --npy` and `get --png`: arrays, and newest samples of streams, as files of other formats.

use std::io::{self, IsTerminal};
use std::path::Path as FilePath;

use structstore::{ArrayValue, Error, Item};

use crate::arguments::Get;
use crate::document::{self, is_standard};
use crate::failure::{Failure, Result};
use crate::path;
use crate::{npy, picture};

pub(crate) fn run(options: &Get, target: &FilePath) -> Result<u8> {
    if is_standard(target) && io::stdout().is_terminal() {
        let message = "an array cannot be written to a terminal; name a file, or redirect the output";
        return Err(Failure::Usage(message.to_owned()));
    }
    let array = options.store.snapshot(|root| match path::find(root, &options.path)? {
        Item::Array(array) => Ok(array.to_value()?),
        // The newest sample.
        Item::Stream(stream) => {
            let sample = stream.latest()?;
            Ok(ArrayValue::new(stream.dtype().clone(), stream.shape(), sample.data.as_slice().to_vec())?)
        }
        other => Err(Error::wrong_type(other.kind().name(), "array").below(options.path.clone()).into()),
    })?;
    let file = match options.npy {
        Some(_) => npy::file(&array),
        None => picture::file(&array, &options.path)?,
    };
    document::write(target, &file).map(|()| 0)
}
