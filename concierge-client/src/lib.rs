//! The async SDK for `ert-concierge` gateways, and the definition of the protocol's payloads.
//!
//! A gateway is where programs find each other and talk. A [`Client`] is connected to one: it sees who else is there, opens
//! services that others subscribe to, and sends JSON to a client, to a service, or to everyone.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let config = concierge_server::Config::from_toml("bind = \"127.0.0.1:0\"")?;
//! # let server = concierge_server::Server::bind(config).await?;
//! # let url = server.url();
//! # tokio::spawn(server.run(std::future::pending()));
//! use concierge_client::{Client, Event};
//! use serde_json::json;
//!
//! let (alice, mut inbox) = Client::builder(&url, "alice")?.connect_with_events().await?;
//! let bob = Client::builder(&url, "bob")?.nickname("Bob").connect().await?;
//!
//! bob.to("alice").json(&json!({"hi": true})).await?; // the gateway has delivered it
//!
//! while let Some(event) = inbox.next().await {
//!     if let Event::Message(message) = event {
//!         assert_eq!(message.origin.name, "bob");
//!         assert_eq!(message.data.as_str(), r#"{"hi":true}"#);
//!         break;
//!     }
//! }
//! alice.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! # Where to begin
//!
//! - [`Client::builder`] connects. [`ConnectError`] says why not, whether trying again may help, and what to try.
//! - [`Client::to`] sends. [`Client::call`] takes every request of the protocol and gives that request's own reply; the methods
//!   of [`Client`] are short for it. [`CallError`] tells a refusal of the gateway from a loss, and whether it is safe to repeat.
//! - [`CreateService::open`] and [`Client::subscription`] give handles of services, [`Client::request`] and [`Service::serve`] ask
//!   and answer. The [`guide`] shows how, beginning with [connecting](guide::connecting).
//! - [`Client::files`] hands data around that does not belong into messages: [files](guide::files).
//! - [`Client::events`] is a stream of what the gateway tells. There may be many; each is bounded and tells what it lost.
//! - [`payload`] is the contract with the gateway, as types. [`session`] is the client without its socket. Both are there
//!   without the feature `net`, and then this crate has no runtime to depend on.
//!
//! # What holds
//!
//! - Nothing that users do or leave undone stops the reading of a connection, and every queue is bounded.
//! - A call that is dropped or times out never gives its answer to another.
//! - A payload that this version does not know is [`Event::Unknown`]; it never ends a connection.
//! - When a connection ends, every call fails at once and every stream says why.
//!
//! A client that loses its connection connects again, and brings back what it had: see [`ReconnectPolicy`].

pub mod payload;

pub mod session;

pub mod telegraphy;

#[cfg(feature = "net")]
pub mod guide;

#[cfg(feature = "net")]
mod error;
#[cfg(feature = "net")]
mod milestone;
#[cfg(feature = "net")]
mod net;

#[cfg(feature = "net")]
mod state;
#[cfg(feature = "net")]
mod stats;

#[cfg(feature = "net")]
mod builder;
#[cfg(feature = "net")]
mod call;
#[cfg(feature = "net")]
mod client;
#[cfg(feature = "net")]
mod dialing;
#[cfg(feature = "net")]
mod events;
#[cfg(feature = "files")]
pub mod files;
#[cfg(feature = "net")]
mod live;
#[cfg(feature = "publisher")]
mod publisher;
#[cfg(feature = "net")]
mod recipient;
#[cfg(feature = "net")]
mod request;
#[cfg(feature = "net")]
mod service;
#[cfg(feature = "testing")]
pub mod testing;

pub use payload::{ClientName, CloseCode, Data, Message, Rejection, Secret, ServiceName, Target};
pub use session::{
    CloseCause, Event, Loss, Lost, ReconnectPolicy, Restored, Resumed, Retry, Role, Session, Status,
};

#[cfg(feature = "net")]
pub use builder::ClientBuilder;
#[cfg(feature = "net")]
pub use call::{Call, CreateService, Delivery};
#[cfg(feature = "net")]
pub use client::Client;
#[cfg(feature = "net")]
pub use error::{
    BuildError, CallError, ConnectError, DrainError, HeaderError, ProxyError, ProxyUrlError, RawError, Stage,
    TlsError, UrlError, UselessReply, WaitError, Wire,
};
#[cfg(feature = "net")]
pub use events::{Events, Overflow};
#[cfg(feature = "net")]
pub use milestone::{Answer, Milestone, Secured};
#[cfg(feature = "net")]
pub use net::{GatewayUrl, Hold, RawConnection, RawReceiver, RawSender, Received};
#[cfg(feature = "net")]
pub use recipient::Recipient;
#[cfg(feature = "net")]
pub use request::{Answered, Ask, Asked, Question, RequestError};
#[cfg(feature = "net")]
pub use service::{
    MessageError, Messages, OpenError, OpenSubscription, ServeOptions, Served, Service, Serving, Statuses,
    Subscription, TypedMessage, Unfinished,
};
#[cfg(feature = "net")]
pub use state::{Interruption, State, States};
#[cfg(feature = "net")]
pub use stats::Stats;
