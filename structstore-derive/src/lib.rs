//! The derive macro of `structstore`.
