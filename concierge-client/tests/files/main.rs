//! Files, handed over and fetched: against a store that does what the test says, over pipes in memory and on a clock that stands
//! still, and against the real gateway.
#![expect(clippy::unwrap_used, reason = "what is not as expected is to end the test")]

mod fetching;
mod real;
mod refusals;
mod resuming;
mod scene;
mod storing;
