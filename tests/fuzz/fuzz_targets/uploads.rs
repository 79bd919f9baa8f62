//! Fuzzes paths, and forms that are uploaded.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| support::fuzz::uploads(bytes));
