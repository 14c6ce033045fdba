#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| structstore_record::private::fuzz(bytes));
