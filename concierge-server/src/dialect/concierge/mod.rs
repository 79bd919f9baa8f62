//! The dialect `ert-concierge`: the identify deadline, the order of checks, sequence numbers, close codes, heartbeat.
//!
//! Whoever drives it calls [`Connection::handle_text`] without holding the hub, and [`Connection::perform`] with it.
//! Times are [`Duration`]s since one fixed moment, the same for all connections.
//!
//! [`Duration`]: std::time::Duration

mod connection;
mod deliveries;
mod heartbeat;
mod identify;
mod refusals;
mod request;
mod rules;
mod step;
#[cfg(test)]
mod tests;

pub use connection::Connection;
pub use deliveries::{Deliveries, Delivery};
pub use rules::Rules;
pub use step::{Answer, Close, Ids, Input, Join, Joined, Step, Timer};
