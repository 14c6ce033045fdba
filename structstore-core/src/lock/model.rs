//! Models of the lock protocol.
