//! Services and subscriptions as handles, and requests between clients: against the real gateway where it is enough, and a
//! scripted one for what it never does, or not on demand.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what is not as expected is to end the test"
)]

#[path = "../shared/dropped.rs"]
mod dropped;
mod dropping;
mod owner;
mod real;
mod reconnecting;
mod requests;
mod serving;
mod subscription;
