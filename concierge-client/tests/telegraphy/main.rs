//! The client of Telegraphy against the gateway's own rules.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what is not as expected is to end the test"
)]

mod gateway;
mod live;
mod properties;
mod publisher;
mod real;
mod session;
