//! The hub: who is here, which services exist, who subscribed, who may do what, and who receives what.
//!
//! A deterministic state machine: the same inputs in the same order give the same state and the same effects, on every
//! machine. Ids arrive inside the input, nothing is iterated in an order that could differ between runs, and nothing here
//! fails: what is not allowed becomes an answer. It knows neither JSON nor sequence numbers: an input carries an opaque
//! [`Token`], and the answer hands it back.
//!
//! What changes the registry ([`Hub::change`]) is kept apart from what only reads it ([`Hub::fetch`], [`Hub::route`]):
//! several gateways can apply the same ordered log of changes, each to its own hub, and route messages between them.
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

mod change;
mod clients;
mod effect;
mod fetch;
mod index;
mod input;
#[cfg(test)]
mod model;
#[cfg(test)]
mod properties;
mod route;
mod services;
#[cfg(test)]
mod tests;

pub use effect::{Effect, Recipients};
pub use input::{Change, ClientId, Fetch, Form, Profile, Token};

use concierge_client::payload::Client;

use clients::Clients;
use services::Services;

/// How much of what grows a client, and all of them, may have. `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How many services a client may be subscribed to.
    pub subscriptions: Option<usize>,
    /// How many services a client may own.
    pub services: Option<usize>,
    /// How many services there may be.
    pub services_total: Option<usize>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { subscriptions: Some(128), services: Some(64), services_total: Some(10_000) }
    }
}

/// The registry of clients and services, and the rules of the protocol.
///
/// ```
/// use concierge_server::hub::{Change, ClientId, Effect, Hub, Limits, Profile};
/// # use concierge_client::payload::{Client, Tags};
/// let mut hub = Hub::new(Limits::default());
/// let mut effects = Vec::new();
/// # let info = Client { name: "alice".parse()?, nickname: None, uuid: uuid::Uuid::nil(), tags: Tags::default() };
/// hub.change(Change::Join { client: ClientId(1), info, profile: Profile::default() }, &mut effects);
/// assert_eq!(effects, [Effect::Joined { client: ClientId(1) }]);
/// # Ok::<(), concierge_client::payload::InvalidName>(())
/// ```
#[derive(Debug)]
pub struct Hub {
    limits: Limits,
    clients: Clients,
    services: Services,
}

impl Hub {
    /// A hub in which nobody is.
    pub fn new(limits: Limits) -> Self {
        Self { limits, clients: Clients::default(), services: Services::default() }
    }

    /// How many clients are here.
    pub fn client_count(&self) -> usize {
        self.clients.len()
    }

    /// Everybody who is here, in order of joining, and how many services each of them owns.
    pub fn present(&self) -> impl Iterator<Item = (ClientId, &Client, usize)> {
        self.clients.iter().map(|(client, member)| (client, &member.info, member.services.len()))
    }

    /// The client of that name.
    pub fn client_named(&self, name: &str) -> Option<ClientId> {
        self.clients.named(name)
    }

    /// How many services there are.
    pub fn service_count(&self) -> usize {
        self.services.len()
    }
}
