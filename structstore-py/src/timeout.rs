//! Timeouts as Python gives them.

use std::time::Duration;

use pyo3::prelude::*;

use crate::error::{Exception, Result};

/// A timeout in seconds. One too long to be a point in time is none.
pub(crate) fn duration(py: Python<'_>, seconds: f64) -> Result<Duration> {
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) => Ok(duration),
        Err(_) if seconds > 0.0 => Ok(Duration::MAX),
        Err(_) => {
            let message =
                format!("timeout: found {seconds}, expected seconds from 0, or None to wait without bound");
            Err(Exception::InvalidArgumentError.raised(py, &message, None).into())
        }
    }
}
