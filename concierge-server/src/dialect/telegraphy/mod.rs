//! The dialect Telegraphy: the connect deadline, the order and the numbers of requests, statuses, system events, close codes.
//!
//! Whoever drives it hands each text to [`Connection::handle_text`] and takes what follows from [`Connection::poll`]:
//! an [`Asked`] becomes an input of the core with [`Connection::input`]. Each [`Effect`](crate::events::Effect) that is sent is encoded
//! once by [`encode`], whoever receives it; that its request is answered is said to [`Connection::handle_answer`], after which `poll`
//! has the next one. Times are [`Duration`]s since one fixed moment, and [`Timestamp`]s where they are told.
//!
//! [`Duration`]: std::time::Duration
//! [`Timestamp`]: concierge_client::telegraphy::Timestamp

mod connection;
pub mod encode;
#[cfg(test)]
mod tests;
pub mod web;

pub use connection::{Asked, Connection, Rules, Step, Timer};
