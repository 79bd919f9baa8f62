//! The file store's rules: which paths there are, whose key opens what, and how much fits. Files themselves, HTTP and disks are
//! elsewhere: here a file is an id, a size and a fingerprint.
//!
//! Pure, like the hub: keys, ids and sizes come in, what is to be done goes out. What is looked up is in memory alone, as a
//! client's folder lives no longer than its connection.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]
// What is decided here is decided in whole: there is nothing that could panic half-way.
#![cfg_attr(
    not(test),
    deny(
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice,
        clippy::unreachable,
        clippy::unwrap_used
    )
)]

mod address;
mod keys;
#[cfg(test)]
mod model;
mod path;
mod store;
mod tally;
#[cfg(test)]
mod tests;

pub use address::Address;
pub use keys::{Access, Caller, Holder, KeyRefusal, Keys, LegacyKeys};
pub use path::{FilePath, PathRefusal};
pub use store::{Committed, FileId, Lease, Limits, Refusal, Retired, Store, StoredFile, Ticket, Totals};
pub use tally::Tally;
