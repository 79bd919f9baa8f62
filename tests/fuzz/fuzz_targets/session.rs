//! Fuzzes the session of a client.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| support::fuzz::session(bytes));
