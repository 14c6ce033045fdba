//! The messages of mirrors. The modules are taken one by one, because the crate has Zenoh in it, which takes minutes to build.
#![no_main]
#![allow(dead_code, reason = "what the rest of the crate needs")]

#[path = "../../structstore-mirror/src/apply.rs"]
mod apply;
#[path = "../../structstore-mirror/src/hostile.rs"]
mod hostile;
#[path = "../../structstore-mirror/src/message.rs"]
mod message;
#[path = "../../structstore-mirror/src/parts.rs"]
mod parts;

use structstore_tests::fuzz::snapshot::with_header;

libfuzzer_sys::fuzz_target!(|body: &[u8]| drop(hostile::apply(&with_header(body))));
