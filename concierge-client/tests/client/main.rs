//! A client against a gateway that does what the test says: over a pipe in memory, on a clock that stands still.
//!
//! What a real gateway does is tested elsewhere; this is about what a real one never does, or not on demand.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what is not as expected is to end the test"
)]

mod address;
mod calls;
mod connecting;
mod dialing;
#[path = "../shared/dropped.rs"]
mod dropped;
mod dropping;
mod ending;
mod events;
mod gateway;
mod observing;
mod raw;
mod reconnecting;
mod restoring;
mod silence;
