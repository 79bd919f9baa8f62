//! Fuzzes what tells who wants an event.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| support::fuzz::filters(bytes));
