//! Fuzzes what web applications ask over HTTP.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| support::fuzz::bodies(bytes));
