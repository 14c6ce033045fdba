//! Limits of the format.

/// How deep structures may nest, and thus the bound of every walk towards the root.
pub const MAX_DEPTH: usize = 128;

/// The longest name of a field, in bytes.
pub const MAX_NAME: usize = 1024;

/// How many dimensions an array may have.
pub const MAX_DIMENSIONS: usize = 32;

/// How many samples a stream can keep.
pub const MAX_STREAM_DEPTH: u64 = 1 << 26;
