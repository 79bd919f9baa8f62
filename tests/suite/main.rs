//! What is promised, tried from outside: one module a promise.

mod transcripts;
