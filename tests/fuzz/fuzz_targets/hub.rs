//! Fuzzes the hub, by way of its dialect.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| support::fuzz::hub(bytes));
