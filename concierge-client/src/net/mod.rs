//! The connection: everything of a client that touches a socket, a clock or a task.
//!
//! Owns the way to a gateway, the one task of a client that runs its connections one after the other, and the bounded queues
//! into which it puts what users read. It decides nothing about the protocol: that is the session's.

mod activity;
mod approach;
mod chores;
mod counters;
mod desk;
mod dial;
mod driver;
mod fanout;
mod farewell;
mod happy;
mod headers;
mod hold;
#[cfg(feature = "http")]
mod http;
mod identify;
mod ledger;
mod link;
mod patience;
mod pings;
mod proxy;
mod raw;
mod retry_after;
mod secret_source;
mod stream;
mod supervisor;
mod tcp;
#[cfg(feature = "rustls")]
mod tls;
mod url;
mod way;

pub use fanout::Overflow;
pub use hold::Hold;
pub use raw::{RawConnection, RawReceiver, RawSender, Received};
pub use url::GatewayUrl;

/// No time limit is longer: a year, which every clock can count to.
pub(crate) const LONGEST: std::time::Duration = std::time::Duration::from_hours(365 * 24);

pub(crate) use approach::{Approach, Established};
pub(crate) use dial::Route;
#[cfg(feature = "http")]
pub(crate) use dial::USER_AGENT;
pub(crate) use driver::Tuning;
pub(crate) use fanout::{Predicate, Queue};
pub(crate) use farewell::{cause_of_close, cause_of_error, farewell};
#[cfg(feature = "http")]
pub(crate) use http::{Body, connection};
pub(crate) use ledger::Interest;
pub(crate) use link::{Command, Control, Link, Outcome, Waiter};
pub(crate) use patience::Patience;
pub(crate) use secret_source::{ProviderError, SecretSource};
pub(crate) use supervisor::{Persistence, random, start, with_sources};
pub(crate) use way::{Connector, Socket, Way};
