#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| structstore_cli::private::fuzz(bytes));
