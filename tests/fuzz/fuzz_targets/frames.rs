//! Fuzzes what a peer writes to a gateway that listens.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| support::fuzz::frames(bytes));
