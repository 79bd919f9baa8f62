//! Fuzzes reading payloads.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| support::fuzz::payloads(bytes));
