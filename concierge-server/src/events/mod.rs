//! Events of web applications: who subscribed to what, and what of it somebody receives.
//!
//! It shares nothing with the [`hub`](crate::hub), and is as pure: no sockets, no clock, no randomness.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod filter;
pub mod record;
