//! What `serve` shows.

use std::sync::Arc;

use structstore_serve::{Source, Timeline};

/// What is served, and what plays it if it is a recording.
pub(crate) type Served = (Option<Source>, Option<Arc<dyn Timeline>>);
