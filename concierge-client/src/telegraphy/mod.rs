//! The second protocol, Telegraphy: events of web applications for browsers and programs. Its payloads, in both directions.
//!
//! No IO, no clock, no randomness. Each payload's documentation shows its JSON, and a doc-test round-trips it.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod definition;
mod grants;
mod name;
mod position;
mod timestamp;

pub use definition::{Audience, Definition, Disclosure, Fields, Guarantee, Kind};
pub use grants::{Grant, Grants};
pub use name::{EventName, UserId};
pub use position::{Epoch, Position};
pub use timestamp::{InvalidTimestamp, Timestamp};
